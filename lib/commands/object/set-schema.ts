/**
 * ALTER ... SET SCHEMA.
 *
 * Idea: PostgreSQL's ExecAlterObjectSchemaStmt (commands/alter.c), AlterTableNamespace (commands/tablecmds.c), AlterTypeNamespace
 * (commands/typecmds.c).
 */
import type { AlterObjectSchemaStmt, Node } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { changeDependency, sequenceOwner, sequencesOf } from '../../catalog/depend.js';
import { objectDescription } from '../../catalog/description.js';
import { checkCreate, explicitNamespace, isTempSchemaName, namespaceOid, relationOidOf } from '../../catalog/namespace.js';
import { checkOwner } from '../../catalog/privileges.js';
import { bodyAs } from '../../parser/raw.js';
import { NamespaceRelationId, RelationRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import { openOwn } from '../table/create-table.js';
import { findObject } from './find-object.js';
import { checkNameFree } from './name-conflict.js';
import { classOf, columnOf, objectRow, updateObject } from './object-classes.js';
import { alterTag } from './rename.js';
import { checkAlterKind } from './rename-relation.js';
import { alterableType } from './rename-type.js';
import { lockNamed } from './object-lock.js';

registerCommand('AlterObjectSchemaStmt', { execute: (statement, cx) => setSchema(bodyAs<AlterObjectSchemaStmt>(statement.body), cx) });

const RELATION_TYPES = new Set(['OBJECT_TABLE', 'OBJECT_SEQUENCE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_FOREIGN_TABLE']);

function* setSchema(stmt: AlterObjectSchemaStmt, cx: CommandContext): Suspendable<CommandResult> {
  const kind = stmt.objectType ?? '';
  const result: CommandResult = { tag: alterTag(kind), rows: null };
  const schema = stmt.newschema ?? '';
  if (RELATION_TYPES.has(kind)) {
    const range = stmt.relation!;
    const oid = relationOidOf(cx.session.catalog, { ...range, relname: range.relname ?? '' }, stmt.missing_ok ?? false);
    if (oid === 0) {
      cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `relation "${range.relname ?? ''}" does not exist, skipping`, { severity: 'NOTICE' }));
      return result;
    }
    yield* moveTable(cx, oid, kind, schema);
    return result;
  }
  if (kind === 'OBJECT_TYPE' || kind === 'OBJECT_DOMAIN') {
    const type = alterableType(cx, stmt.object!, kind === 'OBJECT_DOMAIN');
    const namespace = targetSchema(cx, schema, type.typnamespace);
    if (namespace === type.typnamespace) return result;
    if (type.typtype === 'c') moveRelation(cx, openOwn(cx, type.typrelid), namespace);
    else moveType(cx, type.oid, namespace, true);
    return result;
  }
  yield* moveObject(cx, kind, stmt.object!, schema);
  return result;
}

/** The schema to move to, with the right to create there. @throws 3F000, 42501, 0A000 */
function targetSchema(cx: CommandContext, name: string, from: Oid): Oid {
  const { catalog } = cx.session;
  const to = name === 'pg_temp' ? explicitNamespace(catalog, name) : namespaceOid(catalog, name);
  if (to === from) return to;
  checkCreate(catalog, to);
  for (const oid of [to, from]) {
    const schema = catalog.namespace(oid)?.nspname ?? '';
    if (schema === 'pg_toast') throw pgError('FEATURE_NOT_SUPPORTED', 'cannot move objects into or out of TOAST schema');
    if (isTempSchemaName(schema)) throw pgError('FEATURE_NOT_SUPPORTED', 'cannot move objects into or out of temporary schemas');
  }
  return to;
}

function* moveTable(cx: CommandContext, oid: Oid, kind: string, schema: string): Suspendable<void> {
  yield* lockRelation(cx, oid, 'AccessExclusive');
  const relation = openOwn(cx, oid);
  const { catalog } = cx.session;
  checkTableOwner(cx, relation);
  checkAlterKind(relation, kind);
  if (!'rvmSfp'.includes(relation.kind)) {
    throw pgError('WRONG_OBJECT_TYPE', `cannot change schema of ${relation.kind === 'i' || relation.kind === 'I' ? 'index' : 'relation'} "${relation.name}"`,
      relation.kind === 'i' || relation.kind === 'I' ? { hint: 'Change the schema of the table instead.' } : {});
  }
  const owner = relation.kind === 'S' ? sequenceOwner(catalog, oid, 'a') ?? sequenceOwner(catalog, oid, 'i') : null;
  if (owner) {
    throw pgError('FEATURE_NOT_SUPPORTED', 'cannot move an owned sequence into another schema', {
      detail: `Sequence "${relation.name}" is linked to table "${catalog.relation(owner.relation)?.name ?? ''}".`,
    });
  }
  const namespace = targetSchema(cx, schema, relation.namespace);
  if (namespace !== relation.namespace) moveRelation(cx, relation, namespace);
}

/** Moves a relation with its row type, indexes, constraints and owned sequences. */
function moveRelation(cx: CommandContext, relation: Relation, namespace: Oid): void {
  const { catalog } = cx.session;
  moveClassRow(cx, relation.oid, namespace, relation.kind !== 'i');
  if (relation.row.reltype !== 0) moveType(cx, relation.row.reltype, namespace, relation.kind === 'c');
  for (const index of relation.indexes) moveClassRow(cx, index.oid, namespace, false);
  for (const constraint of catalog.table('pg_constraint').find({ conrelid: relation.oid })) {
    catalog.table('pg_constraint').update(constraint, { connamespace: namespace });
  }
  if (relation.kind !== 'c') {
    for (const sequence of sequencesOf(catalog, relation.oid)) {
      moveClassRow(cx, sequence, namespace, true);
    }
  }
  catalog.commandCounterIncrement();
}

function moveClassRow(cx: CommandContext, oid: Oid, namespace: Oid, hasDependency: boolean): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_class').findOne({ oid });
  if (!row || row.relnamespace === namespace) return;
  if (catalog.relationOid(row.relname, namespace) !== 0) {
    throw pgError('DUPLICATE_TABLE', `relation "${row.relname}" already exists in schema "${catalog.namespace(namespace)?.nspname ?? ''}"`);
  }
  catalog.table('pg_class').update(row, { relnamespace: namespace });
  if (hasDependency) changeDependency(catalog, RelationRelationId, oid, NamespaceRelationId, row.relnamespace, namespace);
}

/** Moves a type and its array type; types on their own depend on their schema, row types do not. */
function moveType(cx: CommandContext, oid: Oid, namespace: Oid, hasDependency: boolean): void {
  const { catalog } = cx.session;
  const types = catalog.table('pg_type');
  const row = types.findOne({ oid });
  if (!row || row.typnamespace === namespace) return;
  if (catalog.typeByName(row.typname, namespace)) {
    throw pgError('DUPLICATE_OBJECT', `type "${row.typname}" already exists in schema "${catalog.namespace(namespace)?.nspname ?? ''}"`);
  }
  types.update(row, { typnamespace: namespace });
  if (row.typtype === 'd') {
    for (const constraint of catalog.table('pg_constraint').find({ contypid: oid })) catalog.table('pg_constraint').update(constraint, { connamespace: namespace });
  }
  if (hasDependency) changeDependency(catalog, TypeRelationId, oid, NamespaceRelationId, row.typnamespace, namespace);
  if (row.typarray !== 0) moveType(cx, row.typarray, namespace, false);
}

function* moveObject(cx: CommandContext, kind: string, node: Node, schema: string): Suspendable<void> {
  const { catalog, currentUserOid, isSuperuser } = cx.session;
  const { address } = yield* lockNamed(cx, () => findObject(cx, kind, node));
  const facts = classOf(address.classId);
  const row = facts && objectRow(catalog, facts, address.objectId);
  if (!facts || !row || facts.namespaceColumn === '') throw notSupported(`ALTER ${kind.replace('OBJECT_', '').replace(/_/g, ' ')} ... SET SCHEMA`);
  const from = columnOf(row, facts.namespaceColumn) as Oid;
  const name = columnOf(row, facts.nameColumn) as string;
  const to = namespaceOid(catalog, schema);
  if (from === to) return;
  if (!isSuperuser) {
    if (facts.ownerColumn === '') throw pgError('INSUFFICIENT_PRIVILEGE', `must be superuser to set schema of ${objectDescription(catalog, address) ?? ''}`);
    checkOwner(catalog, columnOf(row, facts.ownerColumn) as Oid, currentUserOid, facts.word, name);
  }
  targetSchema(cx, schema, from);
  checkNameFree(cx, facts, row, name, to);
  updateObject(catalog, facts, address.objectId, { [facts.namespaceColumn]: to });
  changeDependency(catalog, address.classId, address.objectId, NamespaceRelationId, from, to);
}
