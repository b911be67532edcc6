/**
 * The commits of a session whose answers may not leave yet, by the synchronous_commit that each was made with (design, decision 5).
 */
import type { StorageEngine } from '../access/api.js';
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import type { ConfirmMode } from '../wal/shipping.js';

/** What a commit waits for under this value of synchronous_commit; null: for nothing. */
export function confirmMode(synchronousCommit: string): ConfirmMode | null {
  return synchronousCommit === 'off' ? null : synchronousCommit as ConfirmMode;
}

/** See the file's comment. */
export class CommitWait {
  private position: Lsn = INVALID_LSN;
  private mode: ConfirmMode = 'on';
  /** Earlier commits under other modes: seldom. */
  private others: { readonly position: Lsn; readonly mode: ConfirmMode }[] = [];

  constructor(private readonly storage: StorageEngine) {}

  /** A commit was appended. */
  add(position: Lsn, mode: ConfirmMode): void {
    this.storage.awaitConfirmation(position, mode);
    if (this.position !== INVALID_LSN && this.mode !== mode) {
      this.others = this.others.filter((other) => other.mode !== mode);
      this.others.push({ position: this.position, mode: this.mode });
    }
    this.position = position;
    this.mode = mode;
  }

  /** True when every commit is safe. Else `opened` is called when one more of them is. */
  tryPass(opened: () => void): boolean {
    if (this.position === INVALID_LSN) return true;
    const { storage } = this;
    for (let other = this.others.at(-1); other !== undefined; other = this.others.at(-1)) {
      if (storage.acknowledgedLsn(other.mode) < other.position) {
        storage.onAcknowledged(other.position, other.mode, opened);
        return false;
      }
      this.others.pop();
    }
    if (storage.acknowledgedLsn(this.mode) >= this.position) {
      this.position = INVALID_LSN;
      return true;
    }
    storage.onAcknowledged(this.position, this.mode, opened);
    return false;
  }

  /** Calls back once what is committed so far is flushed here; at once when it is, never when nothing waits. */
  onFlushed(callback: () => void): void {
    if (this.position !== INVALID_LSN) this.storage.onAcknowledged(this.position, 'local', callback);
  }

  /** True when something is flushed here and waits for others to confirm it. */
  get isUnconfirmed(): boolean {
    if (this.position === INVALID_LSN) return false;
    const durable = this.storage.source?.durableLsn ?? INVALID_LSN;
    const isHeld = (position: Lsn, mode: ConfirmMode): boolean => position <= durable && position > this.storage.acknowledgedLsn(mode);
    return isHeld(this.position, this.mode) || this.others.some((other) => isHeld(other.position, other.mode));
  }
}
