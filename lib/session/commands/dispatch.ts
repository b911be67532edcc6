/**
 * The statements that are about the session itself, by parse-tree tag; all other utility statements are `lib/commands`'.
 */
import type { MaybeSuspended } from '../../base/suspend.js';
import type { Datum } from '../../types/datum.js';
import type { ResultReceiver, ResultShape } from '../client.js';
import type { Session } from '../session.js';
import type { Statement } from '../statement.js';
import { closeCursor, declareCursor, describeFetch, fetchCursor } from './cursors.js';
import { checkpoint, listen, load, notify, unlisten } from './notification.js';
import { deallocate, describeExecute, executePrepared, prepareStatement } from './prepared.js';
import { alterSystem, describeShow, discard, setVariable, showVariable } from './settings.js';
import { transactionStatement } from './transaction.js';
import { describeWait, waitForLsn } from './wait-for.js';

/** What a session command works with. */
export interface SessionCommandCall {
  readonly session: Session;
  readonly statement: Statement;
  readonly parameters: readonly Datum[];
  readonly receiver: ResultReceiver;
  /** Not inside a multi-statement string or a function. */
  readonly isTopLevel: boolean;
  /** The shape to answer with when the client asked for formats (a portal's); null for the command's own. */
  readonly shape: ResultShape | null;
}

/** Runs a command; returns its tag. */
export type SessionCommand = (call: SessionCommandCall) => MaybeSuspended<string>;

interface Entry {
  readonly run: SessionCommand;
  readonly describe?: (session: Session, statement: Statement) => ResultShape | null;
}

const COMMANDS: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['TransactionStmt', { run: transactionStatement }],
  ['VariableSetStmt', { run: setVariable }],
  ['VariableShowStmt', { run: showVariable, describe: describeShow }],
  ['AlterSystemStmt', { run: alterSystem }],
  ['DiscardStmt', { run: discard }],
  ['PrepareStmt', { run: prepareStatement }],
  ['ExecuteStmt', { run: executePrepared, describe: describeExecute }],
  ['DeallocateStmt', { run: deallocate }],
  ['DeclareCursorStmt', { run: declareCursor }],
  ['FetchStmt', { run: fetchCursor, describe: describeFetch }],
  ['ClosePortalStmt', { run: closeCursor }],
  ['ListenStmt', { run: listen }],
  ['UnlistenStmt', { run: unlisten }],
  ['NotifyStmt', { run: notify }],
  ['CheckPointStmt', { run: checkpoint }],
  ['LoadStmt', { run: load }],
  ['WaitStmt', { run: waitForLsn, describe: describeWait }],
]);

/** True for statements that this folder runs. */
export function isSessionCommand(tag: string): boolean {
  return COMMANDS.has(tag);
}

/** Runs a session command; returns its tag. */
export function runSessionCommand(
  session: Session, statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, isTopLevel: boolean, shape: ResultShape | null = null,
): MaybeSuspended<string> {
  if (session.block.readOnly) session.refuseCommand(statement.raw!);
  return COMMANDS.get(statement.raw!.tag)!.run({ session, statement, parameters, receiver, isTopLevel, shape });
}

/** Columns of its result before it runs; null for none. */
export function describeSessionCommand(session: Session, statement: Statement): ResultShape | null {
  return COMMANDS.get(statement.raw!.tag)!.describe?.(session, statement) ?? null;
}
