/**
 * What is known about the values of an expression (examine_variable and friends of selfuncs.c): pg_statistic rows of
 * columns, uniqueness from indexes, number of distinct values.
 */
import type { Expr } from '../analyzer/nodes.js';
import { exprType } from '../analyzer/node-functions.js';
import type { PgStatistic } from '../catalog/rows.js';
import type { Datum } from '../types/datum.js';
import { BOOLOID } from '../types/oids.js';
import { pullVarnos, stripRelabel } from './clauses.js';
import { catalogOf, clampRows } from './cost-qual.js';
import { equal } from './equal.js';
import { GROUP_VARNO, type PlannerInfo, type RelOptInfo } from './path-nodes.js';
import { firstMember, hasMember, isSingleton, NO_RELS } from './relids.js';

/** An expression of one relation and its statistics. */
export interface VariableStats {
  readonly expr: Expr;
  readonly rel: RelOptInfo | null;
  readonly stats: PgStatistic | null;
  /** A unique index covers the expression alone. */
  readonly unique: boolean;
  readonly type: number;
}

/** Statistics kinds. */
export const STATISTIC_MCV = 1;
export const STATISTIC_HISTOGRAM = 2;
export const STATISTIC_CORRELATION = 3;

/** One slot of a pg_statistic row. */
export interface StatisticSlot { readonly values: readonly Datum[]; readonly numbers: readonly number[]; readonly operator: number; readonly collation: number }

/** The slot of the given kind, or null. */
export function statisticSlot(stats: PgStatistic | null, kind: number): StatisticSlot | null {
  if (!stats) return null;
  let known = slots.get(stats);
  if (!known) slots.set(stats, (known = new Map()));
  let slot = known.get(kind);
  if (slot === undefined) known.set(kind, (slot = readSlot(stats, kind)));
  return slot;
}

/** Slots of statistics rows, read once. */
const slots = new WeakMap<PgStatistic, Map<number, StatisticSlot | null>>();

function readSlot(stats: PgStatistic, kind: number): StatisticSlot | null {
  const kinds = [stats.stakind1, stats.stakind2, stats.stakind3, stats.stakind4, stats.stakind5];
  const at = kinds.indexOf(kind);
  if (at < 0) return null;
  const values = [stats.stavalues1, stats.stavalues2, stats.stavalues3, stats.stavalues4, stats.stavalues5][at];
  const numbers = [stats.stanumbers1, stats.stanumbers2, stats.stanumbers3, stats.stanumbers4, stats.stanumbers5][at];
  return {
    values: values?.elements ?? [],
    numbers: (numbers?.elements ?? []).map((value) => Number(value)),
    operator: [stats.staop1, stats.staop2, stats.staop3, stats.staop4, stats.staop5][at],
    collation: [stats.stacoll1, stats.stacoll2, stats.stacoll3, stats.stacoll4, stats.stacoll5][at],
  };
}

/** Looks the expression up; `varRelid` nonzero restricts to that relation's Vars. */
export function examineVariable(root: PlannerInfo, expr: Expr, varRelid = 0): VariableStats {
  const base = stripRelabel(expr);
  const type = exprType(expr);
  if (base.node === 'Var' && base.varlevelsup === 0 && base.varno < GROUP_VARNO && (varRelid === 0 || varRelid === base.varno)) {
    const rel = root.simpleRels[base.varno] ?? null;
    return examineSimpleVar(root, base, rel, type);
  }
  const relids = pullVarnos(root, base);
  if (relids === NO_RELS) return { expr: base, rel: null, stats: null, unique: false, type };
  let rel: RelOptInfo | null = null;
  if (varRelid !== 0 && hasMember(relids, varRelid)) rel = root.simpleRels[varRelid] ?? null;
  else if (varRelid === 0 && isSingleton(relids)) rel = root.simpleRels[firstMember(relids)] ?? null;
  else if (varRelid === 0) rel = root.joinRels.get(relids) ?? null;
  if (!rel) return { expr: base, rel: null, stats: null, unique: false, type };
  return { expr: varRelid !== 0 ? expr : base, rel, type, ...expressionIndexStats(root, rel, base) };
}

function expressionIndexStats(root: PlannerInfo, rel: RelOptInfo, expr: Expr): { stats: PgStatistic | null; unique: boolean } {
  for (const index of rel.indexes) {
    for (let column = 0; column < index.keyCount; column++) {
      if (index.descriptor.attributes[column] !== 0 || !equal(stripRelabel(index.columns[column]), expr)) continue;
      const unique = index.unique && index.keyCount === 1 && index.predicate.length === 0;
      const stats = catalogOf(root).statistics(index.descriptor.oid, column + 1);
      if (stats || unique) return { stats, unique };
    }
  }
  return { stats: null, unique: false };
}

function examineSimpleVar(root: PlannerInfo, expr: Extract<Expr, { node: 'Var' }>, rel: RelOptInfo | null, type: number): VariableStats {
  const unknown: VariableStats = { expr, rel, stats: null, unique: false, type };
  if (!rel) return unknown;
  const rte = rel.rte;
  if (rte?.rtekind === 'relation' && expr.varattno > 0) {
    const unique = rel.indexes.some((index) => index.unique && index.keyCount === 1
      && index.descriptor.attributes[0] === expr.varattno && (index.predicate.length === 0 || index.predicateOk));
    return { ...unknown, stats: catalogOf(root).statistics(rte.relid, expr.varattno), unique };
  }
  if (rte?.rtekind === 'subquery' && rel.subroot) {
    const entry = rel.subroot.parse.targetList[expr.varattno - 1];
    if (!entry) return unknown;
    const parse = rel.subroot.parse;
    const unique = parse.distinctClause.length === 1 && parse.distinctClause[0].tleSortGroupRef === entry.ressortgroupref && entry.ressortgroupref > 0;
    if (parse.setOperations || parse.groupClause.length > 0 || parse.groupingSets.length > 0) return { ...unknown, unique };
    if (parse.distinctClause.length > 0) return { ...unknown, unique };
    const inner = stripRelabel(entry.expr);
    if (inner.node === 'Var' && inner.varlevelsup === 0) {
      return { ...examineVariable(rel.subroot, inner), expr, rel, unique: false };
    }
  }
  return unknown;
}

/** Number of distinct values of a variable; `isDefault` when nothing is known. */
export function numDistinct(root: PlannerInfo, variable: VariableStats): { distinct: number; isDefault: boolean } {
  let distinct = 0;
  let nullFraction = 0;
  const base = variable.expr;
  if (variable.stats) {
    distinct = variable.stats.stadistinct;
    nullFraction = variable.stats.stanullfrac;
  } else if (variable.type === BOOLOID) distinct = 2;
  else if (variable.rel?.rte?.rtekind === 'values') distinct = -1;
  else if (base.node === 'Var' && base.varattno < 0) {
    if (base.varattno === -1 || base.varattno <= -100) distinct = -1;
    else if (base.varattno === -6) distinct = 1;
  }
  if (variable.unique) distinct = -1 * (1 - nullFraction);
  if (distinct > 0) return { distinct: clampRows(distinct), isDefault: false };
  if (!variable.rel) return { distinct: 200, isDefault: true };
  const tuples = variable.rel.tuples;
  if (tuples <= 0) return { distinct: 200, isDefault: true };
  if (distinct < 0) return { distinct: clampRows(-distinct * tuples), isDefault: false };
  if (tuples < 200) return { distinct: clampRows(tuples), isDefault: false };
  return { distinct: 200, isDefault: true };
}

/** Null fraction, 0 when unknown. */
export function nullFraction(variable: VariableStats): number {
  return variable.stats?.stanullfrac ?? 0;
}
