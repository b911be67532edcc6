/**
 * ALTER TABLE ... INHERIT and NO INHERIT.
 *
 * Idea: PostgreSQL's ATExecAddInherit, MergeAttributesIntoExisting, MergeConstraintsIntoExisting, RemoveInheritance
 * (commands/tablecmds.c).
 */
import type { RangeVar } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { RelationRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { openNamed } from '../expressions.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import { allInheritors } from '../relation/inheritors.js';
import { Pass, registerAlter, type AlterTarget } from './alter-table.js';
import { inheritedCopy } from './children.js';
import { sameCheck } from './constraints.js';

registerAlter('AT_AddInherit', { pass: Pass.misc, kinds: 'rf', execute: addInherit });
registerAlter('AT_DropInherit', { pass: Pass.misc, kinds: 'rf', execute: dropInherit });

function* parentOf({ cx, command }: AlterTarget, mode: 'ShareUpdateExclusive' | 'AccessShare'): Suspendable<Relation> {
  const parent = openNamed(cx, bodyAs<RangeVar>(bodyOf(command.def!)));
  yield* lockRelation(cx, parent.oid, mode);
  return parent;
}

function* addInherit(target: AlterTarget): Suspendable<void> {
  const { cx, relation: child } = target;
  const parent = yield* parentOf(target, 'ShareUpdateExclusive');
  checkTableOwner(cx, parent);
  const wrong = (message: string): Error => pgError('WRONG_OBJECT_TYPE', message);
  if (child.row.reloftype !== 0) throw wrong('cannot change inheritance of typed table');
  if (child.row.relispartition) throw wrong('cannot change inheritance of a partition');
  if (parent.persistence === 't' && child.persistence !== 't') throw wrong(`cannot inherit from temporary relation "${parent.name}"`);
  if (parent.kind === 'p') throw wrong(`cannot inherit from partitioned table "${parent.name}"`);
  if (parent.row.relispartition) throw wrong('cannot inherit from a partition');
  if (parent.kind !== 'r' && parent.kind !== 'f') throw wrong(`inherited relation "${parent.name}" is not a table or foreign table`);
  if (child.parents.includes(parent.oid)) throw pgError('DUPLICATE_TABLE', `relation "${parent.name}" would be inherited from more than once`);
  if (allInheritors(cx.session.catalog, child.oid).has(parent.oid)) {
    throw pgError('DUPLICATE_TABLE', 'circular inheritance not allowed', { detail: `"${parent.name}" is already a child of "${child.name}".` });
  }
  linkInheritance(cx, child, parent);
}

/** Checks that the child fits, and makes it one: columns, constraints, pg_inherits. @throws 42804, 42P17, 42P21 */
export function linkInheritance(cx: CommandContext, child: Relation, parent: Relation): void {
  const { catalog } = cx.session;
  mergeAttributes(cx, child, parent);
  mergeConstraints(cx, child, parent);
  const links = catalog.table('pg_inherits').find({ inhrelid: child.oid });
  const next = links.reduce((highest, row) => Math.max(highest, row.inhseqno), 0) + 1;
  catalog.table('pg_inherits').insert({ inhrelid: child.oid, inhparent: parent.oid, inhseqno: next, inhdetachpending: false });
  recordDependencyOn(catalog, objectAddress(RelationRelationId, child.oid), objectAddress(RelationRelationId, parent.oid), child.row.relispartition ? 'a' : 'n');
  const row = catalog.table('pg_class').findOne({ oid: parent.oid });
  if (row && !row.relhassubclass) catalog.table('pg_class').update(row, { relhassubclass: true });
  catalog.commandCounterIncrement();
}

const KIND_WORDS: Readonly<Record<string, string>> = { s: 'STORED', v: 'VIRTUAL' };

function mergeAttributes(cx: CommandContext, child: Relation, parent: Relation): void {
  const attributes = cx.session.catalog.table('pg_attribute');
  const conflict = (message: string, detail?: string): Error => pgError('DATATYPE_MISMATCH', message, detail ? { detail } : {});
  for (const theirs of parent.attributes) {
    if (theirs.attisdropped) continue;
    const name = theirs.attname;
    const own = attributes.findOne({ attrelid: child.oid, attname: name });
    if (!own || own.attisdropped) throw conflict(`child table is missing column "${name}"`);
    if (own.atttypid !== theirs.atttypid || own.atttypmod !== theirs.atttypmod) throw conflict(`child table "${child.name}" has different type for column "${name}"`);
    if (own.attcollation !== theirs.attcollation) throw pgError('COLLATION_MISMATCH', `child table "${child.name}" has different collation for column "${name}"`);
    if (theirs.attnotnull && !own.attnotnull && parent.constraints.some((row) => row.contype === 'n' && !row.connoinherit && row.conkey?.elements[0] === theirs.attnum)) {
      throw conflict(`column "${name}" in child table "${child.name}" must be marked NOT NULL`);
    }
    if (theirs.attgenerated !== '' && own.attgenerated === '') throw conflict(`column "${name}" in child table must be a generated column`);
    if (own.attgenerated !== '' && theirs.attgenerated === '') throw conflict(`column "${name}" in child table must not be a generated column`);
    if (own.attgenerated !== theirs.attgenerated) {
      throw conflict(`column "${name}" inherits from generated column of different kind`,
        `Parent column is ${KIND_WORDS[theirs.attgenerated]}, child column is ${KIND_WORDS[own.attgenerated]}.`);
    }
    attributes.update(own, { attinhcount: own.attinhcount + 1, attislocal: child.row.relispartition ? false : own.attislocal });
  }
}

function mergeConstraints(cx: CommandContext, child: Relation, parent: Relation): void {
  const { catalog } = cx.session;
  for (const theirs of parent.constraints) {
    if ((theirs.contype !== 'c' && theirs.contype !== 'n') || theirs.connoinherit) continue;
    const column = theirs.contype === 'n' ? parent.attributes[(theirs.conkey!.elements[0] as number) - 1].attname : null;
    const own = inheritedCopy(child, theirs, column);
    const conflict = (what: string, name: string): Error => pgError('INVALID_OBJECT_DEFINITION', `constraint "${name}" conflicts with ${what} constraint on child table "${child.name}"`);
    if (!own) {
      throw pgError('DATATYPE_MISMATCH', column !== null ? `column "${column}" in child table "${child.name}" must be marked NOT NULL` : `child table is missing constraint "${theirs.conname}"`);
    }
    if (theirs.contype === 'c' && !sameCheck(cx, child, own, parent, theirs)) {
      throw pgError('DATATYPE_MISMATCH', `child table "${child.name}" has different definition for check constraint "${theirs.conname}"`);
    }
    if (own.connoinherit) throw conflict('non-inherited', own.conname);
    if (theirs.convalidated && own.conenforced && !own.convalidated) throw conflict('NOT VALID', own.conname);
    if (theirs.conenforced && !own.conenforced) throw conflict('NOT ENFORCED', own.conname);
    const row = catalog.table('pg_constraint').findOne({ oid: own.oid });
    if (row) catalog.table('pg_constraint').update(row, { coninhcount: row.coninhcount + 1, conislocal: child.row.relispartition ? false : row.conislocal });
  }
}

function* dropInherit(target: AlterTarget): Suspendable<void> {
  const { cx, relation: child } = target;
  if (child.row.relispartition) throw pgError('WRONG_OBJECT_TYPE', 'cannot change inheritance of a partition');
  const parent = yield* parentOf(target, 'AccessShare');
  if (!child.parents.includes(parent.oid)) throw pgError('UNDEFINED_TABLE', `relation "${parent.name}" is not a parent of relation "${child.name}"`);
  unlinkInheritance(cx, child, parent);
}

/** The child stands alone again: what it inherited becomes its own. */
export function unlinkInheritance(cx: CommandContext, child: Relation, parent: Relation): void {
  const { catalog } = cx.session;
  const link = catalog.table('pg_inherits').findOne({ inhrelid: child.oid, inhparent: parent.oid });
  if (link) catalog.table('pg_inherits').delete(link);
  const attributes = catalog.table('pg_attribute');
  for (const theirs of parent.attributes) {
    const own = theirs.attisdropped ? null : attributes.findOne({ attrelid: child.oid, attname: theirs.attname });
    if (own && own.attinhcount > 0) attributes.update(own, { attinhcount: own.attinhcount - 1, attislocal: own.attinhcount === 1 ? true : own.attislocal });
  }
  for (const theirs of parent.constraints) {
    if ((theirs.contype !== 'c' && theirs.contype !== 'n') || theirs.connoinherit) continue;
    const column = theirs.contype === 'n' ? parent.attributes[(theirs.conkey!.elements[0] as number) - 1].attname : null;
    const own = inheritedCopy(child, theirs, column);
    const row = own && catalog.table('pg_constraint').findOne({ oid: own.oid });
    if (row && row.coninhcount > 0) catalog.table('pg_constraint').update(row, { coninhcount: row.coninhcount - 1, conislocal: row.coninhcount === 1 ? true : row.conislocal });
  }
  forgetLink(cx, child.oid, parent.oid);
  catalog.commandCounterIncrement();
}

function forgetLink(cx: CommandContext, child: Oid, parent: Oid): void {
  const table = cx.session.catalog.table('pg_depend');
  for (const row of table.find({ classid: RelationRelationId, objid: child })) {
    if (row.refclassid === RelationRelationId && row.refobjid === parent && row.refobjsubid === 0 && row.objsubid === 0) table.delete(row);
  }
}
