/**
 * COPY FROM's text and CSV formats: bytes as they arrive, cut anywhere, into records of fields. A field is its text,
 * or `NULL_FIELD`, or `DEFAULT_FIELD`.
 *
 * The stream is decoded once per piece; a line without a backslash (text) or quote (CSV) is split by the engine's own
 * `split`, which is what makes loading fast. The careful paths are the twins that the tests hold them against.
 *
 * Idea: CopyReadLineText, CopyReadAttributesText and CopyReadAttributesCSV (commands/copyfromparse.c).
 */
import { isUtf8 } from 'node:buffer';
import { pgError } from '../../base/error.js';
import type { CopyOptions } from './options.js';

/** The field is NULL. */
export const NULL_FIELD = null;
/** The field asks for the column's default. */
export const DEFAULT_FIELD = undefined;
/** One field of a record. */
export type CopyField = string | null | undefined;

/** Turns pieces of the stream into records. */
export class CopyLineReader {
  /** The first bytes of a character whose others have not come. */
  private rest: Uint8Array = new Uint8Array(0);
  /** What is wrong with the bytes behind `pending`. */
  private broken: Error | null = null;
  private pending = '';
  /** What ends the lines of the stream; null: no line was complete yet. */
  lineEnd: '\n' | '\r\n' | '\r' | null = null;
  private ended = false;
  private readonly csv: boolean;
  /** CSV: the pending text up to here is known to lie inside an open quote. */
  private scanned = 0;
  private inQuote = false;
  /** Number of the line last returned, or of that which could not be read: for error contexts. */
  lineNumber = 0;
  /** Its text; null where an error shows none. */
  line: string | null = null;

  constructor(private readonly options: CopyOptions) {
    this.csv = options.format === 'csv';
  }

  /** Adds a piece. What is wrong with it `drain` tells, once it has returned the lines before. */
  push(bytes: Uint8Array): void {
    if (this.broken !== null) return;
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    let whole = all.length - cutSequence(all);
    if (!isUtf8(all.subarray(0, whole))) {
      whole = validPrefix(all);
      // The error shows as many bytes as the first one asks for.
      if (all.length - whole >= sequenceLength(all[whole])) this.broken = invalidEncoding(all.subarray(whole));
    }
    this.rest = Buffer.from(all.subarray(whole));
    this.append(all.subarray(0, whole));
  }

  /** No more pieces will come. */
  finish(): void {
    if (this.rest.length > 0) this.broken = invalidEncoding(this.rest);
    else this.ended = true;
  }

  /** Adds valid UTF-8, up to the first zero. */
  private append(bytes: Uint8Array): void {
    const zero = bytes.indexOf(0);
    if (zero >= 0) this.broken = invalidEncoding(bytes.subarray(zero));
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, zero >= 0 ? zero : bytes.length).toString('utf8');
    this.pending = this.pending === '' ? text : this.pending + text;
  }

  /** Whether all that was pushed is whole lines that were returned. */
  get isBetweenLines(): boolean {
    return this.pending === '' && this.rest.length === 0 && this.broken === null && !this.inQuote;
  }

  /** An error of a line that is not complete: it is the next one's. */
  private unreadable(error: Error): Error {
    this.lineNumber++;
    this.line = null;
    return error;
  }

  /**
   * Calls `receive` with each complete record; stops when more input is needed. False once the end-of-data mark (`\.`) was
   * seen: the rest of the stream is not ours. @throws 22P04; 22021 for bytes that are not UTF-8
   */
  drain(receive: (fields: CopyField[]) => void): boolean {
    let start = 0;
    try {
      for (;;) {
        const end = this.csv ? this.csvLineEnd(start) : this.textLineEnd(start);
        if (end < 0) break;
        const line = this.pending.slice(start, end);
        start = end + (this.pending.startsWith('\r\n', end) && this.lineEnd !== '\r' ? 2 : 1);
        this.scanned = start;
        if (!this.receiveLine(line, receive)) return false;
      }
      if (this.broken !== null) throw this.unreadable(this.broken);
      if (this.ended && start < this.pending.length) {
        const line = this.pending.slice(start);
        start = this.pending.length;
        return this.receiveLine(line, receive);
      }
      return true;
    } finally {
      this.pending = this.pending.slice(start);
      this.scanned = Math.max(0, this.scanned - start);
    }
  }

  private receiveLine(line: string, receive: (fields: CopyField[]) => void): boolean {
    this.lineNumber++;
    this.line = line;
    if (line === '\\.' && !this.csv) return false;
    receive(this.csv ? this.csvFields(line) : this.textFields(line));
    return true;
  }

  // ------------------------------------------------------------------ text

  /** Where the line that starts at `start` ends; -1 when that is not here yet. A backslash hides a line end. */
  private textLineEnd(start: number): number {
    for (let from = start; ;) {
      const end = this.nextLineEnd(from, this.pending.length);
      if (end < 0) return -1;
      let backslashes = 0;
      for (let i = end - 1; i >= start && this.pending.charCodeAt(i) === BACKSLASH; i--) backslashes++;
      if (backslashes % 2 === 0) return end;
      from = end + 1;
    }
  }

  /** The next line end of the stream's kind (decided by the first one) before `limit`; other kinds raise 22P04. */
  private nextLineEnd(from: number, limit: number): number {
    const { pending } = this;
    const newline = indexBefore(pending, '\n', from, limit);
    if (this.lineEnd === '\n') return newline;
    const carriage = indexBefore(pending, '\r', from, limit);
    if (this.lineEnd === null) return this.detectLineEnd(newline, carriage);
    if (newline >= 0 && (carriage < 0 || newline < carriage)) throw this.unreadable(this.literal('newline', '\\n'));
    if (this.lineEnd === '\r') return carriage;
    if (carriage < 0 || (carriage + 1 >= pending.length && !this.ended)) return -1;
    if (pending[carriage + 1] !== '\n') throw this.unreadable(this.literal('carriage return', '\\r'));
    return carriage;
  }

  private detectLineEnd(newline: number, carriage: number): number {
    if (carriage < 0 || (newline >= 0 && newline < carriage)) {
      if (newline >= 0) this.lineEnd = '\n';
      return newline;
    }
    if (carriage + 1 >= this.pending.length && !this.ended) return -1;
    this.lineEnd = this.pending[carriage + 1] === '\n' ? '\r\n' : '\r';
    return carriage;
  }

  private literal(what: string, escape: string): Error {
    this.line = null;
    const quoted = this.csv ? 'unquoted' : 'literal';
    const hint = this.csv ? `Use quoted CSV field to represent ${what}.` : `Use "${escape}" to represent ${what}.`;
    return pgError('BAD_COPY_FILE_FORMAT', `${quoted} ${what} found in data`, { hint });
  }

  private textFields(line: string): CopyField[] {
    if (this.lineEnd === '\n' && line.includes('\r')) throw this.literal('carriage return', '\\r');
    const { delimiter, nullString, defaultString } = this.options;
    if (!line.includes('\\')) {
      const fields: CopyField[] = line.split(delimiter);
      if (!nullString.includes('\\') || defaultString !== null) {
        for (let i = 0; i < fields.length; i++) fields[i] = this.plain(fields[i] as string);
      }
      return fields;
    }
    return splitUnescaped(line, delimiter).map((field) => {
      const marked = this.plain(field);
      return marked === field && field.includes('\\') ? unescapeText(field) : marked;
    });
  }

  /** A field that may be the NULL or DEFAULT mark. */
  private plain(field: string): CopyField {
    if (field === this.options.nullString) return NULL_FIELD;
    if (this.options.defaultString !== null && field === this.options.defaultString) return DEFAULT_FIELD;
    return field;
  }

  // ------------------------------------------------------------------ csv

  /** As `textLineEnd`, for CSV: a quoted field may hold line ends. */
  private csvLineEnd(start: number): number {
    const { pending } = this;
    const { quote, escape } = this.options;
    if (this.scanned < start) this.scanned = start;
    for (;;) {
      if (this.inQuote) {
        const close = this.closingQuote(this.scanned, quote, escape);
        if (close < 0) {
          if (this.ended) throw this.unreadable(unterminated());
          return -1;
        }
        this.scanned = close + 1;
        this.inQuote = false;
      }
      const open = pending.indexOf(quote, this.scanned);
      const end = this.nextLineEnd(this.scanned, open < 0 ? pending.length : open);
      if (open < 0 || end >= 0) return end;
      this.scanned = open + 1;
      this.inQuote = true;
    }
  }

  /** The quote that closes a field, from inside it; -1 when that is not here yet. Doubled quotes are two fields' worth of nothing. */
  private closingQuote(from: number, quote: string, escape: string): number {
    const { pending } = this;
    if (escape === quote) return pending.indexOf(quote, from);
    for (let i = from; i < pending.length; i++) {
      if (pending[i] === escape) {
        if (i + 1 >= pending.length && !this.ended) return -1;
        if (pending[i + 1] === escape || pending[i + 1] === quote) i++;
      } else if (pending[i] === quote) return i;
    }
    return -1;
  }

  private csvFields(line: string): CopyField[] {
    const { delimiter, quote } = this.options;
    if (!line.includes(quote)) {
      if (this.lineEnd === '\n' && line.includes('\r')) throw this.literal('carriage return', '\\r');
      return line.split(delimiter).map((field) => this.plain(field));
    }
    const fields: CopyField[] = [];
    for (let at = 0; ;) {
      const { text, quoted, next } = this.csvField(line, at);
      fields.push(quoted ? text : this.plain(text));
      if (next < 0) return fields;
      at = next;
    }
  }

  /** One field from `at`; `next` is where the following one starts, -1 at the line's end. */
  private csvField(line: string, at: number): { text: string; quoted: boolean; next: number } {
    const { delimiter, quote, escape } = this.options;
    let text = '';
    let quoted = false;
    let i = at;
    while (i < line.length) {
      const c = line[i];
      if (c === delimiter) return { text, quoted, next: i + 1 };
      if (c !== quote) {
        text += c;
        i++;
        continue;
      }
      quoted = true;
      for (i++; ; i++) {
        if (i >= line.length) throw unterminated();
        if (line[i] === escape && i + 1 < line.length && (line[i + 1] === escape || line[i + 1] === quote)) text += line[++i];
        else if (line[i] === quote) break;
        else text += line[i];
      }
      i++;
    }
    return { text, quoted, next: -1 };
  }
}

const BACKSLASH = 92;

function indexBefore(text: string, wanted: string, from: number, limit: number): number {
  const at = text.indexOf(wanted, from);
  return at < limit ? at : -1;
}

/** How many bytes the end has of a sequence that goes on: 0 to 3. */
function cutSequence(bytes: Uint8Array): number {
  for (let length = 1; length <= 3 && length <= bytes.length; length++) {
    const byte = bytes[bytes.length - length];
    if (byte >= 0xc0) return sequenceLength(byte) > length ? length : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

/** Length of a UTF-8 sequence by its first byte; 1 for a byte that begins none. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf8 ? 4 : 1;
}

/** Where the first sequence begins that is not UTF-8. */
function validPrefix(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length && isUtf8(bytes.subarray(at, at + sequenceLength(bytes[at])))) at += sequenceLength(bytes[at]);
  return at;
}

/** 22021 for bytes that begin with what is not UTF-8, or zero, as PostgreSQL's `report_invalid_encoding` shows it. */
function invalidEncoding(bytes: Uint8Array): Error {
  const shown = Array.from(bytes.subarray(0, sequenceLength(bytes[0])), (byte) => `0x${byte.toString(16).padStart(2, '0')}`);
  return pgError('CHARACTER_NOT_IN_REPERTOIRE', `invalid byte sequence for encoding "UTF8": ${shown.join(' ')}`);
}

function unterminated(): Error {
  return pgError('BAD_COPY_FILE_FORMAT', 'unterminated CSV quoted field');
}

/** Splits at delimiters that no backslash hides. */
function splitUnescaped(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let start = 0;
  for (let i = 0; i < line.length; i++) {
    if (line.charCodeAt(i) === BACKSLASH) i++;
    else if (line[i] === delimiter) {
      fields.push(line.slice(start, i));
      start = i + 1;
    }
  }
  fields.push(line.slice(start));
  return fields;
}

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Resolves the backslash sequences of a text field: \b \f \n \r \t \v, \ooo, \xhh, others stand for themselves. */
export function unescapeText(field: string): string {
  if (!/\\([0-7]|x[0-9a-fA-F])/.test(field)) return field.replace(/\\([\s\S])/g, (_, c: string) => ESCAPES[c] ?? c);
  return unescapeBytes(field);
}

/** With octal or hexadecimal bytes, which may be parts of a multi-byte character. @throws 22021 */
function unescapeBytes(field: string): string {
  const parts: Uint8Array[] = [];
  for (const match of field.matchAll(/\\([0-7]{1,3})|\\x([0-9a-fA-F]{1,2})|\\([\s\S])|([^\\]+)/g)) {
    if (match[1] !== undefined) parts.push(Uint8Array.of(parseInt(match[1], 8) & 0xff));
    else if (match[2] !== undefined) parts.push(Uint8Array.of(parseInt(match[2], 16)));
    else parts.push(Buffer.from(match[3] !== undefined ? ESCAPES[match[3]] ?? match[3] : match[4]));
  }
  const bytes = Buffer.concat(parts);
  const zero = bytes.indexOf(0);
  if (isUtf8(bytes) && zero < 0) return bytes.toString('utf8');
  const end = validPrefix(bytes);
  throw invalidEncoding(bytes.subarray(zero >= 0 && zero < end ? zero : end));
}
