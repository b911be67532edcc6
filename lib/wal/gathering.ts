/**
 * When a group of commits is large enough to be synced. A sync costs the main thread (the write, the hand-over to another thread,
 * its wake-ups) as much as several statements do, whatever the size of the group; so while others are about to commit, a
 * group waits for them: until as many ask as are still at work (half of those who take part), or a millisecond has passed. While a sync is under way it
 * waits for all who are at work, for nothing is lost: it could not begin anyway.
 * Waiting that was in vain is not tried again for a while. A lone client is never held up.
 *
 * Idea: PostgreSQL's commit_siblings and commit_delay, with the number of siblings as the measure instead of a fixed time.
 */
import type { Timers } from '../env/env.js';

/** Who else may be about to commit. */
export interface CommitSiblings {
  /** Transactions that wrote since the last group began, and have not ended. */
  readonly active: number;
  /** One session alone has had transactions since the last group began, and none is under way: nothing waits for this thread. */
  readonly isOneSession: boolean;
  /** A group is being written out. */
  groupBegan(): void;
}

/** A group waits so long at most, in milliseconds. */
const LONGEST_WAIT_MS = 1;
/** Groups that do not wait after one that waited in vain. */
const GROUPS_AFTER_VAIN_WAIT = 32;

/** See the file's comment. */
export class Gathering {
  /** Requests since the last group began. */
  private asked = 0;
  private timer = false;
  private waits = false;
  private vain = 0;

  constructor(private readonly timers: Timers, private readonly siblings: CommitSiblings | null, private readonly timedOut: () => void) {}

  /** Somebody asks for a sync. */
  add(): void {
    this.asked++;
  }

  /** Whether the group is to be synced now; if not, `timedOut` is called in time. `isBehind`: a sync is under way, whose end is asked about again. */
  isReady(isBehind: boolean): boolean {
    const { siblings } = this;
    if (siblings === null || siblings.active === 0) return true;
    if (isBehind) return false;
    if (this.asked >= siblings.active || this.vain > 0) return true;
    this.waits = true;
    if (!this.timer) {
      this.timer = true;
      this.timers.after(LONGEST_WAIT_MS, this.expired, true);
    }
    return false;
  }

  /** The timer is not cancelled with the group that it was started for: one that follows is then let go a little early. */
  private readonly expired = (): void => {
    this.timer = false;
    if (!this.waits) return;
    this.vain = GROUPS_AFTER_VAIN_WAIT;
    this.timedOut();
  };

  /** Whether a sync on this thread would hold nobody up. */
  get isAlone(): boolean {
    return this.siblings?.isOneSession === true;
  }

  /** A group begins to be synced. */
  groupBegan(): void {
    this.asked = 0;
    this.waits = false;
    if (this.vain > 0) this.vain--;
    this.siblings?.groupBegan();
  }
}
