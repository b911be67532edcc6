/** A state at rest for tests of backups that need no engine: keys that end in the number of the checkpoint that wrote them. */
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import type { KvEntry } from '../../lib/kv/kv.js';
import type { TimelineHistory } from '../../lib/wal/history.js';
import type { StateInfo, StateSnapshot } from '../../lib/wal/shipping.js';
import { SYSTEM } from './support.js';

/** Things with values; a checkpoint writes some of them anew. */
export class FakeStore {
  private checkpoint = 0;
  /** Number of a thing → the checkpoint that wrote it last, and its value. */
  private readonly things = new Map<number, { version: number; value: Buffer }>();

  constructor(readonly storeId = '0123456789abcdef') {}

  /** Writes these things (null: removes them) as the next checkpoint. */
  write(changes: Iterable<readonly [number, Buffer | null]>): void {
    this.checkpoint++;
    for (const [thing, value] of changes) {
      if (value === null) this.things.delete(thing);
      else this.things.set(thing, { version: this.checkpoint, value });
    }
  }

  /** Every entry, in key order. */
  entries(): KvEntry[] {
    return [...this.things].toSorted(([a], [b]) => a - b).map(([thing, { version, value }]) => {
      const key = Buffer.alloc(12);
      key.writeUInt32BE(thing, 0);
      key.writeUInt32BE(version, 8);
      return [key, value] as const;
    });
  }

  snapshot(history: TimelineHistory, redoLsn: Lsn, stateLsn: Lsn): StateSnapshot {
    const info: StateInfo = { systemIdentifier: SYSTEM, history, storeId: this.storeId, checkpointNumber: this.checkpoint, stateLsn, redoLsn: lsn(redoLsn) };
    const entries = this.entries();
    return {
      info,
      approximateBytes: entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0),
      async* entries(since = 0) {
        for (const entry of entries) if (Buffer.from(entry[0]).readUInt32BE(8) > since) yield [entry];
      },
      async* keys() {
        for (const [key] of entries) yield [key];
      },
      close: () => Promise.resolve(),
    };
  }
}
