/**
 * SQL values as json text and as jsonb (PostgreSQL's datum_to_json, datum_to_jsonb): by category of the type.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, RecordValue, type Datum, type Int8 } from '../../types/datum.js';
import { Jsonb, type JsonbNode } from '../../types/jsonb.js';
import type { Numeric } from '../../types/numeric.js';
import {
  ANYARRAYOID, RECORDARRAYOID, BOOLOID, BPCHAROID, DATEOID, FLOAT4OID, FLOAT8OID, INT2OID, INT2VECTOROID, INT4OID, INT8OID, JSONBOID, JSONOID, NUMERICOID,
  OIDVECTOROID, RECORDOID, TEXTOID, TIMESTAMPOID, TIMESTAMPTZOID, UNKNOWNOID, VARCHAROID,
} from '../../types/oids.js';
import type { CallContext, RowColumn } from '../context.js';
import { encodeDate, encodeTimestamp, encodeTimestampTz } from '../datetime/format.js';
import { sessionZone } from '../datetime/session.js';
import { formatNumeric } from '../numeric/core.js';
import { checkString, formatJsonb, makeObject, parseJsonbNode, parseNumber } from './jsonb.js';
import { escapeJson } from './text.js';

/** How a type's values become JSON. */
export type Category = 'bool' | 'number' | 'date' | 'timestamp' | 'timestamptz' | 'json' | 'jsonb' | 'array' | 'record' | 'text' | 'other';

const CATEGORIES = new Map<number, Category>([
  [BOOLOID, 'bool'], [INT2OID, 'number'], [INT4OID, 'number'], [INT8OID, 'number'], [FLOAT4OID, 'number'], [FLOAT8OID, 'number'],
  [NUMERICOID, 'number'], [DATEOID, 'date'], [TIMESTAMPOID, 'timestamp'], [TIMESTAMPTZOID, 'timestamptz'], [JSONOID, 'json'],
  [JSONBOID, 'jsonb'], [TEXTOID, 'text'], [VARCHAROID, 'text'], [BPCHAROID, 'text'], [UNKNOWNOID, 'text'], [RECORDOID, 'record'],
  [INT2VECTOROID, 'array'], [OIDVECTOROID, 'array'], [ANYARRAYOID, 'array'], [RECORDARRAYOID, 'array'],
]);

/** Category of a type, domains looked through; 22023 when the type is not known. */
export function categoryOf(cx: CallContext, type: number): Category {
  const known = CATEGORIES.get(type);
  if (known) return known;
  if (!type) throw pgError('INVALID_PARAMETER_VALUE', 'could not determine input data type');
  const facts = cx.services.types.facts(type);
  if (facts.kind === 'd') return categoryOf(cx, cx.services.types.domainBase(type).value);
  if (facts.kind === 'c') return 'record';
  return facts.elementType !== 0 && facts.arrayType === 0 && facts.kind === 'b' && facts.name.startsWith('_') ? 'array' : 'other';
}

function baseOf(cx: CallContext, type: number): number {
  return type >= 10000 && cx.services.types.facts(type).kind === 'd' ? cx.services.types.domainBase(type).value : type;
}

/** Text of a number by its type's output function. */
function numberText(cx: CallContext, value: Datum, type: number): string {
  const base = baseOf(cx, type);
  if (base === NUMERICOID) return formatNumeric(value as Numeric);
  return base === FLOAT4OID || base === FLOAT8OID ? cx.services.types.output(base, value) : String(value);
}

/** A scalar's text: what becomes a JSON string (or number), or a key. */
function scalarText(cx: CallContext, value: Datum, type: number, category: Category): string {
  switch (category) {
    case 'bool': return value ? 'true' : 'false';
    case 'number': return numberText(cx, value, type);
    case 'date': return encodeDate(value as number);
    case 'timestamp': return encodeTimestamp(value as Int8);
    case 'timestamptz': return encodeTimestampTz(value as Int8, sessionZone(cx.services));
    case 'text': return value as string;
    default: return cx.services.types.output(type, value);
  }
}

function nonScalarKey(): Error {
  return pgError('INVALID_PARAMETER_VALUE', 'key value must be scalar, not array, composite, or json');
}

/** A value as an object's key, not quoted; 22023. */
export function keyText(cx: CallContext, value: Datum, type: number, category = categoryOf(cx, type)): string {
  if (category === 'array' || category === 'record' || category === 'json' || category === 'jsonb') throw nonScalarKey();
  return scalarText(cx, value, type, category);
}

/** Names and types of a composite value's columns. */
export function columnsOf(cx: CallContext, record: RecordValue): readonly RowColumn[] {
  if (record.columnTypes.length === 0 && record.typeOid !== RECORDOID) return cx.services.types.rowColumns(record.typeOid);
  return record.columnTypes.map((type, i) => ({ name: record.columnNames[i] ?? `f${i + 1}`, type, typmod: -1, position: i }));
}

/** A composite value as an object; `separator` may hold line feeds. */
export function recordToJson(cx: CallContext, record: RecordValue, separator = ','): string {
  const members = columnsOf(cx, record).map(({ name, type, position }) => `${escapeJson(name)}:${toJsonText(cx, record.values[position] ?? null, type)}`);
  return `{${members.join(separator)}}`;
}

/** An array as a JSON array, line feeds (if any) between the outermost elements. */
export function arrayToJson(cx: CallContext, array: ArrayValue, separator = ','): string {
  if (array.elements.length === 0) return '[]';
  const category = categoryOf(cx, array.elementType);
  let at = 0;
  const write = (dimension: number): string => {
    const parts: string[] = [];
    for (let i = 0; i < array.dims[dimension]; i++) {
      parts.push(dimension + 1 === array.dims.length ? toJsonText(cx, array.elements[at++], array.elementType, category) : write(dimension + 1));
    }
    return `[${parts.join(dimension === 0 ? separator : ',')}]`;
  };
  return write(0);
}

/** A value as json text. */
export function toJsonText(cx: CallContext, value: Datum, type: number, category = value === null ? 'other' : categoryOf(cx, type)): string {
  if (value === null) return 'null';
  switch (category) {
    case 'array': return arrayToJson(cx, value as ArrayValue);
    case 'record': return recordToJson(cx, value as RecordValue);
    case 'json': return value as string;
    case 'jsonb': return formatJsonb(value as Jsonb);
    case 'bool': return value ? 'true' : 'false';
    case 'number': {
      const text = numberText(cx, value, type);
      return /^-?[0-9]/.test(text) ? text : `"${text}"`;
    }
    default: return escapeJson(scalarText(cx, value, type, category));
  }
}

/** A value as a jsonb node. */
export function toJsonbNode(cx: CallContext, value: Datum, type: number, category = value === null ? 'other' : categoryOf(cx, type)): JsonbNode {
  if (value === null) return null;
  switch (category) {
    case 'array': return arrayToNode(cx, value as ArrayValue);
    case 'record': {
      const record = value as RecordValue;
      return makeObject(columnsOf(cx, record).map(({ name, type: column, position }) => [name, toJsonbNode(cx, record.values[position] ?? null, column)]));
    }
    case 'json': return parseJsonbNode(value as string);
    case 'jsonb': return (value as Jsonb).root;
    case 'bool': return value as boolean;
    case 'number': {
      const text = numberText(cx, value, type);
      return /[nN]/.test(text) ? text : parseNumber(text);
    }
    default: return checkString(scalarText(cx, value, type, category));
  }
}

function arrayToNode(cx: CallContext, array: ArrayValue): JsonbNode {
  if (array.elements.length === 0) return [];
  const category = categoryOf(cx, array.elementType);
  let at = 0;
  const build = (dimension: number): JsonbNode => {
    const items: JsonbNode[] = [];
    for (let i = 0; i < array.dims[dimension]; i++) {
      items.push(dimension + 1 === array.dims.length ? toJsonbNode(cx, array.elements[at++], array.elementType, category) : build(dimension + 1));
    }
    return items;
  };
  return build(0);
}
