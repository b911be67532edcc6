/**
 * Resolution of names through schemas and the search path, with PostgreSQL's errors (catalog/namespace.c).
 */
import { pgError } from '../base/error.js';
import { quoteIdentifier, quoteQualified } from '../base/identifier.js';
import { BOOTSTRAP_SUPERUSERID } from '../types/oids.js';
import type { Catalog, Oid } from './api.js';
import { hasPrivilege } from './privileges.js';
import type { PgCollation, PgOperator, PgProc, PgType } from './rows.js';

/** A possibly qualified name of a relation, as parse trees have it. */
export interface RelationName {
  readonly catalogname?: string | null;
  readonly schemaname?: string | null;
  readonly relname: string;
  /** 't' when the statement says TEMPORARY. */
  readonly relpersistence?: string;
}

/** A list of names with dots, unquoted, as messages print it. */
export function nameListToString(names: readonly string[]): string {
  return names.join('.');
}

/** Splits `db.schema.name`, `schema.name`, `name`; 0A000 for another database, 42601 for more parts. */
export function deconstructName(catalog: Catalog, names: readonly string[]): { schema: string | null; name: string } {
  switch (names.length) {
    case 1: return { schema: null, name: names[0] };
    case 2: return { schema: names[0], name: names[1] };
    case 3: {
      if (names[0] !== catalog.databaseName) {
        throw pgError('FEATURE_NOT_SUPPORTED', `cross-database references are not implemented: ${nameListToString(names)}`);
      }
      return { schema: names[1], name: names[2] };
    }
    default: throw pgError('SYNTAX_ERROR', `improper qualified name (too many dotted names): ${nameListToString(names)}`);
  }
}

/** OID of a schema; 3F000 when there is none (0 under `missingOk`). */
export function namespaceOid(catalog: Catalog, name: string, missingOk = false): Oid {
  const oid = catalog.namespaceByName(name)?.oid ?? 0;
  if (oid === 0 && !missingOk) throw pgError('UNDEFINED_SCHEMA', `schema "${name}" does not exist`);
  return oid;
}

/** A schema named in a query: `pg_temp` is the session's own; needs USAGE (42501). 0 under `missingOk` when there is none. */
export function explicitNamespace(catalog: Catalog, name: string, missingOk = false): Oid {
  if (name === 'pg_temp' && catalog.tempNamespace !== 0) return catalog.tempNamespace;
  const oid = namespaceOid(catalog, name, missingOk);
  if (oid !== 0 && !hasPrivilege(catalog, 'schema', oid, catalog.currentUserOid, 'USAGE')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for schema ${name}`);
  }
  return oid;
}

function checkDatabase(catalog: Catalog, relation: RelationName): void {
  if (relation.catalogname && relation.catalogname !== catalog.databaseName) {
    throw pgError('FEATURE_NOT_SUPPORTED',
      `cross-database references are not implemented: "${relation.catalogname}.${relation.schemaname}.${relation.relname}"`);
  }
}

/** OID of the relation that a name means (RangeVarGetRelid); 42P01, 3F000, 0A000. 0 under `missingOk` when there is none. */
export function relationOidOf(catalog: Catalog, relation: RelationName, missingOk = false): Oid {
  checkDatabase(catalog, relation);
  let oid = 0;
  if (relation.relpersistence === 't') {
    const temp = catalog.tempNamespace;
    if (relation.schemaname && explicitNamespace(catalog, relation.schemaname, missingOk) !== temp) {
      throw pgError('INVALID_TABLE_DEFINITION', 'temporary tables cannot specify a schema name');
    }
    oid = temp === 0 ? 0 : catalog.relationOid(relation.relname, temp);
  } else if (relation.schemaname) {
    const namespace = explicitNamespace(catalog, relation.schemaname, missingOk);
    oid = namespace === 0 ? 0 : catalog.relationOid(relation.relname, namespace);
  } else oid = catalog.lookupRelation(relation.relname);
  if (oid === 0 && !missingOk) throw undefinedRelation(relation);
  return oid;
}

/** 42P01 for a name. */
export function undefinedRelation(relation: RelationName): Error {
  const name = relation.schemaname ? `${relation.schemaname}.${relation.relname}` : relation.relname;
  return pgError('UNDEFINED_TABLE', `relation "${name}" does not exist`);
}

/** Where CREATE puts a relation of that name (RangeVarGetCreationNamespace); 3F000 when search_path has no schema. */
export function creationNamespaceOf(catalog: Catalog, relation: RelationName): Oid {
  checkDatabase(catalog, relation);
  if (relation.schemaname) return relation.schemaname === 'pg_temp' ? catalog.ensureTempNamespace() : namespaceOid(catalog, relation.schemaname);
  if (relation.relpersistence === 't') return catalog.ensureTempNamespace();
  return defaultCreationNamespace(catalog);
}

/** The first schema of search_path, for CREATE; 3F000 when there is none. */
export function defaultCreationNamespace(catalog: Catalog): Oid {
  if (catalog.createsTempFirst) return catalog.ensureTempNamespace();
  if (catalog.creationNamespace === 0) throw pgError('UNDEFINED_SCHEMA', 'no schema has been selected to create in');
  return catalog.creationNamespace;
}

/** The persistence that a new relation gets in a schema (RangeVarAdjustRelationPersistence); 42P16 for what cannot be. */
export function adjustPersistence(catalog: Catalog, persistence: string, namespace: Oid): string {
  const own = namespace !== 0 && namespace === catalog.tempNamespace;
  if (own && persistence === 'u') throw pgError('INVALID_TABLE_DEFINITION', 'only temporary relations may be created in temporary schemas');
  if (own) return 't';
  const other = isTempSchemaName(catalog.namespace(namespace)?.nspname ?? '');
  if (other) throw pgError('INVALID_TABLE_DEFINITION', 'cannot create relations in temporary schemas of other sessions');
  if (persistence === 't') throw pgError('INVALID_TABLE_DEFINITION', 'cannot create temporary relation in non-temporary schema');
  return persistence;
}

/** pg_temp_N and pg_toast_temp_N. */
export function isTempSchemaName(name: string): boolean {
  return name.startsWith('pg_temp_') || name.startsWith('pg_toast_temp_');
}

/** Creation namespace of a new relation with the CREATE privilege checked, and its persistence; 42501, 3F000, 42P16. */
export function checkedCreation(catalog: Catalog, relation: RelationName): { namespace: Oid; persistence: string } {
  const namespace = creationNamespaceOf(catalog, relation);
  checkCreate(catalog, namespace);
  return { namespace, persistence: adjustPersistence(catalog, relation.relpersistence ?? 'p', namespace) };
}

/** 42501 unless the current user may create in the schema. */
export function checkCreate(catalog: Catalog, namespace: Oid): void {
  if (hasPrivilege(catalog, 'schema', namespace, catalog.currentUserOid, 'CREATE')) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for schema ${catalog.namespace(namespace)?.nspname ?? namespace}`);
}

/** Where CREATE puts an object of a qualified name that is not a relation (QualifiedNameGetCreationNamespace). */
export function qualifiedCreation(catalog: Catalog, names: readonly string[]): { namespace: Oid; name: string } {
  const { schema, name } = deconstructName(catalog, names);
  if (schema === null) return { namespace: defaultCreationNamespace(catalog), name };
  return { namespace: schema === 'pg_temp' ? catalog.ensureTempNamespace() : namespaceOid(catalog, schema), name };
}

/** A type by its possibly qualified name, null when there is none (LookupTypeName without modifiers and arrays). */
export function typeByNames(catalog: Catalog, names: readonly string[], missingOk = true): PgType | null {
  const { schema, name } = deconstructName(catalog, names);
  if (schema === null) return catalog.lookupType(name);
  const namespace = explicitNamespace(catalog, schema, missingOk);
  return namespace === 0 ? null : catalog.typeByName(name, namespace);
}

/** A collation by name; 42704 when there is none. */
export function collationByNames(catalog: Catalog, names: readonly string[]): PgCollation {
  const { schema, name } = deconstructName(catalog, names);
  const namespaces = schema === null ? catalog.searchPath.filter((oid) => oid !== catalog.tempNamespace) : [explicitNamespace(catalog, schema, true)];
  const candidates = catalog.collationsByName(name);
  for (const namespace of namespaces) {
    // one for this encoding goes before one for any encoding
    const found = candidates.find((row) => row.collnamespace === namespace && row.collencoding === UTF8)
      ?? candidates.find((row) => row.collnamespace === namespace && row.collencoding === -1);
    if (found) return found;
  }
  throw pgError('UNDEFINED_OBJECT', `collation "${nameListToString(names)}" for encoding "UTF8" does not exist`);
}

/** pg_database.encoding of UTF8. */
const UTF8 = 6;

/** Is the relation found by its bare name? (RelationIsVisible) */
export function isRelationVisible(catalog: Catalog, oid: Oid): boolean {
  const relation = catalog.relation(oid);
  return relation !== null && catalog.lookupRelation(relation.name) === oid;
}

/** A function is visible unless one of the same name and arguments stands earlier in the path. */
export function isFunctionVisible(catalog: Catalog, proc: PgProc): boolean {
  const path = functionPath(catalog);
  const at = path.indexOf(proc.pronamespace);
  const args = String(proc.proargtypes.elements);
  return at >= 0 && !catalog.procsByName(proc.proname).some((other) => {
    const place = path.indexOf(other.pronamespace);
    return place >= 0 && place < at && String(other.proargtypes.elements) === args;
  });
}

/** An operator is visible unless one of the same name and operands stands earlier in the path. */
export function isOperatorVisible(catalog: Catalog, operator: PgOperator): boolean {
  const path = functionPath(catalog);
  const at = path.indexOf(operator.oprnamespace);
  return at >= 0 && !catalog.operatorsByName(operator.oprname).some((other) => {
    const place = path.indexOf(other.oprnamespace);
    return place >= 0 && place < at && other.oprleft === operator.oprleft && other.oprright === operator.oprright;
  });
}

/** For names in schema objects without overloading (collations, operator classes, text search objects ...). */
export function isVisibleInPath(catalog: Catalog, namespace: Oid, existsIn: (namespace: Oid) => boolean): boolean {
  for (const oid of functionPath(catalog)) {
    if (oid === namespace) return true;
    if (existsIn(oid)) return false;
  }
  return false;
}

/** Functions and operators are never looked up in the temporary schema. */
function functionPath(catalog: Catalog): Oid[] {
  return catalog.searchPath.filter((oid) => oid !== catalog.tempNamespace);
}

/** A relation's name as messages and definitions print it: quoted, qualified unless visible. */
export function relationDisplayName(catalog: Catalog, oid: Oid): string {
  const relation = catalog.relation(oid);
  if (!relation) return String(oid);
  return isRelationVisible(catalog, oid) ? quoteIdentifier(relation.name) : quoteQualified(relation.namespaceName, relation.name);
}

/**
 * Creates a session's temporary schema (`pg_temp_N`) where it does not exist, as the bootstrap superuser's; 42501 without
 * TEMPORARY on the database. Names are visible after the next command.
 */
export function createTempNamespace(catalog: Catalog, sessionNumber: number, user: Oid): Oid {
  if (!hasPrivilege(catalog, 'database', catalog.databaseOid, user, 'TEMPORARY')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to create temporary tables in database "${catalog.databaseName}"`);
  }
  const table = catalog.table('pg_namespace');
  const make = (nspname: string): Oid => {
    const known = catalog.namespaceByName(nspname);
    if (known) return known.oid;
    const oid = catalog.newOid();
    table.insert({ oid, nspname, nspowner: BOOTSTRAP_SUPERUSERID, nspacl: null });
    return oid;
  };
  const oid = make(`pg_temp_${sessionNumber}`);
  make(`pg_toast_temp_${sessionNumber}`);
  return oid;
}
