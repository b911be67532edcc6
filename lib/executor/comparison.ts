/**
 * Ordering, equality and hashing of values, as operators define them: row comparators for sorts and merges, keys for
 * hash tables. Operators resolve by OID → btree family → support function → built-in.
 *
 * Hashing: most types' equal values are the same JavaScript primitive ('identity'); the others get a key string from the
 * order-preserving codec, which encodes equal values alike.
 */
import { pgError } from '../base/error.js';
import type { Catalog, Oid } from '../catalog/api.js';
import { keyKind } from '../catalog/key-kind.js';
import { bodyEncoder, type BodyEncoder, type KeyKind } from '../codec/key-encoder.js';
import type { FunctionServices } from '../functions/context.js';
import { compareCodePoints } from '../types/collation.js';
import { Numeric } from '../types/numeric.js';
import type { Datum, Row } from '../types/datum.js';
import type { Column } from './column-rows.js';
import { callInfo, directCall, resolveFunction, type DirectCall } from './function-call.js';
import type { SortColumn } from '../planner/plan-nodes.js';

/** btree access method. */
const BTREE_AM = 403;
/** Number of the three-way comparison among a btree family's support functions. */
const BTREE_COMPARE = 1;

/** Comparison functions that are JavaScript's `<` and `>` on their values. */
const PLAIN_ORDER = new Set([
  'btint2cmp', 'btint4cmp', 'btint8cmp', 'btint24cmp', 'btint42cmp', 'btint28cmp', 'btint82cmp', 'btint48cmp', 'btint84cmp',
  'btoidcmp', 'btboolcmp', 'date_cmp', 'time_cmp', 'timestamp_cmp', 'uuid_cmp', 'btcharcmp', 'pg_lsn_cmp', 'xid8cmp', 'cash_cmp',
]);
/** Comparison functions that, under a plain collation, go by code point. */
const TEXT_ORDER = new Set(['bttextcmp', 'btnamecmp', 'btnametextcmp', 'bttextnamecmp', 'bttext_pattern_cmp']);
const FLOAT_ORDER = new Set(['btfloat4cmp', 'btfloat8cmp', 'btfloat48cmp', 'btfloat84cmp']);

/** Three-way comparison of two values that are not null. */
export type Compare = (services: FunctionServices, a: Datum, b: Datum) => number;

/** How one column orders. */
export interface ColumnOrder {
  readonly style: 'plain' | 'float' | 'text' | 'call';
  readonly compare: Compare;
}

/** Floats: NaN is greatest and equal to itself. */
export function compareFloats(_services: FunctionServices, a: Datum, b: Datum): number {
  const [x, y] = [a as number, b as number];
  if (x < y) return -1;
  if (x > y) return 1;
  if (x === y) return 0;
  return Number.isNaN(x) ? (Number.isNaN(y) ? 0 : 1) : -1;
}

function comparePlain(_services: FunctionServices, a: Datum, b: Datum): number {
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

function compareStrings(_services: FunctionServices, a: Datum, b: Datum): number {
  return compareCodePoints(a as string, b as string);
}

function orderOf(catalog: Catalog, compareFunction: Oid, collation: Oid, argTypes: readonly Oid[] | null): ColumnOrder {
  const declared = callInfo(catalog, compareFunction, collation);
  const resolved = resolveFunction(catalog, argTypes === null ? declared : { ...declared, argTypes });
  if (resolved.implementation !== null) {
    if (PLAIN_ORDER.has(resolved.proc.prosrc)) return { style: 'plain', compare: comparePlain };
    if (FLOAT_ORDER.has(resolved.proc.prosrc)) return { style: 'float', compare: compareFloats };
  }
  if (resolved.implementation?.kind === 'pure' && TEXT_ORDER.has(resolved.proc.prosrc)) return { style: 'text', compare: compareStrings };
  const call = directCall(resolved);
  if (call === null) throw pgError('FEATURE_NOT_SUPPORTED', `comparison function ${resolved.proc.proname} is not supported yet`);
  return { style: 'call', compare: (services, a, b) => call(services, a, b) as number };
}

/** The order that a `<` or `>` operator of a btree family gives. 42883 when it has none. */
export function operatorOrder(catalog: Catalog, sortop: Oid, collation: Oid, argType: Oid | null = null): ColumnOrder {
  const member = catalog.operatorFamilies(sortop).find((entry) => entry.accessMethod === BTREE_AM);
  const compareFunction = member === undefined ? 0 : catalog.familyProc(member.family, member.leftType, member.rightType, BTREE_COMPARE);
  if (compareFunction === 0) throw pgError('UNDEFINED_FUNCTION', `operator ${sortop} is not a valid ordering operator`);
  return orderOf(catalog, compareFunction, collation, argType === null ? null : [argType, argType]);
}

/** The default btree order of a type. 42883 when it has none. */
export function typeOrder(catalog: Catalog, typeOid: Oid, collation: Oid): ColumnOrder {
  const opclass = catalog.opclass(catalog.defaultOpclass(catalog.baseType(typeOid), BTREE_AM));
  const compareFunction = opclass === null ? 0 : catalog.familyProc(opclass.opcfamily, opclass.opcintype, opclass.opcintype, BTREE_COMPARE);
  if (compareFunction === 0) throw pgError('UNDEFINED_FUNCTION', `could not identify a comparison function for type ${catalog.type(typeOid)?.typname ?? typeOid}`);
  return orderOf(catalog, compareFunction, collation, [typeOid, typeOid]);
}

/** Compares two rows by some of their columns. */
export type CompareRows = (a: Row, b: Row) => number;
/** Made per plan; bound to a session's services per execution. */
export type RowOrder = (services: FunctionServices) => CompareRows;

/** A sort key of `compileRowOrder`: positions are 0-based and may differ between the two rows (merge joins). */
export interface OrderKey {
  readonly left: number;
  readonly right: number;
  readonly order: ColumnOrder;
  readonly reverse: boolean;
  readonly nullsFirst: boolean;
}

/** The statements that compare by keys, given the expressions of the two values. */
function orderStatements(keys: readonly OrderKey[], left: (key: OrderKey) => string, right: (key: OrderKey) => string): string {
  return keys.map((key, index) => {
    const before = key.reverse ? 1 : -1;
    const nullLow = key.nullsFirst ? -1 : 1;
    const body = key.order.style === 'plain'
      ? `if (p < q) return ${before}; if (p > q) return ${-before};`
      : `c = compares[${index}](services, p, q); if (c !== 0) return ${key.reverse ? '-c' : 'c'};`;
    return `p = ${left(key)}; q = ${right(key)};
      if (p === null) { if (q !== null) return ${nullLow}; } else if (q === null) return ${-nullLow}; else if (p !== q) { ${body} }`;
  }).join('\n');
}

/** Compiles the comparison of rows by several keys. */
export function compileRowOrder(keys: readonly OrderKey[]): RowOrder {
  const statements = orderStatements(keys, (key) => `a[${key.left}]`, (key) => `b[${key.right}]`);
  const source = `return function(services) { return function(a, b) { let p, q, c; ${statements} return 0; }; };`;
  // eslint-disable-next-line typescript/no-implied-eval
  return new Function('compares', source)(keys.map((key) => key.order.compare)) as RowOrder;
}

/** Compares rows that are kept in columns, by their places. */
export type ComparePlaces = (a: number, b: number) => number;
/** As `RowOrder`, for rows in columns. */
export type PlaceOrder = (services: FunctionServices, columns: readonly Column[]) => ComparePlaces;

/** Compiles the comparison of places by several keys of the same columns. */
export function compilePlaceOrder(keys: readonly OrderKey[]): PlaceOrder {
  const read = (place: string) => (key: OrderKey): string => `column${key.left}[${place}]`;
  const columns = [...new Set(keys.map((key) => key.left))].map((at) => `const column${at} = columns[${at}];`).join(' ');
  const source = `return function(services, columns) { ${columns} return function(a, b) { let p, q, c; ${orderStatements(keys, read('a'), read('b'))} return 0; }; };`;
  // eslint-disable-next-line typescript/no-implied-eval
  return new Function('compares', source)(keys.map((key) => key.order.compare)) as PlaceOrder;
}

/** The keys of a plan's sort columns. */
export function sortKeys(catalog: Catalog, columns: readonly SortColumn[], types: readonly Oid[] | null = null): OrderKey[] {
  return columns.map((column, index) => ({
    left: column.column - 1, right: column.column - 1, order: operatorOrder(catalog, column.sortop, column.collation, types?.[index] ?? null),
    reverse: column.reverse, nullsFirst: column.nullsFirst,
  }));
}

/** The row order of a plan's sort columns. */
export function sortColumnsOrder(catalog: Catalog, columns: readonly SortColumn[], types: readonly Oid[] | null = null): RowOrder {
  return compileRowOrder(sortKeys(catalog, columns, types));
}

/** Whether two rows are equal in the columns, nulls being equal (grouping, DISTINCT). */
export type RowsEqual = (a: Row, b: Row) => boolean;

/** Equality of rows in some columns (1-based), by hash keys. */
export function columnsEqual(catalog: Catalog, columns: readonly { readonly column: number; readonly type: Oid }[]): RowsEqual {
  const keys = columns.map((column) => ({ at: column.column - 1, encode: hashEncoder(catalog, column.type) }));
  return (a, b) => {
    for (const { at, encode } of keys) {
      const [p, q] = [a[at], b[at]];
      if (p === q) continue;
      if (p === null || q === null) return false;
      if (encode === null ? !Object.is(p, q) && !(p === 0 && q === 0) : encode(p) !== encode(q)) return false;
    }
    return true;
  };
}

/** Kinds whose equal values are the same JavaScript primitive. */
const IDENTITY_KINDS: ReadonlySet<KeyKind['kind']> = new Set(['boolean', 'integer', 'float', 'text', 'enum']);

/** How equal values of a type are recognised: by themselves, or by a key of this kind. */
export function typeKeyKind(catalog: Catalog, typeOid: Oid): KeyKind | 'identity' {
  const kind = anyKeyKind(catalog, typeOid);
  return IDENTITY_KINDS.has(kind.kind) ? 'identity' : kind;
}

function anyKeyKind(catalog: Catalog, typeOid: Oid): KeyKind {
  return keyKind(typeOid, {
    type: (oid) => catalog.type(oid), enumLabel: (oid) => catalog.enumLabel(oid),
    columns: (oid) => catalog.relation(oid)?.attributes ?? [],
    range: (oid) => catalog.range(oid) ?? catalog.table('pg_range').findOne({ rngmultitypid: oid }),
  });
}

/** Whether nobody can tell equal values of a type apart (-0 and 0 can be, 1.0 and 1.00, texts under a nondeterministic collation). */
export function equalAreSame(catalog: Catalog, typeOid: Oid, collation: Oid): boolean {
  const { kind } = anyKeyKind(catalog, typeOid);
  return IDENTITY_KINDS.has(kind) && kind !== 'float' && (collation === 0 || catalog.collation(collation)?.collisdeterministic !== false);
}

/** Encodes a value that is not null for hashing; null where the value itself is the key. */
export function hashEncoder(catalog: Catalog, typeOid: Oid): BodyEncoder | null {
  const kind = typeKeyKind(catalog, typeOid);
  if (kind === 'identity') return null;
  if (kind.kind === 'numeric') return numericKey;
  const encode = bodyEncoder(kind);
  // A type without a known class may hold primitives: they are their own keys.
  return kind.kind === 'generic' ? (value) => (typeof value === 'object' ? encode(value) : `${typeof value}:${String(value)}`) : encode;
}

/** A numeric without trailing zeros. */
function numericKey(value: Datum): string {
  if (!(value instanceof Numeric)) return String(value);
  if (value.special !== '') return value.special;
  let { unscaled, scale } = value;
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n;
    scale--;
  }
  return scale === 0 ? String(unscaled) : `${unscaled}e${scale}`;
}

/** 'identity' when the operator is an equality of values that are their own hash keys. */
export function equalityKeyKind(catalog: Catalog, operator: Oid, collation: Oid): 'identity' | 'other' {
  const row = catalog.operator(operator);
  if (row === null || !row.oprcanhash || row.oprname !== '=') return 'other';
  if (collation !== 0 && catalog.collation(collation)?.collisdeterministic === false) return 'other';
  const polymorphic = catalog.type(row.oprleft)?.typtype === 'p';
  if (polymorphic || typeKeyKind(catalog, row.oprleft) !== 'identity' || typeKeyKind(catalog, row.oprright) !== 'identity') return 'other';
  return 'identity';
}

/** A hash key: a primitive for one plain column, else a string. Null: some column is null and nulls do not match. */
export type HashKey = Datum;
/** Makes the hash key of a row's columns (0-based positions). */
export type RowKey = (row: Row) => HashKey;

/**
 * Compiles the hash key of columns. `nullsMatch`: a null is a value like others (grouping); otherwise any null column
 * makes the key null (joins).
 */
export function compileRowKey(columns: readonly { readonly at: number; readonly encode: BodyEncoder | null }[], nullsMatch: boolean): RowKey {
  if (columns.length === 0) return () => 0;
  if (columns.length === 1) {
    const { at, encode } = columns[0];
    if (encode === null) return (row) => row[at];
    return (row) => (row[at] === null ? null : encode(row[at]));
  }
  const encoders = columns.map((column) => column.encode ?? taggedValue);
  const nullTests = columns.map((column) => `row[${column.at}] === null`).join(' || ');
  const parts = columns.map((column, index) => {
    const encoded = `e[${index}](row[${column.at}])`;
    const framed = column.encode === null ? encoded : `frame(${encoded})`;
    return nullsMatch ? `(row[${column.at}] === null ? 'n' : ${framed})` : framed;
  });
  const source = `return function(row) { ${nullsMatch ? '' : `if (${nullTests}) return null;`} return ${parts.join(' + ')}; };`;
  // eslint-disable-next-line typescript/no-implied-eval
  return new Function('e', 'frame', source)(encoders, frameText) as RowKey;
}

function frameText(text: string): string {
  return `${text.length}:${text}`;
}

/** A primitive as text that ends itself. */
function taggedValue(value: Datum): string {
  if (typeof value === 'number') return `${value === 0 ? 0 : value};`;
  const text = String(value);
  return `${text.length}:${text}`;
}

export type { DirectCall };
