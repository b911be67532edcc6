/**
 * Applies log records, one at a time and in order: at recovery, and on a replica as they arrive. A record's changes become
 * visible at once, at the record's LSN: a commit's changes are first applied as those of a running transaction, then
 * committed, by the same code that a primary commits with.
 */
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import { ChangeReader, readRecordHeader, readXid, type ChangeTarget, type FileKind, type FilePersistence, type LoggedRow, type LoggedSequence, type RecordPayload } from '../txn/changes.js';
import { RECORD } from '../txn/format.js';
import { EngineTransaction } from '../txn/transaction.js';
import { RowVersion } from '../txn/version.js';
import type { LogRecord } from '../wal/record.js';
import type { LogMessage } from './api.js';
import { CHUNK_ROWS } from './api.js';
import { RecordAssembler } from './engine-log.js';
import type { FileTable } from './file-table.js';
import type { GatheredRows } from './gathered-rows.js';
import { keepRow } from './heap.js';
import type { HeapFile } from './heap-file.js';
import { SettledRows } from './settled.js';
import { PackedChunk } from '../codec/chunk.js';

/** What replay needs of the engine. */
export interface ReplayHost {
  readonly files: FileTable;
  horizon(): Lsn;
  /** A transaction with this xid, registered as running. */
  beginReplayed(xid: number): EngineTransaction;
  /** Something has this number: it is not given again. */
  sawXid(xid: number): void;
  sawFile(file: number): void;
  setCounter(name: string, value: number): void;
  effectOfMeta(transaction: EngineTransaction, key: string, value: Uint8Array | null): void;
  effectOfMessage(transaction: EngineTransaction, message: LogMessage): void;
  /** All changes of the transaction so far are in the log. */
  changesLogged(transaction: EngineTransaction): void;
}

/** Applies records. */
export class Replayer implements ChangeTarget {
  private readonly running = new Map<number, EngineTransaction>();
  private readonly assembler = new RecordAssembler();
  private readonly changes = new ChangeReader();
  private current: EngineTransaction | null = null;
  /** Where the rows of the commit go that is read, and when they are committed; null: into the heaps. */
  private gathered: GatheredRows | null = null;
  private commitLsn: Lsn = INVALID_LSN;
  private xid = 0;
  records = 0;

  /**
   * `from`: the state stands at this LSN; of records before it only those count that belong to the transactions
   * `inProgress` there.
   */
  constructor(private readonly host: ReplayHost, private readonly from: Lsn, private readonly inProgress: ReadonlySet<number>) {}

  /**
   * Applies one record. `gathered`: the rows of transactions of one record may be gathered there, until their chunks are asked for.
   */
  apply(record: LogRecord, gathered: GatheredRows | null = null): void {
    const xid = readXid(record);
    if (record.lsn < this.from && !this.inProgress.has(xid)) return;
    this.records++;
    if (record.type === RECORD.fragment) {
      this.assembler.add(xid, record.payload);
      return;
    }
    const payload = this.assembler.assemble(xid, record);
    this.host.sawXid(xid);
    if (gathered !== null && record.type === RECORD.commit && record.lsn >= this.from && !this.running.has(xid)) return this.gather(xid, payload, record.endLsn, gathered);
    switch (record.type) {
      case RECORD.commit:
        return this.applyCommit(xid, payload, record.endLsn);
      case RECORD.batch:
        this.current = this.transactionOf(xid, record.lsn);
        this.changes.read(payload, readRecordHeader(payload).field, this);
        return this.host.changesLogged(this.current);
      case RECORD.abort:
        this.running.get(xid)?.abort();
        this.running.delete(xid);
        return undefined;
      case RECORD.autonomous:
        return this.changes.read(payload, 0, this);
      case RECORD.locks:
        return undefined;
      default:
        throw new Error(`unknown log record type ${record.type} at ${record.lsn}`);
    }
  }

  /** Rolls back what the log leaves unfinished; returns the xids. */
  abortUnfinished(): number[] {
    const xids = [...this.running.keys()];
    for (const transaction of this.running.values()) transaction.abort();
    this.running.clear();
    return xids;
  }

  /** The running transaction with this xid, begun at `position` when it is not known yet. */
  transactionOf(xid: number, position: Lsn): EngineTransaction {
    let found = this.running.get(xid);
    if (found === undefined) {
      found = this.host.beginReplayed(xid);
      found.firstBatchLsn = position;
      this.running.set(xid, found);
    }
    return found;
  }

  /** A commit whose rows are gathered as far as there is room; everything else that it has is done by a transaction, if there is anything. */
  private gather(xid: number, payload: RecordPayload, endLsn: Lsn, gathered: GatheredRows): void {
    this.gathered = gathered;
    this.commitLsn = endLsn;
    this.xid = xid;
    this.current = null;
    this.changes.read(payload, 0, this);
    this.gathered = null;
    (this.current as EngineTransaction | null)?.commitAt(endLsn);
    this.current = null;
  }

  private applyCommit(xid: number, payload: RecordPayload, endLsn: Lsn): void {
    const transaction = this.running.get(xid) ?? this.host.beginReplayed(xid);
    this.current = transaction;
    this.changes.read(payload, 0, this);
    this.running.delete(xid);
    transaction.commitAt(endLsn);
    this.current = null;
  }

  /** The transaction whose changes are read; its next write is numbered by the change's position. */
  private at(position: number): EngineTransaction {
    const transaction = this.current ??= this.host.beginReplayed(this.xid);
    transaction.writes = position;
    return transaction;
  }

  private heap(file: number): HeapFile | null {
    const found = this.host.files.find(file);
    return found !== null && found.kind === 'heap' ? found : null;
  }

  private write(heap: HeapFile, rowId: number, row: LoggedRow | null, keysChanged: boolean, position: number): void {
    if (this.gathered?.add(heap, rowId, row, this.commitLsn) === true) return;
    this.gathered = null;
    const values = row === null ? null : row.decode();
    const transaction = this.at(position);
    const chunk = heap.ensureChunk(Math.floor((rowId - 1) / CHUNK_ROWS));
    const head = chunk.head(rowId);
    if (head !== undefined && head.older !== null) chunk.prune(head, this.host.horizon());
    heap.tryFold(chunk);
    const version = new RowVersion(chunk, rowId, values, transaction, 0, keysChanged, transaction.writes++);
    chunk.push(version, keepRow(values));
    transaction.versions.push(version);
  }

  insert(file: number, rowId: number, row: LoggedRow, position: number): void {
    const heap = this.heap(file);
    if (heap === null) return;
    heap.reserve(rowId);
    heap.liveRows++;
    this.write(heap, rowId, row, true, position);
  }

  update(file: number, rowId: number, row: LoggedRow, keysChanged: boolean, position: number): void {
    const heap = this.heap(file);
    if (heap !== null) this.write(heap, rowId, row, keysChanged, position);
  }

  delete(file: number, rowId: number, position: number): void {
    const heap = this.heap(file);
    if (heap === null) return;
    heap.liveRows--;
    this.write(heap, rowId, null, true, position);
  }

  indexAdd(file: number, key: string, rowId: number, position: number): void {
    const index = this.host.files.find(file);
    if (index === null || index.kind !== 'index') return;
    index.replayInsert(this.at(position), key, rowId);
  }

  indexRemove(file: number, key: string, rowId: number, position: number): void {
    const index = this.host.files.find(file);
    if (index === null || index.kind !== 'index') return;
    index.remove(this.at(position), key, rowId);
  }

  createFile(file: number, kind: FileKind, persistence: FilePersistence, position: number): void {
    this.host.sawFile(file);
    this.host.files.recreate(this.at(position), file, kind, persistence);
  }

  dropFile(file: number, position: number): void {
    this.host.files.dropAtCommit(this.at(position), file);
  }

  sequence(file: number, state: LoggedSequence): void {
    const found = this.host.files.find(file);
    if (found !== null && found.kind === 'sequence') found.restore(state);
  }

  counter(name: string, value: number): void {
    this.host.setCounter(name, value);
  }

  putMeta(name: string, value: Uint8Array | null, position: number): void {
    this.host.effectOfMeta(this.at(position), name, value);
  }

  bulkChunk(file: number, number: number, packed: Uint8Array, position: number): void {
    const heap = this.heap(file);
    if (heap === null) return;
    const chunk = heap.ensureChunk(number);
    const settled = new SettledRows(new PackedChunk(packed), packed, null);
    heap.reserve(chunk.firstRowId + settled.positions - 1);
    heap.liveRows += settled.positions;
    chunk.beginBulk(this.at(position), 0, settled, null);
    heap.noteBulk(this.at(position), chunk);
  }

  message(kind: string, payload: Uint8Array, position: number): void {
    this.host.effectOfMessage(this.at(position), { kind, payload });
  }

  rollbackTo(position: number): void {
    this.current?.undo(position);
  }
}
