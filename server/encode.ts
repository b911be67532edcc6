/**
 * Rows to DataRow messages, straight into the connection's buffer. What can be known of a result's columns is worked out
 * once per `ResultShape` (that is, once per cached plan): the RowDescription's bytes and one encoder per column.
 */
import type { FormatCode, ResultShape, StoredRows } from '../lib/session/client.js';
import type { TypeServices } from '../lib/session/session.js';
import type { Datum, Row } from '../lib/types/datum.js';
import { ColumnsEncoder } from './encode-columns.js';
import { BACKEND } from './protocol/format.js';
import { formatOf, writeRowDescription } from './protocol/messages.js';
import { MessageWriter } from './protocol/writer.js';

const FLOAT8 = 701;

/** What encoders ask of the session's types. */
export type OutputTypes = Pick<TypeServices, 'settings' | 'output' | 'send'>;
/** Writes one value that is not null, its length word first. */
export type ColumnEncoder = (writer: MessageWriter, value: Datum, types: OutputTypes) => void;

function encodeIntegerText(writer: MessageWriter, value: Datum): void {
  if (typeof value === 'number') writer.lengthAndDecimal(value, 0);
  else writer.lengthAndText(String(value));
}

/** Decimals that are looked for in a float: what prices and measurements have. */
const MOST_DECIMALS = 4;
const DECIMAL_POWER = 10 ** MOST_DECIMALS;
/** With so few digits a decimal number is the shortest text of the double next to it: no two of them share one. */
const SHORT_LIMIT = 1e15;

/** float8: few decimals are written as they are, everything else goes through the type's output. */
export function encodeFloat8Text(writer: MessageWriter, value: Datum, types: OutputTypes): void {
  const number = value as number;
  let scaled = Math.round(number * DECIMAL_POWER);
  const isShort = scaled / DECIMAL_POWER === number && scaled < SHORT_LIMIT && scaled > -SHORT_LIMIT && !Object.is(number, -0);
  if (!isShort || types.settings.extraFloatDigits <= 0) {
    writer.lengthAndText(types.output(FLOAT8, number));
    return;
  }
  let decimals = MOST_DECIMALS;
  // Whole numbers of 32 bits have a cheaper remainder than doubles.
  if ((scaled | 0) === scaled) {
    let small = scaled | 0;
    for (; decimals > 0 && small % 10 === 0; decimals--) small = (small / 10) | 0;
    scaled = small;
  } else for (; decimals > 0 && scaled % 10 === 0; decimals--) scaled /= 10;
  writer.lengthAndDecimal(scaled, decimals);
}

function encodeString(writer: MessageWriter, value: Datum): void {
  writer.lengthAndText(value as string);
}

function encodeBooleanText(writer: MessageWriter, value: Datum): void {
  writer.int32(1);
  writer.uint8(value === true ? 0x74 : 0x66);
}

function encodeBooleanBinary(writer: MessageWriter, value: Datum): void {
  writer.int32(1);
  writer.uint8(value === true ? 1 : 0);
}

function encodeInt4Binary(writer: MessageWriter, value: Datum): void {
  writer.int32(4);
  writer.int32(value as number);
}

/** bool, float8, int2/4/8, oid; text, varchar, bpchar, name, json, xml, uuid, unknown, cstring: strings as they are. */
const TEXT_ENCODERS: ReadonlyMap<number, ColumnEncoder> = new Map<number, ColumnEncoder>([
  [16, encodeBooleanText], [FLOAT8, encodeFloat8Text],
  ...[20, 21, 23, 26].map((oid): [number, ColumnEncoder] => [oid, encodeIntegerText]),
  ...[25, 1043, 1042, 19, 114, 142, 2950, 705, 2275].map((oid): [number, ColumnEncoder] => [oid, encodeString]),
]);
const BINARY_ENCODERS: ReadonlyMap<number, ColumnEncoder> = new Map<number, ColumnEncoder>([
  [16, encodeBooleanBinary], [23, encodeInt4Binary], [26, encodeInt4Binary],
  ...[25, 1043, 1042, 19, 114, 705].map((oid): [number, ColumnEncoder] => [oid, encodeString]),
]);

function columnEncoder(typeOid: number, format: FormatCode): ColumnEncoder {
  const known = (format === 1 ? BINARY_ENCODERS : TEXT_ENCODERS).get(typeOid);
  if (known !== undefined) return known;
  return format === 1
    ? (writer, value, types) => writer.lengthAndBytes(types.send(typeOid, value))
    : (writer, value, types) => writer.lengthAndText(types.output(typeOid, value));
}

/** What an encoder writes of a value, where `encode-columns.ts` has a short way to write the same. */
export type ColumnForm = 'integer' | 'float8' | 'string' | null;

const FORMS: ReadonlyMap<ColumnEncoder, ColumnForm> = new Map<ColumnEncoder, ColumnForm>([
  [encodeIntegerText, 'integer'], [encodeFloat8Text, 'float8'], [encodeString, 'string'],
]);

/** What is known of a result's columns. */
export class RowEncoder {
  /** The whole RowDescription message. */
  readonly description: Buffer;
  private readonly encoders: readonly ColumnEncoder[];
  private columns: ColumnsEncoder | null = null;

  constructor(shape: ResultShape) {
    const writer = new MessageWriter();
    writeRowDescription(writer, shape.columns, shape.formats);
    this.description = Buffer.from(writer.pending());
    this.encoders = shape.columns.map((column, index) => columnEncoder(column.typeOid, formatOf(shape.formats, index)));
  }

  /** Writes rows that are still columns. A value that cannot be put out leaves the buffer as it was before its row. */
  writeStored(writer: MessageWriter, rows: StoredRows, types: OutputTypes): void {
    this.columns ??= new ColumnsEncoder(this.encoders, this.encoders.map((encoder) => FORMS.get(encoder) ?? null));
    this.columns.write(writer, rows, types);
  }

  /** Writes one DataRow. A value that cannot be put out leaves the buffer as it was. */
  write(writer: MessageWriter, row: Row, types: OutputTypes): void {
    const { encoders } = this;
    writer.begin(BACKEND.dataRow);
    try {
      writer.int16(encoders.length);
      for (let i = 0; i < encoders.length; i++) {
        const value = row[i];
        if (value === null) writer.int32(-1);
        else encoders[i](writer, value, types);
      }
      writer.end();
    } catch (error) {
      writer.rollback();
      throw error;
    }
  }
}

const encoders = new WeakMap<ResultShape, RowEncoder>();

/** The encoder of a result shape, made at first need. */
export function rowEncoder(shape: ResultShape): RowEncoder {
  let encoder = encoders.get(shape);
  if (encoder === undefined) encoders.set(shape, encoder = new RowEncoder(shape));
  return encoder;
}
