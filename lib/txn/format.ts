/**
 * What stands inside a log record: numbers that are part of the format. Used by writer and reader alike; described in
 * `lib/txn/README.md`. Numbers once given are never reused.
 */

/** Log record types (the log itself has those below 16). */
export const RECORD = {
  /** A commit: xid, wall clock µs, then changes. */
  commit: 16,
  /** Changes of a transaction that is still running: xid, position of the first change, then changes. */
  batch: 17,
  /** A transaction that had sent batches was rolled back: xid, wall clock µs. */
  abort: 18,
  /** Outside of any transaction: state of a sequence, or how far a counter may run: zeros, then changes. */
  autonomous: 19,
  /** A piece of a record that is too large for one: xid, zero, then bytes that stand before those of the xid's next record. */
  fragment: 20,
  /**
   * Relations that the transaction holds in AccessExclusive mode, just before its commit: xid, zero, then (database u32, relation u32)
   * each. A standby takes these locks before it applies the commit, since its queries may be reading what goes.
   */
  locks: 21,
} as const;

/** Bytes before the changes in every record's payload: xid u32, field f64, little-endian. */
export const RECORD_HEADER = 12;

/** Payloads beyond this are cut into fragments. */
export const FRAGMENT_BYTES = 4 << 20;

/** First byte of a change. All integers that follow are LEB128 varints unless said otherwise. */
export const CHANGE = {
  /** file, row id, length, row (`codec/row`). */
  insert: 1,
  /** file, row id, keys changed u8, length, row. */
  update: 2,
  /** file, row id. */
  delete: 3,
  /** file, row id, length, key bytes. */
  indexAdd: 4,
  /** file, row id, length, key bytes. */
  indexRemove: 5,
  /** file, kind u8, persistence u8. */
  createFile: 6,
  /** file. */
  dropFile: 7,
  /** file, length, [lastValue, isCalled, logCount] (`codec/row`). */
  sequence: 8,
  /** name length, name, 1 + value length or 0, value. */
  putMeta: 9,
  /** file, chunk number, length, packed rows (`codec` packed columns): rows of a chunk filled by this transaction alone. */
  bulkChunk: 10,
  /** kind length, kind, payload length, payload. */
  message: 11,
  /** position: everything that stands at or after this position of the transaction's changes is undone. */
  rollbackTo: 12,
  /** name length, name, value. */
  counter: 13,
} as const;

/** File kinds, by number. */
export const FILE_KINDS = ['heap', 'index', 'sequence'] as const;
/** Persistence, by number. */
export const PERSISTENCES = ['permanent', 'unlogged', 'temporary'] as const;

/** A transaction sends what it has to the log when its buffer passes this many bytes. */
export const BATCH_BYTES = 1 << 20;
