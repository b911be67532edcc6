/**
 * Comparison of composite values column by column (PostgreSQL's record_cmp, record_eq and the image forms). Nulls are
 * equal to each other and sort last.
 */
import { pgError } from '../../base/error.js';
import type { Datum, RecordValue } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { withContext } from '../registry.js';
import { fieldsOf } from './io.js';

/** Checks that both records have the same columns, and pairs them; 42804. */
function paired(cx: CallContext, a: RecordValue, b: RecordValue): readonly { readonly type: number; readonly x: Datum; readonly y: Datum }[] {
  const left = fieldsOf(cx, a);
  const right = fieldsOf(cx, b);
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    if (left[i].type !== right[i].type) {
      const types = cx.services.types;
      throw pgError('DATATYPE_MISMATCH',
        `cannot compare dissimilar column types ${types.formatType(left[i].type)} and ${types.formatType(right[i].type)} at record column ${i + 1}`);
    }
  }
  if (left.length !== right.length) throw pgError('DATATYPE_MISMATCH', 'cannot compare record types with different numbers of columns');
  return left.map(({ type, value }, i) => ({ type, x: value, y: right[i].value }));
}

/** record_cmp; 42804, 42883. */
export function compareRecords(cx: CallContext, a: RecordValue, b: RecordValue): number {
  for (const { type, x, y } of paired(cx, a, b)) {
    if (x === null || y === null) {
      if (x === y) continue;
      return x === null ? 1 : -1;
    }
    const order = cx.services.types.compare(type, x, y, cx.call.collation);
    if (order !== 0) return order;
  }
  return 0;
}

/** record_eq; 42804, 42883. */
export function equalRecords(cx: CallContext, a: RecordValue, b: RecordValue): boolean {
  return paired(cx, a, b).every(({ type, x, y }) => (x === null || y === null ? x === y : cx.services.types.equal(type, x, y, cx.call.collation)));
}

withContext('record_eq', equalRecords);
withContext('record_ne', (cx, a: RecordValue, b: RecordValue) => !equalRecords(cx, a, b));
withContext('record_lt', (cx, a: RecordValue, b: RecordValue) => compareRecords(cx, a, b) < 0);
withContext('record_le', (cx, a: RecordValue, b: RecordValue) => compareRecords(cx, a, b) <= 0);
withContext('record_gt', (cx, a: RecordValue, b: RecordValue) => compareRecords(cx, a, b) > 0);
withContext('record_ge', (cx, a: RecordValue, b: RecordValue) => compareRecords(cx, a, b) >= 0);
withContext('btrecordcmp', compareRecords);
withContext('record_larger', (cx, a: RecordValue, b: RecordValue) => (compareRecords(cx, a, b) > 0 ? a : b));
withContext('record_smaller', (cx, a: RecordValue, b: RecordValue) => (compareRecords(cx, a, b) < 0 ? a : b));

/** Images differ where the output text of any column does (1.0 and 1.00). */
function compareImages(cx: CallContext, a: RecordValue, b: RecordValue): number {
  for (const { type, x, y } of paired(cx, a, b)) {
    if (x === null || y === null) {
      if (x === y) continue;
      return x === null ? 1 : -1;
    }
    const left = Buffer.from(cx.services.types.send(type, x));
    const order = left.compare(cx.services.types.send(type, y));
    if (order !== 0) return order;
  }
  return 0;
}
withContext('record_image_eq', (cx, a: RecordValue, b: RecordValue) => compareImages(cx, a, b) === 0);
withContext('record_image_ne', (cx, a: RecordValue, b: RecordValue) => compareImages(cx, a, b) !== 0);
withContext('record_image_lt', (cx, a: RecordValue, b: RecordValue) => compareImages(cx, a, b) < 0);
withContext('record_image_le', (cx, a: RecordValue, b: RecordValue) => compareImages(cx, a, b) <= 0);
withContext('record_image_gt', (cx, a: RecordValue, b: RecordValue) => compareImages(cx, a, b) > 0);
withContext('record_image_ge', (cx, a: RecordValue, b: RecordValue) => compareImages(cx, a, b) >= 0);
withContext('btrecordimagecmp', compareImages);
