/**
 * Bodies of SQL-language functions for the executor: texts and stored queries are analyzed, planned and kept per types of
 * a call; entering a function applies its SET clauses and, with SECURITY DEFINER, its owner's rights.
 */
import type { Node } from 'libpg-query';
import type { Query } from '../analyzer/nodes.js';
import { deserializeQueries } from '../analyzer/serialize.js';
import { bodySignature } from '../commands/function/body-signature.js';
import { analyzeBodyStatement, withDeclaredResult, type BodyContext, type BodySignature } from '../commands/function/sql-body.js';
import { analyzeInline, inlineStatements } from '../commands/function/validate-body.js';
import { notSupported, pgError } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import { isTrueArray } from '../catalog/format-type.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { PgProc } from '../catalog/rows.js';
import type { ExecutionContext } from '../executor/context.js';
import type { SqlFunctionBodies, SqlFunctionStatement } from '../executor/sql-function.js';
import type { CallInfo } from '../functions/context.js';
import { parse } from '../parser/parse.js';
import { bodyAs, type RawNode } from '../parser/raw.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import type { Datum } from '../types/datum.js';
import { rewrite } from './pipeline.js';
import { collector } from './runner.js';
import type { Session } from './session.js';
import { planLocks, Statement } from './statement.js';

const SQL_TEXT_PREFIX = 'sql:';
const PG_CATALOG_OID = 11;
const FIRST_NORMAL_OID = 16_384;
const POLYMORPHIC: ReadonlySet<number> = new Set([2283, 2277, 2776, 3500, 3831, 4537, 5077, 5078, 5079, 5080, 4538]);
const ANY_ARRAYS: ReadonlySet<number> = new Set([2277, 5078]);
/** Bodies kept per session; beyond this the cache starts anew. */
const MAX_KEPT = 500;

/** See the file's comment. */
export class SqlFunctions implements SqlFunctionBodies {
  private readonly kept = new Map<string, { readonly row: PgProc; readonly statements: readonly SqlFunctionStatement[] }>();

  constructor(private readonly session: Session) {}

  statements(proc: PgProc, call: CallInfo): readonly SqlFunctionStatement[] {
    const key = `${proc.oid}/${call.argTypes.join()}/${call.resultType}/${call.variadic}`;
    const kept = this.kept.get(key);
    if (kept?.row === proc) return kept.statements;
    const statements = this.makeStatements(proc, call);
    if (this.kept.size >= MAX_KEPT) this.kept.clear();
    this.kept.set(key, { row: proc, statements });
    return statements;
  }

  enter(proc: PgProc): (() => void) | null {
    const { settings } = this.session;
    const config = (proc.proconfig?.elements ?? []) as readonly string[];
    if (proc.prosecdef && proc.proowner !== this.session.currentUserOid) throw notSupported('SECURITY DEFINER functions of another role');
    if (config.length === 0) return null;
    const level = settings.beginLevel();
    for (const entry of config) {
      const at = entry.indexOf('=');
      this.session.services.setSetting(entry.slice(0, at), entry.slice(at + 1), true);
    }
    return () => settings.endLevel(level, false);
  }

  /** Built-in bodies see pg_catalog only. */
  private contextOf(proc: PgProc): BodyContext {
    const { catalog, services } = this.session;
    if (proc.oid >= FIRST_NORMAL_OID) return { catalog, services };
    return { catalog: Object.create(catalog, { searchPath: { value: [PG_CATALOG_OID] } }) as Catalog, services };
  }

  private makeStatements(proc: PgProc, call: CallInfo): SqlFunctionStatement[] {
    const types = this.inputTypes(proc, call);
    // Anew for every analysis: columns of the result's row type may have come and gone.
    const signature = (): BodySignature => bodySignature(this.contextOf(proc), proc, types, call.resultType);
    if (proc.prosqlbody === null) {
      const statements = parse(proc.prosrc);
      return statements.map((statement, at) => new BodyStatement(this.session, types, () => this.analyzed(proc, signature(), at === statements.length - 1,
        (context, current) => analyzeBodyStatement(context, current, statement, proc.prosrc))));
    }
    if (proc.prosqlbody.startsWith(SQL_TEXT_PREFIX)) {
      const bodies = builtinBody(proc.prosqlbody.slice(SQL_TEXT_PREFIX.length), proc);
      return bodies.map((node, at) => new BodyStatement(this.session, types, () => this.analyzed(proc, signature(), at === bodies.length - 1,
        (context, current) => analyzeInline(context, current, node, ''))));
    }
    return deserializeQueries(proc.prosqlbody).map((query) => new BodyStatement(this.session, types, () => query));
  }

  private analyzed(proc: PgProc, signature: BodySignature, isLast: boolean, analyze: (context: BodyContext, signature: BodySignature) => Query): Query {
    const context = this.contextOf(proc);
    const query = analyze(context, signature);
    return isLast ? withDeclaredResult(context, signature, [query])[0] : query;
  }

  /** Types of the parameters in this call: polymorphic ones are what the arguments are. */
  private inputTypes(proc: PgProc, call: CallInfo): Oid[] {
    const { catalog } = this.session;
    return (proc.proargtypes.elements as readonly Oid[]).map((declared, at) => {
      if (!POLYMORPHIC.has(declared) && declared !== 2249) return declared;
      const actual = call.argTypes[at];
      if (actual === undefined) return declared;
      const row = catalog.type(actual);
      return ANY_ARRAYS.has(declared) && row !== null && !isTrueArray(row) ? row.typarray : actual;
    });
  }
}

/** The statements of `RETURN ...` or `BEGIN ATOMIC ... END`, parsed as part of a CREATE FUNCTION. */
function builtinBody(text: string, proc: PgProc): Node[] {
  const [statement] = parse(`CREATE FUNCTION f() RETURNS void LANGUAGE sql ${text}`);
  const { sql_body: body } = bodyAs<{ sql_body?: Node }>(statement.body as RawNode & { sql_body?: Node });
  if (body === undefined) throw pgError('INTERNAL_ERROR', `function ${proc.proname} has no body`);
  return inlineStatements(body);
}

/** One statement, analyzed and planned when it is reached; its plan is kept while the catalogs stay as they are. */
class BodyStatement implements SqlFunctionStatement {
  private kept: { readonly epoch: number; readonly plan: PlannedStmt; readonly path: readonly Oid[] } | null = null;
  private utility: Query['utilityStmt'] = null;

  constructor(private readonly session: Session, private readonly types: readonly Oid[], private readonly analyzed: () => Query) {}

  *plan(): Suspendable<PlannedStmt | null> {
    const { catalog } = this.session;
    for (;;) {
      const { epoch, searchPath } = catalog;
      if (this.kept === null || this.kept.epoch !== epoch || this.kept.path !== searchPath) {
        const plan = this.makePlan();
        if (plan === null) return null;
        this.kept = { epoch, plan, path: searchPath };
      }
      if (!(yield* this.lock(this.kept.plan))) {
        this.session.runner.checkPlan(this.kept.plan);
        return this.kept.plan;
      }
    }
  }

  private makePlan(): PlannedStmt | null {
    const query = this.analyzed();
    if (query.commandType === 'utility') {
      this.utility = query.utilityStmt;
      return null;
    }
    const queries = rewrite(query, this.session);
    if (queries.length !== 1) throw notSupported('rules on the tables of an SQL function');
    return this.session.planning.planOne(queries[0], this.types, null);
  }

  /** Locks the plan's relations. True when that had to wait: the plan may be stale. */
  private *lock(plan: PlannedStmt): Suspendable<boolean> {
    const { catalog, engine, block } = this.session;
    let waited = false;
    for (const { tag, mode } of planLocks([plan], catalog.databaseOid, (relation) => relation < FIRST_NORMAL_OID && catalog.relation(relation)?.row.relisshared === true)) {
      if (engine.storage.locks.tryLock(block.transaction, tag, mode)) continue;
      waited = true;
      yield* engine.storage.locks.lock(block.transaction, tag, mode, this.session.waitOptions());
    }
    return waited;
  }

  *executeUtility(context: ExecutionContext): Suspendable<void> {
    const statement = new Statement(null, '', [...this.types]);
    yield* this.session.runner.utility.run(this.utility!, statement, context.params as readonly Datum[], collector([]), false, null);
    this.session.catalog.commandCounterIncrement();
  }
}
