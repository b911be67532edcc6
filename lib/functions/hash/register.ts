/**
 * Hash support functions of the types, with PostgreSQL's values (hashfunc.c): 32-bit and, seeded, 64-bit.
 */
import { ArrayValue, normalizeInt8, type Datum, type Int8, type RecordValue } from '../../types/datum.js';
import type { Numeric } from '../../types/numeric.js';
import type { CallContext } from '../context.js';
import { collated, pure, withContext } from '../registry.js';
import { utf8 } from '../wire.js';
import { baseDigits } from '../numeric/casts.js';
import { fieldsOf } from '../record/io.js';
import { parseTid } from '../scalar/oid.js';
import { isNondeterministic } from '../text/collate.js';
import { trimBlanks } from '../text/io.js';
import { hashBytes, hashBytesExtended, hashUint32, hashUint32Extended } from './lookup3.js';

const signed64 = (value: bigint): Int8 => normalizeInt8(BigInt.asIntN(64, value));

/** Registers both forms for values that hash as 32 bits. */
function hash32<T extends Datum>(name: string, extended: string, key: (value: T) => number): void {
  pure(name, (value: T) => hashUint32(key(value)));
  pure(extended, (value: T, seed: Int8) => signed64(hashUint32Extended(key(value), BigInt(seed))));
}

/** Registers both forms for values that hash as bytes. */
function hashRaw<T extends Datum>(name: string, extended: string, bytes: (value: T) => Uint8Array): void {
  pure(name, (value: T) => hashBytes(bytes(value)));
  pure(extended, (value: T, seed: Int8) => signed64(hashBytesExtended(bytes(value), BigInt(seed))));
}

/** A bigint folded so that it hashes as an integer of the same value. */
function foldInt8(value: Int8): number {
  const big = BigInt(value);
  const high = Number(big >> 32n & 0xffffffffn) | 0;
  const low = Number(big & 0xffffffffn) | 0;
  return low ^ (big >= 0n ? high : ~high);
}

const identity = (value: number): number => value;
hash32('hashint2', 'hashint2extended', identity);
hash32('hashint4', 'hashint4extended', identity);
hash32('hashoid', 'hashoidextended', identity);
hash32('hashxid', 'hashxidextended', identity);
hash32('hashcid', 'hashcidextended', identity);
hash32('hashenum', 'hashenumextended', identity);
hash32('hashdate', 'hashdateextended', (value: number) => (value === Infinity ? 2147483647 : value === -Infinity ? -2147483648 : value));
hash32('hashbool', 'hashboolextended', (value: boolean) => (value ? 1 : 0));
hash32('hashchar', 'hashcharextended', (value: string) => (value === '' ? 0 : (value.charCodeAt(0) << 24) >> 24));
hash32('hashint8', 'hashint8extended', foldInt8);
hash32('hashxid8', 'hashxid8extended', foldInt8);
hash32('pg_lsn_hash', 'pg_lsn_hash_extended', foldInt8);

const doubleBytes = new Uint8Array(8);
const doubleView = new DataView(doubleBytes.buffer);
function floatKey(value: number): Uint8Array {
  doubleView.setFloat64(0, value, true);
  return doubleBytes;
}
for (const type of ['float4', 'float8']) {
  pure(`hash${type}`, (value: number) => (value === 0 ? 0 : hashBytes(floatKey(value))));
  pure(`hash${type}extended`, (value: number, seed: Int8) => (value === 0 ? seed : signed64(hashBytesExtended(floatKey(value), BigInt(seed)))));
}

/** A string that is the same for all strings that a nondeterministic collation holds equal. */
function foldForCollation(cx: CallContext, text: string): string {
  if (!isNondeterministic(cx)) return text;
  const locale = cx.services.system.collation(cx.call.collation).locale ?? '';
  const decomposed = text.normalize('NFKD');
  if (/level1|primary/i.test(locale)) return decomposed.replace(/\p{M}/gu, '').toLowerCase();
  return /level2|secondary/i.test(locale) ? decomposed.toLowerCase() : decomposed;
}

collated('hashtext', (value: string) => hashBytes(utf8(value)), (cx, value: string) => hashBytes(utf8(foldForCollation(cx, value))));
collated('hashtextextended', (value: string, seed: Int8) => signed64(hashBytesExtended(utf8(value), BigInt(seed))),
  (cx, value: string, seed: Int8) => signed64(hashBytesExtended(utf8(foldForCollation(cx, value)), BigInt(seed))));
collated('hashbpchar', (value: string) => hashBytes(utf8(trimBlanks(value))),
  (cx, value: string) => hashBytes(utf8(foldForCollation(cx, trimBlanks(value)))));
collated('hashbpcharextended', (value: string, seed: Int8) => signed64(hashBytesExtended(utf8(trimBlanks(value)), BigInt(seed))),
  (cx, value: string, seed: Int8) => signed64(hashBytesExtended(utf8(foldForCollation(cx, trimBlanks(value))), BigInt(seed))));
hashRaw('hashname', 'hashnameextended', utf8);
hashRaw('hashvarlena', 'hashvarlenaextended', (value: Uint8Array) => value);
hashRaw('hashbytea', 'hashbyteaextended', (value: Uint8Array) => value);
hashRaw('uuid_hash', 'uuid_hash_extended', (value: string) => Buffer.from(value.replaceAll('-', ''), 'hex'));
hashRaw('hashtid', 'hashtidextended', (value: string) => {
  const [block, offset] = parseTid(value);
  const high = block >>> 16;
  return Uint8Array.of(high & 255, high >> 8, block & 255, (block >> 8) & 255, offset & 255, offset >> 8);
});
hashRaw('hashoidvector', 'hashoidvectorextended', (value: ArrayValue) =>
  new Uint8Array(Uint32Array.from(value.elements, Number).buffer));

function numericDigits(value: Numeric): { readonly bytes: Uint8Array; readonly weight: number } {
  const { digits, weight } = baseDigits(value);
  return { bytes: new Uint8Array(Int16Array.from(digits).buffer), weight };
}
pure('hash_numeric', (value: Numeric) => {
  if (value.special !== '') return 0;
  if (value.unscaled === 0n) return -1;
  const { bytes, weight } = numericDigits(value);
  return hashBytes(bytes) ^ weight;
});
pure('hash_numeric_extended', (value: Numeric, seed: Int8) => {
  if (value.special !== '') return seed;
  if (value.unscaled === 0n) return signed64(BigInt(seed) - 1n);
  const { bytes, weight } = numericDigits(value);
  return signed64(hashBytesExtended(bytes, BigInt(seed)) ^ BigInt(weight));
});

/** Combines element hashes as arrays and records do. */
function combine(start: number, hashes: Iterable<number>): number {
  let result = start;
  for (const hash of hashes) result = ((result << 5) - result + hash) | 0;
  return result;
}

function combineExtended(start: bigint, hashes: Iterable<bigint>): Int8 {
  let result = start;
  for (const hash of hashes) result = BigInt.asUintN(64, (result << 5n) - result + hash);
  return signed64(result);
}

withContext('hash_array', (cx, array: ArrayValue) =>
  combine(1, array.elements.map((value) => (value === null ? 0 : cx.services.types.hash(array.elementType, value, cx.call.collation)))));
withContext('hash_array_extended', (cx, array: ArrayValue, seed: Int8) =>
  combineExtended(1n, array.elements.map((value) =>
    value === null ? 0n : BigInt.asUintN(64, BigInt(cx.services.types.hashExtended(array.elementType, value, seed, cx.call.collation))))));
withContext('hash_record', (cx, record: RecordValue) =>
  combine(0, fieldsOf(cx, record).map(({ type, value }) => (value === null ? 0 : cx.services.types.hash(type, value, cx.call.collation)))));
withContext('hash_record_extended', (cx, record: RecordValue, seed: Int8) =>
  combineExtended(0n, fieldsOf(cx, record).map(({ type, value }) =>
    value === null ? 0n : BigInt.asUintN(64, BigInt(cx.services.types.hashExtended(type, value, seed, cx.call.collation))))));
