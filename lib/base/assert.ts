/**
 * Assertions that stay on in production. They guard invariants of this code; user input never trips one.
 */

/** A broken invariant of our own code: a bug, never a user's mistake (SQLSTATE XX000 on the wire). */
export class AssertionFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AssertionFailure';
  }
}

/** Throws `AssertionFailure` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** The `default` of an exhaustive switch: the compiler checks that no case is missing. */
export function unreachable(value: never, what = 'case'): never {
  throw new AssertionFailure(`unexpected ${what}: ${String(value)}`);
}
