/**
 * Access control lists: privileges and their letters, defaults, text forms, and what GRANT and REVOKE do to a list
 * (PostgreSQL's utils/adt/acl.c). Whether a role may do something is asked in `privileges.ts`.
 */
import { pgError, type PgError } from '../base/error.js';
import { AclItem } from '../types/aclitem.js';
import { ArrayValue } from '../types/datum.js';
import { ACLITEMOID } from '../types/oids.js';
import type { Catalog, Oid } from './api.js';
import { hasPrivilegesOfRole, roleName, roleOid } from './roles.js';

/** Privileges by name, as bits (PostgreSQL's ACL_* values). */
export const AclPrivilege = {
  INSERT: 1 << 0,
  SELECT: 1 << 1,
  UPDATE: 1 << 2,
  DELETE: 1 << 3,
  TRUNCATE: 1 << 4,
  REFERENCES: 1 << 5,
  TRIGGER: 1 << 6,
  EXECUTE: 1 << 7,
  USAGE: 1 << 8,
  CREATE: 1 << 9,
  TEMPORARY: 1 << 10,
  CONNECT: 1 << 11,
  SET: 1 << 12,
  'ALTER SYSTEM': 1 << 13,
  MAINTAIN: 1 << 14,
} as const;

export type AclPrivilegeName = keyof typeof AclPrivilege;

/** Letters in the order of the bits. */
const LETTERS = 'arwdDxtXUCTcsAm';

/** Kinds of objects that have access control lists, as GRANT names them. */
export type AclKind =
  | 'table' | 'column' | 'sequence' | 'database' | 'function' | 'language' | 'large object' | 'schema' | 'tablespace'
  | 'type' | 'foreign-data wrapper' | 'foreign server' | 'parameter';

const P = AclPrivilege;

/** Every privilege of a kind of object. */
export const ALL_RIGHTS: Readonly<Record<AclKind, number>> = {
  table: P.INSERT | P.SELECT | P.UPDATE | P.DELETE | P.TRUNCATE | P.REFERENCES | P.TRIGGER | P.MAINTAIN,
  column: P.INSERT | P.SELECT | P.UPDATE | P.REFERENCES,
  sequence: P.USAGE | P.SELECT | P.UPDATE,
  database: P.CREATE | P.TEMPORARY | P.CONNECT,
  function: P.EXECUTE,
  language: P.USAGE,
  'large object': P.SELECT | P.UPDATE,
  schema: P.USAGE | P.CREATE,
  tablespace: P.CREATE,
  type: P.USAGE,
  'foreign-data wrapper': P.USAGE,
  'foreign server': P.USAGE,
  parameter: P.SET | P['ALTER SYSTEM'],
};

/** What PUBLIC has when nothing was granted or revoked. */
const PUBLIC_RIGHTS: Partial<Record<AclKind, number>> = {
  database: P.TEMPORARY | P.CONNECT, function: P.EXECUTE, language: P.USAGE, type: P.USAGE,
};

/** An access control list. */
export type Acl = readonly AclItem[];

/** The list of an object whose acl column is null (acldefault). */
export function defaultAcl(kind: AclKind, owner: Oid): AclItem[] {
  const items: AclItem[] = [];
  const world = PUBLIC_RIGHTS[kind] ?? 0;
  if (world !== 0) items.push(new AclItem(0, owner, world, 0));
  if (kind !== 'column' && kind !== 'parameter') items.push(new AclItem(owner, owner, ALL_RIGHTS[kind], 0));
  return items;
}

/** The items of an acl column; null where the column is. */
export function aclItems(value: ArrayValue | null): Acl | null {
  return value && (value.elements as readonly AclItem[]);
}

/** A list as an acl column stores it. */
export function aclArray(items: Acl): ArrayValue {
  return ArrayValue.of(ACLITEMOID, items);
}

function quoteRole(name: string): string {
  return /^[A-Za-z0-9_\x80-\uffff]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** aclitemout: `alice=r*w/bob`. */
export function formatAclItem(catalog: Catalog, item: AclItem): string {
  let text = `${item.grantee === 0 ? '' : quoteRole(roleName(catalog, item.grantee))}=`;
  for (let bit = 0; bit < LETTERS.length; bit++) {
    if (item.privileges & (1 << bit)) text += LETTERS[bit];
    if (item.grantOptions & (1 << bit)) text += '*';
  }
  return `${text}/${quoteRole(roleName(catalog, item.grantor))}`;
}

/** The role that initdb makes. */
const BOOTSTRAP_SUPERUSER = 10;
const NAME = /^\s*((?:[A-Za-z0-9_\x80-\uffff]|"(?:[^"]|"")*")*)\s*/;

/** A role's name (parts may be quoted) at the start of a text, and what follows it; blanks around it are skipped (getid). */
function takeName(text: string): { name: string; rest: string } {
  const match = NAME.exec(text)!;
  return { name: match[1].replaceAll(/"((?:[^"]|"")*)"/g, (_, quoted: string) => quoted.replaceAll('""', '"')), rest: text.slice(match[0].length) };
}

/** aclitemin; 22P02 and 42704 as PostgreSQL raises them. An item without a grantor is warned of. */
export function parseAclItem(catalog: Catalog, text: string, warn: (warning: PgError) => void): AclItem {
  const wrong = (message: string, hint?: string): PgError => pgError('INVALID_TEXT_REPRESENTATION', message, { hint });
  let { name: grantee, rest } = takeName(text);
  if (rest[0] !== '=') {
    if (grantee !== 'group' && grantee !== 'user') throw wrong(`unrecognized key word: "${grantee}"`, 'ACL key word must be "group" or "user".');
    ({ name: grantee, rest } = takeName(rest));
    if (grantee === '') throw wrong('missing name', 'A name must follow the "group" or "user" key word.');
  }
  if (rest[0] !== '=') throw wrong('missing "=" sign');
  const letters = /^[A-Za-z*]*/.exec(rest.slice(1))![0];
  rest = rest.slice(1 + letters.length);
  let privileges = 0;
  let options = 0;
  let last = 0;
  for (const letter of letters) {
    if (letter === '*') options |= last;
    else {
      const bit = LETTERS.indexOf(letter);
      if (bit < 0) throw wrong(`invalid mode character: must be one of "${LETTERS}"`);
      privileges |= last = 1 << bit;
    }
  }
  const granteeOid = grantee === '' ? 0 : roleOid(catalog, grantee);
  let grantor = BOOTSTRAP_SUPERUSER;
  if (rest[0] === '/') {
    const { name, rest: end } = takeName(rest.slice(1));
    if (name === '') throw wrong('a name must follow the "/" sign');
    grantor = roleOid(catalog, name);
    rest = end;
  } else {
    warn(pgError('INVALID_GRANTOR', `defaulting grantor to user ID ${grantor}`, { severity: 'WARNING' }));
  }
  if (rest.trim() !== '') throw wrong('extra garbage at the end of the ACL specification');
  return new AclItem(granteeOid, grantor, privileges, options);
}

/** Privileges out of `mask` that the role has by the list (aclmask): own, PUBLIC's, and those of roles it inherits from. */
export function aclMask(catalog: Catalog, acl: Acl, role: Oid, mask: number): number {
  let found = 0;
  for (const item of acl) if (item.grantee === 0 || item.grantee === role) found |= item.privileges & mask;
  for (const item of acl) {
    if (item.grantee === 0 || item.grantee === role || (item.privileges & mask & ~found) === 0) continue;
    if (hasPrivilegesOfRole(catalog, role, item.grantee)) found |= item.privileges & mask;
  }
  return found;
}

/** Grant options out of `mask` that the role has; owners have them all. */
export function grantOptionMask(catalog: Catalog, acl: Acl, role: Oid, owner: Oid, mask: number): number {
  if (hasPrivilegesOfRole(catalog, role, owner)) return mask;
  let found = 0;
  for (const item of acl) {
    if ((item.grantOptions & mask & ~found) !== 0 && item.grantee !== 0 && hasPrivilegesOfRole(catalog, role, item.grantee)) found |= item.grantOptions & mask;
  }
  return found;
}

/** Who GRANT and REVOKE act as (select_best_grantor): the owner where the role has the owner's privileges, else the role with most options. */
export function bestGrantor(catalog: Catalog, role: Oid, privileges: number, acl: Acl, owner: Oid): { grantor: Oid; options: number } {
  if (hasPrivilegesOfRole(catalog, role, owner)) return { grantor: owner, options: privileges };
  let best = { grantor: role, options: 0 };
  for (const candidate of new Set([role, ...acl.map((item) => item.grantee)])) {
    if (candidate === 0 || !hasPrivilegesOfRole(catalog, role, candidate)) continue;
    let options = 0;
    for (const item of acl) if (item.grantee === candidate) options |= item.grantOptions & privileges;
    if (options === privileges) return { grantor: candidate, options };
    if (countBits(options) > countBits(best.options)) best = { grantor: candidate, options };
  }
  return best;
}

function countBits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** GRANT: adds privileges (and grant options) of one grantee by one grantor. 0LP01 when that makes a circle of grant options. */
export function grantTo(acl: Acl, owner: Oid, item: AclItem): AclItem[] {
  if (item.grantOptions !== 0 && item.grantee === owner) {
    throw pgError('INVALID_GRANT_OPERATION', 'grant options cannot be granted back to your own grantor');
  }
  return merge(acl, item.grantee, item.grantor, (old) => new AclItem(item.grantee, item.grantor,
    (old?.privileges ?? 0) | item.privileges | item.grantOptions, (old?.grantOptions ?? 0) | item.grantOptions));
}

/**
 * REVOKE: takes privileges (or only their grant options) away. What others granted by means of a lost grant option goes
 * too under CASCADE; 2BP01 under RESTRICT.
 */
export function revokeFrom(acl: Acl, owner: Oid, item: AclItem, grantOptionsOnly: boolean, cascade: boolean): AclItem[] {
  let result = merge(acl, item.grantee, item.grantor, (old) => old && new AclItem(item.grantee, item.grantor,
    grantOptionsOnly ? old.privileges : old.privileges & ~item.privileges, old.grantOptions & ~item.privileges));
  const lost = item.privileges & ~result.reduce((options, other) => (other.grantee === item.grantee ? options | other.grantOptions : options), 0);
  if (lost === 0 || item.grantee === owner || item.grantee === 0) return result;
  for (const dependent of result.filter((other) => other.grantor === item.grantee && (other.privileges & lost) !== 0)) {
    if (!cascade) throw pgError('DEPENDENT_OBJECTS_STILL_EXIST', 'dependent privileges exist', { hint: 'Use CASCADE to revoke them too.' });
    result = revokeFrom(result, owner, new AclItem(dependent.grantee, dependent.grantor, lost, lost), false, true);
  }
  return result;
}

/** Replaces the item of (grantee, grantor), drops it when nothing is left, appends it when it is new. */
function merge(acl: Acl, grantee: Oid, grantor: Oid, change: (old: AclItem | undefined) => AclItem | undefined): AclItem[] {
  const at = acl.findIndex((item) => item.grantee === grantee && item.grantor === grantor);
  const item = change(at < 0 ? undefined : acl[at]);
  const kept = item && item.privileges !== 0 ? [item] : [];
  return at < 0 ? [...acl, ...kept] : [...acl.slice(0, at), ...kept, ...acl.slice(at + 1)];
}

/** Letters of the kinds in pg_default_acl. */
const DEFAULT_ACL_LETTERS: Partial<Record<AclKind, string>> = {
  table: 'r', sequence: 'S', function: 'f', type: 'T', schema: 'n', 'large object': 'L',
};

/**
 * The access control list that a new object gets by ALTER DEFAULT PRIVILEGES (get_user_default_acl): the owner's own defaults
 * instead of the built-in ones, and the schema's on top. Null where it is the built-in default.
 */
export function initialAcl(catalog: Catalog, kind: AclKind, owner: Oid, namespace: Oid): ArrayValue | null {
  const letter = DEFAULT_ACL_LETTERS[kind];
  if (letter === undefined) return null;
  const stored = (defaclnamespace: Oid): Acl | null =>
    aclItems(catalog.table('pg_default_acl').findOne({ defaclrole: owner, defaclnamespace, defaclobjtype: letter })?.defaclacl ?? null);
  const global = stored(0);
  const schema = namespace === 0 ? null : stored(namespace);
  if (!global && !schema) return null;
  const builtin = defaultAcl(kind, owner);
  let result: Acl = global ?? builtin;
  for (const item of schema ?? []) {
    result = merge(result, item.grantee, item.grantor, (old) => new AclItem(item.grantee, item.grantor,
      (old?.privileges ?? 0) | item.privileges, (old?.grantOptions ?? 0) | item.grantOptions));
  }
  return sameAcl(result, builtin) ? null : aclArray(result);
}

/** The same items, in whatever order. */
function sameAcl(a: Acl, b: Acl): boolean {
  const text = (acl: Acl): string => acl.map((item) => `${item.grantee},${item.grantor},${item.privileges},${item.grantOptions}`).sort().join(' ');
  return text(a) === text(b);
}

/** The list after ALTER ... OWNER TO: items of the old owner become the new one's (aclnewowner). */
export function changeAclOwner(acl: Acl, from: Oid, to: Oid): AclItem[] {
  let result: AclItem[] = [];
  for (const item of acl) {
    const grantee = item.grantee === from ? to : item.grantee;
    const grantor = item.grantor === from ? to : item.grantor;
    result = merge(result, grantee, grantor, (old) => new AclItem(grantee, grantor,
      (old?.privileges ?? 0) | item.privileges, (old?.grantOptions ?? 0) | item.grantOptions));
  }
  return result;
}

/** Names of the privileges in a mask, in the order of the bits. */
export function privilegeNames(mask: number): AclPrivilegeName[] {
  return (Object.keys(AclPrivilege) as AclPrivilegeName[]).filter((name) => (mask & AclPrivilege[name]) !== 0);
}
