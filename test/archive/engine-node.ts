/** A real storage engine as a source of log and state, with the truth about every commit. */
import type { Lsn } from '../../lib/base/lsn.js';
import { openStorage } from '../../lib/access/storage.js';
import type { FileNumber, Heap, StorageEngine } from '../../lib/access/api.js';
import { realEnv } from '../../lib/env/real.js';
import { RECORD } from '../../lib/txn/format.js';
import { readRecordHeader } from '../../lib/txn/changes.js';
import type { TimelineHistory } from '../../lib/wal/history.js';
import { LogReader } from '../../lib/wal/reader.js';
import type { LogSource, StateSnapshot, StateSource } from '../../lib/wal/shipping.js';
import { begin, rows } from '../access/support.js';

const SHAPE = { attributeCount: 2, missing: [] };
export const env = realEnv();

/** What a commit made of the table: key → value. */
export type Table = ReadonlyMap<number, string>;

/** A commit as it stands in the log. */
export interface Commit {
  readonly startLsn: Lsn;
  readonly endLsn: Lsn;
  readonly xid: number;
  readonly micros: number;
}

/** An engine with one table of (number, text). */
export class EngineNode {
  private truth = new Map<number, string>();
  readonly heap: Heap;

  private constructor(readonly engine: StorageEngine, readonly source: LogSource & StateSource, readonly file: FileNumber) {
    this.heap = engine.openHeap(file, SHAPE);
    this.truth = new Map(this.read());
  }

  /** Opens a data directory; makes the table when there is none. */
  static async open(directory: string, file?: FileNumber): Promise<EngineNode> {
    const engine = await openStorage({ dir: directory, env });
    const { source } = engine;
    if (source === null) throw new Error('the engine has no log');
    let made = file;
    if (made === undefined) {
      const transaction = begin(engine);
      made = engine.createFile(transaction, 'heap', 'permanent');
      transaction.commit();
      await engine.whenFlushed(engine.appendedLsn());
    }
    return new EngineNode(engine, source, made);
  }

  /** The table as a transaction that begins now sees it. */
  read(): Table {
    const transaction = begin(this.engine);
    const found = new Map(rows(this.heap, transaction.takeSnapshot()).map((row) => [Number(row[0]), String(row[1])]));
    transaction.commit();
    return found;
  }

  /** Inserts rows, in one transaction; returns the table as it is then. */
  async insert(...keys: readonly (readonly [number, string])[]): Promise<Table> {
    const transaction = begin(this.engine);
    for (const [key, value] of keys) {
      this.heap.insert(transaction, [key, value]);
      this.truth.set(key, value);
    }
    transaction.commit();
    return this.settled();
  }

  /** Logs a restore point in a transaction of its own. */
  async restorePoint(name: string): Promise<Table> {
    const transaction = begin(this.engine);
    this.engine.logMessage(transaction, { kind: 'restore point', payload: new Uint8Array(Buffer.from(name)) });
    transaction.commit();
    return this.settled();
  }

  /** A transaction that is rolled back after it had sent batches. */
  async rollBack(): Promise<void> {
    const transaction = begin(this.engine);
    for (let index = 0; index < 20; index++) this.heap.insert(transaction, [-index, 'x'.repeat(100_000)]);
    transaction.abort();
    await this.settled();
  }

  private async settled(): Promise<Table> {
    await this.engine.whenFlushed(this.engine.appendedLsn());
    return new Map(this.truth);
  }

  /** Every commit in the log that is on disk, in order. */
  commits(): Commit[] {
    const reader = new LogReader(env, this.source.logDirectory, {
      systemIdentifier: this.systemIdentifier, timeline: this.engine.timeline, start: this.source.oldestLsn(),
    });
    const found: Commit[] = [];
    for (const record of reader) {
      if (record.type !== RECORD.commit) continue;
      const { xid, field } = readRecordHeader(record);
      found.push({ startLsn: record.lsn, endLsn: record.endLsn, xid, micros: field });
    }
    reader.close();
    return found;
  }

  get systemIdentifier(): bigint {
    return this.engine.systemIdentifier;
  }

  get durableLsn(): Lsn {
    return this.source.durableLsn;
  }

  get history(): TimelineHistory {
    return this.source.history;
  }

  /** Writes a checkpoint and holds its state. */
  takeState(): Promise<StateSnapshot> {
    return this.source.takeState();
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
