/**
 * Reads the rows of one catalog in their physical order and writes them column by column: a column is an array of
 * values, or `{"c": value}` where every row has the same one.
 *
 * Expressions (PostgreSQL keeps node trees) come out as SQL text behind the prefix `sql:`; definitions of views are in
 * `views.json` instead. Arrays are JSON arrays, vectors likewise; access control lists are arrays of
 * [grantee, grantor, privileges, grant options].
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
  pg_db_role_setting: 'false',
  pg_shdepend: 'false',
  pg_shdescription: 't.objoid < 16384',
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

/** Bits of the privileges as `lib/catalog/acl.ts` numbers them, in their order. */
const PRIVILEGES = ['INSERT', 'SELECT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'EXECUTE', 'USAGE', 'CREATE',
  'TEMPORARY', 'CONNECT', 'SET', 'ALTER SYSTEM', 'MAINTAIN'];

/** Columns whose value depends on the life of the server asked, not on PostgreSQL. */
const FIXED: Record<string, string> = {
  'pg_class.relfrozenxid': "case when t.relfrozenxid::text = '0' then 0 else 3 end",
  'pg_class.relminmxid': "case when t.relminmxid::text = '0' then 0 else 1 end",
  'pg_database.datfrozenxid': '3',
  'pg_database.datistemplate': 't.oid in (1, 4)',
  'pg_database.datacl': 'case when t.oid in (1, 4) then ' + aclExpression('t.datacl') + ' end',
};

/** An access control list as [[grantee, grantor, privileges, grant options], ...]. */
function aclExpression(name: string): string {
  const bit = `case privilege_type ${PRIVILEGES.map((word, index) => `when '${word}' then ${1 << index}`).join(' ')} end`;
  return `(select json_agg(json_build_array(grantee, grantor, privileges, options) order by place) from (
    select grantee::int8 as grantee, grantor::int8 as grantor, sum(${bit}) as privileges,
      coalesce(sum(${bit}) filter (where is_grantable), 0) as options, min(ordinality) as place
    from aclexplode(${name}) with ordinality group by grantee, grantor) items)`;
}

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
    case 'aclitem[]': return aclExpression(name);
    case '"char"[]': return `${name}::text[]`;
    case '"char"': case 'name': case 'pg_lsn': case 'pg_node_tree': return `${name}::text`;
    default: return name;
  }
}

function defaultFilter(catalog: SourceCatalog): string {
  return catalog.columns[0].name === 'oid' ? 't.oid < 16384' : 'true';
}

/** Reads a catalog's rows; null when there are none. */
export function readData(source: Source, catalog: SourceCatalog): CatalogData | null {
  const expressions = catalog.columns.map((column) => valueExpression(catalog, column));
  const rows = source.json<Json[][] | null>(
    `select json_agg(json_build_array(${expressions.join(', ')}) order by t.ctid)
       from ${catalog.schema}.${catalog.name} t where ${FILTERS[catalog.name] ?? defaultFilter(catalog)}`);
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
