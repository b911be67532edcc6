/**
 * Selectivity of single-relation conditions by operator (selfuncs.c, like_support.c): equality, inequality, ranges,
 * patterns, IS NULL, boolean tests, arrays. The estimator is chosen by pg_operator.oprrest as in PostgreSQL.
 */
import type { Expr, OpExpr } from '../analyzer/nodes.js';
import { exprCollation, exprType } from '../analyzer/node-functions.js';
import type { Datum } from '../types/datum.js';
import { Interval, ArrayValue } from '../types/datum.js';
import { Numeric } from '../types/numeric.js';
import { BYTEAOID } from '../types/oids.js';
import { pullVarnos, stripRelabel } from './clauses.js';
import { catalogOf } from './cost-qual.js';
import { likePrefix } from './like-prefix.js';
import type { PlannerInfo } from './path-nodes.js';
import { NO_RELS } from './relids.js';
import { examineVariable, nullFraction, numDistinct, statisticSlot, STATISTIC_HISTOGRAM, STATISTIC_MCV, type VariableStats } from './variable-stats.js';

/** PostgreSQL's defaults without statistics. */
export const DEFAULT_EQ_SEL = 0.005;
export const DEFAULT_INEQ_SEL = 1 / 3;
export const DEFAULT_RANGE_INEQ_SEL = 0.005;
export const DEFAULT_MATCH_SEL = 0.005;
export const DEFAULT_MATCHING_SEL = 0.01;
export const DEFAULT_UNK_SEL = 0.005;
export const DEFAULT_NOT_UNK_SEL = 1 - DEFAULT_UNK_SEL;

/** Within [0, 1]. */
export function clampProbability(value: number): number {
  return value < 0 || Number.isNaN(value) ? 0 : value > 1 ? 1 : value;
}

/** Name of an operator's restriction (or join) estimator. */
export function estimatorName(root: PlannerInfo, operatorOid: number, join: boolean): string {
  const operator = catalogOf(root).operator(operatorOid);
  const oid = join ? operator?.oprjoin : operator?.oprrest;
  return oid ? catalogOf(root).proc(oid)?.prosrc ?? '' : '';
}

/** The constant's value if the expression is one (or a known parameter); undefined otherwise. */
export function knownValue(root: PlannerInfo, expr: Expr): Datum | undefined {
  const node = stripRelabel(expr);
  if (node.node === 'Const') return node.value;
  if (node.node === 'Param' && node.paramkind === 'extern') return root.glob.context.boundParams?.[node.paramid - 1];
  return undefined;
}

/** Selectivity of a binary operator condition over one relation (restriction_selectivity). */
export function operatorSelectivity(root: PlannerInfo, opno: number, args: readonly Expr[], collation: number, varRelid: number): number {
  const name = estimatorName(root, opno, false);
  if (args.length !== 2 || name === '') return 0.5;
  const left = examineVariable(root, args[0], varRelid);
  const right = examineVariable(root, args[1], varRelid);
  let variable: VariableStats;
  let other: Expr;
  let onLeft: boolean;
  if (left.rel && !right.rel) [variable, other, onLeft] = [left, args[1], true];
  else if (right.rel && !left.rel) [variable, other, onLeft] = [right, args[0], false];
  else return defaultSelectivity(name);
  const value = knownValue(root, other);
  if (value === null) return 0;
  switch (name) {
    case 'eqsel': return equalitySelectivity(root, opno, collation, variable, value, onLeft, false);
    case 'neqsel': return equalitySelectivity(root, catalogOf(root).operator(opno)?.oprnegate ?? 0, collation, variable, value, onLeft, true);
    case 'scalarltsel': return inequality(root, opno, collation, variable, value, onLeft, false, false);
    case 'scalarlesel': return inequality(root, opno, collation, variable, value, onLeft, false, true);
    case 'scalargtsel': return inequality(root, opno, collation, variable, value, onLeft, true, false);
    case 'scalargesel': return inequality(root, opno, collation, variable, value, onLeft, true, true);
    case 'likesel': case 'iclikesel': case 'regexeqsel': case 'icregexeqsel': case 'prefixsel':
      return patternSelectivity(root, opno, collation, variable, value, name, onLeft);
    case 'nlikesel': case 'icnlikesel': case 'regexnesel': case 'icregexnesel': {
      const negated = name.replace(/^(ic)?nlike/, '$1like').replace('regexne', 'regexeq');
      const selectivity = patternSelectivity(root, catalogOf(root).operator(opno)?.oprnegate ?? 0, collation, variable, value, negated, onLeft);
      return clampProbability(1 - selectivity - nullFraction(variable));
    }
    default: return defaultSelectivity(name);
  }
}

function defaultSelectivity(name: string): number {
  switch (name) {
    case 'eqsel': return DEFAULT_EQ_SEL;
    case 'neqsel': return 1 - DEFAULT_EQ_SEL;
    case 'scalarltsel': case 'scalarlesel': case 'scalargtsel': case 'scalargesel': return DEFAULT_INEQ_SEL;
    case 'likesel': case 'iclikesel': case 'regexeqsel': case 'icregexeqsel': case 'prefixsel': return DEFAULT_MATCH_SEL;
    case 'nlikesel': case 'icnlikesel': case 'regexnesel': case 'icregexnesel': return 1 - DEFAULT_MATCH_SEL;
    case 'matchingsel': return DEFAULT_MATCHING_SEL;
    case 'contsel': case 'arraycontsel': return name === 'contsel' ? 0.001 : DEFAULT_EQ_SEL;
    case 'areasel': return 0.005;
    case 'positionsel': return 0.1;
    case 'rangesel': case 'multirangesel': return 0.01;
    case 'networksel': return 0.005;
    case 'tsmatchsel': return 0.005;
    default: return 0.5;
  }
}

function callOperator(root: PlannerInfo, opno: number, collation: number, left: Datum, right: Datum): boolean {
  const code = catalogOf(root).operator(opno)?.oprcode ?? 0;
  return code !== 0 && root.glob.context.evaluator.callFunction(code, collation, [left, right]) === true;
}

/** var = value (value undefined: unknown at plan time). */
function equalitySelectivity(root: PlannerInfo, opno: number, collation: number, variable: VariableStats, value: Datum | undefined, onLeft: boolean, negate: boolean): number {
  const nulls = nullFraction(variable);
  let selectivity: number;
  if (variable.unique && variable.rel && variable.rel.tuples >= 1) {
    selectivity = 1 / variable.rel.tuples;
  } else if (variable.stats) {
    const mcv = statisticSlot(variable.stats, STATISTIC_MCV);
    const position = value !== undefined && mcv
      ? mcv.values.findIndex((common) => (onLeft ? callOperator(root, opno, collation, common, value) : callOperator(root, opno, collation, value, common))) : -1;
    if (position >= 0) selectivity = mcv!.numbers[position];
    else {
      const { distinct } = numDistinct(root, variable);
      if (value === undefined) {
        selectivity = (1 - nulls) / Math.max(distinct, 1);
        if (mcv && mcv.numbers.length > 0) selectivity = Math.min(selectivity, mcv.numbers[0]);
      } else {
        const common = mcv ? mcv.numbers.reduce((sum, frequency) => sum + frequency, 0) : 0;
        selectivity = clampProbability(1 - common - nulls);
        const others = distinct - (mcv ? mcv.numbers.length : 0);
        if (others > 1) selectivity /= others;
        if (mcv && mcv.numbers.length > 0) selectivity = Math.min(selectivity, mcv.numbers[mcv.numbers.length - 1]);
      }
    }
  } else {
    selectivity = 1 / Math.max(numDistinct(root, variable).distinct, 1);
  }
  return clampProbability(negate ? 1 - selectivity - nulls : selectivity);
}

/** var < > <= >= value. */
function inequality(root: PlannerInfo, opno: number, collation: number, variable: VariableStats, value: Datum | undefined, onLeft: boolean, greater: boolean, orEqual: boolean): number {
  if (value === undefined || value === null) return DEFAULT_INEQ_SEL;
  let operator = opno;
  let isGreater = greater;
  if (!onLeft) {
    operator = catalogOf(root).operator(opno)?.oprcom ?? 0;
    if (operator === 0) return DEFAULT_INEQ_SEL;
    isGreater = !greater;
  }
  if (!variable.stats) return DEFAULT_INEQ_SEL;
  return scalarInequality(root, operator, collation, variable, value, isGreater, orEqual);
}

function scalarInequality(root: PlannerInfo, opno: number, collation: number, variable: VariableStats, value: Datum, greater: boolean, orEqual: boolean): number {
  const mcv = statisticSlot(variable.stats, STATISTIC_MCV);
  let common = 0;
  let matched = 0;
  mcv?.values.forEach((candidate, i) => {
    common += mcv.numbers[i];
    if (callOperator(root, opno, collation, candidate, value)) matched += mcv.numbers[i];
  });
  const rest = Math.max(1 - nullFraction(variable) - common, 0);
  const histogram = histogramSelectivity(root, opno, collation, variable, value, greater, orEqual);
  return clampProbability(matched + rest * (histogram >= 0 ? histogram : 0.5));
}

/** Fraction of the histogram that satisfies the condition; -1 without a histogram. */
function histogramSelectivity(root: PlannerInfo, opno: number, collation: number, variable: VariableStats, value: Datum, greater: boolean, orEqual: boolean): number {
  const slot = statisticSlot(variable.stats, STATISTIC_HISTOGRAM);
  if (!slot || slot.values.length < 2) return -1;
  const values = slot.values;
  let low = 0;
  let high = values.length;
  while (low < high) {
    const probe = (low + high) >> 1;
    let below = callOperator(root, opno, collation, values[probe], value);
    if (greater) below = !below;
    if (below) low = probe + 1;
    else high = probe;
  }
  let fraction: number;
  if (low <= 0) fraction = 0;
  else if (low >= values.length) fraction = 1;
  else {
    const inBin = binFraction(value, values[low - 1], values[low]);
    fraction = (low - 1 + inBin) / (values.length - 1);
    if (low === 1 && orEqual === greater) {
      const { distinct } = numDistinct(root, variable);
      if (inBin === 0 && distinct > 1) fraction += 1 / (distinct * (values.length - 1));
    }
  }
  const selectivity = greater ? 1 - fraction : fraction;
  const cutoff = 0.01 / (values.length - 1);
  return Math.min(Math.max(selectivity, cutoff), 1 - cutoff);
}

/** Where `value` stands between two bounds, 0..1, by the number that each maps to. */
function binFraction(value: Datum, lower: Datum, upper: Datum): number {
  const scaled = typeof value === 'string' && typeof lower === 'string' && typeof upper === 'string'
    ? stringScale(value, lower, upper) : [toScalar(value), toScalar(lower), toScalar(upper)];
  const [at, low, high] = scaled;
  if (at === null || low === null || high === null) return 0.5;
  if (high <= low) return 0.5;
  if (at <= low) return 0;
  if (at >= high) return 1;
  const fraction = (at - low) / (high - low);
  return Number.isNaN(fraction) || fraction < 0 || fraction > 1 ? 0.5 : fraction;
}

function toScalar(value: Datum): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Numeric) return value.special === '' ? Number(value.unscaled) / 10 ** value.scale : value.special === 'Infinity' ? Infinity : value.special === '-Infinity' ? -Infinity : NaN;
  if (value instanceof Interval) return Number(value.micros) + value.days * 86400e6 + value.months * (365.25 / 12) * 86400e6;
  return null;
}

/** Maps strings to numbers within the character range that the bounds span, after their common prefix. */
function stringScale(value: string, lower: string, upper: string): [number, number, number] {
  let low = Math.min(lower.charCodeAt(0) || 32, upper.charCodeAt(0) || 32);
  let high = low;
  for (const text of [lower, upper]) {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      low = Math.min(low, code);
      high = Math.max(high, code);
    }
  }
  const widen = (from: number, to: number): void => {
    if (low <= to && high >= from) {
      low = Math.min(low, from);
      high = Math.max(high, to);
    }
  };
  widen(65, 90);
  widen(97, 122);
  widen(48, 57);
  if (high - low < 9) [low, high] = [32, 127];
  let prefix = 0;
  while (prefix < lower.length && lower[prefix] === upper[prefix] && lower[prefix] === value[prefix]) prefix++;
  const scale = (text: string): number => {
    const base = high - low + 1;
    let number = 0;
    let denominator = base;
    for (let i = prefix; i < Math.min(text.length, prefix + 12); i++) {
      const code = Math.min(Math.max(text.charCodeAt(i), low - 1), high + 1);
      number += (code - low) / denominator;
      denominator *= base;
    }
    return number;
  };
  return [scale(value), scale(lower), scale(upper)];
}

const FIXED_CHAR_SEL = 0.2;
const CHAR_RANGE_SEL = 0.25;
const ANY_CHAR_SEL = 0.9;
const FULL_WILDCARD_SEL = 5;

/** LIKE, ILIKE, regular expressions and prefix tests. */
function patternSelectivity(root: PlannerInfo, opno: number, collation: number, variable: VariableStats, value: Datum | undefined, estimator: string, onLeft: boolean): number {
  if (!onLeft || typeof value !== 'string' || variable.type === BYTEAOID) return DEFAULT_MATCH_SEL;
  const caseless = estimator.startsWith('ic');
  const regex = estimator.includes('regex');
  const pattern = estimator === 'prefixsel'
    ? { prefix: value, exact: false, rest: 1 } : regex ? regexShape(value, caseless) : likeShape(value, caseless);
  const nulls = nullFraction(variable);
  if (pattern.exact) {
    const equality = textEquality(root, variable.type);
    if (equality !== 0) return equalitySelectivity(root, equality, collation, variable, pattern.prefix, true, false);
  }
  const histogram = statisticSlot(variable.stats, STATISTIC_HISTOGRAM);
  let selectivity = -1;
  if (histogram && histogram.values.length >= 10) {
    const inner = histogram.values.slice(1, -1);
    selectivity = inner.filter((bound) => callOperator(root, opno, collation, bound, value)).length / inner.length;
    if (histogram.values.length < 100) {
      const heuristic = heuristicPattern(root, variable, pattern, collation);
      const weight = histogram.values.length / 100;
      selectivity = selectivity * weight + heuristic * (1 - weight);
    }
    selectivity = Math.min(Math.max(selectivity, 0.0001), 0.9999);
  } else selectivity = heuristicPattern(root, variable, pattern, collation);
  const mcv = statisticSlot(variable.stats, STATISTIC_MCV);
  let common = 0;
  let matched = 0;
  mcv?.values.forEach((candidate, i) => {
    common += mcv.numbers[i];
    if (callOperator(root, opno, collation, candidate, value)) matched += mcv.numbers[i];
  });
  return clampProbability(selectivity * Math.max(1 - nulls - common, 0) + matched);
}

function heuristicPattern(root: PlannerInfo, variable: VariableStats, pattern: { prefix: string; rest: number }, collation: number): number {
  let prefixSelectivity = 1;
  if (pattern.prefix !== '') {
    prefixSelectivity = prefixRange(root, variable, pattern.prefix, collation);
  }
  return prefixSelectivity * pattern.rest;
}

function prefixRange(root: PlannerInfo, variable: VariableStats, prefix: string, collation: number): number {
  const operators = root.glob.context.catalog.operatorsByName('>=');
  const ge = operators.find((operator) => operator.oprleft === variable.type && operator.oprright === variable.type);
  const lt = root.glob.context.catalog.operatorsByName('<').find((operator) => operator.oprleft === variable.type && operator.oprright === variable.type);
  const equality = textEquality(root, variable.type);
  const eqSel = equality !== 0 ? equalitySelectivity(root, equality, collation, variable, prefix, true, false) : DEFAULT_EQ_SEL;
  if (!ge || !lt || !variable.stats) return Math.max(DEFAULT_MATCH_SEL, eqSel);
  const lower = histogramSelectivity(root, ge.oid, collation, variable, prefix, true, true);
  if (lower < 0) return Math.max(DEFAULT_MATCH_SEL, eqSel);
  const upper = histogramSelectivity(root, lt.oid, collation, variable, prefixUpperBound(prefix), false, false);
  let selectivity = lower + upper - 1;
  if (selectivity <= 0) selectivity = 1e-10;
  return Math.max(selectivity, eqSel);
}

/** The least string above all that start with the prefix, by code point. */
export function prefixUpperBound(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  return prefix.slice(0, -1) + String.fromCharCode(Math.min(last + 1, 0xffff));
}

function textEquality(root: PlannerInfo, type: number): number {
  return catalogOf(root).operatorsByName('=').find((operator) => operator.oprleft === type && operator.oprright === type)?.oid ?? 0;
}

function likeShape(pattern: string, caseless: boolean): { prefix: string; exact: boolean; rest: number } {
  const { prefix, exact, restAt } = likePrefix(pattern, caseless);
  let rest = 1;
  let i = restAt;
  while (i < pattern.length && (pattern[i] === '%' || pattern[i] === '_')) i++;
  for (; i < pattern.length; i++) {
    if (pattern[i] === '%') rest *= FULL_WILDCARD_SEL;
    else if (pattern[i] === '_') rest *= ANY_CHAR_SEL;
    else {
      if (pattern[i] === '\\') i++;
      rest *= FIXED_CHAR_SEL;
    }
  }
  return { prefix, exact, rest: Math.min(rest, 1) };
}

/** The fixed prefix of a regular expression, and a guess at the rest's selectivity. */
export function regexShape(pattern: string, caseless: boolean): { prefix: string; exact: boolean; rest: number } {
  let prefix = '';
  let exact = false;
  let at = 0;
  if (!caseless && pattern.startsWith('^') && !pattern.includes('|')) {
    at = 1;
    while (at < pattern.length && /[^\\.*+?()[\]{}^$|]/.test(pattern[at])) {
      if (at + 1 < pattern.length && /[*?{]/.test(pattern[at + 1])) break;
      prefix += pattern[at];
      at++;
      if (pattern[at] === '+') break;
    }
    exact = prefix !== '' && pattern.slice(at) === '$';
  }
  let rest = 1;
  for (let i = at; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '(' || c === ')' || c === '^' || c === '$' || c === '|') continue;
    if (c === '[') {
      while (i < pattern.length && pattern[i] !== ']') i++;
      rest *= CHAR_RANGE_SEL;
    } else if (c === '.') rest *= ANY_CHAR_SEL;
    else if (c === '*' || c === '?' || c === '+') rest *= 2;
    else if (c === '{') {
      while (i < pattern.length && pattern[i] !== '}') i++;
      rest *= 2;
    } else {
      if (c === '\\') i++;
      rest *= FIXED_CHAR_SEL;
    }
  }
  if (!pattern.endsWith('$')) rest *= FULL_WILDCARD_SEL;
  return { prefix, exact, rest: Math.min(rest, 1) };
}

/** IS [NOT] NULL. */
export function nullTestSelectivity(root: PlannerInfo, expr: Extract<Expr, { node: 'NullTest' }>, varRelid: number): number {
  const variable = examineVariable(root, expr.arg, varRelid);
  const isNull = expr.nulltesttype === 'isNull';
  if (variable.stats) return clampProbability(isNull ? nullFraction(variable) : 1 - nullFraction(variable));
  if (variable.expr.node === 'Var' && variable.expr.varattno < 0) return isNull ? 0 : 1;
  return isNull ? DEFAULT_UNK_SEL : DEFAULT_NOT_UNK_SEL;
}

/** IS [NOT] TRUE / FALSE / UNKNOWN; `inner` is the argument's own selectivity as a condition. */
export function booleanTestSelectivity(root: PlannerInfo, expr: Extract<Expr, { node: 'BooleanTest' }>, varRelid: number, inner: () => number): number {
  const variable = examineVariable(root, expr.arg, varRelid);
  if (variable.stats) {
    const nulls = nullFraction(variable);
    const mcv = statisticSlot(variable.stats, STATISTIC_MCV);
    let trues: number;
    if (mcv && mcv.values.length > 0) {
      trues = mcv.values[0] === true ? mcv.numbers[0] : 1 - mcv.numbers[0] - nulls;
    } else trues = (1 - nulls) / 2;
    const falses = 1 - trues - nulls;
    const table = { isUnknown: nulls, isNotUnknown: 1 - nulls, isTrue: trues, isNotTrue: 1 - trues, isFalse: falses, isNotFalse: 1 - falses };
    return clampProbability(table[expr.booltesttype]);
  }
  switch (expr.booltesttype) {
    case 'isUnknown': return DEFAULT_UNK_SEL;
    case 'isNotUnknown': return DEFAULT_NOT_UNK_SEL;
    case 'isTrue': case 'isNotFalse': return inner();
    default: return 1 - inner();
  }
}

/** A boolean column as a condition. */
export function booleanVariableSelectivity(root: PlannerInfo, expr: Expr, varRelid: number): number {
  const variable = examineVariable(root, expr, varRelid);
  if (!variable.stats) return 0.5;
  const equality = catalogOf(root).operatorsByName('=').find((operator) => operator.oprleft === 16 && operator.oprright === 16);
  return equality ? equalitySelectivity(root, equality.oid, 0, variable, true, true, false) : 0.5;
}

/** scalar op ANY/ALL (array). */
export function scalarArraySelectivity(root: PlannerInfo, expr: Extract<Expr, { node: 'ScalarArrayOpExpr' }>, varRelid: number, isJoin: boolean, joinSelectivity: (op: OpExpr) => number): number {
  const [scalar, array] = expr.args;
  const estimator = estimatorName(root, expr.opno, false);
  const isEquality = estimator === 'eqsel';
  const isInequality = estimator === 'neqsel';
  const elementType = catalogOf(root).type(catalogOf(root).baseType(exprType(array)))?.typelem ?? 0;
  const element = (value: Datum | undefined): number => {
    const right: Expr = value === undefined
      ? { node: 'CaseTestExpr', typeId: elementType, typeMod: -1, collation: exprCollation(array) }
      : { node: 'Const', consttype: elementType, consttypmod: -1, constcollid: exprCollation(array), value, location: -1 };
    if (isJoin) {
      return joinSelectivity({ node: 'OpExpr', opno: expr.opno, opfuncid: expr.opfuncid, opresulttype: 16, opretset: false, opcollid: 0, inputcollid: expr.inputcollid, args: [scalar, right], location: -1 });
    }
    return operatorSelectivity(root, expr.opno, [scalar, right], expr.inputcollid, varRelid);
  };
  const known = knownValue(root, array);
  if (known === null) return 0;
  const stripped = stripRelabel(array);
  let selectivities: number[];
  if (known instanceof ArrayValue) selectivities = known.elements.map((value) => (value === null ? 0 : element(value)));
  else if (stripped.node === 'ArrayExpr' && !stripped.multidims) {
    selectivities = stripped.elements.map((item) => element(item.node === 'Const' ? item.value : undefined));
  } else {
    const one = element(undefined);
    const combined = expr.useOr ? 1 - (1 - one) ** 10 : one ** 10;
    if ((isEquality && expr.useOr) || (isInequality && !expr.useOr)) {
      const disjoint = expr.useOr ? 10 * one : 1 + 10 * (one - 1);
      if (disjoint >= 0 && disjoint <= 1) return disjoint;
    }
    return clampProbability(combined);
  }
  let combined = expr.useOr ? 0 : 1;
  let disjoint = combined;
  for (const one of selectivities) {
    combined = expr.useOr ? combined + one - combined * one : combined * one;
    disjoint = expr.useOr ? disjoint + one : disjoint + one - 1;
  }
  if (((isEquality && expr.useOr) || (isInequality && !expr.useOr)) && disjoint >= 0 && disjoint <= 1) return disjoint;
  return clampProbability(combined);
}

/** True when the expression has Vars of this level. */
export function hasVars(root: PlannerInfo, expr: Expr): boolean {
  return pullVarnos(root, expr) !== NO_RELS;
}
