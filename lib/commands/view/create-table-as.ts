/**
 * CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW.
 *
 * Idea: PostgreSQL's ExecCreateTableAs (commands/createas.c).
 */
import type { CreateTableAsStmt, ExecuteStmt, IntoClause, Node } from 'libpg-query';
import { analyzeInner } from '../../analyzer/analyze.js';
import type { Query } from '../../analyzer/nodes.js';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid } from '../../catalog/api.js';
import { bodyAs, bodyOf, stringList, tagOf, type RawNode } from '../../parser/raw.js';
import type { Datum } from '../../types/datum.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { createRelation } from '../relation/create-relation.js';
import { creationTarget } from '../relation/creation-target.js';
import { openOwn, storageOptions } from '../table/create-table.js';
import { usesTemporary } from './create-view.js';
import { storeSelectRule } from './select-rule.js';
import { queryColumns, withColumnNames } from './view-columns.js';

registerCommand('CreateTableAsStmt', { execute: (statement, cx) => createTableAs(bodyAs<CreateTableAsStmt>(statement.body), cx) });

const HEAP_ACCESS_METHOD = 2;

/** Executes the statement. The tag is `SELECT n` when rows were stored. */
export function* createTableAs(stmt: CreateTableAsStmt, cx: CommandContext): Suspendable<CommandResult> {
  const into = stmt.into!;
  const isMaterialized = stmt.objtype === 'OBJECT_MATVIEW';
  const tag = isMaterialized ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS';
  refuseUnsupported(into);
  const source = sourceQueries(cx, stmt, isMaterialized);
  const target = yield* creationTarget(cx, into.rel!);
  const { catalog } = cx.session;
  if (catalog.relationOid(target.name, target.namespace) !== 0) {
    if (!stmt.if_not_exists) throw pgError('DUPLICATE_TABLE', `relation "${target.name}" already exists`);
    cx.services.notice(pgError('DUPLICATE_TABLE', `relation "${target.name}" already exists, skipping`, { severity: 'NOTICE' }));
    return { tag, rows: null };
  }
  const names = stringList(into.colNames);
  const columns = queryColumns(cx, source.queries[0], names, false);
  const oid = createRelation(cx, {
    ...target, kind: isMaterialized ? 'm' : 'r', owner: cx.session.currentUserOid, columns, accessMethod: HEAP_ACCESS_METHOD, tablespace: 0,
    options: storageOptions(into.options ?? []), ofType: 0, isPartition: false, partitionBound: null,
  });
  catalog.commandCounterIncrement();
  if (source.stored) {
    storeSelectRule(cx, oid, withColumnNames(source.stored, names));
    catalog.commandCounterIncrement();
  }
  onCommit(cx, into, oid, target.persistence);
  if (into.skipData) return { tag, rows: null };
  const processed = yield* fillFromQuery(cx, oid, source.queries[0], source.parameters);
  if (isMaterialized) markPopulated(cx, oid, true);
  return { tag: 'SELECT', rows: null, processed };
}

function refuseUnsupported(into: IntoClause): void {
  if (into.tableSpaceName && into.tableSpaceName !== 'pg_default') throw notSupported('CREATE TABLE AS ... TABLESPACE');
  if (into.accessMethod && into.accessMethod !== 'heap') throw pgError('UNDEFINED_OBJECT', `access method "${into.accessMethod}" does not exist`);
}

interface Source {
  /** Rewritten, ready to run. */
  readonly queries: readonly Query[];
  /** What a materialized view keeps: analyzed, not rewritten. */
  readonly stored: Query | null;
  readonly parameters: readonly Datum[];
}

function sourceQueries(cx: CommandContext, stmt: CreateTableAsStmt, isMaterialized: boolean): Source {
  const query = stmt.query!;
  if (tagOf(query) === 'ExecuteStmt') {
    const execute = bodyAs<ExecuteStmt>(bodyOf(query));
    const prepared = cx.session.preparedQueries(execute.name ?? '', (execute.params ?? []) as readonly object[] as readonly RawNode[]);
    if (!prepared) throw pgError('INVALID_SQL_STATEMENT_NAME', `prepared statement "${execute.name ?? ''}" does not exist`);
    if (prepared.queries.length !== 1 || prepared.queries[0].commandType !== 'select') throw pgError('WRONG_OBJECT_TYPE', 'prepared statement is not a SELECT');
    return { queries: prepared.queries, stored: null, parameters: prepared.parameters };
  }
  if (!isMaterialized) return { queries: rewritten(cx, query), stored: null, parameters: cx.parameters };
  const stored = analyzeInner(query, { catalog: cx.session.catalog, services: cx.services, sourceText: cx.sourceText });
  if (stored.hasModifyingCTE) throw pgError('FEATURE_NOT_SUPPORTED', 'materialized views must not use data-modifying statements in WITH');
  if (usesTemporary(cx, stored)) throw pgError('FEATURE_NOT_SUPPORTED', 'materialized views must not use temporary tables or views');
  if (cx.parameterTypes.length > 0) throw pgError('FEATURE_NOT_SUPPORTED', 'materialized views may not be defined using bound parameters');
  if (stmt.into?.rel?.relpersistence === 'u') throw pgError('FEATURE_NOT_SUPPORTED', 'materialized views cannot be unlogged');
  return { queries: rewritten(cx, query), stored, parameters: [] };
}

function rewritten(cx: CommandContext, query: Node): readonly Query[] {
  const queries = cx.analyze(query, cx.parameterTypes);
  if (queries.length !== 1) throw pgError('INTERNAL_ERROR', 'unexpected rewrite result for CREATE TABLE AS');
  return queries;
}

function onCommit(cx: CommandContext, into: IntoClause, oid: Oid, persistence: string): void {
  const action = into.onCommit;
  if (!action || action === 'ONCOMMIT_NOOP' || action === 'ONCOMMIT_PRESERVE_ROWS') return;
  if (persistence !== 't') throw pgError('INVALID_TABLE_DEFINITION', 'ON COMMIT can only be used on temporary tables');
  cx.session.onCommitAction(oid, action === 'ONCOMMIT_DROP' ? 'drop' : 'delete');
}

/** Stores a query's rows in a table that has no constraints and indexes yet; how many there were. */
export function* fillFromQuery(cx: CommandContext, oid: Oid, query: Query, parameters: readonly Datum[]): Suspendable<number> {
  const heap = openOwn(cx, oid).openHeap();
  const { transaction } = cx.session;
  const width = heap.shape.attributeCount;
  let stored = 0;
  yield* cx.execute(query, (row) => {
    heap.insert(transaction, row.length === width ? row.slice() : row.slice(0, width));
    stored++;
    return (stored & 1023) === 0 ? cx.storage.memoryPressure() : null;
  }, parameters);
  cx.session.catalog.commandCounterIncrement();
  return stored;
}

/** pg_class.relispopulated of a materialized view. */
export function markPopulated(cx: CommandContext, oid: Oid, populated: boolean): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_class').findOne({ oid });
  if (row && row.relispopulated !== populated) catalog.table('pg_class').update(row, { relispopulated: populated });
  catalog.commandCounterIncrement();
}
