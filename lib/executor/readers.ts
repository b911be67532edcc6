/** How Vars are read in each kind of node: from the child's rows, from a scanned row, from ModifyTable's rows. */
import { notSupported } from '../base/error.js';
import { exprType } from '../analyzer/node-functions.js';
import type { Var } from '../analyzer/nodes.js';
import type { Catalog, Oid } from '../catalog/api.js';
import { EXCLUDED_VAR, INDEX_VAR, INNER_VAR, NEW_VAR, OLD_VAR, OUTER_VAR, ROW_ID_ATTNO, type PlannedStmt } from '../planner/plan-nodes.js';
import { nonNull, value, type Code, type CompileScope, type Emitter, type SpecialEmitter, type VarReader } from './expression/emitter.js';
import { tidText, wholeRow } from './expression/runtime.js';
import { statementInfo } from './statement-info.js';
import { filled } from './row.js';

const CTID_ATTNO = -1;
const TABLEOID_ATTNO = -6;

/** Joins and everything above scans: `o` is the left (or only) child's row, `i` the right child's. */
export const childReader: VarReader = (variable) => {
  if (variable.varno === OUTER_VAR) return value(`o[${variable.varattno - 1}]`);
  if (variable.varno === INNER_VAR) return value(`i[${variable.varattno - 1}]`);
  throw new Error(`unexpected Var ${variable.varno}.${variable.varattno} above the scans`);
};

/** A system or whole-row column of a scanned row: `row` and `meta` (its row id in slot 0) are names. */
export function systemColumn(variable: Var, emitter: Emitter, row: string, rowId: string, relid: Oid): Code {

  switch (variable.varattno) {
    case 0: return wholeRowCode(variable, emitter, row);
    case CTID_ATTNO: return value(`${emitter.constant(tidText)}(${rowId})`);
    case ROW_ID_ATTNO: return nonNull(rowId);
    case TABLEOID_ATTNO: return { js: emitter.constant(relid), nullable: false, simple: true };
    default: throw notSupported(`system column ${SYSTEM_NAMES[variable.varattno] ?? String(variable.varattno)}`);
  }
}
const SYSTEM_NAMES: Record<number, string> = { [-2]: 'xmin', [-3]: 'cmin', [-4]: 'xmax', [-5]: 'cmax' };

function wholeRowCode(variable: Var, emitter: Emitter, row: string): Code {
  const { catalog, statement } = emitter.scope;
  const rte = variable.varno > 0 ? statement.statement.rtable[variable.varno - 1] : undefined;
  const type = emitter.constant(variable.vartype);
  if (variable.vartype !== RECORD || rte === undefined) return nonNull(`${emitter.constant(wholeRow)}(${row}, ${type}, null, ${emitter.constant(NONE)}, ${emitter.constant(NONE)})`);
  const names = rte.eref.colnames;
  return nonNull(`${emitter.constant(wholeRow)}(${row}, ${type}, null, ${emitter.constant(columnTypes(catalog, rte, names.length))}, ${emitter.constant(names)})`);
}
const RECORD = 2249;
const NONE: readonly never[] = [];

function columnTypes(catalog: Catalog, rte: PlannedStmt['rtable'][number], count: number): readonly Oid[] {
  switch (rte.rtekind) {
    case 'relation': return catalog.relation(rte.relid)?.attributes.map((attribute) => attribute.atttypid) ?? [];
    case 'function': return [...rte.functions.flatMap((item) => item.coltypes), ...(rte.funcordinality ? [20] : [])];
    case 'values': case 'cte': return rte.coltypes;
    case 'subquery': return rte.subquery.targetList.filter((target) => !target.resjunk).map((target) => exprType(target.expr));
    default: return filled<Oid>(count, 25);
  }
}

/** Scans: `o` is the row, `i[0]` its row id. */
export function scanReader(scanrelid: number, relid: Oid): VarReader {
  return (variable, emitter) => {
    if (variable.varno !== scanrelid && variable.varno !== INDEX_VAR) throw new Error(`unexpected Var ${variable.varno}.${variable.varattno} in the scan of ${scanrelid}`);
    return variable.varattno > 0 ? value(`o[${variable.varattno - 1}]`) : systemColumn(variable, emitter, 'o', 'i[0]', relid);
  };
}

/**
 * ModifyTable's expressions: `o` is the child's row (EXCLUDED's in ON CONFLICT), `i` the new version, `x` the old one;
 * versions carry their row id and table in two extra slots behind `width` attributes. A version that is not there is `[]`.
 */
export function modifyReader(width: number): VarReader {
  return (variable, emitter) => {
    const side = variable.varno === NEW_VAR ? 'i' : variable.varno === OLD_VAR ? 'x' : variable.varno === EXCLUDED_VAR || variable.varno === OUTER_VAR ? 'o' : null;
    if (side === null) throw new Error(`unexpected Var ${variable.varno}.${variable.varattno} in ModifyTable`);
    if (variable.varattno > 0) return value(side === 'o' && variable.varno === OUTER_VAR ? `o[${variable.varattno - 1}]` : `(${side}[${variable.varattno - 1}] ?? null)`);
    if (variable.varattno === TABLEOID_ATTNO) return value(`(${side}[${width + 1}] ?? null)`);
    if (variable.varattno === 0) {
      return value(`(${side}.length === 0 ? null : ${wholeRowCode(variable, emitter, `${side}.slice(0, ${width})`).js})`);
    }
    const code = systemColumn(variable, emitter, side, `${side}[${width}]`, 0);
    return value(`(${side}.length === 0 ? null : ${code.js})`);
  };
}

/** A compile scope for a statement. */
export function scopeFor(catalog: Catalog, statement: PlannedStmt, read: VarReader, special?: SpecialEmitter): CompileScope {
  return { catalog, statement: statementInfo(statement), read, special };
}
