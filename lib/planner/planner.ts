/**
 * The planner's entry and the course of planning one query level (planner.c, planmain.c): preprocessing, scan/join
 * planning, then the upper stages of `grouping-planner.ts`.
 */
import type { Expr, FromExpr, Query, RangeTblEntry, TargetEntry } from '../analyzer/nodes.js';
import { mapChildren } from '../analyzer/walker.js';
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import type { PlannerContext } from './context.js';
import { containsAggregate, containsSubplan, containsVolatile, makeAnds, makeAndsImplicit, returnsSet, someNode } from './clauses.js';
import { catalogOf, emptyTarget, setTargetCostWidth, settingsOf } from './cost-qual.js';
import { createPlan } from './create-plan.js';
import { generateBaseImpliedEqualities } from './equivclass.js';
import { planFast, withLookUp } from './fast-path.js';
import { isGroupColumn, separateGroupColumns } from './group-columns.js';
import { groupingPlanner } from './grouping-planner.js';
import { expandInheritance } from './inherit.js';
import {
  addBaseRels, addPlaceholdersToBaseRels, buildBaseRelTargets, createLateralJoinInfo, deconstructJointree, findLateralReferences, fixPlaceholderInputs,
  initPlaceholders, jointreeRelids,
} from './initsplan.js';
import { flattenJoinAliases, flattenJoinAliasesInQuery } from './join-aliases.js';
import { reconsiderOuterJoinClauses } from './outer-join-clauses.js';
import type { Path, PlannerGlobal, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { addPath, pathBase, setCheapest } from './paths.js';
import { compareFractional } from './pathkeys.js';
import type { PlannedStmt } from './plan-nodes.js';
import { preprocessJointree, reduceOuterJoins, removeUselessResults } from './prep-jointree.js';
import { fetchUpperRel } from './rel.js';
import { members } from './relids.js';
import { changeQuals, newGlobal, newRoot } from './root.js';
import { makeOneRel } from './scan-paths.js';
import { finishPlan } from './setrefs.js';
import { foldConstants, foldQual } from './simplify.js';
import { newExecParam, processCtes, processSublinks, replaceCorrelationVars } from './subselect.js';
import { flattenTopUnionAll } from './union-all.js';
import { reduceUniqueSemijoins, removeUselessJoins } from './analyze-joins.js';
import { initRowMarks, mergeToJoin } from './modify.js';

/**
 * Plans an analyzed and rewritten query. Utility statements pass through. Throws `PgError`s of constant evaluation and of
 * clauses that can not be planned.
 */
export function planQuery(query: Query, context: PlannerContext): PlannedStmt {
  if (query.commandType === 'utility') return utilityStatement(query, context);
  const fast = planFast(query, context);
  if (fast) return fast;
  const glob = newGlobal(context);
  const fraction = context.forCursor ? cursorFraction(context.settings.cursorTupleFraction) : 0;
  const root = subqueryPlanner(glob, query, null, false, fraction);
  const path = fractionalPath(finalRel(root), fraction);
  const plan = createPlan(root, path);
  return withLookUp(finishPlan(root, query, plan), query, context);
}

function cursorFraction(fraction: number): number {
  return fraction >= 1 ? 0 : fraction <= 0 ? 1e-10 : fraction;
}

function utilityStatement(query: Query, context: PlannerContext): PlannedStmt {
  return {
    commandType: 'utility', utilityStmt: query.utilityStmt, canSetTag: query.canSetTag, planTree: null, subplans: [], rtable: [], permInfos: [],
    paramExecCount: 0, paramTypes: context.paramTypes, hasReturning: false, hasModifyingCTE: false, readOnly: false, rowMarks: [],
    relationOids: [], functionOids: [], dependsOnRole: false,
  };
}

/** Final relation of a planned query level. */
export function finalRel(root: PlannerInfo): RelOptInfo {
  return fetchUpperRel(root, 'final');
}

/** The cheapest path for reading a fraction (< 1) or a number (>= 1) of rows. */
export function fractionalPath(rel: RelOptInfo, tupleFraction: number): Path {
  const cheapest = rel.cheapestTotal;
  assert(cheapest !== null, 'relation has no path');
  if (tupleFraction <= 0) return cheapest;
  const fraction = tupleFraction >= 1 && cheapest.rows > 0 ? tupleFraction / cheapest.rows : tupleFraction;
  let best = cheapest;
  for (const path of rel.pathlist) {
    if (path === rel.cheapestTotal || path.param) continue;
    if (compareFractional(path, best, fraction) < 0) best = path;
  }
  return best;
}

/** Plans one query level into its final relation's paths (subquery_planner). */
export function subqueryPlanner(glob: PlannerGlobal, parse: Query, parent: PlannerInfo | null, hasRecursion: boolean, tupleFraction: number, setup?: (root: PlannerInfo) => void): PlannerInfo {
  const root = newRoot(glob, parse, parent, parent ? parent.queryLevel + 1 : 1);
  root.hasRecursion = hasRecursion;
  if (hasRecursion) root.wtParamId = newExecParam(root);
  setup?.(root);
  glob.hasModifyingCTE ||= parse.hasModifyingCTE;
  if (parse.cteList.length > 0) {
    processCtes(root);
    root.rtable = [root.rtable[0], ...root.parse.rtable];
    if (root.parse.jointree !== parse.jointree) root.jointree = newRoot(glob, root.parse, parent, root.queryLevel).jointree;
  }
  separateGroupColumns(root);
  if (root.parse.commandType === 'merge') mergeToJoin(root);
  preprocessJointree(root);
  if (root.parse.setOperations) flattenTopUnionAll(root);
  initRowMarks(root);
  root.hasLateralRTEs ||= root.rtable.some((rte) => rte.lateral);
  preprocessExpressions(root);
  moveHavingToWhere(root);
  reduceOuterJoins(root);
  removeUselessResults(root);
  groupingPlanner(root, tupleFraction);
  const final = finalRel(root);
  setCheapest(final);
  chargeInitPlans(root, final);
  return root;
}

/** Adds the cost of InitPlans to all final paths (SS_charge_for_initplans). */
function chargeInitPlans(root: PlannerInfo, final: RelOptInfo): void {
  let cost = 0;
  for (const init of root.initPlans) {
    const plan = root.glob.subplans[init.planId].plan;
    cost += init.subLinkType === 'cte' || init.subLinkType !== 'exists' ? plan.totalCost : plan.startupCost + (plan.totalCost - plan.startupCost) / Math.max(plan.planRows, 1);
  }
  if (cost === 0) return;
  const seen = new Set<Path>();
  for (const path of final.pathlist) {
    if (seen.has(path)) continue;
    seen.add(path);
    path.startupCost += cost;
    path.totalCost += cost;
  }
}

/** What an expression is used for: decides how it is preprocessed. */
export type ExpressionKind = 'qual' | 'target' | 'function' | 'values' | 'limit' | 'other';

/** Brings an expression into the form that planning works on (preprocess_expression). */
export function preprocessExpression(root: PlannerInfo, exprIn: Expr, kind: ExpressionKind): Expr {
  let expr = exprIn;
  if (root.rtable.some((rte) => rte.rtekind === 'join')) expr = flattenJoinAliases(root, expr);
  if (!(kind === 'values' && expr.node === 'Const')) expr = kind === 'qual' ? foldQual(root, expr) : foldConstants(root, expr);
  if (root.parse.hasSubLinks || someNode(expr, (node) => node.node === 'SubLink')) expr = processSublinks(root, expr);
  if (root.queryLevel > 1) expr = replaceCorrelationVars(root, expr);
  return expr;
}

function preprocessExpressions(root: PlannerInfo): void {
  const one = (kind: ExpressionKind) => (expr: Expr): Expr => preprocessExpression(root, expr, kind);
  const maybe = (expr: Expr | null, kind: ExpressionKind): Expr | null => expr && preprocessExpression(root, expr, kind);
  const targets = (list: readonly TargetEntry[], kind: ExpressionKind = 'target'): readonly TargetEntry[] => list.map((entry) => ({ ...entry, expr: preprocessExpression(root, entry.expr, kind) }));
  const parse = root.parse;
  const qual = (expr: Expr | null): Expr | null => {
    const done = maybe(expr, 'qual');
    return done && done.node === 'Const' && done.value === true ? null : done;
  };
  const targetList = targets(parse.targetList);
  const withCheckOptions = parse.withCheckOptions.map((option) => ({ ...option, qual: one('qual')(option.qual) }));
  const returningList = targets(parse.returningList);
  changeQuals(root.jointree, (expr) => qual(expr));
  root.parse = {
    ...parse, targetList, withCheckOptions, returningList,
    havingQual: qual(parse.havingQual),
    windowClause: parse.windowClause.map((window) => ({ ...window, startOffset: maybe(window.startOffset, 'limit'), endOffset: maybe(window.endOffset, 'limit') })),
    limitOffset: maybe(parse.limitOffset, 'limit'), limitCount: maybe(parse.limitCount, 'limit'),
    onConflict: parse.onConflict && {
      ...parse.onConflict, onConflictSet: targets(parse.onConflict.onConflictSet), onConflictWhere: qual(parse.onConflict.onConflictWhere),
    },
    mergeActionList: parse.mergeActionList.map((action) => ({ ...action, qual: qual(action.qual), targetList: targets(action.targetList) })),
    mergeJoinCondition: qual(parse.mergeJoinCondition),
  };
  for (const info of root.appendRels) info.translatedVars = info.translatedVars.map((item) => item && preprocessExpression(root, item, 'other'));
  for (const placeholder of root.placeholders.values()) placeholder.expr = preprocessExpression(root, placeholder.expr, 'other');
  root.rtable = root.rtable.map((rte, i) => (i === 0 ? rte : preprocessRte(root, rte)));
}

function preprocessRte(root: PlannerInfo, rte: RangeTblEntry): RangeTblEntry {
  switch (rte.rtekind) {
    case 'relation':
      return rte.tablesample ? { ...rte, tablesample: { ...rte.tablesample, args: rte.tablesample.args.map((arg) => preprocessExpression(root, arg, 'other')), repeatable: rte.tablesample.repeatable && preprocessExpression(root, rte.tablesample.repeatable, 'other') } } : rte;
    case 'subquery': return rte.lateral ? { ...rte, subquery: flattenJoinAliasesInQuery(root, rte.subquery) } : rte;
    case 'function': return { ...rte, functions: rte.functions.map((fn) => ({ ...fn, funcexpr: preprocessFunctionExpr(root, fn.funcexpr) })) };
    case 'values': return { ...rte, valuesLists: rte.valuesLists.map((row) => row.map((expr) => preprocessExpression(root, expr, 'values'))) };
    default: return rte;
  }
}

/** The call itself must stay a call; its arguments are preprocessed. */
function preprocessFunctionExpr(root: PlannerInfo, expr: Expr): Expr {
  return expr.node === 'FuncExpr' ? mapChildren(expr, (arg) => preprocessExpression(root, arg, 'function')) : preprocessExpression(root, expr, 'function');
}

/** HAVING conditions without aggregates move to WHERE when that is cheaper and means the same. */
function moveHavingToWhere(root: PlannerInfo): void {
  const parse = root.parse;
  root.hasHavingQual = parse.havingQual !== null;
  if (!parse.havingQual) return;
  const kept: Expr[] = [];
  const moved: Expr[] = [];
  const catalog = catalogOf(root);
  for (const clause of makeAndsImplicit(parse.havingQual)) {
    const stays = containsAggregate(clause) || containsVolatile(catalog, clause) || containsSubplan(clause) || someNode(clause, isGroupColumn) || parse.groupingSets.length > 0 || returnsSet(clause);
    if (stays) kept.push(clause);
    else {
      moved.push(clause);
      if (parse.groupClause.length === 0) kept.push(clause);
    }
  }
  if (moved.length > 0) root.jointree = { ...root.jointree, quals: makeAnds([...makeAndsImplicit(root.jointree.quals), ...moved]) };
  root.parse = { ...parse, havingQual: makeAnds(kept) };
}

/** Plans scans and joins of the query's FROM and WHERE (query_planner); `pathkeys` computes the orderings of interest once classes exist. */
export function queryPlanner(root: PlannerInfo, pathkeys: () => void): RelOptInfo {
  const single = onlyResult(root.jointree);
  if (single !== 0 && root.rtable[single].rtekind === 'result') return resultOnly(root, single, pathkeys);
  addBaseRels(root, root.jointree);
  root.allBaserels = jointreeRelids(root.jointree);
  initPlaceholders(root);
  buildBaseRelTargets(root);
  findLateralReferences(root);
  let joinlist = deconstructJointree(root, root.jointree);
  reconsiderOuterJoinClauses(root);
  generateBaseImpliedEqualities(root);
  pathkeys();
  fixPlaceholderInputs(root);
  joinlist = removeUselessJoins(root, joinlist);
  reduceUniqueSemijoins(root);
  addPlaceholdersToBaseRels(root);
  createLateralJoinInfo(root);
  for (const rti of members(root.allBaserels)) expandInheritance(root, rti);
  const final = makeOneRel(root, joinlist);
  assert(final.cheapestTotal !== null && final.cheapestTotal.param === null, 'failed to construct the join relation');
  return final;
}

function onlyResult(tree: FromExpr): number {
  const [child] = tree.fromlist;
  return tree.fromlist.length === 1 && child.node === 'RangeTblRef' ? child.rtindex : 0;
}

/** A query over the one-row entry: a Result node with a one-time filter. */
function resultOnly(root: PlannerInfo, rti: number, pathkeys: () => void): RelOptInfo {
  addBaseRels(root, root.jointree);
  root.allBaserels = jointreeRelids(root.jointree);
  const rel = root.simpleRels[rti]!;
  rel.tuples = 1;
  rel.rows = 1;
  rel.reltarget = emptyTarget();
  for (const placeholder of root.placeholders.values()) {
    rel.reltarget.exprs.push(root.placeholderVars.get(placeholder.id)!);
    rel.reltarget.sortgrouprefs.push(0);
  }
  setTargetCostWidth(root, rel.reltarget);
  const quals = makeAndsImplicit(root.jointree.quals);
  generateBaseImpliedEqualities(root);
  pathkeys();
  addPath(rel, { ...pathBase(rel, rel.reltarget), kind: 'groupresult', quals, rows: 1, startupCost: 0, totalCost: settingsOf(root).cpuTupleCost });
  setCheapest(rel);
  root.hasPseudoConstantQuals = false;
  return rel;
}

/** Raises the error of a clause on a type that can be neither sorted nor hashed. */
export function unplannable(what: string): never {
  throw pgError('FEATURE_NOT_SUPPORTED', `could not implement ${what}`, {
    detail: 'Some of the datatypes only support hashing, while others only support sorting.',
  });
}
