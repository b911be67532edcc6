/**
 * WAIT FOR LSN, PostgreSQL 19's statement: waits until the log is replayed, written or flushed up to a position, without holding a
 * snapshot (commands/wait.c). Read-your-writes on a standby: wait for the position that the primary showed after the commit.
 */
import { pgError, PgError } from '../../base/error.js';
import { formatLsn, parseLsn, type Lsn } from '../../base/lsn.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import type { WaitOption, WaitStmt } from '../../parser/wait-for.js';
import { bodyAs } from '../../parser/raw.js';
import { describeTarget } from '../../txn/lock-modes.js';
import { ResultShape } from '../client.js';
import { userCancel } from '../interrupts.js';
import type { Session } from '../session.js';
import { parseBool, parseSettingValue, type ValueShape } from '../settings/values.js';
import { textColumn } from '../statement.js';
import type { SessionCommandCall } from './dispatch.js';

const MODES = ['standby_replay', 'standby_write', 'standby_flush', 'primary_flush'] as const;
type Mode = (typeof MODES)[number];

const VERBS: Readonly<Record<Mode, string>> = {
  standby_replay: 'replayed', standby_write: 'written', standby_flush: 'flushed', primary_flush: 'flushed',
};

const TIMEOUT: ValueShape = { name: 'timeout', type: 'integer', unit: 'ms', minimum: -Infinity, maximum: Infinity, enumValues: [], enumAliases: new Map() };

/** Nobody tells of progress of a log in memory: it is looked at so often, in milliseconds. */
const POLL_MS = 50;

interface Wait {
  readonly target: Lsn;
  readonly mode: Mode;
  /** 0: for ever. */
  readonly timeoutMs: number;
  /** Errors instead of a status. */
  readonly throws: boolean;
}

type Outcome = 'success' | 'timeout' | 'not in recovery';

const SHAPE = new ResultShape([textColumn('status')]);

/** Columns of WAIT. */
export function describeWait(): ResultShape {
  return SHAPE;
}

/** WAIT FOR LSN. */
export function* waitForLsn({ session, statement, receiver, shape }: SessionCommandCall): Suspendable<string> {
  const { lsn, options } = bodyAs<WaitStmt>(statement.raw!.body);
  const wait = readWait(parseLsn(lsn), options);
  refuse(session, wait);
  const outcome = yield* waitFor(session, wait);
  if (outcome !== 'success' && wait.throws) throw failure(session, wait, outcome);
  receiver.begin(shape ?? SHAPE);
  const full = receiver.rows([[outcome]]);
  if (full !== null) yield full;
  return 'WAIT';
}

function readWait(target: Lsn, options: readonly WaitOption[]): Wait {
  const seen = new Set<string>();
  let mode: Mode = 'standby_replay';
  let timeoutMs = 0;
  let throws = true;
  for (const { name, value, location } of options) {
    const position = location + 1;
    if (!['mode', 'timeout', 'no_throw'].includes(name)) throw pgError('SYNTAX_ERROR', `option "${name}" not recognized`, { position });
    if (seen.has(name)) throw pgError('SYNTAX_ERROR', 'conflicting or redundant options', { position });
    seen.add(name);
    if (name === 'no_throw') {
      const parsed = value === null ? true : parseBool(value);
      if (parsed === null) throw pgError('SYNTAX_ERROR', `${name} requires a Boolean value`);
      throws = !parsed;
      continue;
    }
    if (value === null) throw pgError('SYNTAX_ERROR', `${name} requires a parameter`);
    if (name === 'timeout') timeoutMs = readTimeout(value, position);
    else mode = readMode(value, position);
  }
  return { target, mode, timeoutMs, throws };
}

function readMode(value: string, position: number): Mode {
  const found = MODES.find((mode) => mode === value.toLowerCase());
  if (found === undefined) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized value for WAIT option "mode": "${value}"`, { position });
  return found;
}

function readTimeout(value: string, position: number): number {
  let timeout: number;
  try {
    timeout = Number(parseSettingValue(TIMEOUT, value));
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    throw pgError('INVALID_PARAMETER_VALUE', `invalid timeout value: "${value}"`, { hint: error.hint, position });
  }
  if (timeout < 0) throw pgError('INVALID_PARAMETER_VALUE', 'timeout cannot be negative', { position });
  return timeout;
}

/** How far the log is, in the mode's sense. */
function reached({ engine }: Session, mode: Mode): Lsn {
  const { hotStandby, storage } = engine;
  if (mode === 'primary_flush' || hotStandby === null) return storage.source?.durableLsn ?? storage.flushedLsn();
  if (mode === 'standby_replay') return hotStandby.replayedLsn;
  return mode === 'standby_write' && hotStandby.inRecovery ? hotStandby.standby.writtenLsn : hotStandby.receivedLsn;
}

/** @throws 55000 where waiting could never end or the server is of the wrong kind */
function refuse(session: Session, { mode, target }: Wait): void {
  const { block } = session;
  const refusal = (message: string, fields: { detail?: string; hint?: string } = {}): Error => pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', message, fields);
  const holdsSnapshot = (block.isolation !== 'read committed' && block.snapshotTaken)
    || [...session.portals.values()].some((portal) => portal.source !== null && !portal.held);
  if (holdsSnapshot) throw refusal('WAIT cannot be executed while the current transaction holds a snapshot');
  if (mode === 'primary_flush') {
    if (!session.inRecovery) return;
    throw refusal('recovery is in progress', {
      hint: 'Waiting for primary_flush can only be done on a primary server. Use standby_flush mode on a standby server.',
    });
  }
  if (!session.inRecovery || target <= reached(session, mode)) return;
  for (const { tag, granted, sessionId } of session.engine.storage.locks.list()) {
    if (!granted || sessionId !== session.processId) continue;
    throw refusal('cannot wait for a standby LSN while holding locks', {
      detail: `This session holds a lock on ${describeTarget(tag)}, which could make recovery wait for this session while this session waits for recovery.`,
      hint: 'Release the locks, or execute WAIT FOR before acquiring them.',
    });
  }
}

function* waitFor(session: Session, { target, mode, timeoutMs }: Wait): Suspendable<Outcome> {
  const { engine, interrupts } = session;
  const { clock } = engine.env;
  const deadline = timeoutMs === 0 ? Infinity : clock.monotonicMs() + timeoutMs;
  for (;;) {
    interrupts.check();
    const isPrimaryMode = mode === 'primary_flush';
    // A server that was a standby has what it replayed then.
    if ((isPrimaryMode || engine.hotStandby !== null) && target <= reached(session, mode)) return 'success';
    if (!isPrimaryMode && !session.inRecovery) return 'not in recovery';
    const left = deadline - clock.monotonicMs();
    if (left <= 0) return 'timeout';
    yield new Suspend(nextChange(session, left));
  }
}

/** Resolves when the log has moved on, recovery has ended or the time is over; rejects when the session is interrupted. */
function nextChange({ engine, interrupts }: Session, timeoutMs: number): Promise<void> {
  const { hotStandby, env, storage } = engine;
  const { signal } = interrupts;
  return new Promise((resolve, reject) => {
    const undo: (() => void)[] = [];
    const end = (): void => {
      for (const step of undo) step();
    };
    const changed = (): void => {
      end();
      resolve();
    };
    const stop = (): void => {
      end();
      reject(signal.reason instanceof Error ? signal.reason : userCancel());
    };
    if (hotStandby !== null && hotStandby.inRecovery) undo.push(hotStandby.standby.watchProgress(changed), hotStandby.watchEnd(changed));
    else if (storage.source !== null) undo.push(storage.source.watchLog(changed));
    const pollMs = storage.source === null ? POLL_MS : Infinity;
    const limit = Math.min(timeoutMs, pollMs, 2 ** 31 - 1);
    const timer = Number.isFinite(timeoutMs) || Number.isFinite(pollMs) ? env.timers.after(Math.ceil(limit), changed) : null;
    undo.push(() => timer?.cancel());
    signal.addEventListener('abort', stop);
    undo.push(() => signal.removeEventListener('abort', stop));
  });
}

function failure(session: Session, { target, mode }: Wait, outcome: Outcome): Error {
  const current = formatLsn(reached(session, mode));
  if (outcome === 'timeout') {
    return pgError('QUERY_CANCELED', `timed out while waiting for target LSN ${formatLsn(target)} to be ${VERBS[mode]}; current ${mode} LSN ${current}`);
  }
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'recovery is not in progress', session.engine.hotStandby === null
    ? { hint: `Waiting for the ${mode} LSN can only be executed during recovery.` }
    : { detail: `Recovery ended before target LSN ${formatLsn(target)} was ${VERBS[mode]}; last ${mode} LSN ${current}.` });
}
