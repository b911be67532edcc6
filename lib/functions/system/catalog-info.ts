/**
 * Catalog information functions: visibility, descriptions, definitions, sizes. Thin over the session's `catalogInfo`.
 */
import { ArrayValue, type Int8 } from '../../types/datum.js';
import { NAMEOID } from '../../types/oids.js';
import { rowsReturning, setReturning, withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    /** What the catalogs say, in words. */
    readonly catalogInfo: CatalogInfoServices;
  }
}

/** Kinds of objects that have a `pg_..._is_visible` function. */
export type VisibleKind = 'relation' | 'type' | 'function' | 'operator' | 'opclass' | 'opfamily' | 'collation' | 'conversion' | 'statistics'
  | 'textSearchConfig' | 'textSearchDictionary' | 'textSearchParser' | 'textSearchTemplate';

/** Which parts of a relation's storage a size counts. */
export type SizePart = 'main' | 'table' | 'indexes' | 'total';

/** What the functions need. Null results are SQL NULL: the object does not exist. */
export interface CatalogInfoServices {
  isVisible(kind: VisibleKind, oid: number): boolean | null;
  roleName(oid: number): string | null;
  currentSchemas(includeImplicit: boolean): readonly string[];
  currentSchema(): string | null;
  describeObject(classId: number, objectId: number, subId: number): string | null;
  identifyObject(classId: number, objectId: number, subId: number): { type: string; schema: string | null; name: string | null; identity: string } | null;
  /** A stored expression as SQL; null when its relation is gone. */
  expression(text: string, relation: number, pretty: boolean): string | null;
  viewDefinition(oid: number, pretty: boolean): string | null;
  /** `column` 0: the whole CREATE INDEX; else one column. */
  indexDefinition(oid: number, column: number, pretty: boolean): string | null;
  constraintDefinition(oid: number, pretty: boolean): string | null;
  ruleDefinition(oid: number, pretty: boolean): string | null;
  functionArguments(oid: number, withDefaults: boolean): string | null;
  functionResult(oid: number): string | null;
  functionDefinition(oid: number): string | null;
  functionArgumentDefault(oid: number, position: number): string | null;
  serialSequence(table: string, column: string): string | null;
  relationSize(oid: number, part: SizePart): Int8 | null;
  databaseSize(oid: number): Int8;
  databaseOid(name: string): number;
  fileNode(oid: number): number | null;
  tempNamespace(): number;
  isOtherTempNamespace(oid: number): boolean;
  isUpdatable(oid: number, includeTriggers: boolean): number;
  isColumnUpdatable(oid: number, attnum: number, includeTriggers: boolean): boolean;
  replicaIdentityIndex(oid: number): number | null;
  /** A partition or partitioned table and what it is a partition of, upwards; empty for other relations. */
  partitionAncestors(oid: number): readonly number[];
  /** A partitioned table (or partition) and everything below it. */
  partitionTree(oid: number): readonly { readonly relation: number; readonly parent: number | null; readonly isLeaf: boolean; readonly level: number }[];
}

const VISIBLE: Record<string, VisibleKind> = {
  pg_table_is_visible: 'relation', pg_type_is_visible: 'type', pg_function_is_visible: 'function', pg_operator_is_visible: 'operator',
  pg_opclass_is_visible: 'opclass', pg_opfamily_is_visible: 'opfamily', pg_collation_is_visible: 'collation',
  pg_conversion_is_visible: 'conversion', pg_statistics_obj_is_visible: 'statistics', pg_ts_config_is_visible: 'textSearchConfig',
  pg_ts_dict_is_visible: 'textSearchDictionary', pg_ts_parser_is_visible: 'textSearchParser', pg_ts_template_is_visible: 'textSearchTemplate',
};
for (const [prosrc, kind] of Object.entries(VISIBLE)) {
  withContext(prosrc, (cx, oid: number) => cx.services.system.catalogInfo.isVisible(kind, oid));
}

withContext('pg_get_userbyid', (cx, oid: number) => cx.services.system.catalogInfo.roleName(oid) ?? `unknown (OID=${oid})`);
withContext('current_schema', (cx) => cx.services.system.catalogInfo.currentSchema());
withContext('current_schemas', (cx, implicit: boolean) => ArrayValue.of(NAMEOID, cx.services.system.catalogInfo.currentSchemas(implicit)));
withContext('pg_describe_object', (cx, classId: number, objectId: number, subId: number) =>
  cx.services.system.catalogInfo.describeObject(classId, objectId, subId));
rowsReturning('pg_identify_object', (cx, classId: number, objectId: number, subId: number) => {
  const found = cx.services.system.catalogInfo.identifyObject(classId, objectId, subId);
  return [found ? [found.type, found.schema, found.name, found.identity] : [null, null, null, null]];
});

withContext('pg_get_expr', (cx, text: string, relation: number) => cx.services.system.catalogInfo.expression(text, relation, false));
withContext('pg_get_expr_ext', (cx, text: string, relation: number, pretty: boolean) => cx.services.system.catalogInfo.expression(text, relation, pretty));
withContext('pg_get_viewdef', (cx, oid: number) => cx.services.system.catalogInfo.viewDefinition(oid, false));
withContext('pg_get_viewdef_ext', (cx, oid: number, pretty: boolean) => cx.services.system.catalogInfo.viewDefinition(oid, pretty));
withContext('pg_get_viewdef_wrap', (cx, oid: number, _column: number) => cx.services.system.catalogInfo.viewDefinition(oid, true));
withContext('pg_get_viewdef_name', (cx, name: string) =>
  cx.services.system.catalogInfo.viewDefinition(cx.services.system.objectOid('regclass', name), false));
withContext('pg_get_viewdef_name_ext', (cx, name: string, pretty: boolean) =>
  cx.services.system.catalogInfo.viewDefinition(cx.services.system.objectOid('regclass', name), pretty));
withContext('pg_get_indexdef', (cx, oid: number) => cx.services.system.catalogInfo.indexDefinition(oid, 0, false));
withContext('pg_get_indexdef_ext', (cx, oid: number, column: number, pretty: boolean) => cx.services.system.catalogInfo.indexDefinition(oid, column, pretty));
withContext('pg_get_constraintdef', (cx, oid: number) => cx.services.system.catalogInfo.constraintDefinition(oid, false));
withContext('pg_get_constraintdef_ext', (cx, oid: number, pretty: boolean) => cx.services.system.catalogInfo.constraintDefinition(oid, pretty));
withContext('pg_get_ruledef', (cx, oid: number) => cx.services.system.catalogInfo.ruleDefinition(oid, false));
withContext('pg_get_ruledef_ext', (cx, oid: number, pretty: boolean) => cx.services.system.catalogInfo.ruleDefinition(oid, pretty));
withContext('pg_get_function_arguments', (cx, oid: number) => cx.services.system.catalogInfo.functionArguments(oid, true));
withContext('pg_get_function_identity_arguments', (cx, oid: number) => cx.services.system.catalogInfo.functionArguments(oid, false));
withContext('pg_get_function_result', (cx, oid: number) => cx.services.system.catalogInfo.functionResult(oid));
withContext('pg_get_functiondef', (cx, oid: number) => cx.services.system.catalogInfo.functionDefinition(oid));
withContext('pg_get_function_arg_default', (cx, oid: number, position: number) => cx.services.system.catalogInfo.functionArgumentDefault(oid, position));
withContext('pg_get_serial_sequence', (cx, table: string, column: string) => cx.services.system.catalogInfo.serialSequence(table, column));
withContext('pg_get_replica_identity_index', (cx, oid: number) => cx.services.system.catalogInfo.replicaIdentityIndex(oid));

withContext('pg_relation_size', (cx, oid: number, fork: string) => {
  const size = cx.services.system.catalogInfo.relationSize(oid, 'main');
  return size === null || fork === 'main' ? size : 0;
});
withContext('pg_table_size', (cx, oid: number) => cx.services.system.catalogInfo.relationSize(oid, 'table'));
withContext('pg_indexes_size', (cx, oid: number) => cx.services.system.catalogInfo.relationSize(oid, 'indexes'));
withContext('pg_total_relation_size', (cx, oid: number) => cx.services.system.catalogInfo.relationSize(oid, 'total'));
withContext('pg_database_size_oid', (cx, oid: number) => cx.services.system.catalogInfo.databaseSize(oid));
withContext('pg_database_size_name', (cx, name: string) =>
  cx.services.system.catalogInfo.databaseSize(cx.services.system.catalogInfo.databaseOid(name)));
withContext('pg_relation_filenode', (cx, oid: number) => cx.services.system.catalogInfo.fileNode(oid));
withContext('pg_my_temp_schema', (cx) => cx.services.system.catalogInfo.tempNamespace());
withContext('pg_is_other_temp_schema', (cx, oid: number) => cx.services.system.catalogInfo.isOtherTempNamespace(oid));
withContext('pg_relation_is_updatable', (cx, oid: number, triggers: boolean) => cx.services.system.catalogInfo.isUpdatable(oid, triggers));
withContext('pg_column_is_updatable', (cx, oid: number, attnum: number, triggers: boolean) =>
  cx.services.system.catalogInfo.isColumnUpdatable(oid, attnum, triggers));
// There are no publications: nothing is publishable, tablespaces are where the data directory is.
withContext('pg_relation_is_publishable', (_cx, _oid: number) => false);
withContext('pg_tablespace_location', (_cx, _oid: number) => '');
setReturning('pg_tablespace_databases', (_cx, _oid: number) => []);
setReturning('pg_partition_ancestors', (cx, oid: number) => cx.services.system.catalogInfo.partitionAncestors(oid));
withContext('pg_partition_root', (cx, oid: number) => cx.services.system.catalogInfo.partitionAncestors(oid).at(-1) ?? null);
rowsReturning('pg_partition_tree', (cx, oid: number) =>
  cx.services.system.catalogInfo.partitionTree(oid).map(({ relation, parent, isLeaf, level }) => [relation, parent, isLeaf, level]));
