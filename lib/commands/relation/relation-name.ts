/**
 * Names for relations that are made without one being given: `table_column_key`, `table_column_idx`, `table_column_seq`.
 *
 * Idea: PostgreSQL's ChooseRelationName and ChooseIndexName (commands/indexcmds.c).
 */
import type { Catalog, Oid } from '../../catalog/api.js';
import { makeObjectName } from '../object-name.js';

/** A name that no relation of the schema has; `forConstraint`: nor any constraint. */
export function chooseRelationName(catalog: Catalog, name1: string, name2: string | null, label: string, namespace: Oid, forConstraint = false): string {
  for (let pass = 0; ; pass++) {
    const name = makeObjectName(name1, name2, pass === 0 ? label : `${label}${pass}`);
    if (catalog.relationOid(name, namespace) !== 0) continue;
    if (forConstraint && catalog.table('pg_constraint').find({ conname: name, connamespace: namespace }).length > 0) continue;
    return name;
  }
}

/** An index's name from what it is for; `columns` are the names of its columns ("expr" for expressions). */
export function chooseIndexName(
  catalog: Catalog, table: string, namespace: Oid, columns: readonly string[], use: 'primary' | 'exclusion' | 'constraint' | 'plain',
): string {
  switch (use) {
    case 'primary': return chooseRelationName(catalog, table, null, 'pkey', namespace, true);
    case 'exclusion': return chooseRelationName(catalog, table, indexNameAddition(columns), 'excl', namespace, true);
    case 'constraint': return chooseRelationName(catalog, table, indexNameAddition(columns), 'key', namespace, true);
    case 'plain': return chooseRelationName(catalog, table, indexNameAddition(columns), 'idx', namespace);
  }
}

/** The columns' names joined by underscores, as long as they fit an identifier. */
export function indexNameAddition(columns: readonly string[]): string {
  let addition = '';
  for (const column of columns) {
    if (addition !== '') addition += '_';
    addition += column;
    if (Buffer.byteLength(addition) >= 63) break;
  }
  return addition;
}
