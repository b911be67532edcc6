/**
 * Who waits for a transaction to end. Those who want the same row are let go one after the other, in order of arrival: the first
 * will most likely take it, and would only be in the others' way. They stand in a list that is handed on as it is, however long.
 */
import type { Timers } from '../env/env.js';
import { sameRow, TransactionWait, WaitList, type AwaitedTransaction, type LockOwner, type WantedRow } from './wait-graph.js';

/** See the file's comment. */
export class TransactionWaits {
  /** By virtual id of the transaction that is waited for; one for each row. */
  private readonly lists = new Map<number, WaitList[]>();

  constructor(private readonly timers: Timers) {}

  /** Puts a wait where the end of `blocker` wakes it; `owner` is the blocker's session. */
  add(blocker: AwaitedTransaction, owner: LockOwner, wait: TransactionWait): void {
    const lists = this.listsOf(blocker.virtualId);
    let list = listFor(lists, wait.row);
    if (list === undefined) lists.push(list = new WaitList(wait.row, blocker, owner));
    list.add(wait);
  }

  /**
   * Wakes whoever waits for the transaction: at its end, and when it rolled back to a savepoint, since what they wait for may be
   * gone with it. All of them look again, and wait again where they must.
   */
  wake(virtualId: number): void {
    const lists = this.lists.get(virtualId);
    if (lists === undefined) return;
    this.lists.delete(virtualId);
    for (const list of lists) {
      if (list.row === null) for (let wait = list.shift(); wait !== undefined; wait = list.shift()) letGo(wait);
      else this.wakeNext(list);
    }
  }

  private listsOf(virtualId: number): WaitList[] {
    let lists = this.lists.get(virtualId);
    if (lists === undefined) this.lists.set(virtualId, lists = []);
    return lists;
  }

  /** Lets the first of those who wait for a row go. The others stay, now blocked by that one, and a turn of the event loop later follow it. */
  private wakeNext(list: WaitList): void {
    const first = list.shift();
    if (first === undefined) return;
    letGo(first);
    if (list.isEmpty) return;
    list.follow(first.waiter, first.owner);
    this.timers.soon(() => this.passOn(first, list));
  }

  /**
   * `first` has had its turn. It has the row, and its transaction goes on: the others wait for that one, without having been woken
   * for nothing. It went to wait for somebody else who has the row: they follow it there. Else the next is let go.
   */
  private passOn(first: TransactionWait, list: WaitList): void {
    if (list.isEmpty) return;
    const { waiter } = first;
    if (waiter.state === 'active' && waiter.rowTurn !== null && waiter.rowTurn.taken && waiter.rowTurn.ticket === first.ticket) {
      const sharing = list.takeSharing();
      this.handOn(list, waiter, first.owner);
      if (sharing !== null) this.wakeNext(sharing);
      return;
    }
    const again = first.owner.waiting;
    if (again instanceof TransactionWait && !again.granted && sameRow(again.row, first.row)) this.handOn(list, again.list.blocker, again.blocker);
    else this.wakeNext(list);
  }

  /** All of the list wait for `blocker` now, with those who wait for it because of the same row already: the list is long, they are few. */
  private handOn(list: WaitList, blocker: AwaitedTransaction, owner: LockOwner): void {
    list.follow(blocker, owner);
    const lists = this.listsOf(blocker.virtualId);
    const few = listFor(lists, list.row);
    if (few === undefined) {
      lists.push(list);
      return;
    }
    list.takeOver(few);
    lists[lists.indexOf(few)] = list;
  }
}

function listFor(lists: readonly WaitList[], row: WantedRow | null): WaitList | undefined {
  return lists.find((list) => (row === null ? list.row === null : sameRow(list.row, row)));
}

function letGo(wait: TransactionWait): void {
  wait.granted = true;
  if (wait.row !== null) wait.waiter.rowTurn = { row: wait.row, ticket: wait.ticket, taken: false };
  wait.wake();
}
