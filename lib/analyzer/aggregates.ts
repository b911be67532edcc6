/**
 * Aggregate, GROUPING and window calls: their arguments, the query level they belong to, and where they may stand. Follows
 * PostgreSQL's parser/parse_agg.c.
 */
import type { GroupingFunc as RawGroupingFunc, Node, WindowDef } from 'libpg-query';
import { equalRaw } from './equal.js';
import { transformExpr } from './expr.js';
import { makeTarget } from './make.js';
import { exprLocation, exprType, returnsSet } from './node-functions.js';
import type { Aggref, Expr, GroupingFunc, SortGroupClause, TargetEntry, WindowFunc } from './nodes.js';
import { aggregatePlacementError, windowPlacementError } from './placement.js';
import { addToSortList, transformDistinct, transformSort } from './sort-group.js';
import type { Mutable, ParseState } from './state.js';
import { walkExpression } from './walker.js';

/** Completes an Aggref from its transformed arguments. @throws 42803, 42883 */
export function transformAggregateCall(state: ParseState, aggregate: Mutable<Aggref>, args: readonly Expr[], order: readonly Node[], distinct: boolean): void {
  aggregate.aggargtypes = args.map(exprType);
  const targets: TargetEntry[] = [];
  let sort: SortGroupClause[] = [];
  if (aggregate.aggkind !== 'n') {
    const direct = args.length - order.length;
    aggregate.aggdirectargs = args.slice(0, direct);
    args.slice(direct).forEach((arg, i) => {
      targets.push(makeTarget(arg, i + 1, null));
      addToSortList(state, targets, targets[i], sort, order[i]);
    });
  } else {
    args.forEach((arg, i) => targets.push(makeTarget(arg, i + 1, null)));
    const savedResno = state.nextResno;
    state.nextResno = targets.length + 1;
    sort = transformSort(state, order, targets, 'orderBy', true);
    if (distinct) {
      aggregate.aggdistinct = transformDistinct(state, targets, sort, true);
      for (const clause of aggregate.aggdistinct) {
        if (clause.sortop !== 0) continue;
        const expr = targets.find((entry) => entry.ressortgroupref === clause.tleSortGroupRef)?.expr ?? args[0];
        throw state.error('UNDEFINED_FUNCTION', `could not identify an ordering operator for type ${state.formatType(exprType(expr))}`, exprLocation(expr),
          { detail: 'Aggregates with DISTINCT must be able to sort their inputs.' });
      }
    }
    state.nextResno = savedResno;
  }
  aggregate.args = targets;
  aggregate.aggorder = sort;
  aggregate.agglevelsup = checkLevels(state, 'aggregate functions', aggregate.aggdirectargs, targets.map((entry) => entry.expr), aggregate.aggfilter, aggregate.location);
}

/** GROUPING(...). @throws 42803, 54023 */
export function transformGroupingFunc(state: ParseState, raw: RawGroupingFunc): GroupingFunc {
  const location = raw.location ?? 0;
  const list = raw.args ?? [];
  if (list.length > 31) throw state.error('TOO_MANY_ARGUMENTS', 'GROUPING must have fewer than 32 arguments', location);
  const args = list.map((arg) => transformExpr(state, arg, state.exprKind));
  return { node: 'GroupingFunc', args, refs: [], agglevelsup: checkLevels(state, 'grouping operations', [], args, null, location), location };
}

interface Levels { variable: number; aggregate: number }

function levelsOf(state: ParseState, exprs: readonly (Expr | null)[]): Levels {
  const levels: Levels = { variable: -1, aggregate: -1 };
  const lower = (field: keyof Levels, value: number): void => {
    if (value >= 0 && (levels[field] < 0 || value < levels[field])) levels[field] = value;
  };
  for (const expr of exprs) {
    if (expr === null) continue;
    walkExpression(expr, (node, level) => {
      if (node.node === 'Var') lower('variable', node.varlevelsup - level);
      else if (node.node === 'Aggref' || node.node === 'GroupingFunc') lower('aggregate', node.agglevelsup - level);
      if (level > 0) return false;
      if (returnsSet(node)) {
        throw state.error('FEATURE_NOT_SUPPORTED', 'aggregate function calls cannot contain set-returning function calls', exprLocation(node),
          { hint: 'You might be able to move the set-returning function into a LATERAL FROM item.' });
      }
      if (node.node === 'WindowFunc') throw state.error('GROUPING_ERROR', 'aggregate function calls cannot contain window function calls', node.location);
      return false;
    });
  }
  return levels;
}

/** Location of an aggregate of the given level inside the expressions. */
export function locateAggregate(exprs: readonly (Expr | null)[], wanted: number): number {
  let location = -1;
  for (const expr of exprs) {
    if (expr === null) continue;
    walkExpression(expr, (node, level) => {
      if ((node.node !== 'Aggref' && node.node !== 'GroupingFunc') || node.agglevelsup !== wanted + level || node.location < 0) return false;
      location = node.location;
      return true;
    });
    if (location >= 0) break;
  }
  return location;
}

/** Location of a Var of the given level inside an expression, -1 when there is none. */
export function locateVar(expr: Expr, wanted: number): number {
  let location = -1;
  walkExpression(expr, (node, level) => {
    if (node.node !== 'Var' || node.varlevelsup !== wanted + level || node.location < 0) return false;
    location = node.location;
    return true;
  });
  return location;
}

/** Whether an expression refers to variables of a query level. */
export function containsVarOfLevel(expr: Expr, wanted: number): boolean {
  return walkExpression(expr, (node, level) => (node.node === 'Var' && node.varlevelsup === wanted + level) || (node.node === 'CurrentOfExpr' && wanted === level));
}

/** Whether an aggregate or GROUPING of the query's own level is in the expression. */
export function containsAggregate(expr: Expr): boolean {
  return walkExpression(expr, (node, level) => (node.node === 'Aggref' || node.node === 'GroupingFunc') && node.agglevelsup === level);
}

/** Whether a window function of the query's own level is in the expression. */
export function containsWindowFunc(expr: Expr): boolean {
  return locateWindowFunc(expr) !== null;
}

/** The first window function of the query's own level, or null. */
export function locateWindowFunc(expr: Expr): WindowFunc | null {
  let found: WindowFunc | null = null;
  walkExpression(expr, (node, level) => {
    if (level > 0) return 'skip';
    if (node.node !== 'WindowFunc') return false;
    found = node;
    return true;
  });
  return found;
}

/** The level an aggregate belongs to: that of its innermost variable. Checks nesting and placement there. */
function checkLevels(state: ParseState, what: string, direct: readonly Expr[], args: readonly Expr[], filter: Expr | null, location: number): number {
  const inner = [...args, filter];
  const levels = levelsOf(state, inner);
  const level = levels.variable < 0 ? Math.max(levels.aggregate, 0) : levels.aggregate < 0 ? levels.variable : Math.min(levels.variable, levels.aggregate);
  if (level === levels.aggregate) throw state.error('GROUPING_ERROR', 'aggregate function calls cannot be nested', locateAggregate(inner, level));
  if (direct.length > 0) {
    const directLevels = levelsOf(state, direct);
    if (directLevels.variable >= 0 && directLevels.variable < level) {
      const at = direct.map((arg) => locateVar(arg, directLevels.variable)).find((place) => place >= 0) ?? -1;
      throw state.error('GROUPING_ERROR', 'outer-level aggregate cannot contain a lower-level variable in its direct arguments', at);
    }
    if (directLevels.aggregate >= 0 && directLevels.aggregate <= level) {
      throw state.error('GROUPING_ERROR', 'aggregate function calls cannot be nested', locateAggregate(direct, directLevels.aggregate));
    }
  }
  const owner = state.up(level);
  owner.hasAggs = true;
  const message = aggregatePlacementError(owner.exprKind, what);
  if (message !== null) throw state.error('GROUPING_ERROR', message, location);
  return level;
}

/** Completes a WindowFunc: finds or adds its window. @throws 42P20, 42704 */
export function transformWindowCall(state: ParseState, call: Mutable<WindowFunc>, over: WindowDef): void {
  if (state.hasWindowFuncs) {
    for (const arg of call.args) {
      const nested = locateWindowFunc(arg);
      if (nested !== null) throw state.error('WINDOWING_ERROR', 'window function calls cannot be nested', nested.location);
    }
  }
  const message = windowPlacementError(state.exprKind);
  if (message !== null) throw state.error('WINDOWING_ERROR', message, call.location);
  call.winref = windowReference(state, over);
  state.hasWindowFuncs = true;
}

function windowReference(state: ParseState, over: WindowDef): number {
  if (over.name) {
    const index = state.windowdefs.findIndex((definition) => definition.name === over.name);
    if (index < 0) throw state.error('UNDEFINED_OBJECT', `window "${over.name}" does not exist`, over.location ?? 0);
    return index + 1;
  }
  const same = state.windowdefs.findIndex((definition) => definition.refname === over.refname
    && equalRaw(definition.partitionClause, over.partitionClause) && equalRaw(definition.orderClause, over.orderClause)
    && definition.frameOptions === over.frameOptions && equalRaw(definition.startOffset, over.startOffset) && equalRaw(definition.endOffset, over.endOffset));
  if (same >= 0) return same + 1;
  state.windowdefs.push(over);
  return state.windowdefs.length;
}
