/** What the archive's tests share: a node with a real log in any environment, and waiting for conditions without sleeping. */
import type { Env } from '../../lib/env/env.js';
import type { SimEnv } from '../../lib/env/sim.js';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { Archiver, type ArchiverProblem } from '../../lib/archive/archiver.js';
import type { ObjectStore } from '../../lib/archive/store.js';
import { EMPTY_LOG, parseSegmentName, SEGMENT_BYTES, segmentOf, type LogPosition } from '../../lib/wal/format.js';
import { FIRST_HISTORY, type TimelineHistory } from '../../lib/wal/history.js';
import { LogReader } from '../../lib/wal/reader.js';
import type { LogHold, LogSource } from '../../lib/wal/shipping.js';
import { LogWriter } from '../../lib/wal/writer.js';

export const SYSTEM = 7_231_549_802_342_134n;

/** A log of its own as a source. */
export class TestNode implements LogSource {
  history: TimelineHistory;
  readonly systemIdentifier: bigint;
  private writer: LogWriter;
  private readonly holds = new Map<LogHold, Lsn>();
  private readonly listeners = new Set<() => void>();

  constructor(readonly env: Env, readonly logDirectory: string, options: { position?: LogPosition; history?: TimelineHistory; systemIdentifier?: bigint } = {}) {
    this.history = options.history ?? FIRST_HISTORY;
    this.systemIdentifier = options.systemIdentifier ?? SYSTEM;
    env.files.makeDirectory(logDirectory);
    this.writer = this.open(options.position ?? EMPTY_LOG);
  }

  private open(position: LogPosition): LogWriter {
    return new LogWriter(this.env, this.logDirectory, {
      systemIdentifier: this.systemIdentifier, timeline: this.history.timeline, position, preallocate: false, delayMs: 1e9,
      fatal: (error) => {
        throw error;
      },
    });
  }

  /** The same log after a restart. */
  static reopen(env: Env, logDirectory: string): TestNode {
    const reader = new LogReader(env, logDirectory, { systemIdentifier: SYSTEM, timeline: 1, start: lsn(SEGMENT_BYTES) });
    while (reader.next() !== null);
    reader.close();
    return new TestNode(env, logDirectory, { position: reader.position });
  }

  get durableLsn(): Lsn {
    return this.writer.flushedLsn;
  }

  get durablePosition(): LogPosition {
    return this.writer.position;
  }

  awaitedLsn = lsn(0);
  writeAwaitedLsn = lsn(0);

  watchLog(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  get watchers(): number {
    return this.listeners.size;
  }

  holdLog(_name: string, position: Lsn): LogHold {
    const hold: LogHold = {
      advance: (to) => {
        if (to > (this.holds.get(hold) ?? 0)) this.holds.set(hold, to);
      },
      release: () => void this.holds.delete(hold),
    };
    this.holds.set(hold, position);
    return hold;
  }

  /** The lowest position held; null: nothing is held. */
  get held(): Lsn | null {
    return this.holds.size === 0 ? null : lsn(Math.min(...this.holds.values()));
  }

  oldestLsn(): Lsn {
    const segments = this.env.files.list(this.logDirectory).flatMap((name) => parseSegmentName(name)?.segment ?? []);
    return lsn(Math.min(...segments) * SEGMENT_BYTES);
  }

  /** Appends records of these sizes and makes them durable; returns the end. */
  async write(...payloadBytes: number[]): Promise<Lsn> {
    let end = this.writer.appendedLsn;
    for (const bytes of payloadBytes) end = this.writer.append(16, Buffer.alloc(bytes, payloadBytes.length + bytes));
    await this.writer.whenFlushed(end);
    this.notify();
    return end;
  }

  /** Appends one record and makes it durable. */
  async writeRecord(type: number, payload: Uint8Array): Promise<Lsn> {
    const end = this.writer.append(type, payload);
    await this.writer.whenFlushed(end);
    this.notify();
    return end;
  }

  notify(): void {
    for (const listener of this.listeners) listener();
  }

  /** Fills the current segment, so that the log stands in the next one. */
  async fillSegment(): Promise<Lsn> {
    const segment = segmentOf(this.durableLsn);
    let end = this.durableLsn;
    while (segmentOf(end) === segment) end = await this.write(1 << 20);
    return end;
  }

  /** Goes on in a new timeline, as a promotion does: the straddling segment is copied under the new name. */
  async promote(history: TimelineHistory): Promise<void> {
    const { position } = this.writer;
    await this.writer.close();
    const names = this.env.files.list(this.logDirectory);
    const segment = segmentOf(position.endLsn);
    const old = names.find((name) => parseSegmentName(name)?.segment === segment && parseSegmentName(name)?.timeline === this.history.timeline);
    const bytes = this.env.files.readFile(`${this.logDirectory}/${old}`).slice(0, position.endLsn % SEGMENT_BYTES);
    this.history = history;
    const { segmentName } = await import('../../lib/wal/format.js');
    this.env.files.writeFile(`${this.logDirectory}/${segmentName(history.timeline, segment)}`, bytes);
    this.writer = this.open(position);
    this.notify();
  }

  removeSegmentsBefore(position: Lsn): void {
    this.writer.removeSegmentsBefore(position);
  }

  close(): Promise<void> {
    return this.writer.close();
  }
}

/** An archiver with what it told. */
export function startArchiver(node: TestNode, store: ObjectStore, archiveTimeoutMs = 0): { archiver: Archiver; problems: ArchiverProblem[] } {
  const problems: ArchiverProblem[] = [];
  const archiver = new Archiver({ env: node.env, source: node, store, archiveTimeoutMs, onProblem: (problem) => problems.push(problem) });
  return { archiver, problems };
}

/** Turns the event loop, moving a simulated clock, until a condition holds; fails after ten real seconds. */
export async function until(condition: () => boolean, env?: SimEnv, stepMs = 50): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not: ${condition.toString()}`);
    if (env !== undefined) await env.advance(stepMs);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not reject');
}
