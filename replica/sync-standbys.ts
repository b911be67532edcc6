/**
 * Synchronous standbys: up to where the standbys that synchronous_standby_names requires have confirmed, for each mode of
 * synchronous_commit (PostgreSQL's replication/syncrep.c).
 *
 * Promises: `confirmedLsn` passes an LSN only when as many standbys as are required have reported it, each of them connected and streaming
 * at that moment; it never goes back, and stands still while too few are there. FIRST takes the standbys that stand first in the list,
 * ANY any of them. Names compare without case; a `*` and an empty setting are PostgreSQL's. A report counts for the stages that
 * it names: received and written (remote_write), flushed (on), applied and flushed (remote_apply).
 */
import { lsn, MAX_LSN, type Lsn } from '../lib/base/lsn.js';
import { CONFIRM_MODES, type ConfirmMode, type Confirmation } from '../lib/wal/shipping.js';
import { parseStandbyNames, standbyPriority, type SyncConfig } from '../lib/wal/standby-names.js';

/** A connected standby. */
export interface SyncCandidate {
  readonly applicationName: string;
  /** It has caught up once since it connected, and has said where it stands. */
  readonly streaming: boolean;
  readonly writtenLsn: Lsn;
  readonly flushedLsn: Lsn;
  readonly appliedLsn: Lsn;
}

/** pg_stat_replication.sync_state */
export type SyncState = 'async' | 'potential' | 'sync' | 'quorum';

/** A candidate that the setting names. */
interface Ranked {
  readonly candidate: SyncCandidate;
  readonly priority: number;
  readonly order: number;
}

type RemoteMode = Exclude<ConfirmMode, 'local'>;
const POSITION: Record<RemoteMode, (candidate: SyncCandidate) => Lsn> = {
  remote_write: (candidate) => candidate.writtenLsn,
  on: (candidate) => candidate.flushedLsn,
  remote_apply: ({ appliedLsn, flushedLsn }) => (appliedLsn < flushedLsn ? appliedLsn : flushedLsn),
};

/** See the file's comment. */
export class SyncStandbys implements Confirmation {
  onChange: (() => void) | null = null;
  private config: SyncConfig | null;
  private readonly confirmed: Record<RemoteMode, number> = { remote_write: 0, on: 0, remote_apply: 0 };

  /**
   * @param names synchronous_standby_names; 42601, 22023 when it is none
   * @param candidates the standbys connected now, in the order in which they came
   * @param mayAcknowledge false while the lease is not known to hold
   */
  constructor(names: string, private readonly candidates: () => Iterable<SyncCandidate>, readonly mayAcknowledge: () => boolean = () => true) {
    this.config = parseStandbyNames(names);
  }

  /** Another setting of synchronous_standby_names holds from now on. */
  setNames(names: string): void {
    this.config = parseStandbyNames(names);
    this.recompute();
    this.onChange?.();
  }

  confirmedLsn(mode: ConfirmMode): Lsn {
    return this.config === null || mode === 'local' ? MAX_LSN : lsn(this.confirmed[mode]);
  }

  /** A standby has reported, come or gone. */
  readonly changed = (): void => {
    if (this.recompute()) this.onChange?.();
  };

  /** The lease holds again. */
  readonly leaseChanged = (): void => this.onChange?.();

  /** The named standbys that stream, first ones first. */
  private ranked(config: SyncConfig): Ranked[] {
    const found: Ranked[] = [];
    let order = 0;
    for (const candidate of this.candidates()) {
      const priority = standbyPriority(config, candidate.applicationName);
      if (priority > 0 && candidate.streaming && candidate.flushedLsn > 0) found.push({ candidate, priority, order });
      order++;
    }
    return found.sort((a, b) => a.priority - b.priority || a.order - b.order);
  }

  private recompute(): boolean {
    const { config } = this;
    if (config === null) return false;
    const ranked = this.ranked(config);
    if (ranked.length < config.required) return false;
    let advanced = false;
    for (const mode of CONFIRM_MODES) {
      if (mode === 'local') continue;
      const position = this.common(config, ranked, POSITION[mode]);
      if (position <= this.confirmed[mode]) continue;
      this.confirmed[mode] = position;
      advanced = true;
    }
    return advanced;
  }

  /** What enough of them have reached. */
  private common(config: SyncConfig, ranked: readonly Ranked[], position: (candidate: SyncCandidate) => Lsn): Lsn {
    if (config.method === 'any') return ranked.map(({ candidate }) => position(candidate)).sort((a, b) => b - a)[config.required - 1];
    return ranked.slice(0, config.required).map(({ candidate }) => position(candidate)).reduce((least, next) => (next < least ? next : least), MAX_LSN);
  }

  /** sync_priority and sync_state of a connected standby, for pg_stat_replication. */
  stateOf(candidate: SyncCandidate): { priority: number; state: SyncState } {
    const { config } = this;
    const priority = config === null ? 0 : standbyPriority(config, candidate.applicationName);
    if (config === null || priority === 0) return { priority: 0, state: 'async' };
    const ranked = this.ranked(config);
    const index = ranked.findIndex((other) => other.candidate === candidate);
    if (index < 0) return { priority, state: 'potential' };
    if (config.method === 'any') return { priority, state: 'quorum' };
    return { priority, state: index < config.required ? 'sync' : 'potential' };
  }
}
