/**
 * Which built-in rows a database has replaced or deleted. Built-in rows are constant data outside of storage; changing
 * one (GRANT on a built-in function, ALTER ROLE postgres) stores the new version as an ordinary row, and an entry
 * (catalog OID, position) in the space's small override heap. The entry is a row like any other, so a built-in row
 * vanishes exactly when the transaction that overrode it becomes visible, and comes back when it aborts.
 *
 * The entries' row ids are kept in memory (there are as many as changed built-in rows: some tens).
 */
import type { Heap, RowId, Snapshot, StorageEngine, Transaction, WriteResult } from '../access/api.js';
import type { Row } from '../types/datum.js';

interface Entry {
  readonly rowId: RowId;
  /** Who wrote it in this process; null when it was there before. */
  readonly writer: Transaction | null;
}

/** The override entries of one space. */
export class Overrides {
  private readonly heap: Heap;
  private entries: Map<number, Map<number, Entry>> | null = null;

  constructor(private readonly storage: StorageEngine, file: number) {
    this.heap = storage.openHeap(file, { attributeCount: 2, missing: [] });
  }

  /** Reads the entries again: after they changed by replay. */
  reload(): void {
    this.entries = null;
  }

  private load(): Map<number, Map<number, Entry>> {
    const entries = new Map<number, Map<number, Entry>>();
    for (const [rowId, row] of scanRows(this.heap, committedSnapshot(this.storage))) {
      add(entries, row[0] as number, row[1] as number, { rowId, writer: null });
    }
    return this.entries = entries;
  }

  /** Entries of a catalog, or undefined: then every built-in row of it shows. */
  private of(catalogOid: number): Map<number, Entry> | undefined {
    return (this.entries ?? this.load()).get(catalogOid);
  }

  /** True when some built-in row of the catalog may be hidden. */
  any(catalogOid: number): boolean {
    return this.of(catalogOid) !== undefined;
  }

  /** True when the built-in row at the position is hidden from the snapshot. */
  hidden(catalogOid: number, position: number, snapshot: Snapshot): boolean {
    const entry = this.of(catalogOid)?.get(position);
    return entry !== undefined && this.heap.fetch(entry.rowId, snapshot) !== null;
  }

  /** Whether the newest state hides the row; the writer when that depends on another transaction's end. */
  hidingNow(catalogOid: number, position: number, transaction: Transaction): 'hidden' | 'shown' | Transaction {
    const entry = this.of(catalogOid)?.get(position);
    if (entry === undefined || this.heap.fetchNewest(entry.rowId) === null) return 'shown';
    const { writer } = entry;
    return writer === null || writer === transaction || writer.state === 'committed' ? 'hidden' : writer;
  }

  /** Hides a built-in row that the snapshot saw; results as of `Heap.delete`. */
  hide(transaction: Transaction, catalogOid: number, position: number, snapshot: Snapshot): WriteResult {
    const entry = this.of(catalogOid)?.get(position);
    if (entry !== undefined && this.heap.fetchNewest(entry.rowId) !== null) {
      const { writer } = entry;
      if (writer !== null && writer !== transaction && writer.state === 'active') return { kind: 'wait', transaction: writer };
      if (writer === transaction && this.heap.fetch(entry.rowId, snapshot) === null) return { kind: 'selfModified' };
      return { kind: 'changed', values: null };
    }
    const rowId = this.heap.insert(transaction, [catalogOid, position]);
    add(this.entries!, catalogOid, position, { rowId, writer: transaction });
    return { kind: 'ok' };
  }

  /** Every entry that the snapshot sees, as (catalog OID, position). */
  *all(snapshot: Snapshot): IterableIterator<readonly [number, number]> {
    for (const [, row] of scanRows(this.heap, snapshot)) yield [row[0] as number, row[1] as number];
  }
}

function add(entries: Map<number, Map<number, Entry>>, catalogOid: number, position: number, entry: Entry): void {
  let positions = entries.get(catalogOid);
  if (!positions) entries.set(catalogOid, positions = new Map());
  positions.set(position, entry);
}

/** A snapshot of everything appended, no transaction's own writes. */
export function committedSnapshot(storage: StorageEngine): Snapshot {
  return { lsn: storage.appendedLsn(), transaction: null, commandId: 0 };
}

/** Rows of a heap that a snapshot sees, one by one. */
export function* scanRows(heap: Heap, snapshot: Snapshot): IterableIterator<readonly [RowId, Row]> {
  const width = heap.shape.attributeCount;
  for (const view of heap.scan(snapshot)) {
    if (view.selected > 0) {
      const columns = Array.from({ length: width }, (_, index) => view.column(index));
      for (let at = 0; at < view.selected; at++) {
        const position = view.selection ? view.selection[at] : at;
        yield [view.firstRowId + position, columns.map((column) => column.get(position))];
      }
    }
    for (let at = 0; at < view.changedRows.length; at++) yield [view.changedRowIds[at], view.changedRows[at]];
  }
}
