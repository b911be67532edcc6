/**
 * Effects of transactions on what is not rows: metadata values and messages.
 */
import type { Lsn } from '../base/lsn.js';
import { Effect } from '../txn/transaction.js';

/** A metadata value that changes when its transaction commits. */
export class MetaEffect extends Effect {
  constructor(private readonly meta: Map<string, Uint8Array>, private readonly key: string, private readonly value: Uint8Array | null) {
    super();
  }

  committed(_lsn: Lsn): void {
    if (this.value === null) this.meta.delete(this.key);
    else this.meta.set(this.key, this.value);
  }

  undone(): void {
    // It was not applied.
  }
}

/** A message that is delivered when its transaction has committed. */
export class MessageEffect extends Effect {
  constructor(private readonly deliver: (commitLsn: Lsn) => void) {
    super();
  }

  committed(lsn: Lsn): void {
    this.deliver(lsn);
  }

  undone(): void {
    // Never sent.
  }
}
