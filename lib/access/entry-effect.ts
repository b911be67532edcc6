/**
 * What a transaction does to an index, entry by entry: undone at abort; a retirement becomes due at commit.
 */
import { MAX_LSN, type Lsn } from '../base/lsn.js';
import { Effect } from '../txn/transaction.js';
import type { FileNumber, IndexKey, RowId } from './api.js';
import type { IndexFile } from './index-file.js';

/** An entry that an index has, is about to lose or to get. */
export interface IndexEntry {
  readonly key: IndexKey;
  readonly rowId: RowId;
}

/** A committed retirement. */
export interface Retirement extends IndexEntry {
  readonly lsn: Lsn;
}

/** What a transaction did to an index; the record of a committed retirement, too. */
export class EntryEffect extends Effect implements Retirement {
  lsn: Lsn = MAX_LSN;

  constructor(
    private readonly index: IndexFile,
    readonly key: IndexKey,
    readonly rowId: RowId,
    readonly added: boolean,
  ) {
    super();
  }

  get file(): FileNumber {
    return this.index.file;
  }

  committed(lsn: Lsn): void {
    if (this.added) return;
    this.lsn = lsn;
    this.index.retireAt(this);
  }

  undone(): void {
    if (this.added) this.index.undoAdd(this.key, this.rowId);
    else this.index.unretire(this.key, this.rowId);
  }

  /** A checkpoint begins while the entry is not committed. */
  markLate(): void {
    if (this.added) this.index.noteLate(this.key, this.rowId);
  }
}
