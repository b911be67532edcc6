/**
 * COPY: checks who may, finds relation or query, columns and stream, and hands over to `copyFrom` or `copyTo`.
 *
 * Idea: PostgreSQL's DoCopy (commands/copy.c).
 */
import type { CopyStmt } from 'libpg-query';
import { exprType } from '../../analyzer/node-functions.js';
import type { Query } from '../../analyzer/nodes.js';
import { notSupported, pgError } from '../../base/error.js';
import { quoteIdentifier, quoteQualified } from '../../base/identifier.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { hasColumnPrivilege, hasPrivilege, relationWord } from '../../catalog/privileges.js';
import { isMemberOfRole } from '../../catalog/roles.js';
import type { PgAttribute } from '../../catalog/rows.js';
import { bodyAs, stringList, type RawNode } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { openNamed } from '../expressions.js';
import { lockRelation } from '../relation/access.js';
import { copyColumns, optionColumns } from './copy-columns.js';
import { copyFrom } from './copy-from.js';
import { clientSink, clientSource, fileSink, fileSource } from './copy-streams.js';
import { copyTo } from './copy-to.js';
import { copyOptions, type CopyOptions } from './options.js';

registerCommand('CopyStmt', { execute: (statement, cx) => execute(statement.body, cx), readOnly: true });

const ROLE_READ_FILES = 4569;
const ROLE_WRITE_FILES = 4570;

function* execute(body: RawNode, cx: CommandContext): Suspendable<CommandResult> {
  const stmt = bodyAs<CopyStmt>(body);
  const isFrom = stmt.is_from ?? false;
  if (stmt.is_program) throw notSupported(isFrom ? 'COPY FROM PROGRAM' : 'COPY TO PROGRAM');
  if (stmt.filename !== undefined) checkFileAccess(cx, isFrom);
  const options = copyOptions(stmt.options, isFrom);
  const rows = isFrom ? yield* runFrom(stmt, cx, options) : yield* runTo(stmt, body.query as RawNode | undefined, cx, options);
  return { tag: 'COPY', rows: null, processed: rows };
}

function checkFileAccess(cx: CommandContext, isFrom: boolean): void {
  const { catalog, currentUserOid, isSuperuser } = cx.session;
  if (isSuperuser || isMemberOfRole(catalog, currentUserOid, isFrom ? ROLE_READ_FILES : ROLE_WRITE_FILES)) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to COPY ${isFrom ? 'from' : 'to'} a file`, {
    detail: `Only roles with privileges of the "${isFrom ? 'pg_read_server_files' : 'pg_write_server_files'}" role may COPY ${isFrom ? 'from' : 'to'} a file.`,
    hint: `Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.`,
  });
}

function* runFrom(stmt: CopyStmt, cx: CommandContext, options: CopyOptions): Suspendable<number> {
  const relation = openNamed(cx, stmt.relation!);
  yield* lockRelation(cx, relation.oid, 'RowExclusive');
  if (!['r', 'p'].includes(relation.kind)) throw cannotCopyTo(relation);
  if (relation.persistence !== 't') cx.session.preventIfReadOnly('COPY FROM');
  const columns = copyColumns(relation, stringList(stmt.attlist));
  checkColumns(cx, relation, columns, 'INSERT');
  const source = stmt.filename === undefined ? clientSource(cx) : fileSource(cx.env, stmt.filename);
  return yield* copyFrom(cx, { relation, columns, options, where: stmt.whereClause, source });
}

function cannotCopyTo(relation: Relation): Error {
  if (relation.kind === 'v') return pgError('WRONG_OBJECT_TYPE', `cannot copy to view "${relation.name}"`, { hint: 'To enable copying to a view, provide an INSTEAD OF INSERT trigger.' });
  if (relation.kind === 'm') return pgError('WRONG_OBJECT_TYPE', `cannot copy to materialized view "${relation.name}"`);
  if (relation.kind === 'S') return pgError('WRONG_OBJECT_TYPE', `cannot copy to sequence "${relation.name}"`);
  return pgError('WRONG_OBJECT_TYPE', `cannot copy to non-table relation "${relation.name}"`);
}

function checkColumns(cx: CommandContext, relation: Relation, columns: readonly PgAttribute[], privilege: 'INSERT' | 'SELECT'): void {
  const { catalog, currentUserOid } = cx.session;
  if (hasPrivilege(catalog, 'table', relation.oid, currentUserOid, privilege)) return;
  if (columns.every((column) => hasColumnPrivilege(catalog, relation.oid, column.attnum, currentUserOid, privilege))) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for ${relationWord(relation.kind)} ${relation.name}`);
}

function* runTo(stmt: CopyStmt, source: RawNode | undefined, cx: CommandContext, options: CopyOptions): Suspendable<number> {
  const query = source === undefined ? yield* tableQuery(stmt, cx, options) : queryOf(source, cx);
  const columns = (query.returningList.length > 0 ? query.returningList : query.targetList).filter((target) => !target.resjunk)
    .map((target) => ({ name: target.resname ?? '', type: exprType(target.expr) }));
  const sink = stmt.filename === undefined ? clientSink(cx) : fileSink(cx.env, stmt.filename);
  return yield* copyTo(cx, { query, columns, options, sink });
}

/** COPY table TO is a SELECT of its columns from the table alone. */
function* tableQuery(stmt: CopyStmt, cx: CommandContext, options: CopyOptions): Suspendable<Query> {
  const relation = openNamed(cx, stmt.relation!);
  yield* lockRelation(cx, relation.oid, 'AccessShare');
  if (!['r', 'm'].includes(relation.kind)) throw cannotCopyFrom(relation);
  const columns = copyColumns(relation, stringList(stmt.attlist));
  optionColumns(relation, columns, options.forceQuote, 'FORCE_QUOTE');
  checkColumns(cx, relation, columns, 'SELECT');
  const list = columns.map((column) => quoteIdentifier(column.attname)).join(', ');
  const [query] = cx.analyzeText(`SELECT ${list} FROM ONLY ${quoteQualified(relation.namespaceName, relation.name)}`);
  return query;
}

function cannotCopyFrom(relation: Relation): Error {
  const word: Record<string, string> = { v: 'view', p: 'partitioned table', S: 'sequence', f: 'foreign table' };
  return pgError('WRONG_OBJECT_TYPE', `cannot copy from ${word[relation.kind] ?? 'non-table relation'} "${relation.name}"`,
    relation.kind === 'S' || !word[relation.kind] ? {} : { hint: 'Try the COPY (SELECT ...) TO variant.' });
}

/** COPY (query) TO. @throws 0A000 for statements without a result */
function queryOf(node: RawNode, cx: CommandContext): Query {
  const queries = cx.analyze(node);
  if (queries.length === 0) throw pgError('FEATURE_NOT_SUPPORTED', 'DO INSTEAD NOTHING rules are not supported for COPY');
  if (queries.length > 1) throw pgError('FEATURE_NOT_SUPPORTED', 'multi-statement DO INSTEAD rules are not supported for COPY');
  const [query] = queries;
  if (query.commandType === 'utility') throw pgError('FEATURE_NOT_SUPPORTED', 'COPY query must not be a utility command');
  if (query.commandType !== 'select' && query.returningList.length === 0) throw pgError('FEATURE_NOT_SUPPORTED', 'COPY query must have a RETURNING clause');
  return query;
}
