/**
 * A switchover, as the two nodes see it: the primary freezes, the target is promoted, the primary follows it. Whoever runs it may vanish
 * at any moment, and a promotion may take long, so that no time limit says whether it has happened. What may promote the target is a ticket:
 *
 *     primary  ready:  "expect ticket T" to the target, then frozen                        (a target out of reach: it is not begun)
 *     operator         "promote with T" to the target
 *     primary  after 15 s, or told to thaw: "call T off" to the target
 *                      → the target was promoted, or is being (it answers once it is): follows it
 *                      → it was not, and T is worth nothing from now on: serves again
 *                      → no answer: stays frozen, and asks again; an operator who knows better restarts it
 *
 * A target that was restarted knows no ticket, so that none can promote it. With a lease (replica/failover) the lease decides instead.
 */
import { pgError } from '../../lib/base/error.js';
import { formatLsn, lsn, type Lsn } from '../../lib/base/lsn.js';
import type { TimerHandle } from '../../lib/env/env.js';
import type { DatabaseNode } from './node.js';
import { askNode } from './peers.js';

/** A primary asks after so long what became of it. */
const FREEZE_MS = 15_000;
/** For a standby to have received the rest of the log. */
const CATCH_UP_MS = 7500;
const RETRY_MS = 1000;
const POLL_MS = 20;
const TICKET_BYTES = 16;

/** Where the target stands once a ticket is worth nothing any more: on a newer timeline where it was promoted, or followed one who was. */
export interface CalledOff {
  readonly timeline: number;
  readonly url: string;
}

/** What a primary is frozen for. */
interface Frozen {
  readonly ticket: string;
  /** The target's replication port. */
  readonly to: string;
  /** On another one it is over. */
  readonly timeline: number;
}

/** Of one node, for as long as its process lives. */
export class Switchover {
  /** As the primary. */
  private frozen: Frozen | null = null;
  private timer: TimerHandle | null = null;
  /** As the target: what may promote it, and what is doing so. */
  private expected: string | null = null;
  private promotion: { readonly ticket: string; readonly done: Promise<unknown> } | null = null;

  constructor(private readonly node: DatabaseNode) {}

  // ---------------------------------------------------------------- the primary

  /** Stops serving, in favour of the node at `to`. 55000 on a standby, or when it is frozen already; what asking the target raised. */
  async freeze(to: string): Promise<{ end: Lsn; ticket: string }> {
    const { node } = this;
    if (node.role !== 'primary') throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'this node is not the primary');
    const { timeline } = node.engine.storage;
    if (this.frozen?.timeline === timeline) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'this node is being switched over already');
    const ticket = Buffer.from(node.env.random.bytes(TICKET_BYTES)).toString('hex');
    this.frozen = { ticket, to, timeline };
    try {
      await askNode(node, to, 'expect', { ticket });
    } catch (error) {
      this.frozen = null;
      throw error;
    }
    const end = await node.freeze();
    this.askAfter(FREEZE_MS);
    return { end, ticket };
  }

  /** What became of it: serves again, or follows the target. Rejects when the target does not say; asks on by itself then. */
  async thaw(): Promise<void> {
    const { node, frozen } = this;
    this.timer?.cancel();
    if (frozen === null) return;
    if (node.role === 'standby' || node.engine.storage.timeline !== frozen.timeline) {
      this.frozen = null;
      return;
    }
    let answer: CalledOff;
    try {
      answer = await askNode(node, frozen.to, 'callOff', { ticket: frozen.ticket }) as CalledOff;
    } catch (error) {
      if (this.frozen === frozen) this.askAfter(RETRY_MS);
      throw error;
    }
    if (this.frozen !== frozen) return;
    this.frozen = null;
    if (answer.timeline > frozen.timeline) await node.demote([answer.url], 'switched over');
    else if (node.role === 'primary') node.thaw();
  }

  private askAfter(milliseconds: number): void {
    this.timer?.cancel();
    this.timer = this.node.env.timers.after(milliseconds, () => {
      this.thaw().catch((error: unknown) => {
        this.node.note('WARNING', `frozen for a switchover to ${this.frozen?.to ?? ''}, which does not say what became of it: ${error instanceof Error ? error.message : String(error)}`);
      });
    }, true);
  }

  /** Lets go of the lease for the target, where there is one; false: there is none. */
  async handOver(target: string): Promise<boolean> {
    const { failover } = this.node;
    if (failover === null) return false;
    this.timer?.cancel();
    try {
      await this.hasAllLog(target);
      await failover.handOver(target);
    } catch (error) {
      this.askAfter(FREEZE_MS);
      throw error;
    }
    this.frozen = null;
    return true;
  }

  /** The target was promoted. */
  demote(upstream: string): void {
    this.timer?.cancel();
    this.frozen = null;
    void this.node.demote([upstream], 'switched over by command');
  }

  /** Waits until a replica has all of this node's log on stable storage; 55000 when it does not in time, or is not here. */
  private async hasAllLog(name: string): Promise<void> {
    const { node } = this;
    const end = node.engine.storage.source?.durableLsn ?? lsn(0);
    const deadline = node.env.clock.monotonicMs() + CATCH_UP_MS;
    for (;;) {
      const flushed = node.port?.replicas().find((replica) => replica.nodeName === name)?.flushedLsn ?? null;
      if (flushed !== null && flushed >= end) return;
      if (node.env.clock.monotonicMs() > deadline) {
        throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `replica "${name}" does not have the log up to ${formatLsn(end)}`, {
          detail: flushed === null ? 'It does not stream from this node.' : `It has it up to ${formatLsn(flushed)}.`,
        });
      }
      await new Promise<void>((resolve) => node.env.timers.after(POLL_MS, resolve));
    }
  }

  // ---------------------------------------------------------------- the target

  /** From now on this ticket, and no earlier one, may promote this node. 55000 on a primary. */
  expect(ticket: string): void {
    if (this.node.role !== 'standby') throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `${this.node.options.name} is not a standby`);
    this.expected = ticket;
  }

  /** Promotes this node once it has the log up to `from`; 55000 when it has not in time, or the ticket is worth nothing any more. */
  async promote(from: Lsn, ticket: string): Promise<{ timeline: number; url: string }> {
    if (ticket !== this.expected) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'the switchover was called off');
    this.expected = null;
    const { node } = this;
    const work = this.caughtUpTo(from).then(() => node.promote(null, 'switched over by command'));
    const promotion = { ticket, done: work.catch(() => undefined) };
    this.promotion = promotion;
    const { timeline } = await work;
    return { timeline, url: node.replicationUrl };
  }

  /** A promotion with a ticket is going on, or was. */
  get isPromoting(): boolean {
    return this.promotion !== null;
  }

  /** Makes a ticket worthless; answers once a promotion with it is over. */
  async callOff(ticket: string): Promise<CalledOff> {
    if (this.expected === ticket) this.expected = null;
    if (this.promotion?.ticket === ticket) await this.promotion.done;
    return { timeline: this.node.engine.storage.timeline, url: this.node.replicationUrl };
  }

  private async caughtUpTo(position: Lsn): Promise<void> {
    const { node } = this;
    const { standby } = node.engine;
    if (standby === null) return;
    const deadline = node.env.clock.monotonicMs() + CATCH_UP_MS;
    while (standby.flushedLsn < position) {
      if (node.env.clock.monotonicMs() > deadline) {
        throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `this standby has received the log up to ${formatLsn(standby.flushedLsn)}, not to ${formatLsn(position)}`);
      }
      await new Promise<void>((resolve) => {
        const unwatch = standby.watchProgress(resolve);
        node.env.timers.after(POLL_MS, () => {
          unwatch();
          resolve();
        });
      });
    }
  }
}
