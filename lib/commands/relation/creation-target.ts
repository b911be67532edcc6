/**
 * Where CREATE puts a new relation: schema, name, persistence, from its name as written.
 */
import type { RangeVar } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { checkedCreation } from '../../catalog/namespace.js';
import type { CommandContext } from '../api.js';

/** A new relation's place. */
export interface CreationTarget {
  readonly name: string;
  readonly namespace: Oid;
  /** pg_class.relpersistence */
  readonly persistence: string;
}

/** Resolves where the relation goes. @throws 3F000, 42P16, 0A000, 42501 */
export function creationTarget(cx: CommandContext, range: RangeVar): CreationTarget {
  const name = range.relname ?? '';
  const { namespace, persistence } = checkedCreation(cx.session.catalog, { ...range, relname: name });
  const schema = cx.session.catalog.namespace(namespace)?.nspname ?? '';
  if (persistence !== 't' && schema.startsWith('pg_')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to create "${schema}.${name}"`, {
      detail: 'System catalog modifications are currently disallowed.',
    });
  }
  return { name, namespace, persistence };
}
