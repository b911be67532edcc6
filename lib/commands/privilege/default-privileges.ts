/**
 * ALTER DEFAULT PRIVILEGES.
 *
 * Idea: PostgreSQL's ExecAlterDefaultPrivilegesStmt, SetDefaultACL (catalog/aclchk.c).
 */
import type { AlterDefaultPrivilegesStmt, DefElem, GrantStmt, Node } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { aclArray, aclItems, defaultAcl, type Acl, type AclKind } from '../../catalog/acl.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import { deleteTraces } from '../../catalog/deletion.js';
import { namespaceOid } from '../../catalog/namespace.js';
import { hasPrivilegesOfRole } from '../../catalog/roles.js';
import { recordDependencyOnOwner, updateAclDependencies } from '../../catalog/shared-depend.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';
import { DefaultAclRelationId, NamespaceRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { roleSpecOid, roleSpecs } from '../role/role-spec.js';
import { mergedAcl, type GrantOrder } from './change-acl.js';
import { grantOrder } from './grant.js';
import { GRANT_KINDS, writtenPrivileges } from './privileges.js';

registerCommand('AlterDefaultPrivilegesStmt', { execute: (statement, cx) => alterDefaults(bodyAs<AlterDefaultPrivilegesStmt>(statement.body), cx) });

/** pg_default_acl.defaclobjtype. */
const LETTERS: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'r', OBJECT_SEQUENCE: 'S', OBJECT_FUNCTION: 'f', OBJECT_ROUTINE: 'f', OBJECT_PROCEDURE: 'f', OBJECT_TYPE: 'T', OBJECT_SCHEMA: 'n', OBJECT_LARGEOBJECT: 'L',
};

function* alterDefaults(stmt: AlterDefaultPrivilegesStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog, currentUserOid } = cx.session;
  const options = new Map((stmt.options ?? []).map((node) => bodyAs<DefElem>(bodyOf(node))).map((option) => [option.defname ?? '', option]));
  const items = (name: string): Node[] | undefined => {
    const option = options.get(name);
    return option?.arg && bodyAs<{ items?: Node[] }>(bodyOf(option.arg)).items;
  };
  const action = stmt.action!;
  const { kind, word } = GRANT_KINDS[action.objtype ?? ''];
  const privileges = writtenPrivileges(action.privileges, kind, word);
  if (privileges.columns.length > 0) throw pgError('INVALID_GRANT_OPERATION', 'default privileges cannot be set for columns');
  const order = grantOrder(cx, action);
  const roles = items('roles') ? roleSpecs(items('roles')).map((spec) => roleSpecOid(cx, spec)) : [currentUserOid];
  for (const role of roles) {
    if (!hasPrivilegesOfRole(catalog, currentUserOid, role)) throw pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to change default privileges');
  }
  const schemas = stringList(items('schemas'));
  const namespaces = schemas.length > 0 ? schemas.map((name) => namespaceOid(catalog, name)) : [0];
  for (const role of roles) {
    for (const namespace of namespaces) setDefault(cx, action, kind, role, namespace, order, privileges.whole);
  }
  yield* [];
  return { tag: 'ALTER DEFAULT PRIVILEGES', rows: null };
}

function setDefault(cx: CommandContext, action: GrantStmt, kind: AclKind, role: Oid, namespace: Oid, order: GrantOrder, privileges: number): void {
  const { catalog } = cx.session;
  const letter = LETTERS[action.objtype ?? ''];
  if (namespace !== 0 && (letter === 'n' || letter === 'L')) {
    throw pgError('INVALID_GRANT_OPERATION', `cannot use IN SCHEMA clause when using GRANT/REVOKE ON ${letter === 'n' ? 'SCHEMAS' : 'LARGE OBJECTS'}`);
  }
  const table = catalog.table('pg_default_acl');
  const before = table.findOne({ defaclrole: role, defaclnamespace: namespace, defaclobjtype: letter });
  const builtin: Acl = namespace === 0 ? defaultAcl(kind, role) : [];
  const stored = before ? aclItems(before.defaclacl) : null;
  const acl = mergedAcl(stored ?? builtin, role, order, role, privileges);
  const self = objectAddress(DefaultAclRelationId, before?.oid ?? 0);
  if (sameItems(acl, builtin)) {
    if (!before) return;
    table.delete(before);
    deleteTraces(catalog, self);
  } else if (before) {
    table.update(before, { defaclacl: aclArray(acl) });
    updateAclDependencies(catalog, self, role, stored, acl);
  } else {
    const oid = catalog.newOid();
    table.insert({ oid, defaclrole: role, defaclnamespace: namespace, defaclobjtype: letter, defaclacl: aclArray(acl) });
    const made = objectAddress(DefaultAclRelationId, oid);
    recordDependencyOnOwner(catalog, made, role);
    if (namespace !== 0) recordDependencyOn(catalog, made, objectAddress(NamespaceRelationId, namespace), 'a');
    updateAclDependencies(catalog, made, role, null, acl);
  }
  catalog.commandCounterIncrement();
}

/** The same items, in whatever order. */
function sameItems(a: Acl, b: Acl): boolean {
  const text = (acl: Acl): string => acl.map((item) => `${item.grantee},${item.grantor},${item.privileges},${item.grantOptions}`).sort().join(' ');
  return text(a) === text(b);
}
