/**
 * Index descriptors: what planner and ModifyTable need of an index, its key encoder included.
 */
import type { Index } from '../access/api.js';
import { assert } from '../base/assert.js';
import { notSupported } from '../base/error.js';
import { makeCollatedKeyEncoder, makeKeyComparator, type CollatedColumn } from '../codec/collated-key.js';
import { makeKeyEncoder } from '../codec/key-encoder.js';
import type { Datum } from '../types/datum.js';
import { BPCHAROID, DEFAULT_COLLATION_OID } from '../types/oids.js';
import type { IndexDescriptor, Oid, Relation } from './api.js';
import type { DatabaseCatalog } from './cluster.js';
import { collatorOf } from './collation.js';
import { isCollatable, keyKind, type KeyKindSource } from './key-kind.js';
import type { DatabaseLookups } from './lookups.js';
import type { PgClass, PgCollation, PgIndex, PgOpclass } from './rows.js';
import type { CatalogView } from './space.js';

/** Bits of pg_index.indoption. */
const INDOPTION_DESC = 1;
const INDOPTION_NULLS_FIRST = 2;

/** Operator families that compare text by bytes whatever the collation: text_pattern_ops, bpchar_pattern_ops. */
const PATTERN_FAMILIES = new Set([2095, 2097]);

/** Access methods whose keys are whole values, so that `encodeKey` makes sense. */
export const KEYED_METHODS: ReadonlySet<string> = new Set(['btree', 'hash']);

interface KeyFacts {
  opclasses: PgOpclass[];
  columns: CollatedColumn[];
  descending: boolean[];
  nullsFirst: boolean[];
  collations: Oid[];
}

function numbers(value: PgIndex['indkey']): readonly number[] {
  return value.elements as readonly number[];
}

/** Domains unwrapped. */
function baseType(lookups: DatabaseLookups, view: CatalogView, oid: Oid): Oid {
  const type = view.get(lookups.typeByOid, oid)[0];
  return type?.typtype === 'd' ? baseType(lookups, view, type.typbasetype) : oid;
}

/** The look-ups that `keyKind` wants, through a view. */
function kindSource(lookups: DatabaseLookups, view: CatalogView): KeyKindSource {
  return {
    type: (oid) => view.get(lookups.typeByOid, oid)[0] ?? null,
    enumLabel: (oid) => view.get(lookups.enumByOid, oid)[0] ?? null,
    columns: (oid) => view.get(lookups.attributesOf, oid).filter((column) => column.attnum > 0).sort((a, b) => a.attnum - b.attnum),
    range: (oid) => view.get(lookups.rangeByType, oid)[0] ?? view.get(lookups.rangeByMultirange, oid)[0] ?? null,
  };
}

function keyFacts(database: DatabaseCatalog, lookups: DatabaseLookups, table: Relation, row: PgIndex, view: CatalogView): KeyFacts {
  const source = kindSource(lookups, view);
  // the index's own columns tell the types of expressions (for plain columns they may tell a stored form, as name's cstring)
  const own = source.columns(row.indexrelid);
  const types = numbers(row.indkey).map((attnum, at) => (attnum > 0 ? table.attributes[attnum - 1] : own[at]).atttypid);
  const options = numbers(row.indoption);
  const collations = numbers(row.indcollation);
  const facts: KeyFacts = { opclasses: [], columns: [], descending: [], nullsFirst: [], collations: [...collations] };
  for (let at = 0; at < row.indnkeyatts; at++) {
    const opclass = view.get(lookups.opclassByOid, numbers(row.indclass)[at])[0];
    assert(opclass, `index ${row.indexrelid} has an operator class that is not there`);
    const type = baseType(lookups, view, types[at]);
    const pattern = PATTERN_FAMILIES.has(opclass.opcfamily);
    const collator = !pattern && isCollatable(type) ? collatorFor(database, lookups, view, collations[at]) : null;
    facts.opclasses.push(opclass);
    facts.descending.push((options[at] & INDOPTION_DESC) !== 0);
    facts.nullsFirst.push((options[at] & INDOPTION_NULLS_FIRST) !== 0);
    facts.columns.push({
      kind: keyKind(type, source), descending: facts.descending[at], nullsFirst: facts.nullsFirst[at], collator, blankPadded: type === BPCHAROID,
    });
  }
  return facts;
}

function collatorFor(database: DatabaseCatalog, lookups: DatabaseLookups, view: CatalogView, collation: Oid): Intl.Collator | null {
  if (collation === 0) return null;
  const row: PgCollation | undefined = view.get(lookups.collationByOid, collation)[0];
  if (!row) return null;
  if (collation !== DEFAULT_COLLATION_OID) return collatorOf(row);
  const own = view.get(database.cluster.lookups.databaseByOid, database.spaceOid)[0];
  return own ? collatorOf({ collname: 'default', collprovider: own.datlocprovider, collcollate: own.datcollate, colllocale: own.datlocale }) : null;
}

/** Builds the descriptor of one index. */
export function buildIndex(database: DatabaseCatalog, lookups: DatabaseLookups, table: Relation, row: PgIndex, view: CatalogView): IndexDescriptor {
  const classRow: PgClass | undefined = view.get(lookups.classByOid, row.indexrelid)[0];
  assert(classRow, `index ${row.indexrelid} of "${table.name}" has no pg_class row`);
  const facts = keyFacts(database, lookups, table, row, view);
  const accessMethod = view.get(lookups.amByOid, classRow.relam)[0]?.amname ?? '';
  const collated = facts.columns.some((column) => column.collator !== null);
  let encode: ((values: readonly Datum[]) => string) | null = null;
  const encodeKey = (values: readonly Datum[]): string => {
    if (encode === null) {
      if (!KEYED_METHODS.has(accessMethod)) throw notSupported(`access method "${accessMethod}"`);
      encode = collated ? makeCollatedKeyEncoder(facts.columns) : makeKeyEncoder(facts.columns);
    }
    return encode(values);
  };
  const comparator = collated ? makeKeyComparator(facts.columns) : undefined;
  let index: Index | null = null;
  return {
    oid: row.indexrelid, name: classRow.relname, row, classRow,
    keyCount: row.indnkeyatts,
    attributes: numbers(row.indkey),
    expressions: row.indexprs,
    predicate: row.indpred,
    opclasses: facts.opclasses.map((opclass) => opclass.oid),
    opfamilies: facts.opclasses.map((opclass) => opclass.opcfamily),
    keyTypes: facts.opclasses.map((opclass) => opclass.opcintype),
    collations: facts.collations,
    descending: facts.descending,
    nullsFirst: facts.nullsFirst,
    unique: row.indisunique,
    primary: row.indisprimary,
    nullsNotDistinct: row.indnullsnotdistinct,
    immediate: row.indimmediate,
    valid: row.indisvalid,
    accessMethod,
    comparator,
    encodeKey,
    open: () => index ??= openIndex(database, table, classRow, comparator),
  };
}

function openIndex(database: DatabaseCatalog, table: Relation, classRow: PgClass, compare?: (a: string, b: string) => number): Index {
  return database.catalogIndex(table.oid, classRow.oid) ?? database.storage.openIndex(classRow.relfilenode, compare);
}
