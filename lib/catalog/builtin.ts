/**
 * The built-in rows of the catalogs, as PostgreSQL 18 has them: constant data files (see `generate/`), shared by every
 * database of the process and never copied into storage. A file is read at the first use of its catalog, a value
 * converted at the first use of its row.
 */
import { readProgramData } from '../env/program-data.js';
import { AclItem } from '../types/aclitem.js';
import { ArrayValue, type Datum, type Row } from '../types/datum.js';
import {
  ACLITEMARRAYOID, ACLITEMOID, CHARARRAYOID, CHAROID, INT2ARRAYOID, INT2OID, INT2VECTOROID, OIDARRAYOID, OIDOID, OIDVECTOROID, TEXTARRAYOID, TEXTOID,
} from '../types/oids.js';
import { AssertionFailure } from '../base/assert.js';
import { catalogByName, catalogByOid, type CatalogDefinition } from './shapes.js';

function readData(name: string): unknown {
  return readProgramData(`../../../lib/catalog/data/${name}.json`, import.meta.url);
}

/** Keys that are looked for among a column's values before a map of all keys pays: pg_proc's names take 5 ms to map and 20 µs to look through. */
const MOST_LOOKS = 16;
const NONE: readonly number[] = [];

type Raw = null | boolean | number | string | readonly Raw[];
type RawColumn = readonly Raw[] | { readonly c: Raw };

/** Built-in rows of one catalog, by position 0..count-1 in PostgreSQL's physical order. */
export class BuiltinTable {
  readonly count: number;
  private columns: (Datum[] | null)[] | null = null;
  private raw: readonly RawColumn[] = [];
  private readonly rows: Row[] = [];
  private readonly objects: object[] = [];
  private readonly keyMaps = new Map<string, ReadonlyMap<unknown, readonly number[]>>();
  /** Keys looked for without a map, by columns. */
  private readonly looks = new Map<string, number>();

  constructor(readonly definition: CatalogDefinition) {
    this.count = definition.shape.rows;
  }

  /** One column's values, by position. */
  column(index: number): readonly Datum[] {
    if (!this.columns) this.load();
    return this.columns![index] ??= this.convert(index);
  }

  /** A row as storage would give it. */
  row(position: number): Row {
    return this.rows[position] ??= this.definition.columnNames.map((_, index) => this.value(index, position));
  }

  /** One value; its column is not converted for it: a first query needs a handful of pg_proc's rows, not 3,400 vectors. */
  private value(index: number, position: number): Datum {
    if (!this.columns) this.load();
    const column = this.columns![index];
    if (column) return column[position];
    const raw = this.raw[index];
    return raw === undefined || isConstant(raw) ? this.column(index)[position] : datum(this.definition.shape.columns[index][1], raw[position]);
  }

  /** A row as a typed object; always the same one. */
  object(position: number): object {
    return this.objects[position] ??= this.definition.fromRow(this.row(position));
  }

  /**
   * Positions whose columns have a key; `first` is the value of the first of them that goes with it. `keyOf` is always the same function of
   * these columns. The few keys of a first query are looked for, later ones are found in a map.
   */
  positionsOf<K>(columns: readonly number[], keyOf: (row: Row) => K, key: K, first: Datum): readonly number[] {
    const id = columns.join(',');
    if (!this.keyMaps.has(id) && (typeof first === 'string' || typeof first === 'number')) {
      const looks = this.looks.get(id) ?? 0;
      const values = looks < MOST_LOOKS ? this.plainValues(columns[0]) : null;
      if (values !== null) {
        this.looks.set(id, looks + 1);
        return this.lookFor(columns, keyOf, key, values, first);
      }
    }
    return this.keyMap(id, columns, keyOf).get(key) ?? NONE;
  }

  /** A column's values as they stand in the file, where these are what `column` gives; null where they are not. */
  private plainValues(index: number): readonly Raw[] | null {
    if (!this.columns) this.load();
    const raw = this.raw[index];
    return raw === undefined || isConstant(raw) ? null : raw;
  }

  private lookFor<K>(columns: readonly number[], keyOf: (row: Row) => K, key: K, values: readonly Raw[], first: string | number): number[] {
    const found: number[] = [];
    const probe: Row = [];
    for (let position = values.indexOf(first); position >= 0; position = values.indexOf(first, position + 1)) {
      for (const column of columns) probe[column] = this.value(column, position);
      if (keyOf(probe) === key) found.push(position);
    }
    return found;
  }

  /** Positions by the key of some columns (`id` names these), made once per process; `keyOf` is always the same function of these columns. */
  private keyMap<K>(id: string, columns: readonly number[], keyOf: (row: Row) => K): ReadonlyMap<K, readonly number[]> {
    let map = this.keyMaps.get(id) as Map<K, number[]> | undefined;
    if (map) return map;
    map = new Map<K, number[]>();
    const values = columns.map((column) => this.column(column));
    const probe: Row = [];
    for (let position = 0; position < this.count; position++) {
      for (let at = 0; at < columns.length; at++) probe[columns[at]] = values[at][position];
      const key = keyOf(probe);
      const list = map.get(key);
      if (list) list.push(position);
      else map.set(key, [position]);
    }
    this.keyMaps.set(id, map);
    return map;
  }

  private load(): void {
    this.columns = this.definition.columnNames.map(() => null);
    if (this.count > 0) this.raw = readData(this.definition.name) as RawColumn[];
  }

  private convert(index: number): Datum[] {
    const type = this.definition.shape.columns[index][1];
    const raw = this.raw[index];
    if (raw === undefined) return [];
    if (isConstant(raw)) return Array.from<Datum>({ length: this.count }).fill(datum(type, raw.c));
    return raw.map((value) => datum(type, value));
  }
}

function isConstant(column: RawColumn): column is { readonly c: Raw } {
  return !Array.isArray(column);
}

const EMPTY = new Map<number, ArrayValue>();

/** A JSON value as the column's type has it. Equal empty vectors are one object. */
function datum(type: number, value: Raw): Datum {
  if (!Array.isArray(value)) return value as Datum;
  const elements = value as readonly Datum[];
  switch (type) {
    case INT2VECTOROID: return vector(INT2OID, type, elements);
    case OIDVECTOROID: return vector(OIDOID, type, elements);
    case OIDARRAYOID: return ArrayValue.of(OIDOID, elements);
    case INT2ARRAYOID: return ArrayValue.of(INT2OID, elements);
    case TEXTARRAYOID: return ArrayValue.of(TEXTOID, elements);
    case CHARARRAYOID: return ArrayValue.of(CHAROID, elements);
    case ACLITEMARRAYOID: return ArrayValue.of(ACLITEMOID, (value as readonly (readonly number[])[]).map(
      ([grantee, grantor, privileges, options]) => new AclItem(grantee, grantor, privileges, options)));
    default: throw new AssertionFailure(`built-in data of array type ${type}`);
  }
}

/** An int2vector or oidvector: one dimension from 0, empty ones included (as PostgreSQL builds them). */
function vector(elementType: number, type: number, elements: readonly Datum[]): ArrayValue {
  if (elements.length > 0) return new ArrayValue(elementType, [elements.length], [0], elements);
  let empty = EMPTY.get(type);
  if (!empty) EMPTY.set(type, empty = new ArrayValue(elementType, [0], [0], []));
  return empty;
}

/** Builds an int2vector value (`indkey`). */
export function int2vector(elements: readonly number[]): ArrayValue {
  return vector(INT2OID, INT2VECTOROID, elements);
}

/** Builds an oidvector value (`proargtypes`). */
export function oidvector(elements: readonly number[]): ArrayValue {
  return vector(OIDOID, OIDVECTOROID, elements);
}

const tables = new Map<number, BuiltinTable>();

/** The built-in rows of a catalog. */
export function builtinTable(definition: CatalogDefinition): BuiltinTable {
  let table = tables.get(definition.oid);
  if (!table) tables.set(definition.oid, table = new BuiltinTable(definition));
  return table;
}

/** The built-in rows of a catalog by its relation OID; undefined when it is none. */
export function builtinTableByOid(oid: number): BuiltinTable | undefined {
  const definition = catalogByOid(oid);
  return definition && builtinTable(definition);
}

/** Reads the data of the catalogs that every first query needs, where there is time for it (while the store is being opened). */
export function readBuiltinData(): void {
  for (const name of ['pg_proc', 'pg_operator', 'pg_type', 'pg_class', 'pg_namespace', 'pg_authid', 'pg_database', 'pg_opclass', 'pg_am', 'pg_aggregate']) builtinTable(catalogByName(name)).column(0);
}

let views: Readonly<Record<string, string>> | null = null;

/**
 * SQL text of a system view's query (pg_catalog, information_schema), or null when the OID is none. To be analyzed with
 * search_path `pg_catalog`: names of other schemas are qualified.
 */
export function builtinViewDefinition(viewOid: number): string | null {
  views ??= readData('views') as Record<string, string>;
  return views[viewOid] ?? null;
}

/** Expressions of built-in rows (argument defaults, domain checks, SQL bodies) are SQL text behind this prefix. */
export const SQL_TEXT_PREFIX = 'sql:';
