/**
 * VACUUM and ANALYZE statements. Versions that nobody needs are forgotten by the storage engine on its own; VACUUM asks for
 * it now. Options that steer PostgreSQL's pages and workers have nothing to steer here and are checked only.
 *
 * Idea: PostgreSQL's ExecVacuum (commands/vacuum.c).
 */
import type { DefElem, Node, RangeVar, VacuumRelation, VacuumStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { optionBoolean } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';
import { openNamed } from '../expressions.js';
import { lockRelation } from '../relation/access.js';
import { analyzeRelation, mayMaintain } from './analyze.js';

registerCommand('VacuumStmt', { execute: (statement, cx) => execute(bodyAs<VacuumStmt>(statement.body), cx) });

const VACUUM_OPTIONS = new Set([
  'verbose', 'freeze', 'analyze', 'disable_page_skipping', 'skip_locked', 'index_cleanup', 'process_main', 'process_toast', 'truncate', 'parallel',
  'skip_database_stats', 'only_database_stats', 'buffer_usage_limit',
]);
const ANALYZE_OPTIONS = new Set(['verbose', 'skip_locked', 'buffer_usage_limit']);

function* execute(stmt: VacuumStmt, cx: CommandContext): Suspendable<CommandResult> {
  const isVacuum = stmt.is_vacuumcmd ?? false;
  const options = readOptions(stmt.options ?? [], isVacuum);
  if (isVacuum) cx.session.preventInTransactionBlock('VACUUM');
  if (options.has('full')) throw notSupported('VACUUM FULL');
  const relations = stmt.rels && stmt.rels.length > 0 ? namedRelations(cx, stmt.rels) : allTables(cx);
  for (const { oid, columns } of relations) {
    const relation = cx.session.catalog.relation(oid);
    if (!relation || !mayMaintain(cx, relation, isVacuum ? 'vacuum' : 'analyze')) continue;
    if (columns && isVacuum && !options.has('analyze')) {
      throw pgError('FEATURE_NOT_SUPPORTED', 'ANALYZE option must be specified when a column list is provided');
    }
    if (options.has('skip_locked') && !tryLock(cx, relation, isVacuum ? 'vacuum' : 'analyze')) continue;
    if (isVacuum && relation.row.relfilenode !== 0) {
      yield* lockRelation(cx, oid, 'ShareUpdateExclusive');
      for (const index of relation.indexes) yield* cx.storage.vacuum(index.classRow.relfilenode);
      yield* cx.storage.vacuum(relation.row.relfilenode);
    }
    if (!isVacuum || options.has('analyze')) yield* analyzeRelation(cx, relation, columns);
  }
  return { tag: isVacuum ? 'VACUUM' : 'ANALYZE', rows: null };
}

/** SKIP_LOCKED: the lock now, or a warning. */
function tryLock(cx: CommandContext, relation: Relation, verb: 'vacuum' | 'analyze'): boolean {
  const { catalog, transaction } = cx.session;
  if (cx.storage.locks.tryLock(transaction, { kind: 'relation', database: catalog.databaseOid, relation: relation.oid }, 'ShareUpdateExclusive')) return true;
  cx.services.notice(pgError('LOCK_NOT_AVAILABLE', `skipping ${verb} of "${relation.name}" --- lock not available`, { severity: 'WARNING' }));
  return false;
}

/** Names of the options that are on. @throws 42601 */
function readOptions(list: readonly Node[], isVacuum: boolean): Set<string> {
  const on = new Set<string>();
  for (const node of list) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    const position = option.location === undefined ? {} : { position: option.location + 1 };
    if (!(isVacuum ? VACUUM_OPTIONS : ANALYZE_OPTIONS).has(name) && !(isVacuum && name === 'full')) {
      throw pgError('SYNTAX_ERROR', `unrecognized ${isVacuum ? 'VACUUM' : 'ANALYZE'} option "${name}"`, position);
    }
    if (BOOLEAN_OPTIONS.has(name) && optionBoolean(option)) on.add(name);
  }
  return on;
}
const BOOLEAN_OPTIONS = new Set(['verbose', 'freeze', 'analyze', 'full', 'skip_locked']);

interface Chosen { readonly oid: Oid; readonly columns: readonly string[] | null }

function namedRelations(cx: CommandContext, rels: readonly Node[]): Chosen[] {
  return rels.map((node) => {
    const rel = bodyAs<VacuumRelation>(bodyOf(node));
    const relation = openNamed(cx, rel.relation as RangeVar);
    return { oid: relation.oid, columns: rel.va_cols && rel.va_cols.length > 0 ? stringList(rel.va_cols) : null };
  });
}

function allTables(cx: CommandContext): Chosen[] {
  const chosen: Chosen[] = [];
  for (const row of cx.session.catalog.table('pg_class').all()) {
    if ((row.relkind === 'r' || row.relkind === 'm') && row.oid >= 16384) chosen.push({ oid: row.oid, columns: null });
  }
  return chosen;
}
