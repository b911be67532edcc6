/**
 * INSERT, UPDATE, DELETE and MERGE on a simple view as the same on its table, with check options. Follows
 * rewriteTargetView of PostgreSQL's rewrite/rewriteHandler.c.
 */
import { makeAnd, makeBool } from '../analyzer/make.js';
import type { Expr, FromExpr, JoinTreeNode, MergeAction, Query, RelationRte, TargetEntry, Var, WithCheckOption } from '../analyzer/nodes.js';
import { mapChildren, mapQuery, mutateExpression, mutateQuery } from '../analyzer/walker.js';
import { notSupported, pgError } from '../base/error.js';
import type { Relation } from '../catalog/api.js';
import type { RewriteContext } from './context.js';
import { booleanOption, textOption, viewQuery } from './views.js';

const UPDATABLE_KINDS = new Set(['r', 'f', 'v', 'p']);

/** Why a view column cannot be written to; null when it can. */
function columnObstacle(query: Query, baseIndex: number, entry: TargetEntry): string | null {
  if (entry.resjunk) return 'Junk view columns are not updatable.';
  const { expr } = entry;
  if (expr.node !== 'Var' || expr.varno !== baseIndex || expr.varlevelsup !== 0) return 'View columns that are not columns of their base relation are not updatable.';
  if (expr.varattno < 0) return 'View columns that refer to system columns are not updatable.';
  return expr.varattno === 0 ? 'View columns that return whole-row references are not updatable.' : null;
}

/** Why a view cannot be written to automatically; null when it can (view_query_is_auto_updatable). */
export function viewObstacle(query: Query, checkColumns: boolean): string | null {
  const automatic = 'are not automatically updatable.';
  if (query.distinctClause.length > 0) return `Views containing DISTINCT ${automatic}`;
  if (query.groupClause.length > 0 || query.groupingSets.length > 0) return `Views containing GROUP BY ${automatic}`;
  if (query.havingQual !== null) return `Views containing HAVING ${automatic}`;
  if (query.setOperations !== null) return `Views containing UNION, INTERSECT, or EXCEPT ${automatic}`;
  if (query.cteList.length > 0) return `Views containing WITH ${automatic}`;
  if (query.limitOffset !== null || query.limitCount !== null) return `Views containing LIMIT or OFFSET ${automatic}`;
  if (query.hasAggs) return `Views that return aggregate functions ${automatic}`;
  if (query.hasWindowFuncs) return `Views that return window functions ${automatic}`;
  if (query.hasTargetSRFs) return `Views that return set-returning functions ${automatic}`;
  const [item] = query.jointree.fromlist;
  const base = item?.node === 'RangeTblRef' ? query.rtable[item.rtindex - 1] : undefined;
  if (query.jointree.fromlist.length !== 1 || item.node !== 'RangeTblRef' || base?.rtekind !== 'relation' || !UPDATABLE_KINDS.has(base.relkind)) {
    return `Views that do not select from a single table or view ${automatic}`;
  }
  if (base.tablesample !== null) return `Views containing TABLESAMPLE ${automatic}`;
  if (checkColumns && !query.targetList.some((entry) => columnObstacle(query, item.rtindex, entry) === null)) return `Views that have no updatable columns ${automatic}`;
  return null;
}

/** 1 << CMD_UPDATE | 1 << CMD_INSERT | 1 << CMD_DELETE */
const ALL_EVENTS = 28;
const DELETE_EVENT = 16;
const TRIGGER_INSTEAD = 64;
/** tgtype bit → event bit. */
const TRIGGER_EVENTS: readonly (readonly [number, number])[] = [[4, 8], [8, 16], [16, 4]];

/**
 * Which of UPDATE (4), INSERT (8) and DELETE (16) a relation takes; `column` asks about that column alone. With
 * `includeTriggers` INSTEAD OF triggers count (relation_is_updatable).
 */
export function updatableEvents(context: RewriteContext, relation: Relation, includeTriggers: boolean, column: number | null, active: readonly number[] = []): number {
  if (relation.kind === 'r' || relation.kind === 'p') return ALL_EVENTS;
  if (relation.kind !== 'v' || active.includes(relation.oid)) return 0;
  let events = 0;
  if (includeTriggers) {
    for (const trigger of relation.triggers) {
      if ((trigger.tgtype & TRIGGER_INSTEAD) === 0) continue;
      for (const [bit, event] of TRIGGER_EVENTS) if ((trigger.tgtype & bit) !== 0) events |= event;
    }
  }
  const query = viewQuery(context, relation);
  const [item] = query.jointree.fromlist;
  if (events === ALL_EVENTS || viewObstacle(query, false) !== null || item.node !== 'RangeTblRef') return events;
  const base = query.rtable[item.rtindex - 1];
  const writable = query.targetList.filter((entry) => (column === null || entry.resno === column) && columnObstacle(query, item.rtindex, entry) === null);
  const target = base.rtekind === 'relation' ? context.catalog.relation(base.relid) : null;
  if (target === null) return events;
  let automatic = writable.length === 0 ? DELETE_EVENT : ALL_EVENTS;
  if (target.kind !== 'r' && target.kind !== 'p') {
    const [first] = writable;
    const baseColumn = column !== null && first?.expr.node === 'Var' ? first.expr.varattno : null;
    automatic &= updatableEvents(context, target, includeTriggers, baseColumn, [...active, relation.oid]);
  }
  return events | automatic;
}

const VERBS = {
  insert: ['cannot insert into view', 'inserting into', 'INSERT'], update: ['cannot update view', 'updating', 'UPDATE'], delete: ['cannot delete from view', 'deleting from', 'DELETE'],
} as const;

/** The 55000 for a view that cannot be written to. */
export function notUpdatableError(view: Relation, command: Query['commandType'], actions: readonly MergeAction[], detail: string | null): Error {
  const isMerge = command === 'merge';
  const kind = isMerge ? actions.find((action) => action.commandType !== 'nothing')?.commandType ?? 'update' : command;
  const [message, doing, word] = VERBS[kind as keyof typeof VERBS];
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `${message} "${view.name}"`, {
    detail: detail ?? undefined,
    hint: isMerge ? `To enable ${doing} the view using MERGE, provide an INSTEAD OF ${word} trigger.`
      : `To enable ${doing} the view, provide an INSTEAD OF ${word} trigger or an unconditional ON ${word} DO INSTEAD rule.`,
  });
}

const COLUMN_VERBS: Readonly<Record<string, string>> = { insert: 'insert into', update: 'update', merge: 'merge into' };

function checkModifiedColumns(query: Query, view: Relation, definition: Query, baseIndex: number): void {
  const modified = new Set<number>();
  const add = (targets: readonly TargetEntry[]): void => {
    for (const entry of targets) if (!entry.resjunk) modified.add(entry.resno);
  };
  add(query.targetList);
  add(query.onConflict?.onConflictSet ?? []);
  for (const action of query.mergeActionList) if (action.commandType === 'insert' || action.commandType === 'update') add(action.targetList);
  for (const entry of definition.targetList) {
    if (!modified.has(entry.resno)) continue;
    const detail = columnObstacle(definition, baseIndex, entry);
    if (detail !== null) throw pgError('FEATURE_NOT_SUPPORTED', `cannot ${COLUMN_VERBS[query.commandType]} column "${entry.resname}" of view "${view.name}"`, { detail });
  }
}

/** Rewrites a statement on a view into one on the view's table. @throws 55000, 0A000 */
export function rewriteTargetView(context: RewriteContext, query: Query, view: Relation): Query {
  const definition = viewQuery(context, view);
  const writes = query.commandType === 'insert' || query.commandType === 'update'
    || query.mergeActionList.some((action) => action.commandType === 'insert' || action.commandType === 'update');
  const obstacle = viewObstacle(definition, writes);
  if (obstacle !== null) throw notUpdatableError(view, query.commandType, query.mergeActionList, obstacle);
  const [item] = definition.jointree.fromlist;
  const baseIndex = item.node === 'RangeTblRef' ? item.rtindex : 0;
  if (writes) checkModifiedColumns(query, view, definition, baseIndex);
  if (query.onConflict?.action === 'update') throw notSupported('ON CONFLICT DO UPDATE on a view');
  const viewRte = query.rtable[query.resultRelation - 1];
  const baseRte = definition.rtable[baseIndex - 1];
  if (viewRte.rtekind !== 'relation' || baseRte.rtekind !== 'relation') throw pgError('INTERNAL_ERROR', 'a view is not based on a relation');
  const newIndex = query.rtable.length + 1;
  const toBase = (expr: Expr): Expr => renumber(expr, baseIndex, newIndex);
  const columns = definition.targetList.map((entry) => ({ ...entry, expr: toBase(entry.expr) }));
  const quals = definition.jointree.quals === null ? null : toBase(definition.jointree.quals);
  const replaced = replaceViewReferences(query, columns, newIndex);
  const targetRte = targetEntry(context, view, viewRte, baseRte, columns, query.commandType);
  const map = (targets: readonly TargetEntry[]): TargetEntry[] => targets.map((entry) => (entry.resjunk ? entry : { ...entry, resno: baseColumn(columns, entry.resno) }));
  const retargeted = retarget(replaced.jointree, query.resultRelation, newIndex) as FromExpr;
  const jointree: FromExpr = query.commandType === 'insert' || query.commandType === 'merge' ? retargeted : { ...retargeted, quals: makeAnd(retargeted.quals, quals) };
  return {
    ...replaced, resultRelation: newIndex, rtable: [...replaced.rtable, targetRte], jointree,
    mergeJoinCondition: query.commandType === 'merge' ? makeAnd(replaced.mergeJoinCondition, quals) : null,
    targetList: query.commandType === 'delete' ? replaced.targetList : map(replaced.targetList),
    mergeActionList: replaced.mergeActionList.map((action) => ({ ...action, targetList: map(action.targetList) })),
    withCheckOptions: writes ? addCheckOption(replaced.withCheckOptions, view, quals) : replaced.withCheckOptions,
    hasSubLinks: replaced.hasSubLinks || definition.hasSubLinks,
  };
}

/** The join tree with one entry in another's place. */
function retarget(node: JoinTreeNode, from: number, to: number): JoinTreeNode {
  if (node.node === 'RangeTblRef') return node.rtindex === from ? { ...node, rtindex: to } : node;
  if (node.node === 'FromExpr') return { ...node, fromlist: node.fromlist.map((item) => retarget(item, from, to)) };
  return { ...node, larg: retarget(node.larg, from, to), rarg: retarget(node.rarg, from, to) };
}

function renumber(expr: Expr, from: number, to: number): Expr {
  return mutateExpression(expr, (node, level) => (node.node === 'Var' && node.varno === from && node.varlevelsup === level ? { ...node, varno: to } : null));
}

function baseColumn(columns: readonly TargetEntry[], resno: number): number {
  const expr = columns.find((entry) => entry.resno === resno && !entry.resjunk)?.expr;
  if (expr?.node !== 'Var') throw pgError('INTERNAL_ERROR', `attribute number ${resno} not found in view targetlist`);
  return expr.varattno;
}

function targetEntry(context: RewriteContext, view: Relation, viewRte: RelationRte, baseRte: RelationRte, columns: readonly TargetEntry[], command: Query['commandType']): RelationRte {
  const mapColumns = (list: readonly number[]): number[] => list.map((attnum) => (attnum <= 0 ? attnum : baseColumn(columns, attnum)));
  return {
    ...baseRte, rellockmode: 'RowExclusive', inh: command === 'insert' ? false : baseRte.inh, relkind: context.catalog.relation(baseRte.relid)?.kind ?? baseRte.relkind,
    perm: {
      ...baseRte.perm, checkAsUser: booleanOption(view, 'security_invoker') ? 0 : view.row.relowner, requiredPerms: viewRte.perm.requiredPerms,
      insertedCols: mapColumns(viewRte.perm.insertedCols), updatedCols: mapColumns(viewRte.perm.updatedCols),
    },
  };
}

/** Every reference to the view's columns becomes the column's expression; the view itself stays for its privileges. */
function replaceViewReferences(query: Query, columns: readonly TargetEntry[], newIndex: number): Query {
  const { resultRelation } = query;
  const replace = (expr: Expr, level: number): Expr | null => {
    if (expr.node === 'ReturningExpr' && expr.expr.node === 'Var' && expr.expr.varno === resultRelation && expr.expr.varlevelsup === level) {
      return returningOf(columnExpr(columns, expr.expr, newIndex), expr.returningOld, newIndex, level);
    }
    return expr.node === 'Var' && expr.varno === resultRelation && expr.varlevelsup === level ? columnExpr(columns, expr, newIndex) : null;
  };
  return mapQuery(query, (expr) => mutateExpression(expr, replace), (sub) => mutateQuery(sub, replace, 1));
}

function columnExpr(columns: readonly TargetEntry[], variable: Var, newIndex: number): Expr {
  const raise = (expr: Expr): Expr => (variable.varlevelsup === 0 ? expr
    : mutateExpression(expr, (node, level) => (node.node === 'Var' && node.varlevelsup >= level ? { ...node, varlevelsup: node.varlevelsup + variable.varlevelsup } : null)));
  if (variable.varattno < 0) return { ...variable, varno: newIndex };
  if (variable.varattno === 0) {
    const live = columns.filter((entry) => !entry.resjunk);
    return { node: 'RowExpr', args: live.map((entry) => raise(entry.expr)), rowTypeid: variable.vartype, rowFormat: 'implicitCast', colnames: live.map((entry) => entry.resname ?? ''), location: variable.location };
  }
  const entry = columns.find((candidate) => candidate.resno === variable.varattno);
  if (entry === undefined) throw pgError('INTERNAL_ERROR', `attribute number ${variable.varattno} not found in view targetlist`);
  return raise(entry.expr);
}

/** OLD and NEW of the view are those of its table. */
function returningOf(expr: Expr, returningOld: boolean, newIndex: number, level: number): Expr {
  if (expr.node === 'Var') return expr.varno === newIndex && expr.varlevelsup === level ? { node: 'ReturningExpr', returningOld, expr } : expr;
  return mapChildren(expr, (child) => returningOf(child, returningOld, newIndex, level));
}

function addCheckOption(options: readonly WithCheckOption[], view: Relation, qual: Expr | null): readonly WithCheckOption[] {
  const own = textOption(view, 'check_option');
  const inherited = options[0]?.cascaded ?? false;
  const cascaded = inherited || own === 'cascaded';
  if ((own === null && !inherited) || (!cascaded && qual === null)) return options;
  // A view without a condition of its own hands CASCADED down to the views below it.
  const option: WithCheckOption = { kind: 'view', relname: view.name, polname: null, qual: qual ?? makeBool(true), cascaded };
  return [option, ...options];
}
