/**
 * Polymorphic types (anyelement, anyarray, anycompatible ...): do actual argument types fit together, and what do they make
 * of declared argument and result types. Follows PostgreSQL's parser/parse_coerce.c.
 */
import { pgError, type PgError } from '../base/error.js';
import {
  ANYARRAYOID, ANYCOMPATIBLEARRAYOID, ANYCOMPATIBLEMULTIRANGEOID, ANYCOMPATIBLENONARRAYOID, ANYCOMPATIBLEOID,
  ANYCOMPATIBLERANGEOID, ANYELEMENTOID, ANYENUMOID, ANYMULTIRANGEOID, ANYNONARRAYOID, ANYRANGEOID, TEXTARRAYOID, TEXTOID, UNKNOWNOID,
} from '../types/oids.js';
import { selectCommonTypeOf, verifyCommonType } from './common-type.js';
import type { Oid, ParseState } from './state.js';
import { arrayTypeOf, elementTypeOf } from './type-name.js';

/** Types whose actual arguments must be exactly alike. */
export function isPolymorphicFamily1(type: Oid): boolean {
  return type === ANYELEMENTOID || type === ANYARRAYOID || type === ANYNONARRAYOID || type === ANYENUMOID || type === ANYRANGEOID || type === ANYMULTIRANGEOID;
}

/** Types whose actual arguments are brought to a common type. */
export function isPolymorphicFamily2(type: Oid): boolean {
  return type === ANYCOMPATIBLEOID || type === ANYCOMPATIBLEARRAYOID || type === ANYCOMPATIBLENONARRAYOID || type === ANYCOMPATIBLERANGEOID || type === ANYCOMPATIBLEMULTIRANGEOID;
}

/** Any polymorphic pseudo-type. */
export function isPolymorphic(type: Oid): boolean {
  return isPolymorphicFamily1(type) || isPolymorphicFamily2(type);
}

/** Element type of a range type, 0 when it is none. */
export function rangeSubtype(state: ParseState, type: Oid): Oid {
  return state.catalog.range(type)?.rngsubtype ?? 0;
}

/** Range type of a multirange type, 0 when it is none. */
export function rangeOfMultirange(state: ParseState, type: Oid): Oid {
  if (state.catalog.type(type)?.typtype !== 'm') return 0;
  return state.catalog.table('pg_range').findOne({ rngmultitypid: type })?.rngtypid ?? 0;
}

function multirangeOfRange(state: ParseState, type: Oid): Oid {
  return state.catalog.range(type)?.rngmultitypid ?? 0;
}

/** The array type under a type, domains unwrapped: true when it is one. */
function isArray(state: ParseState, type: Oid): boolean {
  return elementTypeOf(state, state.catalog.baseType(type)) !== 0;
}

/** The group of mutually dependent types, filled from the arguments: one for each family. */
interface Family {
  element: Oid;
  array: Oid;
  range: Oid;
  multirange: Oid;
  nonArray: boolean;
  isEnum: boolean;
  arrayDeclared: boolean;
  rangeDeclared: boolean;
  multirangeDeclared: boolean;
  unknowns: boolean;
  count: number;
  /** anycompatible: what takes part in choosing the common type. */
  actuals: Oid[];
}

function newFamily(): Family {
  return {
    element: 0, array: 0, range: 0, multirange: 0, nonArray: false, isEnum: false, arrayDeclared: false, rangeDeclared: false,
    multirangeDeclared: false, unknowns: false, count: 0, actuals: [],
  };
}

/** Raised inside and turned into `false` by the check. */
type Mismatch = (message: string, detail?: string) => PgError;
const mismatch: Mismatch = (message, detail) => pgError('DATATYPE_MISMATCH', message, { detail });

function versus(state: ParseState, a: Oid, b: Oid): string {
  return `${state.formatType(a)} versus ${state.formatType(b)}`;
}

function unlike(state: ParseState, declared: string, a: Oid, b: Oid): PgError {
  return mismatch(`arguments declared "${declared}" are not all alike`, versus(state, a, b));
}

function collect1(state: ParseState, actual: readonly Oid[], declared: readonly Oid[]): Family {
  const family = newFamily();
  declared.forEach((decl, i) => {
    if (!isPolymorphicFamily1(decl)) return;
    family.count++;
    if (decl === ANYNONARRAYOID) family.nonArray = true;
    if (decl === ANYENUMOID) family.isEnum = true;
    if (decl === ANYMULTIRANGEOID) family.multirangeDeclared = true;
    if (actual[i] === UNKNOWNOID) {
      family.unknowns = true;
      return;
    }
    if (decl === ANYARRAYOID || decl === ANYRANGEOID || decl === ANYMULTIRANGEOID) {
      const field = decl === ANYARRAYOID ? 'array' : decl === ANYRANGEOID ? 'range' : 'multirange';
      const type = actual[i] === decl ? decl : state.catalog.baseType(actual[i]);
      if (family[field] !== 0 && family[field] !== type) throw unlike(state, `any${field}`, family[field], type);
      family[field] = type;
    } else {
      if (family.element !== 0 && family.element !== actual[i]) throw unlike(state, 'anyelement', family.element, actual[i]);
      family.element = actual[i];
    }
  });
  return family;
}

function collect2(state: ParseState, actual: readonly Oid[], declared: readonly Oid[]): Family {
  const family = newFamily();
  declared.forEach((decl, i) => {
    if (!isPolymorphicFamily2(decl)) return;
    family.count++;
    if (decl === ANYCOMPATIBLENONARRAYOID) family.nonArray = true;
    if (decl === ANYCOMPATIBLEARRAYOID) family.arrayDeclared = true;
    if (decl === ANYCOMPATIBLERANGEOID) family.rangeDeclared = true;
    if (decl === ANYCOMPATIBLEMULTIRANGEOID) family.multirangeDeclared = true;
    if (actual[i] === UNKNOWNOID) return;
    const base = state.catalog.baseType(actual[i]);
    if (decl === ANYCOMPATIBLEARRAYOID) {
      const element = elementTypeOf(state, base);
      if (element === 0) throw mismatch(`argument declared anycompatiblearray is not an array but type ${state.formatType(base)}`);
      family.actuals.push(element);
    } else if (decl === ANYCOMPATIBLERANGEOID) {
      if (family.range !== 0 && family.range !== base) throw unlike(state, 'anycompatiblerange', family.range, base);
      if (family.range === 0) {
        const subtype = rangeSubtype(state, base);
        if (subtype === 0) throw mismatch(`argument declared anycompatiblerange is not a range type but type ${state.formatType(base)}`);
        family.range = base;
        family.actuals.push(subtype);
      }
    } else if (decl === ANYCOMPATIBLEMULTIRANGEOID) {
      if (family.multirange !== 0 && family.multirange !== base) throw unlike(state, 'anycompatiblemultirange', family.multirange, base);
      if (family.multirange === 0 && rangeOfMultirange(state, base) === 0) throw mismatch(`argument declared anycompatiblemultirange is not a multirange type but type ${state.formatType(base)}`);
      family.multirange = base;
    } else {
      family.actuals.push(actual[i]);
    }
  });
  return family;
}

function inconsistent(state: ParseState, a: string, aType: Oid, b: string, bType: Oid): PgError {
  return mismatch(`argument declared ${a} is not consistent with argument declared ${b}`, versus(state, aType, bType));
}

/** Derives the element type from array and ranges, and checks that all agree. */
function reconcile1(state: ParseState, family: Family, result: Oid | null): void {
  if (family.array !== 0) {
    let element: Oid;
    if (family.array === ANYARRAYOID) {
      if (result !== null && (family.count !== 1 || (result !== ANYARRAYOID && isPolymorphicFamily1(result)))) throw mismatch('cannot determine element type of "anyarray" argument');
      if (result === null && family.element !== 0) throw mismatch('cannot determine element type of "anyarray" argument');
      element = ANYELEMENTOID;
    } else {
      element = elementTypeOf(state, family.array);
      if (element === 0) throw mismatch(`argument declared anyarray is not an array but type ${state.formatType(family.array)}`);
    }
    if (family.element === 0) family.element = element;
    else if (family.element !== element) throw inconsistent(state, 'anyarray', family.array, 'anyelement', family.element);
  }
  if (family.multirange !== 0) {
    const range = rangeOfMultirange(state, family.multirange);
    if (range === 0) throw mismatch(`argument declared anymultirange is not a multirange type but type ${state.formatType(family.multirange)}`);
    if (family.range === 0) family.range = range;
    else if (family.range !== range) throw inconsistent(state, 'anymultirange', family.multirange, 'anyrange', family.range);
  } else if (family.multirangeDeclared && family.range !== 0) {
    family.multirange = multirangeOfRange(state, family.range);
  }
  if (family.range !== 0) {
    const subtype = rangeSubtype(state, family.range);
    if (subtype === 0) throw mismatch(`argument declared anyrange is not a range type but type ${state.formatType(family.range)}`);
    if (family.element === 0) family.element = subtype;
    else if (family.element !== subtype) throw inconsistent(state, 'anyrange', family.range, 'anyelement', family.element);
  }
}

function checkElement1(state: ParseState, family: Family): void {
  if (family.element === ANYELEMENTOID || family.element === 0) return;
  if (family.nonArray && isArray(state, family.element)) throw mismatch(`type matched to anynonarray is an array type: ${state.formatType(family.element)}`);
  if (family.isEnum && state.catalog.type(family.element)?.typtype !== 'e') throw mismatch(`type matched to anyenum is not an enum type: ${state.formatType(family.element)}`);
}

/** Brings the anycompatible arguments to their common type. */
function reconcile2(state: ParseState, family: Family): void {
  if (family.multirange !== 0) {
    const range = rangeOfMultirange(state, family.multirange);
    if (family.range !== 0) {
      if (family.range !== range) throw inconsistent(state, 'anycompatiblemultirange', family.multirange, 'anycompatiblerange', family.range);
    } else {
      family.range = range;
      family.rangeDeclared = true;
      family.actuals.push(rangeSubtype(state, range));
    }
  } else if (family.multirangeDeclared && family.range !== 0) {
    family.multirange = multirangeOfRange(state, family.range);
  }
  if (family.actuals.length === 0) return;
  family.element = selectCommonTypeOf(state, family.actuals, true);
  if (!verifyCommonType(state, family.element, family.actuals)) throw mismatch('arguments of anycompatible family cannot be cast to a common type');
  if (family.arrayDeclared) family.array = requireArrayType(state, family.element);
  for (const [declared, type, name] of [[family.rangeDeclared, family.range, 'anycompatiblerange'], [family.multirangeDeclared, family.multirange, 'anycompatiblemultirange']] as const) {
    if (!declared) continue;
    if (type === 0) throw undetermined(name);
    if (rangeSubtype(state, family.range) !== family.element) throw mismatch(`${name} type ${state.formatType(type)} does not match anycompatible type ${state.formatType(family.element)}`);
  }
  if (family.nonArray && isArray(state, family.element)) throw mismatch(`type matched to anycompatiblenonarray is an array type: ${state.formatType(family.element)}`);
}

function undetermined(name: string): PgError {
  return mismatch(`could not determine polymorphic type ${name} because input has type unknown`);
}

function requireArrayType(state: ParseState, element: Oid): Oid {
  const array = arrayTypeOf(state, element);
  if (array === 0) throw pgError('UNDEFINED_OBJECT', `could not find array type for data type ${state.formatType(element)}`);
  return array;
}

/** Whether the actual types fit the declared polymorphic ones (check_generic_type_consistency). */
export function checkGenericTypeConsistency(state: ParseState, actual: readonly Oid[], declared: readonly Oid[]): boolean {
  try {
    const family1 = collect1(state, actual, declared);
    reconcile1(state, family1, null);
    checkElement1(state, family1);
    const family2 = collect2(state, actual, declared);
    if (family2.count > 0) {
      if (family2.multirange !== 0 && family2.range === 0) family2.rangeDeclared = true;
      reconcile2(state, { ...family2, arrayDeclared: false, rangeDeclared: family2.range !== 0, multirangeDeclared: family2.multirange !== 0 });
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'sqlstate' in error && error.sqlstate === '42804') return false;
    throw error;
  }
}

/**
 * Resolves a call's declared polymorphic types in place from the actual ones; answers the actual result type
 * (enforce_generic_type_consistency). `allowPolymorphic` keeps pseudo-types where nothing decides (parser of operators' definitions).
 * @throws 42804
 */
export function enforceGenericTypeConsistency(state: ParseState, actual: readonly Oid[], declared: Oid[], result: Oid, allowPolymorphic = false): Oid {
  if (!declared.some(isPolymorphic)) return result;
  const family1 = collect1(state, actual, declared);
  const family2 = collect2(state, actual, declared);
  if (family1.count > 0) {
    reconcile1(state, family1, result);
    if (family1.element === 0) {
      if (!allowPolymorphic) throw mismatch('could not determine polymorphic type because input has type unknown');
      Object.assign(family1, { element: ANYELEMENTOID, array: ANYARRAYOID, range: ANYRANGEOID, multirange: ANYMULTIRANGEOID });
    }
    checkElement1(state, family1);
  }
  if (family2.count > 0) {
    reconcile2(state, family2);
    if (family2.actuals.length === 0) resolveWithoutActuals(family2, allowPolymorphic);
  }
  declared.forEach((decl, i) => {
    const resolved = isPolymorphicFamily2(decl) ? resolve2(state, family2, decl) : decl;
    if (resolved !== decl) declared[i] = resolved;
    else if (isPolymorphicFamily1(decl) && actual[i] === UNKNOWNOID) declared[i] = resolve1(state, family1, decl);
  });
  if (isPolymorphicFamily1(result)) return resolve1(state, family1, result);
  return isPolymorphicFamily2(result) ? resolve2(state, family2, result) : result;
}

function resolveWithoutActuals(family: Family, allowPolymorphic: boolean): void {
  if (allowPolymorphic) {
    Object.assign(family, { element: ANYCOMPATIBLEOID, array: ANYCOMPATIBLEARRAYOID, range: ANYCOMPATIBLERANGEOID, multirange: ANYCOMPATIBLEMULTIRANGEOID });
    return;
  }
  family.element = TEXTOID;
  family.array = TEXTARRAYOID;
  if (family.rangeDeclared) throw undetermined('anycompatiblerange');
  if (family.multirangeDeclared) throw undetermined('anycompatiblemultirange');
}

function resolve1(state: ParseState, family: Family, type: Oid): Oid {
  switch (type) {
    case ANYARRAYOID:
      if (family.array === 0) family.array = requireArrayType(state, family.element);
      return family.array;
    case ANYRANGEOID:
      if (family.range === 0) throw undetermined('anyrange');
      return family.range;
    case ANYMULTIRANGEOID:
      if (family.multirange === 0 && family.range !== 0) family.multirange = multirangeOfRange(state, family.range);
      if (family.multirange === 0) throw undetermined('anymultirange');
      return family.multirange;
    default:
      return family.element;
  }
}

function resolve2(state: ParseState, family: Family, type: Oid): Oid {
  switch (type) {
    case ANYCOMPATIBLEARRAYOID:
      if (family.array === 0) family.array = requireArrayType(state, family.element);
      return family.array;
    case ANYCOMPATIBLERANGEOID:
      if (family.range === 0) throw undetermined('anycompatiblerange');
      return family.range;
    case ANYCOMPATIBLEMULTIRANGEOID:
      if (family.multirange === 0 && family.range !== 0) family.multirange = multirangeOfRange(state, family.range);
      if (family.multirange === 0) throw undetermined('anycompatiblemultirange');
      return family.multirange;
    default:
      return family.element;
  }
}
