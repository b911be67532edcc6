/**
 * What has_table_privilege and family ask of the session's catalogs.
 */
import { pgError } from '../../base/error.js';
import { AclPrivilege, grantOptionMask, type AclKind, type AclPrivilegeName } from '../../catalog/acl.js';
import type { Catalog, Oid } from '../../catalog/api.js';
import { namespaceOid } from '../../catalog/namespace.js';
import { columnPrivileges, objectAcl, privilegesOn } from '../../catalog/privileges.js';
import { isAdminOfRole, roleOid, rolesOf } from '../../catalog/roles.js';
import type { AskedPrivilege, PrivilegeKind, PrivilegeServices } from '../../functions/system/privilege-info.js';

/** What the services work with. */
export interface PrivilegeInfoContext {
  readonly catalog: Catalog;
  currentRoleOid(): Oid;
  /** OID by the text form of a reg* type; the type's errors. */
  objectByText(kind: 'regclass' | 'regprocedure' | 'regtype', name: string): Oid;
}

const ACL_KINDS: Record<PrivilegeKind, AclKind> = {
  table: 'table', sequence: 'sequence', database: 'database', function: 'function', language: 'language', schema: 'schema',
  tablespace: 'tablespace', type: 'type', foreign_data_wrapper: 'foreign-data wrapper', server: 'foreign server',
};

/** See the file's comment. */
export class SessionPrivilegeInfo implements PrivilegeServices {
  constructor(private readonly context: PrivilegeInfoContext) {}

  roleOid(name: string): Oid {
    return name === 'public' ? 0 : roleOid(this.context.catalog, name);
  }

  currentRole(): Oid {
    return this.context.currentRoleOid();
  }

  objectOid(kind: PrivilegeKind, name: string): Oid {
    const { catalog } = this.context;
    switch (kind) {
      case 'table': return this.context.objectByText('regclass', name);
      case 'sequence': {
        const oid = this.context.objectByText('regclass', name);
        if (catalog.relation(oid)?.kind !== 'S') throw pgError('WRONG_OBJECT_TYPE', `"${name}" is not a sequence`);
        return oid;
      }
      case 'function': return this.context.objectByText('regprocedure', name);
      case 'type': return this.context.objectByText('regtype', name);
      case 'schema': return namespaceOid(catalog, name);
      case 'database': return required(catalog.databaseByName(name)?.oid, 'UNDEFINED_DATABASE', 'database', name);
      case 'language': return required(catalog.table('pg_language').findOne({ lanname: name })?.oid, 'UNDEFINED_OBJECT', 'language', name);
      case 'tablespace': return required(catalog.table('pg_tablespace').findOne({ spcname: name })?.oid, 'UNDEFINED_OBJECT', 'tablespace', name);
      case 'foreign_data_wrapper':
        return required(catalog.table('pg_foreign_data_wrapper').findOne({ fdwname: name })?.oid, 'UNDEFINED_OBJECT', 'foreign-data wrapper', name);
      case 'server': return required(catalog.table('pg_foreign_server').findOne({ srvname: name })?.oid, 'UNDEFINED_OBJECT', 'server', name);
    }
  }

  has(kind: PrivilegeKind, object: Oid, role: Oid, asked: readonly AskedPrivilege[]): boolean | null {
    const { catalog } = this.context;
    const found = objectAcl(catalog, ACL_KINDS[kind], object);
    if (!found) return null;
    return asked.some(({ name, grantOption }) => {
      const bit = AclPrivilege[name as AclPrivilegeName];
      return grantOption
        ? grantOptionMask(catalog, found.acl, role, found.owner, bit) !== 0
        : privilegesOn(catalog, ACL_KINDS[kind], object, role, bit) !== 0;
    });
  }

  hasColumn(relation: Oid, attnum: number, role: Oid, asked: readonly AskedPrivilege[]): boolean | null {
    const { catalog } = this.context;
    const opened = catalog.relation(relation);
    if (!opened) return null;
    if (attnum > 0 && (opened.attributes[attnum - 1]?.attisdropped ?? true)) return null;
    if (this.has('table', relation, role, asked)) return true;
    const columns = attnum > 0 ? [attnum] : opened.attributes.filter((attribute) => !attribute.attisdropped).map((attribute) => attribute.attnum);
    return asked.some(({ name }) => columns.some((column) => columnPrivileges(catalog, relation, column, role, AclPrivilege[name as AclPrivilegeName]) !== 0));
  }

  columnNumber(relation: Oid, name: string): number | null {
    const opened = this.context.catalog.relation(relation);
    if (!opened) return null;
    const attribute = opened.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
    if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${opened.name}" does not exist`);
    return attribute.attnum;
  }

  hasRole(role: Oid, of: Oid, kind: 'member' | 'privileges' | 'set', admin: boolean): boolean {
    const { catalog } = this.context;
    return admin ? isAdminOfRole(catalog, role, of) : rolesOf(catalog, role, kind).has(of) || (catalog.role(role)?.rolsuper ?? false);
  }
}

function required(oid: Oid | undefined, code: 'UNDEFINED_OBJECT' | 'UNDEFINED_DATABASE', word: string, name: string): Oid {
  if (oid === undefined) throw pgError(code, `${word} "${name}" does not exist`);
  return oid;
}
