/**
 * LISTEN, UNLISTEN, NOTIFY (PostgreSQL's commands/async.c), and CHECKPOINT and LOAD beside them.
 */
import type { ListenStmt, LoadStmt, NotifyStmt, UnlistenStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import { hasPrivilegesOfRole } from '../../catalog/roles.js';
import { bodyAs } from '../../parser/raw.js';
import type { Session } from '../session.js';
import type { SessionCommandCall } from './dispatch.js';

const MAX_PAYLOAD_BYTES = 8000;
const MAX_NAME_BYTES = 63;
const PG_CHECKPOINT = 4544;

/** LISTEN: takes effect at commit. */
export function* listen({ session, statement }: SessionCommandCall): Suspendable<string> {
  const channel = bodyAs<ListenStmt>(statement.raw!.body).conditionname ?? '';
  session.listening.listen(channel);
  return 'LISTEN';
}

/** UNLISTEN: takes effect at commit. */
export function* unlisten({ session, statement }: SessionCommandCall): Suspendable<string> {
  const channel = bodyAs<UnlistenStmt>(statement.raw!.body).conditionname ?? '';
  if (channel === '') session.listening.unlistenAll();
  else session.listening.unlisten(channel);
  return 'UNLISTEN';
}

/** NOTIFY: sent at commit. */
export function* notify({ session, statement }: SessionCommandCall): Suspendable<string> {
  const { conditionname = '', payload = '' } = bodyAs<NotifyStmt>(statement.raw!.body);
  queueNotification(session, conditionname, payload);
  return 'NOTIFY';
}

/** NOTIFY and pg_notify(): equal notifications of one transaction are sent once. */
export function queueNotification(session: Session, channel: string, payload: string): void {
  session.preventDuringRecovery('NOTIFY');
  if (channel === '') throw pgError('INVALID_PARAMETER_VALUE', 'channel name cannot be empty');
  if (Buffer.byteLength(channel) > MAX_NAME_BYTES) throw pgError('INVALID_PARAMETER_VALUE', 'channel name too long');
  if (Buffer.byteLength(payload) >= MAX_PAYLOAD_BYTES) throw pgError('INVALID_PARAMETER_VALUE', 'payload string too long');
  session.listening.notify({ channel, payload });
  session.block.transaction.assignXid();
}

/** CHECKPOINT. */
export function* checkpoint({ session }: SessionCommandCall): Suspendable<string> {
  if (!hasPrivilegesOfRole(session.catalog, session.currentUserOid, PG_CHECKPOINT)) {
    throw pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to execute CHECKPOINT command', {
      detail: 'Only roles with privileges of the "pg_checkpoint" role may execute this command.',
    });
  }
  yield new Suspend(session.engine.storage.checkpoint());
  return 'CHECKPOINT';
}

/** LOAD: there are no libraries to load; PL/pgSQL is always there. */
export function* load({ statement }: SessionCommandCall): Suspendable<string> {
  const { filename = '' } = bodyAs<LoadStmt>(statement.raw!.body);
  if (!/^(\$libdir\/)?plpgsql$/.test(filename)) throw notSupported(`LOAD '${filename}'`);
  return 'LOAD';
}

