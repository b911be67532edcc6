/**
 * Classes of objects that are found by a name alone, or by a name in a schema: which catalog, which columns, which words.
 *
 * Idea: PostgreSQL's ObjectProperty table (catalog/objectaddress.c).
 */
import type { Catalog, Oid } from '../../catalog/api.js';
import type { CatalogRows } from '../../catalog/rows.js';
import type { SqlStateName } from '../../base/sqlstate.js';
import type { ArrayValue } from '../../types/datum.js';
import * as ids from '../../types/oids.js';

/** Facts of a class. Column names are '' where the class has no such column. */
export interface ObjectClass {
  readonly classId: Oid;
  readonly table: keyof CatalogRows;
  readonly nameColumn: string;
  readonly namespaceColumn: string;
  readonly ownerColumn: string;
  readonly aclColumn: string;
  /** What messages call it. */
  readonly word: string;
  readonly missing: SqlStateName;
}

function objectClass(
  classId: Oid, table: keyof CatalogRows, columns: { name: string; namespace?: string; owner?: string; acl?: string }, word: string, missing: SqlStateName = 'UNDEFINED_OBJECT',
): ObjectClass {
  return {
    classId, table, word, missing, nameColumn: columns.name, namespaceColumn: columns.namespace ?? '', ownerColumn: columns.owner ?? '', aclColumn: columns.acl ?? '',
  };
}

/** Classes whose names are unique in the database or the cluster, by the parse tree's object type. */
export const NAMED_CLASSES: Readonly<Record<string, ObjectClass>> = {
  OBJECT_SCHEMA: objectClass(ids.NamespaceRelationId, 'pg_namespace', { name: 'nspname', owner: 'nspowner', acl: 'nspacl' }, 'schema', 'INVALID_SCHEMA_NAME'),
  OBJECT_DATABASE: objectClass(ids.DatabaseRelationId, 'pg_database', { name: 'datname', owner: 'datdba', acl: 'datacl' }, 'database', 'UNDEFINED_DATABASE'),
  OBJECT_ROLE: objectClass(ids.AuthIdRelationId, 'pg_authid', { name: 'rolname' }, 'role'),
  OBJECT_TABLESPACE: objectClass(ids.TableSpaceRelationId, 'pg_tablespace', { name: 'spcname', owner: 'spcowner', acl: 'spcacl' }, 'tablespace'),
  OBJECT_LANGUAGE: objectClass(ids.LanguageRelationId, 'pg_language', { name: 'lanname', owner: 'lanowner', acl: 'lanacl' }, 'language'),
  OBJECT_EXTENSION: objectClass(ids.ExtensionRelationId, 'pg_extension', { name: 'extname', owner: 'extowner' }, 'extension'),
  OBJECT_ACCESS_METHOD: objectClass(ids.AccessMethodRelationId, 'pg_am', { name: 'amname' }, 'access method'),
  OBJECT_FDW: objectClass(ids.ForeignDataWrapperRelationId, 'pg_foreign_data_wrapper', { name: 'fdwname', owner: 'fdwowner', acl: 'fdwacl' }, 'foreign-data wrapper'),
  OBJECT_FOREIGN_SERVER: objectClass(ids.ForeignServerRelationId, 'pg_foreign_server', { name: 'srvname', owner: 'srvowner', acl: 'srvacl' }, 'server'),
  OBJECT_EVENT_TRIGGER: objectClass(ids.EventTriggerRelationId, 'pg_event_trigger', { name: 'evtname', owner: 'evtowner' }, 'event trigger'),
  OBJECT_PUBLICATION: objectClass(ids.PublicationRelationId, 'pg_publication', { name: 'pubname', owner: 'pubowner' }, 'publication'),
  OBJECT_SUBSCRIPTION: objectClass(ids.SubscriptionRelationId, 'pg_subscription', { name: 'subname', owner: 'subowner' }, 'subscription'),
};

/** Classes whose names stand in schemas, without overloading. */
export const SCHEMA_CLASSES: Readonly<Record<string, ObjectClass>> = {
  OBJECT_COLLATION: objectClass(ids.CollationRelationId, 'pg_collation', { name: 'collname', namespace: 'collnamespace', owner: 'collowner' }, 'collation'),
  OBJECT_CONVERSION: objectClass(ids.ConversionRelationId, 'pg_conversion', { name: 'conname', namespace: 'connamespace', owner: 'conowner' }, 'conversion'),
  OBJECT_STATISTIC_EXT: objectClass(ids.StatisticExtRelationId, 'pg_statistic_ext', { name: 'stxname', namespace: 'stxnamespace', owner: 'stxowner' }, 'statistics object'),
  OBJECT_TSPARSER: objectClass(ids.TSParserRelationId, 'pg_ts_parser', { name: 'prsname', namespace: 'prsnamespace' }, 'text search parser'),
  OBJECT_TSDICTIONARY: objectClass(ids.TSDictionaryRelationId, 'pg_ts_dict', { name: 'dictname', namespace: 'dictnamespace', owner: 'dictowner' }, 'text search dictionary'),
  OBJECT_TSTEMPLATE: objectClass(ids.TSTemplateRelationId, 'pg_ts_template', { name: 'tmplname', namespace: 'tmplnamespace' }, 'text search template'),
  OBJECT_TSCONFIGURATION: objectClass(ids.TSConfigRelationId, 'pg_ts_config', { name: 'cfgname', namespace: 'cfgnamespace', owner: 'cfgowner' }, 'text search configuration'),
};

/** Classes whose names stand in schemas for one access method. */
export const METHOD_CLASSES: Readonly<Record<string, ObjectClass & { readonly methodColumn: string }>> = {
  OBJECT_OPCLASS: {
    ...objectClass(ids.OperatorClassRelationId, 'pg_opclass', { name: 'opcname', namespace: 'opcnamespace', owner: 'opcowner' }, 'operator class'), methodColumn: 'opcmethod',
  },
  OBJECT_OPFAMILY: {
    ...objectClass(ids.OperatorFamilyRelationId, 'pg_opfamily', { name: 'opfname', namespace: 'opfnamespace', owner: 'opfowner' }, 'operator family'), methodColumn: 'opfmethod',
  },
};

/** Classes that are found otherwise (by arguments, as types, as relations). */
export const OTHER_CLASSES: Readonly<Record<string, ObjectClass>> = {
  relation: objectClass(ids.RelationRelationId, 'pg_class', { name: 'relname', namespace: 'relnamespace', owner: 'relowner', acl: 'relacl' }, 'relation', 'UNDEFINED_TABLE'),
  type: objectClass(ids.TypeRelationId, 'pg_type', { name: 'typname', namespace: 'typnamespace', owner: 'typowner', acl: 'typacl' }, 'type'),
  function: objectClass(ids.ProcedureRelationId, 'pg_proc', { name: 'proname', namespace: 'pronamespace', owner: 'proowner', acl: 'proacl' }, 'function', 'UNDEFINED_FUNCTION'),
  operator: objectClass(ids.OperatorRelationId, 'pg_operator', { name: 'oprname', namespace: 'oprnamespace', owner: 'oprowner' }, 'operator', 'UNDEFINED_FUNCTION'),
  largeObject: objectClass(ids.LargeObjectMetadataRelationId, 'pg_largeobject_metadata', { name: '', owner: 'lomowner', acl: 'lomacl' }, 'large object'),
};

const ALL = [...Object.values(NAMED_CLASSES), ...Object.values(SCHEMA_CLASSES), ...Object.values(METHOD_CLASSES), ...Object.values(OTHER_CLASSES)];

/** Facts of the class of a catalog; null for classes that have neither names nor owners of their own. */
export function classOf(classId: Oid): ObjectClass | null {
  return ALL.find((candidate) => candidate.classId === classId) ?? null;
}

/** Rows of a class's catalog where columns have these values. */
export function findRows(catalog: Catalog, table: keyof CatalogRows, where: Readonly<Record<string, unknown>>): CatalogRows[keyof CatalogRows][] {
  return catalog.table(table).find(where as Partial<CatalogRows[keyof CatalogRows]>) as CatalogRows[keyof CatalogRows][];
}

/** The value of a column of a row of any catalog. */
export function columnOf(row: CatalogRows[keyof CatalogRows], column: string): unknown {
  return Object.entries(row).find(([name]) => name === column)?.[1];
}

/** The current row of an object; null when it is gone. */
export function objectRow(catalog: Catalog, facts: ObjectClass, oid: Oid): CatalogRows[keyof CatalogRows] | null {
  return findRows(catalog, facts.table, { oid })[0] ?? null;
}

/** Owner of an object; 0 where its class has none. */
export function ownerOf(catalog: Catalog, facts: ObjectClass, oid: Oid): Oid {
  const row = facts.ownerColumn === '' ? null : objectRow(catalog, facts, oid);
  return row ? columnOf(row, facts.ownerColumn) as Oid : 0;
}

/** Changes columns of an object's row. */
export function updateObject(catalog: Catalog, facts: ObjectClass, oid: Oid, changes: Readonly<Record<string, string | number | ArrayValue | null>>): void {
  const row = objectRow(catalog, facts, oid);
  if (row) catalog.table(facts.table).update(row as never, changes as never);
}
