/**
 * Records of dependencies between objects (pg_depend), as catalog/pg_depend.c keeps them. Who depends on what decides what
 * DROP may drop: see `deletion.ts`.
 */
import { RelationRelationId } from '../types/oids.js';
import { isPinned, type ObjectAddress } from './address.js';
import type { Catalog, Oid } from './api.js';
import type { PgDepend } from './rows.js';

export type { ObjectAddress } from './address.js';
export { recordDependencyOnOwner } from './shared-depend.js';

/**
 * Kinds of dependency: n normal, a auto (goes with the referenced object), i internal (part of its implementation),
 * P and S partition (primary, secondary), e member of an extension, x auto with an extension.
 */
export type DependencyType = 'n' | 'a' | 'i' | 'P' | 'S' | 'e' | 'x';

/** Records that `depender` depends on `referenced`; nothing for pinned objects. */
export function recordDependencyOn(catalog: Catalog, depender: ObjectAddress, referenced: ObjectAddress, type: DependencyType): void {
  recordDependencies(catalog, depender, [referenced], type);
}

/** Records dependencies on several objects, each once. */
export function recordDependencies(catalog: Catalog, depender: ObjectAddress, referenced: readonly ObjectAddress[], type: DependencyType): void {
  const table = catalog.table('pg_depend');
  const seen = new Set<string>();
  for (const target of referenced) {
    const key = `${target.classId},${target.objectId},${target.subId}`;
    if (seen.has(key) || isPinned(target.classId, target.objectId)) continue;
    seen.add(key);
    catalog.references.push(target);
    table.insert({
      classid: depender.classId, objid: depender.objectId, objsubid: depender.subId,
      refclassid: target.classId, refobjid: target.objectId, refobjsubid: target.subId, deptype: type,
    });
  }
}

/** What the object (with a column number: that column) depends on. */
export function dependenciesOf(catalog: Catalog, object: ObjectAddress): PgDepend[] {
  const { classId: classid, objectId: objid, subId } = object;
  return catalog.table('pg_depend').find(subId === 0 ? { classid, objid } : { classid, objid, objsubid: subId });
}

/** What depends on the object (with a column number: on that column). */
export function dependentsOn(catalog: Catalog, object: ObjectAddress): PgDepend[] {
  const { classId: refclassid, objectId: refobjid, subId } = object;
  return catalog.table('pg_depend').find(subId === 0 ? { refclassid, refobjid } : { refclassid, refobjid, refobjsubid: subId });
}

/** Forgets what the whole object depends on (memberships in extensions too, unless told to keep them); how many there were. */
export function deleteDependenciesOf(catalog: Catalog, classId: Oid, objectId: Oid, keepExtension = false): number {
  const rows = catalog.table('pg_depend').find({ classid: classId, objid: objectId }).filter((row) => !keepExtension || row.deptype !== 'e');
  for (const row of rows) catalog.table('pg_depend').delete(row);
  return rows.length;
}

/** Forgets the object's dependencies of one type on objects of one class; how many there were. */
export function deleteDependenciesOnClass(catalog: Catalog, classId: Oid, objectId: Oid, refClassId: Oid, type: DependencyType): number {
  const rows = catalog.table('pg_depend').find({ classid: classId, objid: objectId }).filter((row) => row.refclassid === refClassId && row.deptype === type);
  for (const row of rows) catalog.table('pg_depend').delete(row);
  return rows.length;
}

/** Makes the object depend on another object of the same class than before (ALTER ... SET SCHEMA); how many rows changed. */
export function changeDependency(catalog: Catalog, classId: Oid, objectId: Oid, refClassId: Oid, from: Oid, to: Oid): number {
  const table = catalog.table('pg_depend');
  const rows = table.find({ classid: classId, objid: objectId }).filter((row) => row.refclassid === refClassId && row.refobjid === from);
  for (const row of rows) {
    if (isPinned(refClassId, to)) table.delete(row);
    else {
      table.update(row, { refobjid: to });
      catalog.references.push({ classId: refClassId, objectId: to, subId: 0 });
    }
  }
  if (rows.length === 0 && isPinned(refClassId, from) && !isPinned(refClassId, to)) {
    recordDependencyOn(catalog, { classId, objectId, subId: 0 }, { classId: refClassId, objectId: to, subId: 0 }, 'n');
    return 1;
  }
  return rows.length;
}

/** The sequences that a column owns (`a`: serial, `i`: identity). */
export function sequencesOf(catalog: Catalog, relation: Oid, attnum = 0, type: DependencyType | null = null): Oid[] {
  const found: Oid[] = [];
  for (const row of dependentsOn(catalog, { classId: RelationRelationId, objectId: relation, subId: attnum })) {
    if (row.classid !== RelationRelationId || row.refobjsubid === 0 || (row.deptype !== 'a' && row.deptype !== 'i')) continue;
    if ((type === null || row.deptype === type) && catalog.relation(row.objid)?.kind === 'S') found.push(row.objid);
  }
  return found;
}

/** The table column that owns a sequence; null when none does. */
export function sequenceOwner(catalog: Catalog, sequence: Oid, type: DependencyType): { relation: Oid; attnum: number } | null {
  for (const row of dependenciesOf(catalog, { classId: RelationRelationId, objectId: sequence, subId: 0 })) {
    if (row.refclassid === RelationRelationId && row.deptype === type) return { relation: row.refobjid, attnum: row.refobjsubid };
  }
  return null;
}


