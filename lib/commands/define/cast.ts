/**
 * CREATE CAST.
 *
 * Idea: PostgreSQL's CreateCast (commands/functioncmds.c).
 */
import type { CreateCastStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { recordDependencies } from '../../catalog/depend.js';
import { isOwner } from '../../catalog/privileges.js';
import type { PgProc } from '../../catalog/rows.js';
import { bodyAs } from '../../parser/raw.js';
import { CastRelationId, ProcedureRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { commandType } from '../expressions.js';
import { findFunction } from '../function/find-function.js';

registerCommand('CreateCastStmt', { execute: (statement, cx) => createCast(bodyAs<CreateCastStmt>(statement.body), cx) });

const CONTEXTS: Readonly<Record<string, string>> = { COERCION_IMPLICIT: 'i', COERCION_ASSIGNMENT: 'a', COERCION_EXPLICIT: 'e' };

function invalid(message: string): Error {
  return pgError('INVALID_OBJECT_DEFINITION', message);
}

function* createCast(stmt: CreateCastStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog, currentUserOid } = cx.session;
  const format = (type: Oid): string => cx.services.types.formatType(type);
  const source = commandType(cx, stmt.sourcetype!).row;
  const target = commandType(cx, stmt.targettype!).row;
  if (source.typtype === 'p') throw pgError('WRONG_OBJECT_TYPE', `source data type ${format(source.oid)} is a pseudo-type`);
  if (target.typtype === 'p') throw pgError('WRONG_OBJECT_TYPE', `target data type ${format(target.oid)} is a pseudo-type`);
  if (!isOwner(catalog, source.typowner, currentUserOid) && !isOwner(catalog, target.typowner, currentUserOid)) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `must be owner of type ${format(source.oid)} or type ${format(target.oid)}`);
  }
  for (const row of [source, target]) {
    if (row.typtype === 'd') {
      cx.services.notice(pgError('WRONG_OBJECT_TYPE', `cast will be ignored because the ${row === source ? 'source' : 'target'} data type is a domain`, { severity: 'WARNING' }));
    }
  }
  let castfunc: Oid = 0;
  if (stmt.func) {
    castfunc = findFunction(cx, stmt.func, 'OBJECT_FUNCTION', false);
    checkCastFunction(cx, catalog.proc(castfunc)!, source.oid, target.oid);
  } else if (!stmt.inout && !cx.session.isSuperuser) {
    throw pgError('INSUFFICIENT_PRIVILEGE', 'must be superuser to create a cast WITHOUT FUNCTION');
  }
  if (!stmt.func && !stmt.inout && (source.typlen !== target.typlen || source.typbyval !== target.typbyval || source.typalign !== target.typalign)) {
    throw invalid('source and target data types are not physically compatible');
  }
  if (source.oid === target.oid && castfunc === 0) throw invalid('source data type and target data type are the same');
  if (catalog.cast(source.oid, target.oid)) throw pgError('DUPLICATE_OBJECT', `cast from type ${format(source.oid)} to type ${format(target.oid)} already exists`);
  const oid = catalog.newOid();
  catalog.table('pg_cast').insert({
    oid, castsource: source.oid, casttarget: target.oid, castfunc, castcontext: CONTEXTS[stmt.context ?? ''] ?? 'e', castmethod: stmt.func ? 'f' : stmt.inout ? 'i' : 'b',
  });
  recordDependencies(catalog, objectAddress(CastRelationId, oid), [
    objectAddress(TypeRelationId, source.oid), objectAddress(TypeRelationId, target.oid), ...(castfunc === 0 ? [] : [objectAddress(ProcedureRelationId, castfunc)]),
  ], 'n');
  yield* [];
  return { tag: 'CREATE CAST', rows: null };
}

function checkCastFunction(cx: CommandContext, proc: PgProc, source: Oid, target: Oid): void {
  const types = proc.proargtypes.elements as readonly Oid[];
  if (types.length < 1 || types.length > 3) throw invalid('cast function must take one to three arguments');
  if (types[0] !== source && cx.session.catalog.cast(source, types[0])?.castmethod !== 'b') {
    throw invalid('argument of cast function must match or be binary-coercible from source data type');
  }
  if (types.length > 1 && types[1] !== 23) throw invalid('second argument of cast function must be type integer');
  if (types.length > 2 && types[2] !== 16) throw invalid('third argument of cast function must be type boolean');
  if (proc.prorettype !== target && cx.session.catalog.cast(proc.prorettype, target)?.castmethod !== 'b') {
    throw invalid('return data type of cast function must match or be binary-coercible to target data type');
  }
  if (proc.prokind !== 'f') throw invalid('cast function must be a normal function');
  if (proc.proretset) throw invalid('cast function must not return a set');
}
