/**
 * The contract of the storage engine, as the SQL layers see it. Values in, versions of rows out; nothing here knows SQL.
 *
 * - A *file* (`FileNumber`) is the storage of one table, index or sequence; numbers are unique in the data directory
 *   and never reused. The catalog's `relfilenode` names them.
 * - A *row* has a stable `RowId` within its table file; 1,024 neighbouring ids are a chunk. Updating a row keeps its id and
 *   adds a version. Index entries point at row ids and are not versioned: a reader re-checks the key where a row
 *   has had several (`IndexCursor.recheck`).
 * - A *snapshot* is an LSN: a version is visible when its commit LSN <= the snapshot's, or when it was written by the
 *   snapshot's own transaction under an earlier command id.
 * - Everything that touches resident rows is synchronous. Chunks that are not resident are loaded by a synchronous
 *   point read. What must wait for another transaction answers with that transaction, and the caller suspends.
 */
import type { Lsn } from '../base/lsn.js';
import type { Confirmation, ConfirmMode, LogSource, StateSource } from '../wal/shipping.js';
import type { Suspend, Suspendable, WaitSignal } from '../base/suspend.js';
import type { LockMode, LockTarget, RelationTarget } from '../txn/lock-modes.js';
import type { WantedRow } from '../txn/wait-graph.js';
import type { ColumnRange } from '../codec/chunk.js';
import type { ColumnValues } from '../codec/column-values.js';
import type { StoredNumbers, StoredText } from '../codec/vectors.js';
import type { Datum, Row } from '../types/datum.js';
import type { SortSpace } from './entry-sort.js';

/** Storage of one relation; unique in the data directory, never reused. */
export type FileNumber = number;
/** A row's stable identity within its file: 1, 2, 3, ... */
export type RowId = number;
/** An order-preserving encoded key: one byte per character (latin1), so that `<` orders as memcmp does. */
export type IndexKey = string;

/** Rows (row ids) per chunk. */
export const CHUNK_ROWS = 1024;
/** A chunk is closed early when its rows weigh this much in memory, in bytes. */
export const CHUNK_BYTES = 1 << 20;

/** How durable a file is: 'permanent' is logged; 'unlogged' and 'temporary' are not and are empty after a crash/at exit. */
export type Persistence = 'permanent' | 'unlogged' | 'temporary';

/** Strengths of row locks, weakest first; conflicts as in PostgreSQL's "Row-Level Locks" table. */
export type RowLockStrength = 'keyShare' | 'share' | 'noKeyUpdate' | 'update';
/** What to do when a lock is not free at once. */
export type LockWaitPolicy = 'block' | 'skip' | 'error';

/** The eight table-lock modes, weakest first. */
export type TableLockMode = LockMode;

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** Which versions a reader sees. Immutable. */
export interface Snapshot {
  readonly lsn: Lsn;
  /** The reader's own transaction, whose versions of earlier commands it sees; null for none. */
  readonly transaction: Transaction | null;
  /** Own versions with a command id below this one are visible. */
  readonly commandId: number;
}

/** A mark inside a transaction that can be rolled back to. */
export interface Savepoint {
  readonly level: number;
}

/** A transaction. Obtained from `StorageEngine.begin`; ended by exactly one `commit` or `abort`. */
export interface Transaction {
  /** Serial number in this process: identity in lock tables and `pg_locks`. */
  readonly virtualId: number;
  /** The session that began it: the owner of its locks. */
  readonly sessionId: number;
  /** Transaction id, assigned at the first write (0 before). 32-bit arithmetic is the SQL layer's affair. */
  readonly xid: number;
  /** Assigns the xid if there is none yet. */
  assignXid(): number;
  readonly state: 'active' | 'committed' | 'aborted';
  /** True once the transaction has written anything that its commit must log. */
  readonly hasWrites: boolean;
  /** Another transaction waits, or has waited, for this one to end. */
  readonly isAwaited: boolean;
  /** The command now running; versions are stamped with it. */
  readonly commandId: number;
  /** Ends the current command: what it wrote becomes visible to the transaction's later commands. */
  incrementCommandId(): void;
  /**
   * A snapshot of now: the acknowledged prefix of the log (and at least what this session itself committed). Good as it is
   * until the caller waits for anything; whoever keeps it longer pins it.
   */
  takeSnapshot(): Snapshot;
  /** A snapshot for reading catalogs: everything appended so far, and own writes of earlier commands. */
  catalogSnapshot(): Snapshot;
  /** The same snapshot at the current command id: own writes of earlier commands become visible. */
  refreshCommand(snapshot: Snapshot): Snapshot;
  /** Pins a snapshot against version garbage collection; call the result to release it. */
  pinSnapshot(snapshot: Snapshot): () => void;
  beginSavepoint(): Savepoint;
  /** Undoes everything written, and releases every lock taken, since the savepoint; the savepoint stays usable. */
  rollbackToSavepoint(savepoint: Savepoint): void;
  /** Forgets the savepoint, keeping its work as part of its parent. */
  releaseSavepoint(savepoint: Savepoint): void;
  /**
   * Appends the commit record, makes the versions visible to later snapshots, releases locks. Returns the commit's LSN
   * (`INVALID_LSN` when nothing was written). Durable only once `StorageEngine.whenFlushed` says so.
   */
  commit(): Lsn;
  /** Undoes everything; never fails. */
  abort(): void;
  /** Called after commit (true) or abort (false), in order of registration, after locks are released. */
  onEnd(callback: (committed: boolean) => void): void;
  /** Called just before the commit record is appended; may write. (Deferred constraints run in the SQL layer before.) */
  onPreCommit(callback: () => void): void;
  /** Changes for the log so far, and their bytes; inserted rows count once their chunk is packed or the statement is over. */
  logged(): { readonly records: number; readonly bytes: number };
  /** Hands inserted rows that are still gathered to the log's buffer. */
  flushBulk(): void;
  /**
   * Waits until `other` has ended, or rolled back to a savepoint: whoever waits looks again. Throws 40P01 when the wait would close a cycle, 55P03 after lock_timeout,
   * 57014 when cancelled.
   */
  waitFor(other: Transaction, wait: WaitOptions): Suspendable<void>;
  /**
   * On standbys the commit is to wait for those who use the relation, and to cancel them in the end, as if the relation were locked in
   * AccessExclusive mode: what they read by goes away. Here they have been waited for.
   */
  conflictWithReaders(relation: RelationTarget): void;
  /**
   * Waits until every other transaction that holds the lock now in a mode that conflicts with this one has ended, without taking the
   * lock. Throws as `waitFor` does.
   */
  waitForHolders(tag: LockTag, mode: TableLockMode, wait: WaitOptions): Suspendable<void>;
}

export type { WantedRow } from '../txn/wait-graph.js';

/** Limits of one wait. */
export interface WaitOptions {
  /** lock_timeout in milliseconds; 0 = none. */
  timeoutMs: number;
  /** Cancels the wait with the signal's reason (a PgError). */
  signal: WaitSignal | null;
  /** CONTEXT line of errors raised by the wait, e.g. `while updating tuple (0,3) in relation "t"`. */
  context?: string | (() => string);
  /** deadlock_timeout: look for a deadlock after so many milliseconds; absent: at once, whoever closes a cycle fails. */
  deadlockTimeoutMs?: number;
  /** The row that is waited for: all who wait for the same row are woken one after the other, in order. */
  row?: WantedRow;
}

/** What a piece of work used. */
export interface ResourceUsage {
  /** Chunks and index leaves found in memory, and loaded. */
  readonly hits: number;
  readonly reads: number;
  /** Blocks of temporary space. */
  readonly tempReads: number;
  readonly tempWrites: number;
  /** Changes for the log, and their bytes. */
  readonly walRecords: number;
  readonly walBytes: number;
}

/** What a write found. */
export type WriteResult =
  | { readonly kind: 'ok' }
  /** The row was changed by this same command (or a later one) of the own transaction. */
  | { readonly kind: 'selfModified' }
  /**
   * A newer committed version exists; `values` is the newest (null: deleted). READ COMMITTED re-checks its condition on
   * `values` and writes again with `transaction.catalogSnapshot()` (which sees that version); others raise 40001.
   */
  | { readonly kind: 'changed'; readonly values: Row | null }
  /**
   * Another transaction holds the row: wait for it, then try again. `holdsRow`: the asker holds a weaker lock on the row, and
   * must not queue behind others who wait for that one to go.
   */
  | { readonly kind: 'wait'; readonly transaction: Transaction; readonly holdsRow?: boolean };

/**
 * A column of the settled rows of a chunk. `get(i)` works for every kind; the typed forms are for compiled loops. Of numbers `data` may have to
 * be made, from `stored`, which is what the chunk has; null: `data` is all there is.
 */
export type ColumnVector =
  /** `copy` puts the numbers at `count` positions from `first` on into `target`: cheaper than `data` for a short stretch. */
  | {
    readonly kind: 'int32'; readonly data: Int32Array; readonly stored: StoredNumbers | null; readonly nulls: Uint8Array | null; get(position: number): Datum;
    copy(target: Int32Array, first: number, count: number): void;
  }
  | {
    readonly kind: 'float64'; readonly data: Float64Array; readonly stored: StoredNumbers | null; readonly nulls: Uint8Array | null; get(position: number): Datum;
    copy(target: Float64Array, first: number, count: number): void;
  }
  | { readonly kind: 'boolean'; readonly data: Uint8Array; readonly nulls: Uint8Array | null; get(position: number): Datum }
  /**
   * `contains`: whether the value is not null and has the text somewhere; asking for one text position by position is cheap. `found`: the same for
   * all positions, 1 = it has; null where it is not found out for all at once.
   */
  | {
    readonly kind: 'string'; readonly nulls: Uint8Array | null; get(position: number): Datum; contains(position: number, text: string): boolean;
    found(text: string): Uint8Array | null;
    /** The values' bytes one behind the other, where they are kept so, and where each begins; null where not. */
    readonly text: StoredText | null;
  }
  /** `get` gives values that keep nothing else in memory; of `borrow`ed ones see `lib/types/jsonb`. */
  | { readonly kind: 'jsonb'; readonly nulls: Uint8Array | null; get(position: number): Datum; borrow(position: number): Datum }
  | { readonly kind: 'generic'; readonly nulls: Uint8Array | null; get(position: number): Datum };
// In `nulls`, bit (i & 7) of byte (i >> 3) set means NULL; null means that no value is NULL.

/** Rows with ids `rowIds[from, end)` of a list that was asked for: those at `positions[from, end)` of a chunk's columns. */
export interface StoredPiece {
  readonly from: number;
  readonly end: number;
  readonly positions: Uint16Array;
  /** Column `index` (attribute number - 1). */
  column(index: number): ColumnVector;
  /** To be called when the columns are not read any more: their memory is used again then. Null: it is not. */
  readonly done: (() => void) | null;
}

/** What one chunk shows to a snapshot: settled rows as columns, changed rows as rows. Valid until the scan is asked for the next: its memory is used again. */
export interface ChunkView {
  /** Row id of position 0. */
  readonly firstRowId: RowId;
  /** Number of positions in the columns. */
  readonly positions: number;
  /** Visible settled positions in ascending order; null when positions 0..positions-1 are all visible. */
  readonly selection: Uint16Array | null;
  /** How many of `selection` count. */
  readonly selected: number;
  /** Column `index` (attribute number - 1) of the settled rows. */
  column(index: number): ColumnVector;
  /** Bounds of a column's numbers, of settled rows that are not visible, too, known without opening it; null: they are not known. */
  range(index: number): ColumnRange | null;
  /** Visible versions of rows that changed since the chunk was packed, in order of their writing (PostgreSQL's natural order). */
  readonly changedRowIds: readonly RowId[];
  readonly changedRows: readonly Row[];
}

/** The views of a table's chunks, in order. */
export interface ChunkScan extends IterableIterator<ChunkView> {
  /** What to wait for before `next`, which then need not wait for the disk; null: nothing. Whoever cannot wait need not ask. Never rejects. */
  ready?(): Promise<void> | null;
}

/** Properties of a table's rows that storage needs. */
export interface HeapShape {
  /** Number of attributes (dropped ones count). */
  attributeCount: number;
  /** Values of attributes that old rows do not have yet (ADD COLUMN ... DEFAULT), by index; rows come out padded. */
  missing: readonly Datum[];
}

/** A table file, opened with a shape. Cheap to open; several shapes of one file may be open at once. */
export interface Heap {
  readonly file: FileNumber;
  readonly shape: HeapShape;
  /** Adds a row; returns its id. `values` is owned by the heap afterwards, and exactly `attributeCount` long. */
  insert(transaction: Transaction, values: Row): RowId;
  /** Rows to be inserted until the next one begins a chunk; 0: it does. Others insert, too: good until the caller waits. */
  readonly rowsToChunk: number;
  /**
   * Adds `rows` rows (at most CHUNK_ROWS) that come as columns, one for each attribute, and fill the rest of a chunk that begins
   * with the first of them; returns its id, the others follow. The chunk is packed and logged as it is, in a ninth of the time of
   * `insert` row by row. 0, and nothing done: the next row does not begin a chunk, or these are too few to be one; `insert` them.
   */
  insertColumns(transaction: Transaction, columns: readonly ColumnValues[], rows: number): RowId;
  /**
   * Writes a new version of a row that `snapshot` saw. `keysChanged`: a column of some unique index changed (decides
   * which row locks conflict).
   */
  update(transaction: Transaction, rowId: RowId, values: Row, snapshot: Snapshot, keysChanged: boolean): WriteResult;
  delete(transaction: Transaction, rowId: RowId, snapshot: Snapshot): WriteResult;
  /** Takes a row lock on the row that `snapshot` saw; results as of `update`. Released at the transaction's end. */
  lock(transaction: Transaction, rowId: RowId, strength: RowLockStrength, snapshot: Snapshot): WriteResult;
  /** The version that the snapshot sees, or null. */
  fetch(rowId: RowId, snapshot: Snapshot): Row | null;
  /** `fetch` of the first `count` of `rowIds`, into `rows` from its start. Rows that stand close together are read column by column. */
  fetchMany(rowIds: readonly RowId[], count: number, snapshot: Snapshot, rows: (Row | null)[]): void;
  /**
   * The first `count` (at most CHUNK_ROWS) of `rowIds` as they stand in columns, chunk by chunk; null unless the snapshot sees all of them, none of
   * them changed lately, and many stand in each chunk.
   */
  fetchStored(rowIds: readonly RowId[], count: number, snapshot: Snapshot): readonly StoredPiece[] | null;
  /** The newest version whoever wrote it, or null when deleted or never there. */
  fetchNewest(rowId: RowId): Row | null;
  /**
   * Chunks in order; a table with nothing visible yields no view. `countsOnly`: the caller wants to know how many rows a view has and
   * nothing else of it, which for chunks at rest is known without reading them (34 MB, for a million rows of five columns).
   */
  scan(snapshot: Snapshot, countsOnly?: boolean): ChunkScan;
  /** Chunks holding row ids in [from, to]. */
  scanRange(snapshot: Snapshot, from: RowId, to: RowId): ChunkScan;
  /** Live rows, roughly; exact right after ANALYZE-like counting is not promised. */
  estimateRows(): number;
  /** Size at rest and in memory, roughly, in bytes. */
  estimateBytes(): number;
}

/** One end of an index range. A key prefix is a valid bound: `inclusive` then covers every key with that prefix. */
export interface KeyBound {
  readonly key: IndexKey;
  readonly inclusive: boolean;
}

/** A cursor over index entries. After `next()` returned true, `key` and `rowId` are the current entry. */
export interface IndexCursor {
  next(): boolean;
  readonly key: IndexKey;
  readonly rowId: RowId;
  /** True when the entry's row may have versions with other keys: compare the visible row's key before use. */
  readonly recheck: boolean;
  /**
   * Goes on over entries that stand together and need no re-check, at most so many; their row ids into `rowIds` from `at` on. How many
   * there were: 0 says nothing, ask `next`. Then the last of them is the current entry.
   */
  nextPlain(rowIds: RowId[], at: number, most: number): number;
}

/** An ordered index file. Comparison is `<` on keys unless the index was created with a comparator. */
export interface Index {
  readonly file: FileNumber;
  /** Adds an entry for a version that the transaction wrote (undone at its abort); no-op when it is there already. */
  insert(transaction: Transaction, key: IndexKey, rowId: RowId): void;
  /**
   * The keys of rows that are about to be inserted, to be added in one go: `keys[i]` of the row that comes i-th. Good as long as nothing is
   * done to the index. Null: they must go one by one. `unique`: null when two of them are equal, or one is in the index already,
   * whosever it is.
   */
  prepare(keys: readonly IndexKey[], unique: boolean): EntryBatch | null;
  /**
   * Declares that the row's newest version (written by the transaction: an update to another key, or the row's deletion)
   * no longer has `key`. Undone at abort; the entry goes away once no snapshot needs it, and until then cursors ask for a
   * re-check of that row. MUST be called for every key that a version loses, or readers would find the row under both keys.
   */
  remove(transaction: Transaction, key: IndexKey, rowId: RowId): void;
  /** Entries within the bounds (null: open), ascending or descending. Robust against changes while open. */
  range(lower: KeyBound | null, upper: KeyBound | null, descending: boolean): IndexCursor;
  /** Row ids with exactly this key (or, `prefix`, with keys that start with it): candidates, to be fetched and re-checked. */
  lookup(key: IndexKey, prefix: boolean): readonly RowId[];
  estimateEntries(): number;
  estimateBytes(): number;
  /** Begins to fill a fresh index (CREATE INDEX, REINDEX): faster than `insert` one by one, and in bounded memory. */
  build(transaction: Transaction, space: SortSpace): IndexBuild;
  /** Begins to complete an index that writers maintain meanwhile (CREATE INDEX CONCURRENTLY); see `access/index-completion`. */
  complete(sessionId: number, space: SortSpace): IndexCompletion;
}

/** Entries that are about to be added to an index. */
export interface EntryBatch {
  /** Adds them as `Index.insert` would: the first key's row has this id, the others follow. */
  insert(transaction: Transaction, firstRowId: RowId): void;
}

/** Called for entries of equal keys that follow one another; throws when they may not. */
export type DuplicateKey = (first: RowId, second: RowId) => void;

/** An index that is being filled. */
export interface IndexBuild {
  /** Adds an entry; entries come in any order. */
  add(key: IndexKey, rowId: RowId): void;
  /** Sorts the entries and makes the index of them. What `duplicate` throws ends it. */
  finish(duplicate: DuplicateKey | null): Suspendable<void>;
  /** Gives temporary space back: always to be called. */
  close(): void;
}

/**
 * An index that is completed while writers maintain it: first `dropStrays`, once everybody who writes to the table knows of the index;
 * then a snapshot is taken and pinned, `add` for every row that it sees, and `finish`. All that is done to the index is committed
 * piece by piece in transactions of its own: what fails half-way leaves an incomplete index.
 */
export interface IndexCompletion {
  /** Takes away entries that are not those of their row's newest version; `newestKey` is its key, null when it has none. */
  dropStrays(newestKey: (rowId: RowId) => IndexKey | null): Suspendable<void>;
  /** Adds an entry of a row that the snapshot sees; entries come in any order. */
  add(key: IndexKey, rowId: RowId): void;
  /** Sorts the entries and merges them into the index; the snapshot at `since` must be pinned until then. `unique` looks at each of them. */
  finish(since: Lsn, unique: CompletionUniqueness | null): Suspendable<void>;
  /** Gives temporary space back: always to be called. */
  close(): void;
}

/** How entries that must be unique are looked at. */
export interface CompletionUniqueness {
  /** The snapshot sees two rows with one key: throws when they may not have it. */
  duplicate: DuplicateKey;
  /** Looks for another live row with the key of an entry that is in the index now: throws, or says whom to wait for before it looks again. */
  probe(transaction: Transaction, key: IndexKey, rowId: RowId): Transaction | null;
  waitFor(transaction: Transaction): Suspendable<void>;
}

/** What a uniqueness probe found. */
export type UniqueProbe =
  | { readonly kind: 'free' }
  /** A live row (committed, or the own transaction's) has the key. */
  | { readonly kind: 'conflict'; readonly rowId: RowId }
  /** Another transaction is inserting or deleting such a row: wait for it, then probe again. */
  | { readonly kind: 'wait'; readonly transaction: Transaction };

/** A sequence's persistent state. */
export interface SequenceState {
  lastValue: number | bigint;
  isCalled: boolean;
  /** Values already logged ahead of lastValue (PostgreSQL's log_cnt). */
  logCount: number;
  /**
   * Given by the caller when it refills `logCount`: the value that `lastValue` becomes if the process dies (lastValue
   * advanced by `logCount` increments). Without it, nothing is logged ahead and every write is logged.
   */
  aheadValue?: number | bigint;
}

/** A sequence file: not transactional, logged ahead by 32 values. */
export interface SequenceFile {
  readonly file: FileNumber;
  /** Nobody has said what it begins with: an unlogged one whose state a crash, or a promotion, has lost. */
  readonly isBlank: boolean;
  read(): SequenceState;
  /**
   * Sets the state. Logged unless it only consumes what was logged ahead: `logCount` is one less than before (nextval),
   * with the increment that `aheadValue` was computed with.
   */
  write(state: SequenceState): void;
}

/** Locks that are not on rows: relations, database objects, advisory keys. */
export type LockTag = LockTarget;

/** Who holds heavyweight locks beyond a transaction: a session (session-level advisory locks, cursors WITH HOLD). */
export interface SessionLockOwner {
  readonly sessionId: number;
}

/** Heavyweight locks with deadlock detection over these, row locks and transaction waits alike. */
export interface LockManager {
  /** Takes the lock for the transaction if it is free; false when another holder conflicts. */
  tryLock(transaction: Transaction, tag: LockTag, mode: TableLockMode): boolean;
  /** Takes the lock, waiting; 40P01, 55P03, 57014 as of `Transaction.waitFor`. Fast (no generator resume) when free. */
  lock(transaction: Transaction, tag: LockTag, mode: TableLockMode, wait: WaitOptions): Suspendable<void>;
  tryLockSession(owner: SessionLockOwner, transaction: Transaction | null, tag: LockTag, mode: TableLockMode): boolean;
  lockSession(owner: SessionLockOwner, transaction: Transaction | null, tag: LockTag, mode: TableLockMode, wait: WaitOptions): Suspendable<void>;
  /** Releases one hold; false when it was not held. */
  unlockSession(owner: SessionLockOwner, tag: LockTag, mode: TableLockMode): boolean;
  /** Releases all that the session holds beyond transactions. Must be called once at every session's end. */
  unlockAllSession(owner: SessionLockOwner): void;
  /** Sessions that block a session now (pg_blocking_pids). */
  blockers(sessionId: number): number[];
  /** Every lock held or awaited (pg_locks). */
  list(): Iterable<{ tag: LockTag; mode: TableLockMode; granted: boolean; virtualId: number; sessionId: number }>;
}

/** Who begins a transaction. */
export interface BeginOptions {
  isolation: IsolationLevel;
  readOnly: boolean;
  /** LSN of the session's last own commit: its snapshots see at least that (asynchronous commits included). */
  sessionLsn: Lsn;
  /** The session, for lock ownership and cancel. */
  sessionId: number;
}

/** A message carried by the log at a commit (LISTEN/NOTIFY, restore points); delivered on every node. */
export interface LogMessage {
  readonly kind: string;
  readonly payload: Uint8Array;
}

/** One data directory (or `memory://`), opened. */
export interface StorageEngine {
  readonly systemIdentifier: bigint;
  /** Of the log that is being written, or followed. Goes up at a promotion. */
  readonly timeline: number;
  /** True on a standby: the log comes from elsewhere, nothing can be written. */
  readonly inRecovery: boolean;
  /** What replicas, backups and the archive read; null in memory. */
  readonly source: (LogSource & StateSource) | null;
  readonly locks: LockManager;
  begin(options: BeginOptions): Transaction;
  /** The transactions that read by a snapshot before this LSN. */
  readersBefore(position: Lsn): readonly Transaction[];
  /** What other transactions read by: each LSN once, without what this transaction did. To be pinned before they are used later. */
  snapshotsOfOthers(transaction: Transaction): readonly Snapshot[];

  /** Files are created and dropped by transactions: undone at abort, dropped for good at commit. */
  createFile(transaction: Transaction, kind: 'heap' | 'index' | 'sequence', persistence: Persistence): FileNumber;
  dropFile(transaction: Transaction, file: FileNumber): void;
  openHeap(file: FileNumber, shape: HeapShape): Heap;
  /** `compare`: how keys order when not bytewise (collated text); must be given the same at every opening. */
  openIndex(file: FileNumber, compare?: (a: IndexKey, b: IndexKey) => number): Index;
  openSequence(file: FileNumber): SequenceFile;
  /** Looks for a live row with `key` in a unique index of `heap`. `keyOf` computes the key of a row version for the re-check. */
  probeUnique(transaction: Transaction, heap: Heap, index: Index, key: IndexKey, selfRowId: RowId, keyOf: (row: Row) => IndexKey | null): UniqueProbe;

  /** The next number of a named persistent counter ("oid"); logged ahead in batches, never repeats. */
  nextCounter(name: 'oid'): number;
  /** Persistent small values by name (relation maps of databases, cluster settings), changed when the transaction commits. */
  getMeta(key: string): Uint8Array | null;
  putMeta(transaction: Transaction, key: string, value: Uint8Array | null): void;
  /** Attaches a message to the transaction's commit record. */
  logMessage(transaction: Transaction, message: LogMessage): void;
  onMessage(listener: (message: LogMessage, commitLsn: Lsn) => void): void;

  /** End of the log as appended. */
  appendedLsn(): Lsn;
  /** The acknowledged prefix: flushed, and each commit in it confirmed as it asks (`awaitConfirmation`). New snapshots read this. */
  flushedLsn(): Lsn;
  /** The commit at `position`, appended just now, waits under this mode of synchronous_commit: it is not seen before. */
  awaitConfirmation(position: Lsn, mode: ConfirmMode): void;
  /** Everything below is safe in this mode of synchronous_commit. */
  acknowledgedLsn(mode: ConfirmMode): Lsn;
  /** Calls back once `position` is safe in this mode: at once when already so. */
  onAcknowledged(position: Lsn, mode: ConfirmMode, callback: () => void): void;
  /** From now on commits are acknowledged only as `confirmation` allows; null: once they are flushed. */
  setConfirmation(confirmation: Confirmation | null): void;
  /** Ends the log segment that is being written, if it has a record; returns the end of its last record. Not on a standby. */
  switchLog(): Lsn;
  /** wal_keep_size in bytes, from now on. */
  setWalKeepSize(bytes: number): void;
  /** Resolves once everything up to `position` is acknowledged. Never rejects: a failed flush ends the process. */
  whenFlushed(position: Lsn): Promise<void>;
  /** The same by callback, without a promise: calls back at once when already so. */
  onFlushed(position: Lsn, callback: () => void): void;

  /**
   * Null while memory is within its budget. Otherwise a wait that lets the engine write out what is in the way: whoever
   * writes or reads many rows in one statement asks at its time slices (every few milliseconds) and yields it.
   */
  memoryPressure(): Suspend | null;
  /** Bytes that data may take in memory (`shared_buffers`); Infinity where there is no store. */
  readonly memoryBudget: number;
  /** The process has so many bytes more than it should have (negative: fewer): what data may take changes by that, see `MemoryBudget.giveWay`. */
  giveWay(bytes: number): void;
  /** Writes a checkpoint now. */
  checkpoint(): Promise<void>;
  /** Forgets versions and index entries that no snapshot needs (VACUUM's work) in one file, or everywhere. */
  vacuum(file?: FileNumber): Suspendable<void>;
  /**
   * For a switchover: flushes the log and adds nothing to it but what transactions commit, until `stirLog`. Resolves with its end, which a
   * standby must have before it may be promoted.
   */
  stillLog(): Promise<Lsn>;
  stirLog(): void;
  /** Clean stop: checkpoint, then close. Every transaction must have ended. */
  close(): Promise<void>;
  /** Closes without a checkpoint, as a crash would: for a node that has lost its role. What transactions still do comes to nothing. */
  abandon(): Promise<void>;
  /** Chunks and index leaves asked for since the start: found in memory, and loaded. */
  readonly buffers: { readonly hits: number; readonly reads: number };
  /** For pg_stat views and metrics. */
  statistics(): Record<string, number>;
}

export type { ColumnRange, ColumnValues, SortSpace, StoredNumbers, StoredText, Suspend };
