/**
 * CREATE SCHEMA, with the elements that may stand in it.
 *
 * Idea: PostgreSQL's CreateSchemaCommand (commands/schemacmds.c) and transformCreateSchemaStmtElements (parser/parse_utilcmd.c).
 */
import type { CreateSchemaStmt, Node, RangeVar } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import { quoteIdentifier } from '../../base/identifier.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import { initialAcl } from '../../catalog/acl.js';
import type { Oid } from '../../catalog/api.js';
import { recordDependencyOnOwner } from '../../catalog/depend.js';
import { checkPrivilege } from '../../catalog/privileges.js';
import { roleName } from '../../catalog/roles.js';
import { bodyAs, bodyOf, tagOf, type RawNode } from '../../parser/raw.js';
import { NamespaceRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { executeUtility, registerCommand } from '../dispatch.js';
import { checkCanSetRole, isReservedName, roleSpecOid } from '../role/role-spec.js';

registerCommand('CreateSchemaStmt', { execute: (statement, cx) => createSchema(bodyAs<CreateSchemaStmt>(statement.body), cx) });

const RESULT: CommandResult = { tag: 'CREATE SCHEMA', rows: null };

function* createSchema(stmt: CreateSchemaStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog, currentUserOid } = cx.session;
  const owner = stmt.authrole ? roleSpecOid(cx, stmt.authrole) : currentUserOid;
  const name = stmt.schemaname || roleName(catalog, owner);
  checkPrivilege(catalog, 'database', catalog.databaseOid, currentUserOid, 'CREATE', catalog.databaseName);
  checkCanSetRole(cx, owner);
  if (isReservedName(name)) {
    throw pgError('RESERVED_NAME', `unacceptable schema name "${name}"`, { detail: 'The prefix "pg_" is reserved for system schemas.' });
  }
  if (catalog.namespaceByName(name)) {
    if (!stmt.if_not_exists) throw pgError('DUPLICATE_SCHEMA', `schema "${name}" already exists`);
    cx.services.notice(pgError('DUPLICATE_SCHEMA', `schema "${name}" already exists, skipping`, { severity: 'NOTICE' }));
    return RESULT;
  }
  insertSchema(cx, name, owner);
  if (stmt.schemaElts && stmt.schemaElts.length > 0) yield* createElements(cx, name, owner, elementsInOrder(stmt.schemaElts, name));
  return RESULT;
}

function insertSchema(cx: CommandContext, name: string, owner: Oid): void {
  const { catalog } = cx.session;
  const oid = catalog.newOid();
  catalog.table('pg_namespace').insert({ oid, nspname: name, nspowner: owner, nspacl: initialAcl(catalog, 'schema', owner, 0) });
  recordDependencyOnOwner(catalog, objectAddress(NamespaceRelationId, oid), owner);
  catalog.commandCounterIncrement();
}

/** Elements run in this order, whatever order they are written in. */
const ORDER = ['CreateSeqStmt', 'CreateStmt', 'ViewStmt', 'IndexStmt', 'CreateTrigStmt', 'GrantStmt'];

interface Element { readonly tag: string; readonly body: RawNode }

function elementsInOrder(list: readonly Node[], schema: string): Element[] {
  const elements = list.map((node): Element => {
    const tag = tagOf(node);
    if (!ORDER.includes(tag)) throw notSupported(`${tag} in CREATE SCHEMA`);
    return { tag, body: withSchema(tag, bodyOf(node), schema) };
  });
  return elements.toSorted((a, b) => ORDER.indexOf(a.tag) - ORDER.indexOf(b.tag));
}

const NAME_FIELD: Record<string, string> = { CreateSeqStmt: 'sequence', CreateStmt: 'relation', ViewStmt: 'view', IndexStmt: 'relation', CreateTrigStmt: 'relation' };

/** The element with its name qualified by the new schema. @throws 42P15 when it names another one */
function withSchema(tag: string, body: RawNode, schema: string): RawNode {
  const field = NAME_FIELD[tag];
  if (!field) return body;
  const named = body[field] as RawNode | undefined;
  const given = named ? bodyAs<RangeVar>(named).schemaname : undefined;
  if (given !== undefined && given !== schema) {
    throw pgError('INVALID_SCHEMA_DEFINITION', `CREATE specifies a schema (${given}) different from the one being created (${schema})`);
  }
  return { ...body, [field]: { ...named, schemaname: schema } };
}

/** Runs the elements with the new schema in front of search_path, as its owner. */
function* createElements(cx: CommandContext, schema: string, owner: Oid, elements: readonly Element[]): Suspendable<void> {
  const { services, session } = cx;
  const path = services.getSetting('search_path') ?? '';
  services.setSetting('search_path', path.trim() === '' ? quoteIdentifier(schema) : `${quoteIdentifier(schema)}, ${path}`, true);
  const asOwner: CommandContext = owner === session.currentUserOid ? cx
    : Object.create(cx, { session: { value: Object.create(session, { currentUserOid: { value: owner } }) as CommandContext['session'] } }) as CommandContext;
  for (const element of elements) {
    yield* executeUtility(element, asOwner);
    session.catalog.commandCounterIncrement();
  }
  services.setSetting('search_path', path, true);
}
