/**
 * TRUNCATE.
 *
 * Idea: PostgreSQL's ExecuteTruncate (commands/tablecmds.c).
 */
import type { RangeVar, TruncateStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { sequencesOf } from '../../catalog/depend.js';
import { isOtherTemporary } from '../../catalog/relation-kind.js';
import { checkPrivilege } from '../../catalog/privileges.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { openNamed } from '../expressions.js';
import { lockRelation } from '../relation/access.js';
import { emptyTable } from './rewrite.js';

registerCommand('TruncateStmt', { execute: (statement, cx) => execute(bodyAs<TruncateStmt>(statement.body), cx) });

function* execute(stmt: TruncateStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const tables = new Map<Oid, Relation>();
  for (const node of stmt.relations ?? []) {
    const name = bodyAs<RangeVar>(bodyOf(node));
    yield* addTable(cx, tables, openNamed(cx, name), name.inh ?? false);
  }
  if (stmt.behavior === 'DROP_CASCADE') yield* addReferencing(cx, tables);
  else checkNoReferences(catalog.relation.bind(catalog), tables);
  for (const table of tables.values()) {
    if (table.kind !== 'p') emptyTable(cx, table.oid);
    if (stmt.restart_seqs) restartSequences(cx, table);
  }
  return { tag: 'TRUNCATE TABLE', rows: null };
}

/** Locks and checks a table and, unless ONLY, its children. */
function* addTable(cx: CommandContext, tables: Map<Oid, Relation>, relation: Relation, withChildren: boolean): Suspendable<void> {
  if (tables.has(relation.oid)) return;
  if (relation.kind !== 'r' && relation.kind !== 'p') throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is not a table`);
  if (relation.kind === 'p' && !withChildren) {
    throw pgError('WRONG_OBJECT_TYPE', 'cannot truncate only a partitioned table', { hint: 'Do not specify the ONLY keyword, or use TRUNCATE ONLY on the partitions directly.' });
  }
  checkPrivilege(cx.session.catalog, 'table', relation.oid, cx.session.currentUserOid, 'TRUNCATE', relation.name);
  if (relation.isCatalog) throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied: "${relation.name}" is a system catalog`);
  yield* lockRelation(cx, relation.oid, 'AccessExclusive');
  tables.set(relation.oid, relation);
  if (!withChildren) return;
  for (const child of cx.session.catalog.inheritanceChildren(relation.oid)) {
    const opened = cx.session.catalog.relation(child);
    if (opened && !isOtherTemporary(cx.session.catalog, child)) yield* addTable(cx, tables, opened, true);
  }
}

/** Tables that refer to these come along, with a notice each. */
function* addReferencing(cx: CommandContext, tables: Map<Oid, Relation>): Suspendable<void> {
  const pending = [...tables.values()];
  for (let table = pending.shift(); table; table = pending.shift()) {
    for (const key of table.referencedBy) {
      const referencing = cx.session.catalog.relation(key.conrelid);
      if (!referencing || tables.has(referencing.oid)) continue;
      cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `truncate cascades to table "${referencing.name}"`, { severity: 'NOTICE' }));
      yield* addTable(cx, tables, referencing, true);
      pending.push(referencing);
    }
  }
}

function checkNoReferences(open: (oid: Oid) => Relation | null, tables: ReadonlyMap<Oid, Relation>): void {
  for (const table of tables.values()) {
    for (const key of table.referencedBy) {
      if (tables.has(key.conrelid)) continue;
      const referencing = open(key.conrelid);
      throw pgError('FEATURE_NOT_SUPPORTED', 'cannot truncate a table referenced in a foreign key constraint', {
        detail: `Table "${referencing?.name ?? ''}" references "${table.name}".`,
        hint: `Truncate table "${referencing?.name ?? ''}" at the same time, or use TRUNCATE ... CASCADE.`,
      });
    }
  }
}

function restartSequences(cx: CommandContext, table: Relation): void {
  const { catalog } = cx.session;
  for (const attribute of table.attributes) {
    for (const sequence of sequencesOf(catalog, table.oid, attribute.attnum)) {
      const parameters = catalog.sequence(sequence);
      const relation = catalog.relation(sequence);
      if (parameters && relation) relation.openSequence().write({ lastValue: parameters.seqstart, isCalled: false, logCount: 0 });
    }
  }
}
