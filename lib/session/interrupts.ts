/**
 * Everything that stops a statement from outside: cancel requests, statement_timeout, the end of the session. Long work
 * asks `check` now and then; waits take `signal`, made only when something really waits.
 */
import { pgError, type PgError } from '../base/error.js';
import type { TimerHandle, Timers } from '../env/env.js';

/** A session's pending interrupt. */
export class Interrupts {
  /** Told of every interrupt at once (the connection wakes a COPY that waits for its client). */
  onRaise: ((error: PgError) => void) | null = null;
  private pending: PgError | null = null;
  private controller: AbortController | null = null;
  private timer: TimerHandle | null = null;

  constructor(private readonly timers: Timers) {}

  /** Throws the interrupt that is pending, if any. */
  check(): void {
    if (this.pending === null) return;
    const { pending } = this;
    if (pending.severity !== 'FATAL') this.pending = null;
    throw pending;
  }

  /** Aborted with the interrupt as its reason. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.pending !== null) this.controller.abort(this.pending);
    return this.controller.signal;
  }

  /** Interrupts what runs now. A FATAL stays until the session ends. */
  raise(error: PgError): void {
    if (this.pending?.severity === 'FATAL') return;
    this.pending = error;
    this.controller?.abort(error);
    this.onRaise?.(error);
  }

  /** True when the session is to end. */
  get isFatal(): boolean {
    return this.pending?.severity === 'FATAL';
  }

  /** statement_timeout begins to run. */
  startTimeout(milliseconds: number): void {
    this.timer?.cancel();
    this.timer = this.timers.after(milliseconds, () => this.raise(statementTimeout()), true);
  }

  get hasTimeout(): boolean {
    return this.timer !== null;
  }

  stopTimeout(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  /** The statement is over: what only meant to stop it is forgotten. */
  statementEnded(): void {
    this.stopTimeout();
    if (this.pending !== null && this.pending.severity !== 'FATAL') this.pending = null;
    if (this.controller?.signal.aborted) this.controller = null;
  }
}

/** 57014 of statement_timeout. */
export function statementTimeout(): PgError {
  return pgError('QUERY_CANCELED', 'canceling statement due to statement timeout');
}

/** 57014 of a cancel request. */
export function userCancel(): PgError {
  return pgError('QUERY_CANCELED', 'canceling statement due to user request');
}
