/**
 * ALTER TABLE (and its kin) ... RENAME: relations, their columns, constraints, rules, triggers, policies.
 *
 * Idea: PostgreSQL's RenameRelationInternal, renameatt_internal, rename_constraint_internal (commands/tablecmds.c).
 */
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { CatalogConflict } from '../../catalog/conflict.js';
import { checkCreate } from '../../catalog/namespace.js';
import type { CommandContext } from '../api.js';
import { unsupportedKindDetail } from '../../catalog/relation-kind.js';
import { constraintNameTaken } from '../constraint/constraint-row.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import { arrayTypeName, makeRoomForType } from '../relation/create-relation.js';
import { allInheritors } from '../relation/inheritors.js';
import { openOwn } from '../table/create-table.js';
import { SELECT_RULE } from '../view/select-rule.js';

const EXPECTED: Readonly<Record<string, { readonly kinds: string; readonly word: string }>> = {
  OBJECT_INDEX: { kinds: 'iI', word: 'an index' }, OBJECT_VIEW: { kinds: 'v', word: 'a view' }, OBJECT_MATVIEW: { kinds: 'm', word: 'a materialized view' },
  OBJECT_SEQUENCE: { kinds: 'S', word: 'a sequence' }, OBJECT_FOREIGN_TABLE: { kinds: 'f', word: 'a foreign table' },
};

/** 42809 unless the relation is of the kind that the statement is for; ALTER TABLE takes nearly all. */
export function checkAlterKind(relation: Relation, objectType: string): void {
  const expected = EXPECTED[objectType];
  // ALTER INDEX ... RENAME has always taken any relation.
  if (expected && objectType !== 'OBJECT_INDEX' && !expected.kinds.includes(relation.kind)) throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is not ${expected.word}`);
  if (objectType !== 'OBJECT_TYPE' && relation.kind === 'c') {
    throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is a composite type`, { hint: 'Use ALTER TYPE instead.' });
  }
}

/** Renames a relation with its row type, and the constraint that an index belongs to. */
export function* renameRelation(cx: CommandContext, oid: Oid, objectType: string, newName: string): Suspendable<void> {
  yield* lockRelation(cx, oid, objectType === 'OBJECT_INDEX' ? 'ShareUpdateExclusive' : 'AccessExclusive');
  const relation = openOwn(cx, oid);
  checkTableOwner(cx, relation);
  checkCreate(cx.session.catalog, relation.namespace);
  checkAlterKind(relation, objectType);
  applyRelationName(cx, relation, newName);
}

/** The change itself, without checks of rights. */
export function applyRelationName(cx: CommandContext, relation: Relation, newName: string): void {
  const { catalog } = cx.session;
  if (catalog.relationOid(newName, relation.namespace) !== 0) throw pgError('DUPLICATE_TABLE', `relation "${newName}" already exists`);
  const row = catalog.table('pg_class').findOne({ oid: relation.oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for relation ${relation.oid}`);
  catalog.table('pg_class').update(row, { relname: newName });
  if (row.reltype !== 0) applyTypeName(cx, row.reltype, newName);
  if (row.relkind === 'i' || row.relkind === 'I') {
    const constraint = catalog.table('pg_constraint').find({ conindid: relation.oid }).find((candidate) => 'pux'.includes(candidate.contype));
    if (constraint) {
      if (constraintNameTaken(catalog, constraint.conrelid, newName)) throw constraintExists(newName, openOwn(cx, constraint.conrelid));
      catalog.table('pg_constraint').update(constraint, { conname: newName });
    }
  }
  catalog.commandCounterIncrement();
}

/** Renames a type and its array type. @throws 42710 */
export function applyTypeName(cx: CommandContext, oid: Oid, newName: string): void {
  const { catalog } = cx.session;
  const types = catalog.table('pg_type');
  const type = types.findOne({ oid });
  if (!type) throw pgError('INTERNAL_ERROR', `cache lookup failed for type ${oid}`);
  const other = catalog.typeByName(newName, type.typnamespace);
  if (other && other.oid !== type.typarray) makeRoomForTypeName(cx, newName, type.typnamespace);
  types.update(types.findOne({ oid }) ?? type, { typname: newName });
  catalog.commandCounterIncrement();
  if (type.typarray === 0) return;
  const array = types.findOne({ oid: type.typarray });
  if (array) types.update(array, { typname: arrayTypeName(cx, newName, type.typnamespace) });
}

function makeRoomForTypeName(cx: CommandContext, name: string, namespace: Oid): void {
  try {
    makeRoomForType(cx, name, namespace);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CatalogConflict) throw error;
    throw pgError('DUPLICATE_OBJECT', `type "${name}" already exists`);
  }
}

function constraintExists(name: string, relation: Relation): Error {
  return pgError('DUPLICATE_OBJECT', `constraint "${name}" for relation "${relation.name}" already exists`);
}

/** Relations whose columns can be renamed. */
function checkColumnsRenamable(cx: CommandContext, relation: Relation, recursing: boolean): void {
  if (relation.row.reloftype !== 0 && !recursing) throw pgError('WRONG_OBJECT_TYPE', 'cannot rename column of typed table');
  if (!'rvmciIfp'.includes(relation.kind)) {
    throw pgError('WRONG_OBJECT_TYPE', `cannot rename columns of relation "${relation.name}"`, {
      detail: unsupportedKindDetail(relation.kind),
    });
  }
  checkTableOwner(cx, relation);
}

const SYSTEM_COLUMNS = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

/** RENAME COLUMN, in children as well. @throws 42703, 42701, 42P16, 0A000 */
export function* renameColumn(
  cx: CommandContext, oid: Oid, oldName: string, newName: string, recurse: boolean, objectType: string, cascade: boolean,
): Suspendable<void> {
  const { catalog } = cx.session;
  yield* lockRelation(cx, oid, 'AccessExclusive');
  const relation = openOwn(cx, oid);
  checkAlterKind(relation, objectType);
  checkColumnsRenamable(cx, relation, false);
  const family = allInheritors(catalog, oid);
  if (!recurse && family.size > 1) throw pgError('INVALID_TABLE_DEFINITION', `inherited column "${oldName}" must be renamed in child tables too`);
  for (const [member, parents] of [...family].reverse()) {
    if (member !== oid) yield* lockRelation(cx, member, 'AccessExclusive');
    renameOneColumn(cx, openOwn(cx, member), oldName, newName, parents, member !== oid);
  }
  if (relation.kind === 'c') yield* renameInTypedTables(cx, relation, oldName, newName, cascade);
}

function renameOneColumn(cx: CommandContext, relation: Relation, oldName: string, newName: string, expectedParents: number, recursing: boolean): void {
  const { catalog } = cx.session;
  checkColumnsRenamable(cx, relation, recursing);
  const attribute = catalog.table('pg_attribute').findOne({ attrelid: relation.oid, attname: oldName });
  if (!attribute || attribute.attisdropped) throw pgError('UNDEFINED_COLUMN', `column "${oldName}" does not exist`);
  if (attribute.attnum <= 0) throw pgError('FEATURE_NOT_SUPPORTED', `cannot rename system column "${oldName}"`);
  if (attribute.attinhcount > expectedParents) throw pgError('INVALID_TABLE_DEFINITION', `cannot rename inherited column "${oldName}"`);
  checkColumnNameFree(relation, newName);
  catalog.table('pg_attribute').update(attribute, { attname: newName });
  for (const index of relation.indexes) renameIndexColumn(cx, index.oid, index.attributes.indexOf(attribute.attnum), oldName, newName);
  catalog.commandCounterIncrement();
}

/** An index's own column follows its table's while it has the same name. */
function renameIndexColumn(cx: CommandContext, index: Oid, at: number, oldName: string, newName: string): void {
  if (at < 0) return;
  const attributes = cx.session.catalog.table('pg_attribute');
  const own = attributes.findOne({ attrelid: index, attnum: at + 1 });
  if (own?.attname === oldName && !attributes.findOne({ attrelid: index, attname: newName })) attributes.update(own, { attname: newName });
}

/** 42701 when the relation has a column, or a system column, of that name. */
export function checkColumnNameFree(relation: Relation, name: string): void {
  if (SYSTEM_COLUMNS.has(name) && relation.kind !== 'c') throw pgError('DUPLICATE_COLUMN', `column name "${name}" conflicts with a system column name`);
  if (relation.attributes.some((attribute) => attribute.attname === name && !attribute.attisdropped)) {
    throw pgError('DUPLICATE_COLUMN', `column "${name}" of relation "${relation.name}" already exists`);
  }
}

function* renameInTypedTables(cx: CommandContext, relation: Relation, oldName: string, newName: string, cascade: boolean): Suspendable<void> {
  const typed = cx.session.catalog.table('pg_class').find({ reloftype: relation.row.reltype });
  if (typed.length > 0 && !cascade) {
    throw pgError('DEPENDENT_OBJECTS_STILL_EXIST', `cannot alter type "${relation.name}" because it is the type of a typed table`, { hint: 'Use ALTER ... CASCADE to alter the typed tables too.' });
  }
  for (const table of typed) {
    yield* lockRelation(cx, table.oid, 'AccessExclusive');
    renameOneColumn(cx, openOwn(cx, table.oid), oldName, newName, 0, true);
  }
}

/** RENAME CONSTRAINT, in children as well; a constraint with an index is renamed with it. */
export function* renameConstraint(cx: CommandContext, oid: Oid, oldName: string, newName: string, recurse: boolean): Suspendable<void> {
  const { catalog } = cx.session;
  yield* lockRelation(cx, oid, 'AccessExclusive');
  const relation = openOwn(cx, oid);
  checkColumnsRenamable(cx, relation, true);
  const constraint = relation.constraints.find((row) => row.conname === oldName);
  if (!constraint) throw pgError('UNDEFINED_OBJECT', `constraint "${oldName}" for table "${relation.name}" does not exist`);
  const inherits = (constraint.contype === 'c' || constraint.contype === 'n') && !constraint.connoinherit;
  const family = inherits ? allInheritors(catalog, oid) : new Map([[oid, 0]]);
  if (!recurse && family.size > 1) throw pgError('INVALID_TABLE_DEFINITION', `inherited constraint "${oldName}" must be renamed in child tables too`);
  for (const [member, parents] of [...family].reverse()) {
    if (member !== oid) yield* lockRelation(cx, member, 'AccessExclusive');
    renameOneConstraint(cx, openOwn(cx, member), oldName, newName, parents);
  }
}

function renameOneConstraint(cx: CommandContext, relation: Relation, oldName: string, newName: string, expectedParents: number): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_constraint').find({ conrelid: relation.oid }).find((candidate) => candidate.conname === oldName);
  if (!row) throw pgError('UNDEFINED_OBJECT', `constraint "${oldName}" for table "${relation.name}" does not exist`);
  if (row.coninhcount > expectedParents) throw pgError('INVALID_TABLE_DEFINITION', `cannot rename inherited constraint "${oldName}"`);
  if (row.conindid !== 0 && 'pux'.includes(row.contype)) {
    applyRelationName(cx, openOwn(cx, row.conindid), newName);
    return;
  }
  if (constraintNameTaken(catalog, relation.oid, newName)) throw constraintExists(newName, relation);
  catalog.table('pg_constraint').update(row, { conname: newName });
  catalog.commandCounterIncrement();
}

/** Renames a rule, trigger or policy. */
export function* renameOnTable(cx: CommandContext, objectType: string, oid: Oid, oldName: string, newName: string): Suspendable<void> {
  const { catalog } = cx.session;
  yield* lockRelation(cx, oid, 'AccessExclusive');
  const relation = openOwn(cx, oid);
  checkTableOwner(cx, relation);
  const what = objectType.replace('OBJECT_', '').toLowerCase();
  const place = `${what === 'rule' || what === 'trigger' ? 'relation' : 'table'} "${relation.name}"`;
  const missing = (): Error => pgError('UNDEFINED_OBJECT', `${what} "${oldName}" for ${what === 'trigger' ? `table "${relation.name}"` : place} does not exist`);
  const exists = (): Error => pgError('DUPLICATE_OBJECT', `${what} "${newName}" for ${place} already exists`);
  if (what === 'rule') {
    const rules = catalog.table('pg_rewrite');
    const row = rules.findOne({ ev_class: oid, rulename: oldName });
    if (!row) throw missing();
    if (rules.findOne({ ev_class: oid, rulename: newName })) throw exists();
    if (row.ev_type === '1') throw pgError('INVALID_OBJECT_DEFINITION', 'renaming an ON SELECT rule is not allowed');
    if (newName === SELECT_RULE) throw pgError('INVALID_OBJECT_DEFINITION', `non-view rule for "${relation.name}" must not be named "${SELECT_RULE}"`);
    rules.update(row, { rulename: newName });
    return;
  }
  if (what === 'trigger') {
    const triggers = catalog.table('pg_trigger');
    const row = triggers.findOne({ tgrelid: oid, tgname: oldName });
    if (!row) throw missing();
    if (triggers.findOne({ tgrelid: oid, tgname: newName })) throw exists();
    triggers.update(row, { tgname: newName });
    return;
  }
  const policies = catalog.table('pg_policy');
  const row = policies.findOne({ polrelid: oid, polname: oldName });
  if (policies.findOne({ polrelid: oid, polname: newName })) throw exists();
  if (!row) throw missing();
  policies.update(row, { polname: newName });
}

