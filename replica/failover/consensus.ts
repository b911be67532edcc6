/**
 * What failover needs of a consensus store: a few keys read together, changes under a condition, leases. Everything is linearizable;
 * whatever cannot be known (no answer, no majority) rejects, and the caller must assume either outcome.
 */

/** A key's value. `revision` changes with every change of the key, and never repeats. */
export interface ConsensusEntry {
  readonly value: string;
  readonly revision: number;
}

/** A change; a put with `lease` goes when that lease ends. */
export type ConsensusChange =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly type: 'delete'; readonly key: string };

/** A condition: the key is still as it was read (`revision` 0: it is not there). */
export interface ConsensusCondition {
  readonly key: string;
  readonly revision: number;
}

/** See the file's comment. Keys are relative to the cluster. */
export interface ConsensusStore {
  /** Every key, as of one moment. */
  read(): Promise<ReadonlyMap<string, ConsensusEntry>>;
  /** Makes all changes if all conditions hold; tells whether they did. */
  change(conditions: readonly ConsensusCondition[], changes: readonly ConsensusChange[]): Promise<boolean>;
  /** A new lease that lives for `ttlSeconds` after each renewal. */
  grantLease(ttlSeconds: number): Promise<string>;
  /** Renews a lease; false when it has ended. */
  renewLease(lease: string): Promise<boolean>;
  /** Ends a lease: its keys go. */
  revokeLease(lease: string): Promise<void>;
}
