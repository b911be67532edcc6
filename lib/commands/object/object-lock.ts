/**
 * Locks on objects that are not relations (LockDatabaseObject, LockSharedObject): DROP and renaming take AccessExclusive on
 * what they name, recording a dependency takes AccessShare on what is referenced, so that nothing is left that refers to
 * objects which are gone.
 *
 * Idea: PostgreSQL's get_object_address (catalog/objectaddress.c), dependencyLockAndCheckObject (catalog/pg_depend.c),
 * shdepLockAndCheckObject (catalog/pg_shdepend.c).
 */
import type { LockTag, TableLockMode } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { sameAddress, type ObjectAddress } from '../../catalog/address.js';
import { catalogByOid } from '../../catalog/shapes.js';
import type { CatalogRows } from '../../catalog/rows.js';
import * as ids from '../../types/oids.js';
import type { CommandContext } from '../api.js';

function tagOf(cx: CommandContext, { classId, objectId }: ObjectAddress): LockTag {
  const { catalog } = cx.session;
  if (classId === ids.RelationRelationId) {
    return { kind: 'relation', database: catalog.relation(objectId)?.row.relisshared === true ? 0 : catalog.databaseOid, relation: objectId };
  }
  return { kind: 'object', database: catalogByOid(classId)?.shape.shared === true ? 0 : catalog.databaseOid, classId, objectId };
}

/** Locks an object until the transaction ends; true when that had to wait: it may be gone, or be another's by now. */
export function* lockObject(cx: CommandContext, object: ObjectAddress, mode: TableLockMode): Suspendable<boolean> {
  const { locks } = cx.storage;
  const tag = tagOf(cx, object);
  if (locks.tryLock(cx.session.transaction, tag, mode)) return false;
  yield* locks.lock(cx.session.transaction, tag, mode, cx.waitOptions());
  return true;
}

/** Finds an object by its name and locks it; after a wait it is looked up again, until the name stays what it was. */
export function* lockNamed<T extends { readonly address: ObjectAddress } | null>(cx: CommandContext, find: () => T): Suspendable<T> {
  let object = find();
  while (object !== null) {
    const { address } = object;
    if (!(yield* lockObject(cx, address, 'AccessExclusive'))) break;
    object = find();
    if (object !== null && sameAddress(object.address, address)) break;
  }
  return object;
}

/** Locks what the command's new objects refer to. @throws 42704 for what was dropped meanwhile */
export function* lockReferences(cx: CommandContext): Suspendable<void> {
  const { references } = cx.session.catalog;
  // What the command made itself is there as well.
  cx.session.catalog.commandCounterIncrement();
  for (const reference of references.splice(0)) {
    yield* lockObject(cx, reference, 'AccessShare');
    if (!exists(cx, reference)) throw dropped(reference);
  }
}

function exists(cx: CommandContext, { classId, objectId: oid }: ObjectAddress): boolean {
  const name = catalogByOid(classId)?.shape.name as keyof CatalogRows | undefined;
  return name === undefined || cx.session.catalog.table(name).findOne({ oid } as Partial<CatalogRows[keyof CatalogRows]>) !== null;
}

const CLASS_WORDS: Readonly<Record<number, string>> = {
  [ids.RelationRelationId]: 'relation', [ids.NamespaceRelationId]: 'schema', [ids.TypeRelationId]: 'type', [ids.ProcedureRelationId]: 'function',
  [ids.CollationRelationId]: 'collation', [ids.OperatorRelationId]: 'operator', [ids.ConstraintRelationId]: 'constraint',
};

function dropped({ classId, objectId }: ObjectAddress): Error {
  if (classId === ids.AuthIdRelationId) return pgError('UNDEFINED_OBJECT', `role ${objectId} was concurrently dropped`);
  return pgError('UNDEFINED_OBJECT', `referenced ${CLASS_WORDS[classId] ?? 'object'} was concurrently dropped`);
}
