/**
 * May a role do something to an object? (PostgreSQL's catalog/aclchk.c.)
 */
import { pgError } from '../base/error.js';
import {
  PG_CATALOG_NAMESPACE, PG_TOAST_NAMESPACE, ROLE_PG_MAINTAIN, ROLE_PG_READ_ALL_DATA, ROLE_PG_WRITE_ALL_DATA, FirstUnpinnedObjectId,
} from '../types/oids.js';
import type { ArrayValue } from '../types/datum.js';
import { ALL_RIGHTS, AclPrivilege, aclItems, aclMask, defaultAcl, type Acl, type AclKind, type AclPrivilegeName } from './acl.js';
import type { Catalog, Oid } from './api.js';
import { hasPrivilegesOfRole, isSuperuser, rolesOf } from './roles.js';
import type { PgClass, PgType } from './rows.js';

/** An object's owner and list. */
interface Holder {
  readonly owner: Oid;
  readonly acl: ArrayValue | null;
  readonly kind: AclKind;
}

function relationHolder(catalog: Catalog, oid: Oid): Holder | null {
  const row = catalog.relation(oid)?.row;
  return row ? { owner: row.relowner, acl: row.relacl, kind: row.relkind === 'S' ? 'sequence' : 'table' } : null;
}

/** Arrays have their element type's privileges, multiranges their range's. */
function typeHolder(catalog: Catalog, oid: Oid): Holder | null {
  let row: PgType | null = catalog.type(oid);
  if (row && row.typelem !== 0 && row.typlen === -1 && row.typsubscript !== 0) row = catalog.type(row.typelem);
  if (row?.typtype === 'm') {
    const range = catalog.table('pg_range').findOne({ rngmultitypid: row.oid });
    row = range ? catalog.type(range.rngtypid) : row;
  }
  return row && { owner: row.typowner, acl: row.typacl, kind: 'type' };
}

/** Owner and list of an object; null when there is none such. */
function holderOf(catalog: Catalog, kind: AclKind, oid: Oid): Holder | null {
  switch (kind) {
    case 'table': case 'sequence': case 'column': return relationHolder(catalog, oid);
    case 'type': return typeHolder(catalog, oid);
    case 'schema': {
      const row = catalog.namespace(oid);
      return row && { owner: row.nspowner, acl: row.nspacl, kind };
    }
    case 'function': {
      const row = catalog.proc(oid);
      return row && { owner: row.proowner, acl: row.proacl, kind };
    }
    case 'database': {
      const row = catalog.database(oid);
      return row && { owner: row.datdba, acl: row.datacl, kind };
    }
    case 'language': {
      const row = catalog.table('pg_language').findOne({ oid });
      return row && { owner: row.lanowner, acl: row.lanacl, kind };
    }
    case 'tablespace': {
      const row = catalog.table('pg_tablespace').findOne({ oid });
      return row && { owner: row.spcowner, acl: row.spcacl, kind };
    }
    case 'large object': {
      const row = catalog.table('pg_largeobject_metadata').findOne({ oid });
      return row && { owner: row.lomowner, acl: row.lomacl, kind };
    }
    case 'foreign-data wrapper': {
      const row = catalog.table('pg_foreign_data_wrapper').findOne({ oid });
      return row && { owner: row.fdwowner, acl: row.fdwacl, kind };
    }
    case 'foreign server': {
      const row = catalog.table('pg_foreign_server').findOne({ oid });
      return row && { owner: row.srvowner, acl: row.srvacl, kind };
    }
    case 'parameter': {
      const row = catalog.table('pg_parameter_acl').findOne({ oid });
      return row && { owner: 10, acl: row.paracl, kind };
    }
    default: return null;
  }
}

/** The object's list: stored, or the default one. Null when there is no such object. */
export function objectAcl(catalog: Catalog, kind: AclKind, oid: Oid): { readonly acl: Acl; readonly owner: Oid; readonly isDefault: boolean } | null {
  const holder = holderOf(catalog, kind, oid);
  if (!holder) return null;
  const stored = aclItems(holder.acl);
  return { acl: stored ?? defaultAcl(holder.kind, holder.owner), owner: holder.owner, isDefault: stored === null };
}

/** True for relations that only superusers change: the catalogs and TOAST tables, but not views. */
export function isSystemRelation(row: PgClass): boolean {
  return row.oid < FirstUnpinnedObjectId ? row.relkind !== 'v' : row.relnamespace === PG_TOAST_NAMESPACE;
}

const CHANGES = AclPrivilege.INSERT | AclPrivilege.UPDATE | AclPrivilege.DELETE | AclPrivilege.TRUNCATE | AclPrivilege.USAGE;

/** What predefined roles give: pg_read_all_data, pg_write_all_data, pg_maintain. */
function predefinedRights(catalog: Catalog, kind: AclKind, role: Oid, mask: number): number {
  const roles = rolesOf(catalog, role, 'privileges');
  let found = 0;
  const reads = roles.has(ROLE_PG_READ_ALL_DATA);
  const writes = roles.has(ROLE_PG_WRITE_ALL_DATA);
  if (kind === 'schema') return reads || writes ? mask & AclPrivilege.USAGE : 0;
  if (kind === 'large object') return (reads ? mask & AclPrivilege.SELECT : 0) | (writes ? mask & AclPrivilege.UPDATE : 0);
  if (kind !== 'table' && kind !== 'sequence' && kind !== 'column') return 0;
  if (reads) found |= mask & AclPrivilege.SELECT;
  if (writes) found |= mask & (AclPrivilege.INSERT | AclPrivilege.UPDATE | AclPrivilege.DELETE);
  if (roles.has(ROLE_PG_MAINTAIN)) found |= mask & AclPrivilege.MAINTAIN;
  return found;
}

/** Privileges out of `mask` that the role has on the object; 0 when there is no such object. */
export function privilegesOn(catalog: Catalog, kind: AclKind, oid: Oid, role: Oid, mask: number): number {
  if (isSuperuser(catalog, role)) return mask;
  const object = objectAcl(catalog, kind, oid);
  if (!object) return 0;
  let allowed = mask;
  if (kind === 'table' || kind === 'sequence') {
    const row = catalog.relation(oid)!.row;
    if (isSystemRelation(row)) allowed &= ~CHANGES;
  }
  if (kind === 'schema' && oid === catalog.tempNamespace) {
    return privilegesOn(catalog, 'database', catalog.databaseOid, role, AclPrivilege.TEMPORARY) ? mask & ALL_RIGHTS.schema : mask & AclPrivilege.USAGE;
  }
  let found = aclMask(catalog, object.acl, role, allowed);
  if ((allowed & ~found) !== 0) found |= predefinedRights(catalog, kind, role, allowed & ~found);
  return found;
}

/** Has the role the privilege on the object? */
export function hasPrivilege(catalog: Catalog, kind: AclKind, oid: Oid, role: Oid, privilege: AclPrivilegeName): boolean {
  // what everybody may use needs no walk through lists
  if (kind === 'schema' && oid === PG_CATALOG_NAMESPACE && privilege === 'USAGE') return true;
  return privilegesOn(catalog, kind, oid, role, AclPrivilege[privilege]) !== 0;
}

/** Privileges out of `mask` on one column by the column's own list. */
export function columnPrivileges(catalog: Catalog, relationOid: Oid, attnum: number, role: Oid, mask: number): number {
  if (isSuperuser(catalog, role)) return mask;
  const relation = catalog.relation(relationOid);
  const acl = aclItems(relation?.attributes[attnum - 1]?.attacl ?? null);
  return acl ? aclMask(catalog, acl, role, mask) : 0;
}

/** Has the role the privilege on the table or on that column of it? */
export function hasColumnPrivilege(catalog: Catalog, relationOid: Oid, attnum: number, role: Oid, privilege: AclPrivilegeName): boolean {
  return hasPrivilege(catalog, 'table', relationOid, role, privilege)
    || columnPrivileges(catalog, relationOid, attnum, role, AclPrivilege[privilege]) !== 0;
}

/** The word for a relation in messages, by relkind (get_relkind_objtype). */
export function relationWord(kind: string): string {
  switch (kind) {
    case 'v': return 'view';
    case 'm': return 'materialized view';
    case 'S': return 'sequence';
    case 'i': case 'I': return 'index';
    case 'f': return 'foreign table';
    default: return 'table';
  }
}

/** 42501 `permission denied for table x` unless the role has the privilege. `name` as messages print it, `word` the kind of object. */
export function checkPrivilege(catalog: Catalog, kind: AclKind, oid: Oid, role: Oid, privilege: AclPrivilegeName, name: string, word: string = kind): void {
  if (hasPrivilege(catalog, kind, oid, role, privilege)) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for ${word} ${name}`);
}

/** Does the role own the object, or have its owner's privileges? */
export function isOwner(catalog: Catalog, owner: Oid, role: Oid): boolean {
  return hasPrivilegesOfRole(catalog, role, owner);
}

/** 42501 `must be owner of table x` unless the role is. */
export function checkOwner(catalog: Catalog, owner: Oid, role: Oid, word: string, name: string): void {
  if (!isOwner(catalog, owner, role)) throw pgError('INSUFFICIENT_PRIVILEGE', `must be owner of ${word} ${name}`);
}
