/**
 * CALL. Transaction control inside procedures needs a language that has it; SQL procedures run in the caller's transaction.
 *
 * Idea: PostgreSQL's ExecuteCallStmt, CallStmtResultDesc (commands/functioncmds.c).
 */
import type { CallStmt } from 'libpg-query';
import { analyzeCall } from '../../analyzer/analyze.js';
import { outParameters } from '../../analyzer/function-result.js';
import type { FuncExpr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { hasPrivilege } from '../../catalog/privileges.js';
import type { PgProc } from '../../catalog/rows.js';
import { evaluateExpression } from '../../executor/executor.js';
import { bodyAs } from '../../parser/raw.js';
import { RecordValue } from '../../types/datum.js';
import type { CommandContext, CommandResult, ResultColumn } from '../api.js';
import { registerCommand } from '../dispatch.js';

registerCommand('CallStmt', {
  execute: (statement, cx) => call(bodyAs<CallStmt>(statement.body), cx),
  describe: (statement, cx) => resultColumns(cx, resolve(bodyAs<CallStmt>(statement.body), cx).proc),
});

function resolve(stmt: CallStmt, cx: CommandContext): { expr: FuncExpr; proc: PgProc } {
  const { catalog } = cx.session;
  const expr = analyzeCall(stmt, { catalog, services: cx.services, sourceText: cx.sourceText, parameters: { mode: 'fixed', types: [...cx.parameterTypes] } });
  const proc = catalog.proc(expr.funcid);
  if (!proc) throw pgError('INTERNAL_ERROR', `cache lookup failed for function ${expr.funcid}`);
  return { expr, proc };
}

/** The columns of the OUT parameters; null when there are none. */
function resultColumns(cx: CommandContext, proc: PgProc): readonly ResultColumn[] | null {
  const outs = outParameters(proc);
  if (outs.length === 0) return null;
  return outs.map(({ name, type }) => ({
    name, typeOid: type, typmod: -1, typeLength: cx.session.catalog.type(type)?.typlen ?? -1, tableOid: 0, attributeNumber: 0,
  }));
}

function* call(stmt: CallStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { expr, proc } = resolve(stmt, cx);
  if (!hasPrivilege(cx.session.catalog, 'function', proc.oid, cx.session.currentUserOid, 'EXECUTE')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for procedure ${proc.proname}`);
  }
  const value = yield* evaluateExpression(expr, cx.executionState().context);
  cx.session.catalog.commandCounterIncrement();
  const columns = resultColumns(cx, proc);
  if (!columns) return { tag: 'CALL', rows: null };
  const row = value instanceof RecordValue ? value.values : columns.map(() => null);
  return { tag: 'CALL', rows: { columns, rows: [[...row]] } };
}
