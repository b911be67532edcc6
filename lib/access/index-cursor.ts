/**
 * Cursors over the entries of an index.
 */
import type { IndexCursor, IndexKey, KeyBound, RowId } from './api.js';
import type { IndexFile, IndexPlace } from './index-file.js';
import type { IndexLeaf } from './index-leaf.js';
import type { PackedEntries } from './leaf-values.js';

/**
 * Walks over entries between two bounds. Remembers its entry, and searches again when the leaf it stands in, or the order of
 * leaves, has changed.
 */
export class EngineIndexCursor implements IndexCursor {
  rowId: RowId = 0;
  /** The entry's key; null while it is that of `shown` at `shownAt`: few ask for it. */
  private ownKey: IndexKey | null = '';
  private shown: PackedEntries | null = null;
  private shownAt = 0;
  private slot = 0;
  private leaf: IndexLeaf | null = null;
  private position = 0;
  /** The entry was retired when the cursor came to it. */
  private retired = false;
  private leafMoves = 0;
  private structureChanges = -1;
  /** Positions from here on (descending: down to here) are within the bound; valid while the leaf is unchanged. */
  private limit = 0;
  private started = false;
  private ended = false;

  constructor(
    private readonly index: IndexFile,
    private readonly lower: KeyBound | null,
    private readonly upper: KeyBound | null,
    private readonly descending: boolean,
  ) {}

  get recheck(): boolean {
    return this.retired || this.index.retirements.mayHave(this.rowId);
  }

  next(): boolean {
    if (this.ended) return false;
    return this.descending ? this.nextDown() : this.nextUp();
  }

  nextPlain(rowIds: RowId[], at: number, most: number): number {
    const { leaf } = this;
    if (leaf === null || this.descending || leaf.marks !== null || !this.isCurrent() || !this.index.retirements.hasNone) return 0;
    const end = Math.min(this.limit, this.position + 1 + most);
    let last = this.rowId;
    let position = this.position + 1;
    for (; position < end; position++) {
      const rowId = leaf.rowIdAt(position);
      // It may be the same entry once more.
      if (rowId === last) break;
      rowIds[at++] = last = rowId;
    }
    const count = position - 1 - this.position;
    if (count > 0) {
      this.position = position - 1;
      this.show(leaf);
    }
    return count;
  }

  private settle(slot: number): IndexLeaf {
    const leaf = this.index.leafToRead(slot);
    this.slot = slot;
    this.leaf = leaf;
    this.leafMoves = leaf.moves;
    this.structureChanges = this.index.structureChanges;
    return leaf;
  }

  private isCurrent(): boolean {
    return this.leaf !== null && this.leaf.moves === this.leafMoves && this.index.structureChanges === this.structureChanges;
  }

  get key(): IndexKey {
    return (this.ownKey ??= (this.shown as PackedEntries).keyAt(this.shownAt));
  }

  private show(leaf: IndexLeaf): true {
    this.shown = leaf.packedEntries;
    this.shownAt = this.position;
    this.ownKey = this.shown === null ? leaf.keyAt(this.position) : null;
    this.rowId = leaf.rowIdAt(this.position);
    this.retired = leaf.marks !== null && leaf.marks[this.position] !== 0;
    return true;
  }

  private end(): false {
    this.ended = true;
    this.leaf = null;
    return false;
  }

  private nextUp(): boolean {
    for (;;) {
      if (this.isCurrent()) this.position++;
      else {
        const place = this.started ? this.index.seek(this.key, this.rowId + 1) : this.firstUp();
        this.enterUp(place);
      }
      let leaf = this.leaf as IndexLeaf;
      while (this.position >= leaf.length && this.slot + 1 < this.index.slots.length) {
        this.enterUp({ slot: this.slot + 1, position: 0 });
        leaf = this.leaf as IndexLeaf;
      }
      if (this.position >= this.limit) return this.end();
      // Equal neighbours are one entry to readers.
      if (this.started && leaf.rowIdAt(this.position) === this.rowId && leaf.hasKey(this.position, this.key)) continue;
      this.started = true;
      return this.show(leaf);
    }
  }

  private firstUp(): IndexPlace {
    const { lower } = this;
    if (lower === null) return { slot: 0, position: 0 };
    return lower.inclusive ? this.index.seek(lower.key, 0) : this.index.seekAfter(lower.key);
  }

  private enterUp(place: IndexPlace): void {
    const leaf = this.settle(place.slot);
    this.position = place.position;
    const { upper, index } = this;
    if (upper === null) this.limit = leaf.length;
    else this.limit = upper.inclusive ? index.positionAfter(leaf, upper.key) : index.positionIn(leaf, upper.key, 0);
  }

  private nextDown(): boolean {
    for (;;) {
      if (this.isCurrent()) this.position--;
      else {
        const place = this.started ? this.index.seek(this.key, this.rowId) : this.firstDown();
        this.enterDown(place.slot, place.position - 1);
      }
      let leaf = this.leaf as IndexLeaf;
      while (this.position < 0 && this.slot > 0) {
        this.enterDown(this.slot - 1, null);
        leaf = this.leaf as IndexLeaf;
      }
      if (this.position < this.limit) return this.end();
      if (this.started && leaf.rowIdAt(this.position) === this.rowId && leaf.hasKey(this.position, this.key)) continue;
      this.started = true;
      return this.show(leaf);
    }
  }

  private firstDown(): IndexPlace {
    const { upper, index } = this;
    if (upper === null) {
      const slot = index.slots.length - 1;
      return { slot, position: index.leafToRead(slot).length };
    }
    return upper.inclusive ? index.seekAfter(upper.key) : index.seek(upper.key, 0);
  }

  private enterDown(slot: number, position: number | null): void {
    const leaf = this.settle(slot);
    this.position = position ?? leaf.length - 1;
    const { lower, index } = this;
    if (lower === null) this.limit = 0;
    else this.limit = lower.inclusive ? index.positionIn(leaf, lower.key, 0) : index.positionAfter(leaf, lower.key);
  }
}
