/**
 * Makes tables by their catalog rows alone, as CREATE TABLE would.
 */
import type { StorageEngine } from '../../lib/access/api.js';
import type { Catalog } from '../../lib/catalog/api.js';
import { int2vector, oidvector } from '../../lib/catalog/builtin.js';
import type { CatalogRows, PgAttribute, PgClass } from '../../lib/catalog/rows.js';

function classRow(oid: number, relname: string, relfilenode: number, changes: Partial<PgClass>): PgClass {
  return {
    oid, relname, relnamespace: 2200, reltype: 0, reloftype: 0, relowner: 10, relam: 2, relfilenode, reltablespace: 0, relpages: 0,
    reltuples: -1, relallvisible: 0, relallfrozen: 0, reltoastrelid: 0, relhasindex: false, relisshared: false, relpersistence: 'p', relkind: 'r',
    relnatts: 0, relchecks: 0, relhasrules: false, relhastriggers: false, relhassubclass: false, relrowsecurity: false,
    relforcerowsecurity: false, relispopulated: true, relreplident: 'd', relispartition: false, relrewrite: 0, relfrozenxid: 3,
    relminmxid: 1, relacl: null, reloptions: null, relpartbound: null, ...changes,
  };
}

function attributeRow(attrelid: number, attnum: number, attname: string, atttypid: number): PgAttribute {
  return {
    attrelid, attname, atttypid, attlen: 4, attnum, atttypmod: -1, attndims: 0, attbyval: true, attalign: 'i', attstorage: 'p',
    attcompression: '', attnotnull: false, atthasdef: false, atthasmissing: false, attidentity: '', attgenerated: '', attisdropped: false,
    attislocal: true, attinhcount: 0, attcollation: atttypid === 25 ? 100 : 0, attstattarget: null, attacl: null, attoptions: null,
    attfdwoptions: null, attmissingval: null,
  };
}

/** A table of (name, type OID) columns, with an index on some of them if asked for; rows go in uncommitted. */
export function createTable(
  catalog: Catalog & { readonly shared: { readonly storage: StorageEngine } },
  name: string, columns: readonly (readonly [string, number])[], options: { index?: readonly string[]; kind?: string; namespace?: number } = {},
): { oid: number; indexOid: number } {
  const { storage } = catalog.shared;
  const oid = catalog.newOid();
  const file = storage.createFile(catalog.transaction, 'heap', 'permanent');
  catalog.table('pg_class').insert(classRow(oid, name, file, {
    relnatts: columns.length, relhasindex: options.index !== undefined, relkind: options.kind ?? 'r', relnamespace: options.namespace ?? 2200,
  }));
  columns.forEach(([column, type], at) => catalog.table('pg_attribute').insert(attributeRow(oid, at + 1, column, type)));
  const indexOid = options.index ? addIndex(catalog, oid, name, columns, options.index) : 0;
  catalog.commandCounterIncrement();
  return { oid, indexOid };
}

function addIndex(
  catalog: Parameters<typeof createTable>[0], table: number, name: string, columns: readonly (readonly [string, number])[], keys: readonly string[],
): number {
  const indexrelid = catalog.newOid();
  const file = catalog.shared.storage.createFile(catalog.transaction, 'index', 'permanent');
  catalog.table('pg_class').insert(classRow(indexrelid, `${name}_idx`, file, { relkind: 'i', relam: 403, relnatts: keys.length }));
  const at = keys.map((key) => columns.findIndex(([column]) => column === key));
  at.forEach((position, number) => catalog.table('pg_attribute').insert(attributeRow(indexrelid, number + 1, columns[position][0], columns[position][1])));
  catalog.table('pg_index').insert({
    indexrelid, indrelid: table, indnatts: keys.length, indnkeyatts: keys.length, indisunique: false, indnullsnotdistinct: false,
    indisprimary: false, indisexclusion: false, indimmediate: true, indisclustered: false, indisvalid: true, indcheckxmin: false,
    indisready: true, indislive: true, indisreplident: false, indkey: int2vector(at.map((position) => position + 1)),
    indcollation: oidvector(at.map((position) => (columns[position][1] === 25 ? 100 : 0))),
    indclass: oidvector(at.map((position) => catalog.defaultOpclass(columns[position][1], 403))), indoption: int2vector(at.map(() => 0)),
    indexprs: null, indpred: null,
  });
  return indexrelid;
}

/** A row of some catalog made from a built-in one, with changes. */
export function likeBuiltin<K extends keyof CatalogRows>(catalog: Catalog, table: K, changes: Partial<CatalogRows[K]>): number {
  const [sample] = catalog.table(table).all();
  const oid = catalog.newOid();
  catalog.table(table).insert({ ...sample, oid, ...changes });
  catalog.commandCounterIncrement();
  return oid;
}
