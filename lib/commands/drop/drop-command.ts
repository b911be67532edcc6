/**
 * DROP of relations, schemas, types and other named objects: finds what the names mean, checks kind and ownership, and
 * hands them to the dependency walk together.
 *
 * Idea: PostgreSQL's RemoveRelations (commands/tablecmds.c) and RemoveObjects (commands/dropcmds.c).
 */
import type { DropStmt, Node, ObjectWithArgs, TypeName } from 'libpg-query';
import { PgError, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid } from '../../catalog/api.js';
import { objectAddress, type ObjectAddress } from '../../catalog/address.js';
import { namespaceOid, relationOidOf } from '../../catalog/namespace.js';
import { checkOwner } from '../../catalog/privileges.js';
import { bodyAs, bodyOf, stringList, stringValue } from '../../parser/raw.js';
import { CollationRelationId, NamespaceRelationId, ProcedureRelationId, RewriteRelationId, TriggerRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { expressionState } from '../expressions.js';
import { lookupTypeName, typeNameToString } from '../../analyzer/type-name.js';
import { findFunction } from '../function/find-function.js';
import { findObject } from '../object/find-object.js';
import { checkObjectOwner } from '../object/ownership.js';
import { lockNamed } from '../object/object-lock.js';
import { lockRelation } from '../relation/access.js';
import { checkConcurrentDrop, dropIndexConcurrently } from './drop-concurrently.js';
import { dropObjects, relationAddress } from './drop-object.js';

registerCommand('DropStmt', { execute: (statement, cx) => execute(bodyAs<DropStmt>(statement.body), cx) });

interface RelationClass { readonly kinds: string; readonly word: string; readonly tag: string }

const RELATION_CLASSES: Record<string, RelationClass> = {
  OBJECT_TABLE: { kinds: 'rp', word: 'table', tag: 'DROP TABLE' },
  OBJECT_SEQUENCE: { kinds: 'S', word: 'sequence', tag: 'DROP SEQUENCE' },
  OBJECT_VIEW: { kinds: 'v', word: 'view', tag: 'DROP VIEW' },
  OBJECT_MATVIEW: { kinds: 'm', word: 'materialized view', tag: 'DROP MATERIALIZED VIEW' },
  OBJECT_INDEX: { kinds: 'iI', word: 'index', tag: 'DROP INDEX' },
  OBJECT_FOREIGN_TABLE: { kinds: 'f', word: 'foreign table', tag: 'DROP FOREIGN TABLE' },
};
const KIND_WORDS: Record<string, string> = {
  r: 'table', p: 'table', S: 'sequence', v: 'view', m: 'materialized view', i: 'index', I: 'index', f: 'foreign table', c: 'type',
};

function* execute(stmt: DropStmt, cx: CommandContext): Suspendable<CommandResult> {
  if (stmt.concurrent) cx.session.preventInTransactionBlock('DROP INDEX CONCURRENTLY');
  if (stmt.concurrent) checkConcurrentDrop(stmt);
  const relationClass = RELATION_CLASSES[stmt.removeType ?? ''];
  const objects: ObjectAddress[] = [];
  for (const node of stmt.objects ?? []) {
    const found = relationClass
      ? yield* findRelation(cx, nameParts(node), relationClass, stmt)
      : (yield* lockNamed(cx, () => addressed(findOther(cx, stmt, node))))?.address ?? null;
    if (found) objects.push(found);
  }
  if (stmt.concurrent && objects.length > 0 && !isTemporary(cx, objects[0].objectId)) yield* dropIndexConcurrently(cx, objects[0].objectId);
  else yield* dropObjects(cx, objects, { cascade: stmt.behavior === 'DROP_CASCADE' });
  return { tag: relationClass?.tag ?? OTHER_TAGS[stmt.removeType ?? ''] ?? 'DROP', rows: null };
}

const OTHER_TAGS: Record<string, string> = {
  OBJECT_SCHEMA: 'DROP SCHEMA', OBJECT_TYPE: 'DROP TYPE', OBJECT_DOMAIN: 'DROP DOMAIN', OBJECT_FUNCTION: 'DROP FUNCTION', OBJECT_PROCEDURE: 'DROP PROCEDURE',
  OBJECT_ROUTINE: 'DROP ROUTINE', OBJECT_AGGREGATE: 'DROP AGGREGATE', OBJECT_COLLATION: 'DROP COLLATION', OBJECT_RULE: 'DROP RULE', OBJECT_TRIGGER: 'DROP TRIGGER',
  OBJECT_OPERATOR: 'DROP OPERATOR', OBJECT_CAST: 'DROP CAST', OBJECT_STATISTIC_EXT: 'DROP STATISTICS', OBJECT_POLICY: 'DROP POLICY',
  OBJECT_CONVERSION: 'DROP CONVERSION', OBJECT_OPCLASS: 'DROP OPERATOR CLASS', OBJECT_OPFAMILY: 'DROP OPERATOR FAMILY', OBJECT_LANGUAGE: 'DROP LANGUAGE',
  OBJECT_EXTENSION: 'DROP EXTENSION', OBJECT_TSCONFIGURATION: 'DROP TEXT SEARCH CONFIGURATION', OBJECT_TSDICTIONARY: 'DROP TEXT SEARCH DICTIONARY',
  OBJECT_TSPARSER: 'DROP TEXT SEARCH PARSER', OBJECT_TSTEMPLATE: 'DROP TEXT SEARCH TEMPLATE', OBJECT_FDW: 'DROP FOREIGN DATA WRAPPER', OBJECT_FOREIGN_SERVER: 'DROP SERVER',
  OBJECT_EVENT_TRIGGER: 'DROP EVENT TRIGGER', OBJECT_ACCESS_METHOD: 'DROP ACCESS METHOD', OBJECT_PUBLICATION: 'DROP PUBLICATION',
};

/** The parts of an object's name: a list of strings, or a single one. */
function nameParts(node: Node): string[] {
  if ('String' in node) return [stringValue(node)];
  return stringList(bodyAs<{ items?: Node[] }>(bodyOf(node)).items);
}

function skip(cx: CommandContext, message: string): null {
  cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `${message}, skipping`, { severity: 'NOTICE' }));
  return null;
}

function* findRelation(cx: CommandContext, parts: readonly string[], expected: RelationClass, stmt: DropStmt): Suspendable<ObjectAddress | null> {
  const { catalog } = cx.session;
  const missingOk = stmt.missing_ok ?? false;
  const [relname, schemaname, catalogname] = parts.toReversed();
  if (missingOk && schemaname !== undefined && schemaname !== 'pg_temp' && !catalog.namespaceByName(schemaname)) {
    return skip(cx, `schema "${schemaname}" does not exist`);
  }
  const oid = relationOidOf(catalog, { relname, schemaname, catalogname }, true);
  if (oid === 0) {
    if (missingOk) return skip(cx, `${expected.word} "${relname}" does not exist`);
    throw pgError('iIf'.includes(expected.kinds[0]) ? 'UNDEFINED_OBJECT' : 'UNDEFINED_TABLE', `${expected.word} "${schemaname === undefined ? '' : `${schemaname}.`}${relname}" does not exist`);
  }
  const concurrent = (stmt.concurrent ?? false) && !isTemporary(cx, oid);
  yield* lockRelation(cx, oid, concurrent ? 'ShareUpdateExclusive' : 'AccessExclusive');
  const relation = catalog.relation(oid) ?? null;
  const row = relation?.row ?? catalog.table('pg_class').findOne({ oid });
  if (!row) throw pgError('UNDEFINED_TABLE', `${expected.word} "${relname}" does not exist`);
  if (!expected.kinds.includes(row.relkind)) throw wrongKind(row.relname, row.relkind, expected);
  const mine = cx.session.isSuperuser || catalog.namespace(row.relnamespace)?.nspowner === cx.session.currentUserOid;
  if (!mine) checkOwner(catalog, row.relowner, cx.session.currentUserOid, expected.word, row.relname);
  if (row.relkind === 'I' && concurrent) throw pgError('FEATURE_NOT_SUPPORTED', `cannot drop partitioned index "${row.relname}" concurrently`);
  if (oid < 16384) throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied: "${row.relname}" is a system catalog`);
  return relationAddress(oid);
}

/** Nobody else sees a temporary relation: CONCURRENTLY means nothing to it. */
function isTemporary(cx: CommandContext, oid: Oid): boolean {
  return cx.session.catalog.table('pg_class').findOne({ oid })?.relpersistence === 't';
}

const HINTS: Record<string, string> = {
  r: 'Use DROP TABLE to remove a table.', p: 'Use DROP TABLE to remove a table.', S: 'Use DROP SEQUENCE to remove a sequence.',
  v: 'Use DROP VIEW to remove a view.', m: 'Use DROP MATERIALIZED VIEW to remove a materialized view.', i: 'Use DROP INDEX to remove an index.',
  I: 'Use DROP INDEX to remove an index.', c: 'Use DROP TYPE to remove a type.', f: 'Use DROP FOREIGN TABLE to remove a foreign table.',
};

function wrongKind(name: string, kind: string, expected: RelationClass): Error {
  const article = /^[aeiou]/.test(expected.word) ? 'an' : 'a';
  return pgError('WRONG_OBJECT_TYPE', `"${name}" is not ${article} ${expected.word}`, { hint: HINTS[kind] ?? `It is a ${KIND_WORDS[kind] ?? 'relation'}.` });
}

function addressed(address: ObjectAddress | null): { address: ObjectAddress } | null {
  return address === null ? null : { address };
}

/** Objects that are not relations. */
function findOther(cx: CommandContext, stmt: DropStmt, node: Node): ObjectAddress | null {
  const { catalog } = cx.session;
  const missingOk = stmt.missing_ok ?? false;
  switch (stmt.removeType) {
    case 'OBJECT_SCHEMA': {
      const name = stringValue(node);
      const oid = namespaceOid(catalog, name, true);
      if (oid === 0) {
        if (missingOk) return skip(cx, `schema "${name}" does not exist`);
        throw pgError('INVALID_SCHEMA_NAME', `schema "${name}" does not exist`);
      }
      checkOwner(catalog, catalog.namespace(oid)!.nspowner, cx.session.currentUserOid, 'schema', name);
      return objectAddress(NamespaceRelationId, oid);
    }
    case 'OBJECT_TYPE': case 'OBJECT_DOMAIN': return findType(cx, bodyAs<TypeName>(bodyOf(node)), stmt.removeType === 'OBJECT_DOMAIN', missingOk);
    case 'OBJECT_FUNCTION': case 'OBJECT_PROCEDURE': case 'OBJECT_ROUTINE': case 'OBJECT_AGGREGATE': {
      const oid = findFunction(cx, bodyAs<ObjectWithArgs>(bodyOf(node)), stmt.removeType, missingOk);
      if (oid === 0) return null;
      const proc = catalog.proc(oid)!;
      checkOwner(catalog, proc.proowner, cx.session.currentUserOid, FUNCTION_WORDS[proc.prokind] ?? 'function', proc.proname);
      return objectAddress(ProcedureRelationId, oid);
    }
    case 'OBJECT_COLLATION': return findCollation(cx, nameParts(node), missingOk);
    case 'OBJECT_RULE': return findOnRelation(cx, nameParts(node), 'rule', missingOk);
    case 'OBJECT_TRIGGER': return findOnRelation(cx, nameParts(node), 'trigger', missingOk);
    default: return findByClass(cx, stmt.removeType ?? '', node, missingOk);
  }
}

const MISSING_CODES = new Set(['42704', '42883', '3F000', '42P01']);

/** The classes that need nothing of their own: operators, casts, statistics, text search objects ... */
function findByClass(cx: CommandContext, removeType: string, node: Node, missingOk: boolean): ObjectAddress | null {
  try {
    const object = findObject(cx, removeType, node);
    checkObjectOwner(cx, object);
    return object.address;
  } catch (error) {
    if (missingOk && error instanceof PgError && MISSING_CODES.has(error.sqlstate)) return skip(cx, error.message);
    throw error;
  }
}

const FUNCTION_WORDS: Record<string, string> = { f: 'function', p: 'procedure', a: 'aggregate', w: 'function' };

function findType(cx: CommandContext, typeName: TypeName, domain: boolean, missingOk: boolean): ObjectAddress | null {
  const { catalog } = cx.session;
  const name = typeNameToString(typeName);
  const schema = stringList(typeName.names).at(-2);
  if (missingOk && schema !== undefined && !catalog.namespaceByName(schema)) return skip(cx, `schema "${schema}" does not exist`);
  const found = lookupTypeName(expressionState(cx, null), typeName, true);
  if (!found) {
    if (missingOk) return skip(cx, `type "${name}" does not exist`);
    throw pgError('UNDEFINED_OBJECT', `type "${name}" does not exist`);
  }
  if (domain && found.row.typtype !== 'd') throw pgError('WRONG_OBJECT_TYPE', `"${name}" is not a domain`);
  checkOwner(catalog, found.row.typowner, cx.session.currentUserOid, 'type', cx.services.types.formatType(found.type));
  return objectAddress(TypeRelationId, found.type);
}

function findCollation(cx: CommandContext, parts: readonly string[], missingOk: boolean): ObjectAddress | null {
  const { catalog } = cx.session;
  const [name, schema] = parts.toReversed();
  const namespaces = schema === undefined ? catalog.searchPath : [namespaceOid(catalog, schema, missingOk)];
  const rows = catalog.collationsByName(name);
  for (const namespace of namespaces) {
    const row = rows.find((candidate) => candidate.collnamespace === namespace);
    if (!row) continue;
    checkOwner(catalog, row.collowner, cx.session.currentUserOid, 'collation', name);
    return objectAddress(CollationRelationId, row.oid);
  }
  if (missingOk) return skip(cx, `collation "${name}" does not exist`);
  throw pgError('UNDEFINED_OBJECT', `collation "${parts.join('.')}" for encoding "UTF8" does not exist`);
}

/** Rules and triggers are named `[schema.]table.name`. */
function findOnRelation(cx: CommandContext, parts: readonly string[], what: 'rule' | 'trigger', missingOk: boolean): ObjectAddress | null {
  const { catalog } = cx.session;
  const [name, relname, schemaname] = parts.toReversed();
  const oid = relationOidOf(catalog, { relname, schemaname }, true);
  if (oid === 0) {
    if (missingOk) return skip(cx, `relation "${relname}" does not exist`);
    throw pgError('UNDEFINED_TABLE', `relation "${parts.slice(0, -1).join('.')}" does not exist`);
  }
  const row = what === 'rule' ? catalog.table('pg_rewrite').findOne({ ev_class: oid, rulename: name }) : catalog.table('pg_trigger').findOne({ tgrelid: oid, tgname: name });
  if (!row) {
    if (missingOk) return skip(cx, `${what} "${name}" for relation "${relname}" does not exist`);
    throw pgError('UNDEFINED_OBJECT', `${what} "${name}" for ${what === 'rule' ? 'relation' : 'table'} "${relname}" does not exist`);
  }
  checkOwner(catalog, catalog.relation(oid)!.row.relowner, cx.session.currentUserOid, 'relation', relname);
  return objectAddress(what === 'rule' ? RewriteRelationId : TriggerRelationId, row.oid);
}
