/**
 * Values at rest that are not needed any more, deleted together once a turn of the event loop.
 */
import type { Env } from '../env/env.js';
import type { KeyValueStore, KvChange } from '../kv/kv.js';

/** What deleting needs of the engine. */
export interface DiscardHost {
  readonly env: Env;
  readonly store: KeyValueStore;
  readonly isClosed: boolean;
  fail(error: unknown): void;
}

/** See the file's comment. */
export class Discards {
  private waiting: KvChange[] = [];

  constructor(private readonly host: DiscardHost) {}

  add(key: Uint8Array): void {
    this.waiting.push({ type: 'delete', key });
    if (this.waiting.length === 1) this.host.env.timers.soon(() => void this.remove());
  }

  /** Deletes what waits. */
  async remove(): Promise<void> {
    const { waiting, host } = this;
    if (host.isClosed || waiting.length === 0) return;
    this.waiting = [];
    await host.store.batch(waiting, false).catch((error: unknown) => host.fail(error));
  }
}
