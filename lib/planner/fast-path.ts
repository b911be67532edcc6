/**
 * The shortest way for the commonest statements: SELECT, UPDATE and DELETE of one plain table whose conditions pin a
 * unique key. The plan is the one that the general way makes (a test compares them); small tables, where reading all rows is
 * cheaper, and everything with more to it go the general way. Measured: 0.03 ms instead of 0.2 ms.
 */
import type { Expr, OpExpr, Query, RelationRte, TargetEntry, Var } from '../analyzer/nodes.js';
import { exprType, exprTypmod } from '../analyzer/node-functions.js';
import type { IndexDescriptor, Relation } from '../catalog/api.js';
import { makeAndsImplicit } from './clauses.js';
import type { PlannerContext } from './context.js';
import { ROW_ID_WIDTH, typeWidth } from './cost-qual.js';
import { ROW_ID_ATTNO, type IndexCondition, type IndexScanPlan, type Plan, type PlanCost, type PlannedStmt } from './plan-nodes.js';
import { rowsPerPage, systemVar } from './rel.js';

/** The plan of a statement simple enough for a single look, or null: also when parameters' values are to stand in the plan. */
export function planFast(query: Query, context: PlannerContext): PlannedStmt | null {
  if (context.boundParams !== null && context.boundParams.length > 0) return null;
  const found = keyedTable(query, context);
  if (!found || !query.targetList.every((entry) => isPlain(entry.expr))) return null;
  const { rte, relation, quals, match } = found;
  const cost = keyLookupCost(context, relation, quals.length, match.quals.length);
  return cost && statement(query, context, rte, scanPlan(query, context, relation, match, quals, cost));
}

/**
 * The plan with a look-up beside a scan of the whole table that is to find the row of a unique key. Small tables are read whole, as the costs
 * of pages want it; for us a look-up costs less than reading ten rows that change all the time, and finds the same.
 */
export function withLookUp(stmt: PlannedStmt, query: Query, context: PlannerContext): PlannedStmt {
  const { planTree } = stmt;
  const scan = planTree?.plan === 'ModifyTable' ? planTree.child : planTree;
  if (scan?.plan !== 'SeqScan') return stmt;
  const found = keyedTable(query, context);
  if (!found) return stmt;
  const { relation, quals, match } = found;
  const lookUp = { ...scanPlan(query, context, relation, match, quals, scan), targetlist: scan.targetlist };
  const child: Plan = { ...scan, lookUp };
  return { ...stmt, planTree: planTree?.plan === 'ModifyTable' ? { ...planTree, child } : child };
}

interface KeyedTable {
  readonly rte: RelationRte;
  readonly relation: Relation;
  readonly quals: readonly Expr[];
  readonly match: KeyMatch;
}

/** The only table of a statement whose conditions, all of them comparisons with values, pin a unique key. */
function keyedTable(query: Query, context: PlannerContext): KeyedTable | null {
  const rte = onlyTable(query);
  if (!rte || !context.settings.enableIndexscan || !context.settings.enableSeqscan || !context.settings.enableBitmapscan) return null;
  const relation = context.catalog.relation(rte.relid);
  if (!relation || relation.hasChildren || relation.kind !== 'r') return null;
  const quals = makeAndsImplicit(query.jointree.quals);
  if (quals.length === 0 || !quals.every(isSimpleComparison)) return null;
  const match = uniqueIndexFor(context, relation, quals);
  return match && { rte, relation, quals, match };
}

/**
 * True when a statement's plan is the same for all values of its parameters: the row of one key, or rows to insert. Making
 * one for the values at hand would say nothing that the generic plan does not.
 */
export function planIgnoresValues(query: Query, context: PlannerContext): boolean {
  return isOfOneKey(query, context) || planFast(query, context) !== null;
}

/** The same, where that is so whatever the settings and the tables' sizes: until the catalogs change. */
export function isOfOneKey(query: Query, context: PlannerContext): boolean {
  if (query.commandType === 'insert') return isInsertOfValues(query);
  const rte = onlyTable(query);
  const relation = rte && context.catalog.relation(rte.relid);
  if (!relation || relation.hasChildren || query.targetList.some(({ expr }) => !isPlain(expr))) return false;
  const quals = makeAndsImplicit(query.jointree.quals);
  // Of a table that is read whole, each of several columns' values would be looked up in the statistics.
  return quals.length === 1 && isSimpleComparison(quals[0]) && uniqueIndexFor(context, relation, quals) !== null;
}

function isInsertOfValues(query: Query): boolean {
  if (query.jointree.quals || query.hasSubLinks || query.hasTargetSRFs || query.cteList.length > 0 || query.onConflict) return false;
  const { fromlist } = query.jointree;
  if (query.rtable.length === 1) return fromlist.length === 0;
  return query.rtable.length === 2 && fromlist.length === 1 && fromlist[0].node === 'RangeTblRef' && query.rtable[fromlist[0].rtindex - 1].rtekind === 'values';
}

function onlyTable(query: Query): RelationRte | null {
  if (query.rtable.length !== 1 || query.hasSubLinks || query.hasAggs || query.hasWindowFuncs || query.hasTargetSRFs || query.setOperations) return null;
  if (query.groupClause.length > 0 || query.groupingSets.length > 0 || query.havingQual || query.distinctClause.length > 0 || query.sortClause.length > 0) return null;
  if (query.limitCount || query.limitOffset || query.rowMarks.length > 0 || query.cteList.length > 0 || query.returningList.length > 0) return null;
  if (query.withCheckOptions.length > 0 || query.jointree.fromlist.length !== 1 || query.jointree.fromlist[0].node !== 'RangeTblRef') return null;
  if (query.commandType !== 'select' && query.commandType !== 'update' && query.commandType !== 'delete') return null;
  const [rte] = query.rtable;
  return rte.rtekind === 'relation' && rte.relkind === 'r' && !rte.tablesample ? rte : null;
}

/** column = constant or parameter. */
function isSimpleComparison(expr: Expr): expr is OpExpr & { readonly args: readonly [Var, Expr] } {
  if (expr.node !== 'OpExpr' || expr.args.length !== 2) return false;
  const [left, right] = expr.args;
  return left.node === 'Var' && left.varattno > 0 && (right.node === 'Param' || (right.node === 'Const' && right.value !== null));
}

/** Nothing that the general way would simplify, inline or compute elsewhere. */
function isPlain(expr: Expr): boolean {
  switch (expr.node) {
    case 'Var': return expr.varattno > 0;
    case 'Const': case 'Param': return true;
    case 'OpExpr':
      return !expr.args.every((arg) => arg.node === 'Const') && expr.opfuncid < 16384 && expr.args.every((arg) => isPlain(arg))
        && !expr.args.some((arg) => arg.node === 'Const' && (arg.value === null || typeof arg.value === 'boolean'));
    default: return false;
  }
}

interface KeyMatch { readonly index: IndexDescriptor; readonly quals: readonly (OpExpr & { readonly args: readonly [Var, Expr] })[] }

/** A unique index all of whose columns are compared for equality; only when no other index competes for the conditions. */
function uniqueIndexFor(context: PlannerContext, relation: Relation, quals: readonly Expr[]): KeyMatch | null {
  const comparisons = quals.filter(isSimpleComparison);
  let found: KeyMatch | null = null;
  for (const index of relation.indexes) {
    if (!index.valid || index.accessMethod !== 'btree') continue;
    if (index.predicate !== null || index.expressions !== null) return null;
    const matched = matchKey(context, index, comparisons);
    if (matched && index.unique) {
      if (found) return null;
      found = { index, quals: matched };
    } else if (comparisons.some((qual) => index.attributes.slice(0, index.keyCount).includes(qual.args[0].varattno))) return null;
  }
  return found;
}

function matchKey(context: PlannerContext, index: IndexDescriptor, comparisons: readonly (OpExpr & { readonly args: readonly [Var, Expr] })[]): KeyMatch['quals'] | null {
  const result: (OpExpr & { readonly args: readonly [Var, Expr] })[] = [];
  for (let column = 0; column < index.keyCount; column++) {
    const qual = comparisons.find((candidate) => candidate.args[0].varattno === index.attributes[column]
      && (index.collations[column] === 0 || index.collations[column] === candidate.inputcollid)
      && context.catalog.operatorFamilies(candidate.opno).some((entry) => entry.family === index.opfamilies[column] && entry.strategy === 3));
    if (!qual) return null;
    result.push(qual);
  }
  return result;
}

/** The index scan's cost for one row; null when reading the whole table would be cheaper. */
function keyLookupCost(context: PlannerContext, relation: Relation, qualCount: number, keyQuals: number): PlanCost | null {
  const { settings, catalog } = context;
  let width = 0;
  let keyWidth = 0;
  relation.attributes.forEach((attribute, i) => {
    if (attribute.attisdropped) return;
    const one = catalog.statistics(relation.oid, i + 1)?.stawidth || typeWidth(catalog, attribute.atttypid, attribute.atttypmod);
    width += one;
    if (i === 0) keyWidth = one;
  });
  const live = relation.openHeap().estimateRows();
  let pages = Math.ceil(live / rowsPerPage(width));
  if (pages < 10 && relation.row.reltuples < 0 && !relation.row.relhassubclass) pages = 10;
  const tuples = relation.row.reltuples < 0 ? Math.max(Math.round((8168 / (Math.ceil(width / 8) * 8 + 28)) * pages), live) : live;
  const perPage = Math.max(Math.trunc((8152 * 0.9) / (Math.ceil((keyWidth + 8) / 8) * 8 + 4)), 1);
  let height = 0;
  for (let level = Math.ceil(tuples / perPage); level > 1; level = Math.ceil(level / perPage)) height++;
  const descent = (tuples > 1 ? Math.ceil(Math.log2(tuples)) * settings.cpuOperatorCost : 0) + (height + 1) * 50 * settings.cpuOperatorCost;
  const filters = qualCount - keyQuals;
  const total = descent + 2 * settings.randomPageCost + settings.cpuIndexTupleCost + settings.cpuOperatorCost * keyQuals + settings.cpuTupleCost + settings.cpuOperatorCost * filters;
  if (settings.seqPageCost * pages + (settings.cpuTupleCost + settings.cpuOperatorCost * qualCount) * tuples <= total * 1.05) return null;
  return { startupCost: descent, totalCost: total, planRows: 1, planWidth: width, disabledNodes: 0 };
}

function scanPlan(query: Query, context: PlannerContext, relation: Relation, match: KeyMatch, quals: readonly Expr[], cost: PlanCost): IndexScanPlan {
  const conditions = match.quals.map((qual, column): IndexCondition => ({ kind: 'compare', column, strategy: 3, value: qual.args[1] }));
  const filters = quals.filter((qual) => !match.quals.some((key) => key === qual));
  const targetlist = childTargets(query);
  const needed = [...targetlist.map((entry) => entry.expr), ...filters].flatMap(columnsOf);
  const indexOnly = context.settings.enableIndexonlyscan && needed.every((attno) => attno > 0 && match.index.attributes.includes(attno));
  return {
    plan: 'IndexScan', scanrelid: 1, relid: relation.oid, indexid: match.index.oid, conditions, indexqualorig: match.quals, backward: false, indexOnly, targetlist, qual: filters,
    initPlans: [], extParams: [], ...cost, planWidth: targetWidth(context, relation, targetlist),
  };
}

function targetWidth(context: PlannerContext, relation: Relation, list: readonly TargetEntry[]): number {
  return list.reduce((sum, { expr }) => sum + (expr.node === 'Var' && expr.varattno === ROW_ID_ATTNO ? ROW_ID_WIDTH : (expr.node === 'Var' && expr.varattno > 0 && context.catalog.statistics(relation.oid, expr.varattno)?.stawidth)
    || typeWidth(context.catalog, exprType(expr), exprTypmod(expr))), 0);
}

function columnsOf(expr: Expr): number[] {
  if (expr.node === 'Var') return [expr.varattno];
  return expr.node === 'OpExpr' ? expr.args.flatMap(columnsOf) : [];
}

/** What the scan delivers: the columns, and for modifications the row's identity. */
function childTargets(query: Query): readonly TargetEntry[] {
  if (query.commandType === 'select') return query.targetList;
  const list = query.commandType === 'update' ? query.targetList.map((entry, i) => ({ ...entry, resno: i + 1 })) : [];
  return [...list, {
    node: 'TargetEntry', expr: systemVar(1, ROW_ID_ATTNO), resno: list.length + 1, resname: 'ctid', ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk: true,
  }];
}

function statement(query: Query, context: PlannerContext, rte: RelationRte, scan: IndexScanPlan): PlannedStmt {
  const isSelect = query.commandType === 'select';
  const planTree: Plan = isSelect ? scan : {
    plan: 'ModifyTable', child: scan, operation: query.commandType === 'update' ? 'update' : 'delete', canSetTag: query.canSetTag, nominalRelation: 1,
    resultRelations: [{
      rti: 1, relid: rte.relid, updateColumns: query.commandType === 'update' ? query.targetList.map((entry) => entry.resno) : [], returningList: [], deletedReturningList: [], withCheckOptions: [],
      mergeActions: [], mergeJoinCondition: null,
    }],
    rowIdColumn: scan.targetlist.length, tableOidColumn: 0, onConflict: null, epqParam: 0, targetlist: [], qual: [], initPlans: [], extParams: [],
    startupCost: scan.startupCost, totalCost: scan.totalCost, planRows: 0, planWidth: 0, disabledNodes: 0,
  };
  return {
    commandType: query.commandType, utilityStmt: null, canSetTag: query.canSetTag, planTree, subplans: [], rtable: query.rtable, permInfos: rte.perm.requiredPerms === '' ? [] : [rte.perm],
    paramExecCount: isSelect ? 0 : 1, paramTypes: context.paramTypes, hasReturning: false, hasModifyingCTE: false, readOnly: isSelect, rowMarks: [],
    relationOids: [rte.relid], functionOids: [], dependsOnRole: false,
  };
}
