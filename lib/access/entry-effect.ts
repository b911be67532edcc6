/**
 * What a transaction does to an index, entry by entry: undone at abort. Nothing is done at commit (`retirements.ts`).
 */
import type { Lsn } from '../base/lsn.js';
import { Effect } from '../txn/transaction.js';
import type { FileNumber, IndexKey, RowId } from './api.js';
import type { IndexFile } from './index-file.js';

/** An entry that a transaction has added to an index, or (not `added`) retired. */
export class EntryEffect extends Effect {
  constructor(
    private readonly index: IndexFile,
    readonly key: IndexKey,
    readonly rowId: RowId,
    readonly added: boolean,
  ) {
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

  undone(): void {
    if (this.added) this.index.undoAdd(this.key, this.rowId);
    else this.index.undoRetire(this.key, this.rowId);
  }

  /** A checkpoint begins while the entry is not committed. */
  markLate(): void {
    if (this.added) this.index.noteLate(this.key, this.rowId);
  }
}
