/**
 * ALTER ... RENAME of everything.
 *
 * Idea: PostgreSQL's ExecRenameStmt (commands/alter.c) and the functions it calls.
 */
import type { Node, RangeVar, RenameStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { relationOidOf } from '../../catalog/namespace.js';
import { checkCreate } from '../../catalog/namespace.js';
import { checkOwner } from '../../catalog/privileges.js';
import { bodyAs } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { renameDatabase, renameRole, renameSchema } from './rename-shared.js';
import { renameColumn, renameConstraint, renameOnTable, renameRelation } from './rename-relation.js';
import { renameType } from './rename-type.js';
import { checkNameFree } from './name-conflict.js';
import { findObject } from './find-object.js';
import { classOf, columnOf, objectRow, updateObject } from './object-classes.js';
import { objectDescription } from '../../catalog/description.js';
import type { Oid } from '../../catalog/api.js';
import { lockNamed } from './object-lock.js';

registerCommand('RenameStmt', { execute: (statement, cx) => rename(bodyAs<RenameStmt>(statement.body), cx) });

const TAGS: Readonly<Record<string, string>> = {
  OBJECT_MATVIEW: 'ALTER MATERIALIZED VIEW', OBJECT_FOREIGN_TABLE: 'ALTER FOREIGN TABLE', OBJECT_TABCONSTRAINT: 'ALTER TABLE', OBJECT_DOMCONSTRAINT: 'ALTER DOMAIN',
  OBJECT_FDW: 'ALTER FOREIGN DATA WRAPPER', OBJECT_FOREIGN_SERVER: 'ALTER SERVER', OBJECT_OPCLASS: 'ALTER OPERATOR CLASS', OBJECT_OPFAMILY: 'ALTER OPERATOR FAMILY',
  OBJECT_STATISTIC_EXT: 'ALTER STATISTICS', OBJECT_TSCONFIGURATION: 'ALTER TEXT SEARCH CONFIGURATION', OBJECT_TSDICTIONARY: 'ALTER TEXT SEARCH DICTIONARY',
  OBJECT_TSPARSER: 'ALTER TEXT SEARCH PARSER', OBJECT_TSTEMPLATE: 'ALTER TEXT SEARCH TEMPLATE', OBJECT_LARGEOBJECT: 'ALTER LARGE OBJECT', OBJECT_ATTRIBUTE: 'ALTER TYPE',
  OBJECT_EVENT_TRIGGER: 'ALTER EVENT TRIGGER', OBJECT_ACCESS_METHOD: 'ALTER ACCESS METHOD',
};

/** The tag of an ALTER statement for a kind of object (AlterObjectTypeCommandTag). */
export function alterTag(objectType: string): string {
  return TAGS[objectType] ?? `ALTER ${objectType.replace('OBJECT_', '').replace(/_/g, ' ')}`;
}

function* rename(stmt: RenameStmt, cx: CommandContext): Suspendable<CommandResult> {
  const kind = stmt.renameType ?? '';
  const ofColumn = kind === 'OBJECT_COLUMN' || kind === 'OBJECT_ATTRIBUTE';
  yield* renameObject(stmt, kind, cx);
  return { tag: alterTag(ofColumn ? stmt.relationType ?? 'OBJECT_TABLE' : kind), rows: null };
}

function* renameObject(stmt: RenameStmt, kind: string, cx: CommandContext): Suspendable<void> {
  const newName = stmt.newname ?? '';
  switch (kind) {
    case 'OBJECT_TABLE': case 'OBJECT_SEQUENCE': case 'OBJECT_VIEW': case 'OBJECT_MATVIEW': case 'OBJECT_INDEX': case 'OBJECT_FOREIGN_TABLE': {
      const oid = findOrSkip(cx, stmt);
      if (oid !== 0) yield* renameRelation(cx, oid, kind, newName);
      return;
    }
    case 'OBJECT_COLUMN': case 'OBJECT_ATTRIBUTE': {
      const oid = findOrSkip(cx, stmt);
      if (oid !== 0) yield* renameColumn(cx, oid, stmt.subname ?? '', newName, stmt.relation?.inh ?? false, stmt.relationType ?? 'OBJECT_TABLE', stmt.behavior === 'DROP_CASCADE');
      return;
    }
    case 'OBJECT_TABCONSTRAINT': {
      const oid = findOrSkip(cx, stmt);
      if (oid !== 0) yield* renameConstraint(cx, oid, stmt.subname ?? '', newName, stmt.relation?.inh ?? false);
      return;
    }
    case 'OBJECT_RULE': case 'OBJECT_TRIGGER': case 'OBJECT_POLICY': {
      const oid = findOrSkip(cx, stmt);
      if (oid !== 0) yield* renameOnTable(cx, kind, oid, stmt.subname ?? '', newName);
      return;
    }
    case 'OBJECT_DOMCONSTRAINT': renameDomainConstraint(cx, stmt, newName); return;
    case 'OBJECT_SCHEMA': renameSchema(cx, stmt.subname ?? '', newName); return;
    case 'OBJECT_ROLE': renameRole(cx, stmt.subname ?? '', newName); return;
    case 'OBJECT_DATABASE': yield* renameDatabase(cx, stmt.subname ?? '', newName); return;
    case 'OBJECT_TABLESPACE': throw notSupported('ALTER TABLESPACE');
    case 'OBJECT_TYPE': case 'OBJECT_DOMAIN': renameType(cx, stmt.object!, kind === 'OBJECT_DOMAIN', newName); return;
    default: yield* renameAnother(cx, kind, stmt.object!, newName);
  }
}

/** The relation of the statement; 0 (with a notice) when it is missing and that is all right. */
function findOrSkip(cx: CommandContext, stmt: RenameStmt): Oid {
  const range = stmt.relation as RangeVar;
  const oid = relationOidOf(cx.session.catalog, { ...range, relname: range.relname ?? '' }, stmt.missing_ok ?? false);
  if (oid === 0) {
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `relation "${range.relname ?? ''}" does not exist, skipping`, { severity: 'NOTICE' }));
  }
  return oid;
}

function renameDomainConstraint(cx: CommandContext, stmt: RenameStmt, newName: string): void {
  const { catalog } = cx.session;
  const object = stmt.object!;
  const domain = findObject(cx, 'OBJECT_TYPE', object);
  const oldName = stmt.subname ?? '';
  const format = cx.services.types.formatType(domain.address.objectId);
  checkOwner(catalog, domain.type!.typowner, cx.session.currentUserOid, 'type', format);
  const constraints = catalog.table('pg_constraint');
  const row = constraints.findOne({ conrelid: 0, contypid: domain.address.objectId, conname: oldName });
  if (!row) throw pgError('UNDEFINED_OBJECT', `constraint "${oldName}" for domain ${format} does not exist`);
  if (constraints.findOne({ conrelid: 0, contypid: domain.address.objectId, conname: newName })) {
    throw pgError('DUPLICATE_OBJECT', `constraint "${newName}" for domain ${format} already exists`);
  }
  constraints.update(row, { conname: newName });
}

/** Functions, operators' classes, collations ... whose name is one column. */
function* renameAnother(cx: CommandContext, kind: string, node: Node, newName: string): Suspendable<void> {
  const { catalog, currentUserOid, isSuperuser } = cx.session;
  const { address } = yield* lockNamed(cx, () => findObject(cx, kind, node));
  const facts = classOf(address.classId);
  const row = facts && objectRow(catalog, facts, address.objectId);
  if (!facts || !row) throw notSupported(`ALTER ${kind.replace('OBJECT_', '')} ... RENAME`);
  const namespace = facts.namespaceColumn === '' ? 0 : columnOf(row, facts.namespaceColumn) as Oid;
  if (!isSuperuser) {
    if (facts.ownerColumn === '') {
      throw pgError('INSUFFICIENT_PRIVILEGE', `must be superuser to rename ${objectDescription(catalog, address) ?? ''}`);
    }
    checkOwner(catalog, columnOf(row, facts.ownerColumn) as Oid, currentUserOid, facts.word, columnOf(row, facts.nameColumn) as string);
    if (namespace !== 0) checkCreate(catalog, namespace);
  }
  checkNameFree(cx, facts, row, newName, namespace);
  updateObject(catalog, facts, address.objectId, { [facts.nameColumn]: newName });
}
