/**
 * PREPARE, EXECUTE, DEALLOCATE (PostgreSQL's commands/prepare.c).
 */
import type { DeallocateStmt, ExecuteStmt, PrepareStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import { isSuspended, type Suspendable } from '../../base/suspend.js';
import { bodyAs, bodyOf, tagOf, type RawNode } from '../../parser/raw.js';
import type { Datum } from '../../types/datum.js';
import { PlanChoice } from '../plan-choice.js';
import type { ResultShape } from '../client.js';
import type { Session } from '../session.js';
import { Statement } from '../statement.js';
import type { SessionCommandCall } from './dispatch.js';

/** PREPARE. */
export function* prepareStatement({ session, statement }: SessionCommandCall): Suspendable<string> {
  const { name = '', argtypes, query } = bodyAs<PrepareStmt>(statement.raw!.body);
  if (name === '') throw pgError('INVALID_PSTATEMENT_DEFINITION', 'invalid statement name: must not be empty');
  if (session.prepared.has(name)) throw pgError('DUPLICATE_PSTATEMENT', `prepared statement "${name}" already exists`);
  const node = query!;
  const raw = { tag: tagOf(node), body: bodyOf(node), location: statement.raw!.location, length: statement.raw!.length };
  const types = (argtypes ?? []).map((type) => session.planning.typeOfName(type, statement.sourceText));
  const prepared = new Statement(raw, statement.sourceText, types);
  session.planning.prepare(prepared);
  session.prepared.set(name, { name, statement: prepared, fromSql: true, preparedAt: session.statementStartMicros, choice: new PlanChoice() });
  return 'PREPARE';
}

/** The prepared statement that an EXECUTE names, with the plan chosen for the values of its parameters (`shown` by EXPLAIN or not). */
export function executeTarget(session: Session, body: RawNode, sourceText: string, shown = false): { statement: Statement; parameters: Datum[] } {
  const { name = '', params } = bodyAs<ExecuteStmt>(body);
  const prepared = session.requirePrepared(name);
  const { statement } = prepared;
  const expected = statement.parameterTypes.length;
  const given = params?.length ?? 0;
  if (given !== expected) {
    throw pgError('SYNTAX_ERROR', `wrong number of parameters for prepared statement "${name}"`, { detail: `Expected ${expected} parameters but got ${given}.` });
  }
  const parameters = given === 0 ? [] : session.planning.evaluateParameters(params ?? [], statement.parameterTypes, sourceText);
  return { statement: session.planning.chosen(prepared, parameters, shown), parameters };
}

/** EXECUTE. */
export function* executePrepared({ session, statement, receiver, isTopLevel, shape }: SessionCommandCall): Suspendable<string> {
  const target = executeTarget(session, statement.raw!.body, statement.sourceText);
  const tag = session.runner.runAny(target.statement, target.parameters, receiver, isTopLevel, shape);
  return isSuspended(tag) ? yield* tag : tag;
}

/** Columns of EXECUTE: those of what it executes. */
export function describeExecute(session: Session, statement: Statement): ResultShape | null {
  const { name = '' } = bodyAs<ExecuteStmt>(statement.raw!.body);
  const prepared = session.prepared.get(name);
  return prepared === undefined ? null : session.runner.shapeOf(prepared.statement);
}

/** DEALLOCATE. */
export function* deallocate({ session, statement }: SessionCommandCall): Suspendable<string> {
  const { name, isall } = bodyAs<DeallocateStmt>(statement.raw!.body);
  if (isall === true || name === undefined || name === '') {
    session.prepared.clear();
    return 'DEALLOCATE ALL';
  }
  session.requirePrepared(name);
  session.prepared.delete(name);
  return 'DEALLOCATE';
}
