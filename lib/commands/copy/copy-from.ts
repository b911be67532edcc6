/**
 * COPY FROM: records of the stream into rows of a table, written as INSERT writes them (defaults, checks, indexes,
 * triggers, foreign keys).
 *
 * Idea: PostgreSQL's CopyFrom and NextCopyFrom (commands/copyfrom.c, copyfromparse.c).
 */
import type { Node } from 'libpg-query';
import type { Expr } from '../../analyzer/nodes.js';
import { notSupported, PgError, pgError } from '../../base/error.js';
import { yieldToEventLoop, type Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { sequencesOf } from '../../catalog/depend.js';
import type { PgAttribute } from '../../catalog/rows.js';
import type { ExecutionState } from '../../executor/context.js';
import { compileCondition, compileValue, NO_ROW, type Compiled } from '../../executor/expression/compile.js';
import { TableWriter } from '../../executor/modify/table-writer.js';
import { scanReader, scopeFor } from '../../executor/readers.js';
import { NO_STATEMENT } from '../../executor/relation-access.js';
import { filled } from '../../executor/row.js';
import { storedExpression } from '../../executor/stored-expression.js';
import type { Datum, Row } from '../../types/datum.js';
import { INT4OID, TEXTOID, VARCHAROID } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { cookCondition } from '../expressions.js';
import { BinaryReader } from './binary-format.js';
import { optionColumns } from './copy-columns.js';
import type { CopySource } from './copy-streams.js';
import { CopyLineReader, type CopyField } from './line-reader.js';
import type { CopyOptions } from './options.js';

/** What to load. */
export interface CopyFromTask {
  readonly relation: Relation;
  readonly columns: readonly PgAttribute[];
  readonly options: CopyOptions;
  readonly where: Node | undefined;
  readonly source: CopySource;
}

/** Rows between two looks at the clock of the event loop. */
const ROWS_PER_TURN = 2000;

/** Loads the stream; returns the number of rows stored. Errors carry COPY's context line. */
export function* copyFrom(cx: CommandContext, task: CopyFromTask): Suspendable<number> {
  if (task.relation.kind === 'p') throw notSupported('COPY FROM to a partitioned table');
  const loader = new Loader(cx, task);
  const { afterEvents } = loader.state.context;
  afterEvents.beginStatement();
  let stored: number;
  try {
    stored = yield* loader.run();
  } catch (error) {
    afterEvents.abandonStatement();
    throw error;
  }
  yield* afterEvents.endStatement(loader.state.context);
  return stored;
}

type Convert = (text: string) => Datum;

/** One COPY FROM under way. */
class Loader {
  readonly state: ExecutionState;
  private readonly writer: TableWriter;
  private readonly where: Compiled<boolean> | null;
  private readonly converts: readonly Convert[];
  private readonly forceNull: readonly boolean[];
  private readonly forceNotNull: readonly boolean[];
  /** Defaults of columns that the stream does not give, and (for DEFAULT marks) of those it does. */
  private readonly defaults: { readonly at: number; readonly value: Compiled<Datum> }[];
  private readonly listedDefaults: (Compiled<Datum> | null)[];
  /** A row of nulls. */
  private readonly blank: Datum[];
  private stored = 0;
  private skipped = 0;
  private lineNumber = 0;
  private line: string | null = null;
  private column: string | null = null;
  private columnText: string | null = null;

  constructor(private readonly cx: CommandContext, private readonly task: CopyFromTask) {
    const { relation, columns, options } = task;
    this.state = cx.executionState();
    this.writer = new TableWriter(this.state, relation);
    this.blank = filled<Datum>(relation.attributes.length, null);
    this.converts = columns.map((column) => this.converter(column));
    this.forceNull = optionColumns(relation, columns, options.forceNull, 'FORCE_NULL');
    this.forceNotNull = optionColumns(relation, columns, options.forceNotNull, 'FORCE_NOT_NULL');
    const scope = scopeFor(cx.session.catalog, NO_STATEMENT, scanReader(1, relation.oid));
    const compiled = (attribute: PgAttribute): Compiled<Datum> | null => {
      const expr = this.defaultExpression(attribute);
      return expr && compileValue(scope, expr);
    };
    this.defaults = relation.attributes.filter((attribute) => !attribute.attisdropped && attribute.attgenerated === '' && !columns.includes(attribute))
      .flatMap((attribute) => {
        const value = compiled(attribute);
        return value ? [{ at: attribute.attnum - 1, value }] : [];
      });
    this.listedDefaults = options.defaultString === null ? [] : columns.map(compiled);
    this.where = task.where ? compileCondition(scope, [cookCondition(cx, relation, task.where, 'copyWhere', 'WHERE')]) : null;
  }

  private defaultExpression(attribute: PgAttribute): Expr | null {
    if (attribute.attidentity !== '') {
      const [seqid] = sequencesOf(this.cx.session.catalog, this.task.relation.oid, attribute.attnum, 'i');
      return { node: 'NextValueExpr', seqid, typeId: attribute.atttypid };
    }
    const text = this.task.relation.defaults[attribute.attnum - 1];
    if (text != null) return storedExpression(text);
    const type = this.cx.session.catalog.type(attribute.atttypid);
    if (type?.typtype === 'd') {
      // A domain's own default and NOT NULL count where the column has none.
      return { node: 'CoerceToDomain', arg: { node: 'Const', consttype: type.typbasetype, consttypmod: -1, constcollid: 0, value: null, location: -1 },
        resulttype: attribute.atttypid, resulttypmod: attribute.atttypmod, resultcollid: attribute.attcollation, coercionformat: 'implicitCast', location: -1 };
    }
    return null;
  }

  /** Text to value; the types that fill most files need no input function. */
  private converter(column: PgAttribute): Convert {
    const { types } = this.cx.services;
    const { atttypid: type, atttypmod: typmod } = column;
    if (type === TEXTOID || (type === VARCHAROID && typmod === -1)) return (text) => text;
    if (type === INT4OID) return (text) => shortInteger(text) ?? types.input(type, text, typmod);
    return (text) => types.input(type, text, typmod);
  }

  *run(): Suspendable<number> {
    const { options, columns, source } = this.task;
    source.begin(options.format === 'binary', columns.length);
    try {
      if (options.format === 'binary') yield* this.loadBinary();
      else yield* this.loadLines();
    } catch (error) {
      if (error instanceof PgError && error.where === undefined) error.where = this.context();
      throw error;
    }
    this.reportSkipped();
    return this.stored;
  }

  private *loadLines(): Suspendable<void> {
    const { options } = this.task;
    const reader = new CopyLineReader(options);
    let header = options.header;
    let pending: { fields: CopyField[]; line: string; number: number }[] = [];
    const collect = (fields: CopyField[]): void => {
      pending.push({ fields, line: reader.line, number: reader.lineNumber });
    };
    for (let more = true; more;) {
      const piece = yield* this.task.source.read();
      this.lineNumber = reader.lineNumber + 1;
      this.line = null;
      if (piece === null) {
        reader.finish();
        more = false;
      } else reader.push(piece);
      if (!reader.drain(collect)) {
        more = false;
        yield* this.task.source.skipRest();
      }
      for (const record of pending) {
        this.lineNumber = record.number;
        this.line = record.line;
        if (header !== 'none') {
          if (header === 'match') this.checkHeader(record.fields);
          header = 'none';
          continue;
        }
        const waiting = this.loadRecord(record.fields);
        if (waiting !== null) yield* waiting;
      }
      pending = [];
    }
  }

  /** HEADER MATCH: the names must be the columns', in order. */
  private checkHeader(fields: readonly CopyField[]): void {
    const { columns } = this.task;
    if (fields.length !== columns.length) {
      throw pgError('BAD_COPY_FILE_FORMAT', `wrong number of fields in header line: got ${fields.length}, expected ${columns.length}`);
    }
    columns.forEach((column, at) => {
      const name = fields[at];
      if (name == null) throw pgError('BAD_COPY_FILE_FORMAT', `column name mismatch in header line field ${at + 1}: got null value ("${this.task.options.nullString}"), expected "${column.attname}"`);
      if (name !== column.attname) throw pgError('BAD_COPY_FILE_FORMAT', `column name mismatch in header line field ${at + 1}: got "${name}", expected "${column.attname}"`);
    });
  }

  /** Loads a record; null when it is done, what is left to wait for otherwise. */
  private loadRecord(fields: readonly CopyField[]): Suspendable<void> | null {
    const { columns } = this.task;
    if (fields.length > columns.length) throw pgError('BAD_COPY_FILE_FORMAT', 'extra data after last expected column');
    if (fields.length < columns.length && !(columns.length === 1 && fields.length === 0)) {
      throw pgError('BAD_COPY_FILE_FORMAT', `missing data for column "${columns[fields.length].attname}"`);
    }
    const row = this.blank.slice();
    for (let at = 0; at < columns.length; at++) {
      const value = this.fieldValue(fields[at], at);
      if (value === SKIP) return null;
      row[columns[at].attnum - 1] = value;
    }
    const isPlain = this.defaults.length === 0 && this.where === null;
    return isPlain && this.writer.tryInsert(row) ? this.count() : this.store(row);
  }

  private fieldValue(field: CopyField, at: number): Datum | typeof SKIP {
    const column = this.task.columns[at];
    if (field === undefined) {
      const value = this.listedDefaults[at];
      return value ? value.evaluate(this.state, NO_ROW, NO_ROW, NO_ROW) : null;
    }
    let text = field;
    if (text === null && this.forceNotNull[at]) text = this.task.options.nullString;
    else if (text !== null && this.forceNull[at] && text === this.task.options.nullString) text = null;
    this.column = column.attname;
    this.columnText = text;
    if (text === null) return null;
    try {
      const value = this.converts[at](text);
      this.column = null;
      return value;
    } catch (error) {
      if (this.task.options.onError === 'ignore' && error instanceof PgError) {
        this.skip(column, text);
        return SKIP;
      }
      throw error;
    }
  }

  /** ON_ERROR ignore: the record is left out. */
  private skip(column: PgAttribute, text: string): void {
    const { options } = this.task;
    this.skipped++;
    if (options.logVerbosity === 'verbose') {
      this.cx.services.notice(pgError('SUCCESSFUL_COMPLETION',
        `skipping row due to data type incompatibility at line ${this.lineNumber} for column "${column.attname}": "${clip(text)}"`, { severity: 'NOTICE' }));
    }
    if (options.rejectLimit > 0 && this.skipped > options.rejectLimit) {
      throw pgError('INVALID_TEXT_REPRESENTATION', `skipped more than REJECT_LIMIT (${options.rejectLimit}) rows due to data type incompatibility`);
    }
    this.column = null;
  }

  private reportSkipped(): void {
    if (this.skipped === 0 || this.task.options.logVerbosity === 'silent') return;
    const text = `${this.skipped} row${this.skipped === 1 ? ' was' : 's were'} skipped due to data type incompatibility`;
    this.cx.services.notice(pgError('SUCCESSFUL_COMPLETION', text, { severity: 'NOTICE' }));
  }

  private *loadBinary(): Suspendable<void> {
    const { columns, source } = this.task;
    const reader = new BinaryReader(columns.length);
    for (let more = true; more;) {
      const piece = yield* source.read();
      if (piece === null) {
        reader.finish();
        return;
      }
      reader.push(piece);
      const rows: (Uint8Array | null)[][] = [];
      more = reader.drain((fields) => rows.push(fields));
      for (const fields of rows) {
        this.lineNumber++;
        const row = this.blank.slice();
        columns.forEach((column, at) => {
          const bytes = fields[at];
          this.column = column.attname;
          row[column.attnum - 1] = bytes === null ? null : this.cx.services.types.receive(column.atttypid, bytes, column.atttypmod);
        });
        this.column = null;
        yield* this.store(row);
      }
    }
    yield* source.skipRest();
  }

  private *store(row: Row): Suspendable<void> {
    for (const { at, value } of this.defaults) row[at] = value.waits(this.state) ? yield* value.generator(this.state, NO_ROW, NO_ROW, NO_ROW) : value.evaluate(this.state, NO_ROW, NO_ROW, NO_ROW);
    if (this.where && !(yield* this.where.run(this.state, row, NO_ROW, NO_ROW))) return;
    if (!this.writer.tryInsert(row) && !(yield* this.writer.insert(row))) return;
    const turn = this.count();
    if (turn !== null) yield* turn;
  }

  /** Another row is stored; now and then the event loop has its turn. */
  private count(): Suspendable<void> | null {
    this.stored++;
    return this.stored % ROWS_PER_TURN === 0 ? this.takeTurn() : null;
  }

  private *takeTurn(): Suspendable<void> {
    this.cx.services.checkInterrupts();
    yield this.cx.storage.memoryPressure() ?? yieldToEventLoop();
  }

  /** `COPY t, line 3, column b: "x"` */
  private context(): string {
    const { relation, options } = this.task;
    const place = `COPY ${relation.name}, line ${this.lineNumber}`;
    if (options.format === 'binary') return this.column === null ? place : `${place}, column ${this.column}`;
    if (this.column !== null) return `${place}, column ${this.column}: ${this.columnText === null ? 'null input' : `"${clip(this.columnText)}"`}`;
    return this.line === null ? place : `${place}: "${clip(this.line)}"`;
  }
}

/** Digits that always fit an int4. */
const SHORT_DIGITS = 9;

/** An integer of few digits and nothing else; null for whatever the input function must look at. */
export function shortInteger(text: string): number | null {
  const start = text.charCodeAt(0) === 0x2d ? 1 : 0;
  const { length } = text;
  if (length === start || length > start + SHORT_DIGITS) return null;
  let value = 0;
  for (let at = start; at < length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  // Not -0.
  return start === 1 && value !== 0 ? -value : value;
}

/** The record is to be left out. */
const SKIP: unique symbol = Symbol('skip');

/** PostgreSQL's limit for data shown in context lines, in bytes. */
const MAX_SHOWN = 100;

function clip(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}
