/**
 * One chunk of a heap in memory: settled rows as packed columns, and version chains for the rows that changed since.
 *
 * Invariants:
 * - A settled row is visible to every snapshot that finds no visible version on its chain.
 * - `heads` has the newest version of each row that has versions; `order` has every version that is on a chain, in order of
 *   writing (dropped ones linger until compaction).
 * - While `bulkWriter` is set, the settled rows are the uncommitted work of that transaction, and there are no chains of
 *   anybody else.
 */
import { INVALID_LSN, MAX_LSN, type Lsn } from '../base/lsn.js';
import { ChangedRows, type ChunkChanges } from '../codec/chunk-changes.js';
import type { EngineTransaction } from '../txn/transaction.js';
import { isShown, visibleVersion, type RowVersion, type VersionHome, type VersionWriter, type VisibilitySnapshot } from '../txn/version.js';
import type { Row } from '../types/datum.js';
import { CHUNK_ROWS, type RowId } from './api.js';
import type { ChunkRoom } from './chunk-rooms.js';
import type { Resident } from './memory.js';
import { SettledRows } from './settled.js';

/** A chunk that had to make room, as its file knows it. */
export interface SwappedChunk {
  /** Version of its swap value. */
  readonly serial: number;
  /** Transactions that have uncommitted work in it. */
  readonly writers: readonly EngineTransaction[];
  /** Committed work is in it that is not at rest. */
  readonly committed: boolean;
}

/** What a chunk tells its file. */
export interface ChunkOwner {
  /** A version came to or left the chunk: `bytes` more (or fewer) in memory. */
  memoryChanged(bytes: number): void;
  liveRowsChanged(by: number): void;
  /** The chunk differs from its copy at rest from now on. */
  chunkDirty(chunk: HeapChunk): void;
  /** Memory for a chunk's packed rows. */
  newRoom(): ChunkRoom;
  canEvict(chunk: HeapChunk): boolean;
  evict(chunk: HeapChunk): void;
}

/** Rough cost in memory of a version beside its values. */
export const VERSION_BYTES = 160;
/** Dropped versions that `order` may carry before it is compacted. */
const MAX_DROPPED = 32;
/** With more versions for each changed row, `shown` goes from row to row. */
const LONG_CHAINS = 4;
/** A writer looks for versions that nobody needs no further down its row's chain. */
const PRUNED_DEPTH = 8;

/** See the file's comment. */
export class HeapChunk implements VersionHome, Resident {
  /** Settled rows; position p is row id `firstRowId + p`. */
  settled: SettledRows | null = null;
  /** Where they stand; null: in memory that is not used again. */
  room: ChunkRoom | null = null;
  /** One bit a position, set for rows that are there; null when all are. */
  live: Uint8Array | null = null;
  /** Commit LSN of the newest settled row (bulk: of the bulk insert; MAX_LSN until it commits). */
  settledLsn: Lsn = 0 as Lsn;
  /** The transaction that filled the chunk in bulk and has not ended. */
  bulkWriter: VersionWriter | null = null;
  bulkCommandId = 0;
  /** Newest version by offset in the chunk. */
  readonly heads = new Map<number, RowVersion>();
  order: RowVersion[] = [];
  dropped = 0;
  /** The next version's `place`. */
  private places = 0;
  /** With fewer versions `pruneForWrite` does not look through all of them. */
  private pruneAllAt = 0;
  /** Number of versions whose transaction runs. */
  uncommitted = 0;
  /** Newest commit LSN in the chunk: it needs a checkpoint while this is beyond what is at rest. */
  lastLsn: Lsn = 0 as Lsn;
  /** Changed in a way that the copy at rest does not have. */
  dirty = false;
  /** Whether `settled` is just the base at rest (less what `live` lacks), so that a delta can be written against it. */
  settledIsRest = false;
  /**
   * Goes up with every change: who writes the chunk out sees whether it changed meanwhile. Folding and pruning are no
   * changes: nobody sees them.
   */
  changes = 0;
  /** The swap value that it came from, and `changes` then. */
  swapCopy: { readonly swapped: SwappedChunk; readonly changes: number } | null = null;
  /** In a checkpoint's batch that is not written yet. */
  writing = false;
  /** No attempt to fold before the horizon has passed this. */
  private foldAfter: Lsn = 0 as Lsn;
  /** Touched since the clock's hand passed. */
  referenced = true;
  budgetPlace = -1;
  /** Bytes accounted for versions. */
  versionBytes = 0;
  /** Positions that are live without regard to chains; null = not computed. */
  private livePositions: Uint16Array | null = null;

  constructor(readonly owner: ChunkOwner, readonly number: number) {}

  get firstRowId(): RowId {
    return this.number * CHUNK_ROWS + 1;
  }

  /** The newest version of a row, if it has any. Most chunks have none of any row: then nothing is looked up. */
  head(rowId: RowId): RowVersion | undefined {
    return this.order.length === 0 ? undefined : this.heads.get(rowId - this.firstRowId);
  }

  /** Whether the settled rows have this one, chains aside. */
  hasSettled(rowId: RowId): boolean {
    if (this.settled === null) return false;
    const position = rowId - this.firstRowId;
    if (position >= this.settled.positions) return false;
    return this.live === null || (this.live[position >> 3] & (1 << (position & 7))) !== 0;
  }

  /** Whether the snapshot sees the settled rows at all: they may be a bulk insert that is newer, or not committed. */
  seesSettled(snapshot: VisibilitySnapshot): boolean {
    if (this.settledLsn <= snapshot.lsn) return true;
    return this.bulkWriter !== null && this.bulkWriter === snapshot.transaction && this.bulkCommandId < snapshot.commandId;
  }

  /** The settled row, or null when it is not there. */
  settledRow(rowId: RowId): Row | null {
    if (!this.hasSettled(rowId)) return null;
    return (this.settled as SettledRows).row(rowId - this.firstRowId);
  }

  /** Tells the file that the chunk has to be written. */
  markDirty(): void {
    this.changes++;
    if (this.dirty) return;
    this.dirty = true;
    this.owner.chunkDirty(this);
  }

  /** Puts a version on top of its row's chain. */
  push(version: RowVersion, bytes: number): void {
    const offset = version.rowId - this.firstRowId;
    const head = this.heads.get(offset);
    if (head !== undefined) {
      version.older = head;
      head.newer = version;
    }
    this.heads.set(offset, version);
    version.place = this.places++;
    this.order.push(version);
    if (version.transaction !== null) this.uncommitted++;
    this.markDirty();
    this.referenced = true;
    this.versionBytes += VERSION_BYTES + bytes;
    this.owner.memoryChanged(VERSION_BYTES + bytes);
  }

  /** Puts a version on top of its row's chain that has committed at `commitLsn`. */
  pushCommitted(version: RowVersion, commitLsn: Lsn, bytes: number): void {
    version.commitLsn = commitLsn;
    this.push(version, bytes);
    if (commitLsn > this.lastLsn) this.lastLsn = commitLsn;
  }

  /** Puts a version from rest or from swap on top of its row's chain; not a change. */
  restore(version: RowVersion, commitLsn: Lsn): void {
    const offset = version.rowId - this.firstRowId;
    version.commitLsn = commitLsn;
    const head = this.heads.get(offset);
    if (head !== undefined) {
      version.older = head;
      head.newer = version;
    }
    this.heads.set(offset, version);
    version.place = this.places++;
    this.order.push(version);
    if (version.transaction !== null) this.uncommitted++;
    else if (commitLsn > this.lastLsn) this.lastLsn = commitLsn;
    this.versionBytes += VERSION_BYTES + 100;
  }

  /** A settled row that is gone for everybody. */
  deleteSettled(rowId: RowId): void {
    if (!this.hasSettled(rowId) || this.settled === null) return;
    const position = rowId - this.firstRowId;
    const live = this.live === null ? allLive(this.settled.positions) : new Uint8Array(this.live);
    live[position >> 3] &= ~(1 << (position & 7));
    this.setLive(live);
  }

  versionCommitted(version: RowVersion): void {
    this.uncommitted--;
    this.lastLsn = version.commitLsn;
    this.markDirty();
    // Earlier versions of the same row by the same transaction were never visible to anybody else.
    const { older } = version;
    if (older !== null && older.commitLsn === version.commitLsn) this.unlink(older);
  }

  versionUndone(version: RowVersion): void {
    this.uncommitted--;
    this.changes++;
    if (version.values === null) this.owner.liveRowsChanged(1);
    else if (version.older === null && !this.hasSettled(version.rowId)) this.owner.liveRowsChanged(-1);
    this.unlink(version);
  }

  /** Takes a version out of its chain. */
  unlink(version: RowVersion): void {
    const { older, newer } = version;
    if (older !== null) older.newer = newer;
    if (newer !== null) newer.older = older;
    else {
      const offset = version.rowId - this.firstRowId;
      if (older !== null) this.heads.set(offset, older);
      else this.heads.delete(offset);
    }
    version.older = null;
    version.newer = null;
    this.drop(version);
  }

  private drop(version: RowVersion): void {
    version.dropped = true;
    if (this.order[this.order.length - 1] === version) this.order.pop();
    else this.dropped++;
    const share = this.order.length + this.dropped === 0 ? this.versionBytes : Math.ceil(this.versionBytes / (this.order.length + 1));
    this.versionBytes -= share;
    this.owner.memoryChanged(-share);
    if (this.dropped > MAX_DROPPED && this.dropped * 2 > this.order.length) this.compactOrder();
  }

  private compactOrder(): void {
    let kept = 0;
    const { order } = this;
    for (const version of order) if (!version.dropped) order[kept++] = version;
    order.length = kept;
    this.dropped = 0;
  }

  /**
   * The versions of changed rows that the snapshot sees, deletions included, in order of writing. Where many snapshots keep the versions of a
   * few rows (a thousand transactions in line for ten rows: a thousand versions), the chains are followed from their newest versions
   * instead of looking at all there are: 10 µs instead of 80.
   */
  shown(snapshot: VisibilitySnapshot): readonly RowVersion[] {
    return this.order.length > this.heads.size * LONG_CHAINS ? this.shownByRow(snapshot) : this.shownByOrder(snapshot);
  }

  private shownByOrder(snapshot: VisibilitySnapshot): readonly RowVersion[] {
    const found: RowVersion[] = [];
    for (const version of this.order) if (!version.dropped && isShown(version, snapshot)) found.push(version);
    return found;
  }

  private shownByRow(snapshot: VisibilitySnapshot): readonly RowVersion[] {
    const found: RowVersion[] = [];
    for (const head of this.heads.values()) {
      const version = visibleVersion(head, snapshot);
      if (version !== null) found.push(version);
    }
    return found.sort((a, b) => a.place - b.place);
  }

  /**
   * A row is written again: drops what no snapshot at or after `horizon` needs of it. A chain that snapshots keep long is not followed to
   * its end at every write: once the chunk's versions have doubled, all of it is looked through.
   */
  pruneForWrite(head: RowVersion, horizon: Lsn): void {
    let version: RowVersion | null = head;
    for (let depth = 0; depth < PRUNED_DEPTH; depth++) {
      if (version === null) return;
      if (version.commitLsn <= horizon) {
        this.cut(head, version);
        return;
      }
      version = version.older;
    }
    if (version === null || this.order.length < this.pruneAllAt) return;
    this.pruneAll(horizon);
    this.pruneAllAt = 2 * (this.order.length - this.dropped) + MAX_DROPPED;
  }

  /** Drops the versions of one row that no snapshot at or after `horizon` needs. */
  prune(head: RowVersion, horizon: Lsn): void {
    let version: RowVersion | null = head;
    while (version !== null && version.commitLsn > horizon) version = version.older;
    if (version !== null) this.cut(head, version);
  }

  /** Nobody needs what is older than this version of the row. */
  private cut(head: RowVersion, version: RowVersion): void {
    while (version.older !== null) this.unlink(version.older);
    if (version === head && version.values === null) this.settleDeletion(head);
  }

  /** A deletion that everybody sees: the row is gone. */
  private settleDeletion(head: RowVersion): void {
    this.unlink(head);
    this.deleteSettled(head.rowId);
  }

  /** Drops what no snapshot at or after `horizon` needs, in all chains. */
  pruneAll(horizon: Lsn): void {
    for (const head of [...this.heads.values()]) {
      if (head.older !== null || head.values === null) this.prune(head, horizon);
    }
  }

  /**
   * Packs the newest versions that everybody sees into the settled rows, when they are half of the changed rows or more. Returns whether
   * anything was folded. Changes nothing that anybody sees, but natural order. 32 of 1,024 rows of pgbench_accounts cost 20 µs.
   */
  fold(horizon: Lsn): boolean {
    if (this.bulkWriter !== null || this.settledLsn > horizon || horizon < this.foldAfter) return false;
    // A large transaction at work: its rows are not counted again at each write.
    if (this.uncommitted * 2 > this.heads.size) return false;
    let ready = 0;
    for (const head of this.heads.values()) if (head.commitLsn <= horizon) ready++;
    if (ready * 2 < this.heads.size) {
      this.foldAfter = this.lastLsn;
      return false;
    }
    this.pruneAll(horizon);
    const positions: number[] = [];
    const rows: Row[] = [];
    for (const [offset, head] of this.heads) {
      if (head.commitLsn > horizon || head.values === null) continue;
      positions.push(offset);
      rows.push(head.values);
      if (head.commitLsn > this.settledLsn) this.settledLsn = head.commitLsn;
      head.dropped = true;
    }
    const folded = positions.length;
    if (folded === 0) return false;
    if (folded === this.heads.size) this.heads.clear();
    else for (const offset of positions) this.heads.delete(offset);
    this.compactOrder();
    const before = this.bytes();
    this.versionBytes = Math.round((this.versionBytes * this.order.length) / (this.order.length + folded));
    this.patchSettled(new ChangedRows(positions, rows));
    this.owner.memoryChanged(this.bytes() - before);
    return true;
  }

  private patchSettled(changes: ChunkChanges): void {
    const room = this.owner.newRoom();
    this.moveTo(room, SettledRows.patch(this.settled, this.live, changes, room));
    this.settledIsRest = false;
  }

  /** Whether `settleRows` may be used. */
  hasOnlySettled(horizon: Lsn): boolean {
    return this.heads.size === 0 && this.order.length === 0 && this.bulkWriter === null && this.settledLsn <= horizon;
  }

  /**
   * Rows of a chunk without versions are changed, or (`deleted`, row ids) gone, since `commitLsn` at the latest, which everybody sees: what pushing
   * versions of them and folding these does.
   */
  settleRows(changes: ChunkChanges, deleted: readonly RowId[], commitLsn: Lsn): void {
    const before = this.bytes();
    for (const rowId of deleted) this.deleteSettled(rowId);
    if (changes.positions.length > 0) {
      this.settledLsn = commitLsn;
      this.patchSettled(changes);
    }
    this.lastLsn = commitLsn;
    this.markDirty();
    this.referenced = true;
    this.owner.memoryChanged(this.bytes() - before);
  }

  /** The chunk's rows become packed: the uncommitted bulk insert of one command of one transaction. */
  beginBulk(writer: VersionWriter, commandId: number, settled: SettledRows, room: ChunkRoom | null): void {
    const before = this.bytes();
    for (const version of this.order) version.dropped = true;
    this.uncommitted -= this.order.length;
    this.order = [];
    this.dropped = 0;
    this.heads.clear();
    this.versionBytes = 0;
    this.moveTo(room, settled);
    this.settledLsn = MAX_LSN;
    this.settledIsRest = false;
    this.bulkWriter = writer;
    this.bulkCommandId = commandId;
    this.markDirty();
    this.owner.memoryChanged(this.bytes() - before);
  }

  /** The bulk insert's transaction has ended: committed at `lsn`, or (null) it never happened. */
  endBulk(lsn: Lsn | null): void {
    const before = this.bytes();
    this.bulkWriter = null;
    this.changes++;
    if (lsn === null) {
      this.moveTo(null, null);
      this.settledLsn = INVALID_LSN;
    } else {
      this.settledLsn = lsn;
      this.lastLsn = lsn;
    }
    this.markDirty();
    this.owner.memoryChanged(this.bytes() - before);
  }

  /** Takes over packed rows, all of them live, that stand in a room (null: in memory that is not used again), in place of those that it has. */
  moveTo(room: ChunkRoom | null, settled: SettledRows | null): void {
    this.room?.release();
    this.room = room;
    this.settled = settled;
    this.setLive(settled === null ? null : settled.presence);
  }

  setLive(live: Uint8Array | null): void {
    this.live = live;
    this.livePositions = null;
  }

  /** Ascending positions of live settled rows; null when all are live. */
  selection(): Uint16Array | null {
    if (this.live === null || this.settled === null) return null;
    if (this.livePositions !== null) return this.livePositions;
    const found = new Uint16Array(this.settled.positions);
    let count = 0;
    for (let position = 0; position < found.length; position++) {
      if ((this.live[position >> 3] & (1 << (position & 7))) !== 0) found[count++] = position;
    }
    return (this.livePositions = found.subarray(0, count));
  }

  /** Whether committed work may be in it that is not at rest. */
  hasCommittedWork(): boolean {
    if (this.bulkWriter !== null) return false;
    const { settled, live } = this;
    if (settled !== null && (!this.settledIsRest || live !== settled.presence)) return true;
    return this.order.some((version) => !version.dropped && version.transaction === null);
  }

  evictable(): boolean {
    return this.owner.canEvict(this);
  }

  evict(): void {
    this.owner.evict(this);
  }

  /** Memory held, roughly, in bytes. */
  bytes(): number {
    return this.versionBytes + (this.settled === null ? 0 : this.settled.byteLength) + 400;
  }
}

/** A bitmap with `positions` bits set. */
export function allLive(positions: number): Uint8Array {
  const live = new Uint8Array((positions + 7) >> 3);
  live.fill(0xff);
  if ((positions & 7) !== 0) live[live.length - 1] = (1 << (positions & 7)) - 1;
  return live;
}
