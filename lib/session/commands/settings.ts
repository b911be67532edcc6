/**
 * SET, RESET, SHOW, DISCARD, ALTER SYSTEM (PostgreSQL's guc_funcs.c, discard.c).
 */
import type { AlterSystemStmt, DefElem, DiscardStmt, VariableSetStmt, VariableShowStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { bodyAs, bodyOf, type RawNode } from '../../parser/raw.js';
import type { Row } from '../../types/datum.js';
import { ResultShape } from '../client.js';
import type { Session } from '../session.js';
import { settingKey } from '../settings/definitions.js';
import { formatSettingValue } from '../settings/values.js';
import { textColumn, type Statement } from '../statement.js';
import type { SessionCommandCall } from './dispatch.js';
import { settingArgument, settingValueText } from './setting-arguments.js';
import { transactionModes } from './transaction.js';

/** SET and RESET. */
export function* setVariable({ session, statement }: SessionCommandCall): Suspendable<string> {
  const body = bodyAs<VariableSetStmt>(statement.raw!.body);
  const isLocal = body.is_local === true;
  const name = body.name ?? '';
  if (isLocal && session.block.kind === 'statement') {
    const what = body.kind === 'VAR_SET_MULTI' ? 'SET TRANSACTION' : 'SET LOCAL';
    session.notices.warning('NO_ACTIVE_SQL_TRANSACTION', `${what} can only be used in transaction blocks`);
  }
  switch (body.kind) {
    case 'VAR_SET_VALUE':
      session.settingChanges.set(name, settingValueText(statement.raw!.body, session.types), isLocal);
      return 'SET';
    case 'VAR_SET_CURRENT':
      session.settingChanges.set(name, session.settings.show(name), isLocal);
      return 'SET';
    case 'VAR_SET_MULTI':
      setSeveral(session, body);
      return 'SET';
    case 'VAR_RESET_ALL':
      session.settings.resetAll(session.isSuperuser);
      return 'RESET';
    case 'VAR_SET_DEFAULT':
      resetOne(session, name, isLocal);
      return 'SET';
    default:
      resetOne(session, name, isLocal);
      return 'RESET';
  }
}

function resetOne(session: Session, name: string, isLocal: boolean): void {
  if (name === 'transaction_isolation' || name === 'transaction_read_only' || name === 'transaction_deferrable') {
    throw pgError('FEATURE_NOT_SUPPORTED', `parameter "${name}" cannot be reset`);
  }
  session.settingChanges.set(name, null, isLocal);
}

function setSeveral(session: Session, body: VariableSetStmt): void {
  const options = body.args;
  if (body.name === 'TRANSACTION') {
    if (!body.is_local && session.block.kind === 'statement') {
      session.notices.warning('NO_ACTIVE_SQL_TRANSACTION', 'SET TRANSACTION can only be used in transaction blocks');
    }
    session.block.setModes(transactionModes(options));
  } else if (body.name === 'SESSION CHARACTERISTICS') {
    for (const option of options ?? []) {
      const { defname, arg } = bodyAs<DefElem>(bodyOf(option));
      session.settingChanges.set(`default_${defname}`, settingArgument(arg), false);
    }
  } else {
    throw notSupported('SET TRANSACTION SNAPSHOT');
  }
}

const SHOW_ALL = new ResultShape([textColumn('name'), textColumn('setting'), textColumn('description')]);
const shapes = new Map<string, ResultShape>();

/** Columns of SHOW. */
export function describeShow(session: Session, statement: Statement): ResultShape {
  const name = bodyAs<VariableShowStmt>(statement.raw!.body).name ?? '';
  if (name.toLowerCase() === 'all') return SHOW_ALL;
  const column = session.settings.definition(name)?.name ?? name;
  let shape = shapes.get(column);
  if (shape === undefined) shapes.set(column, shape = new ResultShape([textColumn(column)]));
  return shape;
}

/** SHOW. */
export function* showVariable({ session, statement, receiver, shape }: SessionCommandCall): Suspendable<string> {
  const name = bodyAs<VariableShowStmt>(statement.raw!.body).name ?? '';
  let rows: Row[];
  if (name.toLowerCase() === 'all') {
    rows = [];
    for (const [key, definition] of session.settings.definitions()) {
      if (definition.flags.includes('NO_SHOW_ALL')) continue;
      rows.push([definition.name, session.settingChanges.show(key) ?? formatSettingValue(definition, session.settings.value(key)), definition.shortDescription]);
    }
  } else {
    const value = session.settingChanges.show(name);
    if (value === null) throw pgError('UNDEFINED_OBJECT', `unrecognized configuration parameter "${name}"`);
    rows = [[value]];
  }
  receiver.begin(shape ?? describeShow(session, statement));
  const full = receiver.rows(rows);
  if (full !== null) yield full;
  return 'SHOW';
}

/** ALTER SYSTEM: kept in the data directory for the next start. */
export function* alterSystem({ session, statement, isTopLevel }: SessionCommandCall): Suspendable<string> {
  const setStatement = bodyAs<AlterSystemStmt>(statement.raw!.body).setstmt as VariableSetStmt;
  if (!isTopLevel || session.block.kind !== 'statement') {
    throw pgError('ACTIVE_SQL_TRANSACTION', 'ALTER SYSTEM cannot run inside a transaction block');
  }
  if (!session.isSuperuser) throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to set parameter "${setStatement.name ?? ''}"`);
  const isReset = setStatement.kind !== 'VAR_SET_VALUE';
  const name = setStatement.name ?? '';
  const value = isReset ? null : settingValueText(setStatement as VariableSetStmt & RawNode, session.types);
  if (value !== null) session.settings.checkText(name, value);
  session.engine.alterSystem(setStatement.kind === 'VAR_RESET_ALL' ? null : settingKey(name), value);
  return 'ALTER SYSTEM';
}

/** DISCARD. */
export function* discard({ session, statement, isTopLevel }: SessionCommandCall): Suspendable<string> {
  const { target } = bodyAs<DiscardStmt>(statement.raw!.body);
  switch (target) {
    case 'DISCARD_PLANS':
      for (const { statement: prepared } of session.prepared.values()) prepared.plans = null;
      return 'DISCARD PLANS';
    case 'DISCARD_SEQUENCES':
      session.system.forgetSequences();
      return 'DISCARD SEQUENCES';
    case 'DISCARD_TEMP':
      yield* session.runner.dropTemporary();
      return 'DISCARD TEMP';
    default:
      if (!isTopLevel || session.block.kind !== 'statement') {
        throw pgError('ACTIVE_SQL_TRANSACTION', 'DISCARD ALL cannot run inside a transaction block');
      }
      for (const name of [...session.portals.keys()]) if (session.portals.get(name)!.state !== 'active') session.dropPortal(name);
      session.settingChanges.set('session_authorization', null, false);
      session.settings.resetAll(session.isSuperuser);
      session.prepared.clear();
      session.listening.stop();
      session.engine.storage.locks.unlockAllSession({ sessionId: session.processId });
      session.system.forgetSequences();
      yield* session.runner.dropTemporary();
      return 'DISCARD ALL';
  }
}
