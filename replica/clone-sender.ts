/**
 * Sends a node's state to one that is to become its standby, or what has changed of it to a backup: entries as a stream of bytes cut into
 * frames, as fast as the receiver's credit and a throttle allow, with changes the keys of all that is not sent, and at the end count and digest.
 */
import { createHash } from 'node:crypto';
import type { Env } from '../lib/env/env.js';
import type { KvEntry } from '../lib/kv/kv.js';
import type { StateSnapshot } from '../lib/wal/shipping.js';
import { CLONE_ENTRY_HEADER_BYTES, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from './format.js';
import { KeyFrame } from './clone-keys.js';
import { sealFrame } from './frames.js';
import type { Link } from './link.js';

/** How a state is sent. */
export interface CloneSenderParts {
  readonly env: Env;
  readonly link: Link;
  readonly epoch: () => number;
  readonly state: StateSnapshot;
  /** Only what checkpoints after this number wrote, and all keys; 0: everything. */
  readonly since: number;
  /** Bytes in a second; 0: as fast as it goes. */
  readonly bytesPerSecond: number;
}

/** See the file's comment. */
export class CloneSender {
  private readonly digest = createHash('sha256');
  private frame = Buffer.alloc(0);
  private used = 0;
  private entries = 0;
  /** Bytes of the stream sent, and allowed. */
  private sent = 0;
  private limit = 0;
  private wake: (() => void) | null = null;
  private endPause: (() => void) | null = null;
  private startMs = 0;
  private stopped = false;

  constructor(private readonly parts: CloneSenderParts) {}

  /** The receiver may be sent so many bytes of the stream in all. */
  credit(limit: number): void {
    if (limit > this.limit) this.limit = limit;
    this.wake?.();
  }

  /** Sends everything; resolves when it is queued, or the connection is over. Rejects with what reading the state raised. */
  async run(): Promise<void> {
    const { link, state, env, since } = this.parts;
    this.startMs = env.clock.monotonicMs();
    link.send({ type: 'cloneInfo', info: state.info, approximateBytes: since === 0 ? state.approximateBytes : 0 });
    this.newFrame();
    for await (const batch of state.entries(since)) {
      for (const entry of batch) await this.put(entry);
      if (this.stopped) return;
    }
    await this.flush();
    if (since > 0) await this.sendKeys();
    if (!this.stopped) link.send({ type: 'cloneEnd', entries: this.entries, digest: this.digest.digest() });
  }

  private newFrame(): void {
    this.frame = Buffer.allocUnsafeSlow(MAX_FRAME_BYTES);
    this.used = FRAME_HEADER_BYTES;
  }

  private async put([key, value]: KvEntry): Promise<void> {
    const header = Buffer.alloc(CLONE_ENTRY_HEADER_BYTES);
    header.writeUInt32LE(key.length, 0);
    header.writeUInt32LE(value.length, 4);
    this.entries++;
    for (const part of [header, key, value]) {
      for (let done = 0; done < part.length;) {
        if (this.used === MAX_FRAME_BYTES) await this.flush();
        const count = Math.min(part.length - done, MAX_FRAME_BYTES - this.used);
        this.frame.set(part.subarray(done, done + count), this.used);
        this.used += count;
        done += count;
      }
    }
  }

  private async sendKeys(): Promise<void> {
    const { state, since } = this.parts;
    let frame = new KeyFrame();
    for await (const batch of state.keys(since)) {
      for (const key of batch) {
        if (frame.add(key)) continue;
        await this.ship(frame.finish(), 'cloneKeys');
        frame = new KeyFrame();
        frame.add(key);
      }
      if (this.stopped) return;
    }
    await this.ship(frame.finish(), 'cloneKeys');
  }

  /** Sends the frame that is being filled. */
  private async flush(): Promise<void> {
    await this.ship(this.frame.subarray(0, this.used), 'cloneData');
    this.newFrame();
  }

  /** Sends a frame, once the receiver takes it. */
  private async ship(frame: Buffer, type: 'cloneData' | 'cloneKeys'): Promise<void> {
    const bytes = frame.length - FRAME_HEADER_BYTES;
    while (!this.stopped && this.sent + bytes > this.limit) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
    if (bytes > 0 && !this.stopped) {
      this.digest.update(frame.subarray(FRAME_HEADER_BYTES));
      this.parts.link.sendFrame(sealFrame(frame, type, this.parts.epoch()));
      this.sent += bytes;
      await this.throttle();
    }
  }

  /** Waits until so much is not too much for the time since the start. */
  private async throttle(): Promise<void> {
    const { env, bytesPerSecond } = this.parts;
    if (bytesPerSecond <= 0) return;
    const waitMs = this.startMs + (this.sent / bytesPerSecond) * 1000 - env.clock.monotonicMs();
    if (waitMs <= 0 || this.stopped) return;
    await new Promise<void>((resolve) => {
      const timer = env.timers.after(waitMs, resolve, true);
      this.endPause = () => {
        timer.cancel();
        resolve();
      };
    });
    this.endPause = null;
  }

  /** The connection is over. */
  stop(): void {
    this.stopped = true;
    this.wake?.();
    this.endPause?.();
  }
}
