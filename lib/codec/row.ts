/**
 * The row codec: `Datum[]` ↔ msgpack bytes, through one `Packr`. Everything a Datum can be comes back exactly: bigint
 * (never confused with number), ±Infinity, NaN, -0, bytes, and every registered DatumObject class by its extension number.
 * About 0.1-0.2 µs per small row either way.
 */
import { addExtension, Packr } from 'msgpackr';
import { AssertionFailure } from '../base/assert.js';
import { AclItem } from '../types/aclitem.js';
import { ArrayValue, DatumObject, Interval, RecordValue, TimeTz, type Datum, type Int8, type Row } from '../types/datum.js';
import { Jsonb, type JsonbNode } from '../types/jsonb.js';
import { Numeric, type NumericSpecial } from '../types/numeric.js';
import { MultirangeValue, RangeValue, rangeFlags, readRangeFlags } from '../types/range.js';
import { ROW_EXTENSION } from './format.js';

/** What a class packs itself into: msgpack's own values, bytes, Datums, and arrays or maps of these. */
export type Packable = Datum | readonly Packable[] | ReadonlyMap<string, Packable>;

/** How a DatumObject class is stored. */
export interface DatumClass<T extends DatumObject> {
  /** From `ROW_EXTENSION`; never changes. */
  readonly extension: number;
  readonly Class: abstract new (...parts: never[]) => T;
  /** The parts that `unpack` rebuilds the value from. */
  pack(value: T): Packable;
  unpack(parts: Packable): T;
}

const packr = new Packr({ useRecords: false, mapsAsObjects: false, copyBuffers: true, int64AsType: 'bigint' });
const taken = new Set<number>();

/**
 * Makes a class storable. Registered once per process, at import of the module that defines the class; the extension
 * number is part of the format.
 */
export function registerDatumClass<T extends DatumObject>(definition: DatumClass<T>): void {
  if (taken.has(definition.extension)) throw new AssertionFailure(`row extension ${definition.extension} is taken`);
  taken.add(definition.extension);
  addExtension({
    Class: definition.Class,
    type: definition.extension,
    write: (value: T) => keepNegativeZeros(definition.pack(value)),
    read: (parts: Packable) => definition.unpack(parts),
  });
}

/** Stands for -0 inside packed values. */
class NegativeZero {}
const NEGATIVE_ZERO = new NegativeZero();
addExtension({
  Class: NegativeZero,
  type: ROW_EXTENSION.negativeZero,
  write: () => 0,
  read: () => -0,
});
taken.add(ROW_EXTENSION.negativeZero);

/** Replaces -0 by its stand-in, one level deep (nested objects do it for themselves); no copy when there is none. */
function keepNegativeZeros(value: Packable): Packable | NegativeZero | readonly unknown[] {
  if (Object.is(value, -0)) return NEGATIVE_ZERO;
  if (!Array.isArray(value)) return value;
  const list: readonly Packable[] = value;
  for (let index = 0; index < list.length; index++) {
    const element = list[index];
    if (Array.isArray(element) || Object.is(element, -0)) return list.map(keepNegativeZeros);
  }
  return value;
}

/** Encodes one row. The result may share a larger buffer with other results: copy it to keep it for long. */
export function encodeRow(values: readonly Datum[]): Uint8Array {
  for (let index = 0; index < values.length; index++) {
    if (values[index] === 0 && Object.is(values[index], -0)) return packr.pack(keepNegativeZeros(values));
  }
  return packr.pack(values);
}

/** Decodes what `encodeRow` made. Throws on bytes that are not such (callers verify checksums before). */
export function decodeRow(bytes: Uint8Array): Row {
  return packr.unpack(bytes) as Row;
}

/** Encodes one value. */
export function encodeDatum(value: Datum): Uint8Array {
  return packr.pack(Object.is(value, -0) ? NEGATIVE_ZERO : value);
}

/** Decodes what `encodeDatum` made. */
export function decodeDatum(bytes: Uint8Array): Datum {
  return packr.unpack(bytes) as Datum;
}

/** Encodes a log record's or a key's parts: arrays and maps of Datums. */
export function encodeParts(parts: Packable): Uint8Array {
  return packr.pack(keepNegativeZeros(parts));
}

/** Decodes what `encodeParts` made. */
export function decodeParts(bytes: Uint8Array): Packable {
  return packr.unpack(bytes) as Packable;
}

const MAX_INT64 = (1n << 63n) - 1n;
const MIN_INT64 = -(1n << 63n);
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** An integer of any size: number when safe, bigint when it fits 64 bits, hexadecimal text beyond. */
function packBigint(value: bigint): number | bigint | string {
  if (value <= SAFE && value >= -SAFE) return Number(value);
  if (value <= MAX_INT64 && value >= MIN_INT64) return value;
  return value < 0n ? `-${(-value).toString(16)}` : value.toString(16);
}

function unpackBigint(packed: number | bigint | string): bigint {
  if (typeof packed !== 'string') return BigInt(packed);
  return packed.startsWith('-') ? -BigInt(`0x${packed.slice(1)}`) : BigInt(`0x${packed}`);
}

/** A Numeric: its special name, or a safe integer of scale 0, or [scale, unscaled]. */
registerDatumClass<Numeric>({
  extension: ROW_EXTENSION.numeric,
  Class: Numeric,
  pack(value) {
    if (value.special !== '') return value.special;
    const unscaled = packBigint(value.unscaled);
    return value.scale === 0 && typeof unscaled === 'number' ? unscaled : [value.scale, unscaled];
  },
  unpack(parts) {
    if (typeof parts === 'number') return new Numeric(BigInt(parts), 0);
    if (typeof parts === 'string') return new Numeric(0n, 0, parts as NumericSpecial);
    const [scale, unscaled] = parts as [number, number | bigint | string];
    return new Numeric(unpackBigint(unscaled), scale);
  },
});

registerDatumClass<Interval>({
  extension: ROW_EXTENSION.interval,
  Class: Interval,
  pack: (value) => [value.months, value.days, value.micros],
  unpack(parts) {
    const [months, days, micros] = parts as [number, number, Int8];
    return new Interval(months, days, micros);
  },
});

registerDatumClass<TimeTz>({
  extension: ROW_EXTENSION.timetz,
  Class: TimeTz,
  pack: (value) => [value.micros, value.zone],
  unpack(parts) {
    const [micros, zone] = parts as [number, number];
    return new TimeTz(micros, zone);
  },
});

/** [element type, elements], and [dims, lower bounds] behind when not one-dimensional from 1 (or empty). */
registerDatumClass<ArrayValue>({
  extension: ROW_EXTENSION.array,
  Class: ArrayValue,
  pack(value) {
    const simple = value.dims.length === 0 || (value.dims.length === 1 && value.lowerBounds[0] === 1);
    return simple ? [value.elementType, value.elements] : [value.elementType, value.elements, value.dims, value.lowerBounds];
  },
  unpack(parts) {
    const [elementType, elements, dims, lowerBounds] = parts as [number, Datum[], number[]?, number[]?];
    return dims && lowerBounds ? new ArrayValue(elementType, dims, lowerBounds, elements) : ArrayValue.of(elementType, elements);
  },
});

/** [type, values], and [column types, column names] behind when it has any. */
registerDatumClass<RecordValue>({
  extension: ROW_EXTENSION.record,
  Class: RecordValue,
  pack(value) {
    const named = value.columnTypes.length > 0 || value.columnNames.length > 0;
    return named ? [value.typeOid, value.values, value.columnTypes, value.columnNames] : [value.typeOid, value.values];
  },
  unpack(parts) {
    const [typeOid, values, types = [], names = []] = parts as [number, Datum[], number[]?, string[]?];
    return new RecordValue(typeOid, values, types, names);
  },
});

/** The bytes as they are, whether they were decoded from a row, lie in a packed column or are made now. */
addExtension({
  Class: Jsonb,
  type: ROW_EXTENSION.jsonbBytes,
  pack(value: Jsonb): Buffer {
    const { bytes } = value;
    return bytes.subarray(value.start, value.end);
  },
  // A copy: what is decoded may be read from a buffer that is used again, and a value does not keep a whole record in memory.
  unpack: (bytes: Uint8Array): Jsonb => Jsonb.copied(bytes, 0, bytes.length),
});
taken.add(ROW_EXTENSION.jsonbBytes);

/** Rows of before: a msgpack tree. */
addExtension({ type: ROW_EXTENSION.jsonb, read: (parts: Packable) => new Jsonb(parts as JsonbNode) });
taken.add(ROW_EXTENSION.jsonb);

registerDatumClass<AclItem>({
  extension: ROW_EXTENSION.aclItem,
  Class: AclItem,
  pack: (value) => [value.grantee, value.grantor, value.privileges, value.grantOptions],
  unpack(parts) {
    const [grantee, grantor, privileges, grantOptions] = parts as [number, number, number, number];
    return new AclItem(grantee, grantor, privileges, grantOptions);
  },
});

/** [type, flags, lower value, upper value]. */
registerDatumClass<RangeValue>({
  extension: ROW_EXTENSION.range,
  Class: RangeValue,
  pack: (value) => (value.empty ? [value.typeOid, rangeFlags(value)] : [value.typeOid, rangeFlags(value), value.lower.value, value.upper.value]),
  unpack(parts) {
    const [typeOid, flags, lower = null, upper = null] = parts as [number, number, Datum?, Datum?];
    const sides = readRangeFlags(flags);
    return sides.empty ? RangeValue.emptyOf(typeOid)
      : new RangeValue(typeOid, { ...sides.lower, value: lower }, { ...sides.upper, value: upper }, false);
  },
});

registerDatumClass<MultirangeValue>({
  extension: ROW_EXTENSION.multirange,
  Class: MultirangeValue,
  pack: (value) => [value.typeOid, value.ranges],
  unpack(parts) {
    const [typeOid, ranges] = parts as [number, RangeValue[]];
    return new MultirangeValue(typeOid, ranges);
  },
});
