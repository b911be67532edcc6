/**
 * Reads the shape of the system catalogs: columns, row types, indexes.
 */
import type { Json, Source } from './source.js';

/** A column of a catalog. */
export interface SourceColumn {
  name: string;
  type: number;
  typeName: string;
  notNull: boolean;
}

/** An index of a catalog. */
export interface SourceIndex {
  name: string;
  oid: number;
  unique: boolean;
  primary: boolean;
  columns: number[];
}

/** A catalog. */
export interface SourceCatalog {
  name: string;
  schema: string;
  oid: number;
  shared: boolean;
  columns: SourceColumn[];
  indexes: SourceIndex[];
}

/** Every catalog (and the plain tables of information_schema), in order of name. */
export function readCatalogs(source: Source): SourceCatalog[] {
  return source.json<SourceCatalog[] & Json[]>(`
    select json_agg(c order by c.schema desc, c.name) from (
      select r.relname as name, n.nspname as schema, r.oid::int8 as oid, r.relisshared as shared,
        (select json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8,
                'typeName', pg_catalog.format_type(a.atttypid, null), 'notNull', a.attnotnull) order by a.attnum)
           from pg_attribute a where a.attrelid = r.oid and a.attnum > 0) as columns,
        (select coalesce(json_agg(json_build_object('name', i.relname, 'oid', i.oid::int8, 'unique', x.indisunique,
                'primary', x.indisprimary, 'columns', string_to_array(x.indkey::text, ' ')::int[]) order by i.oid), '[]')
           from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = r.oid) as indexes
      from pg_class r join pg_namespace n on n.oid = r.relnamespace
      where r.relkind = 'r' and r.oid < 16384 and n.nspname in ('pg_catalog', 'information_schema')) c`);
}
