/** Rows and keys in error messages: `Failing row contains (1, null)`, `Key (a, b)=(1, 2)`. */
import type { IndexDescriptor, Relation } from '../../catalog/api.js';
import { builtin } from '../../functions/registry.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';

/** Bytes of a value that a message shows. */
const MAXIMUM_FIELD_BYTES = 64;

/** The values of a row as DETAIL lines print them. */
export function failingRow(S: ExecutionState, relation: Relation, row: Row): string {
  const parts: string[] = [];
  for (const attribute of relation.attributes) {
    if (attribute.attisdropped) continue;
    if (attribute.attgenerated === 'v') {
      parts.push('virtual');
      continue;
    }
    const value = row[attribute.attnum - 1];
    parts.push(value === null || value === undefined ? 'null' : clip(S.services.types.output(attribute.atttypid, value)));
  }
  return `Failing row contains (${parts.join(', ')}).`;
}

function clip(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAXIMUM_FIELD_BYTES) return text;
  let end = MAXIMUM_FIELD_BYTES;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return `${bytes.subarray(0, end).toString()}...`;
}

/** `(a, b)=(1, 2)` for an index key. */
export function keyText(S: ExecutionState, relation: Relation, index: IndexDescriptor, values: readonly Datum[]): string {
  const names = index.attributes.slice(0, index.keyCount).map((attribute, position) =>
    (attribute === 0 ? expressionText(S, index, position + 1) : relation.attributes[attribute - 1].attname));
  return pairText(names, index.keyTypes.slice(0, index.keyCount).map((type, position) => valueText(S, type, values[position])));
}

/** `(names)=(values)`. */
export function pairText(names: readonly string[], values: readonly string[]): string {
  return `(${names.join(', ')})=(${values.join(', ')})`;
}

/** A value as messages print it. */
export function valueText(S: ExecutionState, type: number, value: Datum): string {
  return value === null ? 'null' : S.services.types.output(type, value);
}

function expressionText(S: ExecutionState, index: IndexDescriptor, column: number): string {
  const describe = builtin('pg_get_indexdef_ext');
  if (describe?.kind !== 'context') return 'expression';
  const call = { functionOid: 0, argTypes: [26, 23, 16], resultType: 25, collation: 0, variadic: false };
  const text = describe.fn({ services: S.services, call }, index.oid, column, false);
  return typeof text === 'string' ? text : 'expression';
}
