/**
 * How many transactions are at work on changes of their own: those that have written since the log's last group of commits began and
 * have not ended. Their commits are likely to come soon, so the log may gather them (`CommitSiblings`). A transaction that sits
 * idle with old changes does not count: nobody is to wait for it.
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

  /** The transaction writes. */
  wrote(transaction: CountedWriter): void {
    if (transaction.wroteInGroup === this.group) return;
    transaction.wroteInGroup = this.group;
    this.active++;
  }

  /** The transaction has ended. */
  ended(transaction: CountedWriter): void {
    if (transaction.wroteInGroup === this.group) this.active--;
    transaction.wroteInGroup = 0;
  }

  /** A group of commits is being written out: everybody counts anew with the next write. */
  groupBegan(): void {
    this.group++;
    this.active = 0;
  }
}
