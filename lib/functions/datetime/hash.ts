/**
 * Hash support functions of times, timestamps and intervals: as the 64-bit integers that PostgreSQL stores.
 */
import { assert } from '../../base/assert.js';
import { normalizeInt8, type Datum, type Int8, type Interval, type TimeTz } from '../../types/datum.js';
import { hashUint32, hashUint32Extended } from '../hash/lookup3.js';
import { builtin, pure } from '../registry.js';
import '../hash/register.js';
import { intervalSpan } from './interval-math.js';

type Hash = (value: Int8) => Datum;
type HashExtended = (value: Int8, seed: Int8) => Datum;

function pureFunction(prosrc: string): (...args: Datum[]) => Datum {
  const entry = builtin(prosrc);
  assert(entry?.kind === 'pure', `${prosrc} is a pure function`);
  return entry.fn;
}
const hashInt8: Hash = pureFunction('hashint8');
const hashInt8Extended: HashExtended = pureFunction('hashint8extended');

/** The stored integer: infinities are the extremes. */
function stored(value: Int8): Int8 {
  return value === Infinity ? 2n ** 63n - 1n : value === -Infinity ? -(2n ** 63n) : value;
}
pure('timestamp_hash', (value: Int8) => hashInt8(stored(value)));
pure('timestamp_hash_extended', (value: Int8, seed: Int8) => hashInt8Extended(stored(value), seed));
pure('timestamptz_hash', (value: Int8) => hashInt8(stored(value)));
pure('timestamptz_hash_extended', (value: Int8, seed: Int8) => hashInt8Extended(stored(value), seed));
pure('time_hash', (value: number) => hashInt8(value));
pure('time_hash_extended', (value: number, seed: Int8) => hashInt8Extended(value, seed));

const low64 = (value: Interval): Int8 => normalizeInt8(BigInt.asIntN(64, intervalSpan(value)));
pure('interval_hash', (value: Interval) => hashInt8(low64(value)));
pure('interval_hash_extended', (value: Interval, seed: Int8) => hashInt8Extended(low64(value), seed));

pure('timetz_hash', (value: TimeTz) => Number(hashInt8(value.micros)) ^ hashUint32(value.zone));
pure('timetz_hash_extended', (value: TimeTz, seed: Int8) => {
  const clock = BigInt.asUintN(64, BigInt(hashInt8Extended(value.micros, seed) as Int8));
  return normalizeInt8(BigInt.asIntN(64, clock ^ hashUint32Extended(value.zone, BigInt(seed))));
});
