/**
 * After analysis of a grouped query: every column must be grouped or inside an aggregate. Follows parseCheckAggregates of
 * PostgreSQL's parser/parse_agg.c.
 */
import { pgError } from '../base/error.js';
import { locateAggregate } from './aggregates.js';
import { equalExpr } from './equal.js';
import { exprLocation } from './node-functions.js';
import type { Expr, GroupingFunc, GroupingSet, Query, Var } from './nodes.js';
import type { Mutable, ParseState } from './state.js';
import { walkExpression } from './walker.js';

const MAX_SETS = 4096;

/** Expands grouping sets into lists of references (expand_grouping_sets); null beyond `limit` sets. */
export function expandGroupingSets(sets: readonly GroupingSet[], distinct: boolean, limit: number): readonly (readonly number[])[] | null {
  let result: number[][] = [[]];
  for (const set of sets) {
    const expanded = expandSet(set);
    if (result.length * expanded.length > limit) return null;
    result = result.flatMap((left) => expanded.map((right) => [...left, ...right.filter((ref) => !left.includes(ref))]));
  }
  result.sort((a, b) => a.length - b.length);
  if (!distinct) return result;
  const seen = new Set<string>();
  return result.filter((list) => {
    const key = [...list].sort((a, b) => a - b).join();
    return seen.has(key) ? false : (seen.add(key), true);
  });
}

function expandSet(set: GroupingSet): number[][] {
  const parts = set.content.map((item) => (typeof item === 'number' ? [[item]] : expandSet(item)));
  const simple = (item: number | GroupingSet): number[] => (typeof item === 'number' ? [item] : item.content.filter((ref): ref is number => typeof ref === 'number'));
  switch (set.kind) {
    case 'empty': return [[]];
    case 'simple': return [set.content.filter((ref): ref is number => typeof ref === 'number')];
    case 'sets': return parts.flat();
    case 'rollup': {
      const lists = set.content.map(simple);
      return Array.from({ length: lists.length + 1 }, (_, i) => lists.slice(0, lists.length - i).flat());
    }
    case 'cube': {
      const lists = set.content.map(simple);
      return Array.from({ length: 2 ** lists.length }, (_, mask) => lists.filter((__, i) => (mask & (1 << i)) !== 0).flat());
    }
  }
}

interface Check {
  readonly state: ParseState;
  readonly query: Query;
  readonly grouped: readonly { readonly expr: Expr; readonly ref: number }[];
  readonly commonVars: readonly Var[];
  readonly dependencies: Set<number>;
  readonly inDirectArgs: boolean;
}

/** Checks target list and HAVING; fills the query's constraint dependencies and GROUPING's references. @throws 42803, 54001, 42P19 */
export function checkAggregates(state: ParseState, query: Mutable<Query>): void {
  let common: ReadonlySet<number> | null = null;
  if (query.groupingSets.length > 0) {
    const sets = expandGroupingSets(query.groupingSets, query.groupDistinct, MAX_SETS);
    if (sets === null) throw state.error('STATEMENT_TOO_COMPLEX', 'too many grouping sets present (maximum 4096)', query.groupingSets[0].location);
    common = new Set(sets[0].filter((ref) => sets.every((set) => set.includes(ref))));
  }
  const grouped = query.groupClause.flatMap((clause) => {
    const entry = query.targetList.find((target) => target.ressortgroupref === clause.tleSortGroupRef);
    return entry === undefined ? [] : [{ expr: entry.expr, ref: clause.tleSortGroupRef }];
  });
  const commonVars = grouped.flatMap(({ expr, ref }) => (expr.node === 'Var' && (common === null || common.has(ref)) ? [expr] : []));
  const check: Check = { state, query, grouped, commonVars, dependencies: new Set(), inDirectArgs: false };
  for (const entry of query.targetList) checkExpr(check, entry.expr, 0);
  if (query.havingQual !== null) checkExpr(check, query.havingQual, 0);
  query.constraintDeps = [...check.dependencies];
  if (query.hasAggs && query.rtable.some((rte) => rte.rtekind === 'cte' && rte.selfReference)) {
    throw state.error('INVALID_RECURSION', "aggregate functions are not allowed in a recursive query's recursive term",
      locateAggregate([...query.targetList.map((entry) => entry.expr), query.havingQual], 0));
  }
}

function checkExpr(check: Check, root: Expr, startLevel: number): void {
  walkExpression(root, (expr, level) => {
    switch (expr.node) {
      case 'Const': case 'Param':
        return 'skip';
      case 'Aggref':
        if (expr.agglevelsup === level) {
          for (const arg of expr.aggdirectargs) checkExpr({ ...check, inDirectArgs: true }, arg, level);
          return 'skip';
        }
        return expr.agglevelsup > level ? 'skip' : false;
      case 'GroupingFunc':
        if (expr.agglevelsup === level) resolveGrouping(check, expr, level);
        return expr.agglevelsup >= level ? 'skip' : false;
      default:
    }
    if (level === 0 && expr.node !== 'Var' && check.grouped.some((group) => group.expr.node !== 'Var' && equalExpr(group.expr, expr))) return 'skip';
    if (expr.node === 'Var' && expr.varlevelsup === level) checkVar(check, expr, level);
    return false;
  }, startLevel);
}

function checkVar(check: Check, variable: Var, level: number): void {
  const { state, query } = check;
  const matches = check.grouped.some(({ expr }) => expr.node === 'Var' && expr.varno === variable.varno && expr.varattno === variable.varattno && expr.varlevelsup === 0);
  if (matches) return;
  const rte = query.rtable[variable.varno - 1];
  if (rte.rtekind === 'relation' && dependsOnKey(check, variable.varno, rte.relid)) return;
  const column = `${rte.eref.aliasname}.${variable.varattno > 0 ? rte.eref.colnames[variable.varattno - 1] : variable.varattno === 0 ? '*' : 'ctid'}`;
  if (level === 0) {
    throw state.error('GROUPING_ERROR', `column "${column}" must appear in the GROUP BY clause or be used in an aggregate function`, variable.location,
      check.inDirectArgs ? { detail: 'Direct arguments of an ordered-set aggregate must use only grouped columns.' } : undefined);
  }
  throw state.error('GROUPING_ERROR', `subquery uses ungrouped column "${column}" from outer query`, variable.location);
}

/** All columns of the table's primary key are grouped (check_functional_grouping). */
function dependsOnKey(check: Check, varno: number, relid: number): boolean {
  const relation = check.state.catalog.relation(relid);
  for (const constraint of relation?.constraints ?? []) {
    if (constraint.contype !== 'p' || constraint.condeferrable || constraint.conkey === null) continue;
    const columns = constraint.conkey.elements;
    if (columns.every((attnum) => check.commonVars.some((group) => group.varno === varno && group.varattno === attnum))) {
      check.dependencies.add(constraint.oid);
      return true;
    }
  }
  return false;
}

function resolveGrouping(check: Check, grouping: GroupingFunc, level: number): void {
  (grouping as Mutable<GroupingFunc>).refs = grouping.args.map((arg) => {
    const found = check.grouped.find(({ expr }) => (arg.node === 'Var' && expr.node === 'Var'
      ? arg.varlevelsup === level && expr.varno === arg.varno && expr.varattno === arg.varattno : level === 0 && equalExpr(expr, arg)));
    if (found === undefined) {
      throw check.state.error('GROUPING_ERROR', 'arguments to GROUPING must be grouping expressions of the associated query level', exprLocation(arg));
    }
    return found.ref;
  });
}

/** A query may hold at most so many grouping sets. @throws 54001 */
export function requireGroupingSets(sets: readonly GroupingSet[], distinct: boolean): readonly (readonly number[])[] {
  const expanded = expandGroupingSets(sets, distinct, MAX_SETS);
  if (expanded === null) throw pgError('STATEMENT_TOO_COMPLEX', 'too many grouping sets present (maximum 4096)');
  return expanded;
}
