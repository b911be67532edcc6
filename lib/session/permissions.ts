/**
 * The privileges that a plan needs: on its relations and columns (PostgreSQL's ExecCheckPermissions), and on its functions (which
 * PostgreSQL checks as it prepares expressions).
 */
import type { Expr, PermissionInfo } from '../analyzer/nodes.js';
import { pgError } from '../base/error.js';
import { AclPrivilege } from '../catalog/acl.js';
import { checkPrivilege, columnPrivileges, privilegesOn, relationWord } from '../catalog/privileges.js';
import type { Oid } from '../catalog/api.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
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

/** Functions of a plan that not everybody may call. Plans are read-only, and made anew when a catalog changes. */
const guardedFunctions = new WeakMap<PlannedStmt, readonly Oid[]>();

/** Throws 42501 for the first function of the plan that the current role may not call. */
export function checkFunctions({ catalog, currentUserOid }: Session, plan: PlannedStmt): void {
  let guarded = guardedFunctions.get(plan);
  if (guarded === undefined) {
    const called = new Set<Oid>();
    collectFunctions(plan, called, new Set());
    guarded = [...called].filter((oid) => (catalog.proc(oid)?.proacl ?? null) !== null);
    guardedFunctions.set(plan, guarded);
  }
  for (const oid of guarded) checkPrivilege(catalog, 'function', oid, currentUserOid, 'EXECUTE', catalog.proc(oid)?.proname ?? String(oid));
}

/** EXECUTE on the functions of an expression that the planner computes. @throws 42501 */
export function checkExpressionFunctions({ catalog, currentUserOid }: Session, expr: Expr): void {
  const called = new Set<Oid>();
  collectFunctions(expr, called, new Set());
  for (const oid of called) {
    const proc = catalog.proc(oid);
    if (proc !== null && proc.proacl !== null) checkPrivilege(catalog, 'function', oid, currentUserOid, 'EXECUTE', proc.proname);
  }
}

const FUNCTION_FIELDS: ReadonlySet<string> = new Set(['funcid', 'opfuncid', 'aggfnoid', 'winfnoid']);

function collectFunctions(node: unknown, called: Set<Oid>, seen: Set<object>): void {
  if (typeof node !== 'object' || node === null || seen.has(node)) return;
  const isTree = Array.isArray(node) || Object.getPrototypeOf(node) === Object.prototype;
  if (!isTree) return;
  seen.add(node);
  for (const [field, value] of Object.entries(node)) {
    if (typeof value === 'number' && FUNCTION_FIELDS.has(field)) called.add(value);
    else collectFunctions(value, called, seen);
  }
}
