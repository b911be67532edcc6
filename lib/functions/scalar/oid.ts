/**
 * oid, xid, cid, xid8, pg_lsn, tid, oidvector, int2vector: I/O and comparison (PostgreSQL's oid.c, xid.c, tid.c, pg_lsn.c).
 */
import { pgError } from '../../base/error.js';
import { formatLsn, parseLsn, type Lsn } from '../../base/lsn.js';
import { ArrayValue, normalizeInt8, type Int8 } from '../../types/datum.js';
import { INT2OID, OIDOID } from '../../types/oids.js';
import { pure } from '../registry.js';
import { badBinary, invalidSyntax, textOutOfRange } from '../errors.js';
import { receiveInt64, sendInt32, sendInt64, viewOf } from '../wire.js';
import { parseUint32, parseUint64, uint32 } from './int-text.js';
import { compareNumbers, comparisonNames, registerComparisons, registerNativeComparisons } from './compare.js';

for (const type of ['oid', 'xid', 'cid']) {
  pure(`${type}in`, (text: string) => parseUint32(text, type));
  pure(`${type}out`, (a: number) => String(a));
  pure(`${type}send`, sendInt32);
  pure(`${type}recv`, (bytes: Uint8Array) => viewOf(bytes, 4).getUint32(0));
}
registerNativeComparisons(comparisonNames('oid'));
pure('btoidcmp', (a: number, b: number) => compareNumbers(a, b));
pure('oidlarger', (a: number, b: number) => (a > b ? a : b));
pure('oidsmaller', (a: number, b: number) => (a < b ? a : b));
pure('xideq', (a: number, b: number) => a === b >>> 0);
pure('xidneq', (a: number, b: number) => a !== b >>> 0);
pure('cideq', (a: number, b: number) => a === b, (a, b) => `(${a} === ${b})`);

pure('xid8in', (text: string) => parseUint64(text, 'xid8'));
pure('xid8out', (a: Int8) => String(a));
pure('xid8send', sendInt64);
pure('xid8recv', (bytes: Uint8Array) => normalizeInt8(viewOf(bytes, 8).getBigUint64(0)));
registerNativeComparisons(comparisonNames('xid8'));
pure('xid8cmp', (a: Int8, b: Int8) => compareNumbers(a, b));
pure('xid8_larger', (a: Int8, b: Int8) => (a > b ? a : b));
pure('xid8_smaller', (a: Int8, b: Int8) => (a < b ? a : b));
pure('xid8toxid', (a: Int8) => Number(BigInt.asUintN(32, BigInt(a))));

/** A pg_lsn from text: positions past 2^53 are bigints. */
function lsnIn(text: string): Int8 {
  const match = /^([0-9a-fA-F]{1,8})\/([0-9a-fA-F]{1,8})$/.exec(text);
  if (!match) throw invalidSyntax('pg_lsn', text);
  const high = parseInt(match[1], 16);
  if (high < 0x200000) return parseLsn(text);
  return normalizeInt8((BigInt(high) << 32n) | BigInt(parseInt(match[2], 16)));
}

/** pg_lsn_out. */
export function lsnOut(a: Int8): string {
  if (typeof a === 'number') return formatLsn(a as Lsn);
  return `${(a >> 32n).toString(16).toUpperCase()}/${(a & 0xffffffffn).toString(16).toUpperCase()}`;
}
pure('pg_lsn_in', lsnIn);
pure('pg_lsn_out', lsnOut);
pure('pg_lsn_send', sendInt64);
pure('pg_lsn_recv', receiveInt64);
registerNativeComparisons(comparisonNames('pg_lsn_'));
pure('pg_lsn_cmp', (a: Int8, b: Int8) => compareNumbers(a, b));
pure('pg_lsn_larger', (a: Int8, b: Int8) => (a > b ? a : b));
pure('pg_lsn_smaller', (a: Int8, b: Int8) => (a < b ? a : b));

/** Block and offset of a tid's text form. */
export function parseTid(text: string): readonly [block: number, offset: number] {
  const match = /^\(\s*([+-]?\d+)\s*,\s*([+-]?\d+)\)$/.exec(text.trim());
  if (!match) throw invalidSyntax('tid', text);
  const block = Number(match[1]);
  const offset = Number(match[2]);
  if (block > 0xffffffff || block < -0x80000000 || offset > 65535 || offset < 0) throw invalidSyntax('tid', text);
  return [block >>> 0, offset];
}
function compareTid(a: string, b: string): number {
  if (a === b) return 0;
  const [blockA, offsetA] = parseTid(a);
  const [blockB, offsetB] = parseTid(b);
  return blockA !== blockB ? blockA - blockB : offsetA - offsetB;
}
pure('tidin', (text: string) => {
  const [block, offset] = parseTid(text);
  return `(${block},${offset})`;
});
pure('tidout', (a: string) => a);
pure('tidsend', (a: string) => {
  const [block, offset] = parseTid(a);
  const bytes = new Uint8Array(6);
  bytes.set(sendInt32(block));
  bytes[4] = offset >> 8;
  bytes[5] = offset & 255;
  return bytes;
});
pure('tidrecv', (bytes: Uint8Array) => {
  const view = viewOf(bytes, 6);
  return `(${view.getUint32(0)},${view.getUint16(4)})`;
});
registerComparisons(comparisonNames('tid'), compareTid);
pure('bttidcmp', compareTid);
pure('tidlarger', (a: string, b: string) => (compareTid(a, b) >= 0 ? a : b));
pure('tidsmaller', (a: string, b: string) => (compareTid(a, b) <= 0 ? a : b));

/** A vector type's value: zero-based, even when empty one-dimensional. */
export function vectorOf(elementType: number, elements: readonly number[]): ArrayValue {
  return new ArrayValue(elementType, [elements.length], [0], elements);
}
/**
 * Input of a vector: `number` matches one element at the start of what is left (strtol, strtoul); an error shows all that is
 * left. An int2vector's elements must end at a space, an oidvector's anywhere.
 */
function vectorIn(elementType: number, type: string, number: RegExp, parse: (text: string) => number): (text: string) => ArrayValue {
  return (text) => {
    const elements: number[] = [];
    for (let rest = text.replace(LEADING_SPACE, ''); rest !== ''; rest = rest.replace(LEADING_SPACE, '')) {
      const digits = number.exec(rest)?.[0];
      if (digits === undefined) throw invalidSyntax(type, rest);
      const value = parse(digits);
      if (Number.isNaN(value)) throw textOutOfRange(type, rest);
      const after = rest.slice(digits.length);
      if (elementType === INT2OID && after !== '' && after[0] !== ' ') throw invalidSyntax(type, rest);
      elements.push(value);
      rest = after;
    }
    return vectorOf(elementType, elements);
  };
}
const LEADING_SPACE = /^[ \t\n\v\f\r]+/;

/** Arrays of other shapes become vectors by array functions that are polymorphic. @throws 42804 */
function vectorOut(type: string): (a: ArrayValue) => string {
  return (a) => {
    if (a.dims.length !== 1 || a.elements.includes(null)) throw pgError('DATATYPE_MISMATCH', `array is not a valid ${type}`);
    return a.elements.join(' ');
  };
}
function sendVector(elementType: number, width: 2 | 4): (a: ArrayValue) => Uint8Array {
  return (a) => {
    const bytes = new Uint8Array(20 + a.elements.length * (4 + width));
    const view = new DataView(bytes.buffer);
    view.setInt32(0, 1);
    view.setInt32(8, elementType);
    view.setInt32(12, a.elements.length);
    let at = 20;
    for (const element of a.elements) {
      view.setInt32(at, width);
      if (width === 2) view.setInt16(at + 4, Number(element));
      else view.setInt32(at + 4, Number(element));
      at += 4 + width;
    }
    return bytes;
  };
}
function receiveVector(elementType: number, width: 2 | 4): (bytes: Uint8Array) => ArrayValue {
  return (bytes) => {
    const view = viewOf(bytes, 12);
    if (view.getInt32(0) === 0) return vectorOf(elementType, []);
    const count = viewOf(bytes, 20).getInt32(12);
    if (view.getInt32(0) !== 1 || view.getInt32(4) !== 0 || bytes.length !== 20 + count * (4 + width)) {
      throw badBinary(`invalid ${width === 2 ? 'int2vector' : 'oidvector'} data`);
    }
    return vectorOf(elementType, Array.from({ length: count }, (_, i) => {
      const at = 24 + i * (4 + width);
      return width === 2 ? view.getInt16(at) : view.getUint32(at);
    }));
  };
}
/** oidvector order: length first, then elements. */
export function compareOidVector(a: ArrayValue, b: ArrayValue): number {
  if (a.elements.length !== b.elements.length) return a.elements.length - b.elements.length;
  for (let i = 0; i < a.elements.length; i++) {
    const difference = Number(a.elements[i]) - Number(b.elements[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}
pure('oidvectorin', vectorIn(OIDOID, 'oid', /^[+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/, uint32));
pure('int2vectorin', vectorIn(INT2OID, 'smallint', /^[+-]?[0-9]+/, (text) => {
  const value = Number(text);
  return value >= -32768 && value <= 32767 ? value : NaN;
}));
pure('oidvectorout', vectorOut('oidvector'));
pure('int2vectorout', vectorOut('int2vector'));
pure('oidvectorsend', sendVector(OIDOID, 4));
pure('int2vectorsend', sendVector(INT2OID, 2));
pure('oidvectorrecv', receiveVector(OIDOID, 4));
pure('int2vectorrecv', receiveVector(INT2OID, 2));
registerComparisons(comparisonNames('oidvector'), compareOidVector);
pure('btoidvectorcmp', compareOidVector);
