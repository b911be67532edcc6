/**
 * Keys of indexes with ICU-collated text columns. JavaScript gives no sort keys, so such a key carries the raw text
 * and the index is opened with a comparator. Layout: per column its `KEY_TAG`, and for values the length of the body (4 bytes,
 * big-endian) and the body: text in UTF-8 for collated columns, the usual body otherwise. As with bytewise keys, the
 * first n columns are a prefix, and a shorter key sorts before the keys it is a prefix of.
 */
import type { Datum } from '../types/datum.js';
import { KEY_TAG } from './format.js';
import { bodyEncoder, complement, type EncodedKey, type KeyColumn } from './key-encoder.js';

/** A column of such an index; `collator` null for columns with a bytewise order. */
export interface CollatedColumn extends KeyColumn {
  readonly collator: Intl.Collator | null;
  /** char(n): trailing blanks are ignored. */
  readonly blankPadded?: boolean;
}

const NOT_ASCII = /[^\x00-\x7f]/;

function toLatin1(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

function fromLatin1(bytes: string): string {
  return NOT_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--;
  return text.slice(0, end);
}

function withLength(body: string): string {
  const length = body.length;
  return KEY_TAG.value + String.fromCharCode(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255) + body;
}

/** The encoder; fewer values than columns make a prefix bound. */
export function makeCollatedKeyEncoder(columns: readonly CollatedColumn[]): (values: readonly Datum[]) => EncodedKey {
  const encoders = columns.map((column) => {
    const nullKey = column.nullsFirst ? KEY_TAG.nullFirst : KEY_TAG.nullLast;
    if (column.collator) {
      return (value: Datum) => (value === null ? nullKey : withLength(toLatin1(column.blankPadded ? trimBlanks(value as string) : (value as string))));
    }
    const body = bodyEncoder(column.kind);
    return (value: Datum) => (value === null ? nullKey : withLength(column.descending ? complement(body(value)) : body(value)));
  });
  return (values) => {
    let key = '';
    for (let index = 0; index < values.length; index++) key += encoders[index](values[index]);
    return key;
  };
}

function lengthAt(key: EncodedKey, at: number): number {
  return (key.charCodeAt(at) << 24 | key.charCodeAt(at + 1) << 16 | key.charCodeAt(at + 2) << 8 | key.charCodeAt(at + 3)) >>> 0;
}

/**
 * The comparator to open the index with: column by column, collated text by the collator and by bytes when the
 * collator calls it equal (deterministic collations). A key that is a prefix of another sorts before it.
 */
export function makeKeyComparator(columns: readonly CollatedColumn[]): (a: EncodedKey, b: EncodedKey) => number {
  return (a, b) => {
    if (a === b) return 0;
    let atA = 0;
    let atB = 0;
    for (const column of columns) {
      if (atA >= a.length || atB >= b.length) return a.length - atA - (b.length - atB);
      const tagOrder = a.charCodeAt(atA) - b.charCodeAt(atB);
      if (tagOrder !== 0) return tagOrder;
      if (a[atA++] !== KEY_TAG.value) {
        atB++;
        continue;
      }
      atB++;
      const endA = atA + 4 + lengthAt(a, atA);
      const endB = atB + 4 + lengthAt(b, atB);
      const order = compareBodies(a.slice(atA + 4, endA), b.slice(atB + 4, endB), column);
      if (order !== 0) return order;
      atA = endA;
      atB = endB;
    }
    return a.length - atA - (b.length - atB);
  };
}

function compareBodies(a: string, b: string, column: CollatedColumn): number {
  if (a === b) return 0;
  if (!column.collator) return a < b ? -1 : 1;
  const order = column.collator.compare(fromLatin1(a), fromLatin1(b)) || (a < b ? -1 : 1);
  return column.descending ? -order : order;
}
