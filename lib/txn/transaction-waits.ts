/**
 * Who waits for a transaction to end. Those who want the same row are let go one after the other, in order of arrival: the first
 * will most likely take it, and would only be in the others' way.
 */
import type { Timers } from '../env/env.js';
import { sameRow, type AwaitedTransaction, type TransactionWait, type WantedRow } from './wait-graph.js';

/** See the file's comment. */
export class TransactionWaits {
  /** By virtual id of the transaction that is waited for. */
  private readonly waits = new Map<number, TransactionWait[]>();

  constructor(private readonly timers: Timers) {}

  /** Puts a wait where the end of `blocker` wakes it. */
  add(blocker: AwaitedTransaction, wait: TransactionWait): void {
    let waits = this.waits.get(blocker.virtualId);
    if (waits === undefined) this.waits.set(blocker.virtualId, (waits = []));
    blocker.isAwaited = true;
    wait.list = waits;
    waits.push(wait);
  }

  /**
   * Wakes whoever waits for the transaction: at its end, and when it rolled back to a savepoint, since what they wait for may be
   * gone with it. All of them look again, and wait again where they must.
   */
  wake(virtualId: number): void {
    const waits = this.waits.get(virtualId);
    if (waits === undefined) return;
    this.waits.delete(virtualId);
    if (waits.length === 1) {
      this.letGo(waits[0]);
      return;
    }
    const queues: TransactionWait[][] = [];
    for (const wait of waits) {
      if (wait.row === null) this.letGo(wait);
      else {
        const queue = queues.find(([other]) => sameRow(other.row, wait.row));
        if (queue === undefined) queues.push([wait]);
        else queue.push(wait);
      }
    }
    for (const queue of queues) this.wakeNext(queue);
  }

  private letGo(wait: TransactionWait): void {
    wait.granted = true;
    if (wait.row !== null) wait.waiter.rowTurn = { row: wait.row, ticket: wait.ticket, taken: false };
    wait.wake();
  }

  /** Lets the first of those who wait for a row go. The others stay, now blocked by that one, and a turn of the event loop later follow it. */
  private wakeNext(queue: TransactionWait[]): void {
    if (queue.length > 1) queue.sort((a, b) => a.ticket - b.ticket);
    const first = queue.shift();
    if (first === undefined) return;
    this.letGo(first);
    if (queue.length === 0) return;
    first.waiter.isAwaited = true;
    for (const wait of queue) {
      wait.list = queue;
      wait.blocker = first.owner;
    }
    this.timers.soon(() => this.passOn(first, queue));
  }

  /**
   * `first` has had its turn. It has the row, and its transaction goes on: the others wait for that one, without having been woken
   * for nothing. It went to wait for somebody else who has the row: they follow it there. Else the next is let go.
   */
  private passOn(first: TransactionWait, queue: TransactionWait[]): void {
    if (queue.length === 0) return;
    const { waiter } = first;
    if (waiter.state === 'active' && waiter.rowTurn !== null && waiter.rowTurn.taken && waiter.rowTurn.ticket === first.ticket) {
      const others = queue.filter((wait) => !(wait.row as WantedRow).isExclusive);
      for (const wait of queue) {
        if (!(wait.row as WantedRow).isExclusive) continue;
        wait.xid = waiter.xid;
        this.add(waiter, wait);
      }
      this.wakeNext(others);
      return;
    }
    const again = first.owner.waiting;
    if (again === null || !('row' in again) || again.granted || !sameRow(again.row, first.row)) {
      this.wakeNext(queue);
      return;
    }
    for (const wait of queue) {
      wait.list = again.list;
      wait.blocker = again.blocker;
      wait.xid = again.xid;
      again.list.push(wait);
    }
    queue.length = 0;
  }
}
