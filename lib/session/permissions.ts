/**
 * The privileges that a plan needs on its relations and columns (PostgreSQL's ExecCheckPermissions).
 */
import type { PermissionInfo } from '../analyzer/nodes.js';
import { pgError } from '../base/error.js';
import { AclPrivilege } from '../catalog/acl.js';
import { columnPrivileges, privilegesOn, relationWord } from '../catalog/privileges.js';
import type { Oid } from '../catalog/api.js';
import type { Session } from './session.js';

const LETTERS: Readonly<Record<string, number>> = {
  a: AclPrivilege.INSERT, r: AclPrivilege.SELECT, w: AclPrivilege.UPDATE, d: AclPrivilege.DELETE,
  D: AclPrivilege.TRUNCATE, x: AclPrivilege.REFERENCES, t: AclPrivilege.TRIGGER, m: AclPrivilege.MAINTAIN,
};

/** Throws 42501 for the first relation that the role may not use so. */
export function checkPermissions(session: Session, infos: readonly PermissionInfo[]): void {
  for (const info of infos) {
    if (!isPermitted(session, info)) {
      const relation = session.catalog.relation(info.relid);
      throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for ${relationWord(relation?.kind ?? 'r')} ${relation?.name ?? info.relid}`);
    }
  }
}

function isPermitted(session: Session, info: PermissionInfo): boolean {
  const { catalog } = session;
  const role = info.checkAsUser === 0 ? session.currentUserOid : info.checkAsUser;
  let needed = 0;
  for (const letter of info.requiredPerms) needed |= LETTERS[letter];
  if (needed === 0) return true;
  const kind = catalog.relation(info.relid)?.kind === 'S' ? 'sequence' : 'table';
  const missing = needed & ~privilegesOn(catalog, kind, info.relid, role, needed);
  if (missing === 0) return true;
  // What the table's own list does not give, the columns' lists may.
  if ((missing & ~(AclPrivilege.SELECT | AclPrivilege.INSERT | AclPrivilege.UPDATE)) !== 0) return false;
  return columnsPermitted(session, info, role, missing, AclPrivilege.SELECT, info.selectedCols)
    && columnsPermitted(session, info, role, missing, AclPrivilege.INSERT, info.insertedCols)
    && columnsPermitted(session, info, role, missing, AclPrivilege.UPDATE, info.updatedCols);
}

function columnsPermitted(session: Session, info: PermissionInfo, role: Oid, missing: number, privilege: number, columns: readonly number[]): boolean {
  if ((missing & privilege) === 0) return true;
  const { catalog } = session;
  const has = (column: number): boolean => columnPrivileges(catalog, info.relid, column, role, privilege) !== 0;
  const all = (catalog.relation(info.relid)?.attributes ?? []).filter((attribute) => !attribute.attisdropped).map((attribute) => attribute.attnum);
  if (columns.length === 0) return all.some(has);
  return columns.every((column) => (column === 0 ? all.every(has) : has(column)));
}
