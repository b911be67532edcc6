/**
 * How many transactions are at work on changes of their own: those that have written since the log's last group of commits began and
 * have not ended. Their commits are likely to come soon, so the log may gather them (`CommitSiblings`). A transaction that sits
 * idle with old changes does not count: nobody is to wait for it. And whether a single session is at work at all: the log may then sync
 * on this thread.
 */
import type { CommitSiblings } from '../wal/gathering.js';

/** A transaction as the count sees it. */
export interface CountedWriter {
  /** The group in which it wrote last; 0 when it does not count. */
  wroteInGroup: number;
}

/** See the file's comment. */
export class ActiveWriters implements CommitSiblings {
  active = 0;
  private group = 1;
  /** Transactions under way, readers included. */
  private open = 0;
  /** The session whose transaction began last. */
  private session = 0;
  /** Another session than before has begun a transaction since the last group. */
  private changed = false;

  get isOneSession(): boolean {
    return this.open === 0 && !this.changed;
  }

  /** A transaction of the session begins. */
  began(sessionId: number): void {
    this.open++;
    if (sessionId === this.session) return;
    this.session = sessionId;
    this.changed = true;
  }

  /** The transaction writes. */
  wrote(transaction: CountedWriter): void {
    if (transaction.wroteInGroup === this.group) return;
    transaction.wroteInGroup = this.group;
    this.active++;
  }

  /** The transaction has ended. */
  ended(transaction: CountedWriter): void {
    this.open--;
    if (transaction.wroteInGroup === this.group) this.active--;
    transaction.wroteInGroup = 0;
  }

  /** A group of commits is being written out: everybody counts anew with the next write. */
  groupBegan(): void {
    this.group++;
    this.active = 0;
    this.changed = false;
  }
}
