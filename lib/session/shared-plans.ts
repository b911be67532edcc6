/**
 * Where a session finds plans that other sessions made: the environment (database, search path, role, settings) that decides
 * whose plans mean the same, statements of the simple protocol by their text without literals, and prepared ones by their text.
 */
import { PgError } from '../base/error.js';
import type { Oid } from '../catalog/api.js';
import type { LiftedStatement } from '../parser/literals.js';
import type { RawStatement } from '../parser/raw.js';
import type { Datum } from '../types/datum.js';
import { changesTypeNegated, literalParameters, literalValues, type CachedVariant, type PlanEnvironment } from './literal-cache.js';
import type { Session } from './session.js';
import { isOptimizable, Statement } from './statement.js';

/** More literals than this: a bulk INSERT, which would fill the cache for nothing. */
const MAX_LIFTED = 100;

/** Settings that change nothing about a plan. */
export const PLAN_INDEPENDENT: ReadonlySet<string> = new Set([
  'application_name', 'statement_timeout', 'lock_timeout', 'deadlock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout',
  'transaction_timeout', 'client_min_messages', 'synchronous_commit', 'transaction_isolation', 'transaction_read_only',
  'transaction_deferrable', 'default_transaction_isolation', 'default_transaction_read_only', 'default_transaction_deferrable',
  'log_statement', 'log_duration', 'log_min_messages', 'log_min_duration_statement', 'log_min_error_statement', 'log_error_verbosity',
  'log_parameter_max_length', 'client_encoding', 'is_superuser',
  'session_authorization', 'role',
]);

/** See the file's comment. */
export class SharedPlans {
  private environmentKey = '';
  private environmentEpoch = -1;
  private environment: PlanEnvironment | null = null;

  constructor(private readonly session: Session) {}

  /** The cached plan for a simple statement and its literals as parameters; null when it must take the ordinary way. */
  find(text: string, lifted: LiftedStatement): { variant: CachedVariant; parameters: Datum[] } | null {
    if (lifted.literals.length > MAX_LIFTED || lifted.literals.some(changesTypeNegated)) return null;
    this.session.block.ensureStarted();
    const template = this.planEnvironment().template(lifted.key);
    if (!template.cacheable) return null;
    let variant = template.find(lifted.literals);
    try {
      if (variant === null) {
        const statements = this.session.engine.parseCached(text);
        const raw = statements[0];
        if (statements.length !== 1 || !isOptimizable(raw.tag)) {
          template.cacheable = false;
          return null;
        }
        const statement = new Statement(raw, text, [], literalParameters(text, lifted));
        this.session.planning.analyzeLiterals(statement);
        variant = template.add(lifted.literals, statement);
      }
      return { variant, parameters: literalValues(variant, lifted.literals, this.session.types) };
    } catch (error) {
      // The ordinary way tells the client what is wrong, with its position.
      if (error instanceof PgError) return null;
      throw error;
    }
  }

  /** The environment of shared plans that this session is in now. */
  private planEnvironment(): PlanEnvironment {
    const { epoch } = this.session.catalog;
    const version = this.session.settingChanges.version;
    if (this.environment !== null && this.environmentEpoch === epoch && this.environmentKey === `${version}/${this.session.currentUserOid}`) return this.environment;
    this.environmentEpoch = epoch;
    this.environmentKey = `${version}/${this.session.currentUserOid}`;
    const key = `${this.session.databaseOid}|${this.session.catalog.searchPath.join()}|${this.session.currentUserOid}|${this.planSettings()}`;
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
