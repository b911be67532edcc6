/**
 * A sequence's state. Not transactional: a change is logged at once, outside of any transaction, and ahead of its use;
 * while the transaction that created the file runs, the state goes into its commit record instead.
 */
import type { ChangeWriter, FilePersistence, LoggedSequence } from '../txn/changes.js';
import type { EngineTransaction } from '../txn/transaction.js';
import type { FileNumber, SequenceFile, SequenceState } from './api.js';

/** Logs a sequence's state outside of transactions. */
export type SequenceLogger = (file: FileNumber, state: LoggedSequence) => void;

/** See `SequenceFile` in `access/api`. */
export class EngineSequence implements SequenceFile {
  readonly kind = 'sequence';
  creator: EngineTransaction | null = null;
  isBlank = true;
  private state: SequenceState = { lastValue: 1, isCalled: false, logCount: 0 };
  /** What the log has: the state after a crash. */
  logged: LoggedSequence = { lastValue: 1, isCalled: false, logCount: 0 };
  /** Not as at rest. */
  dirty = true;

  constructor(readonly file: FileNumber, readonly persistence: FilePersistence, private readonly logger: SequenceLogger) {}

  read(): SequenceState {
    return { ...this.state };
  }

  write(state: SequenceState): void {
    const { lastValue, isCalled, logCount, aheadValue } = state;
    const consumes = isCalled && this.state.isCalled && this.logged.isCalled && logCount === this.state.logCount - 1
      && isBetween(lastValue, this.state.lastValue, this.logged.lastValue);
    this.state = { lastValue, isCalled, logCount };
    this.isBlank = false;
    this.dirty = true;
    if (consumes) return;
    const ahead = isCalled && aheadValue !== undefined;
    this.logged = { lastValue: ahead ? aheadValue : lastValue, isCalled, logCount: 0 };
    if (!ahead) this.state.logCount = 0;
    if (this.creator === null && this.persistence === 'permanent') this.logger(this.file, this.logged);
  }

  /** Takes over a state from the log or from rest. */
  restore(state: LoggedSequence): void {
    this.state = { lastValue: state.lastValue, isCalled: state.isCalled, logCount: 0 };
    this.logged = { ...state };
    this.isBlank = false;
    this.dirty = true;
  }

  /** The state as a checkpoint keeps it; `exact`: as a clean stop leaves it, nothing is skipped. Null while it is blank. */
  stateAtRest(exact: boolean): LoggedSequence | null {
    if (this.isBlank) return null;
    return exact ? { lastValue: this.state.lastValue, isCalled: this.state.isCalled, logCount: 0 } : { ...this.logged };
  }

  /** Puts the state into its creator's commit record. */
  logInto(changes: ChangeWriter): void {
    if (this.persistence === 'permanent') changes.sequence(this.file, this.logged);
  }
}

function isBetween(value: number | bigint, from: number | bigint, to: number | bigint): boolean {
  return (from <= value && value <= to) || (from >= value && value >= to);
}
