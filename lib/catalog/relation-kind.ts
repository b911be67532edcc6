/** What messages call the kinds of relations (errdetail_relkind_not_supported of PostgreSQL's catalog/pg_class.c), and whose they are. */
import type { Catalog, Oid } from './api.js';

const PLURALS: Readonly<Record<string, string>> = {
  r: 'tables', i: 'indexes', S: 'sequences', t: 'TOAST tables', v: 'views', m: 'materialized views', c: 'composite types',
  f: 'foreign tables', p: 'partitioned tables', I: 'partitioned indexes',
};

/** The DETAIL "This operation is not supported for ..." for a pg_class.relkind. */
export function unsupportedKindDetail(kind: string): string {
  return `This operation is not supported for ${PLURALS[kind] ?? 'this kind of relation'}.`;
}

/** A temporary table of another session: its rows are that session's alone. */
export function isOtherTemporary(catalog: Catalog, oid: Oid): boolean {
  const relation = catalog.relation(oid);
  return relation !== null && relation.persistence === 't' && relation.namespace !== catalog.tempNamespace;
}
