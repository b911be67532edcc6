/**
 * Where a session finds plans that other sessions made: the environment (database, search path, role, settings) that decides
 * whose plans mean the same, statements of the simple protocol by their text without literals, and prepared ones by their text.
 */
import { assert } from '../base/assert.js';
import { PgError } from '../base/error.js';
import type { Oid } from '../catalog/api.js';
import type { GivenRows } from '../executor/executor.js';
import { changesTypeNegated, liftLiterals, representativeText, type LiftedRows, type LiftedStatement, type Literal } from '../parser/literals.js';
import type { RawStatement } from '../parser/raw.js';
import { TextPattern } from '../parser/text-pattern.js';
import type { Datum } from '../types/datum.js';
import {
  literalParameters, literalRows, literalValues, representativeLiterals, rowValues, type CachedVariant, type PlanEnvironment, type Template,
} from './literal-cache.js';
import type { Session } from './session.js';
import { isOptimizable, Statement } from './statement.js';

/** More literals than this would fill the cache for nothing. */
const MAX_LIFTED = 100;
/** The same for one row of each shape of an INSERT, whose plan does for any number of rows. */
const MAX_ROW_LITERALS = 500;

/** Settings that change nothing about a plan. */
export const PLAN_INDEPENDENT: ReadonlySet<string> = new Set([
  'application_name', 'statement_timeout', 'lock_timeout', 'deadlock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout',
  'transaction_timeout', 'client_min_messages', 'synchronous_commit', 'transaction_isolation', 'transaction_read_only',
  'transaction_deferrable', 'default_transaction_isolation', 'default_transaction_read_only', 'default_transaction_deferrable',
  'log_statement', 'log_duration', 'log_min_messages', 'log_min_duration_statement', 'log_min_error_statement', 'log_error_verbosity',
  'log_parameter_max_length', 'client_encoding', 'is_superuser',
  'session_authorization', 'role',
]);

/** A kept plan, and the values that it runs with. */
export interface CachedStatement {
  readonly variant: CachedVariant;
  readonly parameters: readonly Datum[];
  /** The rows that its VALUES lists stand for. */
  readonly rows: GivenRows | null;
}

/** Whether one of the literals decides by its value what the statement means. */
function cannotBeShared(literals: readonly Literal[]): boolean {
  for (const { kind, text } of literals) if (changesTypeNegated(kind, text)) return true;
  return false;
}

/** See the file's comment. */
export class SharedPlans {
  private environmentVersion = -1;
  private environmentUser: Oid = 0;
  private environmentEpoch = -1;
  private environment: PlanEnvironment | null = null;
  /** The statement that was found last, and where. */
  private last: Template | null = null;
  private lastEnvironment: PlanEnvironment | null = null;

  constructor(private readonly session: Session) {}

  /** The cached plan for a simple statement and its literals as parameters; null when it must take the ordinary way. */
  find(text: string): CachedStatement | null {
    const expected = this.findExpected(text);
    if (expected !== null) return expected;
    const lifted = liftLiterals(text, true);
    return lifted === null ? null : this.findLifted(text, lifted);
  }

  /**
   * `find` for the statement that followed the last one when that came before: clients send the same few statements again and again. Null
   * when it is another one. Measured: finding the plan of a single-row INSERT costs half as much.
   */
  private findExpected(text: string): CachedStatement | null {
    const expected = this.last?.next ?? null;
    const literals = expected?.pattern?.match(text) ?? null;
    if (expected === null || literals === null || cannotBeShared(literals)) return null;
    this.session.block.ensureStarted();
    if (this.planEnvironment() !== this.lastEnvironment) return null;
    const variant = expected.find(literals);
    if (variant === null) return null;
    const parameters = this.valuesOf(variant, literals);
    if (parameters === null) return null;
    this.last = expected;
    return { variant, parameters, rows: null };
  }

  /** The parameters' values; null where one of them is not its type's: the ordinary way tells the client, with the position. */
  private valuesOf(variant: CachedVariant, literals: readonly Literal[]): Datum[] | null {
    try {
      return literalValues(variant, literals, this.session.types);
    } catch (error) {
      if (error instanceof PgError) return null;
      throw error;
    }
  }

  private findLifted(text: string, lifted: LiftedStatement): CachedStatement | null {
    if (lifted.literals.length > MAX_LIFTED || cannotBeShared(lifted.literals)) return null;
    this.session.block.ensureStarted();
    try {
      return lifted.rows === null ? this.findPlain(text, lifted) : this.findRows(text, lifted, lifted.rows);
    } catch (error) {
      // The ordinary way tells the client what is wrong, with its position.
      if (error instanceof PgError) return null;
      throw error;
    }
  }

  private findPlain(text: string, lifted: LiftedStatement): CachedStatement | null {
    const environment = this.planEnvironment();
    const template = environment.template(lifted.key);
    const variant = this.variant(template, text, lifted, lifted.literals, null);
    if (variant !== null) this.expectAgain(environment, template, text, lifted);
    return variant && { variant, parameters: literalValues(variant, lifted.literals, this.session.types), rows: null };
  }

  /** An INSERT of several rows: the plan is that of a statement with one row of each shape. */
  private findRows(text: string, lifted: LiftedStatement, rows: LiftedRows): CachedStatement | null {
    const literals = representativeLiterals(lifted, rows);
    if (literals.length > MAX_ROW_LITERALS) return null;
    const template = this.planEnvironment().rowTemplate(lifted.key);
    const variant = this.variant(template, text, lifted, literals, rows);
    if (variant !== null) return { variant, parameters: literalValues(variant, literals, this.session.types), rows: rowValues(variant, rows, this.session.types) };
    const plain = template.cacheable ? null : liftLiterals(text);
    return plain === null ? null : this.findLifted(text, plain);
  }

  /** Remembers that this statement came after the last one. */
  private expectAgain(environment: PlanEnvironment, template: Template, text: string, lifted: LiftedStatement): void {
    template.pattern ??= TextPattern.of(text, lifted);
    if (this.last !== null && this.lastEnvironment === environment) this.last.next = template;
    this.last = template;
    this.lastEnvironment = environment;
  }

  /** The plan for these literals, made when there is none; null when the statement is not one of those that can be cached. */
  private variant(template: Template, text: string, lifted: LiftedStatement, literals: readonly Literal[], rows: LiftedRows | null): CachedVariant | null {
    if (!template.cacheable) return null;
    const found = template.find(literals);
    if (found !== null) return found;
    const source = rows === null ? text : representativeText(text, rows);
    const statements = this.session.engine.parseCached(source);
    const raw = statements[0];
    if (statements.length !== 1 || !isOptimizable(raw.tag)) {
      template.cacheable = false;
      return null;
    }
    const placed = rows === null ? lifted : liftLiterals(source);
    assert(placed?.literals.length === literals.length, 'a statement and its representative have the same literals');
    const stands = rows === null ? undefined : literalRows(rows, literals.length);
    const statement = new Statement(raw, source, [], literalParameters(source, placed, stands));
    this.session.planning.analyzeLiterals(statement);
    const variant = stands?.taken === false ? null : template.add(literals, statement, rows);
    if (variant === null) template.cacheable = false;
    return variant;
  }

  /** The environment of shared plans that this session is in now. */
  private planEnvironment(): PlanEnvironment {
    const { epoch } = this.session.catalog;
    const { settingChanges: { version }, currentUserOid } = this.session;
    if (this.environment !== null && this.environmentEpoch === epoch && this.environmentVersion === version && this.environmentUser === currentUserOid) return this.environment;
    this.environmentEpoch = epoch;
    this.environmentVersion = version;
    this.environmentUser = currentUserOid;
    const key = `${this.session.databaseOid}|${this.session.catalog.searchPath.join()}|${currentUserOid}|${this.planSettings()}`;
    this.environment = this.session.engine.planEnvironment(key);
    return this.environment;
  }

  /** Every setting that differs from the server's and may matter to a plan. */
  private planSettings(): string {
    const parts: string[] = [];
    for (const [key, entry] of this.session.settings.changed()) if (!PLAN_INDEPENDENT.has(key)) parts.push(`${key}=${String(entry.value)}`);
    return parts.sort().join(';');
  }

  /** A statement with its plans, from the cache of the session's environment when it was prepared there before. */
  prepare(raw: RawStatement, query: string, parameterTypes: readonly Oid[]): Statement {
    this.session.block.ensureStarted();
    const environment = this.planEnvironment();
    const key = `${parameterTypes.join()}\0${query}`;
    const known = environment.preparedStatement(key);
    if (known?.plans?.epoch === this.session.catalog.epoch) return known;
    const statement = new Statement(raw, query, [...parameterTypes]);
    this.session.planning.prepare(statement);
    environment.keepPrepared(key, statement);
    return statement;
  }
}
