/** What executions use of storage, log and temporary space: differences of counters, for EXPLAIN (ANALYZE). */
import type { ResourceUsage } from '../access/api.js';
import type { ExecutionContext } from './context.js';

/** Size of a temporary block, in which EXPLAIN counts temporary space. */
const BLOCK_BYTES = 8192;

/** A sum of usages. */
export type UsageSum = { -readonly [K in keyof ResourceUsage]: ResourceUsage[K] };

/** Nothing used. */
export function noUsage(): UsageSum {
  return { hits: 0, reads: 0, tempReads: 0, tempWrites: 0, walRecords: 0, walBytes: 0 };
}

/** The counters now. */
export function usageNow({ storage, transaction, temporary }: Pick<ExecutionContext, 'storage' | 'transaction' | 'temporary'>): UsageSum {
  const { hits, reads } = storage.buffers;
  const { records, bytes } = transaction.logged();
  const blocks = (size: number | undefined): number => Math.ceil((size ?? 0) / BLOCK_BYTES);
  return { hits, reads, tempReads: blocks(temporary?.bytesRead), tempWrites: blocks(temporary?.bytesWritten), walRecords: records, walBytes: bytes };
}

/** Adds what was used between two readings. Log that a savepoint's rollback took back counts for nobody. */
export function addUsage(sum: UsageSum, before: ResourceUsage, after: ResourceUsage): void {
  sum.hits += after.hits - before.hits;
  sum.reads += after.reads - before.reads;
  sum.tempReads += after.tempReads - before.tempReads;
  sum.tempWrites += after.tempWrites - before.tempWrites;
  sum.walRecords += Math.max(0, after.walRecords - before.walRecords);
  sum.walBytes += Math.max(0, after.walBytes - before.walBytes);
}
