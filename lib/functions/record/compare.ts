/**
 * Comparison of composite values column by column (PostgreSQL's record_cmp, record_eq and the image forms). Nulls are
 * equal to each other and sort last.
 */
import { pgError } from '../../base/error.js';
import type { RecordValue } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { withContext } from '../registry.js';
import { columnTypesOf } from './io.js';

/** Checks that both records have the same columns; 42804. */
function checkColumns(cx: CallContext, a: RecordValue, b: RecordValue): readonly number[] {
  const left = columnTypesOf(cx, a);
  const right = columnTypesOf(cx, b);
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    if (left[i] !== right[i]) {
      const types = cx.services.types;
      throw pgError('DATATYPE_MISMATCH',
        `cannot compare dissimilar column types ${types.formatType(left[i])} and ${types.formatType(right[i])} at record column ${i + 1}`);
    }
  }
  if (left.length !== right.length) throw pgError('DATATYPE_MISMATCH', 'cannot compare record types with different numbers of columns');
  return left;
}

/** record_cmp; 42804, 42883. */
export function compareRecords(cx: CallContext, a: RecordValue, b: RecordValue): number {
  const columns = checkColumns(cx, a, b);
  for (let i = 0; i < columns.length; i++) {
    const x = a.values[i];
    const y = b.values[i];
    if (x === null || y === null) {
      if (x === y) continue;
      return x === null ? 1 : -1;
    }
    const order = cx.services.types.compare(columns[i], x, y, cx.call.collation);
    if (order !== 0) return order;
  }
  return 0;
}

/** record_eq; 42804, 42883. */
export function equalRecords(cx: CallContext, a: RecordValue, b: RecordValue): boolean {
  const columns = checkColumns(cx, a, b);
  return columns.every((type, i) => {
    const x = a.values[i];
    const y = b.values[i];
    if (x === null || y === null) return x === y;
    return cx.services.types.equal(type, x, y, cx.call.collation);
  });
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
  const columns = checkColumns(cx, a, b);
  for (let i = 0; i < columns.length; i++) {
    const x = a.values[i];
    const y = b.values[i];
    if (x === null || y === null) {
      if (x === y) continue;
      return x === null ? 1 : -1;
    }
    const left = Buffer.from(cx.services.types.send(columns[i], x));
    const order = left.compare(cx.services.types.send(columns[i], y));
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
