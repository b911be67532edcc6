/**
 * LISTEN and NOTIFY: who listens to which channel, and how a commit's notifications reach them. Notifications ride in the
 * commit record (`StorageEngine.logMessage`), so that they are delivered when the commit is, on every node.
 */
import type { LogMessage, StorageEngine, Transaction } from '../access/api.js';

/** Kind of the log message that carries notifications. */
const NOTIFY_MESSAGE = 'notify';

/** One notification of a transaction. */
export interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/** A session that can listen. */
export interface Listener {
  readonly databaseOid: number;
  readonly channels: ReadonlySet<string>;
  receive(processId: number, notification: Notification): void;
}

/** The listeners of a server. */
export class NotifyHub {
  private readonly listeners = new Set<Listener>();

  constructor(private readonly storage: StorageEngine) {
    storage.onMessage((message) => {
      if (message.kind === NOTIFY_MESSAGE) this.deliver(message.payload);
    });
  }

  /** A session listens to something from now on. */
  add(listener: Listener): void {
    this.listeners.add(listener);
  }

  remove(listener: Listener): void {
    this.listeners.delete(listener);
  }

  /** Sends a transaction's notifications with its commit record. */
  attach(transaction: Transaction, processId: number, databaseOid: number, notifications: readonly Notification[]): void {
    const message: LogMessage = {
      kind: NOTIFY_MESSAGE,
      payload: Buffer.from(JSON.stringify([processId, databaseOid, ...notifications.map(({ channel, payload }) => [channel, payload])])),
    };
    transaction.assignXid();
    this.storage.logMessage(transaction, message);
  }

  private deliver(payload: Uint8Array): void {
    if (this.listeners.size === 0) return;
    const [processId, databaseOid, ...entries] = JSON.parse(Buffer.from(payload).toString('utf8')) as [number, number, ...[string, string][]];
    for (const [channel, text] of entries) {
      for (const listener of this.listeners) {
        if (listener.databaseOid === databaseOid && listener.channels.has(channel)) listener.receive(processId, { channel, payload: text });
      }
    }
  }
}
