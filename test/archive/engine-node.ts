/** A real storage engine as a source of log and state, with the truth about every commit. */
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { decodeRoot } from '../../lib/access/directory.js';
import { KEY_SPACE, valueKey } from '../../lib/access/format.js';
import { openStorage } from '../../lib/access/storage.js';
import type { FileNumber, Heap, StorageEngine } from '../../lib/access/api.js';
import { realEnv } from '../../lib/env/real.js';
import type { KeyValueStore, KvEntry } from '../../lib/kv/kv.js';
import { openLevelStore } from '../../lib/kv/level.js';
import { RECORD } from '../../lib/txn/format.js';
import { readRecordHeader } from '../../lib/txn/changes.js';
import { readControl } from '../../lib/wal/control.js';
import { EMPTY_LOG, parseSegmentName, SEGMENT_BYTES } from '../../lib/wal/format.js';
import { readHistory, type TimelineHistory } from '../../lib/wal/history.js';
import { LogReader } from '../../lib/wal/reader.js';
import type { LogHold, LogSource, StateInfo, StateSnapshot } from '../../lib/wal/shipping.js';
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
export class EngineNode implements LogSource {
  private readonly listeners = new Set<() => void>();
  private truth = new Map<number, string>();
  readonly logDirectory: string;

  private constructor(
    readonly directory: string, readonly engine: StorageEngine, readonly store: KeyValueStore, readonly file: FileNumber, readonly storeId: string,
    readonly history: TimelineHistory,
  ) {
    this.logDirectory = `${directory}/wal`;
    this.heap = engine.openHeap(file, SHAPE);
  }

  readonly heap: Heap;

  /** Opens a data directory; makes the table when there is none. */
  static async open(directory: string, file?: FileNumber, storeId = '00112233445566aa'): Promise<EngineNode> {
    let store: KeyValueStore | null = null;
    const engine = await openStorage({
      dir: directory, env,
      openStore: async () => (store = await openLevelStore(`${directory}/store`)),
    });
    let made = file;
    if (made === undefined) {
      const transaction = begin(engine);
      made = engine.createFile(transaction, 'heap', 'permanent');
      transaction.commit();
      await engine.whenFlushed(engine.appendedLsn());
    }
    if (store === null) throw new Error('the store was not opened');
    const node = new EngineNode(directory, engine, store, made, storeId, readHistory(env, `${directory}/wal`, engine.timeline));
    node.reload();
    return node;
  }

  /** The table as a transaction that begins now sees it. */
  read(): Table {
    const transaction = begin(this.engine);
    const found = new Map(rows(this.heap, transaction.takeSnapshot()).map((row) => [Number(row[0]), String(row[1])]));
    transaction.commit();
    return found;
  }

  private reload(): void {
    this.truth = new Map(this.read());
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
    for (const listener of this.listeners) listener();
    return new Map(this.truth);
  }

  /** Every commit in the log that is on disk, in order. */
  commits(): Commit[] {
    const reader = new LogReader(env, this.logDirectory, { systemIdentifier: this.systemIdentifier, timeline: this.engine.timeline, start: this.oldestLsn() });
    const found: Commit[] = [];
    for (const record of reader) {
      if (record.type !== RECORD.commit) continue;
      const { xid, field } = readRecordHeader(record.payload);
      found.push({ startLsn: record.lsn, endLsn: record.endLsn, xid, micros: field });
    }
    reader.close();
    return found;
  }

  get systemIdentifier(): bigint {
    return this.engine.systemIdentifier;
  }

  get durableLsn(): Lsn {
    return this.engine.flushedLsn();
  }

  get durablePosition() {
    return { ...EMPTY_LOG, endLsn: this.durableLsn };
  }

  watchLog(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  holdLog(): LogHold {
    return { advance: () => undefined, release: () => undefined };
  }

  oldestLsn(): Lsn {
    const segments = env.files.list(this.logDirectory).flatMap((name) => parseSegmentName(name)?.segment ?? []);
    return lsn(Math.min(...segments) * SEGMENT_BYTES);
  }

  /** Writes a checkpoint and holds its state. Nothing may be written until it is closed. */
  async takeState(): Promise<StateSnapshot> {
    await this.engine.checkpoint();
    const control = readControl(env, this.directory)!;
    const root = decodeRoot(this.store.getSync(valueKey(KEY_SPACE.root, 0, 0, control.checkpointNumber))!);
    const info: StateInfo = {
      systemIdentifier: control.systemIdentifier, history: this.history, storeId: this.storeId, checkpointNumber: control.checkpointNumber,
      stateLsn: root.lsn, redoLsn: control.redoLsn,
    };
    const { store } = this;
    async function* all(): AsyncIterableIterator<KvEntry[]> {
      const iterator = store.iterate({ from: null, to: Buffer.of(KEY_SPACE.swap) });
      for (;;) {
        const entries = await iterator.next(100);
        if (entries.length === 0) break;
        yield entries;
      }
      await iterator.close();
    }
    return {
      info,
      approximateBytes: 1000,
      async* entries(since = 0) {
        for await (const batch of all()) yield batch.filter(([key]) => Buffer.from(key).readUInt32BE(11) > since);
      },
      async* keys() {
        for await (const batch of all()) yield batch.map(([key]) => key);
      },
      close: () => Promise.resolve(),
    };
  }

  /** Ends without a checkpoint's help: what a restore must not need. */
  close(): Promise<void> {
    return this.engine.close();
  }
}
