/**
 * Privileges as GRANT and REVOKE write them, and what each kind of object allows.
 *
 * Idea: PostgreSQL's ExecuteGrantStmt, string_to_privilege (catalog/aclchk.c).
 */
import type { AccessPriv, Node } from 'libpg-query';
import { pgError } from '../../base/error.js';
import { ALL_RIGHTS, AclPrivilege, privilegeNames, type AclKind, type AclPrivilegeName } from '../../catalog/acl.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';

/** The kind of access control list behind a parse tree's object type, and its word in messages. */
export const GRANT_KINDS: Readonly<Record<string, { readonly kind: AclKind; readonly word: string }>> = {
  OBJECT_TABLE: { kind: 'table', word: 'relation' }, OBJECT_SEQUENCE: { kind: 'sequence', word: 'sequence' }, OBJECT_DATABASE: { kind: 'database', word: 'database' },
  OBJECT_DOMAIN: { kind: 'type', word: 'domain' }, OBJECT_TYPE: { kind: 'type', word: 'type' }, OBJECT_FUNCTION: { kind: 'function', word: 'function' },
  OBJECT_PROCEDURE: { kind: 'function', word: 'procedure' }, OBJECT_ROUTINE: { kind: 'function', word: 'routine' }, OBJECT_LANGUAGE: { kind: 'language', word: 'language' },
  OBJECT_LARGEOBJECT: { kind: 'large object', word: 'large object' }, OBJECT_SCHEMA: { kind: 'schema', word: 'schema' },
  OBJECT_TABLESPACE: { kind: 'tablespace', word: 'tablespace' }, OBJECT_FDW: { kind: 'foreign-data wrapper', word: 'foreign-data wrapper' },
  OBJECT_FOREIGN_SERVER: { kind: 'foreign server', word: 'foreign server' }, OBJECT_PARAMETER_ACL: { kind: 'parameter', word: 'parameter' },
};

/** The privileges of a statement. */
export interface WrittenPrivileges {
  /** Bits for the whole object. */
  readonly whole: number;
  /** ALL [PRIVILEGES] for the whole object. */
  readonly all: boolean;
  /** Privileges on columns. */
  readonly columns: readonly { readonly names: readonly string[]; readonly mask: number; readonly all: boolean }[];
}

/** The bits of a privilege's name. @throws 42601 */
export function privilegeBits(name: string): number {
  const upper = name.toUpperCase();
  const known = upper === 'TEMP' ? 'TEMPORARY' : upper;
  if (known in AclPrivilege) return AclPrivilege[known as AclPrivilegeName];
  throw pgError('SYNTAX_ERROR', `unrecognized privilege type "${name}"`);
}

/** Reads the privileges. @throws 42601, 0LP01 for what the kind of object does not have */
export function writtenPrivileges(list: readonly Node[] | undefined, kind: AclKind, word: string): WrittenPrivileges {
  if (!list || list.length === 0) return { whole: ALL_RIGHTS[kind], all: true, columns: [] };
  let whole = 0;
  let all = false;
  const columns: { names: readonly string[]; mask: number; all: boolean }[] = [];
  // GRANT ... ON TABLE takes sequences too, by an old allowance.
  const allowed = kind === 'table' ? ALL_RIGHTS.table | ALL_RIGHTS.sequence : ALL_RIGHTS[kind];
  for (const node of list) {
    const { priv_name: name, cols } = bodyAs<AccessPriv>(bodyOf(node));
    const inColumns = cols !== undefined && cols.length > 0;
    if (inColumns && kind !== 'table') throw pgError('INVALID_GRANT_OPERATION', 'column privileges are only valid for relations');
    const bits = name === undefined ? 0 : privilegeBits(name);
    if (inColumns) {
      if (name !== undefined && (bits & ~ALL_RIGHTS.column) !== 0) throw invalidPrivilege(bits, 'column');
      columns.push({ names: stringList(cols), mask: name === undefined ? ALL_RIGHTS.column : bits, all: name === undefined });
    } else if (name === undefined) {
      whole |= ALL_RIGHTS[kind];
      all = true;
    } else {
      if ((bits & ~allowed) !== 0) throw invalidPrivilege(bits, word);
      whole |= bits;
    }
  }
  return { whole, all, columns };
}

/** 0LP01 `invalid privilege type CREATE for relation`. */
export function invalidPrivilege(bits: number, word: string): Error {
  const [name] = privilegeNames(bits);
  return pgError('INVALID_GRANT_OPERATION', `invalid privilege type ${name} for ${word}`);
}
