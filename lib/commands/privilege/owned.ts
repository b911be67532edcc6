/**
 * DROP OWNED and REASSIGN OWNED.
 *
 * Idea: PostgreSQL's shdepDropOwned, shdepReassignOwned (catalog/pg_shdepend.c).
 */
import type { DropOwnedStmt, ReassignOwnedStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { aclArray, aclItems, type Acl } from '../../catalog/acl.js';
import { isPinned, type ObjectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { hasPrivilegesOfRole, roleName } from '../../catalog/roles.js';
import { changeOwner, deleteSharedDependencies, objectsOfRole, updateAclDependencies } from '../../catalog/shared-depend.js';
import { bodyAs } from '../../parser/raw.js';
import type { ArrayValue } from '../../types/datum.js';
import { AuthIdRelationId, AuthMemRelationId, DatabaseRelationId, DefaultAclRelationId, RelationRelationId, TableSpaceRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { dropObjects } from '../drop/drop-object.js';
import { setOwner } from '../object/owner.js';
import { classOf, columnOf, objectRow, ownerOf, updateObject } from '../object/object-classes.js';
import { roleSpecOid, roleSpecs } from '../role/role-spec.js';

registerCommand('DropOwnedStmt', { execute: (statement, cx) => dropOwned(bodyAs<DropOwnedStmt>(statement.body), cx) });
registerCommand('ReassignOwnedStmt', { execute: (statement, cx) => reassignOwned(bodyAs<ReassignOwnedStmt>(statement.body), cx) });

function denied(what: string, detail: string): Error {
  return pgError('INSUFFICIENT_PRIVILEGE', `permission denied to ${what} objects`, { detail });
}

function requiredBySystem(cx: CommandContext, role: Oid): Error {
  return pgError('DEPENDENT_OBJECTS_STILL_EXIST', `cannot drop objects owned by role ${roleName(cx.session.catalog, role)} because they are required by the database system`);
}

function* dropOwned(stmt: DropOwnedStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog, currentUserOid } = cx.session;
  const roles = roleSpecs(stmt.roles).map((spec) => roleSpecOid(cx, spec));
  for (const role of roles) {
    const name = roleName(catalog, role);
    if (!hasPrivilegesOfRole(catalog, currentUserOid, role)) throw denied('drop', `Only roles with privileges of role "${name}" may drop objects owned by it.`);
  }
  const objects: ObjectAddress[] = [];
  for (const role of roles) {
    if (isPinned(AuthIdRelationId, role)) throw requiredBySystem(cx, role);
    for (const { object, type } of objectsOfRole(catalog, role)) {
      if (type === 'a') forgetRole(cx, object, role);
      else if (type === 'o' && (object.classId === DefaultAclRelationId || (object.classId !== DatabaseRelationId && object.classId !== TableSpaceRelationId))) objects.push(object);
    }
  }
  catalog.commandCounterIncrement();
  yield* dropObjects(cx, objects, { cascade: stmt.behavior === 'DROP_CASCADE' });
  return { tag: 'DROP OWNED', rows: null };
}

/** Takes a role out of an object's access control list, or undoes the membership it granted. */
function forgetRole(cx: CommandContext, object: ObjectAddress, role: Oid): void {
  const { catalog } = cx.session;
  if (object.classId === AuthMemRelationId) {
    const row = catalog.table('pg_auth_members').findOne({ oid: object.objectId });
    if (row) catalog.table('pg_auth_members').delete(row);
    deleteSharedDependencies(catalog, object);
    return;
  }
  const without = (acl: Acl): Acl => acl.filter((item) => item.grantee !== role && item.grantor !== role);
  if (object.classId === RelationRelationId && object.subId !== 0) {
    const attribute = catalog.table('pg_attribute').findOne({ attrelid: object.objectId, attnum: object.subId });
    const acl = attribute ? aclItems(attribute.attacl) : null;
    if (!attribute || !acl) return;
    const left = without(acl);
    catalog.table('pg_attribute').update(attribute, { attacl: left.length > 0 ? aclArray(left) : null });
    updateAclDependencies(catalog, object, catalog.relation(object.objectId)?.row.relowner ?? 0, acl, left);
    return;
  }
  if (object.classId === DefaultAclRelationId) {
    const row = catalog.table('pg_default_acl').findOne({ oid: object.objectId });
    if (!row) return;
    const acl = aclItems(row.defaclacl) ?? [];
    catalog.table('pg_default_acl').update(row, { defaclacl: aclArray(without(acl)) });
    updateAclDependencies(catalog, object, row.defaclrole, acl, without(acl));
    return;
  }
  const facts = classOf(object.classId);
  const row = facts && objectRow(catalog, facts, object.objectId);
  if (!facts || !row || facts.aclColumn === '') return;
  const acl = aclItems(columnOf(row, facts.aclColumn) as ArrayValue | null) ?? [];
  updateObject(catalog, facts, object.objectId, { [facts.aclColumn]: aclArray(without(acl)) });
  updateAclDependencies(catalog, object, ownerOf(catalog, facts, object.objectId), acl, without(acl));
}

function* reassignOwned(stmt: ReassignOwnedStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog, currentUserOid } = cx.session;
  const roles = roleSpecs(stmt.roles).map((spec) => roleSpecOid(cx, spec));
  for (const role of roles) {
    const name = roleName(catalog, role);
    if (!hasPrivilegesOfRole(catalog, currentUserOid, role)) throw denied('reassign', `Only roles with privileges of role "${name}" may reassign objects owned by it.`);
  }
  const owner = roleSpecOid(cx, stmt.newrole!);
  if (!hasPrivilegesOfRole(catalog, currentUserOid, owner)) {
    throw denied('reassign', `Only roles with privileges of role "${roleName(catalog, owner)}" may reassign objects to it.`);
  }
  for (const role of roles) {
    if (isPinned(AuthIdRelationId, role)) throw requiredBySystem(cx, role);
    for (const { object, type } of objectsOfRole(catalog, role)) {
      if (type !== 'o' || object.classId === DefaultAclRelationId) continue;
      if (classOf(object.classId)) setOwner(cx, object, owner);
      else changeOwner(catalog, object.classId, object.objectId, owner);
      catalog.commandCounterIncrement();
    }
  }
  yield* [];
  return { tag: 'REASSIGN OWNED', rows: null };
}
