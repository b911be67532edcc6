/**
 * Values on their way into columns: conversion by assignment, and assignment to array elements and fields of composites.
 * Follows transformAssignedExpr of PostgreSQL's parser/parse_target.c.
 */
import type { A_Indices, Node, ResTarget } from 'libpg-query';
import { pgError } from '../base/error.js';
import type { Relation } from '../catalog/api.js';
import type { PgAttribute } from '../catalog/rows.js';
import { bodyAs, bodyOf, stringValue, tagOf } from '../parser/raw.js';
import { baseTypeAndTypmod, coerceToDomain, coerceToTargetType, compositeRelation } from './coerce.js';
import { subscriptTarget, transformSubscripts } from './expr-forms.js';
import { makeConst, makeVar } from './make.js';
import { systemAttribute } from './namespace.js';
import { exprLocation, exprType } from './node-functions.js';
import type { Expr, SetToDefault } from './nodes.js';
import type { ExprKind, Mutable, Oid, ParseState } from './state.js';
import { typeCollation } from './type-name.js';

/** The target relation of the statement under analysis. */
export function targetRelation(state: ParseState): Relation {
  if (state.targetRelation === null) throw pgError('INTERNAL_ERROR', 'statement has no target relation');
  return state.targetRelation;
}

/** A live user column by name, or null; system columns have a negative number. */
export function findAttribute(relation: Relation, name: string): { readonly attnum: number; readonly attribute: PgAttribute | null } | null {
  const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
  if (attribute !== undefined) return { attnum: attribute.attnum, attribute };
  const system = systemAttribute(name);
  return system === 0 ? null : { attnum: system, attribute: null };
}

/** Brings a value to a target column's type. @throws 42804, 0A000, 42703 */
export function transformAssigned(
  state: ParseState, expr: Expr, kind: ExprKind, name: string, attnum: number, indirection: readonly Node[], location: number,
): Expr {
  if (attnum <= 0) throw state.error('FEATURE_NOT_SUPPORTED', `cannot assign to system column "${name}"`, location);
  const saved = state.exprKind;
  state.exprKind = kind;
  const attribute = targetRelation(state).attributes[attnum - 1];
  const { atttypid, atttypmod, attcollation } = attribute;
  if (expr.node === 'SetToDefault') {
    Object.assign(expr as Mutable<SetToDefault>, { typeId: atttypid, typeMod: atttypmod, collation: attcollation });
    if (indirection.length > 0) {
      throw state.error('FEATURE_NOT_SUPPORTED', tagOf(indirection[0]) === 'A_Indices' ? 'cannot set an array element to DEFAULT' : 'cannot set a subfield to DEFAULT', location);
    }
  }
  const type = exprType(expr);
  let result: Expr | null;
  if (indirection.length > 0) {
    const base: Expr = state.isInsert ? makeConst(atttypid, atttypmod, attcollation, null)
      : makeVar(state.targetNsitem?.rtindex ?? 0, attnum, atttypid, atttypmod, attcollation, location);
    result = assignInto(state, base, { name, isSubscripting: false, type: atttypid, typmod: atttypmod }, indirection, expr, location);
  } else {
    result = coerceToTargetType(state, expr, type, atttypid, atttypmod, 'assignment', 'implicitCast', -1);
    if (result === null) {
      throw state.error('DATATYPE_MISMATCH', `column "${name}" is of type ${state.formatType(atttypid)} but expression is of type ${state.formatType(type)}`, exprLocation(expr),
        { hint: 'You will need to rewrite or cast the expression.' });
    }
  }
  state.exprKind = saved;
  return result;
}

/** What is assigned to at one step of `column[1].field`. */
interface AssignTarget { readonly name: string; readonly isSubscripting: boolean; readonly type: Oid; readonly typmod: number }

function assignInto(state: ParseState, given: Expr | null, target: AssignTarget, path: readonly Node[], value: Expr, location: number): Expr {
  const base: Expr = given ?? { node: 'CaseTestExpr', typeId: target.type, typeMod: target.typmod, collation: typeCollation(state, target.type) };
  const subscripts: A_Indices[] = [];
  for (let i = 0; i < path.length; i++) {
    const step = path[i];
    const tag = tagOf(step);
    if (tag === 'A_Indices') {
      subscripts.push(bodyAs<A_Indices>(bodyOf(step)));
    } else if (tag === 'A_Star') {
      throw state.error('FEATURE_NOT_SUPPORTED', 'row expansion via "*" is not supported here', location);
    } else {
      return subscripts.length > 0
        ? assignSubscripts(state, base, target, subscripts, path.slice(i), value, location)
        : assignField(state, base, target, stringValue(step), path.slice(i + 1), value, location);
    }
  }
  if (subscripts.length > 0) return assignSubscripts(state, base, target, subscripts, [], value, location);
  const type = exprType(value);
  const result = coerceToTargetType(state, value, type, target.type, target.typmod, 'assignment', 'implicitCast', -1);
  if (result !== null) return result;
  const what = target.isSubscripting ? `subscripted assignment to "${target.name}" requires type` : `subfield "${target.name}" is of type`;
  throw state.error('DATATYPE_MISMATCH', `${what} ${state.formatType(target.type)} but expression is of type ${state.formatType(type)}`, location,
    { hint: 'You will need to rewrite or cast the expression.' });
}

function assignField(state: ParseState, base: Expr, target: AssignTarget, field: string, rest: readonly Node[], value: Expr, location: number): Expr {
  const container = baseTypeAndTypmod(state, target.type, target.typmod);
  const relid = compositeRelation(state, container.type);
  const cannot = `cannot assign to field "${field}" of column "${target.name}" because`;
  if (relid === 0) throw state.error('DATATYPE_MISMATCH', `${cannot} its type ${state.formatType(target.type)} is not a composite type`, location);
  const relation = state.catalog.relation(relid);
  const found = relation === null ? null : findAttribute(relation, field);
  if (found === null) throw state.error('UNDEFINED_COLUMN', `${cannot} there is no such column in data type ${state.formatType(target.type)}`, location);
  if (found.attribute === null) throw state.error('UNDEFINED_COLUMN', `cannot assign to system column "${field}"`, location);
  const inner = assignInto(state, null, { name: field, isSubscripting: false, type: found.attribute.atttypid, typmod: found.attribute.atttypmod }, rest, value, location);
  const store: Expr = { node: 'FieldStore', arg: base, newvals: [inner], fieldnums: [found.attnum], resulttype: container.type };
  return container.type === target.type ? store
    : coerceToDomain(state, store, container.type, container.typmod, target.type, 'implicit', 'implicitCast', location, false);
}

function assignSubscripts(
  state: ParseState, base: Expr, target: AssignTarget, subscripts: readonly A_Indices[], rest: readonly Node[], value: Expr, location: number,
): Expr {
  const needed = subscriptTarget(state, target.type, target.typmod, subscripts);
  const inner = assignInto(state, null, { name: target.name, isSubscripting: true, ...needed }, rest, value, location);
  const result = transformSubscripts(state, base, target.type, target.typmod, subscripts, inner);
  const type = exprType(result);
  if (type === target.type) return result;
  const coerced = coerceToTargetType(state, result, type, target.type, target.typmod, 'assignment', 'implicitCast', -1);
  if (coerced === null) throw state.error('CANNOT_COERCE', `cannot cast type ${state.formatType(type)} to ${state.formatType(target.type)}`, location);
  return coerced;
}

/** INSERT's column list, or all columns: the names and attribute numbers to fill. @throws 42703, 42701 */
export function insertTargets(state: ParseState, list: readonly Node[] | undefined): { readonly columns: readonly ResTarget[]; readonly attnums: readonly number[] } {
  const relation = targetRelation(state);
  if (!list?.length) {
    const live = relation.attributes.filter((attribute) => !attribute.attisdropped);
    return { columns: live.map((attribute) => ({ name: attribute.attname, location: -1 })), attnums: live.map((attribute) => attribute.attnum) };
  }
  const whole = new Set<number>();
  const partial = new Set<number>();
  const columns = list.map((node) => bodyAs<ResTarget>(bodyOf(node)));
  const attnums = columns.map((column) => {
    const name = column.name ?? '';
    const location = column.location ?? 0;
    const found = findAttribute(relation, name);
    if (found === null || found.attribute === null) throw state.error('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`, location);
    const isWhole = !column.indirection?.length;
    if (whole.has(found.attnum) || (isWhole && partial.has(found.attnum))) throw state.error('DUPLICATE_COLUMN', `column "${name}" specified more than once`, location);
    (isWhole ? whole : partial).add(found.attnum);
    return found.attnum;
  });
  return { columns, attnums };
}
