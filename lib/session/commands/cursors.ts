/**
 * DECLARE, FETCH, MOVE, CLOSE (PostgreSQL's commands/portalcmds.c).
 */
import type { ClosePortalStmt, DeclareCursorStmt, FetchStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { bodyAs, bodyOf, tagOf } from '../../parser/raw.js';
import type { ResultShape } from '../client.js';
import { FETCH_ALL, Portal, type CursorOptions, type FetchDirection } from '../portal.js';
import type { Session } from '../session.js';
import { Statement } from '../statement.js';
import type { SessionCommandCall } from './dispatch.js';

const BINARY = 1;
const SCROLL = 2;
const NO_SCROLL = 4;
const INSENSITIVE = 8;
const ASENSITIVE = 16;
const HOLD = 32;

function cursorOptions(bits: number): CursorOptions {
  if ((bits & SCROLL) !== 0 && (bits & NO_SCROLL) !== 0) throw pgError('INVALID_CURSOR_DEFINITION', 'cannot specify both SCROLL and NO SCROLL');
  if ((bits & INSENSITIVE) !== 0 && (bits & ASENSITIVE) !== 0) throw pgError('INVALID_CURSOR_DEFINITION', 'cannot specify both INSENSITIVE and ASENSITIVE');
  return {
    binary: (bits & BINARY) !== 0, scroll: (bits & SCROLL) !== 0, noScroll: (bits & NO_SCROLL) !== 0,
    hold: (bits & HOLD) !== 0, insensitive: (bits & INSENSITIVE) !== 0,
  };
}

/** DECLARE ... CURSOR. */
export function* declareCursor({ session, statement, parameters }: SessionCommandCall): Suspendable<string> {
  const { portalname: name = '', options = 0, query } = bodyAs<DeclareCursorStmt>(statement.raw!.body);
  const cursor = cursorOptions(options);
  if (name === '') throw pgError('INVALID_CURSOR_NAME', 'invalid cursor name: must not be empty');
  if (!cursor.hold && session.block.kind === 'statement') {
    throw pgError('NO_ACTIVE_SQL_TRANSACTION', 'DECLARE CURSOR can only be used in transaction blocks');
  }
  if (session.portals.has(name)) throw pgError('DUPLICATE_CURSOR', `cursor "${name}" already exists`);
  const node = query!;
  const raw = { tag: tagOf(node), body: bodyOf(node), location: statement.raw!.location, length: statement.raw!.length };
  const inner = new Statement(raw, statement.sourceText, [...statement.parameterTypes]);
  const { shape, scrollable } = session.planning.prepareCursor(inner, cursor);
  const wanted = shape === null ? null : inner.shapeIn(shape, cursor.binary ? [1] : []);
  const portal = new Portal(name, inner, parameters, wanted, cursor, session.statementStartMicros, session.settings.nestLevel,
    !cursor.noScroll && (cursor.scroll || scrollable));
  yield* session.runner.startCursor(portal);
  session.portals.set(name, portal);
  return 'DECLARE CURSOR';
}

const DIRECTIONS: Readonly<Record<string, FetchDirection>> = {
  FETCH_FORWARD: 'forward', FETCH_BACKWARD: 'backward', FETCH_ABSOLUTE: 'absolute', FETCH_RELATIVE: 'relative',
};

function requireCursor(session: Session, name: string): Portal {
  const portal = session.portals.get(name);
  if (portal === undefined) throw pgError('UNDEFINED_CURSOR', `cursor "${name}" does not exist`);
  return portal;
}

function fetchCount(howMany: unknown): number {
  const value = Number(howMany ?? 0);
  if (value >= 9.2e18) return FETCH_ALL;
  return value <= -9.2e18 ? -FETCH_ALL : value;
}

/** FETCH and MOVE. */
export function* fetchCursor({ session, statement, receiver, shape }: SessionCommandCall): Suspendable<string> {
  const body = bodyAs<FetchStmt>(statement.raw!.body);
  const portal = requireCursor(session, body.portalname ?? '');
  if (portal.state === 'active') throw pgError('OBJECT_IN_USE', `cursor "${portal.name}" already active`);
  if (portal.state === 'failed') throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `portal "${portal.name}" cannot be run`);
  const moves = body.ismove === true;
  const wanted = shape ?? portal.shape;
  if (!moves && wanted !== null) receiver.begin(wanted);
  portal.state = 'active';
  const count = yield* portal.fetch(DIRECTIONS[body.direction ?? 'FETCH_FORWARD'], fetchCount(body.howMany), moves ? null : receiver);
  portal.state = 'ready';
  return `${moves ? 'MOVE' : 'FETCH'} ${count}`;
}

/** Columns of FETCH: the cursor's. */
export function describeFetch(session: Session, statement: Statement): ResultShape | null {
  const body = bodyAs<FetchStmt>(statement.raw!.body);
  return body.ismove === true ? null : session.portals.get(body.portalname ?? '')?.shape ?? null;
}

/** CLOSE. */
export function* closeCursor({ session, statement }: SessionCommandCall): Suspendable<string> {
  const { portalname } = bodyAs<ClosePortalStmt>(statement.raw!.body);
  if (portalname === undefined || portalname === '') {
    for (const [name, portal] of [...session.portals]) if (portal.state !== 'active') session.dropPortal(name);
    return 'CLOSE CURSOR ALL';
  }
  requireCursor(session, portalname);
  session.dropPortal(portalname);
  return 'CLOSE CURSOR';
}
