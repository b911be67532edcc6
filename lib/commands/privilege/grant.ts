/**
 * GRANT and REVOKE of privileges on objects and columns.
 *
 * Idea: PostgreSQL's ExecuteGrantStmt, ExecGrant_Relation, ExecGrant_common (catalog/aclchk.c).
 */
import type { GrantStmt, RoleSpec } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { aclArray, aclItems, ALL_RIGHTS, AclPrivilege, defaultAcl, type Acl, type AclKind } from '../../catalog/acl.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { isTrueArray } from '../../catalog/format-type.js';
import { relationWord } from '../../catalog/privileges.js';
import type { PgAttribute, PgClass } from '../../catalog/rows.js';
import { updateAclDependencies } from '../../catalog/shared-depend.js';
import { bodyAs } from '../../parser/raw.js';
import type { ArrayValue } from '../../types/datum.js';
import { RelationRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { columnOf, NAMED_CLASSES, objectRow, OTHER_CLASSES, updateObject, type ObjectClass } from '../object/object-classes.js';
import { roleSpecOid, roleSpecs } from '../role/role-spec.js';
import { changedAcl, type GrantOrder } from './change-acl.js';
import { grantObjects } from './grant-objects.js';
import { GRANT_KINDS, invalidPrivilege, writtenPrivileges, type WrittenPrivileges } from './privileges.js';

registerCommand('GrantStmt', { execute: (statement, cx) => grant(bodyAs<GrantStmt>(statement.body), cx) });

/** OIDs of grantees; PUBLIC is 0. */
export function granteeOids(cx: CommandContext, specs: readonly RoleSpec[]): Oid[] {
  return specs.map((spec) => (spec.roletype === 'ROLESPEC_PUBLIC' ? 0 : roleSpecOid(cx, spec)));
}

/** The order of a statement. @throws 0A000 when GRANTED BY names another role */
export function grantOrder(cx: CommandContext, stmt: GrantStmt): GrantOrder {
  if (stmt.grantor && roleSpecOid(cx, stmt.grantor) !== cx.session.currentUserOid) throw pgError('FEATURE_NOT_SUPPORTED', 'grantor must be current user');
  return {
    isGrant: stmt.is_grant ?? false, grantOption: stmt.grant_option ?? false, cascade: stmt.behavior === 'DROP_CASCADE',
    grantees: granteeOids(cx, roleSpecs(stmt.grantees)),
  };
}

function* grant(stmt: GrantStmt, cx: CommandContext): Suspendable<CommandResult> {
  const order = grantOrder(cx, stmt);
  const objects = grantObjects(cx, stmt);
  const { kind, word } = GRANT_KINDS[stmt.objtype ?? ''];
  const privileges = writtenPrivileges(stmt.privileges, kind, word);
  for (const oid of new Set(objects)) {
    if (kind === 'table' || kind === 'sequence') grantOnRelation(cx, oid, kind, order, privileges);
    else grantOnObject(cx, oid, kind, stmt.objtype ?? '', order, privileges);
    cx.session.catalog.commandCounterIncrement();
  }
  yield* [];
  return { tag: order.isGrant ? 'GRANT' : 'REVOKE', rows: null };
}

/** Classes by the kind of their lists. */
const CLASS_OF_KIND: Readonly<Partial<Record<AclKind, ObjectClass>>> = {
  database: NAMED_CLASSES.OBJECT_DATABASE, schema: NAMED_CLASSES.OBJECT_SCHEMA, language: NAMED_CLASSES.OBJECT_LANGUAGE, tablespace: NAMED_CLASSES.OBJECT_TABLESPACE,
  'foreign-data wrapper': NAMED_CLASSES.OBJECT_FDW, 'foreign server': NAMED_CLASSES.OBJECT_FOREIGN_SERVER,
  type: OTHER_CLASSES.type, function: OTHER_CLASSES.function, 'large object': OTHER_CLASSES.largeObject,
};

function grantOnObject(cx: CommandContext, oid: Oid, kind: AclKind, objectType: string, order: GrantOrder, privileges: WrittenPrivileges): void {
  const { catalog } = cx.session;
  const facts = CLASS_OF_KIND[kind];
  const row = facts && objectRow(catalog, facts, oid);
  if (!facts || !row) throw pgError('INTERNAL_ERROR', `cache lookup failed for ${kind} ${oid}`);
  if (kind === 'type') checkGrantableType(cx, oid, objectType);
  const name = facts.nameColumn === '' ? String(oid) : columnOf(row, facts.nameColumn) as string;
  if (kind === 'language' && !catalog.table('pg_language').findOne({ oid })?.lanpltrusted) {
    throw pgError('WRONG_OBJECT_TYPE', `language "${name}" is not trusted`, {
      detail: 'GRANT and REVOKE are not allowed on untrusted languages, because only superusers can use untrusted languages.',
    });
  }
  const owner = columnOf(row, facts.ownerColumn) as Oid;
  const stored = aclItems(columnOf(row, facts.aclColumn) as ArrayValue | null);
  const target = { owner, acl: stored ?? defaultAcl(kind, owner), word: GRANT_KINDS[objectType].word, name, columnOf: null, possible: ALL_RIGHTS[kind] };
  const acl = changedAcl(cx, target, order, privileges.whole, privileges.all);
  updateObject(catalog, facts, oid, { [facts.aclColumn]: aclArray(acl) });
  updateAclDependencies(catalog, objectAddress(facts.classId, oid), owner, stored, acl);
}

function checkGrantableType(cx: CommandContext, oid: Oid, objectType: string): void {
  const row = cx.session.catalog.type(oid);
  if (row && isTrueArray(row)) throw pgError('INVALID_GRANT_OPERATION', 'cannot set privileges of array types', { hint: 'Set the privileges of the element type instead.' });
  if (row?.typtype === 'm') throw pgError('INVALID_GRANT_OPERATION', 'cannot set privileges of multirange types', { hint: 'Set the privileges of the range type instead.' });
  if (objectType === 'OBJECT_DOMAIN' && row?.typtype !== 'd') throw pgError('WRONG_OBJECT_TYPE', `"${row?.typname ?? ''}" is not a domain`);
}

function grantOnRelation(cx: CommandContext, oid: Oid, kind: 'table' | 'sequence', order: GrantOrder, privileges: WrittenPrivileges): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_class').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for relation ${oid}`);
  if (row.relkind === 'i' || row.relkind === 'I') throw pgError('WRONG_OBJECT_TYPE', `"${row.relname}" is an index`);
  if (row.relkind === 'c') throw pgError('WRONG_OBJECT_TYPE', `"${row.relname}" is a composite type`);
  if (kind === 'sequence' && row.relkind !== 'S') throw pgError('WRONG_OBJECT_TYPE', `"${row.relname}" is not a sequence`);
  const isSequence = row.relkind === 'S';
  let whole = privileges.all ? ALL_RIGHTS[isSequence ? 'sequence' : 'table'] : privileges.whole;
  if (kind === 'table' && !privileges.all) whole = adjustForRelation(cx, row, whole);
  const stored = aclItems(row.relacl);
  const before = stored ?? defaultAcl(isSequence ? 'sequence' : 'table', row.relowner);
  const word = relationWord(row.relkind);
  if (whole !== 0) {
    const target = { owner: row.relowner, acl: before, word, name: row.relname, columnOf: null, possible: ALL_RIGHTS[isSequence ? 'sequence' : 'table'] };
    const acl = changedAcl(cx, target, order, whole, privileges.all);
    catalog.table('pg_class').update(row, { relacl: aclArray(acl) });
    updateAclDependencies(catalog, objectAddress(RelationRelationId, oid), row.relowner, stored, acl);
  }
  grantOnColumns(cx, row, before, order, privileges, whole);
}

function adjustForRelation(cx: CommandContext, row: PgClass, whole: number): number {
  if (row.relkind === 'S') {
    if ((whole & ~ALL_RIGHTS.sequence) !== 0) {
      cx.services.notice(pgError('INVALID_GRANT_OPERATION', `sequence "${row.relname}" only supports USAGE, SELECT, and UPDATE privileges`, { severity: 'WARNING' }));
    }
    return whole & ALL_RIGHTS.sequence;
  }
  if ((whole & AclPrivilege.USAGE) !== 0) throw invalidPrivilege(AclPrivilege.USAGE, 'table');
  return whole;
}

/** Column lists; REVOKE on the whole table takes the columns' privileges along. */
function grantOnColumns(cx: CommandContext, row: PgClass, tableAcl: Acl, order: GrantOrder, privileges: WrittenPrivileges, whole: number): void {
  const { catalog } = cx.session;
  const masks = new Map<string, { mask: number; all: boolean }>();
  const attributes = catalog.table('pg_attribute').find({ attrelid: row.oid }).filter((attribute) => !attribute.attisdropped);
  if (!order.isGrant && (whole & ALL_RIGHTS.column) !== 0) {
    for (const attribute of attributes) if (attribute.attacl) masks.set(attribute.attname, { mask: whole & ALL_RIGHTS.column, all: true });
  }
  for (const { names, mask, all } of privileges.columns) {
    for (const name of names) {
      if (!attributes.some((attribute) => attribute.attname === name)) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${row.relname}" does not exist`);
      const allowed = row.relkind === 'S' ? AclPrivilege.SELECT : ALL_RIGHTS.column;
      if (row.relkind === 'S' && (mask & ~allowed) !== 0 && !all) {
        cx.services.notice(pgError('INVALID_GRANT_OPERATION', `sequence "${row.relname}" only supports SELECT column privileges`, { severity: 'WARNING' }));
      }
      masks.set(name, { mask: (masks.get(name)?.mask ?? 0) | (mask & allowed), all: all || (masks.get(name)?.all ?? false) });
    }
  }
  for (const [name, { mask, all }] of masks) {
    const attribute = attributes.find((candidate) => candidate.attname === name)!;
    grantOnColumn(cx, row, tableAcl, attribute, order, mask, all);
  }
}

function grantOnColumn(cx: CommandContext, row: PgClass, tableAcl: Acl, attribute: PgAttribute, order: GrantOrder, mask: number, all: boolean): void {
  const { catalog } = cx.session;
  const stored = aclItems(attribute.attacl);
  const before: Acl = stored ?? [];
  // Grant options on the table count for its columns.
  const target = {
    owner: row.relowner, acl: before, rights: [...tableAcl, ...before], word: relationWord(row.relkind), name: attribute.attname, columnOf: row.relname,
    possible: ALL_RIGHTS.column,
  };
  const acl = changedAcl(cx, target, order, mask, all);
  catalog.table('pg_attribute').update(attribute, { attacl: acl.length > 0 ? aclArray(acl) : null });
  updateAclDependencies(catalog, objectAddress(RelationRelationId, row.oid, attribute.attnum), row.relowner, stored, acl);
}
