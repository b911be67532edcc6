/**
 * COPY TO: rows of a table or a query into the stream.
 *
 * Idea: PostgreSQL's DoCopyTo (commands/copyto.c).
 */
import type { Query } from '../../analyzer/nodes.js';
import type { Suspend, Suspendable } from '../../base/suspend.js';
import type { Row } from '../../types/datum.js';
import type { CommandContext } from '../api.js';
import { binaryHeader, binaryRow, binaryTrailer } from './binary-format.js';
import type { CopySink } from './copy-streams.js';
import { headerLine, lineFormatter } from './line-writer.js';
import type { CopyOptions } from './options.js';

/** What to write. */
export interface CopyToTask {
  readonly query: Query;
  readonly columns: readonly { readonly name: string; readonly type: number }[];
  readonly options: CopyOptions;
  readonly sink: CopySink;
}

/** Writes the rows; returns how many. */
export function* copyTo(cx: CommandContext, task: CopyToTask): Suspendable<number> {
  const { sink, options, columns } = task;
  const binary = options.format === 'binary';
  sink.begin(binary, columns.length);
  const encode = binary ? binaryEncoder(cx, task) : lineEncoder(cx, task);
  if (binary) yield* send(sink.write(binaryHeader()));
  else if (options.header !== 'none') yield* send(sink.writeText(`${headerLine(options, columns.map((column) => column.name))}\n`));
  const rows = yield* cx.execute(task.query, (row) => encode(row));
  if (binary) yield* send(sink.write(binaryTrailer()));
  yield* sink.end();
  return rows;
}

function* send(wait: Suspend | null): Suspendable<void> {
  if (wait) yield wait;
}

/** Encodes one row into the stream. */
type RowEncoder = (row: Row) => Suspend | null;

function lineEncoder(cx: CommandContext, { options, columns, sink }: CopyToTask): RowEncoder {
  const format = lineFormatter(options, columns.map((column) => column.name));
  const { types } = cx.services;
  return (row) => sink.writeText(`${format(columns.map((column, at) => (row[at] === null ? null : types.output(column.type, row[at]))))}\n`);
}

function binaryEncoder(cx: CommandContext, { columns, sink }: CopyToTask): RowEncoder {
  const { types } = cx.services;
  return (row) => sink.write(binaryRow(columns.map((column, at) => (row[at] === null ? null : types.send(column.type, row[at])))));
}
