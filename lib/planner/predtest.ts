/**
 * Proofs between conditions (predtest.c): does a set of clauses imply a predicate (partial indexes), does it refute one
 * (constraint exclusion, partitions)? Answers are sound, not complete.
 */
import type { Expr } from '../analyzer/nodes.js';
import { ArrayValue, type Datum } from '../types/datum.js';
import { isFalseOrNull, stripRelabel } from './clauses.js';
import { catalogOf } from './cost-qual.js';
import { equal } from './equal.js';
import type { PlannerInfo } from './path-nodes.js';

type Mode = 'imply' | 'refute';

/** True when the ANDed clauses imply every predicate. `weak`: a null predicate counts as satisfied (CHECK constraints). */
export function predicateImpliedBy(root: PlannerInfo, predicates: readonly Expr[], clauses: readonly Expr[], weak = false): boolean {
  return predicates.every((predicate) => implied(root, predicate, clauses, weak));
}

/** True when the ANDed clauses can not be true together with the ANDed predicates. */
export function predicateRefutedBy(root: PlannerInfo, predicates: readonly Expr[], clauses: readonly Expr[], weak = false): boolean {
  return predicates.some((predicate) => refuted(root, predicate, clauses, weak));
}

function andArms(expr: Expr): readonly Expr[] | null {
  return expr.node === 'BoolExpr' && expr.boolop === 'and' ? expr.args : null;
}

/** OR arms, also of `x = ANY (constant array)` with few elements. */
function orArms(root: PlannerInfo, expr: Expr): readonly Expr[] | null {
  if (expr.node === 'BoolExpr' && expr.boolop === 'or') return expr.args;
  if (expr.node !== 'ScalarArrayOpExpr' || !expr.useOr) return null;
  const array = stripRelabel(expr.args[1]);
  const build = (item: Expr): Expr => ({
    node: 'OpExpr', opno: expr.opno, opfuncid: expr.opfuncid, opresulttype: 16, opretset: false, opcollid: 0,
    inputcollid: expr.inputcollid, args: [expr.args[0], item], location: -1,
  });
  if (array.node === 'Const' && array.value instanceof ArrayValue && array.value.elements.length <= 100 && array.value.elements.length > 0) {
    const type = array.value.elementType || (catalogOf(root).type(array.consttype)?.typelem ?? 0);
    return array.value.elements.map((value) => build({ node: 'Const', consttype: type, consttypmod: -1, constcollid: array.constcollid, value, location: -1 }));
  }
  if (array.node === 'ArrayExpr' && !array.multidims && array.elements.length > 0 && array.elements.length <= 100) return array.elements.map(build);
  return null;
}

function implied(root: PlannerInfo, predicate: Expr, clauses: readonly Expr[], weak: boolean): boolean {
  if (predicate.node === 'Const') return predicate.value === true || (weak && predicate.value === null);
  const all = andArms(predicate);
  if (all) return all.every((arm) => implied(root, arm, clauses, weak));
  if (clauses.some((clause) => impliedByOne(root, predicate, clause, weak))) return true;
  const arms = orArms(root, predicate);
  return arms !== null && arms.some((arm) => implied(root, arm, clauses, weak));
}

function impliedByOne(root: PlannerInfo, predicate: Expr, clause: Expr, weak: boolean): boolean {
  const all = andArms(clause);
  if (all) return implied(root, predicate, all, weak);
  const arms = orArms(root, clause);
  if (arms) {
    if (arms.every((arm) => implied(root, predicate, [arm], weak))) return true;
  }
  return simple(root, predicate, clause, weak, 'imply');
}

function refuted(root: PlannerInfo, predicate: Expr, clauses: readonly Expr[], weak: boolean): boolean {
  if (predicate.node === 'Const') return isFalseOrNull(predicate) && (predicate.value === false || !weak);
  const all = andArms(predicate);
  if (all) return all.some((arm) => refuted(root, arm, clauses, weak));
  const arms = orArms(root, predicate);
  if (arms && arms.every((arm) => refuted(root, arm, clauses, weak))) return true;
  return clauses.some((clause) => {
    const parts = andArms(clause);
    if (parts) return refuted(root, predicate, parts, weak);
    const alternatives = orArms(root, clause);
    if (alternatives && alternatives.every((arm) => refuted(root, predicate, [arm], weak))) return true;
    if (predicate.node === 'BoolExpr' && predicate.boolop === 'not') return implied(root, predicate.args[0], [clause], false);
    if (clause.node === 'BoolExpr' && clause.boolop === 'not' && implied(root, clause.args[0], [predicate], weak)) return true;
    return simple(root, predicate, clause, weak, 'refute');
  });
}

/** One atomic clause against one atomic predicate. */
function simple(root: PlannerInfo, predicate: Expr, clause: Expr, weak: boolean, mode: Mode): boolean {
  if (clause.node === 'Const' && isFalseOrNull(clause)) return true;
  if (mode === 'imply') {
    if (equal(predicate, clause)) return true;
    if (predicate.node === 'NullTest' && predicate.nulltesttype === 'isNotNull' && !predicate.argisrow
      && isStrictFor(root, clause, predicate.arg, true)) return true;
    if (clause.node === 'BooleanTest' && clause.booltesttype === 'isTrue' && equal(clause.arg, predicate)) return true;
    if (predicate.node === 'BooleanTest' && predicate.booltesttype === 'isTrue' && equal(predicate.arg, clause)) return true;
  } else {
    if (predicate.node === 'NullTest' && predicate.nulltesttype === 'isNull' && !predicate.argisrow) {
      if (isStrictFor(root, clause, predicate.arg, true)) return true;
      if (clause.node === 'NullTest' && clause.nulltesttype === 'isNotNull' && !clause.argisrow && equal(clause.arg, predicate.arg)) return true;
    }
    if (clause.node === 'NullTest' && clause.nulltesttype === 'isNull' && !clause.argisrow) {
      if (predicate.node === 'NullTest' && predicate.nulltesttype === 'isNotNull' && equal(predicate.arg, clause.arg)) return true;
      if (!weak && isStrictFor(root, predicate, clause.arg, true)) return true;
    }
    if (clause.node === 'BoolExpr' && clause.boolop === 'not' && equal(clause.args[0], predicate)) return true;
    if (predicate.node === 'BoolExpr' && predicate.boolop === 'not' && equal(predicate.args[0], clause)) return true;
  }
  return operatorProof(root, predicate, clause, mode);
}

/** True when the clause can only be true if the sub-expression is not null (clause_is_strict_for). */
function isStrictFor(root: PlannerInfo, clause: Expr, subexpr: Expr, allowFalse: boolean): boolean {
  const target = stripRelabel(subexpr);
  const node = stripRelabel(clause);
  if (equal(node, target)) return true;
  const catalog = catalogOf(root);
  switch (node.node) {
    case 'OpExpr': return catalog.proc(node.opfuncid)?.proisstrict === true && node.args.some((arg) => isStrictFor(root, arg, target, false));
    case 'FuncExpr': return catalog.proc(node.funcid)?.proisstrict === true && node.args.some((arg) => isStrictFor(root, arg, target, false));
    case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'ConvertRowtypeExpr': case 'CollateExpr': return isStrictFor(root, node.arg, target, false);
    case 'BoolExpr': return node.boolop === 'not' && isStrictFor(root, node.args[0], target, false);
    case 'NullTest': return node.nulltesttype === 'isNotNull' && !node.argisrow && allowFalse && isStrictFor(root, node.arg, target, false);
    case 'ScalarArrayOpExpr': return catalog.proc(node.opfuncid)?.proisstrict === true && allowFalse && node.useOr && isStrictFor(root, node.args[0], target, false);
    default: return false;
  }
}

interface Comparison { expr: Expr; other: Expr; opno: number; collation: number }

function comparisonOf(root: PlannerInfo, expr: Expr, swap: boolean): Comparison | null {
  if (expr.node !== 'OpExpr' || expr.args.length !== 2) return null;
  if (!swap) return { expr: expr.args[0], other: expr.args[1], opno: expr.opno, collation: expr.inputcollid };
  const commutator = catalogOf(root).operator(expr.opno)?.oprcom ?? 0;
  return commutator ? { expr: expr.args[1], other: expr.args[0], opno: commutator, collation: expr.inputcollid } : null;
}

// Strategy numbers: 1 <, 2 <=, 3 =, 4 >=, 5 >, 6 <>. Entry [clause][predicate]: operator between the predicate's constant
// and the clause's that must hold ("predConst op clauseConst"), 0 = no proof.
const IMPLIES: readonly (readonly number[])[] = [
  [4, 4, 0, 0, 0, 4],
  [5, 4, 0, 0, 0, 5],
  [5, 4, 3, 2, 1, 6],
  [0, 0, 0, 2, 1, 1],
  [0, 0, 0, 2, 2, 2],
  [0, 0, 0, 0, 0, 3],
];
const REFUTES: readonly (readonly number[])[] = [
  [0, 0, 4, 4, 4, 0],
  [0, 0, 5, 5, 4, 0],
  [2, 1, 6, 5, 4, 3],
  [2, 1, 1, 0, 0, 0],
  [2, 2, 2, 0, 0, 0],
  [0, 0, 3, 0, 0, 0],
];

/** `x op1 c1` against `x op2 c2` by btree strategies (operator_predicate_proof). */
function operatorProof(root: PlannerInfo, predicate: Expr, clause: Expr, mode: Mode): boolean {
  for (const swapPredicate of [false, true]) {
    const pred = comparisonOf(root, predicate, swapPredicate);
    if (!pred) continue;
    for (const swapClause of [false, true]) {
      const known = comparisonOf(root, clause, swapClause);
      if (!known || known.collation !== pred.collation || !equal(stripRelabel(known.expr), stripRelabel(pred.expr))) continue;
      if (equal(known.other, pred.other)) {
        if (sameSubexpression(root, pred.opno, known.opno, mode)) return true;
        continue;
      }
      if (known.other.node !== 'Const' || pred.other.node !== 'Const') continue;
      if (known.other.value === null) return true;
      if (pred.other.value === null) {
        if (mode === 'refute') return true;
        continue;
      }
      if (constantProof(root, pred, known, pred.other.value, known.other.value, mode)) return true;
    }
  }
  return false;
}

function sameSubexpression(root: PlannerInfo, predOp: number, clauseOp: number, mode: Mode): boolean {
  const catalog = catalogOf(root);
  if (mode === 'imply' && predOp === clauseOp) return true;
  if (mode === 'refute' && catalog.operator(predOp)?.oprnegate === clauseOp) return true;
  const pair = strategies(root, predOp, clauseOp);
  if (!pair) return false;
  const [predicate, clause] = pair;
  if (mode === 'imply') {
    const table: Record<number, readonly number[]> = { 1: [1, 2, 6], 2: [2], 3: [2, 3, 4], 4: [4], 5: [4, 5, 6], 6: [6] };
    return table[clause].includes(predicate);
  }
  const table: Record<number, readonly number[]> = { 1: [3, 4, 5], 2: [5], 3: [1, 5, 6], 4: [1], 5: [1, 2, 3], 6: [3] };
  return table[clause].includes(predicate);
}

/** Strategies of both operators in one btree family; 6 for the negator of equality. */
function strategies(root: PlannerInfo, predOp: number, clauseOp: number): [number, number, number] | null {
  const catalog = catalogOf(root);
  const find = (opno: number): { family: number; strategy: number }[] => {
    const direct = catalog.operatorFamilies(opno).filter((entry) => entry.accessMethod === 403).map(({ family, strategy }) => ({ family, strategy }));
    if (direct.length > 0) return direct;
    const negator = catalog.operator(opno)?.oprnegate ?? 0;
    if (!negator) return [];
    return catalog.operatorFamilies(negator).filter((entry) => entry.accessMethod === 403 && entry.strategy === 3).map(({ family }) => ({ family, strategy: 6 }));
  };
  const clauseEntries = find(clauseOp);
  for (const pred of find(predOp)) {
    const match = clauseEntries.find((entry) => entry.family === pred.family);
    if (match) return [pred.strategy, match.strategy, pred.family];
  }
  return null;
}

function constantProof(root: PlannerInfo, predicate: Comparison, clause: Comparison, predValue: Datum, clauseValue: Datum, mode: Mode): boolean {
  const pair = strategies(root, predicate.opno, clause.opno);
  if (!pair) return false;
  const [predStrategy, clauseStrategy, family] = pair;
  const test = (mode === 'imply' ? IMPLIES : REFUTES)[clauseStrategy - 1][predStrategy - 1];
  if (test === 0) return false;
  const catalog = catalogOf(root);
  const predType = catalog.operator(predicate.opno)?.oprright ?? 0;
  const clauseType = catalog.operator(clause.opno)?.oprright ?? 0;
  const strategy = test === 6 ? 3 : test;
  const opno = catalog.familyOperator(family, predType, clauseType, strategy);
  const code = opno ? catalog.operator(opno)?.oprcode ?? 0 : 0;
  if (!code || catalog.proc(code)?.provolatile !== 'i') return false;
  const answer = root.glob.context.evaluator.callFunction(code, predicate.collation, [predValue, clauseValue]);
  return test === 6 ? answer === false : answer === true;
}
