/**
 * EXPLAIN: plans the statement and shows the plan; with ANALYZE runs it and shows what was measured.
 *
 * Idea: PostgreSQL's ExplainQuery (commands/explain.c); the text itself is the planner's (`planner/explain.ts`).
 */
import type { CreateTableAsStmt, DeclareCursorStmt, DefElem, ExecuteStmt, ExplainStmt, Node } from 'libpg-query';
import { deparsePlanExpression } from '../../analyzer/deparse/deparse.js';
import type { ResourceUsage } from '../../access/api.js';
import type { Query } from '../../analyzer/nodes.js';
import { notSupported, pgError } from '../../base/error.js';
import { isSuspended, type Suspendable } from '../../base/suspend.js';
import type { Instrumentation } from '../../executor/context.js';
import { addUsage, noUsage, usageNow } from '../../executor/usage.js';
import { bodyAs, bodyOf, tagOf, type RawNode } from '../../parser/raw.js';
import { explainPlan, type ExplainOptions } from '../../planner/explain.js';
import type { PlannedStmt } from '../../planner/plan-nodes.js';
import type { Datum } from '../../types/datum.js';
import { JSONOID, TEXTOID, XMLOID } from '../../types/oids.js';
import type { CommandContext, CommandResult, ResultColumn } from '../api.js';
import { optionBoolean, optionText } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';

registerCommand('ExplainStmt', {
  execute: (statement, cx) => explain(bodyAs<ExplainStmt>(statement.body), cx),
  describe: (statement) => [column(readOptions(bodyAs<ExplainStmt>(statement.body).options ?? []).options)],
  readOnly: true,
});

function column(options: ExplainOptions): ResultColumn {
  const typeOid = options.format === 'json' ? JSONOID : options.format === 'xml' ? XMLOID : TEXTOID;
  return { name: 'QUERY PLAN', typeOid, typmod: -1, typeLength: -1, tableOid: 0, attributeNumber: 0 };
}

function* explain(stmt: ExplainStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { options, generic } = readOptions(stmt.options ?? []);
  const { queries, parameters, generic: chosenGeneric } = sourceQueries(cx, stmt.query!);
  const rows: Datum[][] = [];
  for (const [i, query] of queries.entries()) {
    if (i > 0) rows.push(['']);
    for (const line of yield* explainOne(cx, query, parameters, options, generic || chosenGeneric)) rows.push([line]);
  }
  if (queries.length === 0 && options.format === 'text') rows.push(['Query rewrites to nothing']);
  return { tag: 'EXPLAIN', rows: { columns: [column(options)], rows } };
}

function* explainOne(cx: CommandContext, query: Query, parameters: readonly Datum[], options: ExplainOptions, generic: boolean): Suspendable<string[]> {
  if (query.commandType === 'utility') return ['Utility statements have no plan structure'];
  const { clock } = cx.env;
  const usage = (): ResourceUsage => usageNow({ storage: cx.storage, transaction: cx.session.transaction, temporary: null });
  const planningUsage = noUsage();
  const before = usage();
  const start = clock.monotonicMs();
  const plan = cx.plan(query, generic || parameters.length === 0 ? null : parameters);
  const planningMs = clock.monotonicMs() - start;
  addUsage(planningUsage, before, usage());
  let measurements: Instrumentation | null = null;
  let executionMs: number | null = null;
  if (options.analyze) {
    measurements = new Map();
    const begin = clock.monotonicMs();
    const running = cx.measure(plan, parameters, measurements);
    if (isSuspended(running)) yield* running;
    executionMs = clock.monotonicMs() - begin;
    if (options.wal) logGathered(cx, plan, measurements);
  }
  const services = { catalog: cx.session.catalog, services: cx.services };
  return explainPlan(plan, {
    catalog: cx.session.catalog, print: (expr, special) => deparsePlanExpression(services, expr, special), measurements, planningMs, executionMs,
    planningUsage, settings: cx.session.plannerSettings(),
  }, options);
}

/** Inserted rows are packed and logged when their statement is over: for the node that inserted them. */
function logGathered(cx: CommandContext, plan: PlannedStmt, measurements: Instrumentation): void {
  const { transaction } = cx.session;
  const before = transaction.logged();
  transaction.flushBulk();
  const after = transaction.logged();
  const measured = plan.planTree === null ? undefined : measurements.get(plan.planTree);
  if (measured === undefined) return;
  measured.usage.walRecords += after.records - before.records;
  measured.usage.walBytes += after.bytes - before.bytes;
}

/** The statement's queries: of CREATE TABLE AS and DECLARE the SELECT, of EXECUTE what was prepared. */
function sourceQueries(cx: CommandContext, query: Node): { queries: readonly Query[]; parameters: readonly Datum[]; generic: boolean } {
  const body = bodyOf(query);
  switch (tagOf(query)) {
    case 'CreateTableAsStmt': return sourceQueries(cx, bodyAs<CreateTableAsStmt>(body).query!);
    case 'DeclareCursorStmt': return sourceQueries(cx, bodyAs<DeclareCursorStmt>(body).query!);
    case 'ExecuteStmt': {
      const execute = bodyAs<ExecuteStmt>(body);
      const name = execute.name ?? '';
      const prepared = cx.session.preparedQueries(name, (execute.params ?? []) as readonly object[] as readonly RawNode[]);
      if (!prepared) throw pgError('INVALID_SQL_STATEMENT_NAME', `prepared statement "${name}" does not exist`);
      return prepared;
    }
    default: return { queries: cx.analyze(query), parameters: cx.parameters, generic: false };
  }
}

const FORMATS = new Set(['text', 'json', 'xml', 'yaml']);

/** @throws 42601 unknown option, 22023 unknown format or an option that needs ANALYZE, 0A000 */
function readOptions(list: readonly Node[]): { options: ExplainOptions; generic: boolean } {
  const given = new Map<string, boolean>();
  let format: ExplainOptions['format'] = 'text';
  for (const node of list) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    const position = option.location === undefined ? {} : { position: option.location + 1 };
    switch (name) {
      case 'analyze': case 'verbose': case 'costs': case 'timing': case 'summary': case 'buffers': case 'settings': case 'generic_plan': case 'wal':
      case 'memory':
        given.set(name, optionBoolean(option));
        break;
      case 'serialize':
        if (option.arg && optionText(option) !== 'none') throw notSupported('EXPLAIN (SERIALIZE)');
        break;
      case 'format': {
        const value = optionText(option);
        if (!FORMATS.has(value)) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized value for EXPLAIN option "format": "${value}"`, position);
        format = value as ExplainOptions['format'];
        break;
      }
      default: throw pgError('SYNTAX_ERROR', `unrecognized EXPLAIN option "${name}"`, position);
    }
  }
  const analyze = given.get('analyze') ?? false;
  for (const name of ['wal', 'timing']) {
    if (given.get(name) && !analyze) throw pgError('INVALID_PARAMETER_VALUE', `EXPLAIN option ${name.toUpperCase()} requires ANALYZE`);
  }
  const generic = given.get('generic_plan') ?? false;
  if (generic && analyze) throw pgError('INVALID_PARAMETER_VALUE', 'EXPLAIN options ANALYZE and GENERIC_PLAN cannot be used together');
  if (given.get('memory')) throw notSupported('EXPLAIN (MEMORY)');
  return {
    options: {
      analyze, format, verbose: given.get('verbose') ?? false, costs: given.get('costs') ?? true, timing: given.get('timing') ?? analyze,
      summary: given.get('summary') ?? analyze, buffers: given.get('buffers') ?? analyze, settings: given.get('settings') ?? false,
      wal: given.get('wal') ?? false,
    },
    generic,
  };
}
