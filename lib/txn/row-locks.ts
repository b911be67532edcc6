/**
 * Row locks that are not versions: SELECT ... FOR UPDATE and its weaker forms. An entry exists only while somebody holds
 * the lock; writers lock by their uncommitted version instead (see `version.ts`). Conflicts: PostgreSQL's documentation,
 * "Conflicting Row-Level Locks".
 */

/** Strengths as numbers, weakest first: keyShare, share, noKeyUpdate, update. */
export const STRENGTH = { keyShare: 0, share: 1, noKeyUpdate: 2, update: 3 } as const;
/** A row lock strength as a number of `STRENGTH`. */
export type StrengthLevel = 0 | 1 | 2 | 3;

/** Bit s of CONFLICTS[r]: a holder of strength s is in the way of a request of strength r. */
const CONFLICTS = [0b1000, 0b1100, 0b1110, 0b1111];

/** Whether a lock held with `held` is in the way of one requested with `requested`. */
export function strengthsConflict(requested: StrengthLevel, held: StrengthLevel): boolean {
  return ((CONFLICTS[requested] >> held) & 1) === 1;
}

/** One transaction's lock on one row. `Owner` is the transaction. */
export interface RowLockHolder<Owner> {
  readonly owner: Owner;
  strength: StrengthLevel;
}

/** The row locks of one file. */
export class RowLockTable<Owner> {
  private readonly rows = new Map<number, RowLockHolder<Owner>[]>();

  /** Number of rows with a lock; writers skip the look-up when it is 0. */
  get size(): number {
    return this.rows.size;
  }

  /** A holder other than `self` that is in the way, or null. */
  conflicting(rowId: number, requested: StrengthLevel, self: Owner): Owner | null {
    const holders = this.rows.get(rowId);
    if (holders === undefined) return null;
    for (const holder of holders) {
      if (holder.owner !== self && strengthsConflict(requested, holder.strength)) return holder.owner;
    }
    return null;
  }

  /** Whether the transaction holds a lock on the row already, of whatever strength. */
  holds(rowId: number, owner: Owner): boolean {
    return this.rows.get(rowId)?.some((holder) => holder.owner === owner) ?? false;
  }

  /** Grants the lock (the caller has checked). Returns the strength held before, or -1: what `restore` takes. */
  grant(rowId: number, strength: StrengthLevel, owner: Owner): StrengthLevel | -1 {
    const holders = this.rows.get(rowId);
    if (holders === undefined) {
      this.rows.set(rowId, [{ owner, strength }]);
      return -1;
    }
    const mine = holders.find((holder) => holder.owner === owner);
    if (mine === undefined) {
      holders.push({ owner, strength });
      return -1;
    }
    const before = mine.strength;
    if (strength > before) mine.strength = strength;
    return before;
  }

  /** Puts a lock back to an earlier strength; -1 releases it. */
  restore(rowId: number, before: StrengthLevel | -1, owner: Owner): void {
    const holders = this.rows.get(rowId);
    if (holders === undefined) return;
    const index = holders.findIndex((holder) => holder.owner === owner);
    if (index < 0) return;
    if (before >= 0) holders[index].strength = before as StrengthLevel;
    else if (holders.length === 1) this.rows.delete(rowId);
    else holders.splice(index, 1);
  }
}
