/**
 * ALTER ... OWNER TO.
 *
 * Idea: PostgreSQL's ExecAlterOwnerStmt, AlterObjectOwner_internal (commands/alter.c), ATExecChangeOwner (commands/tablecmds.c).
 */
import type { AlterOwnerStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { aclArray, aclItems, changeAclOwner } from '../../catalog/acl.js';
import type { ObjectAddress } from '../../catalog/address.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { sequenceOwner, sequencesOf } from '../../catalog/depend.js';
import { checkPrivilege } from '../../catalog/privileges.js';
import { changeOwner } from '../../catalog/shared-depend.js';
import { bodyAs } from '../../parser/raw.js';
import type { ArrayValue } from '../../types/datum.js';
import { RelationRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { Pass, registerAlter } from '../alter/alter-table.js';
import { registerCommand } from '../dispatch.js';
import { checkTableOwner } from '../relation/access.js';
import { checkCanSetRole, roleSpecOid } from '../role/role-spec.js';
import { openOwn } from '../table/create-table.js';
import { findObject } from './find-object.js';
import { checkObjectOwner } from './ownership.js';
import { classOf, columnOf, objectRow, updateObject, type ObjectClass } from './object-classes.js';
import { alterTag } from './rename.js';
import { alterableType } from './rename-type.js';
import { lockNamed } from './object-lock.js';

registerCommand('AlterOwnerStmt', { execute: (statement, cx) => alterOwner(bodyAs<AlterOwnerStmt>(statement.body), cx) });
registerAlter('AT_ChangeOwner', {
  pass: Pass.misc, kinds: 'rpvmSfcitI',
  *execute({ cx, relation, command }) {
    changeRelationOwner(cx, relation, roleSpecOid(cx, command.newowner!), false);
    yield* [];
  },
});

function* alterOwner(stmt: AlterOwnerStmt, cx: CommandContext): Suspendable<CommandResult> {
  const kind = stmt.objectType ?? '';
  const owner = roleSpecOid(cx, stmt.newowner!);
  if (kind === 'OBJECT_TYPE' || kind === 'OBJECT_DOMAIN') {
    const type = alterableType(cx, stmt.object!, kind === 'OBJECT_DOMAIN');
    if (type.typowner !== owner) {
      if (!cx.session.isSuperuser) {
        checkCanSetRole(cx, owner);
        checkPrivilege(cx.session.catalog, 'schema', type.typnamespace, owner, 'CREATE', cx.session.catalog.namespace(type.typnamespace)?.nspname ?? '');
      }
      changeTypeOwner(cx, type.oid, owner);
    }
  } else {
    yield* changeObjectOwner(cx, kind, stmt, owner);
  }
  yield* [];
  return { tag: alterTag(kind), rows: null };
}

function* changeObjectOwner(cx: CommandContext, kind: string, stmt: AlterOwnerStmt, owner: Oid): Suspendable<void> {
  const { catalog, currentUserOid, isSuperuser } = cx.session;
  const object = yield* lockNamed(cx, () => findObject(cx, kind, stmt.object!));
  const facts = classOf(object.address.classId);
  const row = facts && objectRow(catalog, facts, object.address.objectId);
  if (!facts || !row || facts.ownerColumn === '') throw notSupported(`${alterTag(kind)} ... OWNER TO`);
  if (columnOf(row, facts.ownerColumn) === owner) return;
  if (!isSuperuser) {
    checkObjectOwner(cx, object);
    checkCanSetRole(cx, owner);
    if (facts.namespaceColumn !== '') {
      const namespace = columnOf(row, facts.namespaceColumn) as Oid;
      checkPrivilege(catalog, 'schema', namespace, owner, 'CREATE', catalog.namespace(namespace)?.nspname ?? '');
    }
    if (kind === 'OBJECT_SCHEMA') checkPrivilege(catalog, 'database', catalog.databaseOid, currentUserOid, 'CREATE', catalog.databaseName);
    if (kind === 'OBJECT_DATABASE' && !catalog.role(currentUserOid)?.rolcreatedb) throw pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to change owner of database');
  }
  setOwner(cx, object.address, owner);
}

/** Gives an object to a role: its row, its access control list, its dependency. No checks. */
export function setOwner(cx: CommandContext, address: ObjectAddress, owner: Oid): void {
  const { catalog } = cx.session;
  if (address.classId === RelationRelationId) {
    changeRelationOwner(cx, openOwn(cx, address.objectId), owner, true);
    return;
  }
  if (address.classId === TypeRelationId) {
    changeTypeOwner(cx, address.objectId, owner);
    return;
  }
  const facts = classOf(address.classId);
  const row = facts && objectRow(catalog, facts, address.objectId);
  if (!facts || !row || facts.ownerColumn === '') throw notSupported(`a new owner for an object of catalog ${address.classId}`);
  const before = columnOf(row, facts.ownerColumn) as Oid;
  if (before === owner) return;
  updateObject(catalog, facts, address.objectId, { [facts.ownerColumn]: owner, ...changedAcl(facts, row, before, owner) });
  changeOwner(catalog, address.classId, address.objectId, owner);
  catalog.commandCounterIncrement();
}

function changedAcl(facts: ObjectClass, row: Parameters<typeof columnOf>[0], before: Oid, owner: Oid): Record<string, ArrayValue> {
  const acl = facts.aclColumn === '' ? null : aclItems(columnOf(row, facts.aclColumn) as ArrayValue | null);
  return acl ? { [facts.aclColumn]: aclArray(changeAclOwner(acl, before, owner)) } : {};
}

function changeTypeOwner(cx: CommandContext, oid: Oid, owner: Oid): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_type').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for type ${oid}`);
  if (row.typtype === 'c') changeRelationOwner(cx, openOwn(cx, row.typrelid), owner, true);
  else updateTypeOwner(cx, oid, owner, true);
}

/** A type and its array type; `depends`: it has a dependency of its own on its owner. */
function updateTypeOwner(cx: CommandContext, oid: Oid, owner: Oid, depends: boolean): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_type').findOne({ oid });
  if (!row) return;
  const acl = aclItems(row.typacl);
  catalog.table('pg_type').update(row, { typowner: owner, typacl: acl ? aclArray(changeAclOwner(acl, row.typowner, owner)) : null });
  if (depends) changeOwner(catalog, TypeRelationId, oid, owner);
  if (row.typarray !== 0) updateTypeOwner(cx, row.typarray, owner, false);
}

/** Gives a relation to a role, with its indexes, row type and owned sequences. `internal`: part of another change, rights are known. */
export function changeRelationOwner(cx: CommandContext, relation: Relation, owner: Oid, internal: boolean): void {
  const { catalog } = cx.session;
  if (!internal && !mayChangeOwner(cx, relation, owner)) return;
  if (relation.row.relowner === owner) return;
  if (!internal && !cx.session.isSuperuser) {
    checkTableOwner(cx, relation);
    checkCanSetRole(cx, owner);
    checkPrivilege(catalog, 'schema', relation.namespace, owner, 'CREATE', relation.namespaceName);
  }
  const row = catalog.table('pg_class').findOne({ oid: relation.oid });
  if (!row) return;
  const before = row.relowner;
  const acl = aclItems(row.relacl);
  catalog.table('pg_class').update(row, { relowner: owner, relacl: acl ? aclArray(changeAclOwner(acl, before, owner)) : null });
  for (const attribute of catalog.table('pg_attribute').find({ attrelid: relation.oid })) {
    const columnAcl = aclItems(attribute.attacl);
    if (columnAcl) catalog.table('pg_attribute').update(attribute, { attacl: aclArray(changeAclOwner(columnAcl, before, owner)) });
  }
  if (relation.kind !== 'i' && relation.kind !== 'I' && relation.kind !== 'c') changeOwner(catalog, RelationRelationId, relation.oid, owner);
  if (row.reltype !== 0) updateTypeOwner(cx, row.reltype, owner, relation.kind === 'c');
  catalog.commandCounterIncrement();
  for (const index of relation.indexes) changeRelationOwner(cx, openOwn(cx, index.oid), owner, true);
  for (const sequence of relation.kind === 'r' || relation.kind === 'p' ? sequencesOf(catalog, relation.oid) : []) {
    changeRelationOwner(cx, openOwn(cx, sequence), owner, true);
  }
}

/** Some relations have the owner of what they belong to. False: nothing to do. */
function mayChangeOwner(cx: CommandContext, relation: Relation, owner: Oid): boolean {
  const { catalog } = cx.session;
  if (relation.kind === 'i' || relation.kind === 'I') {
    if (relation.row.relowner !== owner) {
      cx.services.notice(pgError('WRONG_OBJECT_TYPE', `cannot change owner of index "${relation.name}"`, {
        severity: 'WARNING', hint: 'Change the ownership of the index\'s table instead.',
      }));
    }
    return false;
  }
  const table = relation.kind === 'S' && relation.row.relowner !== owner ? sequenceOwner(catalog, relation.oid, 'a') ?? sequenceOwner(catalog, relation.oid, 'i') : null;
  if (table) {
    throw pgError('FEATURE_NOT_SUPPORTED', `cannot change owner of sequence "${relation.name}"`, {
      detail: `Sequence "${relation.name}" is linked to table "${catalog.relation(table.relation)?.name ?? ''}".`,
    });
  }
  return true;
}
