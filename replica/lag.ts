/**
 * How long a standby takes to write, flush and apply the log: samples of (LSN, time when it was durable here, or of what is sent later
 * than that, because the standby has to catch up, when it was sent), looked up when the standby reports an LSN.
 * The idea is PostgreSQL's LagTracker (replication/walsender.c). A fixed ring; when it is full no sample is taken until one is used.
 */
import type { Lsn } from '../lib/base/lsn.js';

const SAMPLES = 4096;
const STAGES = ['write', 'flush', 'apply'] as const;
export type LagStage = (typeof STAGES)[number];

/** See the file's comment. */
export class LagTracker {
  private readonly positions = new Float64Array(SAMPLES);
  private readonly times = new Float64Array(SAMPLES);
  /** Counts of samples taken, and used by each stage: indices modulo the size of the ring. */
  private taken = 0;
  private readonly used: Record<LagStage, number> = { write: 0, flush: 0, apply: 0 };
  private readonly lags: Record<LagStage, number | null> = { write: null, flush: null, apply: null };

  /** The log ends at `position` since `nowMs`. Positions go up. */
  sample(position: Lsn, nowMs: number): void {
    if (this.taken - Math.min(this.used.write, this.used.flush, this.used.apply) >= SAMPLES) return;
    const index = this.taken++ % SAMPLES;
    this.positions[index] = position;
    this.times[index] = nowMs;
  }

  /** The standby has reached `position` in this stage. */
  reached(stage: LagStage, position: Lsn, nowMs: number): void {
    let last = -1;
    while (this.used[stage] < this.taken && this.positions[this.used[stage] % SAMPLES] <= position) last = this.used[stage]++;
    if (last >= 0) this.lags[stage] = nowMs - this.times[last % SAMPLES];
  }

  /** Milliseconds of the last sample that was reached; null before the first. */
  lag(stage: LagStage): number | null {
    return this.lags[stage];
  }
}
