/**
 * has_*_privilege and the privileges that a statement needs, over the catalogs' access control lists.
 */
import { pgError } from '../base/error.js';
import { AclPrivilege, grantOptionMask, type AclKind, type AclPrivilegeName } from '../catalog/acl.js';
import { objectAcl, privilegesOn, columnPrivileges } from '../catalog/privileges.js';
import { canSetRole, hasPrivilegesOfRole, isAdminOfRole, isMemberOfRole, isSuperuser } from '../catalog/roles.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { AskedPrivilege, PrivilegeKind, PrivilegeServices } from '../functions/system/privilege-info.js';
import type { RegKind } from '../functions/context.js';

/** What it needs of the session. */
export interface PrivilegeHost {
  readonly catalog: Catalog;
  readonly currentUserOid: Oid;
  objectOid(kind: RegKind, name: string): Oid;
}

const ACL_KINDS: Readonly<Record<PrivilegeKind, AclKind>> = {
  table: 'table', sequence: 'sequence', database: 'database', function: 'function', language: 'language', schema: 'schema',
  tablespace: 'tablespace', type: 'type', foreign_data_wrapper: 'foreign-data wrapper', server: 'foreign server',
};

/** See the file's comment. */
export class SessionPrivilegeServices implements PrivilegeServices {
  constructor(private readonly host: PrivilegeHost) {}

  roleOid(name: string): Oid {
    if (name === 'public') return 0;
    const role = this.host.catalog.roleByName(name);
    if (role === null) throw pgError('UNDEFINED_OBJECT', `role "${name}" does not exist`);
    return role.oid;
  }

  currentRole(): Oid {
    return this.host.currentUserOid;
  }

  objectOid(kind: PrivilegeKind, name: string): Oid {
    const { catalog } = this.host;
    const required = (oid: Oid | undefined, word: string, code: 'UNDEFINED_OBJECT' | 'UNDEFINED_DATABASE'): Oid => {
      if (oid === undefined) throw pgError(code, `${word} "${name}" does not exist`);
      return oid;
    };
    switch (kind) {
      case 'table': case 'sequence': return this.host.objectOid('regclass', name);
      case 'function': return this.host.objectOid('regprocedure', name);
      case 'schema': return this.host.objectOid('regnamespace', name);
      case 'type': return this.host.objectOid('regtype', name);
      case 'database': return required(catalog.databaseByName(name)?.oid, 'database', 'UNDEFINED_DATABASE');
      case 'language': return required(catalog.table('pg_language').findOne({ lanname: name })?.oid, 'language', 'UNDEFINED_OBJECT');
      case 'tablespace': return required(catalog.table('pg_tablespace').findOne({ spcname: name })?.oid, 'tablespace', 'UNDEFINED_OBJECT');
      case 'foreign_data_wrapper':
        return required(catalog.table('pg_foreign_data_wrapper').findOne({ fdwname: name })?.oid, 'foreign-data wrapper', 'UNDEFINED_OBJECT');
      case 'server': return required(catalog.table('pg_foreign_server').findOne({ srvname: name })?.oid, 'server', 'UNDEFINED_OBJECT');
    }
  }

  has(kind: PrivilegeKind, object: Oid, role: Oid, asked: readonly AskedPrivilege[]): boolean | null {
    const { catalog } = this.host;
    const acl = objectAcl(catalog, ACL_KINDS[kind], object);
    if (acl === null) return null;
    return asked.some(({ name, grantOption }) => {
      const mask = AclPrivilege[name as AclPrivilegeName];
      if (!grantOption) return privilegesOn(catalog, ACL_KINDS[kind], object, role, mask) !== 0;
      return isSuperuser(catalog, role) || grantOptionMask(catalog, acl.acl, role, acl.owner, mask) !== 0;
    });
  }

  hasColumn(relation: Oid, attnum: number, role: Oid, asked: readonly AskedPrivilege[]): boolean | null {
    const { catalog } = this.host;
    const attributes = catalog.relation(relation)?.attributes ?? [];
    if (attnum > 0 && (attributes[attnum - 1] === undefined || attributes[attnum - 1].attisdropped)) return null;
    const whole = this.has('table', relation, role, asked);
    if (whole !== false) return whole;
    const columns = attnum === 0 ? attributes.filter((attribute) => !attribute.attisdropped).map((attribute) => attribute.attnum) : [attnum];
    return columns.some((column) => asked.some(({ name }) => columnPrivileges(catalog, relation, column, role, AclPrivilege[name as AclPrivilegeName]) !== 0));
  }

  columnNumber(relation: Oid, name: string): number | null {
    const found = this.host.catalog.relation(relation);
    if (found === null) return null;
    const attribute = found.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
    if (attribute === undefined) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${found.name}" does not exist`);
    return attribute.attnum;
  }

  hasRole(role: Oid, of: Oid, kind: 'member' | 'privileges' | 'set', admin: boolean): boolean {
    const { catalog } = this.host;
    if (admin) return isAdminOfRole(catalog, role, of);
    if (kind === 'member') return isMemberOfRole(catalog, role, of);
    return kind === 'privileges' ? hasPrivilegesOfRole(catalog, role, of) : canSetRole(catalog, role, of);
  }
}
