/**
 * A lease in the consensus store, and until when it is known to hold: the deadline counts from before the renewal was sent, on the
 * monotonic clock, less a margin for clocks that run at different rates. After it the store may have given the lease's keys away.
 */
import type { Env } from '../../lib/env/env.js';
import type { ConsensusStore } from './consensus.js';

/** Part of the lease's time that different clocks may differ by. */
const CLOCK_DRIFT = 0.1;

/** See the file's comment. */
export class Lease {
  private deadline = -Infinity;
  /** The store's name of it; null while there is none. */
  id: string | null = null;

  constructor(private readonly env: Env, private readonly store: ConsensusStore, private readonly ttlSeconds: number) {}

  /** Whether the lease surely holds at this moment. */
  get holds(): boolean {
    return this.id !== null && this.env.clock.monotonicMs() < this.deadline;
  }

  /** Milliseconds until it may have ended; negative afterwards. */
  get remainingMs(): number {
    return this.deadline - this.env.clock.monotonicMs();
  }

  /** A new lease. */
  async grant(): Promise<string> {
    const sent = this.env.clock.monotonicMs();
    this.id = await this.store.grantLease(this.ttlSeconds);
    this.extend(sent);
    return this.id;
  }

  /** Renews it; false when it has ended, and then it is gone. Rejects when the store does not answer: nothing is known. */
  async renew(): Promise<boolean> {
    if (this.id === null) return false;
    const { id } = this;
    const sent = this.env.clock.monotonicMs();
    const alive = await this.store.renewLease(id);
    if (this.id !== id) return false;
    if (alive) this.extend(sent);
    else this.forget();
    return alive;
  }

  private extend(sent: number): void {
    this.deadline = sent + this.ttlSeconds * 1000 * (1 - CLOCK_DRIFT);
  }

  /** It is not ours any more. */
  forget(): void {
    this.id = null;
    this.deadline = -Infinity;
  }

  /** Ends it: whatever hangs on it goes now. */
  async revoke(): Promise<void> {
    const { id } = this;
    this.forget();
    if (id !== null) await this.store.revokeLease(id);
  }
}
