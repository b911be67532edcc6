/**
 * Rows that are still columns of a packed chunk to DataRow messages: numbers and text go from the chunk's bytes into the connection's
 * buffer, and neither arrays nor strings are made of them. What there is no short way for goes through the column's encoder, value by
 * value. `RowEncoder.write` is the slow twin: both give the same bytes (test/server/stored-rows.test.ts).
 */
import type { ColumnVector, StoredRows } from '../lib/session/client.js';
import { encodeFloat8Text, type ColumnEncoder, type ColumnForm, type OutputTypes } from './encode.js';
import { BACKEND } from './protocol/format.js';
import type { MessageWriter } from './protocol/writer.js';

/** How the values of one column are written: by its encoder, as a whole number of 32 bits or more, as a float8, as the bytes they are. */
const KIND = { encoder: 0, int32: 1, integer: 2, float8: 3, text: 4 } as const;

type Text = NonNullable<Extract<ColumnVector, { kind: 'string' }>['text']>;
const NO_NUMBERS = new Float64Array(0);
const NO_INT32 = new Int32Array(0);
/** Positions of a stretch that is short: its numbers are copied, where those of a whole chunk would be made ready for a few rows. */
const SHORT_STRETCH = 256;
/** Numbers of short stretches, by column; nothing of them is kept. */
const int32Stretches: Int32Array[] = [];
const numberStretches: Float64Array[] = [];
const NO_TEXT: Text = { bytes: Buffer.alloc(0), offsets: new Uint16Array(1), isUtf8: true };

/** Writes rows of one result. */
export class ColumnsEncoder {
  private readonly kinds: Uint8Array;
  /** What each column is read from, by its kind; arrays of one kind each, so that compiled code need not find it out. */
  private readonly int32: Int32Array[];
  private readonly numbers: Float64Array[];
  private readonly texts: Text[];
  private readonly nulls: (Uint8Array | null)[];
  /** The position that the first number read is of. */
  private first = 0;

  constructor(private readonly encoders: readonly ColumnEncoder[], private readonly forms: readonly ColumnForm[]) {
    this.kinds = new Uint8Array(encoders.length);
    this.int32 = encoders.map(() => NO_INT32);
    this.numbers = encoders.map(() => NO_NUMBERS);
    this.texts = encoders.map(() => NO_TEXT);
    this.nulls = encoders.map(() => null);
  }

  /** Writes a DataRow for each row. A value that cannot be put out leaves the rows before it in the buffer, and nothing of its own. */
  write(writer: MessageWriter, rows: StoredRows, types: OutputTypes): void {
    const count = this.enterStretch(rows);
    for (let index = 0; index < this.kinds.length; index++) this.take(index, rows.columns[index], count);
    try {
      for (let at = rows.from, end = at + rows.length; at < end; at++) this.writeRow(writer, rows.columns, rows.positions[at], types);
    } catch (error) {
      writer.rollback();
      throw error;
    } finally {
      this.letGo();
    }
  }

  /** Finds out where the rows are; how many positions that is if they are few, else 0. */
  private enterStretch(rows: StoredRows): number {
    const { first, last } = rows.bounds();
    const count = last - first + 1;
    this.first = count <= SHORT_STRETCH ? first : 0;
    return count <= SHORT_STRETCH ? count : 0;
  }

  /** `count`: positions of a short stretch, 0: there is none. */
  private take(index: number, column: ColumnVector, count: number): void {
    const form = this.forms[index];
    const text = column.kind === 'string' && form === 'string' ? column.text : null;
    this.nulls[index] = column.nulls;
    let kind: number = KIND.encoder;
    if (column.kind === 'int32' && form === 'integer') {
      kind = KIND.int32;
      if (count === 0) this.int32[index] = column.data;
      else column.copy((this.int32[index] = int32Stretches[index] ??= new Int32Array(SHORT_STRETCH)), this.first, count);
    } else if (column.kind === 'float64' && form !== 'string' && form !== null) {
      kind = form === 'integer' ? KIND.integer : KIND.float8;
      if (count === 0) this.numbers[index] = column.data;
      else column.copy((this.numbers[index] = numberStretches[index] ??= new Float64Array(SHORT_STRETCH)), this.first, count);
    } else if (text !== null) {
      kind = KIND.text;
      this.texts[index] = text;
    }
    this.kinds[index] = kind;
  }

  /** Who wrote a chunk's rows does not keep it in memory. */
  private letGo(): void {
    for (let index = 0; index < this.kinds.length; index++) {
      this.int32[index] = NO_INT32;
      this.numbers[index] = NO_NUMBERS;
      this.texts[index] = NO_TEXT;
      this.nulls[index] = null;
    }
  }

  private writeRow(writer: MessageWriter, columns: readonly ColumnVector[], position: number, types: OutputTypes): void {
    const { kinds, nulls } = this;
    const place = position - this.first;
    writer.begin(BACKEND.dataRow);
    writer.int16(kinds.length);
    for (let index = 0; index < kinds.length; index++) {
      const bits = nulls[index];
      if (bits !== null && (bits[position >> 3] & (1 << (position & 7))) !== 0) {
        writer.int32(-1);
        continue;
      }
      switch (kinds[index]) {
        case KIND.int32:
          writer.lengthAndInt32(this.int32[index][place], 0);
          continue;
        case KIND.integer:
          writer.lengthAndDecimal(this.numbers[index][place], 0);
          continue;
        case KIND.float8:
          encodeFloat8Text(writer, this.numbers[index][place], types);
          continue;
        case KIND.text: {
          const { bytes, offsets, isUtf8 } = this.texts[index];
          if (writer.lengthAndStored(bytes, offsets[position], offsets[position + 1], isUtf8)) continue;
        }
      }
      const value = columns[index].get(position);
      if (value === null) writer.int32(-1);
      else this.encoders[index](writer, value, types);
    }
    writer.end();
  }
}
