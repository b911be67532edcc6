/**
 * Coercion of expressions to types: implicit, assignment and explicit casts, domains, typmods. Follows PostgreSQL's
 * parser/parse_coerce.c; constants of type unknown are read by the target type's input function here, at analysis.
 */
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import {
  ANYARRAYOID, ANYCOMPATIBLEARRAYOID, ANYCOMPATIBLEMULTIRANGEOID, ANYCOMPATIBLENONARRAYOID, ANYCOMPATIBLEOID,
  ANYCOMPATIBLERANGEOID, ANYELEMENTOID, ANYENUMOID, ANYMULTIRANGEOID, ANYNONARRAYOID, ANYOID, ANYRANGEOID, BOOLOID,
  INT2VECTOROID, INT4OID, INTERNALOID, INTERVALOID, OIDVECTOROID, RECORDARRAYOID, RECORDOID, UNKNOWNOID,
} from '../types/oids.js';
import { makeBool, makeConst, makeFuncExpr, makeInt4, makeRelabel } from './make.js';
import { exprCollation, exprLocation, exprType, exprTypmod, returnsSet } from './node-functions.js';
import type { CaseTestExpr, CoercionForm, Const, Expr, Param } from './nodes.js';
import { coerceParam } from './param.js';
import { checkGenericTypeConsistency, isPolymorphic } from './polymorphic.js';
import { expandWholeRow } from './relation.js';
import type { Mutable, Oid, ParseState } from './state.js';
import { elementTypeOf, typeRow } from './type-name.js';
import { forEachChild } from './walker.js';

/** How freely a value may be converted. */
export type CoercionContext = 'implicit' | 'assignment' | 'plpgsql' | 'explicit';

const CONTEXT_RANK: Readonly<Record<CoercionContext, number>> = { implicit: 0, assignment: 1, plpgsql: 2, explicit: 3 };
const CAST_RANK: Readonly<Record<string, number>> = { i: 0, a: 1, e: 3 };

/** How a conversion is done. */
export type CoercionPath =
  | { readonly kind: 'none' | 'relabel' | 'io' | 'array' }
  | { readonly kind: 'function'; readonly funcid: Oid };

const NONE: CoercionPath = { kind: 'none' };
const RELABEL: CoercionPath = { kind: 'relabel' };
const VIA_IO: CoercionPath = { kind: 'io' };
const ARRAY: CoercionPath = { kind: 'array' };

/** Unwraps domains; the domain's typmod takes the place of an unspecified one. */
export function baseTypeAndTypmod(state: ParseState, type: Oid, typmod: number): { type: Oid; typmod: number } {
  let row = typeRow(state, type);
  while (row.typtype === 'd') {
    typmod = row.typtypmod;
    row = typeRow(state, row.typbasetype);
  }
  return { type: row.oid, typmod };
}

/** True for composite types (domains over them included), not for record. */
export function isComposite(state: ParseState, type: Oid): boolean {
  return compositeRelation(state, type) !== 0;
}

/** pg_class OID of a composite type or of a domain over one, else 0 (typeOrDomainTypeRelid). */
export function compositeRelation(state: ParseState, type: Oid): Oid {
  return state.catalog.type(state.catalog.baseType(type))?.typrelid ?? 0;
}

/** Finds how to convert between two types in a context (find_coercion_pathway). */
export function findCoercionPathway(state: ParseState, target: Oid, source: Oid, context: CoercionContext): CoercionPath {
  const { catalog } = state;
  source = catalog.baseType(source);
  target = catalog.baseType(target);
  if (source === target) return RELABEL;
  if (source === INTERNALOID || target === INTERNALOID) return NONE;
  const cast = catalog.cast(source, target);
  let path = NONE;
  if (cast !== null) {
    if (CONTEXT_RANK[context] >= CAST_RANK[cast.castcontext]) {
      path = cast.castmethod === 'f' ? { kind: 'function', funcid: cast.castfunc } : cast.castmethod === 'i' ? VIA_IO : RELABEL;
    }
  } else {
    if (target !== OIDVECTOROID && target !== INT2VECTOROID) {
      const targetElement = elementTypeOf(state, target);
      const sourceElement = targetElement === 0 ? 0 : elementTypeOf(state, source);
      if (sourceElement !== 0 && findCoercionPathway(state, targetElement, sourceElement, context).kind !== 'none') return ARRAY;
    }
    const rank = CONTEXT_RANK[context];
    if (rank >= CONTEXT_RANK.assignment && typeRow(state, target).typcategory === 'S') path = VIA_IO;
    else if (rank >= CONTEXT_RANK.explicit && typeRow(state, source).typcategory === 'S') path = VIA_IO;
  }
  return path.kind === 'none' && context === 'plpgsql' ? VIA_IO : path;
}

/** Whether values of the input types can be converted to the target types (can_coerce_type). */
export function canCoerceTypes(state: ParseState, inputs: readonly Oid[], targets: readonly Oid[], context: CoercionContext): boolean {
  let generic = false;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    const target = targets[i];
    if (input === target || target === ANYOID) continue;
    if (isPolymorphic(target)) {
      generic = true;
      continue;
    }
    if (input === UNKNOWNOID || findCoercionPathway(state, target, input, context).kind !== 'none') continue;
    if (input === RECORDOID && isComposite(state, target)) continue;
    if (target === RECORDOID && isComposite(state, input)) continue;
    if (target === RECORDARRAYOID && isCompositeArray(state, input)) continue;
    if (inheritsFrom(state, input, target)) continue;
    return false;
  }
  return !generic || checkGenericTypeConsistency(state, inputs, targets);
}

/** One type to another. */
export function canCoerce(state: ParseState, input: Oid, target: Oid, context: CoercionContext = 'implicit'): boolean {
  return input === target || canCoerceTypes(state, [input], [target], context);
}

function isCompositeArray(state: ParseState, type: Oid): boolean {
  const element = elementTypeOf(state, type);
  return element !== 0 && isComposite(state, element);
}

/** True when the row type `input` belongs to a child table of `target`'s, or to a typed table of it. */
function inheritsFrom(state: ParseState, input: Oid, target: Oid): boolean {
  const child = compositeRelation(state, input);
  const parent = child === 0 ? 0 : compositeRelation(state, target);
  if (parent === 0 || child === parent) return false;
  const pending = [child];
  for (let i = 0; i < pending.length; i++) {
    const relation = state.catalog.relation(pending[i]);
    if (relation === null) continue;
    if (i === 0 && relation.row.reloftype === target) return true;
    if (relation.parents.includes(parent)) return true;
    for (const next of relation.parents) if (!pending.includes(next)) pending.push(next);
  }
  return false;
}

/** Converts an expression to type and typmod; null when there is no way (coerce_to_target_type). */
export function coerceToTargetType(
  state: ParseState, expr: Expr, inputType: Oid, targetType: Oid, targetTypmod: number, context: CoercionContext, format: CoercionForm, location: number,
): Expr | null {
  if (!canCoerce(state, inputType, targetType, context)) return null;
  if (expr.node === 'CollateExpr' && collatable(state, targetType)) {
    const inner = coerceToTargetType(state, expr.arg, inputType, targetType, targetTypmod, context, format, location);
    return inner === null ? null : { ...expr, arg: inner };
  }
  const bare = withoutCollate(expr);
  const result = coerceType(state, bare, inputType, targetType, targetTypmod, context, format, location);
  return coerceTypmod(state, result, targetType, targetTypmod, context, format, location, result !== bare && result.node !== 'Const');
}

function withoutCollate(expr: Expr): Expr {
  let bare = expr;
  while (bare.node === 'CollateExpr') bare = bare.arg;
  return bare;
}

function collatable(state: ParseState, type: Oid): boolean {
  return (state.catalog.type(type)?.typcollation ?? 0) !== 0;
}

/** Converts to a type that `canCoerceTypes` allowed, without applying its typmod (coerce_type). */
export function coerceType(
  state: ParseState, expr: Expr, inputType: Oid, targetType: Oid, targetTypmod: number, context: CoercionContext, format: CoercionForm, location: number,
): Expr {
  if (targetType === inputType) return expr;
  switch (targetType) {
    case ANYOID: case ANYELEMENTOID: case ANYNONARRAYOID: case ANYCOMPATIBLEOID: case ANYCOMPATIBLENONARRAYOID:
      return expr;
    case ANYARRAYOID: case ANYENUMOID: case ANYRANGEOID: case ANYMULTIRANGEOID: case ANYCOMPATIBLEARRAYOID:
    case ANYCOMPATIBLERANGEOID: case ANYCOMPATIBLEMULTIRANGEOID:
      if (inputType !== UNKNOWNOID) {
        const base = state.catalog.baseType(inputType);
        return base === inputType ? expr : makeRelabel(expr, base, -1, 0, format, location);
      }
  }
  if (inputType === UNKNOWNOID && expr.node === 'Const') return coerceUnknownConst(state, expr, targetType, targetTypmod, context, format, location);
  if (expr.node === 'Param') {
    const coerced = coerceParam(state, expr as Mutable<Param>, targetType, location);
    if (coerced !== null) return coerced;
  }
  if (expr.node === 'CollateExpr') {
    const arg = coerceType(state, expr.arg, inputType, targetType, targetTypmod, context, format, location);
    return collatable(state, targetType) ? { ...expr, arg } : arg;
  }
  const path = findCoercionPathway(state, targetType, inputType, context);
  if (path.kind !== 'none') {
    const base = baseTypeAndTypmod(state, targetType, targetTypmod);
    if (path.kind !== 'relabel') {
      const converted = buildCoercion(state, expr, path, base.type, base.typmod, context, format, location);
      return targetType === base.type ? converted : coerceToDomain(state, converted, base.type, base.typmod, targetType, context, format, location, true);
    }
    const result = coerceToDomain(state, expr, base.type, base.typmod, targetType, context, format, location, false);
    return result === expr ? makeRelabel(expr, targetType, -1, 0, format, location) : result;
  }
  if (inputType === RECORDOID && isComposite(state, targetType)) return coerceRecordToComposite(state, expr, targetType, context, format, location);
  if (targetType === RECORDOID && isComposite(state, inputType)) return expr;
  if (targetType === RECORDARRAYOID && isCompositeArray(state, inputType)) return expr;
  if (inheritsFrom(state, inputType, targetType)) {
    const base = state.catalog.baseType(inputType);
    const arg = base === inputType ? expr : makeRelabel(expr, base, -1, 0, 'implicitCast', location);
    return { node: 'ConvertRowtypeExpr', arg, resulttype: targetType, convertformat: format, location };
  }
  throw pgError('INTERNAL_ERROR', `failed to find conversion function from ${state.formatType(inputType)} to ${state.formatType(targetType)}`);
}

function coerceUnknownConst(
  state: ParseState, constant: Const, targetType: Oid, targetTypmod: number, context: CoercionContext, format: CoercionForm, location: number,
): Expr {
  const base = baseTypeAndTypmod(state, targetType, targetTypmod);
  const inputTypmod = base.type === INTERVALOID ? base.typmod : -1;
  const text = constant.value;
  assert(text === null || typeof text === 'string', 'a constant of type unknown is text');
  const value = text === null ? null : state.at(constant.location, () => state.context.services.types.input(base.type, text, inputTypmod));
  const result = makeConst(base.type, inputTypmod, typeRow(state, base.type).typcollation, value, constant.location);
  return base.type === targetType ? result : coerceToDomain(state, result, base.type, base.typmod, targetType, context, format, location, false);
}

/** Wraps a value of a domain's base type for the domain; the value itself when the type is no domain. */
export function coerceToDomain(
  state: ParseState, arg: Expr, baseType: Oid, baseTypmod: number, type: Oid, context: CoercionContext, format: CoercionForm, location: number, hideInput: boolean,
): Expr {
  if (baseType === type) return arg;
  const input = hideInput ? hideCoercion(arg) : arg;
  const typed = coerceTypmod(state, input, baseType, baseTypmod, 'implicit', 'implicitCast', location, false);
  return { node: 'CoerceToDomain', arg: typed, resulttype: type, resulttypmod: -1, resultcollid: 0, coercionformat: format, location };
}

/** Applies a typmod to a value of the right type (coerce_type_typmod). */
function coerceTypmod(
  state: ParseState, expr: Expr, targetType: Oid, targetTypmod: number, context: CoercionContext, format: CoercionForm, location: number, hideInput: boolean,
): Expr {
  if (targetTypmod === exprTypmod(expr)) return expr;
  const input = hideInput ? hideCoercion(expr) : expr;
  const path = targetTypmod < 0 ? NONE : typmodCoercion(state, targetType);
  if (path.kind !== 'none') return buildCoercion(state, input, path, targetType, targetTypmod, context, format, location);
  return relabelTo(input, targetType, targetTypmod, exprCollation(input), format, location);
}

/** Labels a value with type and typmod; an existing label is replaced, a constant just changed (applyRelabelType). */
function relabelTo(expr: Expr, type: Oid, typmod: number, collation: Oid, format: CoercionForm, location: number): Expr {
  let arg = expr;
  while (arg.node === 'RelabelType') arg = arg.arg;
  if (arg.node === 'Const') return { ...arg, consttype: type, consttypmod: typmod, constcollid: collation };
  if (exprType(arg) === type && exprTypmod(arg) === typmod && exprCollation(arg) === collation) return arg;
  return makeRelabel(arg, type, typmod, collation, format, location);
}

/** The function that applies a type's typmod (find_typmod_coercion_function). */
function typmodCoercion(state: ParseState, type: Oid): CoercionPath {
  const element = elementTypeOf(state, type);
  const of = element === 0 ? type : element;
  const cast = state.catalog.cast(of, of);
  if (cast === null || cast.castfunc === 0) return NONE;
  return element === 0 ? { kind: 'function', funcid: cast.castfunc } : ARRAY;
}

/** The cast node as an implicit one: an outer coercion shows the cast. */
function hideCoercion(expr: Expr): Expr {
  switch (expr.node) {
    case 'FuncExpr': return { ...expr, funcformat: 'implicitCast' };
    case 'RelabelType': return { ...expr, relabelformat: 'implicitCast' };
    case 'CoerceViaIO': case 'ArrayCoerceExpr': return { ...expr, coerceformat: 'implicitCast' };
    case 'ConvertRowtypeExpr': return { ...expr, convertformat: 'implicitCast' };
    case 'RowExpr': return { ...expr, rowFormat: 'implicitCast' };
    case 'CoerceToDomain': return { ...expr, coercionformat: 'implicitCast' };
    default: return expr;
  }
}

function buildCoercion(
  state: ParseState, expr: Expr, path: CoercionPath, targetType: Oid, targetTypmod: number, context: CoercionContext, format: CoercionForm, location: number,
): Expr {
  switch (path.kind) {
    case 'function': {
      const args: Expr[] = [expr];
      const count = state.catalog.proc(path.funcid)?.pronargs ?? 1;
      if (count >= 2) args.push(makeInt4(targetTypmod));
      if (count === 3) args.push(makeBool(context === 'explicit'));
      return makeFuncExpr(path.funcid, targetType, args, format, location);
    }
    case 'array': {
      const source = baseTypeAndTypmod(state, exprType(expr), exprTypmod(expr));
      const element: CaseTestExpr = { node: 'CaseTestExpr', typeId: elementTypeOf(state, source.type), typeMod: source.typmod, collation: 0 };
      const elemexpr = coerceToTargetType(state, element, element.typeId, elementTypeOf(state, targetType), targetTypmod, context, format, location);
      if (elemexpr === null) throw pgError('INTERNAL_ERROR', 'failed to coerce array element type as expected');
      return { node: 'ArrayCoerceExpr', arg: expr, elemexpr, resulttype: targetType, resulttypmod: exprTypmod(elemexpr), resultcollid: 0, coerceformat: format, location };
    }
    case 'io':
      return { node: 'CoerceViaIO', arg: expr, resulttype: targetType, resultcollid: 0, coerceformat: format, location };
    default:
      throw pgError('INTERNAL_ERROR', `unsupported coercion path ${path.kind}`);
  }
}

function coerceRecordToComposite(state: ParseState, expr: Expr, targetType: Oid, context: CoercionContext, format: CoercionForm, location: number): Expr {
  const cannot = (where: Expr, detail?: string): Error => state.error('CANNOT_COERCE',
    `cannot cast type ${state.formatType(RECORDOID)} to ${state.formatType(targetType)}`, location >= 0 ? location : exprLocation(where), { detail });
  let args: readonly Expr[];
  if (expr.node === 'RowExpr') args = expr.args;
  else if (expr.node === 'Var' && expr.varattno === 0) args = expandWholeRow(state, expr);
  else throw cannot(expr);
  const base = baseTypeAndTypmod(state, targetType, -1);
  const relation = state.catalog.relation(compositeRelation(state, base.type));
  const values: Expr[] = [];
  let used = 0;
  for (const attribute of relation?.attributes ?? []) {
    if (attribute.attisdropped) {
      values.push(makeConst(INT4OID, -1, 0, null));
      continue;
    }
    if (used >= args.length) throw cannot(expr, 'Input has too few columns.');
    const arg = args[used];
    const coerced = coerceToTargetType(state, arg, exprType(arg), attribute.atttypid, attribute.atttypmod, context, 'implicitCast', -1);
    used++;
    if (coerced === null) {
      throw cannot(arg, `Cannot cast type ${state.formatType(exprType(arg))} to ${state.formatType(attribute.atttypid)} in column ${used}.`);
    }
    values.push(coerced);
  }
  if (used < args.length) throw cannot(expr, 'Input has too many columns.');
  const isDomain = base.type !== targetType;
  const row: Expr = { node: 'RowExpr', args: values, rowTypeid: base.type, rowFormat: isDomain ? 'implicitCast' : format, colnames: [], location };
  return isDomain ? coerceToDomain(state, row, base.type, base.typmod, targetType, context, format, location, false) : row;
}

/** A condition: must be boolean and no set. @throws 42804 */
export function coerceToBoolean(state: ParseState, expr: Expr, construct: string): Expr {
  return coerceToSpecificType(state, expr, BOOLOID, construct);
}

/** A clause's argument of one required type, by assignment conversion. @throws 42804 */
export function coerceToSpecificType(state: ParseState, expr: Expr, targetType: Oid, construct: string, typmod = -1): Expr {
  const input = exprType(expr);
  let result = expr;
  if (input !== targetType) {
    const coerced = coerceToTargetType(state, expr, input, targetType, typmod, 'assignment', 'implicitCast', -1);
    if (coerced === null) {
      throw state.error('DATATYPE_MISMATCH', `argument of ${construct} must be type ${state.formatType(targetType)}, not type ${state.formatType(input)}`, exprLocation(expr));
    }
    result = coerced;
  }
  if (containsSet(result)) throw state.error('DATATYPE_MISMATCH', `argument of ${construct} must not return a set`, exprLocation(expr));
  return result;
}

/** True when a set-returning call stands anywhere in the expression (its sub-selects left out). */
export function containsSet(expr: Expr): boolean {
  if (returnsSet(expr)) return true;
  let found = false;
  forEachChild(expr, (child) => {
    found ||= containsSet(child);
  });
  return found;
}
