/**
 * has_table_privilege and family: every combination of naming the role (by name, by OID, the current one) and the object (by
 * name, by OID).
 */
import { pgError } from '../../base/error.js';
import type { CallContext } from '../context.js';
import { withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    readonly privileges: PrivilegeServices;
  }
}

/** Kinds of objects that have privileges, as the functions name them. */
export type PrivilegeKind = 'table' | 'sequence' | 'database' | 'function' | 'language' | 'schema' | 'tablespace' | 'type' | 'foreign_data_wrapper' | 'server';

/** One privilege of a list: `SELECT WITH GRANT OPTION`. */
export interface AskedPrivilege {
  readonly name: string;
  readonly grantOption: boolean;
}

/** What the functions ask of the session. */
export interface PrivilegeServices {
  /** OID of a role ("public" is 0); 42704. */
  roleOid(name: string): number;
  currentRole(): number;
  /** OID of an object of that kind; the error of its kind. */
  objectOid(kind: PrivilegeKind, name: string): number;
  /** Any of the privileges? Null when the object does not exist. */
  has(kind: PrivilegeKind, object: number, role: number, asked: readonly AskedPrivilege[]): boolean | null;
  /** On a column (attnum), or (0) on any column. */
  hasColumn(relation: number, attnum: number, role: number, asked: readonly AskedPrivilege[]): boolean | null;
  /** Attribute number of a column; 42703. Null when the relation does not exist. */
  columnNumber(relation: number, name: string): number | null;
  /** pg_has_role's MEMBER, USAGE, SET. */
  hasRole(role: number, of: number, kind: 'member' | 'privileges' | 'set', admin: boolean): boolean;
}

const ALLOWED: Record<PrivilegeKind | 'column', readonly string[]> = {
  table: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'],
  column: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'],
  sequence: ['USAGE', 'SELECT', 'UPDATE'],
  database: ['CREATE', 'TEMPORARY', 'TEMP', 'CONNECT'],
  function: ['EXECUTE'], language: ['USAGE'], schema: ['CREATE', 'USAGE'], tablespace: ['CREATE'], type: ['USAGE'],
  foreign_data_wrapper: ['USAGE'], server: ['USAGE'],
};

/** Reads `SELECT, UPDATE WITH GRANT OPTION`. @throws 22023 */
function parsePrivileges(text: string, allowed: readonly string[]): AskedPrivilege[] {
  return text.split(',').map((part) => {
    const word = part.trim();
    const match = /^(.*?)(\s+WITH\s+GRANT\s+OPTION)?$/i.exec(word)!;
    const name = match[1].toUpperCase();
    if (!allowed.includes(name)) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized privilege type: "${word}"`);
    return { name: name === 'TEMP' ? 'TEMPORARY' : name, grantOption: match[2] !== undefined };
  });
}

type Role = (cx: CallContext, value: string | number) => number;
const roleByName: Role = (cx, name) => cx.services.system.privileges.roleOid(String(name));
const roleByOid: Role = (_cx, oid) => Number(oid);

for (const kind of Object.keys(ALLOWED).filter((name) => name !== 'column') as PrivilegeKind[]) {
  const ask = (cx: CallContext, role: number, object: number, text: string): boolean | null =>
    cx.services.system.privileges.has(kind, object, role, parsePrivileges(text, ALLOWED[kind]));
  const byName = (cx: CallContext, name: string): number => cx.services.system.privileges.objectOid(kind, name);
  const current = (cx: CallContext): number => cx.services.system.privileges.currentRole();
  const prefix = `has_${kind}_privilege`;
  withContext(`${prefix}_name`, (cx, name: string, text: string) => ask(cx, current(cx), byName(cx, name), text));
  withContext(`${prefix}_id`, (cx, oid: number, text: string) => ask(cx, current(cx), oid, text));
  withContext(`${prefix}_name_name`, (cx, role: string, name: string, text: string) => ask(cx, roleByName(cx, role), byName(cx, name), text));
  withContext(`${prefix}_name_id`, (cx, role: string, oid: number, text: string) => ask(cx, roleByName(cx, role), oid, text));
  withContext(`${prefix}_id_name`, (cx, role: number, name: string, text: string) => ask(cx, roleByOid(cx, role), byName(cx, name), text));
  withContext(`${prefix}_id_id`, (cx, role: number, oid: number, text: string) => ask(cx, roleByOid(cx, role), oid, text));
}

/** Argument forms of a column privilege function: how role, table and column are given. */
const ROLES: readonly (readonly [string, Role | null])[] = [['', null], ['name_', roleByName], ['id_', roleByOid]];

for (const [rolePrefix, role] of ROLES) {
  for (const table of ['name', 'id'] as const) {
    const relationOf = (cx: CallContext, value: string | number): number =>
      (table === 'name' ? cx.services.system.privileges.objectOid('table', String(value)) : Number(value));
    const roleOf = (cx: CallContext, args: readonly (string | number)[]): number =>
      (role === null ? cx.services.system.privileges.currentRole() : role(cx, args[0]));
    const skip = role === null ? 0 : 1;
    withContext(`has_any_column_privilege_${rolePrefix}${table}`, (cx, ...args: (string | number)[]) =>
      cx.services.system.privileges.hasColumn(relationOf(cx, args[skip]), 0, roleOf(cx, args), parsePrivileges(String(args[skip + 1]), ALLOWED.column)));
    for (const column of ['name', 'attnum'] as const) {
      withContext(`has_column_privilege_${rolePrefix}${table}_${column}`, (cx, ...args: (string | number)[]) => {
        const services = cx.services.system.privileges;
        const relation = relationOf(cx, args[skip]);
        const attnum = column === 'name' ? services.columnNumber(relation, String(args[skip + 1])) : Number(args[skip + 1]);
        if (attnum === null) return null;
        return services.hasColumn(relation, attnum, roleOf(cx, args), parsePrivileges(String(args[skip + 2]), ALLOWED.column));
      });
    }
  }
}

/** pg_has_role: by role (current, by name, by OID) and by the role asked about. */
function askRole(cx: CallContext, member: number, role: number, text: string): boolean {
  const services = cx.services.system.privileges;
  return text.split(',').some((part) => {
    const word = part.trim().toUpperCase();
    const match = /^(USAGE|MEMBER|SET)(\s+WITH\s+(ADMIN|GRANT)\s+OPTION)?$/.exec(word);
    if (!match) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized privilege type: "${part.trim()}"`);
    const kind = ({ USAGE: 'privileges', MEMBER: 'member', SET: 'set' } as const)[match[1] as 'USAGE' | 'MEMBER' | 'SET'];
    return services.hasRole(member, role, kind, match[2] !== undefined);
  });
}
const currentRole = (cx: CallContext): number => cx.services.system.privileges.currentRole();
withContext('pg_has_role_name', (cx, role: string, text: string) => askRole(cx, currentRole(cx), roleByName(cx, role), text));
withContext('pg_has_role_id', (cx, role: number, text: string) => askRole(cx, currentRole(cx), role, text));
withContext('pg_has_role_name_name', (cx, member: string, role: string, text: string) => askRole(cx, roleByName(cx, member), roleByName(cx, role), text));
withContext('pg_has_role_name_id', (cx, member: string, role: number, text: string) => askRole(cx, roleByName(cx, member), role, text));
withContext('pg_has_role_id_name', (cx, member: number, role: string, text: string) => askRole(cx, member, roleByName(cx, role), text));
withContext('pg_has_role_id_id', (cx, member: number, role: number, text: string) => askRole(cx, member, role, text));
