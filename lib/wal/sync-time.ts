/**
 * How long a sync takes on this disk, lately. Where it is short, and a single session is at work, the thread that runs SQL does it itself: the
 * hand-over to another thread and back are two wake-ups, 30 to 60 µs of a commit's 200, and nobody is there who could be served meanwhile. A disk that
 * is slow, or slow at times, is left to the other thread until it has been quick for a while.
 */

/** Syncs that take less than this on average, in milliseconds, are short. */
const SHORT_MS = 0.5;
/** Share of the newest sync in the average: after one of 20 ms, a dozen short ones must come. */
const NEWEST_SHARE = 1 / 8;
/** The average that a log begins with: about thirty short ones must come. */
const UNKNOWN_MS = 10;

/** See the file's comment. */
export class SyncTime {
  private averageMs = UNKNOWN_MS;

  /** A sync has taken so long, from when it was asked for until it was heard of. */
  took(milliseconds: number): void {
    this.averageMs += (milliseconds - this.averageMs) * NEWEST_SHARE;
  }

  get isShort(): boolean {
    return this.averageMs < SHORT_MS;
  }
}
