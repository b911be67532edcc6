/**
 * Where CREATE puts a new relation: schema, name, persistence, from its name as written.
 */
import type { RangeVar } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { checkedCreation } from '../../catalog/namespace.js';
import { NamespaceRelationId } from '../../types/oids.js';
import { lockObject } from '../object/object-lock.js';
import type { CommandContext } from '../api.js';

/** A new relation's place. */
export interface CreationTarget {
  readonly name: string;
  readonly namespace: Oid;
  /** pg_class.relpersistence */
  readonly persistence: string;
}

/** Resolves where the relation goes. @throws 3F000, 42P16, 0A000, 42501 */
export function* creationTarget(cx: CommandContext, range: RangeVar): Suspendable<CreationTarget> {
  const name = range.relname ?? '';
  let place = checkedCreation(cx.session.catalog, { ...range, relname: name });
  // Locked like PostgreSQL's (RangeVarGetAndLockCreationNamespace): the schema may go while this waits.
  while (yield* lockObject(cx, objectAddress(NamespaceRelationId, place.namespace), 'AccessShare')) {
    const { namespace } = place;
    place = checkedCreation(cx.session.catalog, { ...range, relname: name });
    if (place.namespace === namespace) break;
  }
  const { namespace, persistence } = place;
  const schema = cx.session.catalog.namespace(namespace)?.nspname ?? '';
  if (persistence !== 't' && schema.startsWith('pg_')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to create "${schema}.${name}"`, {
      detail: 'System catalog modifications are currently disallowed.',
    });
  }
  return { name, namespace, persistence };
}
