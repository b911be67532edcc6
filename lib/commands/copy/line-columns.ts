/**
 * COPY FROM's fast path: whole lines of the stream, as bytes, into columns, without a string or a row between. Lines that are
 * anything but plain (bytes by their numbers behind a backslash, quotes within quotes, a field too many, a value that its input function must refuse)
 * are left to `CopyLineReader`, whose rows may be added; `test/commands/copy-columns.test.ts` holds the two against each other.
 *
 * A million lines of five columns (three int4, float8, text; 37 MB) load in 0.5 s of the main thread, 0.2 s of it here; as strings and
 * rows in 2.6 s.
 */
import { CHUNK_BYTES, CHUNK_ROWS, type ColumnValues } from '../../access/api.js';
import type { Datum, Row } from '../../types/datum.js';

/** How the texts of a column become values. */
export type ColumnReading =
  /** Whole numbers of up to 32 bits within bounds. */
  | { readonly kind: 'int32'; readonly minimum: number; readonly maximum: number }
  /** int8. */
  | { readonly kind: 'int64' }
  | { readonly kind: 'float64' }
  /** Text as it is, of `mostCharacters` at most (null: of any length). */
  | { readonly kind: 'text'; readonly mostCharacters: number | null }
  /** By the type's input function. */
  | { readonly kind: 'other' };

/** A column of the stream. */
export interface LineColumnSpec {
  /** Attribute number - 1. */
  readonly attribute: number;
  readonly reading: ColumnReading;
  /** What the reading does not cover goes through here; throws what the input function throws. */
  readonly convert: (text: string) => Datum;
  readonly notNull: boolean;
}

/** How the stream marks things. */
export interface LineFormat {
  readonly csv: boolean;
  readonly delimiter: string;
  readonly nullString: string;
  readonly quote: string;
  readonly escape: string;
}

/** Where `LineColumns.read` has stopped: at the end, because it is full, or at a line that is not plain. */
export type LineStop = 'end' | 'full' | 'odd';

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const BACKSLASH = 92;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

/** No position: the field is not of the plain form. */
const ODD = -1;
/** Digits that a double holds exactly, in whatever order. */
const SAFE_DIGITS = 15;
const INT32_DIGITS = 10;
/** Rows that arrays are made for at first. */
const FIRST_ROWS = 64;
/** Texts from this length on are copied by the engine. */
const LONG_TEXT = 48;
const POWERS = Array.from({ length: SAFE_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** A row's own weight in memory, and each column's and text's, as of `HeapFile`'s rows. */
const ROW_WEIGHT = 176;
const COLUMN_WEIGHT = 8;
const TEXT_WEIGHT = 24;

/** What \b, \f, \n, \r, \t and \v stand for; other characters stand for themselves. -1: not for here. */
const ESCAPED = Int16Array.from({ length: 256 }, (_, byte) => byte);
for (const [letter, byte] of [['b', 8], ['f', 12], ['n', 10], ['r', 13], ['t', 9], ['v', 11]] as const) ESCAPED[letter.charCodeAt(0)] = byte;
for (const odd of ['0', '1', '2', '3', '4', '5', '6', '7', 'x', '.', '\n', '\r']) ESCAPED[odd.charCodeAt(0)] = -1;

/** One column being gathered. */
class GatheredColumn {
  nulls = new Uint8Array(0);
  hasNull = false;
  ints = new Int32Array(0);
  doubles = new Float64Array(0);
  bytes = Buffer.alloc(0);
  ends = new Uint32Array(0);
  values: Datum[] = [];
  /** Values that the arrays cannot hold (an int8 beyond 2^53), by position; null: none so far. */
  others: Map<number, Datum> | null = null;

  constructor(readonly spec: LineColumnSpec) {}

  grow(rows: number): void {
    const nulls = this.nulls;
    this.nulls = new Uint8Array(rows);
    this.nulls.set(nulls);
    const { ints, doubles, ends } = this;
    switch (this.spec.reading.kind) {
      case 'int32':
        this.ints = new Int32Array(rows);
        this.ints.set(ints);
        break;
      case 'int64': case 'float64':
        this.doubles = new Float64Array(rows);
        this.doubles.set(doubles);
        break;
      case 'text':
        this.ends = new Uint32Array(rows);
        this.ends.set(ends);
        break;
      case 'other':
    }
  }

  /** Where the text at a position begins. */
  textStart(position: number): number {
    return position === 0 ? 0 : this.ends[position - 1];
  }

  /** Makes room for so many bytes of text behind those before a position. */
  reserve(position: number, more: number): void {
    const used = this.textStart(position);
    if (used + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(4096, (used + more) * 2));
    this.bytes.copy(grown, 0, 0, used);
    this.bytes = grown;
  }

  putNull(position: number): void {
    this.nulls[position] = 1;
    this.hasNull = true;
    switch (this.spec.reading.kind) {
      case 'int32': this.ints[position] = 0; break;
      case 'int64': case 'float64': this.doubles[position] = 0; break;
      case 'text': this.ends[position] = this.textStart(position); break;
      case 'other': this.values[position] = null;
    }
  }

  /** Stores a value of the column's type. */
  put(position: number, value: Datum): void {
    this.others?.delete(position);
    if (value === null) {
      this.putNull(position);
      return;
    }
    this.nulls[position] = 0;
    const { kind } = this.spec.reading;
    if (kind === 'other') this.values[position] = value;
    else if (kind === 'text' && typeof value === 'string') this.putText(position, value);
    else if (kind === 'int32' && typeof value === 'number') this.ints[position] = value;
    else if (typeof value === 'number') this.doubles[position] = value;
    else (this.others ??= new Map<number, Datum>()).set(position, value);
  }

  private putText(position: number, text: string): void {
    const start = this.textStart(position);
    this.reserve(position, Buffer.byteLength(text));
    this.ends[position] = start + this.bytes.write(text, start, 'utf8');
  }

  at(position: number): Datum {
    if (this.nulls[position] === 1) return null;
    const other = this.others?.get(position);
    if (other !== undefined) return other;
    switch (this.spec.reading.kind) {
      case 'int32': return this.ints[position];
      case 'int64': case 'float64': return this.doubles[position];
      case 'text': return this.bytes.toString('utf8', this.textStart(position), this.ends[position]);
      default: return this.values[position];
    }
  }

  /** The first `rows` values. */
  gathered(rows: number): ColumnValues {
    const nulls = this.hasNull ? this.nulls : null;
    const { kind } = this.spec.reading;
    if (kind === 'other') return { kind: 'values', values: this.values.slice(0, rows) };
    if (this.others !== null && this.others.size > 0) return { kind: 'values', values: Array.from({ length: rows }, (_, position) => this.at(position)) };
    if (kind === 'text') return { kind: 'text', bytes: this.bytes, ends: this.ends, nulls };
    return kind === 'int32' ? { kind, data: this.ints, nulls } : { kind: 'float64', data: this.doubles, nulls };
  }

  clear(): void {
    this.hasNull = false;
    this.others = null;
    this.values = [];
  }
}

/** See the file's comment. */
export class LineColumns {
  /** Rows gathered. */
  rows = 0;
  /** Number of the line of each row. */
  readonly lines = new Float64Array(CHUNK_ROWS);
  /** Where `read` has stopped. */
  position = 0;
  /** The line end of the stream: must be set before `read`. */
  lineEnd: '\n' | '\r\n' = '\n';
  private capacity = CHUNK_ROWS;
  private allocated = 0;
  private weight = 0;
  private readonly rowWeight: number;
  private readonly columns: readonly GatheredColumn[];
  private readonly delimiter: number;
  private readonly nullBytes: Uint8Array;
  private readonly nullFirst: number;
  /** 1: the byte ends a run of bytes that stand for themselves. */
  private readonly special = new Uint8Array(256);
  private endOfLine = NEWLINE;
  /** CSV's quote and escape; -1 otherwise. */
  private readonly quote: number;
  private readonly escape: number;

  /** `attributes`: of the table. Columns that the stream does not have are NULL. */
  constructor(specs: readonly LineColumnSpec[], private readonly attributes: number, private readonly format: LineFormat) {
    this.columns = specs.map((spec) => new GatheredColumn(spec));
    this.delimiter = format.delimiter.charCodeAt(0);
    this.nullBytes = Buffer.from(format.nullString);
    this.nullFirst = this.nullBytes.length === 0 ? -1 : this.nullBytes[0];
    this.quote = format.csv ? format.quote.charCodeAt(0) : -1;
    this.escape = format.csv ? format.escape.charCodeAt(0) : -1;
    for (const byte of [this.delimiter, NEWLINE, CARRIAGE_RETURN, format.csv ? this.quote : BACKSLASH]) this.special[byte] = 1;
    this.rowWeight = ROW_WEIGHT + COLUMN_WEIGHT * attributes + TEXT_WEIGHT * specs.filter((spec) => spec.reading.kind === 'text').length;
  }

  /** Forgets the rows; full with so many from now on. */
  clear(capacity: number): void {
    this.rows = 0;
    this.weight = 0;
    this.capacity = capacity;
    for (const column of this.columns) column.clear();
  }

  get isFull(): boolean {
    return this.rows >= this.capacity || this.weight > CHUNK_BYTES;
  }

  /** Whether a row may be among those gathered: it has a value wherever it must. */
  accepts(row: Row): boolean {
    return this.columns.every(({ spec }) => !spec.notNull || row[spec.attribute] !== null);
  }

  /** A row that was read otherwise, of line `line` of the stream, about so many characters long. */
  add(row: Row, line: number, length: number): void {
    const position = this.rows;
    if (position === this.allocated) this.grow();
    for (const column of this.columns) column.put(position, row[column.spec.attribute]);
    this.lines[position] = line;
    this.rows++;
    this.weight += this.rowWeight + length;
  }

  /** Row `position` of those gathered. */
  row(position: number): Row {
    const row = new Array<Datum>(this.attributes).fill(null);
    for (const column of this.columns) row[column.spec.attribute] = column.at(position);
    return row;
  }

  /** The columns of all attributes; valid until more is gathered. */
  gathered(): ColumnValues[] {
    const all = Array.from({ length: this.attributes }, (): ColumnValues => ({ kind: 'null' }));
    for (const column of this.columns) all[column.spec.attribute] = column.gathered(this.rows);
    return all;
  }

  private grow(): void {
    this.allocated = this.allocated === 0 ? FIRST_ROWS : Math.min(this.allocated * 4, CHUNK_ROWS);
    for (const column of this.columns) column.grow(this.allocated);
  }

  /**
   * Reads the lines of bytes[at, end), which are valid UTF-8 without zeros and end with a line end; with `\n` as line end they have no
   * carriage return. `line`: the first one's number. Stops as told; `position` is then where the first line begins that was not read.
   */
  read(bytes: Buffer, at: number, end: number, line: number): LineStop {
    this.endOfLine = this.lineEnd === '\n' ? NEWLINE : CARRIAGE_RETURN;
    for (const column of this.columns) if (column.spec.reading.kind === 'text') column.reserve(this.rows, end - at);
    let start = at;
    let number = line;
    let stop: LineStop = 'end';
    while (start < end) {
      if (this.isFull) {
        stop = 'full';
        break;
      }
      if (this.rows === this.allocated) this.grow();
      const next = this.readLine(bytes, start);
      if (next === ODD) {
        stop = 'odd';
        break;
      }
      this.weight += this.rowWeight + next - start;
      this.lines[this.rows++] = number++;
      start = next;
    }
    this.position = start;
    return stop;
  }

  /** Reads a line; where the next one begins, or ODD. */
  private readLine(bytes: Buffer, start: number): number {
    const { columns, endOfLine, delimiter, nullFirst } = this;
    const last = columns.length - 1;
    const position = this.rows;
    let at = start;
    for (let index = 0; index <= last; index++) {
      const column = columns[index];
      const first = bytes[at];
      // Of a line that was given up here.
      if (column.others !== null) column.others.delete(position);
      let end: number;
      if ((first === nullFirst || nullFirst === -1) && this.isNull(bytes, at)) {
        if (column.spec.notNull) return ODD;
        column.putNull(position);
        end = at + this.nullBytes.length;
      } else {
        column.nulls[position] = 0;
        end = first === this.quote ? this.readQuoted(column, bytes, at, position) : this.readField(column, bytes, at, position);
        if (end === ODD) return ODD;
      }
      if (bytes[end] !== (index === last ? endOfLine : delimiter)) return ODD;
      at = end + 1;
    }
    if (endOfLine === NEWLINE) return at;
    return bytes[at] === NEWLINE ? at + 1 : ODD;
  }

  private isNull(bytes: Buffer, at: number): boolean {
    const { nullBytes } = this;
    for (let index = 0; index < nullBytes.length; index++) if (bytes[at + index] !== nullBytes[index]) return false;
    const behind = bytes[at + nullBytes.length];
    return behind === this.delimiter || behind === this.endOfLine;
  }

  /** Reads a field that is not NULL; where it ends, or ODD. */
  private readField(column: GatheredColumn, bytes: Buffer, at: number, position: number): number {
    const { reading } = column.spec;
    if (reading.kind === 'text') return this.readText(column, bytes, at, position, reading.mostCharacters);
    const end = this.readNumber(column, bytes, at, position);
    return end === ODD ? this.readOther(column, bytes, at, position) : end;
  }

  /** Reads a number in its plain form; where it ends, or ODD. */
  private readNumber(column: GatheredColumn, bytes: Buffer, at: number, position: number): number {
    const { reading } = column.spec;
    switch (reading.kind) {
      case 'int32': {
        const end = this.readInteger(bytes, at, INT32_DIGITS);
        if (end === ODD || this.number < reading.minimum || this.number > reading.maximum) return ODD;
        column.ints[position] = this.number;
        return end;
      }
      case 'int64': case 'float64': {
        const end = reading.kind === 'int64' ? this.readInteger(bytes, at, SAFE_DIGITS) : this.readDouble(bytes, at);
        if (end === ODD) return ODD;
        column.doubles[position] = this.number;
        return end;
      }
      default: return ODD;
    }
  }

  /** Reads a field that is all between two quotes, with nothing in it that is escaped and no line end; where it ends, or ODD. */
  private readQuoted(column: GatheredColumn, bytes: Buffer, at: number, position: number): number {
    const { quote, escape } = this;
    const start = at + 1;
    let end = start;
    for (let byte = bytes[end]; byte !== quote; byte = bytes[++end]) {
      if (byte === NEWLINE || byte === CARRIAGE_RETURN || byte === escape) return ODD;
    }
    const { reading } = column.spec;
    if (reading.kind !== 'text') {
      const isRead = this.readNumber(column, bytes, start, position) === end || this.convertField(column, bytes, start, end, position) === end;
      return isRead ? end + 1 : ODD;
    }
    if (reading.mostCharacters !== null && end - start > reading.mostCharacters) return ODD;
    const from = column.textStart(position);
    column.ends[position] = from + bytes.copy(column.bytes, from, start, end);
    return end + 1;
  }

  /** What `readInteger` and `readDouble` have read. */
  private number = 0;

  /** Digits, after a minus or not. */
  private readInteger(bytes: Buffer, start: number, mostDigits: number): number {
    let at = start;
    const negative = bytes[at] === MINUS;
    if (negative) at++;
    const first = at;
    let value = 0;
    for (let digit = bytes[at] - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at] - ZERO) value = value * 10 + digit;
    const digits = at - first;
    if (digits === 0 || digits > mostDigits || this.special[bytes[at]] === 0) return ODD;
    // Not -0.
    this.number = negative ? 0 - value : value;
    return at;
  }

  /** Digits with a point among them or not: the quotient of two numbers that are exact is what the nearest double is. */
  private readDouble(bytes: Buffer, start: number): number {
    let at = start;
    const negative = bytes[at] === MINUS;
    if (negative) at++;
    const first = at;
    let value = 0;
    for (let digit = bytes[at] - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at] - ZERO) value = value * 10 + digit;
    let digits = at - first;
    let decimals = 0;
    if (bytes[at] === POINT) {
      const point = at++;
      for (let digit = bytes[at] - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at] - ZERO) value = value * 10 + digit;
      decimals = at - point - 1;
      digits += decimals;
    }
    if (digits === 0 || digits > SAFE_DIGITS || this.special[bytes[at]] === 0) return ODD;
    if (decimals > 0) value /= POWERS[decimals];
    this.number = negative ? -value : value;
    return at;
  }

  private readText(column: GatheredColumn, bytes: Buffer, start: number, position: number, mostCharacters: number | null): number {
    const { special } = this;
    const { bytes: out } = column;
    const from = column.textStart(position);
    let to = from;
    let at = start;
    for (;;) {
      const run = at;
      while (special[bytes[at]] === 0) at++;
      if (at - run < LONG_TEXT) for (let index = run; index < at; index++) out[to++] = bytes[index];
      else to += bytes.copy(out, to, run, at);
      if (bytes[at] !== BACKSLASH || this.format.csv) break;
      const escaped = ESCAPED[bytes[at + 1]];
      if (escaped < 0) return ODD;
      out[to++] = escaped;
      at += 2;
    }
    if (mostCharacters !== null && to - from > mostCharacters) return ODD;
    column.ends[position] = to;
    return at;
  }

  /** By the input function; what it refuses is not for here. */
  private readOther(column: GatheredColumn, bytes: Buffer, start: number, position: number): number {
    let at = start;
    while (this.special[bytes[at]] === 0) at++;
    if (bytes[at] === BACKSLASH && !this.format.csv) return ODD;
    return this.convertField(column, bytes, start, at, position);
  }

  private convertField(column: GatheredColumn, bytes: Buffer, start: number, end: number, position: number): number {
    let value: Datum;
    try {
      value = column.spec.convert(bytes.toString('utf8', start, end));
    } catch {
      return ODD;
    }
    if (value === null) return ODD;
    column.put(position, value);
    return end;
  }
}
