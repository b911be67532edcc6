/**
 * The contract between the session and the utility statements: everything that is not SELECT, INSERT, UPDATE, DELETE or
 * MERGE. The session parses, opens the transaction and calls `executeUtility`; a command works through its
 * `CommandContext` and answers with a `CommandResult`.
 *
 * The session itself runs the statements that are about the session (they never reach `executeUtility`): TransactionStmt,
 * VariableSetStmt, VariableShowStmt, AlterSystemStmt, PrepareStmt, ExecuteStmt, DeallocateStmt, DeclareCursorStmt,
 * FetchStmt, ClosePortalStmt, ListenStmt, UnlistenStmt, NotifyStmt, DiscardStmt, CheckPointStmt, LoadStmt. All others are
 * commands; one that is not there yet raises 0A000 with its name.
 *
 * Idea: PostgreSQL's `ProcessUtility` (tcop/utility.c).
 */
import type { Node } from 'libpg-query';
import type { StorageEngine, Transaction, WaitOptions } from '../access/api.js';
import type { Query, UtilityStatement } from '../analyzer/nodes.js';
import type { Suspend, MaybeSuspended, Suspendable } from '../base/suspend.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { Env } from '../env/env.js';
import type { ExecutionState, Instrumentation } from '../executor/context.js';
import type { FunctionServices } from '../functions/context.js';
import type { RawNode } from '../parser/raw.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import type { Datum, Row } from '../types/datum.js';

/** A column of a result, as RowDescription tells it. */
export interface ResultColumn {
  readonly name: string;
  readonly typeOid: Oid;
  readonly typmod: number;
  /** pg_type.typlen */
  readonly typeLength: number;
  /** Table column it comes from; 0 when it is computed. */
  readonly tableOid: Oid;
  readonly attributeNumber: number;
}

/** What a command answered. */
export interface CommandResult {
  /** The command tag without its count (`processed`): `CREATE TABLE`, `COPY`, `SELECT`. */
  readonly tag: string;
  /** Rows for the client (EXPLAIN, CALL ...), with their columns; null for none. */
  readonly rows: { readonly columns: readonly ResultColumn[]; readonly rows: readonly Row[] } | null;
  /** Rows processed, where the tag has a count. */
  readonly processed?: number;
}

/** Where COPY ... TO STDOUT writes. `begin` once, then `write`, then `end`. */
export interface CopyOutput {
  begin(binary: boolean, columnFormats: readonly (0 | 1)[]): void;
  /** One CopyData message; the bytes are copied. Yield the result when it is not null: the client reads slowly. */
  write(bytes: Uint8Array): Suspend | null;
  /** The same for one row in text or csv format: clients count on one message per row. */
  writeText(text: string): Suspend | null;
  end(): void;
}

/** Where COPY ... FROM STDIN reads. `begin` once, then `read` until null. */
export interface CopyInput {
  begin(binary: boolean, columnFormats: readonly (0 | 1)[]): void;
  /** The next piece of the stream as it arrived (cut anywhere), valid until the next one is asked for; null at its end. Throws 57014 on CopyFail. */
  read(): Suspendable<Uint8Array | null>;
}

/** What a command may do to and ask of its session beyond the transaction. */
export interface CommandSession {
  readonly sessionId: number;
  /** Settings of the planner that are not what the server was built with, as SHOW prints them, in order of their setting. */
  plannerSettings(): readonly { readonly name: string; readonly value: string }[];
  /** 25001 (`VACUUM cannot run inside a transaction block`) unless the statement runs alone. */
  preventInTransactionBlock(command: string): void;
  /** 25006 (`cannot execute COPY FROM in a read-only transaction`). */
  preventIfReadOnly(command: string): void;
  /** 25P01 (`LOCK TABLE can only be used in transaction blocks`) outside one. */
  requireTransactionBlock(command: string): void;
  readonly currentUserOid: Oid;
  readonly sessionUserOid: Oid;
  readonly isSuperuser: boolean;
  /** Ends the transaction and begins the next one (CREATE INDEX CONCURRENTLY, VACUUM, COMMIT in procedures). */
  commitAndBeginNext(): Suspendable<void>;
  /** The current transaction (changes after `commitAndBeginNext`). */
  readonly transaction: Transaction;
  readonly catalog: Catalog;
  /** Validates a setting's value as SET would (ALTER ROLE/DATABASE ... SET); returns its canonical text. */
  checkSetting(name: string, value: string): string;
  /** The verifier to keep in pg_authid.rolpassword for a password in clear text (or the verifier given as such); 0A000 for MD5 hashes. */
  passwordVerifier(password: string): string;
  /** A VariableSetStmt's arguments as one value text; null for DEFAULT. */
  settingValue(variableSet: RawNode): string | null;
  /** Whether the session of this id works in the same database. */
  isInDatabase(sessionId: number): boolean;
  /** Other sessions connected to a database (DROP DATABASE, CREATE DATABASE ... TEMPLATE). */
  countOtherSessions(databaseOid: Oid): number;
  /** Ends the other sessions of a database (DROP DATABASE ... WITH (FORCE)); 57P01 for them. */
  terminateOtherSessions(databaseOid: Oid): void;
  /** What to do with a temporary table at the transaction's end (ON COMMIT DROP, DELETE ROWS); forgotten when it is dropped. */
  onCommitAction(relation: Oid, action: 'drop' | 'delete'): void;
  /** Marks a constraint's check mode for this transaction (SET CONSTRAINTS); null names all. */
  setConstraintsMode(constraintOids: readonly Oid[] | null, deferred: boolean): Suspendable<void>;
  /** Text of a cursor's or prepared statement's query; null when there is none (EXPLAIN EXECUTE). */
  preparedQueries(name: string, parameters: readonly RawNode[]): { queries: readonly Query[]; parameters: readonly Datum[]; generic: boolean } | null;
}

/** Everything a utility statement works with. */
export interface CommandContext {
  readonly env: Env;
  readonly storage: StorageEngine;
  /** Functions' services: settings, notices, type I/O, interrupts. */
  readonly services: FunctionServices;
  readonly session: CommandSession;
  /** The whole query string, for error positions and for what is stored as text. */
  readonly sourceText: string;
  /** False inside functions, procedures and multi-command strings. */
  readonly isTopLevel: boolean;
  /** Parameters of the client ($1...), for EXPLAIN, CREATE TABLE AS, CALL. */
  readonly parameterTypes: readonly Oid[];
  readonly parameters: readonly Datum[];
  /** Limits for lock waits now (lock_timeout, cancel). */
  waitOptions(): WaitOptions;
  /** For evaluating expressions outside a plan (index keys, constraint checks, defaults); sees the catalog snapshot. */
  executionState(): ExecutionState;
  /** Null when the client cannot take part in COPY (embedded without streams, inside a function). */
  readonly copyOutput: CopyOutput | null;
  readonly copyInput: CopyInput | null;

  /** Raw statement (`{ SelectStmt: ... }`) → analyzed and rewritten queries. */
  analyze(statement: Node | RawNode, parameterTypes?: readonly Oid[]): readonly Query[];
  /** Parses, analyzes and rewrites a text of SQL made by a command itself (foreign-key validation, REFRESH). */
  analyzeText(sql: string): readonly Query[];
  /** Plans and runs one analyzed query; rows go to `receive`, whose Suspend (if any) is waited for. Returns the rows processed. */
  execute(query: Query, receive: (row: Row) => Suspend | null, parameters?: readonly Datum[]): Suspendable<number>;
  /** The plan of an analyzed query, for these parameter values; null plans generically (EXPLAIN). */
  plan(query: Query, parameters: readonly Datum[] | null): PlannedStmt;
  /** Runs a plan, measuring its nodes; rows are thrown away (EXPLAIN ANALYZE). Returns the rows processed. */
  measure(plan: PlannedStmt, parameters: readonly Datum[], instrumentation: Instrumentation): MaybeSuspended<number>;
  /** Runs another utility statement as part of this one (CREATE SCHEMA's elements, CREATE TABLE's LIKE, DO's blocks). */
  executeUtility(statement: UtilityStatement): Suspendable<CommandResult>;
}

/** Runs a utility statement. `lib/commands/dispatch.ts` exports the function of this type as `executeUtility`. */
export type ExecuteUtility = (statement: UtilityStatement, context: CommandContext) => Suspendable<CommandResult>;

/** Columns of a utility statement's result before it runs (Describe); null for none. Exported as `describeUtility`. */
export type DescribeUtility = (statement: UtilityStatement, context: CommandContext) => readonly ResultColumn[] | null;
