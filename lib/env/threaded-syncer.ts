/**
 * A `Syncer` with a thread of its own, which goes on to the next sync by itself: between two syncs there is no wake-up of the thread that runs
 * SQL, nor that one's queue. The thread is started once syncs have been asked for often enough while others were under way; until it runs, and for ever if it
 * cannot be started, syncs go through Node's pool of threads. An error of a sync is told once, and ends the thread.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { OpenFile, Syncer, SyncsEnded } from './env.js';
import { PooledSyncer } from './pooled-syncer.js';
import { SyncRing } from './sync-ring.js';
import type { SyncFailure, SyncThreadData } from './sync-thread.js';

/** The thread is started after so many syncs that were asked for while others were under way. */
const WANTED_OFTEN = 64;
/** The thread makes nothing but messages. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 };

/** See the file's comment. */
export class ThreadedSyncer implements Syncer {
  private readonly pooled: PooledSyncer;
  private wanted = 0;
  private thread: SyncThread | null = null;

  /** `descriptorOf`: of an open file of this process. */
  constructor(private readonly ended: SyncsEnded, private readonly descriptorOf: (file: OpenFile) => number) {
    this.pooled = new PooledSyncer(ended);
  }

  sync(files: readonly OpenFile[]): void {
    if (this.pooled.isIdle && this.thread?.isReady === true) {
      this.thread.sync(files.map(this.descriptorOf));
      return;
    }
    if (!this.pooled.isIdle && ++this.wanted === WANTED_OFTEN) this.thread = new SyncThread(this.ended);
    this.pooled.sync(files);
  }

  close(): void {
    this.thread?.close();
  }
}

/** The thread. */
class SyncThread {
  private readonly ring = new SyncRing();
  private readonly worker: Worker;
  private readonly port: MessagePort;
  /** For each sync under way the number that the ring gave to its last file. */
  private readonly underWay: number[] = [];

  constructor(private readonly ended: SyncsEnded) {
    // Loaded by those who need them: a start does not wait for Node's threads.
    const { MessageChannel, Worker } = process.getBuiltinModule('node:worker_threads');
    const { port1, port2 } = new MessageChannel();
    const data: SyncThreadData = { memory: this.ring.memory, port: port2 };
    this.port = port1;
    this.worker = new Worker(new URL('./sync-thread.js', import.meta.url), {
      workerData: data, transferList: [port2], name: 'syncs', execArgv: [], resourceLimits: THREAD_LIMITS,
    });
    this.worker.unref();
    this.worker.on('error', (error) => {
      if (this.isReady) this.fail(error);
      else process.emitWarning(error);
    });
    port1.on('message', (failure: SyncFailure | null) => this.told(failure));
    port1.unref();
  }

  get isReady(): boolean {
    return this.ring.hasTaker;
  }

  sync(descriptors: readonly number[]): void {
    let number = 0;
    for (const descriptor of descriptors) number = this.ring.push(descriptor);
    // A process that has nothing else to do waits for it.
    if (this.underWay.length === 0) this.port.ref();
    this.underWay.push(number);
  }

  private told(failure: SyncFailure | null): void {
    if (failure !== null) {
      const { error, code } = failure;
      this.fail(Object.assign(error instanceof Error ? error : new Error(String(error)), { code }));
      return;
    }
    const { underWay, ring } = this;
    let count = 0;
    while (count < underWay.length && ring.isDone(underWay[count])) count++;
    if (count === 0) return;
    underWay.splice(0, count);
    if (underWay.length === 0) this.port.unref();
    this.ended(null, count);
  }

  private fail(error: Error): void {
    this.port.close();
    this.ended(error, 0);
  }

  close(): void {
    this.ring.close();
    this.port.close();
  }
}
