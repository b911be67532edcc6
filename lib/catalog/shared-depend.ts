/**
 * Dependencies on shared objects (pg_shdepend): owners, roles in access control lists, tablespaces; and what hinders DROP
 * ROLE (catalog/pg_shdepend.c).
 */
import { AuthIdRelationId, TableSpaceRelationId } from '../types/oids.js';
import { isPinned, type ObjectAddress } from './address.js';
import type { Acl } from './acl.js';
import type { Catalog, Oid } from './api.js';
import { objectDescription } from './description.js';
import type { PgShdepend } from './rows.js';
import { catalogByOid } from './shapes.js';

/** o owner, a in the access control list, i in the initial privileges, r target of a policy, t tablespace. */
export type SharedDependencyType = 'o' | 'a' | 'i' | 'r' | 't';

/** Rows say which database the depender is in; 0 for shared objects. */
function databaseOf(catalog: Catalog, classId: Oid): Oid {
  return catalogByOid(classId)?.shape.shared ? 0 : catalog.databaseOid;
}

/** Records that an object depends on a shared one; nothing for pinned ones. */
export function recordSharedDependency(catalog: Catalog, depender: ObjectAddress, refClassId: Oid, refObjectId: Oid, type: SharedDependencyType): void {
  if (isPinned(refClassId, refObjectId)) return;
  catalog.references.push({ classId: refClassId, objectId: refObjectId, subId: 0 });
  catalog.table('pg_shdepend').insert({
    dbid: databaseOf(catalog, depender.classId), classid: depender.classId, objid: depender.objectId, objsubid: depender.subId,
    refclassid: refClassId, refobjid: refObjectId, deptype: type,
  });
}

/** Records an object's owner. */
export function recordDependencyOnOwner(catalog: Catalog, object: ObjectAddress, owner: Oid): void {
  recordSharedDependency(catalog, object, AuthIdRelationId, owner, 'o');
}

function rowsOf(catalog: Catalog, object: ObjectAddress): PgShdepend[] {
  const where = { dbid: databaseOf(catalog, object.classId), classid: object.classId, objid: object.objectId };
  return catalog.table('pg_shdepend').find(object.subId === 0 ? where : { ...where, objsubid: object.subId });
}

/** Replaces an object's owner; entries of the new owner in its access control list are implied by ownership. */
export function changeOwner(catalog: Catalog, classId: Oid, objectId: Oid, owner: Oid): void {
  const table = catalog.table('pg_shdepend');
  for (const row of rowsOf(catalog, { classId, objectId, subId: 0 })) {
    if (row.refclassid === AuthIdRelationId && (row.deptype === 'o' || (row.deptype === 'a' && row.refobjid === owner))) table.delete(row);
  }
  recordDependencyOnOwner(catalog, { classId, objectId, subId: 0 }, owner);
}

/** Replaces an object's tablespace; 0 is the database's default. */
export function changeTablespace(catalog: Catalog, classId: Oid, objectId: Oid, tablespace: Oid): void {
  for (const row of rowsOf(catalog, { classId, objectId, subId: 0 })) if (row.deptype === 't') catalog.table('pg_shdepend').delete(row);
  if (tablespace !== 0) recordSharedDependency(catalog, { classId, objectId, subId: 0 }, TableSpaceRelationId, tablespace, 't');
}

/** Roles that a list names, PUBLIC left out. */
function members(acl: Acl | null): Set<Oid> {
  const roles = new Set<Oid>();
  for (const item of acl ?? []) {
    if (item.grantee !== 0) roles.add(item.grantee);
    roles.add(item.grantor);
  }
  return roles;
}

/** Records the roles of a changed access control list; the owner's is there as owner. */
export function updateAclDependencies(catalog: Catalog, object: ObjectAddress, owner: Oid, before: Acl | null, after: Acl | null, type: 'a' | 'i' = 'a'): void {
  const old = members(before);
  const fresh = members(after);
  for (const role of fresh) {
    if (!old.has(role) && role !== owner) recordSharedDependency(catalog, object, AuthIdRelationId, role, type);
  }
  for (const row of rowsOf(catalog, object)) {
    if (row.objsubid === object.subId && row.deptype === type && row.refclassid === AuthIdRelationId && old.has(row.refobjid) && !fresh.has(row.refobjid)) {
      catalog.table('pg_shdepend').delete(row);
    }
  }
}

/** Forgets what a dropped object depends on. */
export function deleteSharedDependencies(catalog: Catalog, object: ObjectAddress): void {
  for (const row of rowsOf(catalog, object)) catalog.table('pg_shdepend').delete(row);
}

/** Forgets a dropped database's dependencies. */
export function deleteDatabaseDependencies(catalog: Catalog, databaseOid: Oid): void {
  for (const row of catalog.table('pg_shdepend').find({ dbid: databaseOid })) catalog.table('pg_shdepend').delete(row);
}

/** Copies the dependencies of a template's objects to a new database. */
export function copyTemplateDependencies(catalog: Catalog, templateOid: Oid, databaseOid: Oid): void {
  const table = catalog.table('pg_shdepend');
  for (const row of table.find({ dbid: templateOid })) table.insert({ ...row, dbid: databaseOid });
}

const WORDS: Readonly<Record<string, string>> = { o: 'owner of', a: 'privileges for', i: 'initial privileges for', r: 'target of', t: 'tablespace for' };

/** Most objects that a message lists. */
const MAX_REPORTED = 100;

/** What still depends on a shared object, as the DETAIL of the error; null when nothing does. */
export function sharedDependents(catalog: Catalog, refClassId: Oid, refObjectId: Oid): string | null {
  const rows = catalog.table('pg_shdepend').find({ refclassid: refClassId, refobjid: refObjectId });
  const here = rows.filter((row) => row.dbid === catalog.databaseOid || row.dbid === 0)
    .sort((a, b) => a.objid - b.objid || a.classid - b.classid || a.objsubid - b.objsubid || (a.deptype < b.deptype ? -1 : 1));
  const elsewhere = new Map<Oid, number>();
  for (const row of rows) if (row.dbid !== catalog.databaseOid && row.dbid !== 0) elsewhere.set(row.dbid, (elsewhere.get(row.dbid) ?? 0) + 1);
  const lines = here.map((row) => {
    const object = { classId: row.classid, objectId: row.objid, subId: row.objsubid };
    return `${WORDS[row.deptype] ?? 'referenced by'} ${objectDescription(catalog, object) ?? `object ${row.classid}/${row.objid}`}`;
  });
  for (const [database, count] of elsewhere) {
    lines.push(`${count} object${count === 1 ? '' : 's'} in database ${catalog.database(database)?.datname ?? database}`);
  }
  if (lines.length === 0) return null;
  const rest = lines.length - MAX_REPORTED;
  if (rest <= 0) return lines.join('\n');
  return `${lines.slice(0, MAX_REPORTED).join('\n')}\nand ${rest} other object${rest === 1 ? '' : 's'} (see server log for list)`;
}

/** The objects that a role owns or has privileges on in this database (DROP OWNED, REASSIGN OWNED). */
export function objectsOfRole(catalog: Catalog, role: Oid): { readonly object: ObjectAddress; readonly type: SharedDependencyType }[] {
  return catalog.table('pg_shdepend').find({ refclassid: AuthIdRelationId, refobjid: role })
    .filter((row) => row.dbid === catalog.databaseOid || row.dbid === 0)
    .map((row) => ({ object: { classId: row.classid, objectId: row.objid, subId: row.objsubid }, type: row.deptype as SharedDependencyType }));
}
