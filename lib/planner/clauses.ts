/**
 * Questions about expressions (clauses.c, var.c): which relations and Vars they use, whether they are volatile, strict,
 * constant, contain aggregates or sub-plans; and small constructors.
 */
import type { Catalog, Oid } from '../catalog/api.js';
import type { BoolExpr, Const, Expr, OpExpr, Query, Var } from '../analyzer/nodes.js';
import { forEachChild, walkExpression, walkQuery } from '../analyzer/walker.js';
import { BOOLOID } from '../types/oids.js';
import { GROUP_VARNO, PLACEHOLDER_VARNO, type PlaceholderInfo, type PlannerInfo } from './path-nodes.js';
import { NO_RELS, relidsOf, type Relids } from './relids.js';

/** True when the test holds for the expression or any sub-expression (sub-selects are not entered). */
export function someNode(expr: Expr, test: (node: Expr) => boolean): boolean {
  if (test(expr)) return true;
  let found = false;
  forEachChild(expr, (child) => { found ||= someNode(child, test); });
  return found;
}

/** The placeholder that a Var stands for, if it is one. */
export function placeholderOf(root: PlannerInfo, node: Var): PlaceholderInfo | undefined {
  return node.varno >= PLACEHOLDER_VARNO ? root.placeholders.get(node.varno - PLACEHOLDER_VARNO) : undefined;
}

/** Relations of this query level that the expression uses (pull_varnos); placeholders count where they are evaluated. */
export function pullVarnos(root: PlannerInfo, expr: Expr | null): Relids {
  if (!expr) return NO_RELS;
  if (expr.node === 'Var') return expr.varlevelsup === 0 ? varRelids(root, expr) : NO_RELS;
  let result = NO_RELS;
  walkExpression(expr, (node, depth) => {
    if (node.node === 'Var' && node.varlevelsup === depth) result |= varRelids(root, node);
    else if (node.node === 'CurrentOfExpr' && depth === 0) result |= relidsOf(node.cvarno);
  });
  return result;
}

function varRelids(root: PlannerInfo, node: Var): Relids {
  if (node.varno === GROUP_VARNO) return NO_RELS;
  const placeholder = placeholderOf(root, node);
  return placeholder ? placeholder.evalAt : relidsOf(node.varno);
}

/** Vars of the given level in a query nested in an expression (levelsup counted from the query itself). */
export function pullVarsOfLevel(query: Query, levelsup: number): Var[] {
  const found: Var[] = [];
  walkQuery(query, (node, depth) => {
    if (node.node === 'Var' && node.varlevelsup === depth + levelsup) found.push(node);
  });
  return found;
}

/** True when the query uses Vars or aggregates of a level outside it. */
export function containsVarsOfLevel(query: Query, levelsup: number): boolean {
  return walkQuery(query, (node, depth) =>
    (node.node === 'Var' && node.varlevelsup === depth + levelsup)
    || ((node.node === 'Aggref' || node.node === 'GroupingFunc') && node.agglevelsup === depth + levelsup));
}

/** True when the expression (sub-selects included) has a Var of the current level. */
export function containsVar(expr: Expr): boolean {
  return walkExpression(expr, (node, depth) => (node.node === 'Var' && node.varlevelsup === depth) || node.node === 'CurrentOfExpr');
}

/** The Vars (placeholders included), Aggrefs, WindowFuncs and GroupingFuncs of an expression, not looking inside the latter (pull_var_clause). */
export function pullVarClause(expr: Expr, options: { aggregates?: 'include' | 'recurse'; windows?: 'include' | 'recurse' } = {}): Expr[] {
  const found: Expr[] = [];
  const visit = (node: Expr): void => {
    if (node.node === 'Var') {
      if (node.varlevelsup === 0) found.push(node);
      return;
    }
    if ((node.node === 'Aggref' || node.node === 'GroupingFunc') && options.aggregates === 'include') {
      if (node.agglevelsup === 0) found.push(node);
      return;
    }
    if (node.node === 'WindowFunc' && options.windows === 'include') {
      found.push(node);
      return;
    }
    forEachChild(node, visit);
  };
  visit(expr);
  return found;
}

function functionsOf(node: Expr): Oid[] {
  switch (node.node) {
    case 'FuncExpr': return [node.funcid];
    case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': return [node.opfuncid];
    case 'Aggref': return [node.aggfnoid];
    case 'WindowFunc': return [node.winfnoid];
    default: return [];
  }
}

function volatilityOf(catalog: Catalog, functionOid: Oid): string {
  return catalog.proc(functionOid)?.provolatile ?? 'v';
}

function nodeVolatility(catalog: Catalog, node: Expr): string {
  let worst = 'i';
  switch (node.node) {
    case 'NextValueExpr': return 'v';
    case 'SQLValueFunction': case 'CoerceViaIO': case 'CoerceToDomain': return 's';
    case 'RowCompareExpr':
      return 'i';
    default:
      for (const oid of functionsOf(node)) {
        const volatility = volatilityOf(catalog, oid);
        if (volatility === 'v') return 'v';
        if (volatility === 's') worst = 's';
      }
      return worst;
  }
}

/** True when evaluating it twice may differ (contain_volatile_functions); sub-selects are looked into. */
export function containsVolatile(catalog: Catalog, expr: Expr): boolean {
  return walkExpression(expr, (node) => nodeVolatility(catalog, node) === 'v');
}

/** Volatile functions anywhere in a query. */
export function queryContainsVolatile(catalog: Catalog, query: Query): boolean {
  return walkQuery(query, (node) => nodeVolatility(catalog, node) === 'v');
}

/** True when the result may change over time (stable or volatile functions). */
export function containsMutable(catalog: Catalog, expr: Expr): boolean {
  return walkExpression(expr, (node) => nodeVolatility(catalog, node) !== 'i');
}

/** True when the expression contains a set-returning call. */
export function returnsSet(expr: Expr): boolean {
  return someNode(expr, (node) => (node.node === 'FuncExpr' && node.funcretset) || (node.node === 'OpExpr' && node.opretset));
}

/** True when a SubPlan, SubLink or AlternativeSubPlan stands in it. */
export function containsSubplan(expr: Expr): boolean {
  return someNode(expr, (node) => node.node === 'SubPlan' || node.node === 'SubLink');
}

/** True when an aggregate (or GROUPING) of this level stands in it. */
export function containsAggregate(expr: Expr): boolean {
  return someNode(expr, (node) => (node.node === 'Aggref' || node.node === 'GroupingFunc') && node.agglevelsup === 0);
}

/** True when a window function stands in it. */
export function containsWindowFunc(expr: Expr): boolean {
  return someNode(expr, (node) => node.node === 'WindowFunc');
}

/** True when a Param of kind exec stands in it. */
export function containsExecParam(expr: Expr): boolean {
  return someNode(expr, (node) => node.node === 'Param' && node.paramkind === 'exec');
}

/** No Vars of this level and nothing volatile: can be evaluated once per execution (is_pseudo_constant_clause). */
export function isPseudoConstant(catalog: Catalog, expr: Expr): boolean {
  return !containsVar(expr) && !containsVolatile(catalog, expr);
}

function isStrict(catalog: Catalog, functionOid: Oid): boolean {
  return catalog.proc(functionOid)?.proisstrict === true;
}

/** True when the expression may be non-null although some input is null (contain_nonstrict_functions). */
export function containsNonstrict(catalog: Catalog, expr: Expr): boolean {
  return someNode(expr, (node) => {
    switch (node.node) {
      case 'Var': case 'Const': case 'Param': case 'RelabelType': case 'CollateExpr': case 'FieldSelect': case 'CaseTestExpr':
      case 'CoerceViaIO':
        return false;
      case 'FuncExpr': return !isStrict(catalog, node.funcid);
      case 'OpExpr': return !isStrict(catalog, node.opfuncid);
      case 'ScalarArrayOpExpr': return !isStrictArrayOp(catalog, node, false);
      case 'BoolExpr': return node.boolop !== 'not';
      case 'ArrayCoerceExpr': return false;
      case 'SubscriptingRef': return node.refassgnexpr !== null;
      default: return true;
    }
  });
}

function isStrictArrayOp(catalog: Catalog, node: Extract<Expr, { node: 'ScalarArrayOpExpr' }>, falseOk: boolean): boolean {
  if (!isStrict(catalog, node.opfuncid)) return false;
  if (node.useOr && falseOk) return true;
  const array = node.args[1];
  return array.node === 'ArrayExpr' && array.elements.length > 0;
}

/** Relations whose all-null row makes the condition false or null (find_nonnullable_rels). */
export function findNonnullableRels(root: PlannerInfo, expr: Expr | readonly Expr[] | null, topLevel = true): Relids {
  if (!expr) return NO_RELS;
  if (isList(expr)) {
    let union = NO_RELS;
    for (const item of expr) union |= findNonnullableRels(root, item, topLevel);
    return union;
  }
  const catalog = root.glob.context.catalog;
  switch (expr.node) {
    case 'Var':
      return expr.varlevelsup === 0 ? nonnullableVar(root, expr) : NO_RELS;
    case 'FuncExpr':
      return isStrict(catalog, expr.funcid) ? findNonnullableRels(root, expr.args, false) : NO_RELS;
    case 'OpExpr':
      return isStrict(catalog, expr.opfuncid) ? findNonnullableRels(root, expr.args, false) : NO_RELS;
    case 'ScalarArrayOpExpr':
      return isStrictArrayOp(catalog, expr, topLevel) ? findNonnullableRels(root, expr.args, false) : NO_RELS;
    case 'BoolExpr':
      if (expr.boolop === 'not') return findNonnullableRels(root, expr.args, false);
      if (expr.boolop === 'and' && topLevel) return findNonnullableRels(root, expr.args, true);
      return intersectArms(expr.args.map((arm) => findNonnullableRels(root, arm, topLevel)));
    case 'RelabelType': case 'CollateExpr': case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'ConvertRowtypeExpr':
      return findNonnullableRels(root, expr.arg, topLevel && expr.node !== 'CoerceViaIO');
    case 'NullTest':
      return topLevel && expr.nulltesttype === 'isNotNull' && !expr.argisrow ? findNonnullableRels(root, expr.arg, false) : NO_RELS;
    case 'BooleanTest':
      return topLevel && ['isTrue', 'isFalse', 'isNotUnknown'].includes(expr.booltesttype)
        ? findNonnullableRels(root, expr.arg, false) : NO_RELS;
    case 'SubPlan':
      return (topLevel && expr.subLinkType === 'any') || expr.subLinkType === 'rowcompare'
        ? findNonnullableRels(root, expr.testexpr, topLevel) : NO_RELS;
    default:
      return NO_RELS;
  }
}

function isList(value: Expr | readonly Expr[]): value is readonly Expr[] {
  return Array.isArray(value);
}

function nonnullableVar(root: PlannerInfo, node: Var): Relids {
  const placeholder = placeholderOf(root, node);
  if (!placeholder) return relidsOf(node.varno);
  let result = findNonnullableRels(root, placeholder.expr, false);
  const phrels = placeholder.phrels;
  if (phrels !== NO_RELS && (phrels & (phrels - 1n)) === NO_RELS) result |= phrels;
  return result;
}

function intersectArms(sets: readonly Relids[]): Relids {
  let result: Relids | null = null;
  for (const set of sets) result = result === null ? set : result & set;
  return result ?? NO_RELS;
}

/** Key of a Var in sets of Vars. */
export function varKey(node: Var): string {
  return `${node.varno}.${node.varattno}`;
}

/** Vars that must be non-null for the condition to hold (find_nonnullable_vars). */
export function findNonnullableVars(catalog: Catalog, expr: Expr | null, topLevel = true): Set<string> {
  const result = new Set<string>();
  if (!expr) return result;
  const addAll = (list: readonly Expr[], top: boolean): Set<string> => {
    for (const item of list) for (const key of findNonnullableVars(catalog, item, top)) result.add(key);
    return result;
  };
  switch (expr.node) {
    case 'Var':
      if (expr.varlevelsup === 0) result.add(varKey(expr));
      return result;
    case 'FuncExpr': return isStrict(catalog, expr.funcid) ? addAll(expr.args, false) : result;
    case 'OpExpr': return isStrict(catalog, expr.opfuncid) ? addAll(expr.args, false) : result;
    case 'ScalarArrayOpExpr': return isStrictArrayOp(catalog, expr, topLevel) ? addAll(expr.args, false) : result;
    case 'BoolExpr': {
      if (expr.boolop === 'not') return addAll(expr.args, false);
      if (expr.boolop === 'and' && topLevel) return addAll(expr.args, true);
      const arms = expr.args.map((arm) => findNonnullableVars(catalog, arm, topLevel));
      for (const key of arms[0] ?? []) if (arms.every((arm) => arm.has(key))) result.add(key);
      return result;
    }
    case 'RelabelType': case 'CollateExpr': case 'ArrayCoerceExpr': case 'ConvertRowtypeExpr':
      return findNonnullableVars(catalog, expr.arg, topLevel);
    case 'CoerceViaIO': return findNonnullableVars(catalog, expr.arg, false);
    case 'NullTest':
      return topLevel && expr.nulltesttype === 'isNotNull' && !expr.argisrow ? findNonnullableVars(catalog, expr.arg, false) : result;
    case 'BooleanTest':
      return topLevel && ['isTrue', 'isFalse', 'isNotUnknown'].includes(expr.booltesttype)
        ? findNonnullableVars(catalog, expr.arg, false) : result;
    default: return result;
  }
}

/** Vars known null by the condition: `x IS NULL` at top level of an AND (find_forced_null_vars). */
export function findForcedNullVars(expr: Expr | null): Set<string> {
  const result = new Set<string>();
  if (!expr) return result;
  if (expr.node === 'NullTest' && expr.nulltesttype === 'isNull' && !expr.argisrow && expr.arg.node === 'Var' && expr.arg.varlevelsup === 0) {
    result.add(varKey(expr.arg));
  } else if (expr.node === 'BooleanTest' && expr.booltesttype === 'isUnknown' && expr.arg.node === 'Var' && expr.arg.varlevelsup === 0) {
    result.add(varKey(expr.arg));
  } else if (expr.node === 'BoolExpr' && expr.boolop === 'and') {
    for (const arg of expr.args) for (const key of findForcedNullVars(arg)) result.add(key);
  }
  return result;
}

// ------------------------------------------------------------------ constructors

/** A boolean constant. */
export function makeBool(value: boolean | null): Const {
  return { node: 'Const', consttype: BOOLOID, consttypmod: -1, constcollid: 0, value, location: -1 };
}

/** A null constant of a type. */
export function makeNull(type: Oid, typmod: number, collation: Oid): Const {
  return { node: 'Const', consttype: type, consttypmod: typmod, constcollid: collation, value: null, location: -1 };
}

/** AND/OR/NOT. */
export function makeBoolExpr(boolop: BoolExpr['boolop'], args: readonly Expr[]): BoolExpr {
  return { node: 'BoolExpr', boolop, args, location: -1 };
}

/** A list of ANDed conditions as one expression (null when empty). */
export function makeAnds(list: readonly Expr[]): Expr | null {
  if (list.length === 0) return null;
  return list.length === 1 ? list[0] : makeBoolExpr('and', list);
}

/** The condition as a list of ANDed conditions (make_ands_implicit); constant TRUE disappears. */
export function makeAndsImplicit(expr: Expr | null): Expr[] {
  if (!expr) return [];
  if (expr.node === 'BoolExpr' && expr.boolop === 'and') return expr.args.flatMap((arg) => makeAndsImplicit(arg));
  if (expr.node === 'Const' && expr.value === true) return [];
  return [expr];
}

/** A binary operator expression for an operator of the catalog. */
export function makeOpExpr(catalog: Catalog, opno: Oid, left: Expr, right: Expr, inputcollid: Oid): OpExpr {
  const operator = catalog.operator(opno);
  return {
    node: 'OpExpr', opno, opfuncid: operator?.oprcode ?? 0, opresulttype: operator?.oprresult ?? BOOLOID, opretset: false,
    opcollid: 0, inputcollid, args: [left, right], location: -1,
  };
}

/** Constant FALSE or NULL: no row passes. */
export function isFalseOrNull(expr: Expr): boolean {
  return expr.node === 'Const' && (expr.value === null || expr.value === false);
}

/** The operand under binary-compatible relabelling. */
export function stripRelabel(expr: Expr): Expr {
  let node = expr;
  while (node.node === 'RelabelType') node = node.arg;
  return node;
}

/** OID of the array type over an element type; 0 when there is none. */
export function arrayTypeOf(catalog: Catalog, elementType: Oid): Oid {
  return catalog.type(elementType)?.typarray ?? 0;
}
