/**
 * From statements to plans: parse analysis, rewriting and planning for one session, and the check that kept plans are
 * still right.
 */
import type { Node, TypeName } from 'libpg-query';
import { analyze, checkParametersResolved, type AnalyzeContext, type ParameterTypes } from '../analyzer/analyze.js';
import { coerceToTargetType } from '../analyzer/coerce.js';
import { assignExprCollations } from '../analyzer/collate.js';
import { transformExpr } from '../analyzer/expr.js';
import { exprLocation, exprType } from '../analyzer/node-functions.js';
import type { Query } from '../analyzer/nodes.js';
import { ParseState } from '../analyzer/state.js';
import { readStoredExpr, readStoredExprs } from '../analyzer/stored.js';
import { parseTypeString, typeNameType } from '../analyzer/type-name.js';
import { pgError } from '../base/error.js';
import type { Oid } from '../catalog/api.js';
import { bodyAs, bodyOf, tagOf, type RawNode, type RawStatement } from '../parser/raw.js';
import { estimateClass } from '../planner/estimate-class.js';
import { isOfOneKey, planIgnoresValues } from '../planner/fast-path.js';
import type { PlannerContext, PlannerEvaluator, PlannerSettings } from '../planner/context.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import type { Datum } from '../types/datum.js';
import type { ResultShape } from './client.js';
import { planQuery, rewrite } from './pipeline.js';
import { readPlannerSettings } from './planner-settings.js';
import { checkExpressionFunctions } from './permissions.js';
import type { CursorOptions } from './portal.js';
import type { PreparedStatement, Session } from './session.js';
import { withRowIdentity } from './row-identity.js';
import { checkSameShape, planLocks, queryShape, Statement, type StatementPlans } from './statement.js';

const FIRST_NORMAL_OID = 16_384;

function areSameOids(some: readonly Oid[], others: readonly Oid[]): boolean {
  return some.length === others.length && some.every((oid, index) => oid === others[index]);
}

/** See the file's comment. */
export class Planning {
  private settings: PlannerSettings | null = null;
  private settingsVersion = -1;
  private readonly evaluator: PlannerEvaluator;

  constructor(private readonly session: Session) {
    this.evaluator = {
      evaluate: (expr) => {
        if (!session.isSuperuser) checkExpressionFunctions(session, expr);
        return session.runner.evaluate(expr);
      },
      callFunction: (functionOid, collation, args) => session.runner.callFunction(functionOid, collation, args),
      compare: (typeOid, a, b, collation) => session.types.compare(typeOid, a, b, collation),
    };
  }

  private plannerSettings(): PlannerSettings {
    if (this.settings === null || this.settingsVersion !== this.session.settingChanges.version) {
      this.settings = readPlannerSettings(this.session.settings);
      this.settingsVersion = this.session.settingChanges.version;
    }
    return this.settings;
  }

  /** What analysis works with. */
  analyzeContext(sourceText: string, parameters?: ParameterTypes): AnalyzeContext {
    return { catalog: this.session.catalog, services: this.session.services, sourceText, parameters };
  }

  /** Analyzes and rewrites; the parameters' types are inferred where `variable`. */
  analyzeStatement(raw: RawStatement, sourceText: string, parameters: ParameterTypes): readonly Query[] {
    return rewrite(analyze(raw, this.analyzeContext(sourceText, parameters)), this.session);
  }

  /** Analyzes a statement whose literals may become parameters; its plans are made with it. */
  analyzeLiterals(statement: Statement): void {
    const query = analyze(statement.raw!, { ...this.analyzeContext(statement.sourceText), literals: statement.literals! });
    statement.plans = this.plan(statement, rewrite(query, this.session), statement.literals!.types);
  }

  /** Parse and PREPARE: analyzes, so that the parameters' types are known. Throws 42P18 for one that is not. */
  prepare(statement: Statement): void {
    if (statement.isUtility) return;
    const queries = this.analyzeStatement(statement.raw!, statement.sourceText, { mode: 'variable', types: statement.parameterTypes });
    checkParametersResolved(statement.parameterTypes);
    statement.plans = this.plan(statement, queries, statement.parameterTypes);
    statement.promisedShape = statement.plans.shape;
  }

  /** DECLARE CURSOR. */
  prepareCursor(statement: Statement, cursor: CursorOptions): { shape: ResultShape | null; scrollable: boolean } {
    if (statement.raw!.tag !== 'SelectStmt') {
      throw pgError('INVALID_CURSOR_DEFINITION', 'DECLARE CURSOR must specify a SELECT statement');
    }
    const queries = this.analyzeStatement(statement.raw!, statement.sourceText, { mode: 'fixed', types: statement.parameterTypes });
    const [query] = queries;
    if (queries.length !== 1 || query.commandType !== 'select') throw pgError('INVALID_CURSOR_DEFINITION', 'DECLARE CURSOR must specify a SELECT statement');
    if (query.hasModifyingCTE) throw pgError('FEATURE_NOT_SUPPORTED', 'DECLARE CURSOR must not contain data-modifying statements in WITH');
    this.refuseLockingCursor(query, cursor);
    statement.plans = this.plan(statement, queries, statement.parameterTypes, cursor);
    return { shape: statement.plans.shape, scrollable: query.rowMarks.length === 0 && supportsBackwardScan(statement.plans.plans[0]) };
  }

  private refuseLockingCursor(query: Query, cursor: CursorOptions): void {
    if (query.rowMarks.length === 0) return;
    const strength = { keyShare: 'FOR KEY SHARE', share: 'FOR SHARE', noKeyUpdate: 'FOR NO KEY UPDATE', update: 'FOR UPDATE' }[query.rowMarks[0].strength];
    const refuse = (what: string, detail: string): Error =>
      pgError('FEATURE_NOT_SUPPORTED', `DECLARE ${what} ... ${strength} is not supported`, { detail });
    if (cursor.hold) throw refuse('CURSOR WITH HOLD', 'Holdable cursors must be READ ONLY.');
    if (cursor.scroll) throw refuse('SCROLL CURSOR', 'Scrollable cursors must be READ ONLY.');
    if (cursor.insensitive) throw refuse('INSENSITIVE CURSOR', 'Insensitive cursors must be READ ONLY.');
  }

  /** Plans that are right now: the kept ones, or new ones. */
  current(statement: Statement): StatementPlans {
    const { plans } = statement;
    if (plans !== null && this.isCurrent(plans)) return plans;
    if (statement.literals !== null) {
      this.analyzeLiterals(statement);
    } else {
      const queries = this.analyzeStatement(statement.raw!, statement.sourceText, { mode: 'fixed', types: statement.parameterTypes });
      const fresh = this.plan(statement, queries, statement.parameterTypes);
      if (statement.promisedShape !== undefined) checkSameShape(statement.promisedShape, fresh.shape);
      statement.plans = fresh;
    }
    return statement.plans!;
  }

  /**
   * The statement to execute for these values: the prepared one with its generic plan, or one with a plan of its own. Unnamed
   * statements are made anew for each use: like PostgreSQL's generic plans theirs are shared, unless plan_cache_mode forbids it.
   * A plan that would be the same for all values, or was the same for such values before, counts as the statement's own and is not
   * made, unless it is `shown` (EXPLAIN).
   */
  chosen({ name, statement, choice }: PreparedStatement, parameters: readonly Datum[], shown = false): Statement {
    const mode = this.session.settings.frequent.plan_cache_mode;
    const mayBeCustom = parameters.length > 0 && !statement.isUtility && statement.raw !== null && (name !== '' || mode !== 'auto');
    const generic = mayBeCustom ? this.current(statement) : null;
    if (generic === null || !choice.prefersCustom(mode, generic.plans)) {
      choice.genericPlans++;
      return statement;
    }
    if (!shown && mode === 'auto' && this.ignoresValues(generic, statement)) {
      choice.countCustom(generic.plans, this.plannerSettings().cpuOperatorCost);
      return statement;
    }
    const estimate = shown || mode !== 'auto' ? null : this.estimateClass(statement, generic, parameters);
    if (estimate !== null && choice.isGeneric(estimate, generic)) return statement;
    const custom = new Statement(statement.raw, statement.sourceText, statement.parameterTypes);
    custom.promisedShape = statement.promisedShape;
    custom.plans = this.plan(custom, generic.queries, statement.parameterTypes, null, parameters);
    choice.countCustom(custom.plans.plans, this.plannerSettings().cpuOperatorCost);
    if (estimate !== null) choice.keepClass(estimate, generic, custom.plans);
    return custom;
  }

  private ignoresValues(generic: StatementPlans, { parameterTypes }: Statement): boolean {
    if (generic.isOfOneKey === true) return true;
    const context = this.plannerContext(parameterTypes, null);
    generic.isOfOneKey ??= generic.queries.every((query) => isOfOneKey(query, context));
    return generic.isOfOneKey || generic.queries.every((query) => planIgnoresValues(query, context));
  }

  private estimateClass({ parameterTypes }: Statement, { queries }: StatementPlans, parameters: readonly Datum[]): string | null {
    return queries.length === 1 ? estimateClass(queries[0], this.plannerContext(parameterTypes, parameters)) : null;
  }

  private isCurrent(plans: StatementPlans): boolean {
    const { catalog } = this.session;
    if (plans.epoch !== catalog.epoch) return false;
    if (plans.dependsOnRole && plans.roleOid !== this.session.currentUserOid) return false;
    const path = catalog.searchPath;
    return plans.searchPath === path || areSameOids(plans.searchPath, path);
  }

  private plan(statement: Statement, queries: readonly Query[], parameterTypes: readonly Oid[], cursor: CursorOptions | null = null,
    boundParameters: readonly Datum[] | null = null): StatementPlans {
    const { catalog } = this.session;
    const { epoch } = catalog;
    const identified = cursor === null ? null : withRowIdentity(queries[0]);
    const plans = (identified === null ? queries : [identified.query]).map((query) => this.planOne(query, parameterTypes, boundParameters, cursor));
    return {
      epoch, searchPath: catalog.searchPath, roleOid: this.session.currentUserOid, queries, plans,
      locks: planLocks(plans, catalog.databaseOid, (relation) => relation < FIRST_NORMAL_OID && catalog.relation(relation)?.row.relisshared === true),
      shape: queryShape(catalog, queries),
      dependsOnRole: plans.some((plan) => plan.dependsOnRole),
      identities: identified?.identities ?? [],
      isOfOneKey: null,
    };
  }

  /** Plans one analyzed query. */
  planOne(query: Query, parameterTypes: readonly Oid[], boundParameters: readonly Datum[] | null, cursor: CursorOptions | null = null): PlannedStmt {
    const plan = planQuery(query, this.plannerContext(parameterTypes, boundParameters, cursor));
    if (this.session.inRecovery) this.refuseUnlogged(plan);
    return plan;
  }

  /** 0A000 for a plan that reads what does not come with the log (get_relation_info). */
  private refuseUnlogged({ rtable, commandType }: PlannedStmt): void {
    for (const entry of rtable) {
      if (entry.rtekind !== 'relation' || (commandType === 'insert' && entry.rellockmode === 'RowExclusive')) continue;
      const { persistence = 'p' } = this.session.catalog.relation(entry.relid) ?? {};
      if (persistence !== 'p') throw pgError('FEATURE_NOT_SUPPORTED', 'cannot access temporary or unlogged relations during recovery');
    }
  }

  /** What the planner works with. */
  plannerContext(parameterTypes: readonly Oid[], boundParameters: readonly Datum[] | null, cursor: CursorOptions | null = null): PlannerContext {
    const { session } = this;
    return {
      catalog: session.catalog, settings: this.plannerSettings(), evaluator: this.evaluator, paramTypes: parameterTypes, boundParams: boundParameters,
      readExpression: (serialized) => readStoredExpr(new ParseState(null, this.analyzeContext('')), serialized, 'other'),
      readExpressions: (serialized) => readStoredExprs(new ParseState(null, this.analyzeContext('')), serialized, 'other'),
      forCursor: cursor !== null, scrollable: cursor?.scroll === true,
    };
  }

  // ---------------------------------------------------------------- types and single expressions

  /** A TypeName node's type. */
  typeOfName(name: Node | RawNode, sourceText: string): Oid {
    const body = tagOf(name) === 'TypeName' ? bodyOf(name) : (name as RawNode);
    return typeNameType(new ParseState(null, this.analyzeContext(sourceText)), bodyAs<TypeName & RawNode>(body)).type;
  }

  /** A type by its SQL spelling. */
  typeByText(text: string): Oid {
    return parseTypeString(this.analyzeContext(text), text).type;
  }

  /** EXECUTE's arguments: expressions without columns, coerced to the parameters' types. */
  evaluateParameters(expressions: readonly Node[], types: readonly Oid[], sourceText: string): Datum[] {
    const state = new ParseState(null, this.analyzeContext(sourceText));
    return expressions.map((node, index) => {
      const expr = transformExpr(state, node, 'executeParameter');
      const given = exprType(expr);
      const coerced = coerceToTargetType(state, expr, given, types[index], -1, 'assignment', 'implicitCast', -1);
      if (coerced === null) {
        throw pgError('DATATYPE_MISMATCH',
          `parameter $${index + 1} of type ${this.session.types.formatType(given)} cannot be coerced to the expected type ${this.session.types.formatType(types[index])}`,
          { hint: 'You will need to rewrite or cast the expression.', position: exprLocation(expr) + 1 || undefined });
      }
      return this.evaluator.evaluate(assignExprCollations(state, coerced));
    });
  }
}

/** True when reading backward costs nothing much (ExecSupportsBackwardScan). */
function supportsBackwardScan(plan: PlannedStmt | undefined): boolean {
  let node = plan?.planTree ?? null;
  while (node !== null) {
    switch (node.plan) {
      case 'SeqScan': case 'IndexScan': case 'TidScan': case 'FunctionScan': case 'ValuesScan': case 'CteScan': case 'Material': case 'Sort':
        return true;
      case 'Limit': node = node.child; break;
      case 'SubqueryScan': node = node.subplan; break;
      case 'Result':
        if (node.child === null) return false;
        node = node.child;
        break;
      default: return false;
    }
  }
  return false;
}
