/**
 * COPY FROM: records of the stream into rows of a table, written as INSERT writes them (defaults, checks, indexes,
 * triggers, foreign keys).
 *
 * Idea: PostgreSQL's CopyFrom and NextCopyFrom (commands/copyfrom.c, copyfromparse.c).
 */
import { isUtf8 } from 'node:buffer';
import type { Node } from 'libpg-query';
import { CHUNK_ROWS } from '../../access/api.js';
import type { Expr } from '../../analyzer/nodes.js';
import { notSupported, PgError, pgError } from '../../base/error.js';
import { SQLSTATE } from '../../base/sqlstate.js';
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
import type { CommandContext } from '../api.js';
import { cookCondition } from '../expressions.js';
import { BinaryReader } from './binary-format.js';
import { optionColumns } from './copy-columns.js';
import type { CopySource } from './copy-streams.js';
import { converter, lineColumns, type Convert } from './column-readings.js';
import type { LineColumns } from './line-columns.js';
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
/** The beginning of a line that is kept until its end comes; a longer one is read piece by piece. */
const MOST_CUT_BYTES = 1 << 16;
/** After so many lines that are not plain the rest of a piece is not expected to be. */
const MOST_ODD_LINES = 4;
const NO_BYTES = Buffer.alloc(0);
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

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

/** Where in the stream the load is, for the context of errors. */
interface Place {
  line: number;
  /** The line's text; null: it is not shown. */
  text: string | null;
  column: string | null;
  /** The column's text. */
  value: string | null;
}

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
  /** `stored` when the event loop had its turn last. */
  private turnAt = 0;
  private place: Place = { line: 0, text: null, column: null, value: null };
  private readonly reader: CopyLineReader;
  private header: CopyOptions['header'];
  /** Nothing is to be computed or tested for a row. */
  private readonly isPlain: boolean;
  /** Where rows are gathered; null: they go one by one. */
  private readonly columns: LineColumns | null;
  /** The beginning of a line whose end has not come. */
  private cutLine: Buffer = NO_BYTES;
  /** Lines that were not plain, one after the other. */
  private oddLines = 0;

  constructor(private readonly cx: CommandContext, private readonly task: CopyFromTask) {
    const { relation, columns, options } = task;
    this.state = cx.executionState();
    this.writer = new TableWriter(this.state, relation);
    this.blank = filled<Datum>(relation.attributes.length, null);
    this.converts = columns.map((column) => converter(cx.services.types, column));
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
    this.reader = new CopyLineReader(options);
    this.header = options.header;
    this.where = task.where ? compileCondition(scope, [cookCondition(cx, relation, task.where, 'copyWhere', 'WHERE')]) : null;
    this.isPlain = this.defaults.length === 0 && this.where === null;
    this.columns = this.isPlain && this.writer.takesColumns ? lineColumns(cx.session.catalog, task, this.converts) : null;
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

  *run(): Suspendable<number> {
    const { options, columns, source } = this.task;
    source.begin(options.format === 'binary', columns.length);
    try {
      if (options.format === 'binary') yield* this.loadBinary();
      else yield* this.loadLines();
    } catch (error) {
      // PostgreSQL, too, has gathered rows before it makes their index entries, and has their lines no more.
      if (error instanceof PgError && error.sqlstate === SQLSTATE.UNIQUE_VIOLATION && this.isPlain && this.task.relation.triggers.length === 0) this.place.text = null;
      if (error instanceof PgError && error.where === undefined) error.where = this.context();
      throw error;
    }
    this.reportSkipped();
    return this.stored;
  }

  private *loadLines(): Suspendable<void> {
    const { source } = this.task;
    this.columns?.clear(this.writer.heap.rowsToChunk || CHUNK_ROWS);
    for (let more = true; more;) {
      const piece = yield* source.read();
      if (piece === null) {
        more = false;
        yield* this.finishLines();
      } else if (!(yield* this.loadPiece(Buffer.from(piece.buffer, piece.byteOffset, piece.length)))) {
        more = false;
        yield* source.skipRest();
      }
    }
    yield* this.flush();
  }

  /** False once the end-of-data mark was seen. */
  private *loadPiece(piece: Buffer): Suspendable<boolean> {
    for (let at = 0; at < piece.length;) {
      if (!this.mayReadColumns()) {
        const end = this.carefulEnd(piece, at);
        if (!(yield* this.readCarefully(piece.subarray(at, end)))) return false;
        at = end;
        continue;
      }
      // A line that the last piece began is read by itself, the others of this one together.
      const isCut = this.cutLine.length > 0;
      const end = (isCut ? piece.indexOf(NEWLINE, at) : piece.lastIndexOf(NEWLINE)) + 1;
      if (end <= at) return yield* this.keepCutLine(piece.subarray(at));
      const lines = isCut ? Buffer.concat([this.cutLine, piece.subarray(at, end)]) : piece.subarray(at, end);
      this.cutLine = NO_BYTES;
      if (!(yield* this.loadWholeLines(lines))) return false;
      at = end;
    }
    return true;
  }

  /** Whether the bytes that come next begin a line and may go into columns. */
  private mayReadColumns(): boolean {
    const { lineEnd } = this.reader;
    return this.columns !== null && this.reader.isBetweenLines && (lineEnd === '\n' || lineEnd === '\r\n');
  }

  /** How far the careful reader gets: to the end of its line, if those behind it may go into columns. */
  private carefulEnd(piece: Buffer, at: number): number {
    if (this.columns === null || this.reader.lineEnd === '\r') return piece.length;
    const end = piece.indexOf(NEWLINE, at);
    return end < 0 ? piece.length : end + 1;
  }

  /** The beginning of a line that goes on in the next piece; a very long one is the careful reader's. */
  private *keepCutLine(bytes: Buffer): Suspendable<boolean> {
    this.cutLine = Buffer.concat([this.cutLine, bytes]);
    if (this.cutLine.length < MOST_CUT_BYTES) return true;
    const begun = this.cutLine;
    this.cutLine = NO_BYTES;
    return yield* this.readCarefully(begun);
  }

  /** Whole lines, the last one with its end; those that are plain go into columns. */
  private *loadWholeLines(bytes: Buffer): Suspendable<boolean> {
    const { columns, reader } = this;
    const { lineEnd } = reader;
    const isPlain = columns !== null && isUtf8(bytes) && !bytes.includes(0) && (lineEnd === '\r\n' || !bytes.includes(CARRIAGE_RETURN));
    for (let at = 0; at < bytes.length;) {
      if (isPlain && reader.isBetweenLines) {
        columns.lineEnd = lineEnd === '\r\n' ? lineEnd : '\n';
        const before = columns.rows;
        const start = at;
        const stop = columns.read(bytes, at, bytes.length, reader.lineNumber + 1);
        reader.lineNumber += columns.rows - before;
        at = columns.position;
        if (at > start) this.oddLines = 0;
        if (columns.isFull) yield* this.flush();
        if (stop !== 'odd') continue;
        this.oddLines++;
      }
      const end = this.oddLines > MOST_ODD_LINES ? bytes.length : bytes.indexOf(NEWLINE, at) + 1;
      if (!(yield* this.readCarefully(bytes.subarray(at, end)))) return false;
      at = end;
    }
    return true;
  }

  /** The end of the stream. */
  private *finishLines(): Suspendable<void> {
    if (this.cutLine.length > 0 && !(yield* this.readCarefully(this.cutLine))) return;
    yield* this.readCarefully(null);
  }

  /** Reads a part of the stream (null: its end) by `CopyLineReader`. False once the end-of-data mark was seen. */
  private *readCarefully(bytes: Buffer | null): Suspendable<boolean> {
    const { reader } = this;
    const records: { fields: CopyField[]; line: string | null; number: number }[] = [];
    let more = true;
    let failure: unknown = null;
    try {
      if (bytes === null) reader.finish();
      else reader.push(bytes);
      more = reader.drain((fields) => records.push({ fields, line: reader.line, number: reader.lineNumber }));
    } catch (error) {
      failure = error;
    }
    for (const record of records) {
      this.place = { line: record.number, text: record.line, column: null, value: null };
      if (this.header !== 'none') {
        if (this.header === 'match') this.checkHeader(record.fields);
        this.header = 'none';
        continue;
      }
      try {
        const waiting = this.loadRecord(record.fields);
        if (waiting !== null) yield* waiting;
      } catch (error) {
        yield* this.failAfterGathered(error);
      }
    }
    if (failure === null) return more;
    this.place = { line: reader.lineNumber, text: reader.line, column: null, value: null };
    return yield* this.failAfterGathered(failure);
  }

  /** What was gathered stands before the line that has failed: it may fail itself. */
  private *failAfterGathered(error: unknown): Suspendable<never> {
    const { place } = this;
    if (this.columns !== null) {
      yield* this.flush();
      this.place = place;
    }
    throw error;
  }

  /** Stores what was gathered: as columns if it is a chunk, or, where that is not possible, row by row. */
  private *flush(): Suspendable<void> {
    const { columns, writer } = this;
    if (columns === null || columns.rows === 0) return;
    const { rows } = columns;
    try {
      if (columns.isFull && writer.tryInsertColumns(columns.gathered(), rows)) this.stored += rows;
      else yield* this.storeOneByOne(columns);
    } finally {
      columns.clear(writer.heap.rowsToChunk || CHUNK_ROWS);
    }
    if (this.stored - this.turnAt >= ROWS_PER_TURN) yield* this.takeTurn();
  }

  private *storeOneByOne(columns: LineColumns): Suspendable<void> {
    for (let at = 0; at < columns.rows; at++) {
      this.place = { line: columns.lines[at], text: null, column: null, value: null };
      const row = columns.row(at);
      if (this.writer.tryInsert(row)) this.stored++;
      else yield* this.store(row);
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
    if (this.columns !== null) return this.gather(this.columns, row);
    return this.isPlain && this.writer.tryInsert(row) ? this.count() : this.store(row);
  }

  /** Adds a row to those gathered, unless a constraint of its own is in the way. */
  private gather(columns: LineColumns, row: Row): Suspendable<void> | null {
    const { place } = this;
    if (columns.accepts(row)) {
      columns.add(row, place.line, place.text?.length ?? 0);
      return columns.isFull ? this.flush() : null;
    }
    return this.storeAfterGathered(row);
  }

  private *storeAfterGathered(row: Row): Suspendable<void> {
    const { place } = this;
    yield* this.flush();
    this.place = place;
    yield* this.store(row);
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
    if (text === null) return null;
    const { place } = this;
    place.column = column.attname;
    place.value = text;
    try {
      const value = this.converts[at](text);
      place.column = null;
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
        `skipping row due to data type incompatibility at line ${this.place.line} for column "${column.attname}": "${clip(text)}"`, { severity: 'NOTICE' }));
    }
    if (options.rejectLimit > 0 && this.skipped > options.rejectLimit) {
      throw pgError('INVALID_TEXT_REPRESENTATION', `skipped more than REJECT_LIMIT (${options.rejectLimit}) rows due to data type incompatibility`);
    }
    this.place.column = null;
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
        this.place.line++;
        const row = this.blank.slice();
        columns.forEach((column, at) => {
          const bytes = fields[at];
          this.place.column = column.attname;
          row[column.attnum - 1] = bytes === null ? null : this.cx.services.types.receive(column.atttypid, bytes, column.atttypmod);
        });
        this.place.column = null;
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
    return this.stored - this.turnAt >= ROWS_PER_TURN ? this.takeTurn() : null;
  }

  private *takeTurn(): Suspendable<void> {
    this.turnAt = this.stored;
    this.cx.services.checkInterrupts();
    yield this.cx.storage.memoryPressure() ?? yieldToEventLoop();
  }

  /** `COPY t, line 3, column b: "x"` */
  private context(): string {
    const { relation, options } = this.task;
    const { line, text, column, value } = this.place;
    const place = `COPY ${relation.name}, line ${line}`;
    if (options.format === 'binary') return column === null ? place : `${place}, column ${column}`;
    if (column !== null) return `${place}, column ${column}: ${value === null ? 'null input' : `"${clip(value)}"`}`;
    return text === null ? place : `${place}: "${clip(text)}"`;
  }
}

/** The record is to be left out. */
const SKIP: unique symbol = Symbol('skip');

/** PostgreSQL's limit for data shown in context lines, in bytes. */
const MAX_SHOWN = 100;

function clip(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}
