/**
 * Writes the generated TypeScript: row interfaces (`rows.ts`), shapes of the catalogs (`schema.ts`) and OIDs (`oids.ts`).
 */
import type { Json, Source } from './source.js';
import type { SourceCatalog, SourceColumn } from './schema.js';
import { CLASS_NAMES, NAMED_OIDS } from './names.js';

/** Columns that the catalogs declare nullable by their C layout, but that always have a value. */
const ALWAYS_SET = new Set(['pg_attrdef.adbin', 'pg_rewrite.ev_qual', 'pg_rewrite.ev_action']);

function scalarType(typeName: string): string {
  if (typeName.endsWith('[]') || typeName.endsWith('vector') || typeName === 'anyarray') return 'ArrayValue';
  switch (typeName) {
    case 'boolean': return 'boolean';
    case 'bigint': case 'pg_lsn': case 'timestamp with time zone': return 'Int8';
    case 'smallint': case 'integer': case 'oid': case 'regproc': case 'real': case 'xid': return 'number';
    case 'bytea': case 'pg_ndistinct': case 'pg_dependencies': case 'pg_mcv_list': return 'Uint8Array';
    default: return 'string';
  }
}

function columnType(catalog: SourceCatalog, column: SourceColumn): string {
  const type = scalarType(column.typeName);
  return column.notNull || ALWAYS_SET.has(`${catalog.name}.${column.name}`) ? type : `${type} | null`;
}

function interfaceName(catalog: string): string {
  return catalog.split('_').map((word) => word[0].toUpperCase() + word.slice(1)).join('');
}

/** rows.ts: an interface per catalog with PostgreSQL's column names. */
export function rowsFile(catalogs: readonly SourceCatalog[]): string {
  const own = catalogs.filter((catalog) => catalog.schema === 'pg_catalog');
  const lines = ['/**', " * Row types of the system catalogs, generated from PostgreSQL 18's own catalogs: do not edit.", ' */',
    "import type { ArrayValue, Int8 } from '../types/datum.js';", ''];
  for (const catalog of own) {
    lines.push(`/** A row of ${catalog.name}. */`, `export interface ${interfaceName(catalog.name)} {`,
      ...catalog.columns.map((column) => `  ${column.name}: ${columnType(catalog, column)};`), '}', '');
  }
  lines.push('/** Catalog name → row type. */', 'export interface CatalogRows {',
    ...own.map((catalog) => `  ${catalog.name}: ${interfaceName(catalog.name)};`), '}', '');
  return lines.join('\n');
}

/** schema.ts: OID, columns and indexes of every catalog. */
export function schemaFile(catalogs: readonly SourceCatalog[], version: string): string {
  const lines = ['/**', ' * Shapes of the system catalogs, generated from PostgreSQL 18: do not edit.', ' */', '',
    '/** An index of a catalog: name, OID, unique, attribute numbers. */',
    'export type CatalogIndexShape = readonly [name: string, oid: number, unique: boolean, columns: readonly number[]];', '',
    '/** A catalog: its columns as [name, type OID, nullable]. */',
    'export interface CatalogShape {', '  readonly name: string;', '  readonly schema: string;', '  readonly oid: number;',
    '  readonly shared: boolean;', '  readonly columns: readonly (readonly [name: string, type: number, nullable: boolean])[];',
    '  readonly indexes: readonly CatalogIndexShape[];', '  /** Number of built-in rows. */', '  readonly rows: number;', '}', '',
    '/** Version of the built-in data: a data directory remembers the one it was made with. */',
    `export const CATALOG_VERSION = '${version}';`, '',
    '/** Every catalog, and the plain tables of information_schema. */',
    'export const CATALOG_SHAPES: readonly CatalogShape[] = ['];
  for (const catalog of catalogs) {
    const columns = catalog.columns.map((c) => `['${c.name}', ${c.type}, ${!columnType(catalog, c).includes('null') ? 'false' : 'true'}]`);
    const indexes = catalog.indexes.map((i) => `['${i.name}', ${i.oid}, ${i.unique}, [${i.columns.join(', ')}]]`);
    lines.push(`  { name: '${catalog.name}', schema: '${catalog.schema}', oid: ${catalog.oid}, shared: ${catalog.shared}, rows: ${rowCounts.get(catalog.name) ?? 0},`,
      `    columns: [${columns.join(', ')}],`, `    indexes: [${indexes.join(', ')}] },`);
  }
  lines.push('];', '');
  return lines.join('\n');
}

const rowCounts = new Map<string, number>();

/** Remembers how many rows a catalog's data file has, for `schemaFile`. */
export function noteRows(catalog: string, rows: number): void {
  rowCounts.set(catalog, rows);
}

function typeConstant(name: string): string {
  return name.startsWith('_') ? `${name.slice(1).toUpperCase()}ARRAYOID` : `${name.toUpperCase()}OID`;
}

/** oids.ts: constants as PostgreSQL names them. */
export function oidsFile(source: Source): string {
  const types = source.json<Json[][]>(`select json_agg(json_build_array(typname, oid::int8) order by oid) from pg_type
    where oid < 10000 and (typtype <> 'c') and typrelid = 0 and not exists
      (select from pg_type e where e.typarray = pg_type.oid and e.typrelid <> 0)`);
  const lines = ['/**', ' * OIDs of built-in types, and a few other well-known ones, under the names that PostgreSQL\'s headers give them.',
    ' * Generated from PostgreSQL 18: do not edit.', ' */', '', '// Types'];
  for (const [name, oid] of types) lines.push(`export const ${typeConstant(String(name))} = ${Number(oid)};`);
  lines.push('', '// System catalogs (class OIDs of object addresses)');
  for (const [oid, name] of CLASS_NAMES) lines.push(`export const ${name} = ${oid};`);
  for (const [title, entries] of NAMED_OIDS) {
    lines.push('', `// ${title}`, ...entries.map(([name, oid]) => `export const ${name} = ${oid};`));
  }
  lines.push('');
  return lines.join('\n');
}
