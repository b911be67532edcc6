/**
 * BEGIN, COMMIT, ROLLBACK, SAVEPOINT and family (PostgreSQL's xact.c: BeginTransactionBlock, EndTransactionBlock, ...).
 */
import type { DefElem, Node, TransactionStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { MaybeSuspended, Suspendable } from '../../base/suspend.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { Session } from '../session.js';
import type { TransactionModes } from '../transaction-block.js';
import type { SessionCommandCall } from './dispatch.js';
import { settingArgument } from './setting-arguments.js';
import { parseBool } from '../settings/values.js';

/** Runs a transaction statement; returns its tag. */
export function transactionStatement({ session, statement }: SessionCommandCall): MaybeSuspended<string> {
  const body = bodyAs<TransactionStmt>(statement.raw!.body);
  const { block } = session;
  const name = body.savepoint_name ?? '';
  switch (body.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      begin(session, transactionModes(body.options));
      return body.kind === 'TRANS_STMT_BEGIN' ? 'BEGIN' : 'START TRANSACTION';
    case 'TRANS_STMT_COMMIT':
      return commit(session, body.chain === true);
    case 'TRANS_STMT_ROLLBACK':
      return rollback(session, body.chain === true);
    case 'TRANS_STMT_SAVEPOINT':
      requireBlock(session, 'SAVEPOINT');
      block.beginSavepoint(name);
      return 'SAVEPOINT';
    case 'TRANS_STMT_RELEASE':
      requireBlock(session, 'RELEASE SAVEPOINT');
      block.releaseSavepoint(name);
      return 'RELEASE';
    case 'TRANS_STMT_ROLLBACK_TO':
      requireBlock(session, 'ROLLBACK TO SAVEPOINT');
      block.rollbackToSavepoint(name);
      return 'ROLLBACK';
    case 'TRANS_STMT_PREPARE':
      throw notSupported('PREPARE TRANSACTION');
    default:
      throw notSupported(body.kind === 'TRANS_STMT_COMMIT_PREPARED' ? 'COMMIT PREPARED' : 'ROLLBACK PREPARED');
  }
}

function requireBlock(session: Session, command: string): void {
  if (session.block.kind !== 'explicit') throw pgError('NO_ACTIVE_SQL_TRANSACTION', `${command} can only be used in transaction blocks`);
}

function begin(session: Session, modes: TransactionModes): void {
  if (session.block.kind === 'explicit') {
    session.notices.warning('ACTIVE_SQL_TRANSACTION', 'there is already a transaction in progress');
    session.block.setModes(modes);
  } else {
    session.block.beginExplicit(modes);
  }
}

/** The modes of the block that ends, for AND CHAIN. */
function chainedModes(session: Session): TransactionModes {
  const { block } = session;
  return { isolation: block.isolationName, readOnly: block.readOnly, deferrable: block.deferrable };
}

function commit(session: Session, chain: boolean): MaybeSuspended<string> {
  const { block } = session;
  if (block.kind !== 'explicit') {
    if (chain) throw pgError('NO_ACTIVE_SQL_TRANSACTION', 'COMMIT AND CHAIN can only be used in transaction blocks');
    session.notices.warning('NO_ACTIVE_SQL_TRANSACTION', 'there is no transaction in progress');
  }
  const modes = chainedModes(session);
  const tag = block.failed ? 'ROLLBACK' : 'COMMIT';
  if (block.failed) block.abort();
  else {
    const waits = block.commit();
    if (waits !== null) return committed(waits, session, chain ? modes : null);
  }
  if (chain) block.beginExplicit(modes);
  return tag;
}

function* committed(waits: Suspendable<void>, { block }: Session, chained: TransactionModes | null): Suspendable<string> {
  yield* waits;
  if (chained !== null) block.beginExplicit(chained);
  return 'COMMIT';
}

function rollback(session: Session, chain: boolean): string {
  const { block } = session;
  if (block.kind !== 'explicit') {
    if (chain) throw pgError('NO_ACTIVE_SQL_TRANSACTION', 'ROLLBACK AND CHAIN can only be used in transaction blocks');
    session.notices.warning('NO_ACTIVE_SQL_TRANSACTION', 'there is no transaction in progress');
    block.abort();
    return 'ROLLBACK';
  }
  const modes = chainedModes(session);
  block.abort();
  if (chain) block.beginExplicit(modes);
  return 'ROLLBACK';
}

/** The options of BEGIN and SET TRANSACTION. */
export function transactionModes(options: readonly Node[] | undefined): TransactionModes {
  const modes: TransactionModes = {};
  for (const option of options ?? []) {
    const { defname, arg } = bodyAs<DefElem>(bodyOf(option));
    const text = settingArgument(arg);
    if (defname === 'transaction_isolation') modes.isolation = text as TransactionModes['isolation'];
    else if (defname === 'transaction_read_only') modes.readOnly = parseBool(text) === true;
    else if (defname === 'transaction_deferrable') modes.deferrable = parseBool(text) === true;
  }
  return modes;
}
