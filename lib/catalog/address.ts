/**
 * Addresses of catalog objects, as pg_depend has them.
 */
import {
  DatabaseRelationId, FirstUnpinnedObjectId, LargeObjectRelationId, NamespaceRelationId, PG_PUBLIC_NAMESPACE,
} from '../types/oids.js';
import type { Oid } from './api.js';

/** An object: the catalog it is in, its OID there, and a column number (0: the whole). */
export interface ObjectAddress {
  readonly classId: Oid;
  readonly objectId: Oid;
  readonly subId: number;
}

/** Builds an address. */
export function objectAddress(classId: Oid, objectId: Oid, subId = 0): ObjectAddress {
  return { classId, objectId, subId };
}

/** The same object, and the same part of it. */
export function sameAddress(a: ObjectAddress, b: ObjectAddress): boolean {
  return a.classId === b.classId && a.objectId === b.objectId && a.subId === b.subId;
}

/** Built-in objects that nobody may drop, and dependencies on which are not recorded (IsPinnedObject). */
export function isPinned(classId: Oid, objectId: Oid): boolean {
  if (objectId >= FirstUnpinnedObjectId || classId === LargeObjectRelationId || classId === DatabaseRelationId) return false;
  return !(classId === NamespaceRelationId && objectId === PG_PUBLIC_NAMESPACE);
}
