/**
 * Gives relations new storage files: TRUNCATE, REINDEX, and ALTER TABLE forms that rewrite.
 *
 * Idea: PostgreSQL's RelationSetNewRelfilenumber (utils/cache/relcache.c). The old file lives on for whoever still
 * reads it in an older snapshot of the same transaction's savepoints, and is dropped at commit.
 */
import type { Persistence } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import type { CommandContext } from '../api.js';

const PERSISTENCE: Record<string, Persistence> = { p: 'permanent', u: 'unlogged', t: 'temporary' };
const KINDS: Record<string, 'heap' | 'index' | 'sequence'> = { r: 'heap', m: 'heap', t: 'heap', i: 'index', S: 'sequence' };

/** A new empty file for one relation (not for its indexes). Visible to the transaction after the next command. */
export function newStorage(cx: CommandContext, oid: Oid, persistence?: string): void {
  const { catalog, transaction } = cx.session;
  const row = catalog.table('pg_class').findOne({ oid });
  const kind = row && KINDS[row.relkind];
  if (!row || !kind) throw pgError('INTERNAL_ERROR', `relation ${oid} has no storage`);
  const relpersistence = persistence ?? row.relpersistence;
  const file = cx.storage.createFile(transaction, kind, PERSISTENCE[relpersistence]);
  cx.storage.dropFile(transaction, row.relfilenode);
  catalog.table('pg_class').update(row, { relfilenode: file, relpersistence, relpages: 0, reltuples: kind === 'sequence' ? row.reltuples : -1 });
}

/** New empty files for a table and all its indexes. */
export function emptyTable(cx: CommandContext, oid: Oid): void {
  const indexes = cx.session.catalog.relation(oid)?.indexes ?? [];
  newStorage(cx, oid);
  for (const index of indexes) newStorage(cx, index.oid);
  cx.session.catalog.commandCounterIncrement();
}
