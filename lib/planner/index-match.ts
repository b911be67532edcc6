/**
 * Matching conditions with index columns (the match_* functions of indxpath.c): which clause can be an index condition of
 * which column, and in what form.
 */
import type { Expr, OpExpr } from '../analyzer/nodes.js';
import { exprType } from '../analyzer/node-functions.js';
import { ArrayValue } from '../types/datum.js';
import { arrayTypeOf, containsVolatile, makeBool, pullVarnos, stripRelabel } from './clauses.js';
import { catalogOf } from './cost-qual.js';
import { equal } from './equal.js';
import { likePrefix } from './like-prefix.js';
import type { IndexClause, IndexOptInfo, PlannerInfo, RestrictInfo } from './path-nodes.js';
import { hasMember } from './relids.js';
import { prefixUpperBound, regexShape } from './selectivity-ops.js';

const BOOL_BTREE_FAMILY = 424;
const BOOL_HASH_FAMILY = 2222;

/** True when the operand is the index column. */
export function matchesColumn(index: IndexOptInfo, operand: Expr, column: number): boolean {
  const expr = stripRelabel(operand);
  const attno = index.descriptor.attributes[column];
  if (attno !== 0) return expr.node === 'Var' && expr.varlevelsup === 0 && expr.varno === index.rel.relid && expr.varattno === attno;
  return equal(stripRelabel(index.columns[column]), expr);
}

function clauseOf(rinfo: RestrictInfo, column: number, quals: readonly Expr[], lossy = false, columns: readonly number[] = [column]): IndexClause {
  return { rinfo, indexQuals: quals, lossy, indexcol: column, indexcols: columns };
}

/** The index clause that the condition gives for a column, or null (match_clause_to_indexcol). */
export function matchClause(root: PlannerInfo, rinfo: RestrictInfo, index: IndexOptInfo, column: number): IndexClause | null {
  if (rinfo.pseudoconstant) return null;
  const clause = rinfo.clause;
  const family = index.descriptor.opfamilies[column];
  if (family === BOOL_BTREE_FAMILY || family === BOOL_HASH_FAMILY) {
    const boolean = matchBoolean(root, rinfo, index, column);
    if (boolean) return boolean;
  }
  switch (clause.node) {
    case 'OpExpr': return matchOperator(root, rinfo, clause, index, column);
    case 'FuncExpr': return matchFunction(root, rinfo, clause, index, column);
    case 'ScalarArrayOpExpr': return matchArray(root, rinfo, clause, index, column);
    case 'RowCompareExpr': return matchRowCompare(root, rinfo, clause, index, column);
    case 'BoolExpr': return clause.boolop === 'or' ? matchOr(root, rinfo, index, column) : null;
    case 'NullTest':
      return index.ordered && !clause.argisrow && matchesColumn(index, clause.arg, column) ? clauseOf(rinfo, column, [clause]) : null;
    default: return null;
  }
}

function matchBoolean(root: PlannerInfo, rinfo: RestrictInfo, index: IndexOptInfo, column: number): IndexClause | null {
  const clause = rinfo.clause;
  const make = (value: boolean): IndexClause | null => {
    const key = index.columns[column];
    const equality = catalogOf(root).familyOperator(index.descriptor.opfamilies[column], 16, 16, index.ordered ? 3 : 1);
    if (!equality) return null;
    const qual: OpExpr = {
      node: 'OpExpr', opno: equality, opfuncid: catalogOf(root).operator(equality)?.oprcode ?? 0, opresulttype: 16, opretset: false,
      opcollid: 0, inputcollid: 0, args: [key, makeBool(value)], location: -1,
    };
    return clauseOf(rinfo, column, [qual]);
  };
  if (matchesColumn(index, clause, column)) return make(true);
  if (clause.node === 'BoolExpr' && clause.boolop === 'not' && matchesColumn(index, clause.args[0], column)) return make(false);
  if (clause.node === 'BooleanTest' && matchesColumn(index, clause.arg, column)) {
    if (clause.booltesttype === 'isTrue') return make(true);
    if (clause.booltesttype === 'isFalse') return make(false);
  }
  return null;
}

function otherSideFree(root: PlannerInfo, index: IndexOptInfo, other: Expr): boolean {
  return !hasMember(pullVarnos(root, other), index.rel.relid) && !containsVolatile(catalogOf(root), other);
}

function collationMatches(index: IndexOptInfo, column: number, collation: number): boolean {
  const own = index.descriptor.collations[column];
  return own === 0 || own === collation;
}

function inFamily(root: PlannerInfo, opno: number, family: number): boolean {
  return catalogOf(root).operatorFamilies(opno).some((entry) => entry.family === family);
}

function matchOperator(root: PlannerInfo, rinfo: RestrictInfo, clause: OpExpr, index: IndexOptInfo, column: number): IndexClause | null {
  if (clause.args.length !== 2) return null;
  const [left, right] = clause.args;
  const family = index.descriptor.opfamilies[column];
  if (matchesColumn(index, left, column) && otherSideFree(root, index, right)) {
    if (collationMatches(index, column, clause.inputcollid) && inFamily(root, clause.opno, family)) return clauseOf(rinfo, column, [clause]);
    return matchPattern(root, rinfo, clause, index, column);
  }
  if (matchesColumn(index, right, column) && otherSideFree(root, index, left)) {
    const commutator = catalogOf(root).operator(clause.opno)?.oprcom ?? 0;
    if (commutator && collationMatches(index, column, clause.inputcollid) && inFamily(root, commutator, family)) {
      const swapped: OpExpr = { ...clause, opno: commutator, opfuncid: catalogOf(root).operator(commutator)?.oprcode ?? 0, args: [right, left] };
      return clauseOf(rinfo, column, [swapped]);
    }
  }
  return null;
}

/** LIKE 'abc%', ~ '^abc', starts_with and ^@: a range over the prefix where the index orders by bytes. */
function matchPattern(root: PlannerInfo, rinfo: RestrictInfo, clause: OpExpr, index: IndexOptInfo, column: number): IndexClause | null {
  if (!index.ordered) return null;
  const catalog = catalogOf(root);
  const support = catalog.proc(catalog.proc(clause.opfuncid)?.prosupport ?? 0)?.prosrc ?? '';
  return prefixClause(root, rinfo, support, clause.args[1], clause.inputcollid, index, column);
}

function prefixClause(root: PlannerInfo, rinfo: RestrictInfo, support: string, patternExpr: Expr, collation: number, index: IndexOptInfo, column: number): IndexClause | null {
  const constant = stripRelabel(patternExpr);
  if (constant.node !== 'Const' || typeof constant.value !== 'string') return null;
  let shape: { prefix: string; exact: boolean };
  if (support === 'textlike_support') shape = likePrefix(constant.value);
  else if (support === 'texticlike_support') shape = likePrefix(constant.value, true);
  else if (support === 'textregexeq_support') shape = regexShape(constant.value, false);
  else if (support === 'text_starts_with_support') shape = { prefix: constant.value, exact: false };
  else return null;
  if (shape.prefix === '') return null;
  const type = index.descriptor.keyTypes[column];
  const family = index.descriptor.opfamilies[column];
  const bytewise = [2095, 2097].includes(family) || isCCollation(root, index.descriptor.collations[column]) || type === 19;
  if (!bytewise && !shape.exact) return null;
  const key = index.columns[column];
  const keyCollation = index.descriptor.collations[column];
  const operand = (value: string): Expr => ({ node: 'Const', consttype: constant.consttype === 19 ? 19 : type === 19 ? 25 : constant.consttype, consttypmod: -1, constcollid: constant.constcollid, value, location: -1 });
  const rightType = type === 19 ? 25 : type;
  const build = (strategy: number, value: string): OpExpr | null => {
    const opno = catalogOf(root).familyOperator(family, type, rightType, strategy) || catalogOf(root).familyOperator(family, type, type, strategy);
    if (!opno) return null;
    return {
      node: 'OpExpr', opno, opfuncid: catalogOf(root).operator(opno)?.oprcode ?? 0, opresulttype: 16, opretset: false, opcollid: 0,
      inputcollid: keyCollation || collation, args: [key, operand(value)], location: -1,
    };
  };
  if (shape.exact) {
    const equality = build(3, shape.prefix);
    return equality && clauseOf(rinfo, column, [equality], support !== 'textlike_support');
  }
  const lower = build(4, shape.prefix);
  const upper = build(1, prefixUpperBound(shape.prefix));
  return lower && upper ? clauseOf(rinfo, column, [lower, upper], true) : null;
}

/** True when the collation orders by bytes. */
export function isCCollation(root: PlannerInfo, collation: number): boolean {
  if (collation === 950 || collation === 951) return true;
  const row = catalogOf(root).collation(collation);
  return row !== null && row.collprovider === 'c' && (row.collcollate === 'C' || row.collcollate === 'POSIX');
}

function matchFunction(root: PlannerInfo, rinfo: RestrictInfo, clause: Extract<Expr, { node: 'FuncExpr' }>, index: IndexOptInfo, column: number): IndexClause | null {
  const catalog = catalogOf(root);
  const support = catalog.proc(catalog.proc(clause.funcid)?.prosupport ?? 0)?.prosrc ?? '';
  if (support === '' || clause.args.length !== 2 || !index.ordered || !matchesColumn(index, clause.args[0], column)) return null;
  return prefixClause(root, rinfo, support, clause.args[1], clause.inputcollid, index, column);
}

function matchArray(root: PlannerInfo, rinfo: RestrictInfo, clause: Extract<Expr, { node: 'ScalarArrayOpExpr' }>, index: IndexOptInfo, column: number): IndexClause | null {
  if (!clause.useOr || !index.ordered) return null;
  const [left, right] = clause.args;
  if (!matchesColumn(index, left, column) || !otherSideFree(root, index, right)) return null;
  if (!collationMatches(index, column, clause.inputcollid) || !inFamily(root, clause.opno, index.descriptor.opfamilies[column])) return null;
  return clauseOf(rinfo, column, [clause]);
}

function strategyOf(root: PlannerInfo, opno: number, family: number): number {
  return catalogOf(root).operatorFamilies(opno).find((entry) => entry.family === family)?.strategy ?? 0;
}

/** (a, b) < (x, y): the columns that stand in index order, with the same direction. */
function matchRowCompare(root: PlannerInfo, rinfo: RestrictInfo, clause: Extract<Expr, { node: 'RowCompareExpr' }>, index: IndexOptInfo, column: number): IndexClause | null {
  if (!index.ordered) return null;
  let onLeft: boolean;
  if (matchesColumn(index, clause.largs[0], column) && otherSideFree(root, index, clause.rargs[0])) onLeft = true;
  else if (matchesColumn(index, clause.rargs[0], column) && otherSideFree(root, index, clause.largs[0])) onLeft = false;
  else return null;
  const catalog = catalogOf(root);
  const operatorAt = (i: number): number => (onLeft ? clause.opnos[i] : catalog.operator(clause.opnos[i])?.oprcom ?? 0);
  const keyAt = (i: number): Expr => (onLeft ? clause.largs[i] : clause.rargs[i]);
  const valueAt = (i: number): Expr => (onLeft ? clause.rargs[i] : clause.largs[i]);
  const strategy = strategyOf(root, operatorAt(0), index.descriptor.opfamilies[column]);
  if (strategy === 0 || strategy === 3 || !collationMatches(index, column, clause.inputcollids[0])) return null;
  const columns = [column];
  let matched = 1;
  for (; matched < clause.opnos.length; matched++) {
    const next = index.descriptor.attributes.findIndex((_, i) => i < index.keyCount && matchesColumn(index, keyAt(matched), i));
    if (next < 0 || !otherSideFree(root, index, valueAt(matched))) break;
    if (strategyOf(root, operatorAt(matched), index.descriptor.opfamilies[next]) !== strategy) break;
    if (!collationMatches(index, next, clause.inputcollids[matched])) break;
    columns.push(next);
  }
  const consecutive = columns.every((value, i) => value === column + i && index.descriptor.descending[value] === index.descriptor.descending[column]);
  const usable = consecutive ? columns : [column];
  const exact = usable.length === clause.opnos.length;
  if (exact) {
    const cmptype = ({ 1: 'lt', 2: 'le', 4: 'ge', 5: 'gt' } as const)[strategy as 1 | 2 | 4 | 5];
    const ordered = onLeft ? clause : {
      ...clause, cmptype, opnos: clause.opnos.map((_, i) => operatorAt(i)), largs: clause.rargs, rargs: clause.largs,
    };
    return clauseOf(rinfo, column, [ordered], false, usable);
  }
  const loose = strategy === 1 ? 2 : strategy === 5 ? 4 : strategy;
  const type = index.descriptor.keyTypes[column];
  const opno = catalog.familyOperator(index.descriptor.opfamilies[column], type, catalog.operator(operatorAt(0))?.oprright ?? type, loose);
  if (!opno) return null;
  const qual: OpExpr = {
    node: 'OpExpr', opno, opfuncid: catalog.operator(opno)?.oprcode ?? 0, opresulttype: 16, opretset: false, opcollid: 0,
    inputcollid: clause.inputcollids[0], args: [keyAt(0), valueAt(0)], location: -1,
  };
  return clauseOf(rinfo, column, [qual], true);
}

/** x = 1 OR x = 2 as x = ANY ('{1,2}'). */
function matchOr(root: PlannerInfo, rinfo: RestrictInfo, index: IndexOptInfo, column: number): IndexClause | null {
  const clause = rinfo.clause;
  if (!index.ordered || clause.node !== 'BoolExpr') return null;
  const values: Expr[] = [];
  let opno = 0;
  let key: Expr | null = null;
  let collation = 0;
  for (const arm of clause.args) {
    if (arm.node !== 'OpExpr' || arm.args.length !== 2) return null;
    let [left, right] = arm.args;
    let operator = arm.opno;
    if (!matchesColumn(index, left, column)) {
      if (!matchesColumn(index, right, column)) return null;
      [left, right] = [right, left];
      operator = catalogOf(root).operator(operator)?.oprcom ?? 0;
    }
    if (!otherSideFree(root, index, right) || !inFamily(root, operator, index.descriptor.opfamilies[column])) return null;
    if (!collationMatches(index, column, arm.inputcollid)) return null;
    if (opno !== 0 && opno !== operator) return null;
    if (values.length > 0 && exprType(values[0]) !== exprType(right)) return null;
    opno = operator;
    key = left;
    collation = arm.inputcollid;
    values.push(right);
  }
  if (!key || values.length === 0) return null;
  const elementType = exprType(values[0]);
  const arrayType = arrayTypeOf(catalogOf(root), elementType);
  if (arrayType === 0) return null;
  const constants = values.map((value) => (value.node === 'Const' ? value.value : undefined));
  const array: Expr = constants.every((value) => value !== undefined)
    ? { node: 'Const', consttype: arrayType, consttypmod: -1, constcollid: collation, value: ArrayValue.of(elementType, constants), location: -1 }
    : { node: 'ArrayExpr', arrayTypeid: arrayType, arrayCollid: collation, elementTypeid: elementType, elements: values, multidims: false, location: -1 };
  return clauseOf(rinfo, column, [{
    node: 'ScalarArrayOpExpr', opno, opfuncid: catalogOf(root).operator(opno)?.oprcode ?? 0, useOr: true, inputcollid: collation, args: [key, array], location: -1,
  }]);
}
