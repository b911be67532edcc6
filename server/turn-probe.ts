/**
 * Whether it is worth waiting for the end of a turn of the event loop: the turn more costs up to 15 %, which several that are done together there
 * make up for, and one does not. So how many come together is watched, and when that is hardly more than one, they go at once, but for a probe now and then.
 * So does who comes twice in a row, being alone, and what others wait for.
 */

/** So many together, on average, are worth the wait. */
const WORTHWHILE = 1.75;
/** Share of the newest turn in that average. */
const NEWEST_SHARE = 1 / 4;
/** So many go at once before the next probe. */
const PROBE_EVERY = 16;

/** See the file's comment. */
export class TurnProbe {
  /** How many come together, lately. */
  together = WORTHWHILE;
  /** How many are still to go at once. */
  private atOnce = 0;
  /** Who came last. */
  private last: object | null = null;

  /** For one that comes: true when it is not to wait. `isAwaited`: other sessions wait for it. */
  goesAtOnce(comer: object, isAwaited: boolean): boolean {
    const isAlone = this.last === comer;
    this.last = comer;
    if (this.atOnce === 0) return isAlone || isAwaited;
    this.atOnce--;
    return true;
  }

  /** So many waited for the end of a turn. */
  waited(count: number): void {
    this.together += (count - this.together) * NEWEST_SHARE;
    if (this.together < WORTHWHILE) this.atOnce = PROBE_EVERY;
  }
}
