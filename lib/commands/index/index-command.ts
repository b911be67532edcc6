/**
 * CREATE INDEX.
 *
 * CONCURRENTLY commits the index as one that does not answer queries yet (`concurrent-phases.ts`), fills it beside the writers, and
 * makes it valid once nobody reads by a snapshot that it cannot answer.
 *
 * Idea: PostgreSQL's DefineIndex (commands/indexcmds.c).
 */
import type { DefElem, IndexElem, IndexStmt, Node } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { unsupportedKindDetail } from '../../catalog/relation-kind.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { optionText } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';
import { containsVolatile, cookCondition, openNamed } from '../expressions.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import { chooseIndexName } from '../relation/relation-name.js';
import { commitPhase, holdingLocks } from './concurrent-phases.js';
import { createIndex } from './create-index.js';
import { fillConcurrently, makeValid } from './fill-concurrently.js';
import { indexColumns, indexMethod } from './index-columns.js';

registerCommand('IndexStmt', { execute: (statement, cx) => execute(bodyAs<IndexStmt>(statement.body), cx) });

const RESULT: CommandResult = { tag: 'CREATE INDEX', rows: null };

function* execute(stmt: IndexStmt, cx: CommandContext): Suspendable<CommandResult> {
  if (stmt.concurrent) cx.session.preventInTransactionBlock('CREATE INDEX CONCURRENTLY');
  const relation = openNamed(cx, stmt.relation!);
  checkIndexable(relation);
  // Nobody else sees a temporary table.
  const concurrent = (stmt.concurrent ?? false) && relation.persistence !== 't';
  yield* lockRelation(cx, relation.oid, concurrent ? 'ShareUpdateExclusive' : 'Share');
  checkTableOwner(cx, relation);
  if (stmt.tableSpace) throw notSupported('CREATE INDEX ... TABLESPACE');
  if (relation.kind === 'p' && concurrent) throw pgError('FEATURE_NOT_SUPPORTED', `cannot create index on partitioned table "${relation.name}" concurrently`);
  if (relation.kind === 'p') throw notSupported('indexes on partitioned tables');
  const method = indexMethod(cx, stmt.accessMethod ?? 'btree');
  const keys = stmt.indexParams ?? [];
  const including = stmt.indexIncludingParams ?? [];
  if (stmt.unique && !method.canUnique) throw pgError('FEATURE_NOT_SUPPORTED', `access method "${method.name}" does not support unique indexes`);
  if (including.length > 0 && !method.canInclude) throw pgError('FEATURE_NOT_SUPPORTED', `access method "${method.name}" does not support included columns`);
  if (keys.length > 1 && !method.canMultiColumn) throw pgError('FEATURE_NOT_SUPPORTED', `access method "${method.name}" does not support multicolumn indexes`);
  if (keys.length + including.length > MAX_INDEX_COLUMNS) throw pgError('TOO_MANY_COLUMNS', `cannot use more than ${MAX_INDEX_COLUMNS} columns in an index`);
  const columns = indexColumns(cx, relation, method, keys, including);
  const predicate = stmt.whereClause ? cookCondition(cx, relation, stmt.whereClause, 'indexPredicate', 'WHERE') : null;
  if (predicate && containsVolatile(cx.session.catalog, predicate, true)) {
    throw pgError('INVALID_OBJECT_DEFINITION', 'functions in index predicate must be marked IMMUTABLE');
  }
  const name = stmt.idxname ?? chooseIndexName(cx.session.catalog, relation.name, relation.namespace, nameParts(keys, columns.map((column) => column.name)), 'plain');
  if (stmt.if_not_exists && cx.session.catalog.relationOid(name, relation.namespace) !== 0) {
    cx.services.notice(pgError('DUPLICATE_TABLE', `relation "${name}" already exists, skipping`, { severity: 'NOTICE' }));
    return RESULT;
  }
  const oid = yield* createIndex(cx, {
    name, relation, method, columns, keyCount: keys.length, unique: stmt.unique ?? false, primary: false,
    nullsNotDistinct: stmt.nulls_not_distinct ?? false, exclusion: false, immediate: true, predicate,
    options: (stmt.options ?? []).map((node) => storageOption(bodyAs<DefElem>(bodyOf(node)))), tablespace: 0, forConstraint: false, concurrent,
  });
  if (concurrent) yield* holdingLocks(cx, [relation.oid], () => finishConcurrently(cx, relation.oid, oid));
  return RESULT;
}

function* finishConcurrently(cx: CommandContext, table: Oid, index: Oid): Suspendable<void> {
  yield* commitPhase(cx);
  const filledAt = yield* fillConcurrently(cx, table, index);
  yield* commitPhase(cx);
  yield* makeValid(cx, table, index, filledAt);
}

const MAX_INDEX_COLUMNS = 32;

/** PostgreSQL builds the default name of plain columns' names, of "expr" or the function's name for expressions. */
function nameParts(keys: readonly Node[], columnNames: readonly string[]): string[] {
  return columnNames.map((columnName, at) => (at < keys.length ? bodyAs<IndexElem>(bodyOf(keys[at])).name ?? columnName : columnName));
}

/** WITH (fillfactor = 70): kept for what shows it; the parameters steer pages, which this storage does not have. */
function storageOption(option: DefElem): string {
  const name = option.defname ?? '';
  if (!INDEX_OPTIONS.has(name)) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter "${name}"`);
  return `${name}=${option.arg ? optionText(option) : 'true'}`;
}
const INDEX_OPTIONS = new Set(['fillfactor', 'deduplicate_items']);

function checkIndexable(relation: Relation): void {
  if (relation.kind === 'r' || relation.kind === 'm' || relation.kind === 'p') return;
  throw pgError('WRONG_OBJECT_TYPE', `cannot create index on relation "${relation.name}"`, { detail: unsupportedKindDetail(relation.kind) });
}
