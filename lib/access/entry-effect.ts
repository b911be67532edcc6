/**
 * What a transaction does to an index, entry by entry: undone at abort. Nothing is done at commit (`retirements.ts`).
 */
import type { Lsn } from '../base/lsn.js';
import { Effect } from '../txn/transaction.js';
import type { FileNumber, IndexKey, RowId } from './api.js';
import type { IndexFile } from './index-file.js';

/** What entry effects have in common. */
export abstract class IndexEffect extends Effect {
  constructor(protected readonly index: IndexFile) {
    super();
  }

  get isLogged(): boolean {
    return this.index.logged;
  }

  get file(): FileNumber {
    return this.index.file;
  }

  committed(_lsn: Lsn): void {
    // An entry stands from the moment of writing.
  }

  /** A checkpoint begins while the entries are not committed. */
  abstract markLate(): void;
}

/** An entry that a transaction has added to an index, or (not `added`) retired. */
export class EntryEffect extends IndexEffect {
  constructor(
    index: IndexFile,
    readonly key: IndexKey,
    readonly rowId: RowId,
    readonly added: boolean,
  ) {
    super(index);
  }

  undone(): void {
    if (this.added) this.index.undoAdd(this.key, this.rowId);
    else this.index.undoRetire(this.key, this.rowId);
  }

  markLate(): void {
    if (this.added) this.index.noteLate(this.key, this.rowId);
  }
}

/** Entries that a transaction has added in one go: `keys[i]` of row `firstRowId + i`. */
export class EntriesEffect extends IndexEffect {
  constructor(
    index: IndexFile,
    readonly keys: readonly IndexKey[],
    readonly firstRowId: RowId,
  ) {
    super(index);
  }

  override get weight(): number {
    return this.keys.length;
  }

  undone(): void {
    for (let at = this.keys.length - 1; at >= 0; at--) this.index.undoAdd(this.keys[at], this.firstRowId + at);
  }

  markLate(): void {
    for (let at = 0; at < this.keys.length; at++) this.index.noteLate(this.keys[at], this.firstRowId + at);
  }
}
