/**
 * When checkpoints are written: on demand, when the log has grown enough, and after a time. At most one runs.
 */
import type { Lsn } from '../base/lsn.js';
import type { TimerHandle } from '../env/env.js';
import { Checkpoint, type CheckpointHost } from './checkpoint.js';

/** A checkpoint is due at the latest when the log has grown by this: what is replayed in about a second. */
const REPLAYED_BYTES = 64 << 20;

/** What the schedule needs of the engine. */
export interface CheckpointerHost extends CheckpointHost {
  /** A state of this engine can be written: replay has passed the one that it began with. */
  readonly consistent: boolean;
  /** The engine has failed or is about to close. */
  readonly ending: boolean;
  fail(error: unknown): void;
  /** A checkpoint was written. */
  checkpointed(clean: boolean): void;
}

/** The last checkpoint. */
export interface CheckpointState {
  readonly number: number;
  readonly redoLsn: Lsn;
  /** Its state is that of this LSN. */
  readonly stateLsn: Lsn;
}

/** Settings of the schedule (`StorageSettings`). */
export interface CheckpointSettings {
  readonly checkpointTimeoutMs: number;
  readonly maxWalSize: number;
}

/** See the file's comment. */
export class Checkpointer {
  /** End of the log when the last checkpoint began: nothing to do for another while it stands there. */
  private beganAt: Lsn;
  private running: Promise<void> | null = null;
  private asked = false;
  private timer: TimerHandle | null = null;
  /** Log that makes a checkpoint due. */
  private readonly dueBytes: number;

  /** `last`: what the state stands on. Not `durable`: there is nothing to write to. */
  constructor(private readonly host: CheckpointerHost, private readonly settings: CheckpointSettings, private readonly durable: boolean, public last: CheckpointState) {
    this.beganAt = last.stateLsn;
    this.dueBytes = Math.min(settings.maxWalSize / 2, REPLAYED_BYTES);
  }

  /** Writes a checkpoint of what there is now. */
  async checkpoint(): Promise<void> {
    if (!this.durable) return;
    if (this.running !== null) {
      await this.running;
      if (this.host.log.appendedLsn === this.beganAt) return;
    }
    await this.start(false);
  }

  /** Starts a checkpoint, or joins the one that runs. */
  start(clean: boolean): Promise<void> {
    const { host } = this;
    if (!host.consistent) return Promise.resolve();
    this.running ??= this.run(clean)
      .catch((error: unknown) => host.fail(error))
      .finally(() => (this.running = null));
    return this.running;
  }

  private async run(clean: boolean): Promise<void> {
    const number = this.last.number + 1;
    this.beganAt = this.host.log.appendedLsn;
    const { redoLsn, lsn: stateLsn } = await new Checkpoint(this.host, number, clean).run();
    this.last = { number, redoLsn, stateLsn };
    this.host.checkpointed(clean);
  }

  /** Resolves when none runs. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  /** The log has grown: a checkpoint, when it is enough. */
  consider(): void {
    if (this.host.log.appendedLsn - this.beganAt > this.dueBytes) this.soon();
  }

  private soon(): void {
    if (this.running !== null || this.asked) return;
    this.asked = true;
    this.host.env.timers.soon(() => {
      this.asked = false;
      if (!this.host.ending) void this.start(false);
    });
  }

  /** From now on one is due after `checkpointTimeoutMs`, again and again. */
  armTimer(): void {
    if (!this.durable || this.timer !== null) return;
    this.timer = this.host.env.timers.after(this.settings.checkpointTimeoutMs, () => {
      this.timer = null;
      if (this.host.log.appendedLsn !== this.beganAt) this.soon();
      this.armTimer();
    }, true);
  }

  disarm(): void {
    this.timer?.cancel();
  }
}
