/**
 * Everything that stops a statement from outside: cancel requests, statement_timeout, the end of the session. Long work
 * asks `check` now and then; waits take the interrupts themselves as their signal (an AbortSignal's listeners cost more than the wait).
 */
import { pgError, type PgError } from '../base/error.js';
import type { WaitSignal } from '../base/suspend.js';
import type { TimerHandle, Timers } from '../env/env.js';

/** A session's pending interrupt; as a `WaitSignal`, aborted while there is one. */
export class Interrupts implements WaitSignal {
  /** Told of every interrupt at once (the connection wakes a COPY that waits for its client). */
  onRaise: ((error: PgError) => void) | null = null;
  private pending: PgError | null = null;
  private readonly listeners: (() => void)[] = [];
  private timer: TimerHandle | null = null;

  constructor(private readonly timers: Timers) {}

  /** Throws the interrupt that is pending, if any. */
  check(): void {
    if (this.pending === null) return;
    const { pending } = this;
    if (pending.severity !== 'FATAL') this.pending = null;
    throw pending;
  }

  /** What waits take: aborted, with the interrupt as its reason, while there is one. */
  get signal(): WaitSignal {
    return this;
  }

  get aborted(): boolean {
    return this.pending !== null;
  }

  get reason(): unknown {
    return this.pending;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.listeners.lastIndexOf(listener);
    if (index >= 0) this.listeners.splice(index, 1);
  }

  /** Interrupts what runs now. A FATAL stays until the session ends. */
  raise(error: PgError): void {
    if (this.pending?.severity === 'FATAL') return;
    this.pending = error;
    for (const listener of this.listeners.splice(0)) listener();
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
