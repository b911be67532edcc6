/**
 * What one session writes to the server log: errors and notices (log_min_messages, log_min_error_statement,
 * log_error_verbosity), statements (log_statement), durations (log_duration, log_min_duration_statement), its beginning and its
 * end (log_connections, log_disconnections). Texts are PostgreSQL's (tcop/postgres.c, utils/init/postinit.c).
 *
 * A session that logs no statements pays one test of `isActive` a statement.
 */
import type { PgError } from '../base/error.js';
import type { RawStatement } from '../parser/raw.js';
import type { Datum } from '../types/datum.js';
import { errorFields, passesThreshold, type LogEntry } from './server-log.js';
import type { Session } from './session.js';
import { connectionAspects } from './settings/logging.js';
import type { Statement } from './statement.js';

/** Classes of log_statement; each logs what the ones before it do. */
const CLASSES = ['none', 'ddl', 'mod', 'all'];

const READING = new Set([
  'SelectStmt', 'TransactionStmt', 'DeclareCursorStmt', 'ClosePortalStmt', 'FetchStmt', 'NotifyStmt', 'ListenStmt', 'UnlistenStmt', 'LoadStmt',
  'VacuumStmt', 'ExplainStmt', 'VariableSetStmt', 'VariableShowStmt', 'DiscardStmt', 'LockStmt', 'ConstraintsSetStmt', 'CheckPointStmt',
  'ReindexStmt', 'DoStmt', 'CallStmt', 'DeallocateStmt',
]);
const MODIFYING = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'TruncateStmt']);

/** A message of the extended protocol, as durations name it. */
export interface ProtocolStep {
  readonly kind: 'parse' | 'bind' | 'execute';
  readonly statementName: string;
  readonly portalName: string;
  readonly parameters: readonly Datum[];
}

/** See the file's comment. */
export class StatementLog {
  /** Some setting asks for statements or durations. */
  isActive = false;
  /** The running statement was logged when it began. */
  private wasLogged = false;

  constructor(private readonly session: Session) {}

  private setting(name: string): string {
    return String(this.session.settings.value(name));
  }

  /** Looks at the settings again. */
  settingsChanged(): void {
    const { settings } = this.session;
    this.isActive = settings.value('log_statement') !== 'none' || settings.value('log_duration') === true || settings.value('log_min_duration_statement') !== -1;
  }

  /** The session has begun. */
  connected(): void {
    if (!connectionAspects(this.setting('log_connections')).has('authorization')) return;
    const { roleName, databaseName } = this.session.identity;
    const application = this.setting('application_name');
    this.log(`connection authorized: user=${roleName} database=${databaseName}${application === '' ? '' : ` application_name=${application}`}`);
  }

  /** The session is over. */
  disconnected(): void {
    if (this.session.settings.value('log_disconnections') !== true) return;
    const { identity } = this.session;
    const milliseconds = Math.round(this.session.age() / 1000);
    const pad = (value: number, width: number): string => String(value).padStart(width, '0');
    const seconds = Math.floor(milliseconds / 1000);
    const time = `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(milliseconds % 1000, 3)}`;
    const { address, port } = identity.address;
    this.log(`disconnection: session time: ${time} user=${identity.roleName} database=${identity.databaseName} host=${address ?? '[local]'}${port !== null && port > 0 ? ` port=${port}` : ''}`);
  }

  /** An error that ended a statement, or a notice. */
  message(error: PgError): void {
    if (this.session.engine.log === null || !passesThreshold(error.severity, this.setting('log_min_messages'))) return;
    const { queryText } = this.session;
    const withStatement = queryText !== '' && passesThreshold(error.severity, this.setting('log_min_error_statement'));
    this.write({
      error_severity: error.severity, ...errorFields(error, this.setting('log_error_verbosity') === 'terse'), ...withStatement && { statement: queryText },
    });
  }

  /** A query string begins. */
  queryBegins(text: string, statements: readonly (RawStatement | null)[]): void {
    this.wasLogged = statements.some((raw) => raw !== null && this.isWanted(raw));
    if (this.wasLogged) this.log(`statement: ${text}`);
  }

  /** A query string has run. */
  queryEnded(text: string): void {
    this.duration(`statement: ${text}`);
  }

  /** An Execute begins. */
  executeBegins(statement: Statement, step: ProtocolStep): void {
    this.wasLogged = statement.raw !== null && this.isWanted(statement.raw);
    if (this.wasLogged) this.log(`${describeStep(step)}: ${statement.sourceText}`, this.parameters(statement, step));
  }

  /** A Parse, Bind or Execute is done. */
  stepEnded(statement: Statement, step: ProtocolStep): void {
    if (step.kind !== 'execute') this.wasLogged = false;
    this.duration(`${describeStep(step)}: ${statement.sourceText}`, this.parameters(statement, step));
  }

  private duration(what: string, detail?: string): void {
    const { session } = this;
    const milliseconds = (session.now() - session.statementStartMicros) / 1000;
    const minimum = Number(session.settings.value('log_min_duration_statement'));
    const isLong = minimum >= 0 && milliseconds >= minimum;
    if (!isLong && session.settings.value('log_duration') !== true) return;
    const text = `duration: ${milliseconds.toFixed(3)} ms`;
    if (isLong && !this.wasLogged) this.log(`${text}  ${what}`, detail);
    else this.log(text);
  }

  private isWanted(raw: RawStatement): boolean {
    return CLASSES.indexOf(this.classOf(raw)) <= CLASSES.indexOf(this.setting('log_statement'));
  }

  /** PostgreSQL's GetCommandLogLevel. */
  private classOf({ tag, body }: Pick<RawStatement, 'tag' | 'body'>): string {
    if (tag === 'SelectStmt') return body.intoClause === undefined ? 'all' : 'ddl';
    if (tag === 'CopyStmt') return body.is_from === true ? 'mod' : 'all';
    if (tag === 'PrepareStmt') return this.classOf(innerStatement(body.query));
    if (tag === 'ExecuteStmt') {
      const prepared = this.session.prepared.get(String(body.name))?.statement.raw;
      return prepared ? this.classOf(prepared) : 'all';
    }
    return READING.has(tag) ? 'all' : MODIFYING.has(tag) ? 'mod' : 'ddl';
  }

  /** `Parameters: $1 = '7', $2 = NULL`, as long as log_parameter_max_length allows. */
  private parameters(statement: Statement, { parameters }: ProtocolStep): string | undefined {
    const most = Number(this.session.settings.value('log_parameter_max_length'));
    if (parameters.length === 0 || most === 0) return undefined;
    const shown = parameters.map((value, index) => {
      if (value === null) return `$${index + 1} = NULL`;
      const text = this.session.types.output(statement.parameterTypes[index], value);
      const cut = most > 0 && text.length > most ? `${text.slice(0, most)}...` : text;
      return `$${index + 1} = '${cut.replaceAll("'", "''")}'`;
    });
    return `Parameters: ${shown.join(', ')}`;
  }

  private log(message: string, detail?: string): void {
    if (!passesThreshold('LOG', this.setting('log_min_messages'))) return;
    this.write({ error_severity: 'LOG', message, ...detail !== undefined && { detail } });
  }

  private write(entry: LogEntry): void {
    const { session } = this;
    const { address, port } = session.identity.address;
    session.engine.log?.({
      ...entry, process_id: session.processId, user: session.identity.roleName, dbname: session.identity.databaseName,
      application_name: this.setting('application_name'), remote_host: address ?? '[local]', ...port !== null && port > 0 && { remote_port: port },
    });
  }
}

function describeStep({ kind, statementName, portalName }: ProtocolStep): string {
  return `${kind} ${statementName === '' ? '<unnamed>' : statementName}${portalName === '' ? '' : `/${portalName}`}`;
}

/** The statement in a node such as `{ SelectStmt: { ... } }`. */
function innerStatement(node: unknown): Pick<RawStatement, 'tag' | 'body'> {
  const [[tag, body]] = Object.entries(node as Record<string, RawStatement['body']>);
  return { tag, body };
}
