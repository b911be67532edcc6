/**
 * nextval, currval, setval, lastval: thin over the session's sequence service.
 */
import { withContext } from './registry.js';
import type { Int8 } from '../types/datum.js';

declare module './context.js' {
  interface SystemServices {
    /** Sequences of the session's database; the service checks privileges, transaction mode and kind of relation. */
    readonly sequences: SequenceServices;
  }
}

/** What the functions need of sequences. */
export interface SequenceServices {
  /** Advances and returns the value. @throws 2200H at the end, 42501, 42809, 25006 */
  next(sequence: number): Int8;
  /** The value of the session's last `next` of this sequence. @throws 55000 before the first */
  current(sequence: number): Int8;
  /** @throws 22003 out of the sequence's bounds */
  set(sequence: number, value: Int8, isCalled: boolean): void;
  /** The value of the session's last `next` of any sequence. @throws 55000 before the first */
  last(): Int8;
  /** pg_sequence_last_value: null while never called. */
  lastValue(sequence: number): Int8 | null;
}

withContext('nextval_oid', (cx, sequence: number) => cx.services.system.sequences.next(sequence));
withContext('currval_oid', (cx, sequence: number) => cx.services.system.sequences.current(sequence));
withContext('setval_oid', (cx, sequence: number, value: Int8) => {
  cx.services.system.sequences.set(sequence, value, true);
  return value;
});
withContext('setval3_oid', (cx, sequence: number, value: Int8, isCalled: boolean) => {
  cx.services.system.sequences.set(sequence, value, isCalled);
  return value;
});
withContext('lastval', (cx) => cx.services.system.sequences.last());
withContext('pg_sequence_last_value', (cx, sequence: number) => cx.services.system.sequences.lastValue(sequence));
