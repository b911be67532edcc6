/**
 * COPY FROM's text and CSV formats: bytes as they arrive, cut anywhere, into records of fields. A field is its text,
 * or `NULL_FIELD`, or `DEFAULT_FIELD`.
 *
 * The stream is decoded once per piece; a line without a backslash (text) or quote (CSV) is split by the engine's own
 * `split`, which is what makes loading fast. The careful paths are the twins that the tests hold them against.
 *
 * Idea: CopyReadLineText, CopyReadAttributesText and CopyReadAttributesCSV (commands/copyfromparse.c).
 */
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
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  private pending = '';
  private lineEnd: '\n' | '\r\n' | '\r' | null = null;
  private ended = false;
  private readonly csv: boolean;
  /** CSV: the pending text up to here is known to lie inside an open quote. */
  private scanned = 0;
  private inQuote = false;
  /** Number of the line last returned, for error contexts. */
  lineNumber = 0;
  /** Its text. */
  line = '';

  constructor(private readonly options: CopyOptions) {
    this.csv = options.format === 'csv';
  }

  /** Adds a piece. @throws 22021 for bytes that are not UTF-8 */
  push(bytes: Uint8Array): void {
    this.append(() => this.decoder.decode(bytes, { stream: true }));
  }

  /** No more pieces will come. */
  finish(): void {
    this.append(() => this.decoder.decode());
    this.ended = true;
  }

  private append(decode: () => string): void {
    let text: string;
    try {
      text = decode();
    } catch {
      throw pgError('CHARACTER_NOT_IN_REPERTOIRE', 'invalid byte sequence for encoding "UTF8"');
    }
    if (text.includes('\0')) throw pgError('CHARACTER_NOT_IN_REPERTOIRE', 'invalid byte sequence for encoding "UTF8": 0x00');
    this.pending = this.pending === '' ? text : this.pending + text;
  }

  /**
   * Calls `receive` with each complete record; stops when more input is needed. False once the end-of-data mark (`\.`) was
   * seen: the rest of the stream is not ours.
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
        this.lineNumber++;
        this.line = line;
        if (line === '\\.' && !this.csv) return false;
        receive(this.csv ? this.csvFields(line) : this.textFields(line));
      }
      if (this.ended && start < this.pending.length) {
        this.line = this.pending.slice(start);
        start = this.pending.length;
        this.lineNumber++;
        if (this.line === '\\.' && !this.csv) return false;
        receive(this.csv ? this.csvFields(this.line) : this.textFields(this.line));
      }
      return true;
    } finally {
      this.pending = this.pending.slice(start);
      this.scanned = Math.max(0, this.scanned - start);
    }
  }

  // ------------------------------------------------------------------ text

  /** Where the line that starts at `start` ends; -1 when that is not here yet. A backslash hides a line end. */
  private textLineEnd(start: number): number {
    for (let from = start; ;) {
      const end = this.nextLineEnd(from);
      if (end < 0) return -1;
      let backslashes = 0;
      for (let i = end - 1; i >= start && this.pending.charCodeAt(i) === BACKSLASH; i--) backslashes++;
      if (backslashes % 2 === 0) return end;
      from = end + 1;
    }
  }

  /** The next line end of the stream's kind (decided by the first one); other kinds raise 22P04. */
  private nextLineEnd(from: number): number {
    const { pending } = this;
    const newline = pending.indexOf('\n', from);
    if (this.lineEnd === '\n') return newline;
    const carriage = pending.indexOf('\r', from);
    if (this.lineEnd === null) return this.detectLineEnd(newline, carriage);
    if (this.lineEnd === '\r') {
      if (newline >= 0 && (carriage < 0 || newline < carriage)) throw this.literal('newline', '\\n');
      return carriage;
    }
    if (newline >= 0 && (carriage < 0 || newline < carriage)) throw this.literal('newline', '\\n');
    if (carriage < 0 || (carriage + 1 >= pending.length && !this.ended)) return -1;
    if (pending[carriage + 1] !== '\n') throw this.literal('carriage return', '\\r');
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
        if (close < 0) return this.ended ? this.unterminated() : -1;
        this.scanned = close + 1;
        this.inQuote = false;
      }
      const end = this.nextLineEnd(this.scanned);
      const open = pending.indexOf(quote, this.scanned);
      if (open < 0 || (end >= 0 && end < open)) return end;
      this.scanned = open + 1;
      this.inQuote = true;
    }
  }

  private unterminated(): never {
    throw pgError('BAD_COPY_FILE_FORMAT', 'unterminated CSV quoted field');
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
        if (i >= line.length) this.unterminated();
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
  if (bytes.includes(0)) throw pgError('CHARACTER_NOT_IN_REPERTOIRE', 'invalid byte sequence for encoding "UTF8": 0x00');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw pgError('CHARACTER_NOT_IN_REPERTOIRE', 'invalid byte sequence for encoding "UTF8"');
  }
}
