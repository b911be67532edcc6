/**
 * ALTER SEQUENCE.
 *
 * Idea: PostgreSQL's AlterSequence (commands/sequence.c).
 */
import type { AlterSeqStmt, Node } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { sequenceOwner } from '../../catalog/depend.js';
import { relationOidOf } from '../../catalog/namespace.js';
import { bodyAs } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import { openOwn } from '../table/create-table.js';
import { optionType, setOwnedBy } from './create-sequence.js';
import { sequenceParameters } from './options.js';
import { openSequenceFile } from './sequence-access.js';

registerCommand('AlterSeqStmt', { execute: (statement, cx) => alterSequence(bodyAs<AlterSeqStmt>(statement.body), cx) });

const RESULT: CommandResult = { tag: 'ALTER SEQUENCE', rows: null };

function* alterSequence(stmt: AlterSeqStmt, cx: CommandContext): Suspendable<CommandResult> {
  const range = stmt.sequence!;
  const oid = relationOidOf(cx.session.catalog, { ...range, relname: range.relname ?? '' }, stmt.missing_ok ?? false);
  if (oid === 0) {
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `relation "${range.relname ?? ''}" does not exist, skipping`, { severity: 'NOTICE' }));
    return RESULT;
  }
  const sequence = openOwn(cx, oid);
  if (sequence.kind !== 'S') {
    throw pgError('WRONG_OBJECT_TYPE', `cannot open relation "${sequence.name}"`, { detail: `"${sequence.name}" is not a sequence.` });
  }
  checkTableOwner(cx, sequence);
  yield* changeSequence(cx, sequence, stmt.options ?? [], stmt.for_identity ?? false);
  return RESULT;
}

/** Applies options to a sequence. @throws 42601, 22023, 0A000 */
export function* changeSequence(cx: CommandContext, sequence: Relation, options: readonly Node[], forIdentity: boolean): Suspendable<void> {
  const { catalog } = cx.session;
  yield* lockRelation(cx, sequence.oid, 'ShareRowExclusive');
  const row = catalog.table('pg_sequence').findOne({ seqrelid: sequence.oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for sequence ${sequence.oid}`);
  const file = openSequenceFile(sequence, row);
  const state = file.read();
  const parameters = sequenceParameters(options, forIdentity, row, state, (option) => optionType(cx, option));
  catalog.table('pg_sequence').update(row, parameters.row);
  if (parameters.restart) file.write({ ...parameters.restart, logCount: 0 });
  else file.write({ lastValue: state.lastValue, isCalled: state.isCalled, logCount: 0 });
  if (parameters.ownedBy) setOwnedBy(cx, sequence.oid, parameters.ownedBy, sequenceOwner(catalog, sequence.oid, 'i') !== null);
}
