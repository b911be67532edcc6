/**
 * The eight modes of heavyweight locks, what conflicts with what (PostgreSQL 18, "Table-Level Locks"), and what can be
 * locked, with PostgreSQL's words for both in error messages.
 */
import { unreachable } from '../base/assert.js';

/** The eight table-lock modes, weakest first. */
export type LockMode =
  | 'AccessShare' | 'RowShare' | 'RowExclusive' | 'ShareUpdateExclusive'
  | 'Share' | 'ShareRowExclusive' | 'Exclusive' | 'AccessExclusive';

/** Modes by number, weakest first. */
export const LOCK_MODES: readonly LockMode[] = [
  'AccessShare', 'RowShare', 'RowExclusive', 'ShareUpdateExclusive', 'Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive',
];

/** Mode → its number. */
export const MODE_NUMBER: Readonly<Record<LockMode, number>> = {
  AccessShare: 0, RowShare: 1, RowExclusive: 2, ShareUpdateExclusive: 3, Share: 4, ShareRowExclusive: 5, Exclusive: 6, AccessExclusive: 7,
};

const bits = (...modes: LockMode[]): number => modes.reduce((mask, mode) => mask | (1 << MODE_NUMBER[mode]), 0);

/** Mode number → bit mask of the modes that conflict with it. */
export const CONFLICTS: readonly number[] = [
  bits('AccessExclusive'),
  bits('Exclusive', 'AccessExclusive'),
  bits('Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'),
  bits('ShareUpdateExclusive', 'Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'),
  bits('RowExclusive', 'ShareUpdateExclusive', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'),
  bits('RowExclusive', 'ShareUpdateExclusive', 'Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'),
  bits('RowShare', 'RowExclusive', 'ShareUpdateExclusive', 'Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'),
  bits(...LOCK_MODES),
];

/** What a heavyweight lock is on. An advisory key is "field,field,field" as PostgreSQL prints it: `high,low,1` or `key1,key2,2`. */
export type LockTarget =
  | { readonly kind: 'relation'; readonly database: number; readonly relation: number }
  | { readonly kind: 'object'; readonly database: number; readonly classId: number; readonly objectId: number }
  | { readonly kind: 'advisory'; readonly database: number; readonly key: string };

/** A relation as something to lock. */
export type RelationTarget = Extract<LockTarget, { kind: 'relation' }>;

/** A target in the words of PostgreSQL's messages. */
export function describeTarget(target: LockTarget): string {
  switch (target.kind) {
    case 'relation': return `relation ${target.relation} of database ${target.database}`;
    case 'object': return `object ${target.objectId} of class ${target.classId} of database ${target.database}`;
    case 'advisory': return `advisory lock [${target.database},${target.key}]`;
    default: return unreachable(target, 'lock target');
  }
}
