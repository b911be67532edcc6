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
import { EntriesEffect, EntryEffect, type IndexEffect } from './entry-effect.js';
import type { IndexFile } from './index-file.js';
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

/**
 * [file, row id, write number, key, added] of one entry, or [file, first row id, write number, keys one after the other, their lengths]
 * of entries that were added in one go.
 */
type EntryParts = [number, number, number, string, boolean | number[]];

function partsOf(effect: EntryEffect | EntriesEffect): EntryParts {
  if (effect instanceof EntryEffect) return [effect.file, effect.rowId, effect.write, effect.key, effect.added];
  return [effect.file, effect.firstRowId, effect.write, effect.keys.join(''), effect.keys.map((key) => key.length)];
}

/** Undoes what `partsOf` told of. */
function undoParts(index: IndexFile, [, rowId, , key, added]: EntryParts): void {
  if (typeof added === 'boolean') {
    if (added) index.undoAdd(key, rowId);
    else index.undoRetire(key, rowId);
    return;
  }
  let end = key.length;
  for (let at = added.length - 1; at >= 0; at--) {
    index.undoAdd(key.slice(end - added[at], end), rowId + at);
    end -= added[at];
  }
}

/** Not kept: a key is cut from 8 KB of Node's pool, which then stay as well. A load of 20 M rows has 2,000 blocks. */
function blockKey(serial: number): Buffer {
  return valueKey(KEY_SPACE.swap, 0, 0, serial);
}

/** One scratch value of entries. */
class SpilledBlock implements SpilledEffects {
  /** Entries from this write number on are undone already. */
  private undoneFrom = Infinity;

  constructor(private readonly host: SpillHost, private readonly serial: number, private readonly lastWrite: number) {}

  undo(firstWrite: number): void {
    if (firstWrite > this.lastWrite || firstWrite >= this.undoneFrom) return;
    const entries = decodeParts(this.host.readValue(blockKey(this.serial))) as EntryParts[];
    for (let index = entries.length - 1; index >= 0; index--) {
      const [file, , write] = entries[index];
      if (write < firstWrite || write >= this.undoneFrom) continue;
      const found = this.host.files.find(file);
      if (found !== null && found.kind === 'index') undoParts(found, entries[index]);
    }
    this.undoneFrom = firstWrite;
  }

  discard(): void {
    this.host.discardValue(blockKey(this.serial));
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
    const { effects } = transaction;
    if (effects.length % UNLOGGED_STEP === 0 || effects[effects.length - 1].weight > 1) this.start(transaction, (effect) => !effect.isLogged);
  }

  private start(transaction: EngineTransaction, isMature: (effect: IndexEffect) => boolean): void {
    if (transaction.effectsWeight < this.mostEffects || this.busy.has(transaction)) return;
    this.busy.add(transaction);
    this.spill(transaction, isMature).catch((error: unknown) => this.host.fail(error)).finally(() => this.busy.delete(transaction));
  }

  private async spill(transaction: EngineTransaction, isMature: (effect: IndexEffect) => boolean): Promise<void> {
    const mature = transaction.effects.filter((effect): effect is EntryEffect | EntriesEffect => (
      (effect instanceof EntryEffect || effect instanceof EntriesEffect) && isMature(effect)));
    for (const block of this.blocks(mature)) {
      const serial = ++this.serial;
      const key = blockKey(serial);
      const value = encodeParts(block.map(partsOf));
      await this.host.store.batch([{ type: 'put', key, value }], false);
      // Undone or over meanwhile: the list in memory has been used.
      const last = block[block.length - 1];
      if (transaction.state !== 'active' || !transaction.effects.includes(last)) {
        this.host.discardValue(key);
        return;
      }
      const gone = new Set<Effect>(block);
      transaction.effects = transaction.effects.filter((effect) => !gone.has(effect));
      for (const effect of block) transaction.effectsWeight -= effect.weight;
      transaction.spilledEffects.push(new SpilledBlock(this.host, serial, last.write));
    }
  }

  /** Effects by half the number that may be in memory; what does not fill a block stays. */
  private *blocks(effects: readonly (EntryEffect | EntriesEffect)[]): Generator<(EntryEffect | EntriesEffect)[]> {
    const size = Math.ceil(this.mostEffects / 2);
    let block: (EntryEffect | EntriesEffect)[] = [];
    let weight = 0;
    for (const effect of effects) {
      block.push(effect);
      weight += effect.weight;
      if (weight < size) continue;
      yield block;
      block = [];
      weight = 0;
    }
  }
}
