/**
 * Traversal of analyzed trees: children of an expression, walks and rewrites through expressions and queries.
 * Follows the contracts of PostgreSQL's expression_tree_walker, query_tree_walker and their mutators; levels count how many
 * sub-queries deep a node stands, so that `varlevelsup === level` means "of the query where the walk began".
 */
import { unreachable } from '../base/assert.js';
import type {
  CommonTableExpr, Expr, FromExpr, JoinTreeNode, MergeAction, OnConflictExpr, Query, RangeTblEntry, RangeTblFunction,
  TargetEntry, WindowClause, WithCheckOption,
} from './nodes.js';

/** Calls `visit` for each direct child expression; the sub-select of a SubLink is not entered. */
export function forEachChild(expr: Expr, visit: (child: Expr) => void): void {
  switch (expr.node) {
    case 'Var': case 'Const': case 'Param': case 'SublinkParam': case 'CaseTestExpr': case 'CoerceToDomainValue':
    case 'SetToDefault': case 'CurrentOfExpr': case 'NextValueExpr': case 'MergeSupportFunc': case 'SQLValueFunction':
      return;
    case 'FuncExpr': case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': case 'BoolExpr':
    case 'GroupingFunc': case 'RowExpr': case 'CoalesceExpr': case 'MinMaxExpr':
      for (const arg of expr.args) visit(arg);
      return;
    case 'Aggref':
      for (const arg of expr.aggdirectargs) visit(arg);
      for (const arg of expr.args) visit(arg.expr);
      if (expr.aggfilter !== null) visit(expr.aggfilter);
      return;
    case 'WindowFunc':
      for (const arg of expr.args) visit(arg);
      if (expr.aggfilter !== null) visit(expr.aggfilter);
      return;
    case 'SubscriptingRef':
      for (const index of expr.refupperindexpr) if (index !== null) visit(index);
      for (const index of expr.reflowerindexpr) if (index !== null) visit(index);
      visit(expr.refexpr);
      if (expr.refassgnexpr !== null) visit(expr.refassgnexpr);
      return;
    case 'SubLink':
      if (expr.testexpr !== null) visit(expr.testexpr);
      return;
    case 'SubPlan':
      if (expr.testexpr !== null) visit(expr.testexpr);
      for (const arg of expr.args) visit(arg);
      return;
    case 'FieldStore':
      visit(expr.arg);
      for (const value of expr.newvals) visit(value);
      return;
    case 'ArrayCoerceExpr':
      visit(expr.arg);
      visit(expr.elemexpr);
      return;
    case 'FieldSelect': case 'RelabelType': case 'CoerceViaIO': case 'ConvertRowtypeExpr': case 'CollateExpr':
    case 'NullTest': case 'BooleanTest': case 'CoerceToDomain':
      visit(expr.arg);
      return;
    case 'CaseExpr':
      if (expr.arg !== null) visit(expr.arg);
      for (const when of expr.args) {
        visit(when.expr);
        visit(when.result);
      }
      if (expr.defresult !== null) visit(expr.defresult);
      return;
    case 'ArrayExpr':
      for (const element of expr.elements) visit(element);
      return;
    case 'RowCompareExpr':
      for (const arg of expr.largs) visit(arg);
      for (const arg of expr.rargs) visit(arg);
      return;
    case 'ReturningExpr':
      visit(expr.expr);
      return;
    default:
      unreachable(expr, 'expression');
  }
}

/** Applies `change` to each item; the same array when nothing changed. */
function mapList<T>(list: readonly T[], change: (item: T) => T): readonly T[] {
  let changed: T[] | null = null;
  for (let i = 0; i < list.length; i++) {
    const item = change(list[i]);
    if (item !== list[i] && changed === null) changed = list.slice(0, i);
    changed?.push(item);
  }
  return changed ?? list;
}

/** Replaces each direct child expression by `change(child)`; the same node when nothing changed. Sub-selects are not entered. */
export function mapChildren(expr: Expr, change: (child: Expr) => Expr): Expr {
  const optional = (child: Expr | null): Expr | null => (child === null ? null : change(child));
  switch (expr.node) {
    case 'Var': case 'Const': case 'Param': case 'SublinkParam': case 'CaseTestExpr': case 'CoerceToDomainValue':
    case 'SetToDefault': case 'CurrentOfExpr': case 'NextValueExpr': case 'MergeSupportFunc': case 'SQLValueFunction':
      return expr;
    case 'FuncExpr': case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'BoolExpr': case 'GroupingFunc':
    case 'RowExpr': case 'CoalesceExpr': case 'MinMaxExpr': {
      const args = mapList(expr.args, change);
      return args === expr.args ? expr : { ...expr, args };
    }
    case 'ScalarArrayOpExpr': {
      const [left, right] = [change(expr.args[0]), change(expr.args[1])];
      return left === expr.args[0] && right === expr.args[1] ? expr : { ...expr, args: [left, right] };
    }
    case 'Aggref': {
      const aggdirectargs = mapList(expr.aggdirectargs, change);
      const args = mapTargets(expr.args, change);
      const aggfilter = optional(expr.aggfilter);
      return aggdirectargs === expr.aggdirectargs && args === expr.args && aggfilter === expr.aggfilter ? expr : { ...expr, aggdirectargs, args, aggfilter };
    }
    case 'WindowFunc': {
      const args = mapList(expr.args, change);
      const aggfilter = optional(expr.aggfilter);
      return args === expr.args && aggfilter === expr.aggfilter ? expr : { ...expr, args, aggfilter };
    }
    case 'SubscriptingRef': {
      const refupperindexpr = mapList(expr.refupperindexpr, optional);
      const reflowerindexpr = mapList(expr.reflowerindexpr, optional);
      const refexpr = change(expr.refexpr);
      const refassgnexpr = optional(expr.refassgnexpr);
      const same = refupperindexpr === expr.refupperindexpr && reflowerindexpr === expr.reflowerindexpr && refexpr === expr.refexpr && refassgnexpr === expr.refassgnexpr;
      return same ? expr : { ...expr, refupperindexpr, reflowerindexpr, refexpr, refassgnexpr };
    }
    case 'SubLink': {
      const testexpr = optional(expr.testexpr);
      return testexpr === expr.testexpr ? expr : { ...expr, testexpr };
    }
    case 'SubPlan': {
      const testexpr = optional(expr.testexpr);
      const args = mapList(expr.args, change);
      return testexpr === expr.testexpr && args === expr.args ? expr : { ...expr, testexpr, args };
    }
    case 'FieldStore': {
      const arg = change(expr.arg);
      const newvals = mapList(expr.newvals, change);
      return arg === expr.arg && newvals === expr.newvals ? expr : { ...expr, arg, newvals };
    }
    case 'ArrayCoerceExpr': {
      const arg = change(expr.arg);
      const elemexpr = change(expr.elemexpr);
      return arg === expr.arg && elemexpr === expr.elemexpr ? expr : { ...expr, arg, elemexpr };
    }
    case 'FieldSelect': case 'RelabelType': case 'CoerceViaIO': case 'ConvertRowtypeExpr': case 'CollateExpr':
    case 'NullTest': case 'BooleanTest': case 'CoerceToDomain': {
      const arg = change(expr.arg);
      return arg === expr.arg ? expr : { ...expr, arg };
    }
    case 'CaseExpr': {
      const arg = optional(expr.arg);
      const args = mapList(expr.args, (when) => {
        const [condition, result] = [change(when.expr), change(when.result)];
        return condition === when.expr && result === when.result ? when : { expr: condition, result };
      });
      const defresult = optional(expr.defresult);
      return arg === expr.arg && args === expr.args && defresult === expr.defresult ? expr : { ...expr, arg, args, defresult };
    }
    case 'ArrayExpr': {
      const elements = mapList(expr.elements, change);
      return elements === expr.elements ? expr : { ...expr, elements };
    }
    case 'RowCompareExpr': {
      const largs = mapList(expr.largs, change);
      const rargs = mapList(expr.rargs, change);
      return largs === expr.largs && rargs === expr.rargs ? expr : { ...expr, largs, rargs };
    }
    case 'ReturningExpr': {
      const inner = change(expr.expr);
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    default:
      return unreachable(expr, 'expression');
  }
}

/** Applies `change` to the expressions of a target list; the same list when nothing changed. */
export function mapTargets(list: readonly TargetEntry[], change: (expr: Expr) => Expr): readonly TargetEntry[] {
  return mapList(list, (entry) => {
    const expr = change(entry.expr);
    return expr === entry.expr ? entry : { ...entry, expr };
  });
}

/** A visitor's answer: `true` ends the whole walk, 'skip' leaves out what is below the node. */
export type WalkAnswer = boolean | 'skip' | void;
export type ExprVisitor = (expr: Expr, level: number) => WalkAnswer;

/** Visits an expression and everything below it, sub-selects included (one level deeper). True when the visitor ended the walk. */
export function walkExpression(expr: Expr, visit: ExprVisitor, level = 0): boolean {
  const answer = visit(expr, level);
  if (answer === true) return true;
  if (answer === 'skip') return false;
  if (expr.node === 'SubLink' && walkQuery(expr.subselect, visit, level + 1)) return true;
  let ended = false;
  forEachChild(expr, (child) => {
    ended ||= walkExpression(child, visit, level);
  });
  return ended;
}

/** Visits every expression of a query and of its sub-queries; `level` is the query's own. True when the visitor ended the walk. */
export function walkQuery(query: Query, visit: ExprVisitor, level = 0): boolean {
  let ended = false;
  forEachQueryExpression(query, (expr) => {
    ended ||= walkExpression(expr, visit, level);
  });
  if (ended) return true;
  return subqueriesOf(query).some((subquery) => walkQuery(subquery, visit, level + 1));
}

/** Sub-queries in the range table and the WITH list (not those inside expressions). */
export function subqueriesOf(query: Query): Query[] {
  const found: Query[] = [];
  for (const rte of query.rtable) if (rte.rtekind === 'subquery') found.push(rte.subquery);
  for (const cte of query.cteList) found.push(cte.ctequery);
  return found;
}

/** Calls `visit` for each top expression of a query: target lists, conditions, offsets, functions and values of the range table. Join alias variables are left out. */
export function forEachQueryExpression(query: Query, visit: (expr: Expr) => void): void {
  const optional = (expr: Expr | null): void => {
    if (expr !== null) visit(expr);
  };
  for (const entry of query.targetList) visit(entry.expr);
  for (const entry of query.returningList) visit(entry.expr);
  forEachJoinTreeQual(query.jointree, visit);
  if (query.onConflict !== null) {
    for (const entry of query.onConflict.onConflictSet) visit(entry.expr);
    optional(query.onConflict.onConflictWhere);
  }
  for (const action of query.mergeActionList) {
    optional(action.qual);
    for (const entry of action.targetList) visit(entry.expr);
  }
  optional(query.mergeJoinCondition);
  optional(query.havingQual);
  for (const window of query.windowClause) {
    optional(window.startOffset);
    optional(window.endOffset);
  }
  optional(query.limitOffset);
  optional(query.limitCount);
  for (const option of query.withCheckOptions) visit(option.qual);
  for (const rte of query.rtable) forEachRteExpression(rte, visit);
}

function forEachRteExpression(rte: RangeTblEntry, visit: (expr: Expr) => void): void {
  if (rte.rtekind === 'function') {
    for (const fn of rte.functions) visit(fn.funcexpr);
  } else if (rte.rtekind === 'values') {
    for (const row of rte.valuesLists) for (const value of row) visit(value);
  } else if (rte.rtekind === 'relation' && rte.tablesample !== null) {
    for (const arg of rte.tablesample.args) visit(arg);
    if (rte.tablesample.repeatable !== null) visit(rte.tablesample.repeatable);
  }
}

/** Calls `visit` for the conditions of a join tree. */
export function forEachJoinTreeQual(node: JoinTreeNode, visit: (expr: Expr) => void): void {
  if (node.node === 'RangeTblRef') return;
  if (node.node === 'FromExpr') {
    for (const item of node.fromlist) forEachJoinTreeQual(item, visit);
  } else {
    forEachJoinTreeQual(node.larg, visit);
    forEachJoinTreeQual(node.rarg, visit);
  }
  if (node.quals !== null) visit(node.quals);
}

/** A rewrite rule: the replacement of a node (not entered again), or null to go on below it. */
export type ExprMutator = (expr: Expr, level: number) => Expr | null;

/** Rewrites an expression from the top, sub-selects included. */
export function mutateExpression(expr: Expr, mutate: ExprMutator, level = 0): Expr {
  const replaced = mutate(expr, level);
  if (replaced !== null) return replaced;
  let node = expr;
  if (node.node === 'SubLink') {
    const subselect = mutateQuery(node.subselect, mutate, level + 1);
    if (subselect !== node.subselect) node = { ...node, subselect };
  }
  return mapChildren(node, (child) => mutateExpression(child, mutate, level));
}

/** Rewrites every expression of a query and of its sub-queries. Join alias variables are rewritten as well. */
export function mutateQuery(query: Query, mutate: ExprMutator, level = 0): Query {
  return mapQuery(query, (expr) => mutateExpression(expr, mutate, level), (subquery) => mutateQuery(subquery, mutate, level + 1));
}

/** Replaces each top expression of a query by `change`, each sub-query of its range table and WITH list by `changeSubquery`. */
export function mapQuery(query: Query, change: (expr: Expr) => Expr, changeSubquery: (query: Query) => Query): Query {
  const optional = (expr: Expr | null): Expr | null => (expr === null ? null : change(expr));
  return {
    ...query,
    targetList: mapTargets(query.targetList, change),
    returningList: mapTargets(query.returningList, change),
    jointree: mapJoinTree(query.jointree, change) as FromExpr,
    onConflict: query.onConflict === null ? null : mapOnConflict(query.onConflict, change),
    mergeActionList: mapList(query.mergeActionList, (action): MergeAction => ({ ...action, qual: optional(action.qual), targetList: mapTargets(action.targetList, change) })),
    mergeJoinCondition: optional(query.mergeJoinCondition),
    havingQual: optional(query.havingQual),
    windowClause: mapList(query.windowClause, (window): WindowClause => ({ ...window, startOffset: optional(window.startOffset), endOffset: optional(window.endOffset) })),
    limitOffset: optional(query.limitOffset),
    limitCount: optional(query.limitCount),
    withCheckOptions: mapList(query.withCheckOptions, (option): WithCheckOption => ({ ...option, qual: change(option.qual) })),
    rtable: mapList(query.rtable, (rte) => mapRte(rte, change, changeSubquery)),
    cteList: mapList(query.cteList, (cte): CommonTableExpr => {
      const ctequery = changeSubquery(cte.ctequery);
      return ctequery === cte.ctequery ? cte : { ...cte, ctequery };
    }),
  };
}

function mapOnConflict(clause: OnConflictExpr, change: (expr: Expr) => Expr): OnConflictExpr {
  return {
    ...clause,
    onConflictSet: mapTargets(clause.onConflictSet, change),
    onConflictWhere: clause.onConflictWhere === null ? null : change(clause.onConflictWhere),
  };
}

/** Replaces the conditions of a join tree. */
export function mapJoinTree(node: JoinTreeNode, change: (expr: Expr) => Expr): JoinTreeNode {
  if (node.node === 'RangeTblRef') return node;
  const quals = node.quals === null ? null : change(node.quals);
  if (node.node === 'FromExpr') return { ...node, fromlist: mapList(node.fromlist, (item) => mapJoinTree(item, change)), quals };
  return { ...node, larg: mapJoinTree(node.larg, change), rarg: mapJoinTree(node.rarg, change), quals };
}

function mapRte(rte: RangeTblEntry, change: (expr: Expr) => Expr, changeSubquery: (query: Query) => Query): RangeTblEntry {
  switch (rte.rtekind) {
    case 'subquery': {
      const subquery = changeSubquery(rte.subquery);
      return subquery === rte.subquery ? rte : { ...rte, subquery };
    }
    case 'function': {
      const functions = mapList(rte.functions, (fn): RangeTblFunction => {
        const funcexpr = change(fn.funcexpr);
        return funcexpr === fn.funcexpr ? fn : { ...fn, funcexpr };
      });
      return functions === rte.functions ? rte : { ...rte, functions };
    }
    case 'values': {
      const valuesLists = mapList(rte.valuesLists, (row) => mapList(row, change));
      return valuesLists === rte.valuesLists ? rte : { ...rte, valuesLists };
    }
    case 'join': {
      const joinaliasvars = mapList(rte.joinaliasvars, change);
      return joinaliasvars === rte.joinaliasvars ? rte : { ...rte, joinaliasvars };
    }
    case 'relation': {
      const sample = rte.tablesample;
      if (sample === null) return rte;
      return { ...rte, tablesample: { ...sample, args: mapList(sample.args, change), repeatable: sample.repeatable === null ? null : change(sample.repeatable) } };
    }
    case 'cte': case 'result':
      return rte;
    default:
      return unreachable(rte, 'range-table entry');
  }
}

/** Moves an expression `by` levels deeper: every reference to a query at or above `fromLevel` counts that many levels more. */
export function incrementLevelsUp<T extends Expr>(expr: T, by: number, fromLevel = 0): Expr {
  return mutateExpression(expr, levelShift(by), fromLevel);
}

/** As `incrementLevelsUp` for a whole query; CTE references that leave the query move as well. */
export function incrementQueryLevelsUp(query: Query, by: number, fromLevel = 1): Query {
  const shifted = mapQuery(query, (expr) => mutateExpression(expr, levelShift(by), fromLevel), (sub) => incrementQueryLevelsUp(sub, by, fromLevel + 1));
  return {
    ...shifted,
    rtable: shifted.rtable.map((rte) => (rte.rtekind === 'cte' && rte.ctelevelsup >= fromLevel ? { ...rte, ctelevelsup: rte.ctelevelsup + by } : rte)),
  };
}

function levelShift(by: number): ExprMutator {
  const shift = (expr: Expr, level: number): Expr | null => {
    switch (expr.node) {
      case 'Var':
        return expr.varlevelsup >= level ? { ...expr, varlevelsup: expr.varlevelsup + by } : expr;
      case 'Aggref': case 'GroupingFunc': {
        if (expr.agglevelsup < level) return null;
        return mapChildren({ ...expr, agglevelsup: expr.agglevelsup + by }, (child) => mutateExpression(child, shift, level));
      }
      case 'SubLink':
        return mapChildren({ ...expr, subselect: incrementQueryLevelsUp(expr.subselect, by, level + 1) }, (child) => mutateExpression(child, shift, level));
      default:
        return null;
    }
  };
  return shift;
}
