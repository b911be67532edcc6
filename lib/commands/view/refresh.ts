/**
 * REFRESH MATERIALIZED VIEW. CONCURRENTLY promises that readers go on meanwhile: they do, since the new rows go to a new
 * file; what it demands beyond that (a unique index) is checked as PostgreSQL does.
 *
 * Idea: PostgreSQL's RefreshMatViewByOid (commands/matview.c).
 */
import type { RefreshMatViewStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import { quoteQualified } from '../../base/identifier.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { hasPrivilege, isOwner } from '../../catalog/privileges.js';
import { bodyAs } from '../../parser/raw.js';
import { rewriteQuery } from '../../rewriter/rewrite.js';
import { viewDefinition, checkAs } from '../../rewriter/views.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { openNamed } from '../expressions.js';
import { fillIndex } from '../index/create-index.js';
import { lockRelation } from '../relation/access.js';
import { openOwn } from '../table/create-table.js';
import { emptyTable } from '../table/rewrite.js';
import { fillFromQuery, markPopulated } from './create-table-as.js';

registerCommand('RefreshMatViewStmt', { execute: (statement, cx) => refresh(bodyAs<RefreshMatViewStmt>(statement.body), cx) });

const RESULT: CommandResult = { tag: 'REFRESH MATERIALIZED VIEW', rows: null };

function* refresh(stmt: RefreshMatViewStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { oid } = openNamed(cx, stmt.relation!);
  yield* lockRelation(cx, oid, stmt.concurrent ? 'Exclusive' : 'AccessExclusive');
  const view = openOwn(cx, oid);
  checkRefresh(cx, view, stmt);
  const context = { catalog: cx.session.catalog, services: cx.services, currentUserOid: view.row.relowner };
  const [query] = rewriteQuery(checkAs(viewDefinition(context, view), view.row.relowner), context);
  if (stmt.skipData) {
    emptyTable(cx, oid);
    markPopulated(cx, oid, false);
    return RESULT;
  }
  emptyTable(cx, oid);
  yield* fillFromQuery(cx, oid, query, []);
  const filled = openOwn(cx, oid);
  for (const index of filled.indexes) yield* fillIndex(cx, filled, index);
  markPopulated(cx, oid, true);
  return RESULT;
}

function checkRefresh(cx: CommandContext, view: Relation, stmt: RefreshMatViewStmt): void {
  const { catalog, currentUserOid } = cx.session;
  if (!isOwner(catalog, view.row.relowner, currentUserOid) && !hasPrivilege(catalog, 'table', view.oid, currentUserOid, 'MAINTAIN')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for ${view.kind === 'm' ? 'materialized view' : 'table'} ${view.name}`);
  }
  if (view.kind !== 'm') throw pgError('FEATURE_NOT_SUPPORTED', `"${view.name}" is not a materialized view`);
  if (stmt.concurrent && !view.row.relispopulated) {
    throw pgError('FEATURE_NOT_SUPPORTED', 'CONCURRENTLY cannot be used when the materialized view is not populated');
  }
  if (stmt.concurrent && stmt.skipData) throw pgError('SYNTAX_ERROR', 'CONCURRENTLY and WITH NO DATA options cannot be used together');
  const usable = view.indexes.some((index) => index.unique && index.immediate && index.valid && index.predicate === null && index.expressions === null);
  if (stmt.concurrent && !usable) {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `cannot refresh materialized view "${quoteQualified(view.namespaceName, view.name)}" concurrently`, {
      hint: 'Create a unique index with no WHERE clause on one or more columns of the materialized view.',
    });
  }
}
