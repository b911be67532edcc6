/**
 * Reads the rows of one catalog in their physical order and writes them column by column: a column is an array of
 * values, or `{"c": value}` where every row has the same one.
 *
 * Expressions (PostgreSQL keeps node trees) come out as SQL text behind the prefix `sql:`; definitions of views are in
 * `views.json` instead. Arrays are JSON arrays, vectors likewise; access control lists are texts.
 */
import type { Json, Source } from './source.js';
import type { SourceCatalog, SourceColumn } from './schema.js';

/** A data file's content. */
export interface CatalogData {
  rows: number;
  columns: Json[];
}

/** Rows that are not PostgreSQL's own but belong to the server that was asked. */
const FILTERS: Record<string, string> = {
  pg_database: 't.oid in (1, 4, 5)',
  pg_statistic: 'false',
};

/** Columns of expressions: how to get their SQL text. */
const EXPRESSIONS: Record<string, string> = {
  'pg_proc.proargdefaults': "'sql:' || pg_get_expr(t.proargdefaults, 0)",
  'pg_proc.prosqlbody': "case when t.prosqlbody is not null then 'sql:' || pg_get_function_sqlbody(t.oid) end",
  'pg_type.typdefaultbin': "'sql:' || pg_get_expr(t.typdefaultbin, 0)",
  'pg_constraint.conbin': "'sql:' || pg_get_expr(t.conbin, t.conrelid)",
  'pg_rewrite.ev_action': "''",
  'pg_rewrite.ev_qual': "''",
};

/** Columns whose value depends on the life of the server asked, not on PostgreSQL. */
const FIXED: Record<string, string> = {
  'pg_class.relfrozenxid': "case when t.relfrozenxid::text = '0' then 0 else 3 end",
  'pg_class.relminmxid': "case when t.relminmxid::text = '0' then 0 else 1 end",
  'pg_database.datfrozenxid': '3',
  'pg_database.datistemplate': 't.oid in (1, 4)',
  'pg_database.datacl': 'case when t.oid in (1, 4) then t.datacl::text[] end',
};

function valueExpression(catalog: SourceCatalog, column: SourceColumn): string {
  const special = EXPRESSIONS[`${catalog.name}.${column.name}`] ?? FIXED[`${catalog.name}.${column.name}`];
  if (special) return special;
  const name = `t.${column.name}`;
  switch (column.typeName) {
    case 'oid': return `${name}::int8`;
    case 'regproc': return `${name}::oid::int8`;
    case 'xid': return `${name}::text::int8`;
    case 'oidvector': case 'int2vector': return `string_to_array(${name}::text, ' ')::int8[]`;
    case 'oid[]': return `${name}::int8[]`;
    case 'aclitem[]': case '"char"[]': return `${name}::text[]`;
    case '"char"': case 'name': case 'pg_lsn': case 'pg_node_tree': return `${name}::text`;
    default: return name;
  }
}

/** Reads a catalog's rows; null when there are none. */
export function readData(source: Source, catalog: SourceCatalog): CatalogData | null {
  const expressions = catalog.columns.map((column) => valueExpression(catalog, column));
  const rows = source.json<Json[][] | null>(
    `select json_agg(json_build_array(${expressions.join(', ')}) order by t.ctid)
       from ${catalog.schema}.${catalog.name} t where ${FILTERS[catalog.name] ?? 'true'}`);
  if (!rows) return null;
  return { rows: rows.length, columns: catalog.columns.map((_, index) => packColumn(rows.map((row) => row[index]))) };
}

function packColumn(values: Json[]): Json {
  const first = JSON.stringify(values[0]);
  return values.every((value) => JSON.stringify(value) === first) ? { c: values[0] } : values;
}

/** Definitions of the system views: relation OID → SQL of the query, names of other schemas than pg_catalog qualified. */
export function readViews(source: Source): Record<string, string> {
  return source.json(`select json_object_agg(c.oid::int8, pg_get_viewdef(c.oid) order by c.oid) from pg_class c
    where c.relkind = 'v' and c.oid < 16384`);
}
