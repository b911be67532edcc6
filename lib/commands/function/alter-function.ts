/**
 * ALTER FUNCTION, PROCEDURE, ROUTINE: attributes.
 *
 * Idea: PostgreSQL's AlterFunction (commands/functioncmds.c).
 */
import type { AlterFunctionStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { checkOwner } from '../../catalog/privileges.js';
import { bodyAs } from '../../parser/raw.js';
import { ArrayValue } from '../../types/datum.js';
import { TEXTOID } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { alterTag } from '../object/rename.js';
import { routineAttributes } from './attributes.js';
import { findFunction } from './find-function.js';

registerCommand('AlterFunctionStmt', { execute: (statement, cx) => alterFunction(bodyAs<AlterFunctionStmt>(statement.body), cx) });

function* alterFunction(stmt: AlterFunctionStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const kind = stmt.objtype ?? 'OBJECT_FUNCTION';
  const oid = findFunction(cx, stmt.func!, kind, false);
  const row = catalog.table('pg_proc').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for function ${oid}`);
  checkOwner(catalog, row.proowner, cx.session.currentUserOid, row.prokind === 'p' ? 'procedure' : 'function', row.proname);
  if (row.prokind === 'a') throw pgError('WRONG_OBJECT_TYPE', `"${row.proname}" is an aggregate function`);
  const before = (row.proconfig?.elements ?? []) as readonly string[];
  const changes = routineAttributes(cx, stmt.actions, row.prokind === 'p', before);
  if (changes.leakproof && !cx.session.isSuperuser) throw pgError('INSUFFICIENT_PRIVILEGE', 'only superuser can define a leakproof function');
  if (changes.rows !== undefined && !row.proretset) throw pgError('INVALID_PARAMETER_VALUE', 'ROWS is not applicable when function does not return a set');
  const config = changes.config ?? before;
  catalog.table('pg_proc').update(row, {
    provolatile: changes.volatility ?? row.provolatile, proisstrict: changes.strict ?? row.proisstrict, prosecdef: changes.securityDefiner ?? row.prosecdef,
    proleakproof: changes.leakproof ?? row.proleakproof, procost: changes.cost ?? row.procost, prorows: changes.rows ?? row.prorows,
    proparallel: changes.parallel ?? row.proparallel, proconfig: config.length > 0 ? ArrayValue.of(TEXTOID, config) : null,
  });
  yield* [];
  return { tag: alterTag(kind), rows: null };
}
