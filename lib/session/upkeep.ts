/**
 * Sessions of the engine itself: for work that no client asked for, in one database, as the bootstrap superuser.
 */
import type { Oid } from '../catalog/api.js';
import type { SessionClient } from './client.js';
import type { Engine } from './engine.js';
import { Session } from './session.js';

const BOOTSTRAP_SUPERUSER = 10;

/** Nobody listens. */
const NO_CLIENT: SessionClient = { notice() {}, parameterStatus() {}, notification() {}, terminated() {} };

/** Opens a session that may write although the server's recovery is just ending. The caller closes it. */
export function openUpkeepSession(engine: Engine, databaseOid: Oid, databaseName: string): Session {
  const roleName = engine.withCatalog((catalog) => catalog.role(BOOTSTRAP_SUPERUSER))?.rolname ?? '';
  return new Session(engine, {
    processId: engine.nextProcessId(), slot: 0, databaseOid, databaseName, roleOid: BOOTSTRAP_SUPERUSER, roleName, isUpkeep: true,
    address: { address: null, port: null },
  }, NO_CLIENT);
}

/** Temporary schemas of the session's database that have something in them. */
export function temporarySchemas(session: Session): Oid[] {
  const { block, catalog } = session;
  block.ensureStarted();
  try {
    const used = new Set([...catalog.table('pg_class').all()].map((relation) => relation.relnamespace));
    return [...catalog.table('pg_namespace').all()].filter(({ oid, nspname }) => /^pg_temp_\d+$/.test(nspname) && used.has(oid)).map(({ oid }) => oid);
  } finally {
    block.abort();
  }
}
