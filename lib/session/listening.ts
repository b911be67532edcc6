/**
 * One session's LISTEN and NOTIFY: its channels, what its transaction changes and sends at commit, and notifications that
 * wait until the session is idle (PostgreSQL's commands/async.c).
 */
import type { Transaction } from '../access/api.js';
import type { Oid } from '../catalog/api.js';
import type { SessionClient } from './client.js';
import type { Listener, Notification } from './notify.js';
import type { Session } from './session.js';

/** See the file's comment. */
export class Listening implements Listener {
  readonly channels = new Set<string>();
  /** LISTEN and UNLISTEN of the running transaction. */
  private changes: (() => void)[] = [];
  /** NOTIFY of the running transaction. */
  private outgoing: Notification[] = [];
  private incoming: (readonly [processId: number, notification: Notification])[] = [];

  constructor(private readonly session: Session, private readonly client: Pick<SessionClient, 'notification'>) {}

  get databaseOid(): Oid {
    return this.session.databaseOid;
  }

  /** LISTEN, from the commit on. */
  listen(channel: string): void {
    this.changes.push(() => {
      this.channels.add(channel);
      this.session.engine.notifications.add(this);
    });
  }

  /** UNLISTEN, from the commit on. */
  unlisten(channel: string): void {
    this.changes.push(() => {
      this.channels.delete(channel);
      if (this.channels.size === 0) this.stop();
    });
  }

  /** UNLISTEN *, from the commit on. */
  unlistenAll(): void {
    this.changes.push(() => this.stop());
  }

  /** Listens to nothing from now on. */
  stop(): void {
    this.channels.clear();
    this.session.engine.notifications.remove(this);
  }

  /** NOTIFY, at commit: equal notifications of one transaction are sent once. */
  notify(notification: Notification): void {
    const { channel, payload } = notification;
    if (!this.outgoing.some((other) => other.channel === channel && other.payload === payload)) this.outgoing.push(notification);
  }

  /** Before the commit record. */
  preCommit(transaction: Transaction): void {
    if (this.outgoing.length === 0) return;
    this.session.engine.notifications.attach(transaction, this.session.processId, this.databaseOid, this.outgoing);
  }

  /** The transaction is over. */
  transactionEnded(committed: boolean): void {
    if (committed) for (const change of this.changes) change();
    if (this.changes.length > 0) this.changes = [];
    if (this.outgoing.length > 0) this.outgoing = [];
  }

  /** A notification of another session, or of this one. */
  receive(processId: number, notification: Notification): void {
    if (this.session.isBusy) this.incoming.push([processId, notification]);
    else this.client.notification(processId, notification.channel, notification.payload);
  }

  /** Just before ReadyForQuery: hands out what came meanwhile. */
  deliver(): void {
    if (this.incoming.length === 0 || this.session.block.kind !== 'none') return;
    const waiting = this.incoming;
    this.incoming = [];
    for (const [processId, { channel, payload }] of waiting) this.client.notification(processId, channel, payload);
  }
}
