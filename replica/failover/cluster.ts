/**
 * The cluster's keys in the consensus store, and what stands in them (README.md).
 */
import { formatLsn, parseLsn, type Lsn } from '../../lib/base/lsn.js';
import type { ConsensusEntry } from './consensus.js';

/** Names of keys. */
export const KEY = { leader: 'leader', timeline: 'timeline', sync: 'sync', handover: 'handover', votes: 'votes/' } as const;

/** Where a node is reached. */
export interface NodeAddress {
  readonly name: string;
  /** Replication: `ws://host:port`. */
  readonly replicationUrl: string;
  /** Clients: `postgres://host:port`. */
  readonly clientUrl: string;
}

/** Who leads. */
export interface Leader extends NodeAddress {
  readonly timeline: number;
}

/** Which standbys confirm commits: at least `required` of `names` (lower-cased) have every acknowledged one. */
export interface SyncState {
  readonly required: number;
  readonly names: readonly string[];
}

/** What a standby that stands still says of its log. */
export interface Vote {
  readonly name: string;
  readonly timeline: number;
  readonly flushedLsn: Lsn;
}

/** A vote with the revision that it was read at. */
export interface CountedVote extends Vote {
  readonly revision: number;
}

/** The cluster as of one moment. */
export interface ClusterState {
  readonly leader: (Leader & { readonly revision: number }) | null;
  /** The highest timeline that was ever taken; 0 before the first. */
  readonly timeline: number;
  readonly timelineRevision: number;
  readonly sync: SyncState;
  readonly votes: readonly CountedVote[];
  /** The only node that may take the lead. */
  readonly handover: string | null;
}

/** A vote as text. */
export function formatVote(vote: Vote): string {
  return JSON.stringify({ timeline: vote.timeline, flushedLsn: formatLsn(vote.flushedLsn) });
}

/** Reads the cluster's keys. */
export function readCluster(entries: ReadonlyMap<string, ConsensusEntry>): ClusterState {
  const parsed = <T>(key: string): T | null => {
    const entry = entries.get(key);
    return entry === undefined ? null : JSON.parse(entry.value) as T;
  };
  const leader = parsed<Leader>(KEY.leader);
  const votes: CountedVote[] = [];
  for (const [key, { value, revision }] of entries) {
    if (!key.startsWith(KEY.votes)) continue;
    const { timeline, flushedLsn } = JSON.parse(value) as { timeline: number; flushedLsn: string };
    votes.push({ name: key.slice(KEY.votes.length), timeline, flushedLsn: parseLsn(flushedLsn), revision });
  }
  return {
    leader: leader === null ? null : { ...leader, revision: entries.get(KEY.leader)?.revision ?? 0 },
    timeline: parsed<{ timeline: number }>(KEY.timeline)?.timeline ?? 0,
    timelineRevision: entries.get(KEY.timeline)?.revision ?? 0,
    sync: parsed<SyncState>(KEY.sync) ?? { required: 0, names: [] },
    votes,
    handover: parsed<{ name: string }>(KEY.handover)?.name ?? null,
  };
}

/** Negative when `a` has the longer log: by timeline, then by LSN, then by name. */
export function compareVotes(a: Vote, b: Vote): number {
  if (a.timeline !== b.timeline) return b.timeline - a.timeline;
  if (a.flushedLsn !== b.flushedLsn) return b.flushedLsn - a.flushedLsn;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** The votes that an election needs: null when they are too few for all that was acknowledged to be among them. */
export function sufficientVotes(state: ClusterState): readonly CountedVote[] | null {
  const { required, names } = state.sync;
  if (required === 0) return state.votes;
  const counted = state.votes.filter((vote) => names.includes(vote.name.toLowerCase()));
  return counted.length >= names.length - required + 1 ? counted : null;
}
