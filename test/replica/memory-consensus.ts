/** A consensus store in memory, on a simulated clock, whose clients can be cut off before or after what they ask for is done. */
import type { Clock } from '../../lib/env/env.js';
import type { ConsensusChange, ConsensusCondition, ConsensusEntry, ConsensusStore } from '../../replica/failover/consensus.js';

interface StoredEntry extends ConsensusEntry {
  readonly lease: string | null;
}

/** The store itself. */
export class MemoryConsensus {
  private readonly entries = new Map<string, StoredEntry>();
  private readonly leases = new Map<string, { ttlMs: number; expires: number }>();
  private revision = 0;
  private lastLease = 0;

  constructor(private readonly clock: Clock) {}

  /** A client; `mood` says what becomes of its next request. */
  client(mood: () => 'answers' | 'unreachable' | 'answer lost'): ConsensusStore {
    const ask = async <T>(work: () => T): Promise<T> => {
      await Promise.resolve();
      const outcome = mood();
      if (outcome === 'unreachable') throw new Error('no answer');
      this.expire();
      const result = work();
      if (outcome === 'answer lost') throw new Error('the answer was lost');
      return result;
    };
    return {
      read: () => ask(() => new Map(this.entries)),
      change: (conditions, changes) => ask(() => this.change(conditions, changes)),
      grantLease: (ttlSeconds) => ask(() => {
        const id = String(++this.lastLease);
        this.leases.set(id, { ttlMs: ttlSeconds * 1000, expires: this.clock.monotonicMs() + ttlSeconds * 1000 });
        return id;
      }),
      renewLease: (id) => ask(() => {
        const lease = this.leases.get(id);
        if (lease === undefined) return false;
        lease.expires = this.clock.monotonicMs() + lease.ttlMs;
        return true;
      }),
      revokeLease: (id) => ask(() => this.end(id)),
    };
  }

  private change(conditions: readonly ConsensusCondition[], changes: readonly ConsensusChange[]): boolean {
    if (conditions.some(({ key, revision }) => (this.entries.get(key)?.revision ?? 0) !== revision)) return false;
    if (changes.some((change) => change.type === 'put' && change.lease !== undefined && !this.leases.has(change.lease))) throw new Error('requested lease not found');
    this.revision++;
    for (const change of changes) {
      if (change.type === 'delete') this.entries.delete(change.key);
      else this.entries.set(change.key, { value: change.value, revision: this.revision, lease: change.lease ?? null });
    }
    return true;
  }

  private expire(): void {
    for (const [id, lease] of this.leases) if (lease.expires <= this.clock.monotonicMs()) this.end(id);
  }

  private end(id: string): void {
    this.leases.delete(id);
    for (const [key, entry] of this.entries) if (entry.lease === id) this.entries.delete(key);
  }
}
