/**
 * Watches a server's process, which is to have no more memory than its budget (`shared_buffers`) and 52 MB.
 *
 * V8 collects the old generation when it has grown to several times of what was left the last time, so that what a load or a burst of
 * transactions leaves behind stays in memory for as long as little is allocated after it: after TPC-B, a third of the heap and more; after
 * 12 M rows were loaded, 140 MB. And beside the data that the budget counts there is what comes with them: garbage, the order of an index's
 * leaves, pieces that malloc keeps.
 *
 * Promises:
 * - A collection is asked for once a second has passed in which nearly nothing was done, and there is something to be had; again after some
 *   more of them, since V8 then gives back the young generation's memory, 31 MB; and, whatever is done, where much garbage has come together and V8
 *   has not collected for some seconds. It is an incremental one: marked in steps and beside the thread, which it holds up for 3 to 7 ms at its end
 *   after TPC-B.
 * - While the process is larger than it should be, V8 collects when its old generation has grown by half, and the data give way
 *   (`StorageEngine.giveWay`). 20 M rows under a budget of 122 MB: README.md of bench.
 *
 * A program that embeds the library is left alone.
 */
import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

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
/** What a server may have beside its data: with the default budget of 128 MB, 180 MB in all. */
const BESIDE_BUDGET_BYTES = 52 << 20;
/** A process that was too large is not any more when it is smaller than it may be by this share. */
const ROOMY_SHARE = 1 / 16;
/** By how much of itself the old generation grows until it is collected, in percent; 0: V8 decides, up to four times of itself. */
const GROWING_PERCENT = { tight: 50, roomy: 0 };

/** The process, as it is watched. */
export interface WatchedProcess {
  /** Share of the time since the last call in which the event loop was busy. */
  busyShare(): number;
  /** The heap's used bytes. */
  usedBytes(): number;
  /** All memory that the process has, in bytes. */
  residentBytes(): number;
  /** Whether V8 has collected the old generation since the last call. */
  hasCollected(): boolean;
  /** Asks V8 to collect it. */
  collect(): void;
  /** V8 is to spare memory, or not. */
  setTight(tight: boolean): void;
}

/** Whose data the process has. */
export interface WatchedData {
  /** Bytes that data may take. */
  readonly memoryBudget: number;
  /** See `StorageEngine`. */
  giveWay(bytes: number): void;
}

/** See the file's comment. */
export class MemoryWatch {
  private keptBytes: number;
  /** Looks since the last collection was seen. */
  private looks = 0;
  /** Idle looks, one after the other. */
  private idle = 0;
  /** The process is larger than it should be. */
  private tight = false;

  constructor(private readonly process: WatchedProcess, private readonly data: WatchedData) {
    this.keptBytes = process.usedBytes();
    process.busyShare();
    process.hasCollected();
  }

  /** To be called every LOOK_MS. */
  look(): void {
    const { process } = this;
    this.holdDown();
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

  private holdDown(): void {
    const { process, data } = this;
    const allowed = data.memoryBudget + BESIDE_BUDGET_BYTES;
    const excess = process.residentBytes() - allowed;
    if (this.tight ? excess < -allowed * ROOMY_SHARE : excess > 0) {
      this.tight = !this.tight;
      process.setTight(this.tight);
    }
    if (this.tight === excess > 0) data.giveWay(excess);
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

  residentBytes(): number {
    return process.memoryUsage.rss();
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

  setTight(tight: boolean): void {
    setFlagsFromString(`--heap-growing-percent=${tight ? GROWING_PERCENT.tight : GROWING_PERCENT.roomy}`);
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

/** Watches this process, which has these data; keeps no process alive. */
export function watchMemory(data: WatchedData): void {
  const watch = new MemoryWatch(new ThisProcess(), data);
  setInterval(() => watch.look(), LOOK_MS).unref();
}
