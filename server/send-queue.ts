/**
 * When finished answers leave. A client that hears from us wakes up, and waking it is most of what an answer costs here: so where several
 * connections are answered in one turn of the event loop, the answers leave together at its end, and one waking does for all of a
 * client's connections. Measured with ten clients of one process: 10 to 18 % more SELECTs a second, and as much for the statements of a
 * transaction: what its client says next cannot be heard before the turn's end anyway.
 *
 * At once leaves what nobody else is answered beside: a turn more would cost it 15 %.
 */
import type { Outbox } from './outbox.js';

/** The outboxes of one server. */
export class SendQueue {
  private waiting: Outbox[] = [];
  private last: Outbox | null = null;

  /** Sends what is in the outbox, now or at the end of this turn. */
  send(outbox: Outbox): void {
    const isAlone = this.last === outbox;
    this.last = outbox;
    if (isAlone) {
      outbox.send();
      return;
    }
    if (this.waiting.length === 0) setImmediate(this.sendAll);
    this.waiting.push(outbox);
  }

  private readonly sendAll = (): void => {
    const { waiting } = this;
    this.waiting = [];
    for (const outbox of waiting) outbox.send();
  };
}
