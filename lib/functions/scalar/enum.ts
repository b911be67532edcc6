/**
 * Enums: values are OIDs of pg_enum rows; order is by enumsortorder, which the session's catalog knows (PostgreSQL's enum.c).
 */
import { pgError } from '../../base/error.js';
import { ArrayValue } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { pure, withContext } from '../registry.js';
import { fromUtf8, utf8 } from '../wire.js';
import { compareNumbers } from './compare.js';

function readLabel(cx: CallContext, label: string, enumType: number): number {
  const value = cx.services.types.enumValue(enumType, label);
  if (value === 0) {
    throw pgError('INVALID_TEXT_REPRESENTATION', `invalid input value for enum ${cx.services.types.formatType(enumType)}: "${label}"`);
  }
  return value;
}

withContext('enum_in', readLabel);
withContext('enum_out', (cx, value: number) => cx.services.types.enumLabel(value));
withContext('enum_send', (cx, value: number) => utf8(cx.services.types.enumLabel(value)));
withContext('enum_recv', (cx, bytes: Uint8Array, enumType: number) => readLabel(cx, fromUtf8(bytes), enumType));

/** Even OIDs order by themselves; odd ones (added between others) by the catalog's sort order. */
function compareEnums(cx: CallContext, a: number, b: number): number {
  if (a === b) return 0;
  if (((a | b) & 1) === 0) return compareNumbers(a, b);
  return cx.services.types.compareEnum(a, b);
}
pure('enum_eq', (a: number, b: number) => a === b, (a, b) => `(${a} === ${b})`);
pure('enum_ne', (a: number, b: number) => a !== b, (a, b) => `(${a} !== ${b})`);
withContext('enum_lt', (cx, a: number, b: number) => compareEnums(cx, a, b) < 0);
withContext('enum_le', (cx, a: number, b: number) => compareEnums(cx, a, b) <= 0);
withContext('enum_gt', (cx, a: number, b: number) => compareEnums(cx, a, b) > 0);
withContext('enum_ge', (cx, a: number, b: number) => compareEnums(cx, a, b) >= 0);
withContext('enum_cmp', compareEnums);
withContext('enum_larger', (cx, a: number, b: number) => (compareEnums(cx, a, b) > 0 ? a : b));
withContext('enum_smaller', (cx, a: number, b: number) => (compareEnums(cx, a, b) < 0 ? a : b));

/** The enum type that the call's argument has. */
function enumTypeOf(cx: CallContext): number {
  const type = cx.call.argTypes[0] ?? 0;
  if (type === 0) throw pgError('FEATURE_NOT_SUPPORTED', 'could not determine actual enum type');
  return type;
}

function endOf(cx: CallContext, index: number): number {
  const type = enumTypeOf(cx);
  const value = cx.services.types.enumValues(type).at(index);
  if (value === undefined) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `enum ${cx.services.types.formatType(type)} contains no values`);
  return value;
}
withContext('enum_first', (cx) => endOf(cx, 0));
withContext('enum_last', (cx) => endOf(cx, -1));

function enumRange(cx: CallContext, lower: number | null, upper: number | null): ArrayValue {
  const type = enumTypeOf(cx);
  const values = cx.services.types.enumValues(type);
  const start = lower === null ? 0 : values.indexOf(lower);
  const end = upper === null ? values.length - 1 : values.indexOf(upper);
  return ArrayValue.of(type, start < 0 || end < start ? [] : values.slice(start, end + 1));
}
withContext('enum_range_all', (cx) => enumRange(cx, null, null));
withContext('enum_range_bounds', enumRange);
