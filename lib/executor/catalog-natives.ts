/**
 * System functions written in SQL whose bodies read catalogs (comments, the information schema's helpers), natively over
 * the session's catalog. Named as in `lib/functions/sql-bodies.ts`.
 */
import type { Catalog, Oid } from '../catalog/api.js';
import type { Datum } from '../types/datum.js';

/** A body: `args` as declared, nulls included unless the function is strict. */
export type CatalogNative = (catalog: Catalog, ...args: Datum[]) => Datum;

const PG_CLASS = 1259;
const PG_CATALOG_NAMESPACE = 11;

/** OID of a system catalog by name; 0 when there is none. */
function catalogOid(catalog: Catalog, name: Datum): Oid {
  return catalog.relationOid(String(name), PG_CATALOG_NAMESPACE);
}

function description(catalog: Catalog, object: Datum, classOid: Oid, column: number): Datum {
  return catalog.table('pg_description').findOne({ objoid: object as number, classoid: classOid, objsubid: column })?.description ?? null;
}

const natives: Readonly<Record<string, CatalogNative>> = {
  'obj_description(26,19)': (catalog, object, name) => description(catalog, object, catalogOid(catalog, name), 0),
  'col_description(26,23)': (catalog, table, column) => description(catalog, table, PG_CLASS, column as number),
  'shobj_description(26,19)': (catalog, object, name) =>
    catalog.table('pg_shdescription').findOne({ objoid: object as number, classoid: catalogOid(catalog, name) })?.description ?? null,
};

/** The native body of a system function written in SQL, or null. */
export function catalogNative(signature: string): CatalogNative | null {
  return natives[signature] ?? null;
}
