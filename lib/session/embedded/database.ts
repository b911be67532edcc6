/**
 * The embedded database: the engine in the caller's process, without a wire. `PGliteDB.query`, `exec` and `transaction`
 * work on one session, one call after the other; `session()` opens further ones that run concurrently.
 */
import { PgError, pgError } from '../../base/error.js';
import { drive, type Suspendable } from '../../base/suspend.js';
import { openEngine, type Engine } from '../engine.js';
import type { LogWriter } from '../server-log.js';
import type { Session } from '../session.js';
import { ResultCollector, type ResultOptions, type Results } from './results.js';
import { toParameter, type SqlParameter } from './values.js';

/** Options of `PGliteDB.open`. */
export interface OpenOptions {
  /** Settings as of `-c name=value`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Called for each entry of the server log (errors, log_statement, log_min_duration_statement ...). */
  readonly log?: LogWriter;
  /** Default: `postgres`. */
  readonly database?: string;
  /** Default: `postgres`. */
  readonly username?: string;
}

/** Options of one session. */
export type SessionOptions = Pick<OpenOptions, 'database' | 'username'>;

/** Options of one call. */
export interface QueryOptions extends ResultOptions {
  /** Told of NOTICE, WARNING ... */
  readonly onNotice?: (notice: PgError) => void;
  /** Types of the parameters by OID, where they shall not be inferred. */
  readonly paramTypes?: readonly number[];
}

/** Called with the payload of a notification. */
export type NotificationListener = (payload: string) => void;

/** What can be run on a session or in a transaction. */
export interface Queryable {
  /** Runs one statement with parameters `$1`, `$2` ... */
  query<T = Record<string, unknown>>(sql: string, params?: readonly SqlParameter[], options?: QueryOptions): Promise<Results<T>>;
  /** Runs any number of statements as one implicit transaction; a result for each. */
  exec(sql: string, options?: QueryOptions): Promise<Results[]>;
}

/** A transaction under way. */
export interface TransactionHandle extends Queryable {
  /** Rolls back; later calls fail. */
  rollback(): Promise<void>;
}

/** One session of an embedded database. Calls are run in order. */
export class EmbeddedSession implements Queryable {
  private readonly session: Session;
  private queue: Promise<unknown> = Promise.resolve();
  private onNotice: ((notice: PgError) => void) | null = null;
  private readonly listeners = new Map<string, Set<NotificationListener>>();
  private ended: PgError | null = null;

  constructor(private readonly engine: Engine, options: SessionOptions) {
    const username = options.username ?? 'postgres';
    const role = engine.findRole(username);
    if (role === null) throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', `role "${username}" does not exist`);
    this.session = engine.connect({
      role, database: options.database ?? 'postgres', address: { address: null, port: null }, settings: [], processId: engine.nextProcessId(),
      client: {
        notice: (notice) => this.onNotice?.(notice),
        parameterStatus: () => undefined,
        notification: (_processId, channel, payload) => this.notified(channel, payload),
        terminated: (error) => this.terminated(error),
      },
    });
  }

  private notified(channel: string, payload: string): void {
    for (const listener of this.listeners.get(channel) ?? []) listener(payload);
  }

  private terminated(error: PgError): void {
    this.ended = error;
    this.session.interrupt(error);
    this.session.close();
  }

  query<T = Record<string, unknown>>(sql: string, params: readonly SqlParameter[] = [], options: QueryOptions = {}): Promise<Results<T>> {
    return this.enqueue(() => this.runQuery<T>(sql, params, options));
  }

  exec(sql: string, options: QueryOptions = {}): Promise<Results[]> {
    return this.enqueue(() => this.runExec(sql, options));
  }

  /** Runs `body` in a transaction: commits what it resolves with, rolls back when it rejects. Other calls wait. */
  transaction<T>(body: (transaction: TransactionHandle) => Promise<T>): Promise<T> {
    return this.enqueue(async () => {
      await this.runExec('BEGIN', {});
      let open = true;
      const running = <R>(call: () => Promise<R>): Promise<R> => (open ? call() : Promise.reject(pgError('NO_ACTIVE_SQL_TRANSACTION', 'the transaction has ended')));
      const finish = async (command: string): Promise<void> => {
        if (!open) return;
        open = false;
        await this.runExec(command, {});
      };
      try {
        const result = await body({
          query: (sql, params = [], options = {}) => running(() => this.runQuery(sql, params, options)),
          exec: (sql, options = {}) => running(() => this.runExec(sql, options)),
          rollback: () => finish('ROLLBACK'),
        });
        await finish('COMMIT');
        return result;
      } catch (error) {
        await finish('ROLLBACK');
        throw error;
      }
    });
  }

  /** Listens to a channel; the result stops listening. */
  async listen(channel: string, listener: NotificationListener): Promise<() => Promise<void>> {
    const quoted = `"${channel.replaceAll('"', '""')}"`;
    const known = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, known.add(listener));
    await this.exec(`LISTEN ${quoted}`);
    return async () => {
      known.delete(listener);
      if (known.size > 0) return;
      this.listeners.delete(channel);
      await this.exec(`UNLISTEN ${quoted}`);
    };
  }

  /** Cancels what runs now. */
  cancel(): void {
    this.session.cancel();
  }

  /** Ends the session; what it had open is rolled back. */
  async close(): Promise<void> {
    await this.enqueue(async () => {
      this.ended ??= pgError('CONNECTION_DOES_NOT_EXIST', 'the session is closed');
      this.session.close();
    });
  }

  private enqueue<T>(call: () => Promise<T>): Promise<T> {
    const result = this.queue.then(() => {
      if (this.ended !== null) throw this.ended;
      return call();
    });
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async runQuery<T>(sql: string, params: readonly SqlParameter[], options: QueryOptions): Promise<Results<T>> {
    const collector = new ResultCollector(this.session.types, options);
    await this.run(this.extended(sql, params, options, collector), options);
    return collector.results[0] as Results<T>;
  }

  private *extended(sql: string, params: readonly SqlParameter[], options: QueryOptions, collector: ResultCollector): Suspendable<void> {
    const { session } = this;
    if (params.length === 0 && options.paramTypes === undefined && (yield* session.simple.queryKept(sql, collector))) return;
    yield* session.extended.parse('', sql, options.paramTypes ?? []);
    const { parameterTypes } = yield* session.extended.describeStatement('');
    const binding = session.extended.bind('', '', params.map((value, index) => toParameter(value, parameterTypes[index] ?? 0)), []);
    if (binding !== null) yield* binding;
    const execution = session.extended.execute('', 0, collector);
    if (execution !== null) yield* execution;
    const ending = session.extended.sync();
    if (ending !== null) yield* ending;
  }

  private async runExec(sql: string, options: QueryOptions): Promise<Results[]> {
    const collector = new ResultCollector(this.session.types, options);
    await this.run(this.simple(sql, collector), options);
    return collector.results as Results[];
  }

  private *simple(sql: string, collector: ResultCollector): Suspendable<void> {
    const waits = this.session.simple.query(sql, collector);
    if (waits !== null) yield* waits;
  }

  private async run(work: Suspendable<void>, options: QueryOptions): Promise<void> {
    const { session } = this;
    this.onNotice = options.onNotice ?? null;
    try {
      await drive(work);
      await this.acknowledged();
    } catch (error) {
      const shown = session.fail(error);
      const ending = session.extended.sync();
      if (ending !== null) await drive(ending);
      throw shown;
    } finally {
      session.beforeReady();
      session.becomeIdle();
    }
  }

  /** Waits until the session's commits are on stable storage. */
  private acknowledged(): Promise<void> | void {
    let opened: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => {
      opened = resolve;
    });
    if (!this.session.ends.tryPassCommits(opened)) return waiting.then(() => this.acknowledged());
    return undefined;
  }
}

/** An embedded database. */
export class PGliteDB implements Queryable {
  private readonly main: EmbeddedSession;
  private readonly others = new Set<EmbeddedSession>();
  private closed = false;

  private constructor(private readonly engine: Engine, private readonly options: OpenOptions) {
    this.main = new EmbeddedSession(engine, options);
  }

  /** Opens a data directory, made and initialised when it is not there, or `memory://`. */
  static async open(dir: string, options: OpenOptions = {}): Promise<PGliteDB> {
    const settings = Object.entries(options.settings ?? {}).map(([name, value]): [string, string] => [name, String(value)]);
    return new PGliteDB(await openEngine({ dir, settings, log: options.log }), options);
  }

  /** Runs one statement with parameters `$1`, `$2` ... */
  query<T = Record<string, unknown>>(sql: string, params?: readonly SqlParameter[], options?: QueryOptions): Promise<Results<T>> {
    return this.main.query<T>(sql, params, options);
  }

  /** Runs any number of statements; a result for each. */
  exec(sql: string, options?: QueryOptions): Promise<Results[]> {
    return this.main.exec(sql, options);
  }

  /** Runs `body` in a transaction: commits what it resolves with, rolls back when it rejects. */
  transaction<T>(body: (transaction: TransactionHandle) => Promise<T>): Promise<T> {
    return this.main.transaction(body);
  }

  /** Opens one more session: it runs concurrently with the others. */
  async session(options: SessionOptions = {}): Promise<EmbeddedSession> {
    const session = new EmbeddedSession(this.engine, { ...this.options, ...options });
    this.others.add(session);
    return session;
  }

  /** Listens to a channel; the result stops listening. */
  listen(channel: string, listener: NotificationListener): Promise<() => Promise<void>> {
    return this.main.listen(channel, listener);
  }

  /** Ends all sessions, writes a checkpoint and closes the data directory. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const session of this.others) await session.close().catch(() => undefined);
    await this.main.close().catch(() => undefined);
    await this.engine.close();
  }
}
