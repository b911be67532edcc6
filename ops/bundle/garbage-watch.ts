/**
 * Has garbage collected that would stay. V8 collects the old generation when it has grown to several times of what was left the last time,
 * so that what a load or a burst of transactions leaves behind stays in memory for as long as little is allocated after it: after TPC-B,
 * a third of the heap and more; after 12 M rows were loaded, 140 MB.
 *
 * Promises: a collection is asked for once a second has passed in which nearly nothing was done, and there is something to be had; again after
 * some more of them, since V8 then gives back the young generation's memory, 31 MB; and, whatever is done, where much garbage has come together
 * and V8 has not collected for some seconds. It is an incremental one: marked in steps and beside the thread, which it holds up for 3 to 7 ms at
 * its end after TPC-B.
 */
import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** Between two looks, in milliseconds. */
const LOOK_MS = 1000;
/** Share of that time in which a server without work is busy at most: signs of life, timers, this. */
const IDLE_SHARE = 0.02;
/** After so many idle looks V8 takes what is allocated for little (it looks back for five seconds). */
const LONG_IDLE = 6;
/** The heap has grown by so much since the last collection: worth one when nothing is done, and when something is, if V8 has left it alone ... */
const WORTHWHILE_BYTES = 16 << 20;
/** ... for so many looks. */
const PATIENCE = 4;
/**
 * Memory outside of its heap that is suddenly there makes V8 begin an incremental collection: it collects when more than 64 MB have come since the
 * last one. Nobody touches these bytes, so the process never has them.
 */
const NUDGE_BYTES = 80 << 20;

/** The process, as it is watched. */
export interface WatchedProcess {
  /** Share of the time since the last call in which the event loop was busy. */
  busyShare(): number;
  /** The heap's used bytes. */
  usedBytes(): number;
  /** Whether V8 has collected the old generation since the last call. */
  hasCollected(): boolean;
  /** Asks V8 to collect it. */
  collect(): void;
}

/** See the file's comment. */
export class GarbageWatch {
  private keptBytes: number;
  /** Looks since the last collection was seen. */
  private looks = 0;
  /** Idle looks, one after the other. */
  private idle = 0;

  constructor(private readonly process: WatchedProcess) {
    this.keptBytes = process.usedBytes();
    process.busyShare();
    process.hasCollected();
  }

  /** To be called every LOOK_MS. */
  look(): void {
    const { process } = this;
    this.idle = process.busyShare() <= IDLE_SHARE ? this.idle + 1 : 0;
    const used = process.usedBytes();
    if (process.hasCollected()) {
      this.keptBytes = used;
      this.looks = 0;
    } else this.looks++;
    if (this.idle === LONG_IDLE || this.isWorthIt(used - this.keptBytes)) process.collect();
  }

  private isWorthIt(grownBytes: number): boolean {
    return grownBytes >= WORTHWHILE_BYTES && (this.idle > 0 || this.looks >= PATIENCE);
  }
}

/** This process. */
export class ThisProcess implements WatchedProcess {
  private last: EventLoopUtilization | undefined;
  /** The young generation's collections keep what a WeakRef refers to. */
  private sentinel = new WeakRef({});

  busyShare(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.last);
    this.last = now;
    return utilization;
  }

  usedBytes(): number {
    return getHeapStatistics().used_heap_size;
  }

  hasCollected(): boolean {
    if (this.sentinel.deref() !== undefined) return false;
    this.sentinel = new WeakRef({});
    return true;
  }

  collect(): void {
    // In a job of its own: what a WeakRef was asked for is kept to the end of the one that asked.
    setImmediate(nudge);
  }
}

function nudge(): void {
  try {
    void new ArrayBuffer(NUDGE_BYTES);
  } catch (error) {
    // Where so much address space is not to be had, V8 collects when it finds it has to.
    if (!(error instanceof RangeError)) throw error;
  }
}

/** Watches this process; keeps no process alive. */
export function watchGarbage(): void {
  const watch = new GarbageWatch(new ThisProcess());
  setInterval(() => watch.look(), LOOK_MS).unref();
}
