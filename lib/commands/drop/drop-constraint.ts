/**
 * What dropping a constraint changes beside its row: NOT NULL marks and CHECK counts of its table.
 *
 * Idea: PostgreSQL's RemoveConstraintById (catalog/pg_constraint.c).
 */
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import type { CommandContext } from '../api.js';

/** Deletes the constraint's row and corrects its table. Its index goes by its own dependency. */
export function dropConstraintTraces(cx: CommandContext, oid: Oid): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_constraint').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for constraint ${oid}`);
  if (row.conrelid !== 0 && row.contype === 'c') {
    const relation = catalog.table('pg_class').findOne({ oid: row.conrelid });
    if (relation && relation.relchecks > 0) catalog.table('pg_class').update(relation, { relchecks: relation.relchecks - 1 });
  }
  if (row.contype === 'n') {
    const attnum = row.conkey?.elements[0] as number;
    const attribute = catalog.table('pg_attribute').findOne({ attrelid: row.conrelid, attnum });
    if (attribute?.attnotnull && !attribute.attisdropped) catalog.table('pg_attribute').update(attribute, { attnotnull: false });
  }
  catalog.table('pg_constraint').delete(row);
}
