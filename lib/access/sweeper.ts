/**
 * Removes what no snapshot needs any more: retired index entries after each checkpoint, and everything on demand (VACUUM).
 */
import type { Lsn } from '../base/lsn.js';
import { yieldToEventLoop, type Suspend, type Suspendable } from '../base/suspend.js';
import type { Env } from '../env/env.js';
import type { FileNumber } from './api.js';
import type { FileTable, StorageFile } from './file-table.js';
import type { HeapFile } from './heap-file.js';
import type { IndexFile } from './index-file.js';

/** What sweeps need of the engine. */
export interface SweepHost {
  readonly env: Env;
  readonly files: FileTable;
  /** The engine has failed or is about to close. */
  readonly ending: boolean;
  horizon(): Lsn;
  memoryPressure(): Suspend | null;
  fail(error: unknown): void;
}

/** Longest stretch without a turn of the event loop, in milliseconds. */
const SLICE_MS = 4;

/** See the file's comment. */
export class Sweeper {
  private sweeping = false;
  private again = false;

  constructor(private readonly host: SweepHost) {}

  /** Removes retired index entries, a slice a turn of the event loop, until there are no more. */
  soon(): void {
    this.again = true;
    if (this.sweeping) return;
    this.sweeping = true;
    this.run().catch((error: unknown) => this.host.fail(error)).finally(() => (this.sweeping = false));
  }

  private async run(): Promise<void> {
    const { host } = this;
    while (this.again) {
      this.again = false;
      await new Promise<void>((resolve) => host.env.timers.soon(resolve));
      if (host.ending) return;
      for (const file of [...host.files.values()]) {
        if (file.kind !== 'index') continue;
        for (const step of this.sweepIndex(file)) {
          await step.until;
          if (host.ending) return;
        }
      }
    }
  }

  /** Removes from one file, or all, what no snapshot needs. */
  *vacuum(file?: FileNumber): Suspendable<void> {
    const { files } = this.host;
    const one = file === undefined ? null : files.find(file);
    const all: StorageFile[] = file === undefined ? [...files.values()] : one === null ? [] : [one];
    for (const found of all) if (found.kind === 'index') yield* this.sweepIndex(found);
    for (const found of all) if (found.kind === 'heap') yield* this.settleHeap(found);
  }

  private sweepIndex(file: IndexFile): Suspendable<void> {
    file.retirements.beginSweep();
    return this.inSlices(() => file.retirements.sweep(this.host.horizon()));
  }

  private settleHeap(file: HeapFile): Suspendable<void> {
    let number = 0;
    return this.inSlices(() => {
      if (number >= file.chunkCount) return false;
      file.settle(number++);
      return true;
    });
  }

  /** Repeats a step until it says that there is no more, with a pause after each time slice. */
  private *inSlices(step: () => boolean): Suspendable<void> {
    const { clock } = this.host.env;
    let sliceStart = clock.monotonicMs();
    while (step()) {
      if (clock.monotonicMs() - sliceStart < SLICE_MS) continue;
      yield this.host.memoryPressure() ?? yieldToEventLoop();
      sliceStart = clock.monotonicMs();
    }
  }
}
