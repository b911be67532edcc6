/**
 * Where a restore stops. The rules are PostgreSQL's (access/transam/xlogrecovery.c, recoveryStopsBefore and recoveryStopsAfter), over
 * our records: a cut is the end of the last record that is kept.
 *
 *     time   before the first commit or rollback later than the target; exclusive: not earlier than it
 *     xid    behind the commit or rollback of the transaction; exclusive: before it
 *     lsn    behind the first record that starts at the target or later; exclusive: before it. Log that ends there will do.
 *     name   behind the commit record that carries the restore point
 */
import { formatLsn, type Lsn } from '../base/lsn.js';
import { readChanges, readRecordHeader, wholePayload, type ChangeTarget } from '../txn/changes.js';
import { RECORD as TRANSACTION, RECORD_HEADER } from '../txn/format.js';
import { RECORD_TYPE } from '../wal/format.js';

/** What to restore to. */
export type RecoveryTarget =
  | { readonly kind: 'time'; readonly micros: number }
  | { readonly kind: 'lsn'; readonly lsn: Lsn }
  | { readonly kind: 'xid'; readonly xid: number }
  | { readonly kind: 'name'; readonly name: string }
  /** As soon as the newest backup is consistent. */
  | { readonly kind: 'immediate' }
  /** The end of the log. */
  | { readonly kind: 'latest' };

/** Kind of the message that pg_create_restore_point logs; its payload is the name. */
export const RESTORE_POINT = 'restore point';

/** A commit or rollback that a restore has kept. */
export interface ReachedTransaction {
  readonly xid: number;
  readonly micros: number;
}

/** A point in time as PostgreSQL prints it, in UTC: `2026-01-31 12:34:56.789012+00`. */
export function formatMicros(micros: number): string {
  const text = new Date(Math.floor(micros / 1000)).toISOString().replace('T', ' ').replace('Z', '');
  return `${text}${String(micros % 1000).padStart(3, '0')}`.replace(/\.?0+$/, '').concat('+00');
}

/** A target for people, and for the reason in a history file. */
export function describeTarget(target: RecoveryTarget, exclusive: boolean): string {
  const side = exclusive ? 'before' : 'after';
  switch (target.kind) {
    case 'time': return `before ${formatMicros(target.micros)}`;
    case 'lsn': return `${side} LSN ${formatLsn(target.lsn)}`;
    case 'xid': return `${side} transaction ${target.xid}`;
    case 'name': return `at restore point "${target.name}"`;
    case 'immediate': return 'reached consistency';
    case 'latest': return 'no recovery target specified';
  }
}

/** Looks at records in order until the target is met. */
export class TargetFinder {
  /** Where to cut; null: not met yet. */
  cut: Lsn | null = null;
  /** The last transaction that is kept. */
  last: ReachedTransaction | null = null;
  private readonly points: RestorePoints | null;

  constructor(private readonly target: RecoveryTarget, private readonly exclusive: boolean) {
    this.points = target.kind === 'name' ? new RestorePoints(target.name) : null;
  }

  /** Looks at a record; false: it has been met. */
  visit(type: number, start: Lsn, end: Lsn, payload: Buffer): boolean {
    const ends = type === TRANSACTION.commit || type === TRANSACTION.abort;
    const header = ends ? readRecordHeader(wholePayload(payload)) : null;
    if (this.stopsBefore(type, start, header)) {
      this.cut = start;
      return false;
    }
    if (header !== null) this.last = { xid: header.xid, micros: header.field };
    if (!this.stopsAfter(type, start, header, payload)) return true;
    this.cut = end;
    return false;
  }

  private stopsBefore(type: number, start: Lsn, header: { xid: number; field: number } | null): boolean {
    const { target, exclusive } = this;
    if (target.kind === 'lsn') return exclusive && type !== RECORD_TYPE.pad && start >= target.lsn;
    if (header === null) return false;
    if (target.kind === 'time') return exclusive ? header.field >= target.micros : header.field > target.micros;
    return target.kind === 'xid' && exclusive && header.xid === target.xid;
  }

  private stopsAfter(type: number, start: Lsn, header: { xid: number; field: number } | null, payload: Buffer): boolean {
    const { target } = this;
    if (target.kind === 'lsn') return type !== RECORD_TYPE.pad && start >= target.lsn;
    if (target.kind === 'xid') return header?.xid === target.xid;
    return this.points !== null && this.points.committedBy(type, payload);
  }
}

/** Finds the commit of the transaction that logged a restore point, which may stand in an earlier record of it. */
class RestorePoints {
  /** Bytes of records that are cut into fragments, by xid. */
  private readonly fragments = new Map<number, Buffer[]>();
  /** Positions of the point among a running transaction's changes, by xid. */
  private readonly pending = new Map<number, number[]>();
  private readonly mark = Buffer.from(RESTORE_POINT);

  constructor(private readonly name: string) {}

  /** True when this record commits the restore point. */
  committedBy(type: number, payload: Buffer): boolean {
    if (type < TRANSACTION.commit || payload.length < RECORD_HEADER) return false;
    const { xid, field } = readRecordHeader(wholePayload(payload));
    if (type === TRANSACTION.fragment) {
      this.fragments.set(xid, [...(this.fragments.get(xid) ?? []), payload.subarray(RECORD_HEADER)]);
      return false;
    }
    const pieces = this.fragments.get(xid);
    this.fragments.delete(xid);
    if (type === TRANSACTION.abort) {
      this.pending.delete(xid);
      return false;
    }
    if (type !== TRANSACTION.commit && type !== TRANSACTION.batch) return false;
    const whole = pieces === undefined ? payload : Buffer.concat([payload.subarray(0, RECORD_HEADER), ...pieces, payload.subarray(RECORD_HEADER)]);
    const known = this.pending.get(xid) ?? [];
    const positions = known.length > 0 || whole.includes(this.mark) ? this.read(whole, type === TRANSACTION.batch ? field : 0, known) : [];
    if (type === TRANSACTION.commit) this.pending.delete(xid);
    else if (positions.length > 0) this.pending.set(xid, positions);
    return type === TRANSACTION.commit && positions.length > 0;
  }

  /** Where the point stands after these changes. */
  private read(payload: Buffer, firstPosition: number, known: readonly number[]): number[] {
    let positions = [...known];
    const ignore = (): void => undefined;
    const target: ChangeTarget = {
      insert: ignore, update: ignore, delete: ignore, indexAdd: ignore, indexRemove: ignore, createFile: ignore, dropFile: ignore, sequence: ignore,
      counter: ignore, putMeta: ignore, bulkChunk: ignore,
      message: (kind, bytes, position) => {
        if (kind === RESTORE_POINT && Buffer.from(bytes).toString('utf8') === this.name) positions.push(position);
      },
      rollbackTo: (position) => {
        positions = positions.filter((other) => other < position);
      },
    };
    readChanges(wholePayload(payload), firstPosition, target);
    return positions;
  }
}
