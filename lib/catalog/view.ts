/**
 * The two ways of seeing the catalogs. `SharedView` is what is committed, through the shared caches. `TransactionView`
 * is made when a transaction first changes a catalog: the keys of its changed rows it reads for itself (private values,
 * good for one command), every other key through the shared caches, which cannot differ for it.
 */
import type { Snapshot, StorageEngine, Transaction } from '../access/api.js';
import { ALL_KEYS, type Lookup, type LookupKey } from './lookup.js';
import { committedSnapshot } from './overrides.js';
import type { CatalogView, ChangedRow } from './space.js';

/** What is committed. */
export class SharedView implements CatalogView {
  readonly transaction = null;

  constructor(private readonly storage: StorageEngine) {}

  snapshot(): Snapshot {
    return committedSnapshot(this.storage);
  }

  get<V>(lookup: Lookup<V>, key: LookupKey): V {
    return lookup.getShared(key, this);
  }
}

/** Numbers that name states of the catalogs: never the same for two different states. */
export interface EpochSource {
  /** The state of what is committed. */
  readonly epoch: number;
  nextEpoch(): number;
}

interface Dirty {
  readonly keys: Set<LookupKey>;
  all: boolean;
  /** How many of the changed rows are in `keys`. */
  seen: number;
}

/** A transaction's view, once it changed a catalog. */
export class TransactionView implements CatalogView {
  /** Old and new versions of every changed row, in order. */
  readonly changes: ChangedRow[] = [];
  private readonly dirty = new Map<Lookup<unknown>, Dirty>();
  private readonly values = new Map<Lookup<unknown>, Map<LookupKey, unknown>>();
  private valuesCommand = -1;
  private valuesEpoch = -1;
  private ownEpoch: number;

  constructor(readonly transaction: Transaction, private readonly shared: SharedView, private readonly epochs: EpochSource) {
    this.ownEpoch = epochs.epoch;
  }

  snapshot(): Snapshot {
    return this.transaction.catalogSnapshot();
  }

  note(change: ChangedRow): void {
    this.changes.push(change);
  }

  get<V>(lookup: Lookup<V>, key: LookupKey): V {
    const dirty = this.dirtyKeys(lookup);
    if (!dirty.all && !dirty.keys.has(key)) return this.shared.get(lookup, key);
    this.refresh();
    let values = this.values.get(lookup) as Map<LookupKey, V> | undefined;
    if (!values) this.values.set(lookup, values = new Map<LookupKey, V>());
    const cached = values.get(key);
    if (cached !== undefined) return cached;
    const value = lookup.load(key, this);
    values.set(key, value);
    return value;
  }

  private dirtyKeys(lookup: Lookup<unknown>): Dirty {
    let dirty = this.dirty.get(lookup);
    if (!dirty) this.dirty.set(lookup, dirty = { keys: new Set(), all: false, seen: 0 });
    while (dirty.seen < this.changes.length) {
      const target = dirty;
      const change = this.changes[dirty.seen++];
      lookup.affected(change, this, (key) => {
        if (key === ALL_KEYS) target.all = true;
        else target.keys.add(key);
      });
    }
    return dirty;
  }

  /** Private values hold for one command and as long as nobody else commits. */
  private refresh(): void {
    if (this.valuesCommand === this.transaction.commandId && this.valuesEpoch === this.epochs.epoch) return;
    this.forget();
  }

  /** Drops the private values: after ROLLBACK TO SAVEPOINT. */
  forget(): void {
    this.values.clear();
    this.valuesCommand = this.transaction.commandId;
    this.valuesEpoch = this.epochs.epoch;
    this.ownEpoch = this.epochs.nextEpoch();
  }

  /** Names the state that this view shows now. */
  get epoch(): number {
    this.refresh();
    return this.ownEpoch;
  }
}
