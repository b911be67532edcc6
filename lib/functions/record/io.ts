/**
 * I/O of composite values (PostgreSQL's rowtypes.c): `(a,"b c",)`.
 */
import { pgError } from '../../base/error.js';
import { RecordValue, type Datum } from '../../types/datum.js';
import { RECORDOID } from '../../types/oids.js';
import type { CallContext, RowColumn } from '../context.js';
import { badBinary, insufficientData } from '../errors.js';
import { withContext } from '../registry.js';

/** A column of a composite value, with its type. */
export interface Field {
  readonly type: number;
  readonly value: Datum;
}

/** The columns of a composite value; dropped ones left out. */
export function fieldsOf(cx: CallContext, record: RecordValue): readonly Field[] {
  if (record.columnTypes.length > 0 || record.typeOid === RECORDOID) return record.values.map((value, i) => ({ type: record.columnTypes[i], value }));
  return cx.services.types.rowColumns(record.typeOid).map(({ type, position }) => ({ type, value: record.values[position] ?? null }));
}

/** A composite value from its columns in order; dropped ones are null. */
function recordOf(typeOid: number, columns: readonly RowColumn[], fields: readonly Datum[]): RecordValue {
  const values: Datum[] = [];
  columns.forEach(({ position }, i) => {
    while (values.length < position) values.push(null);
    values.push(fields[i]);
  });
  return new RecordValue(typeOid, values);
}

function malformed(text: string, detail: string): Error {
  return pgError('INVALID_TEXT_REPRESENTATION', `malformed record literal: "${text}"`, { detail });
}

const isSpace = (unit: number): boolean => unit === 32 || (unit >= 9 && unit <= 13);

/** One column's text, from `at` on; and where it ended. */
function readColumn(text: string, at: number): readonly [value: string | null, end: number] {
  if (text[at] === ',' || text[at] === ')') return [null, at];
  let value = '';
  let quoted = false;
  let i = at;
  while (quoted || (text[i] !== ',' && text[i] !== ')')) {
    if (i >= text.length) throw malformed(text, 'Unexpected end of input.');
    const ch = text[i++];
    if (ch === '\\') {
      if (i >= text.length) throw malformed(text, 'Unexpected end of input.');
      value += text[i++];
    } else if (ch === '"') {
      if (!quoted) quoted = true;
      else if (text[i] === '"') value += text[i++];
      else quoted = false;
    } else {
      value += ch;
    }
  }
  return [value, i];
}

/** record_in; 22P02, 0A000. */
export function recordIn(cx: CallContext, text: string, typeOid: number): RecordValue {
  if (typeOid === RECORDOID) throw pgError('FEATURE_NOT_SUPPORTED', 'input of anonymous composite types is not implemented');
  const types = cx.services.types;
  let at = 0;
  while (isSpace(text.charCodeAt(at))) at++;
  if (text[at++] !== '(') throw malformed(text, 'Missing left parenthesis.');
  const values: Datum[] = [];
  const columns = types.rowColumns(typeOid);
  columns.forEach((column, i) => {
    if (i > 0 && text[at++] !== ',') throw malformed(text, 'Too few columns.');
    const [value, end] = readColumn(text, at);
    at = end;
    values.push(value === null ? null : types.input(column.type, value, column.typmod));
  });
  if (text[at++] !== ')') throw malformed(text, 'Too many columns.');
  while (isSpace(text.charCodeAt(at))) at++;
  if (at < text.length) throw malformed(text, 'Junk after right parenthesis.');
  return recordOf(typeOid, columns, values);
}

/** record_out. */
export function recordOut(cx: CallContext, record: RecordValue): string {
  const parts = fieldsOf(cx, record).map(({ type, value }) => {
    if (value === null) return '';
    const text = cx.services.types.output(type, value);
    if (text !== '' && !/["\\(),\s]/.test(text)) return text;
    return `"${text.replace(/["\\]/g, '$&$&')}"`;
  });
  return `(${parts.join(',')})`;
}

/** record_send. */
export function recordSend(cx: CallContext, record: RecordValue): Uint8Array {
  const fields = fieldsOf(cx, record);
  const parts = fields.map(({ type, value }) => (value === null ? null : cx.services.types.send(type, value)));
  const bytes = new Uint8Array(4 + parts.reduce((sum, part) => sum + 8 + (part?.length ?? 0), 0));
  const view = new DataView(bytes.buffer);
  view.setInt32(0, parts.length);
  let at = 4;
  parts.forEach((part, i) => {
    view.setUint32(at, fields[i].type);
    view.setInt32(at + 4, part === null ? -1 : part.length);
    at += 8;
    if (part !== null) {
      bytes.set(part, at);
      at += part.length;
    }
  });
  return bytes;
}

/** record_recv; 42804, 22P03. */
export function recordReceive(cx: CallContext, bytes: Uint8Array, typeOid: number): RecordValue {
  if (typeOid === RECORDOID) throw pgError('FEATURE_NOT_SUPPORTED', 'input of anonymous composite types is not implemented');
  const types = cx.services.types;
  const columns = types.rowColumns(typeOid);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) throw insufficientData();
  const count = view.getInt32(0);
  if (count !== columns.length) {
    throw pgError('DATATYPE_MISMATCH', `wrong number of columns: ${count}, expected ${columns.length}`);
  }
  let at = 4;
  const values = columns.map((column, i): Datum => {
    if (bytes.length < at + 8) throw insufficientData();
    const sent = view.getUint32(at);
    const length = view.getInt32(at + 4);
    at += 8;
    if (sent !== column.type && sent < 16384 && column.type < 16384) {
      throw pgError('DATATYPE_MISMATCH',
        `binary data has type ${sent} (${types.formatType(sent)}) instead of expected ${column.type} (${types.formatType(column.type)}) in record column ${i + 1}`);
    }
    if (length === -1) return null;
    if (length < 0 || at + length > bytes.length) throw insufficientData();
    at += length;
    return types.receive(column.type, bytes.subarray(at - length, at), column.typmod);
  });
  if (at !== bytes.length) throw badBinary('improper binary format in record');
  return recordOf(typeOid, columns, values);
}

withContext('record_in', recordIn);
withContext('record_out', recordOut);
withContext('record_send', recordSend);
withContext('record_recv', recordReceive);
