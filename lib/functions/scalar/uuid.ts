/**
 * uuid: values are 36 lower-case characters, so string comparison is byte comparison (PostgreSQL's uuid.c).
 */
import { pgError } from '../../base/error.js';
import { normalizeInt8, type Int8, type Interval } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { invalidSyntax } from '../errors.js';
import { pure, withContext } from '../registry.js';
import { callable } from '../type-services.js';
import { viewOf } from '../wire.js';
import { comparisonNames, registerNativeComparisons } from './compare.js';

/** Bytes → text. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Text → normal form: braces and hyphens after every group of four digits are optional; 22P02. */
export function parseUuid(text: string): string {
  const inner = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (!/^[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}$/.test(inner)) throw invalidSyntax('uuid', text);
  const hex = inner.replaceAll('-', '').toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const uuidBytes = (value: string): Uint8Array => Buffer.from(value.replaceAll('-', ''), 'hex');

pure('uuid_in', parseUuid);
pure('uuid_out', (a: string) => a);
pure('uuid_send', uuidBytes);
pure('uuid_recv', (bytes: Uint8Array) => {
  viewOf(bytes, 16);
  return formatUuid(bytes);
});
registerNativeComparisons(comparisonNames('uuid_'));
pure('uuid_cmp', (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0));

withContext('gen_random_uuid', (cx) => {
  const bytes = Uint8Array.from(cx.services.randomBytes(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return formatUuid(bytes);
});

const EPOCH_DIFFERENCE_MICROS = 946684800000000n;
/** From the start of the Gregorian calendar, 1582-10-15, to 2000-01-01. */
const GREGORIAN_DIFFERENCE_MICROS = 13165977600000000n;
/** The last time whose milliseconds fit 48 bits. */
const LAST_V7_MICROS = (1n << 48n) * 1000n - 1n - EPOCH_DIFFERENCE_MICROS;

/** Infinite intervals have all three parts at an extreme. */
function isFiniteInterval(interval: Interval): boolean {
  return Math.abs(interval.months) < 2147483647;
}
let lastNanos = 0n;

/** A time-ordered uuid: milliseconds of Unix time, 12 bits below them, then randomness; rises within the process. */
function uuidV7(cx: CallContext, shiftMicros: bigint): string {
  let nanos = (BigInt(cx.services.clockTimestamp()) + EPOCH_DIFFERENCE_MICROS) * 1000n;
  if (nanos <= lastNanos) nanos = lastNanos + 245n;
  lastNanos = nanos;
  nanos += shiftMicros * 1000n;
  const millis = nanos / 1000000n;
  const fraction = Number(((nanos % 1000000n) * 4096n) / 1000000n);
  const bytes = Uint8Array.from(cx.services.randomBytes(16));
  for (let i = 0; i < 6; i++) bytes[i] = Number((millis >> BigInt(40 - 8 * i)) & 255n);
  bytes[6] = 0x70 | (fraction >> 8);
  bytes[7] = fraction & 255;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return formatUuid(bytes);
}
withContext('uuidv7', (cx) => uuidV7(cx, 0n));
withContext('uuidv7_interval', (cx, shift: Interval) => {
  const now = cx.services.clockTimestamp();
  if (!isFiniteInterval(shift)) {
    throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'interval out of range for UUID version 7', {
      detail: 'UUID version 7 does not support infinite intervals.',
    });
  }
  const shifted = callable('timestamptz_pl_interval')(cx, now, shift) as Int8;
  if (shifted < -EPOCH_DIFFERENCE_MICROS || shifted > LAST_V7_MICROS) {
    throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'timestamp out of range for UUID version 7', {
      detail: 'UUID version 7 supports timestamps from 1970-01-01 to approximately year 10889.',
    });
  }
  return uuidV7(cx, BigInt(shifted) - BigInt(now));
});

const isRfcVariant = (value: string): boolean => '89ab'.includes(value[19]);
/** The time in a uuid of version 1 or 7, microseconds since 2000; null for the other versions. */
pure('uuid_extract_timestamp', (a: string) => {
  if (!isRfcVariant(a)) return null;
  const version = a[14];
  if (version === '7') return normalizeInt8(BigInt(`0x${a.slice(0, 8)}${a.slice(9, 13)}`) * 1000n - EPOCH_DIFFERENCE_MICROS);
  if (version !== '1') return null;
  const ticks = BigInt(`0x${a.slice(15, 18)}${a.slice(9, 13)}${a.slice(0, 8)}`);
  return normalizeInt8(ticks / 10n - GREGORIAN_DIFFERENCE_MICROS);
});
pure('uuid_extract_version', (a: string) => (isRfcVariant(a) ? parseInt(a[14], 16) : null));
