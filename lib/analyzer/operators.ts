/**
 * Operators: finding the one that is meant and building its expression; sorting and grouping operators of types. Follows
 * PostgreSQL's parser/parse_oper.c.
 */
import { pgError } from '../base/error.js';
import type { PgOperator } from '../catalog/rows.js';
import { BOOLOID, INTERNALOID, RECORDOID, UNKNOWNOID } from '../types/oids.js';
import { matchArgumentTypes, selectCandidate, type Candidate } from './candidates.js';
import { coerceType, compositeRelation } from './coerce.js';
import { deconstructName, operatorSignature } from './names.js';
import { exprType } from './node-functions.js';
import type { Expr, OpExpr, ScalarArrayOpExpr } from './nodes.js';
import { checkSetPlacement } from './placement.js';
import { enforceGenericTypeConsistency, isPolymorphic } from './polymorphic.js';
import type { Oid, ParseState } from './state.js';
import { arrayTypeOf, elementTypeOf, requireSchema } from './type-name.js';

/** pg_am OIDs. */
export const BTREE_AM_OID = 403;
export const HASH_AM_OID = 405;

/** Operators that a possibly qualified name reaches: the first in the search path for each pair of argument types. */
function visibleOperators(state: ParseState, name: readonly string[], kind: 'b' | 'l'): PgOperator[] {
  const { schema, name: bare } = deconstructName(state, name);
  const rows = state.catalog.operatorsByName(bare);
  if (schema !== null) {
    const namespace = requireSchema(state, schema);
    return rows.filter((row) => row.oprkind === kind && row.oprnamespace === namespace);
  }
  const path = state.catalog.searchPath;
  const found: { row: PgOperator; position: number }[] = [];
  const single = rows.every((row) => row.oprnamespace === rows[0].oprnamespace);
  for (const row of rows) {
    if (row.oprkind !== kind) continue;
    const position = row.oprnamespace === state.catalog.tempNamespace ? -1 : path.indexOf(row.oprnamespace);
    if (position < 0) continue;
    const same = single ? undefined : found.find((other) => other.row.oprleft === row.oprleft && other.row.oprright === row.oprright);
    if (same === undefined) {
      found.push({ row, position });
    } else if (position < same.position) {
      same.row = row;
      same.position = position;
    }
  }
  return found.map((entry) => entry.row);
}

function exact(operators: readonly PgOperator[], left: Oid, right: Oid): PgOperator | undefined {
  return operators.find((row) => row.oprleft === left && row.oprright === right);
}

/** An operator of exactly these argument types, or null (OpernameGetOprid). Left 0 for a prefix operator. */
export function exactOperator(state: ParseState, name: readonly string[], left: Oid, right: Oid): PgOperator | null {
  return exact(visibleOperators(state, name, left === 0 ? 'l' : 'b'), left, right) ?? null;
}

function binaryExact(state: ParseState, operators: readonly PgOperator[], left: Oid, right: Oid): PgOperator | undefined {
  const unknown = left === UNKNOWNOID || right === UNKNOWNOID;
  const [a, b] = left === UNKNOWNOID ? [right, right] : right === UNKNOWNOID ? [left, left] : [left, right];
  const found = exact(operators, a, b);
  if (found !== undefined || !unknown) return found;
  const base = state.catalog.baseType(a);
  return base === a ? undefined : exact(operators, base, base);
}

function select(state: ParseState, operators: readonly PgOperator[], types: readonly Oid[]): PgOperator | 'ambiguous' | null {
  const candidates: Candidate[] = operators.map((row) => ({ oid: row.oid, args: types.length === 1 ? [row.oprright] : [row.oprleft, row.oprright] }));
  const matching = matchArgumentTypes(state, types, candidates);
  if (matching.length === 0) return null;
  const chosen = matching.length === 1 ? matching[0] : selectCandidate(state, types, matching);
  return chosen === null ? 'ambiguous' : operators.find((row) => row.oid === chosen.oid) ?? null;
}

/** The binary operator for argument types, or null when `missingOk`. @throws 42883, 42725 */
export function binaryOperator(state: ParseState, name: readonly string[], left: Oid, right: Oid, location: number, missingOk = false): PgOperator | null {
  const operators = state.at(location, () => visibleOperators(state, name, 'b'));
  const found = binaryExact(state, operators, left, right) ?? select(state, operators, [left, right]);
  if (found !== null && found !== 'ambiguous') return found;
  if (missingOk) return null;
  throw operatorError(state, name, left, right, found === 'ambiguous', location);
}

/** The prefix operator for an argument type, or null. */
export function prefixOperatorOrNull(state: ParseState, name: readonly string[], right: Oid): PgOperator | null {
  const operators = visibleOperators(state, name, 'l');
  const found = exact(operators, 0, right) ?? select(state, operators, [right]);
  return found === 'ambiguous' ? null : found;
}

function prefixOperator(state: ParseState, name: readonly string[], right: Oid, location: number): PgOperator {
  const operators = state.at(location, () => visibleOperators(state, name, 'l'));
  const found = exact(operators, 0, right) ?? select(state, operators, [right]);
  if (found !== null && found !== 'ambiguous') return found;
  throw operatorError(state, name, 0, right, found === 'ambiguous', location);
}

function operatorError(state: ParseState, name: readonly string[], left: Oid, right: Oid, ambiguous: boolean, location: number): Error {
  const signature = operatorSignature(state, name.join('.'), left, right);
  if (ambiguous) {
    return state.error('AMBIGUOUS_FUNCTION', `operator is not unique: ${signature}`, location,
      { hint: 'Could not choose a best candidate operator. You might need to add explicit type casts.' });
  }
  return state.error('UNDEFINED_FUNCTION', `operator does not exist: ${signature}`, location, {
    hint: left === 0
      ? 'No operator matches the given name and argument type. You might need to add an explicit type cast.'
      : 'No operator matches the given name and argument types. You might need to add explicit type casts.',
  });
}

function requireDefined(state: ParseState, row: PgOperator, name: readonly string[], location: number): void {
  if (row.oprcode === 0) throw state.error('UNDEFINED_FUNCTION', `operator is only a shell: ${operatorSignature(state, name.join('.'), row.oprleft, row.oprright)}`, location);
}

/** Coerces arguments to the types a function or operator declares (make_fn_arguments). */
export function coerceArguments(state: ParseState, args: readonly Expr[], actual: readonly Oid[], declared: readonly Oid[]): Expr[] {
  return args.map((arg, i) => (actual[i] === declared[i] ? arg : coerceType(state, arg, actual[i], declared[i], -1, 'implicit', 'implicitCast', -1)));
}

/** Builds `left op right`, or `op right` when left is null. @throws 42883, 42725, 42804, 0A000 */
export function makeOperator(state: ParseState, name: readonly string[], left: Expr | null, right: Expr | null, lastSrf: Expr | null, location: number): OpExpr {
  if (right === null) throw state.error('SYNTAX_ERROR', 'postfix operators are not supported', -1);
  const rightType = exprType(right);
  const row = left === null ? prefixOperator(state, name, rightType, location) : binaryOperator(state, name, exprType(left), rightType, location);
  if (row === null) throw pgError('INTERNAL_ERROR', 'operator lookup failed');
  requireDefined(state, row, name, location);
  const args = left === null ? [right] : [left, right];
  const actual = args.map(exprType);
  const declared = left === null ? [row.oprright] : [row.oprleft, row.oprright];
  const result = enforceGenericTypeConsistency(state, actual, declared, row.oprresult);
  if (declared.includes(INTERNALOID)) throw state.error('FEATURE_NOT_SUPPORTED', 'functions accepting type "internal" cannot be called explicitly', location);
  if (result === INTERNALOID) throw state.error('FEATURE_NOT_SUPPORTED', 'functions returning type "internal" cannot be called explicitly', location);
  const opretset = state.catalog.proc(row.oprcode)?.proretset ?? false;
  const expr: OpExpr = {
    node: 'OpExpr', opno: row.oid, opfuncid: row.oprcode, opresulttype: result, opretset, opcollid: 0, inputcollid: 0,
    args: coerceArguments(state, args, actual, declared), location,
  };
  if (opretset) {
    checkSetPlacement(state, lastSrf, location);
    state.lastSrf = expr;
  }
  return expr;
}

/** Builds `scalar op ANY/ALL (array)`. @throws 42809, 42883 ... */
export function makeScalarArrayOperator(state: ParseState, name: readonly string[], useOr: boolean, left: Expr, right: Expr, location: number): ScalarArrayOpExpr {
  const leftType = exprType(left);
  const arrayType = exprType(right);
  const elementType = arrayType === UNKNOWNOID ? UNKNOWNOID : elementTypeOf(state, state.catalog.baseType(arrayType));
  if (elementType === 0) throw state.error('WRONG_OBJECT_TYPE', 'op ANY/ALL (array) requires array on right side', location);
  const row = binaryOperator(state, name, leftType, elementType, location);
  if (row === null) throw pgError('INTERNAL_ERROR', 'operator lookup failed');
  requireDefined(state, row, name, location);
  const declared = [row.oprleft, row.oprright];
  const result = enforceGenericTypeConsistency(state, [leftType, elementType], declared, row.oprresult);
  if (result !== BOOLOID) throw state.error('WRONG_OBJECT_TYPE', 'op ANY/ALL (array) requires operator to yield boolean', location);
  if (state.catalog.proc(row.oprcode)?.proretset) throw state.error('WRONG_OBJECT_TYPE', 'op ANY/ALL (array) requires operator not to return a set', location);
  const targetArray = isPolymorphic(declared[1]) ? arrayType : arrayTypeOf(state, declared[1]);
  if (targetArray === 0) throw state.error('UNDEFINED_OBJECT', `could not find array type for data type ${state.formatType(declared[1])}`, location);
  const [a, b] = coerceArguments(state, [left, right], [leftType, arrayType], [declared[0], targetArray]);
  return { node: 'ScalarArrayOpExpr', opno: row.oid, opfuncid: row.oprcode, useOr, inputcollid: 0, args: [a, b], location };
}

/** A type's default ordering and equality. */
export interface SortOperators {
  readonly lt: Oid;
  readonly eq: Oid;
  readonly gt: Oid;
  readonly hashable: boolean;
}

/** Looks up a type's default btree and hash operators; 0 where there is none. Element and column types are looked into. */
export function sortOperators(state: ParseState, type: Oid): SortOperators {
  const base = state.catalog.baseType(type);
  const { catalog } = state;
  const btree = catalog.opclass(catalog.defaultOpclass(base, BTREE_AM_OID));
  const hash = catalog.opclass(catalog.defaultOpclass(base, HASH_AM_OID));
  const operator = (opclass: typeof btree, strategy: number): Oid =>
    (opclass === null ? 0 : catalog.familyOperator(opclass.opcfamily, opclass.opcintype, opclass.opcintype, strategy));
  let lt = operator(btree, 1);
  let eq = operator(btree, 3);
  let gt = operator(btree, 5);
  if (eq === 0) eq = operator(hash, 1);
  let hashable = hash !== null;
  for (const part of partTypes(state, base)) {
    const inner = sortOperators(state, part);
    if (inner.lt === 0) lt = gt = 0;
    if (inner.eq === 0) eq = 0;
    hashable &&= inner.hashable;
  }
  return { lt, eq, gt, hashable };
}

/** Types whose order decides that of a container: elements of an array or range, columns of a row. */
function partTypes(state: ParseState, type: Oid): Oid[] {
  if (type === RECORDOID) return [];
  const element = elementTypeOf(state, type);
  if (element !== 0) return [element];
  const relid = compositeRelation(state, type);
  if (relid !== 0) return (state.catalog.relation(relid)?.attributes ?? []).filter((attribute) => !attribute.attisdropped).map((attribute) => attribute.atttypid);
  const range = state.catalog.range(type);
  return range === null || range.rngtypid !== type ? [] : [range.rngsubtype];
}

/** The same, with errors for what must be there. @throws 42883 */
export function requireSortOperators(state: ParseState, type: Oid, need: { lt?: boolean; eq?: boolean; gt?: boolean }): SortOperators {
  const operators = sortOperators(state, type);
  if ((need.lt && operators.lt === 0) || (need.gt && operators.gt === 0)) {
    throw pgError('UNDEFINED_FUNCTION', `could not identify an ordering operator for type ${state.formatType(type)}`, { hint: 'Use an explicit ordering operator or modify the query.' });
  }
  if (need.eq && operators.eq === 0) throw pgError('UNDEFINED_FUNCTION', `could not identify an equality operator for type ${state.formatType(type)}`);
  return operators;
}

/** The equality operator that goes with an ordering operator, and whether that one is "greater than" (get_equality_op_for_ordering_op). */
export function equalityForOrdering(state: ParseState, operator: Oid): { eq: Oid; reverse: boolean } | null {
  for (const member of state.catalog.operatorFamilies(operator)) {
    if (member.accessMethod !== BTREE_AM_OID || (member.strategy !== 1 && member.strategy !== 5)) continue;
    const eq = state.catalog.familyOperator(member.family, member.leftType, member.rightType, 3);
    if (eq !== 0) return { eq, reverse: member.strategy === 5 };
  }
  return null;
}
