/**
 * How execution waits. Everything that runs a statement is synchronous as long as it has what it needs; where it must
 * wait (a lock, a time slice, a slow client) it is a generator that yields a `Suspend` up to the driver, which awaits
 * the promise and resumes the generator. A statement whose rows are in memory and whose locks are free therefore runs
 * to its end without one `await`.
 *
 * Idea: coroutines as in PostgreSQL's latch waits, but with the JavaScript generator as the stack.
 */

/** A request to wait, yielded by a `Suspendable`. A rejection is thrown into the generator at the `yield`. */
export class Suspend {
  constructor(readonly until: Promise<void>) {}
}

/** A computation that may wait: yields `Suspend`s, returns its result. Compose with `yield*`. */
export type Suspendable<T> = Generator<Suspend, T, void>;

/** A result, or what is left to be waited for until there is one: what seldom waits needs no generator of its own. */
export type MaybeSuspended<T extends string | number | null> = T | Suspendable<T>;

/** Whether there is something to wait for. */
export function isSuspended<T extends string | number | null>(result: MaybeSuspended<T>): result is Suspendable<T> {
  return typeof result === 'object' && result !== null;
}

/** What cancels a wait: an `AbortSignal`, or the session's own, which costs less. */
export interface WaitSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** A `Suspend` that gives the event loop one turn: other sessions, cancel requests and timers run meanwhile. */
export function yieldToEventLoop(): Suspend {
  return new Suspend(new Promise((resolve) => setImmediate(resolve)));
}

/**
 * Runs a computation to its end. Returns the value itself when nothing waited, otherwise a promise of it: callers on
 * the hot path test for the promise instead of awaiting always.
 */
export function drive<T>(computation: Suspendable<T>): T | Promise<T> {
  const step = computation.next();
  if (step.done) return step.value;
  return driveOn(computation, step.value);
}

async function driveOn<T>(computation: Suspendable<T>, first: Suspend): Promise<T> {
  let suspend = first;
  for (;;) {
    let step: IteratorResult<Suspend, T>;
    try {
      await suspend.until;
    } catch (error) {
      step = computation.throw(error);
      if (step.done) return step.value;
      suspend = step.value;
      continue;
    }
    step = computation.next();
    if (step.done) return step.value;
    suspend = step.value;
  }
}
