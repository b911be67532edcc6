/**
 * Uniqueness probes: is there a live row with this key, or one that another transaction is about to make or to remove?
 * Looks at the newest versions whatever the snapshot, as PostgreSQL's dirty snapshot does (nbtinsert.c, _bt_check_unique).
 */
import type { EngineTransaction } from '../txn/transaction.js';
import type { RowVersion } from '../txn/version.js';
import type { Row } from '../types/datum.js';
import type { IndexKey, RowId, UniqueProbe } from './api.js';
import type { HeapFile } from './heap-file.js';

const FREE: UniqueProbe = { kind: 'free' };

/** What a uniqueness probe needs of the index. */
export interface CandidateSource {
  lookup(key: IndexKey, prefix: boolean): readonly RowId[];
}

/** See `StorageEngine.probeUnique`. */
export function probeUnique(
  own: EngineTransaction, heap: HeapFile, index: CandidateSource, key: IndexKey, selfRowId: RowId, keyOf: (row: Row) => IndexKey | null,
): UniqueProbe {
  for (const rowId of index.lookup(key, false)) {
    if (rowId === selfRowId) continue;
    const found = probeRow(own, heap, rowId, key, keyOf);
    if (found !== FREE) return found;
  }
  return FREE;
}

function probeRow(own: EngineTransaction, heap: HeapFile, rowId: RowId, key: IndexKey, keyOf: (row: Row) => IndexKey | null): UniqueProbe {
  const chunk = heap.chunkToReadOf(rowId);
  if (chunk === null) return FREE;
  const head = chunk.head(rowId);
  if (head === undefined) {
    const row = chunk.settledRow(rowId);
    if (row === null || keyOf(row) !== key) return FREE;
    if (chunk.bulkWriter !== null && chunk.bulkWriter !== own) return { kind: 'wait', transaction: chunk.bulkWriter as EngineTransaction };
    return { kind: 'conflict', rowId };
  }
  const has = (version: RowVersion): boolean => version.values !== null && keyOf(version.values) === key;
  if (head.transaction === null || head.transaction === own) return has(head) ? { kind: 'conflict', rowId } : FREE;
  // Another transaction is at work on the row: does any version that may become the newest have the key?
  let version: RowVersion | null = head;
  for (; version !== null && version.transaction !== null; version = version.older) {
    if (has(version)) return { kind: 'wait', transaction: head.transaction as EngineTransaction };
  }
  const settled = version === null ? chunk.settledRow(rowId) : null;
  const before = version === null ? settled !== null && keyOf(settled) === key : has(version);
  return before ? { kind: 'wait', transaction: head.transaction as EngineTransaction } : FREE;
}
