/**
 * Look-up of the catalogs' shapes (generated `schema.ts`), the conversion between typed rows and storage rows, and the
 * indexes that are ours alone.
 */
import { assert } from '../base/assert.js';
import type { KeyKind } from '../codec/key-encoder.js';
import { BOOLOID, BYTEAOID, FLOAT4OID, INT2OID, INT2VECTOROID, INT4OID, INT8OID, OIDOID, OIDVECTOROID, REGPROCOID, XIDOID } from '../types/oids.js';
import type { Datum, Row } from '../types/datum.js';
import { CATALOG_SHAPES, type CatalogIndexShape, type CatalogShape } from './schema.js';

/**
 * Indexes that PostgreSQL does not have, for look-ups that it does otherwise. They are not listed in pg_index; their
 * "OIDs" only name their files.
 */
const OWN_INDEXES: Readonly<Record<string, readonly CatalogIndexShape[]>> = {
  pg_constraint: [['pg_constraint_confrelid', 1, false, [13]], ['pg_constraint_conindid', 2, false, [11]]],
  pg_type: [['pg_type_typrelid', 1, false, [12]]],
};

/** A catalog with everything derived from its shape. */
export interface CatalogDefinition {
  readonly shape: CatalogShape;
  readonly name: string;
  readonly oid: number;
  /** PostgreSQL's indexes and our own. */
  readonly indexes: readonly CatalogIndexShape[];
  readonly columnNames: readonly string[];
  /** Column name → position (attribute number - 1). */
  readonly positions: ReadonlyMap<string, number>;
  /** Builds the typed row. Fields are in column order, so that all rows of a catalog share one hidden class. */
  readonly fromRow: (row: Row) => object;
}

function define(shape: CatalogShape): CatalogDefinition {
  const columnNames = shape.columns.map(([name]) => name);
  const fields = columnNames.map((name, index) => `${name}: row[${index}]`).join(', ');
  let build: ((row: Row) => object) | null = null;
  return {
    shape,
    name: shape.name,
    oid: shape.oid,
    indexes: [...shape.indexes, ...(OWN_INDEXES[shape.name] ?? [])],
    columnNames,
    positions: new Map(columnNames.map((name, index) => [name, index])),
    fromRow: (row) => (build ??= compile(fields))(row),
  };
}

/** An object literal made by generated code: fifteen times as fast as assigning thirty properties in a loop. */
function compile(fields: string): (row: Row) => object {
  return new Function('row', `return { ${fields} };`) as (row: Row) => object;
}

const byOid = new Map<number, CatalogDefinition>();
const byName = new Map<string, CatalogDefinition>();
for (const shape of CATALOG_SHAPES) {
  const definition = define(shape);
  byOid.set(shape.oid, definition);
  byName.set(shape.name, definition);
}

/** Every catalog (and information_schema's plain tables). */
export function catalogDefinitions(): IterableIterator<CatalogDefinition> {
  return byOid.values();
}

/** The catalog with that relation OID, or undefined. */
export function catalogByOid(oid: number): CatalogDefinition | undefined {
  return byOid.get(oid);
}

/** The catalog of that name; asking for one that does not exist is a bug. */
export function catalogByName(name: string): CatalogDefinition {
  const definition = byName.get(name);
  assert(definition, `there is no catalog "${name}"`);
  return definition;
}

/** A typed row as storage has it. */
export function toRow(definition: CatalogDefinition, values: object): Row {
  const source = values as Record<string, Datum | undefined>;
  return definition.columnNames.map((name) => {
    const value = source[name];
    assert(value !== undefined, `row of ${definition.name} has no "${name}"`);
    return value;
  });
}

/** How a catalog column orders as an index key. */
export function catalogKeyKind(typeOid: number): KeyKind {
  switch (typeOid) {
    case BOOLOID: return { kind: 'boolean' };
    case INT2OID: case INT4OID: case INT8OID: case OIDOID: case REGPROCOID: case XIDOID: return { kind: 'integer' };
    case FLOAT4OID: return { kind: 'float' };
    case BYTEAOID: return { kind: 'bytea' };
    case INT2VECTOROID: case OIDVECTOROID: return { kind: 'array', element: { kind: 'integer' } };
    default: return { kind: 'text' };
  }
}
