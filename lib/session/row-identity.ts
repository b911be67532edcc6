/**
 * What WHERE CURRENT OF needs of a cursor: which row of which table its current row is. The cursor's query gets hidden
 * columns behind its own, `ctid` and `tableoid` of every table that it could be asked about (PostgreSQL's execCurrent.c
 * asks the running plan instead).
 */
import type { JoinTreeNode, Query, TargetEntry, Var } from '../analyzer/nodes.js';
import type { Datum, Row } from '../types/datum.js';

const CTID = -1;
const TABLEOID = -6;
const TID_TYPE = 27;
const OID_TYPE = 26;

/** Positions of the hidden columns of one table in a cursor's rows. */
export interface RowIdentity {
  readonly relid: number;
  readonly ctid: number;
  readonly tableoid: number;
}

/** The query with hidden columns, and where they are; no identities when the query is not "simply updatable". */
export function withRowIdentity(query: Query): { query: Query; identities: readonly RowIdentity[] } {
  const isPlain = !query.hasAggs && !query.hasWindowFuncs && !query.hasTargetSRFs && query.groupClause.length === 0 && query.groupingSets.length === 0
    && query.distinctClause.length === 0 && query.setOperations === null && query.havingQual === null;
  const relations = isPlain ? baseRelations(query) : [];
  const wanted = query.rowMarks.length > 0 ? relations.filter((rtindex) => query.rowMarks.some((mark) => mark.rti === rtindex)) : relations;
  if (wanted.length === 0 || (query.rowMarks.length === 0 && wanted.length > 1)) return { query, identities: [] };
  const visible = query.targetList.filter((entry) => !entry.resjunk);
  const junk = query.targetList.filter((entry) => entry.resjunk);
  const identities: RowIdentity[] = [];
  const hidden: TargetEntry[] = [];
  const add = (rtindex: number, attno: number, type: number): number => {
    hidden.push(entry(systemVar(rtindex, attno, type), visible.length + hidden.length + 1));
    return visible.length + hidden.length - 1;
  };
  for (const rtindex of wanted) {
    const rte = query.rtable[rtindex - 1];
    if (rte.rtekind === 'relation') identities.push({ relid: rte.relid, ctid: add(rtindex, CTID, TID_TYPE), tableoid: add(rtindex, TABLEOID, OID_TYPE) });
  }
  const moved = junk.map((target, index) => ({ ...target, resno: visible.length + hidden.length + index + 1 }));
  return { query: { ...query, targetList: [...visible, ...hidden, ...moved] }, identities };
}

/** Range-table indexes of the tables in FROM, through joins but not into subqueries. */
function baseRelations(query: Query): number[] {
  const found: number[] = [];
  const visit = (node: JoinTreeNode): void => {
    if (node.node === 'FromExpr') node.fromlist.forEach(visit);
    else if (node.node === 'JoinExpr') {
      visit(node.larg);
      visit(node.rarg);
    } else {
      const rte = query.rtable[node.rtindex - 1];
      if (rte.rtekind === 'relation' && 'rp'.includes(rte.relkind)) found.push(node.rtindex);
    }
  };
  visit(query.jointree);
  return found;
}

function systemVar(varno: number, varattno: number, vartype: number): Var {
  return { node: 'Var', varno, varattno, vartype, vartypmod: -1, varcollid: 0, varlevelsup: 0, location: -1 };
}

function entry(expr: Var, resno: number): TargetEntry {
  return { node: 'TargetEntry', expr, resno, resname: null, ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk: false };
}

/** The `ctid` of the table in a cursor's row; null when the row is not of this table. */
export function identityOf(row: Row, identities: readonly RowIdentity[], relid: number): Datum {
  for (const identity of identities) if (row[identity.tableoid] === relid) return row[identity.ctid];
  return null;
}
