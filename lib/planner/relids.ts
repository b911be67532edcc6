/**
 * Sets of range-table indexes (PostgreSQL's Relids, a Bitmapset) as bigints: bit n stands for range-table index n.
 * Immutable by nature, compared with `===`, good as Map keys.
 */

/** A set of range-table indexes. */
export type Relids = bigint;

/** The empty set. */
export const NO_RELS: Relids = 0n;

const singletons: Relids[] = [];

/** The set of one member. */
export function relidsOf(member: number): Relids {
  return (singletons[member] ??= 1n << BigInt(member));
}

/** True when every member of `subset` is in `superset`. */
export function isSubset(subset: Relids, superset: Relids): boolean {
  return (subset & ~superset) === 0n;
}

/** True when the two sets share a member. */
export function overlaps(left: Relids, right: Relids): boolean {
  return (left & right) !== 0n;
}

/** True when the set holds the member. */
export function hasMember(set: Relids, member: number): boolean {
  return (set & relidsOf(member)) !== 0n;
}

/** True when the set has exactly one member. */
export function isSingleton(set: Relids): boolean {
  return set !== 0n && (set & (set - 1n)) === 0n;
}

/** True when the set has two members or more. */
export function isMultiple(set: Relids): boolean {
  return (set & (set - 1n)) !== 0n;
}

/** The members in ascending order. */
export function members(set: Relids): number[] {
  const result: number[] = [];
  let rest = set;
  let base = 0;
  while (rest !== 0n) {
    let word = Number(rest & 0xffffffffn);
    while (word !== 0) {
      const bit = 31 - Math.clz32(word & -word);
      result.push(base + bit);
      word = (word & (word - 1)) >>> 0;
    }
    rest >>= 32n;
    base += 32;
  }
  return result;
}

/** The smallest member; the set must not be empty. */
export function firstMember(set: Relids): number {
  return members(set)[0];
}

/** Number of members. */
export function countMembers(set: Relids): number {
  let count = 0;
  for (let rest = set; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}
