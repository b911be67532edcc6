/**
 * A table and its descendants by inheritance or partitioning.
 *
 * Idea: PostgreSQL's find_all_inheritors (catalog/pg_inherits.c).
 */
import type { Catalog, Oid } from '../../catalog/api.js';

/** The table itself first, then every descendant once, with how many parents it has within the tree. */
export function allInheritors(catalog: Catalog, root: Oid): Map<Oid, number> {
  const found = new Map<Oid, number>([[root, 0]]);
  for (const parent of found.keys()) {
    for (const child of catalog.inheritanceChildren(parent)) found.set(child, (found.get(child) ?? 0) + 1);
  }
  return found;
}
