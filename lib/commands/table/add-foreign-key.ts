/**
 * Foreign keys: finds the unique index that the key refers to and the equality operators, writes the constraint, checks
 * the rows that are there. The executor enforces it from the constraint row (no trigger rows are needed for that).
 *
 * Idea: PostgreSQL's ATAddForeignKeyConstraint and transformFkeyCheckAttrs (commands/tablecmds.c).
 */
import { notSupported, pgError } from '../../base/error.js';
import { quoteIdentifier, quoteQualified } from '../../base/identifier.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Catalog, IndexDescriptor, Oid, Relation } from '../../catalog/api.js';
import { hasColumnPrivilege, hasPrivilege } from '../../catalog/privileges.js';
import type { Row } from '../../types/datum.js';
import type { CommandContext } from '../api.js';
import { chooseConstraintName, constraintNameTaken, createConstraint } from '../constraint/constraint-row.js';
import { openNamed } from '../expressions.js';
import { lockRelation } from '../relation/access.js';
import { indexNameAddition } from '../relation/relation-name.js';
import type { ForeignKeySpec } from './definition.js';

/** Adds the constraint and, when it is to be validated, checks the existing rows; returns its OID. */
export function* addForeignKey(cx: CommandContext, relation: Relation, key: ForeignKeySpec): Suspendable<Oid> {
  const { catalog } = cx.session;
  const referenced = openNamed(cx, key.referencedTable);
  yield* lockRelation(cx, referenced.oid, 'ShareRowExclusive');
  checkReferencedTable(cx, relation, referenced);
  const columns = columnNumbers(relation, key.columns);
  const { index, referencedColumns } = referencedKey(referenced, key);
  checkReferencesPrivilege(cx, referenced, referencedColumns);
  if (columns.length !== referencedColumns.length) {
    throw pgError('INVALID_FOREIGN_KEY', 'number of referencing and referenced columns for foreign key disagree');
  }
  if (key.match === 'p') throw notSupported('MATCH PARTIAL');
  const operators = columns.map((column, at) => equalityOperators(cx, relation, column, referenced, referencedColumns[at], index, key, at));
  if (key.name !== null && constraintNameTaken(catalog, relation.oid, key.name)) {
    throw pgError('DUPLICATE_OBJECT', `constraint "${key.name}" for relation "${relation.name}" already exists`);
  }
  const name = key.name ?? chooseConstraintName(catalog, relation.name, indexNameAddition(key.columns), 'fkey', relation.namespace);
  const oid = createConstraint(catalog, {
    name, namespace: relation.namespace, type: 'f', relation: relation.oid, columns, index: index.oid,
    deferrable: key.deferrable, deferred: key.initiallyDeferred, enforced: key.enforced, validated: key.validated,
    referenced: {
      relation: referenced.oid, columns: referencedColumns, onUpdate: key.onUpdate, onDelete: key.onDelete, match: key.match,
      pfEqualOperators: operators.map((entry) => entry.pf), ppEqualOperators: operators.map((entry) => entry.pp),
      ffEqualOperators: operators.map((entry) => entry.ff),
      onDeleteSetColumns: setColumns(relation, key, columns),
    },
  });
  markTriggers(catalog, relation.oid);
  if (referenced.oid !== relation.oid) markTriggers(catalog, referenced.oid);
  catalog.commandCounterIncrement();
  if (key.validated && key.enforced) yield* validateForeignKey(cx, relation, referenced, name, columns, referencedColumns, key.match);
  return oid;
}

/** The relations have triggers as far as clients can see (pg_class.relhastriggers). */
function markTriggers(catalog: Catalog, relation: Oid): void {
  const row = catalog.table('pg_class').findOne({ oid: relation });
  if (row && !row.relhastriggers) catalog.table('pg_class').update(row, { relhastriggers: true });
}

function checkReferencedTable(cx: CommandContext, relation: Relation, referenced: Relation): void {
  if (referenced.kind !== 'r' && referenced.kind !== 'p') throw pgError('WRONG_OBJECT_TYPE', `referenced relation "${referenced.name}" is not a table`);
  if (referenced.isCatalog) throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied: "${referenced.name}" is a system catalog`);
  if (referenced.kind === 'p') throw notSupported('foreign keys that refer to partitioned tables');
  const message: Record<string, string> = {
    p: 'constraints on permanent tables may reference only permanent tables',
    u: 'constraints on unlogged tables may reference only permanent or unlogged tables',
    t: 'constraints on temporary tables may reference only temporary tables',
  };
  const allowed: Record<string, string> = { p: 'p', u: 'pu', t: 't' };
  if (!allowed[relation.persistence].includes(referenced.persistence)) {
    throw pgError('INVALID_TABLE_DEFINITION', message[relation.persistence]);
  }
}

function checkReferencesPrivilege(cx: CommandContext, referenced: Relation, columns: readonly number[]): void {
  const { catalog, currentUserOid } = cx.session;
  if (hasPrivilege(catalog, 'table', referenced.oid, currentUserOid, 'REFERENCES')) return;
  if (columns.every((column) => hasColumnPrivilege(catalog, referenced.oid, column, currentUserOid, 'REFERENCES'))) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for table ${referenced.name}`);
}

function columnNumbers(relation: Relation, names: readonly string[]): number[] {
  return names.map((name) => {
    const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
    if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${name}" referenced in foreign key constraint does not exist`);
    return attribute.attnum;
  });
}

/** The index behind the referenced columns: the primary key when none are named, else a unique one on exactly those. */
function referencedKey(referenced: Relation, key: ForeignKeySpec): { index: IndexDescriptor; referencedColumns: number[] } {
  if (key.referencedColumns.length === 0) {
    const primary = referenced.indexes.find((index) => index.primary);
    if (!primary) throw pgError('UNDEFINED_OBJECT', `there is no primary key for referenced table "${referenced.name}"`);
    if (!primary.immediate) throw deferrableReferenced('primary key', referenced);
    return { index: primary, referencedColumns: primary.attributes.slice(0, primary.keyCount) };
  }
  const columns = columnNumbers(referenced, key.referencedColumns);
  if (new Set(columns).size !== columns.length) throw pgError('INVALID_FOREIGN_KEY', 'foreign key referenced-columns list must not contain duplicates');
  const fits = (index: IndexDescriptor): boolean => index.unique && index.valid && index.predicate === null && index.expressions === null
    && index.keyCount === columns.length && index.attributes.slice(0, index.keyCount).every((attnum) => columns.includes(attnum));
  const candidates = referenced.indexes.filter(fits);
  const index = candidates.find((candidate) => candidate.immediate);
  if (index) return { index, referencedColumns: columns };
  if (candidates.length > 0) throw deferrableReferenced('unique', referenced);
  throw pgError('INVALID_FOREIGN_KEY', `there is no unique constraint matching given keys for referenced table "${referenced.name}"`);
}

function deferrableReferenced(what: string, referenced: Relation): Error {
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `cannot use a deferrable ${what === 'unique' ? 'unique constraint' : 'primary key'} for referenced table "${referenced.name}"`);
}

const EQUAL_STRATEGY = 3;

/** Equality between the columns, through the referenced index's operator family. @throws 42804 */
function equalityOperators(
  cx: CommandContext, relation: Relation, column: number, referenced: Relation, referencedColumn: number, index: IndexDescriptor, key: ForeignKeySpec, at: number,
): { pf: Oid; pp: Oid; ff: Oid } {
  const { catalog } = cx.session;
  const position = index.attributes.indexOf(referencedColumn);
  const family = index.opfamilies[position];
  const keyType = index.keyTypes[position];
  const foreignType = catalog.baseType(relation.attributes[column - 1].atttypid);
  const pp = catalog.familyOperator(family, keyType, keyType, EQUAL_STRATEGY);
  let pf = catalog.familyOperator(family, keyType, foreignType, EQUAL_STRATEGY);
  let ff = catalog.familyOperator(family, foreignType, foreignType, EQUAL_STRATEGY);
  if (pf === 0 || ff === 0) {
    // No cross-type equality: comparing through an implicit conversion to the key's type will do.
    const cast = catalog.cast(foreignType, keyType);
    const same = foreignType === keyType || isPolymorphicMatch(catalog, foreignType, keyType);
    if (same || (cast !== null && cast.castcontext === 'i')) {
      pf = pp;
      ff = pp;
    }
  }
  if (pp !== 0 && pf !== 0 && ff !== 0) return { pf, pp, ff };
  const format = (type: Oid): string => cx.services.types.formatType(type);
  const referencedName = key.referencedColumns[at] ?? referenced.attributes[referencedColumn - 1].attname;
  const constraint = key.name ?? chooseConstraintName(catalog, relation.name, indexNameAddition(key.columns), 'fkey', relation.namespace);
  throw pgError('DATATYPE_MISMATCH', `foreign key constraint "${constraint}" cannot be implemented`, {
    detail: `Key columns "${key.columns[at]}" of the referencing table and "${referencedName}" of the referenced table are of incompatible types: ${format(relation.attributes[column - 1].atttypid)} and ${format(referenced.attributes[referencedColumn - 1].atttypid)}.`,
  });
}

/** anyarray, anyenum, anyrange, record operator classes take every type of their kind. */
function isPolymorphicMatch(catalog: Catalog, type: Oid, keyType: Oid): boolean {
  const row = catalog.type(type);
  const kinds: Record<number, boolean> = { 2277: row?.typcategory === 'A', 3500: row?.typtype === 'e', 3831: row?.typtype === 'r', 2249: row?.typtype === 'c' };
  return kinds[keyType] ?? false;
}

function setColumns(relation: Relation, key: ForeignKeySpec, columns: readonly number[]): number[] {
  if (key.onDeleteSetColumns.length === 0) return [];
  const numbers = columnNumbers(relation, key.onDeleteSetColumns);
  numbers.forEach((number, at) => {
    if (!columns.includes(number)) {
      throw pgError('INVALID_COLUMN_REFERENCE', `column "${key.onDeleteSetColumns[at]}" referenced in ON DELETE SET action must be part of foreign key`);
    }
  });
  return [...new Set(numbers)];
}

/** Looks for a row whose key is not there. @throws 23503 as PostgreSQL words it */
export function* validateForeignKey(
  cx: CommandContext, relation: Relation, referenced: Relation, constraint: string, columns: readonly number[], referencedColumns: readonly number[], match: string,
): Suspendable<void> {
  const name = (table: Relation, column: number): string => quoteIdentifier(table.attributes[column - 1].attname);
  const on = columns.map((column, at) => `fk.${name(relation, column)} = pk.${name(referenced, referencedColumns[at])}`).join(' AND ');
  const nulls = columns.map((column) => `fk.${name(relation, column)} IS NOT NULL`).join(match === 'f' ? ' OR ' : ' AND ');
  const sql = `SELECT ${columns.map((column) => `fk.${name(relation, column)}`).join(', ')} FROM ONLY ${quoteQualified(relation.namespaceName, relation.name)} fk `
    + `LEFT OUTER JOIN ${quoteQualified(referenced.namespaceName, referenced.name)} pk ON ${on} `
    + `WHERE pk.${name(referenced, referencedColumns[0])} IS NULL AND (${nulls}) LIMIT 1`;
  const orphans: Row[] = [];
  for (const query of cx.analyzeText(sql)) {
    yield* cx.execute(query, (row) => {
      orphans.push(row);
      return null;
    });
  }
  if (orphans.length === 0) return;
  const [orphan] = orphans;
  const names = columns.map((column) => relation.attributes[column - 1].attname).join(', ');
  if (match === 'f' && orphan.slice(0, columns.length).includes(null)) {
    throw pgError('FOREIGN_KEY_VIOLATION', `insert or update on table "${relation.name}" violates foreign key constraint "${constraint}"`, {
      detail: 'MATCH FULL does not allow mixing of null and nonnull key values.', schema: relation.namespaceName, table: relation.name, constraint,
    });
  }
  const values = columns.map((column, at) => cx.services.types.output(relation.attributes[column - 1].atttypid, orphan[at])).join(', ');
  throw pgError('FOREIGN_KEY_VIOLATION', `insert or update on table "${relation.name}" violates foreign key constraint "${constraint}"`, {
    detail: `Key (${names})=(${values}) is not present in table "${referenced.name}".`,
    schema: relation.namespaceName, table: relation.name, constraint,
  });
}

