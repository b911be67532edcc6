/**
 * The index entries that a large transaction has added and retired, out of memory: they are needed only if it is undone. Written to the
 * store as scratch values once their changes are in the log (so that recovery, too, can undo them), or, of indexes that are not logged, at
 * any time.
 */
import { decodeParts, encodeParts } from '../codec/row.js';
import type { KeyValueStore } from '../kv/kv.js';
import type { Effect, EngineTransaction, SpilledEffects } from '../txn/transaction.js';
import type { FileTable } from './file-table.js';
import { KEY_SPACE, valueKey } from './format.js';
import { EntryEffect } from './entry-effect.js';
import type { MemoryBudget } from './memory.js';

/** Effects in memory from which on a transaction spills: one for so many bytes of the memory budget, but not more than the second. */
const BYTES_PER_EFFECT = 400;
const MOST_EFFECTS = 20_000;
/** Entries between two looks at a transaction that writes indexes that are not logged. */
const UNLOGGED_STEP = 256;

/** What spilling needs of the engine. */
export interface SpillHost {
  readonly memory: MemoryBudget;
  readonly store: KeyValueStore;
  readonly files: FileTable;
  readValue(key: Uint8Array): Uint8Array;
  discardValue(key: Uint8Array): void;
  fail(error: unknown): void;
}

/** [file, row id, write number, key, added] of one entry. */
type EntryParts = [number, number, number, string, boolean];

/** One scratch value of entries. */
class SpilledBlock implements SpilledEffects {
  /** Entries from this write number on are undone already. */
  private undoneFrom = Infinity;

  constructor(private readonly host: SpillHost, private readonly key: Buffer, private readonly lastWrite: number) {}

  undo(firstWrite: number): void {
    if (firstWrite > this.lastWrite || firstWrite >= this.undoneFrom) return;
    const entries = decodeParts(this.host.readValue(this.key)) as EntryParts[];
    for (let index = entries.length - 1; index >= 0; index--) {
      const [file, rowId, write, key, added] = entries[index];
      if (write < firstWrite || write >= this.undoneFrom) continue;
      const found = this.host.files.find(file);
      if (found === null || found.kind !== 'index') continue;
      if (added) found.undoAdd(key, rowId);
      else found.undoRetire(key, rowId);
    }
    this.undoneFrom = firstWrite;
  }

  discard(): void {
    this.host.discardValue(this.key);
  }
}

/** Spills the effects of transactions that have many. */
export class EffectSpill {
  private serial = 0;
  private readonly busy = new Set<EngineTransaction>();

  constructor(private readonly host: SpillHost) {}

  private get mostEffects(): number {
    return Math.min(MOST_EFFECTS, Math.ceil(this.host.memory.budget / BYTES_PER_EFFECT));
  }

  /** Called when all changes of the transaction so far are in the log. */
  consider(transaction: EngineTransaction): void {
    this.start(transaction, () => true);
  }

  /** Called for each entry of an index that is not logged. Recovery has nothing to undo of these: they may leave memory at any time. */
  considerUnlogged(transaction: EngineTransaction): void {
    if (transaction.effects.length % UNLOGGED_STEP === 0) this.start(transaction, (effect) => !effect.isLogged);
  }

  private start(transaction: EngineTransaction, isMature: (effect: EntryEffect) => boolean): void {
    if (transaction.effects.length < this.mostEffects || this.busy.has(transaction)) return;
    this.busy.add(transaction);
    this.spill(transaction, isMature).catch((error: unknown) => this.host.fail(error)).finally(() => this.busy.delete(transaction));
  }

  private async spill(transaction: EngineTransaction, isMature: (effect: EntryEffect) => boolean): Promise<void> {
    const mature = transaction.effects.filter((effect): effect is EntryEffect => effect instanceof EntryEffect && isMature(effect));
    const size = Math.ceil(this.mostEffects / 2);
    for (let from = 0; from + size <= mature.length; from += size) {
      const block = mature.slice(from, from + size);
      const key = valueKey(KEY_SPACE.swap, 0, 0, ++this.serial);
      const value = encodeParts(block.map((effect): EntryParts => [effect.file, effect.rowId, effect.write, effect.key, effect.added]));
      await this.host.store.batch([{ type: 'put', key, value: Uint8Array.from(value) }], false);
      // Undone or over meanwhile: the list in memory has been used.
      const last = block[block.length - 1];
      if (transaction.state !== 'active' || !transaction.effects.includes(last)) {
        this.host.discardValue(key);
        return;
      }
      const gone = new Set<Effect>(block);
      transaction.effects = transaction.effects.filter((effect) => !gone.has(effect));
      transaction.spilledEffects.push(new SpilledBlock(this.host, key, last.write));
    }
  }
}
