/**
 * Text form of arrays (PostgreSQL's array_in and array_out): `[l:u]={...}`, quoting, NULL.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, type Datum } from '../../types/datum.js';

/** Most dimensions an array can have. */
export const MAX_DIMENSIONS = 6;
/** Most elements an array can have. */
export const MAX_ARRAY_SIZE = 134217727;

/** 22P02 with the literal and the reason. */
function malformed(literal: string, detail: string): Error {
  return pgError('INVALID_TEXT_REPRESENTATION', `malformed array literal: "${literal}"`, { detail });
}

function tooManyDimensions(): Error {
  return pgError('PROGRAM_LIMIT_EXCEEDED', `number of array dimensions exceeds the maximum allowed (${MAX_DIMENSIONS})`);
}

function isSpace(unit: number): boolean {
  return unit === 32 || (unit >= 9 && unit <= 13);
}

const BACKSLASH = 92;
const QUOTE = 34;
const OPEN = 123;
const CLOSE = 125;

/** Reads one literal. */
class ArrayReader {
  private at = 0;
  private readonly dims: number[] = [];
  private readonly lowerBounds: number[] = [];
  private readonly elements: Datum[] = [];
  /** Text of the last element token. */
  private token = '';

  constructor(
    private readonly text: string, private readonly delimiter: number, private readonly input: (text: string | null) => Datum,
  ) {}

  read(elementType: number): ArrayValue {
    this.readDimensions();
    const specified = this.dims.length > 0;
    if (!specified && this.text.charCodeAt(this.at) !== OPEN) {
      throw malformed(this.text, 'Array value must start with "{" or dimension information.');
    }
    if (specified) {
      if (this.text[this.at] !== '=') throw malformed(this.text, 'Missing "=" after array dimensions.');
      this.at++;
      this.skipSpace();
      if (this.text.charCodeAt(this.at) !== OPEN) throw malformed(this.text, 'Array contents must start with "{".');
    }
    this.readContents(specified);
    for (; this.at < this.text.length; this.at++) {
      if (!isSpace(this.text.charCodeAt(this.at))) throw malformed(this.text, 'Junk after closing right brace.');
    }
    if (this.elements.length === 0) return new ArrayValue(elementType, [], [], []);
    while (this.lowerBounds.length < this.dims.length) this.lowerBounds.push(1);
    return new ArrayValue(elementType, this.dims, this.lowerBounds, this.elements);
  }

  private skipSpace(): void {
    while (isSpace(this.text.charCodeAt(this.at))) this.at++;
  }

  private readInteger(missing: string): number {
    const match = /^[+-]?\d+/.exec(this.text.slice(this.at, this.at + 24));
    if (!match) throw malformed(this.text, missing);
    this.at += match[0].length;
    const value = Number(match[0]);
    if (value > 2147483647 || value < -2147483648) {
      throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'array bound is out of integer range');
    }
    return value;
  }

  private readDimensions(): void {
    for (;;) {
      this.skipSpace();
      if (this.text[this.at] !== '[') return;
      this.at++;
      if (this.dims.length >= MAX_DIMENSIONS) throw tooManyDimensions();
      let upper = this.readInteger('"[" must introduce explicitly-specified array dimensions.');
      let lower = 1;
      if (this.text[this.at] === ':') {
        this.at++;
        lower = upper;
        upper = this.readInteger('Missing array dimension value.');
      }
      if (this.text[this.at] !== ']') throw malformed(this.text, 'Missing "]" after array dimensions.');
      this.at++;
      if (upper < lower) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'upper bound cannot be less than lower bound');
      if (upper === 2147483647) throw pgError('PROGRAM_LIMIT_EXCEEDED', `array upper bound is too large: ${upper}`);
      if (upper - lower + 1 > 2147483647) {
        throw pgError('PROGRAM_LIMIT_EXCEEDED', `array size exceeds the maximum allowed (${MAX_ARRAY_SIZE})`);
      }
      this.dims.push(upper - lower + 1);
      this.lowerBounds.push(lower);
    }
  }

  private dimensionError(specified: boolean): Error {
    return malformed(this.text, specified
      ? 'Specified array dimensions do not match array contents.'
      : 'Multidimensional arrays must have sub-arrays with matching dimensions.');
  }

  private readContents(specified: boolean): void {
    const counts: number[] = [];
    let level = 0;
    let frozen = specified;
    let expectDelimiter = false;
    let dimensions = this.dims.length;
    const known = this.dims.map(() => true);
    do {
      const token = this.next();
      if (token === '{') {
        if (expectDelimiter) throw malformed(this.text, 'Unexpected "{" character.');
        if (level >= MAX_DIMENSIONS) throw tooManyDimensions();
        counts[level++] = 0;
        if (level > dimensions) {
          if (frozen) throw this.dimensionError(specified);
          dimensions = level;
        }
      } else if (token === '}') {
        if (counts[level - 1] > 0 && !expectDelimiter) throw malformed(this.text, 'Unexpected "}" character.');
        level--;
        if (level > 0) counts[level - 1]++;
        if (!known[level]) {
          known[level] = true;
          this.dims[level] = counts[level];
        } else if (counts[level] !== this.dims[level]) {
          throw this.dimensionError(specified);
        }
        expectDelimiter = true;
      } else if (token === 'delimiter') {
        if (!expectDelimiter) throw malformed(this.text, `Unexpected "${String.fromCharCode(this.delimiter)}" character.`);
        expectDelimiter = false;
      } else {
        if (expectDelimiter) throw malformed(this.text, 'Unexpected array element.');
        this.elements.push(this.input(token === 'null' ? null : this.token));
        frozen = true;
        if (level !== dimensions) throw this.dimensionError(specified);
        counts[level - 1]++;
        expectDelimiter = true;
      }
    } while (level > 0);
  }

  /** The next token; an element's text is left in `token`. */
  private next(): '{' | '}' | 'delimiter' | 'element' | 'null' {
    this.skipSpace();
    if (this.at >= this.text.length) throw malformed(this.text, 'Unexpected end of input.');
    const unit = this.text.charCodeAt(this.at);
    if (unit === OPEN || unit === CLOSE) {
      this.at++;
      return unit === OPEN ? '{' : '}';
    }
    if (unit === this.delimiter) {
      this.at++;
      return 'delimiter';
    }
    return unit === QUOTE ? this.quotedElement() : this.plainElement();
  }

  private quotedElement(): 'element' {
    let value = '';
    let from = ++this.at;
    for (;;) {
      if (this.at >= this.text.length) throw malformed(this.text, 'Unexpected end of input.');
      const unit = this.text.charCodeAt(this.at);
      if (unit === BACKSLASH) {
        value += this.text.slice(from, this.at);
        if (this.at + 1 >= this.text.length) throw malformed(this.text, 'Unexpected end of input.');
        from = this.at + 1;
        this.at += 2;
      } else if (unit === QUOTE) {
        this.token = value + this.text.slice(from, this.at);
        this.at++;
        this.skipSpace();
        const after = this.text.charCodeAt(this.at);
        if (after === this.delimiter || after === CLOSE || after === OPEN) return 'element';
        throw malformed(this.text, after !== after ? 'Unexpected end of input.' : 'Incorrectly quoted array element.');
      } else {
        this.at++;
      }
    }
  }

  private plainElement(): 'element' | 'null' {
    let value = '';
    let from = this.at;
    let end = this.at;
    let escaped = false;
    for (;;) {
      if (this.at >= this.text.length) throw malformed(this.text, 'Unexpected end of input.');
      const unit = this.text.charCodeAt(this.at);
      if (unit === OPEN) throw malformed(this.text, 'Unexpected "{" character.');
      if (unit === QUOTE) throw malformed(this.text, 'Incorrectly quoted array element.');
      if (unit === BACKSLASH) {
        escaped = true;
        value += this.text.slice(from, this.at);
        if (this.at + 1 >= this.text.length) throw malformed(this.text, 'Unexpected end of input.');
        from = this.at + 1;
        this.at += 2;
        end = this.at;
        continue;
      }
      if (unit === this.delimiter || unit === CLOSE) {
        this.token = value + this.text.slice(from, end);
        return !escaped && this.token.length === 4 && this.token.toUpperCase() === 'NULL' ? 'null' : 'element';
      }
      this.at++;
      if (!isSpace(unit)) end = this.at;
    }
  }
}

/** Reads an array; `input` converts each element (null for NULL); 22P02, 2202E, 54000. */
export function readArray(text: string, elementType: number, delimiter: string, input: (text: string | null) => Datum): ArrayValue {
  return new ArrayReader(text, delimiter.charCodeAt(0), input).read(elementType);
}

/** Quotes an element's text where array syntax needs it. */
function quoteElement(text: string, delimiter: string): string {
  if (text === '' || (text.length === 4 && text.toUpperCase() === 'NULL')) return `"${text}"`;
  let quote = false;
  let escape = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE || unit === BACKSLASH) quote = escape = true;
    else if (unit === OPEN || unit === CLOSE || isSpace(unit) || text[i] === delimiter) quote = true;
  }
  if (!quote) return text;
  return `"${escape ? text.replace(/["\\]/g, '\\$&') : text}"`;
}

/** Writes an array; `output` gives an element's text. */
export function writeArray(array: ArrayValue, delimiter: string, output: (value: Datum) => string): string {
  const { dims, lowerBounds, elements } = array;
  if (elements.length === 0) return '{}';
  const texts = elements.map((element) => (element === null ? 'NULL' : quoteElement(output(element), delimiter)));
  let at = 0;
  const write = (dimension: number): string => {
    const parts: string[] = [];
    for (let i = 0; i < dims[dimension]; i++) parts.push(dimension === dims.length - 1 ? texts[at++] : write(dimension + 1));
    return `{${parts.join(delimiter)}}`;
  };
  const body = write(0);
  if (lowerBounds.every((bound) => bound === 1)) return body;
  return `${dims.map((length, i) => `[${lowerBounds[i]}:${lowerBounds[i] + length - 1}]`).join('')}=${body}`;
}
