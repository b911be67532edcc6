/**
 * What all CREATE TYPE forms share: a name that is free, the type's row with its array type, dependencies.
 *
 * Idea: PostgreSQL's TypeCreate, GenerateTypeDependencies (catalog/pg_type.c).
 */
import { pgError } from '../../base/error.js';
import { initialAcl } from '../../catalog/acl.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { recordDependencyOn, recordDependencyOnOwner } from '../../catalog/depend.js';
import { checkCreate, qualifiedCreation } from '../../catalog/namespace.js';
import { CollationRelationId, NamespaceRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { arrayTypeName, makeRoomForType } from '../relation/create-relation.js';
import { newTypeRow, type NewType } from './type-row.js';

/** Where a new type goes; the name is free afterwards. @throws 3F000, 42501, 42710 */
export function newTypeName(cx: CommandContext, names: readonly string[]): { namespace: Oid; name: string } {
  const { catalog } = cx.session;
  const place = qualifiedCreation(catalog, names);
  checkCreate(catalog, place.namespace);
  requireFreeTypeName(cx, place.name, place.namespace);
  return place;
}

/** 42710 unless the name is free, or an array type's that moves away. */
export function requireFreeTypeName(cx: CommandContext, name: string, namespace: Oid): void {
  const taken = cx.session.catalog.typeByName(name, namespace);
  if (!taken) return;
  if (taken.typcategory !== 'A' || taken.typelem === 0) throw pgError('DUPLICATE_OBJECT', `type "${name}" already exists`);
  makeRoomForType(cx, name, namespace);
}

const ARRAY = { input: 750, output: 751, receive: 2400, send: 2401, subscript: 6179, analyze: 3816 } as const;
const DEFAULT_COLLATION = 100;

/** Inserts the type and its array type; returns the type's OID. */
export function createTypeWithArray(cx: CommandContext, type: Omit<NewType, 'oid' | 'array' | 'owner'>): Oid {
  const { catalog, currentUserOid: owner } = cx.session;
  const oid = catalog.newOid();
  const array = catalog.newOid();
  catalog.table('pg_type').insert({ ...newTypeRow({ ...type, oid, array, owner }), typacl: initialAcl(catalog, 'type', owner, type.namespace) });
  catalog.table('pg_type').insert(newTypeRow({
    oid: array, name: arrayTypeName(cx, type.name, type.namespace), namespace: type.namespace, owner, kind: 'b', category: 'A', element: oid,
    ...ARRAY, alignment: type.alignment === 'd' ? 'd' : 'i', storage: 'x', length: -1, delimiter: type.delimiter, collation: type.collation,
  }));
  const self = objectAddress(TypeRelationId, oid);
  recordDependencyOn(catalog, self, objectAddress(NamespaceRelationId, type.namespace), 'n');
  recordDependencyOnOwner(catalog, self, owner);
  if (type.baseType) recordDependencyOn(catalog, self, objectAddress(TypeRelationId, type.baseType), 'n');
  if (type.collation && type.collation !== DEFAULT_COLLATION) recordDependencyOn(catalog, self, objectAddress(CollationRelationId, type.collation), 'n');
  recordDependencyOn(catalog, objectAddress(TypeRelationId, array), self, 'i');
  catalog.commandCounterIncrement();
  return oid;
}
