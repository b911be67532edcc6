/**
 * The tables of the analytics, cold and index groups: `facts`, five columns, and `dims`. Every row follows from its number,
 * so that both servers and the engines beside them hold the same.
 */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { insertRows, type Embedded, type Value } from '../beside.js';
import { execute } from '../client.js';
import type { Contender } from '../contender.js';

/** Groups of facts.grp. */
export const GROUPS = 1000;

export const FACTS = 'CREATE TABLE facts (id int PRIMARY KEY, grp int, ref int, amount float8, label text)';
const DIMS = 'CREATE TABLE dims (id int PRIMARY KEY, region text)';

/** Rows of dims for so many facts: a tenth. */
export function dimensionCount(rows: number): number {
  return Math.max(1, Math.floor(rows / 10));
}

/** A number that looks random, below `below`, the same for the same `n`. */
export function scatter(n: number, below: number): number {
  let x = Math.imul(n ^ (n >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) % below;
}

/** The rows of facts. */
export function* factRows(rows: number): Generator<readonly Value[]> {
  const dims = dimensionCount(rows);
  for (let id = 1; id <= rows; id++) {
    yield [id, scatter(id, GROUPS), 1 + scatter(id + 1e8, dims), scatter(id + 2e8, 1_000_000) / 1000, `label ${scatter(id + 3e8, 1_000_000)}`];
  }
}

/** The rows of dims. */
export function* dimensionRows(rows: number): Generator<readonly Value[]> {
  for (let id = 1; id <= dimensionCount(rows); id++) yield [id, `region ${id % 50}`];
}

/** Writes rows as a file in COPY's text format; its path. */
export async function copyFile(bench: Bench, name: string, rows: Iterable<readonly Value[]>): Promise<string> {
  bench.file(name, '');
  const path = join(bench.directory, name);
  const out = createWriteStream(path);
  let lines: string[] = [];
  for (const row of rows) {
    lines.push(row.map((value) => (value === null ? '\\N' : String(value).replaceAll('\\', '\\\\'))).join('\t'));
    if (lines.length < 10_000) continue;
    if (!out.write(`${lines.join('\n')}\n`)) await once(out, 'drain');
    lines = [];
  }
  out.end(lines.length > 0 ? `${lines.join('\n')}\n` : '');
  await once(out, 'close');
  return path;
}

/** Makes and fills the tables, vacuums and analyzes them, and has everything on disk before something is timed. */
export async function fillFacts(bench: Bench, contenders: readonly Contender[], rows: number): Promise<void> {
  const facts = await copyFile(bench, 'facts.tsv', factRows(rows));
  const dims = await copyFile(bench, 'dims.tsv', dimensionRows(rows));
  for (const { port } of contenders) {
    await execute(port, FACTS, DIMS);
    await bench.psql.copy(port, 'facts', facts);
    await bench.psql.copy(port, 'dims', dims);
    await execute(port, 'VACUUM ANALYZE facts', 'VACUUM ANALYZE dims', 'CHECKPOINT');
  }
}

/** The same in an engine beside. */
export async function fillEngine(engine: Embedded, rows: number): Promise<void> {
  await engine.execute(FACTS);
  await engine.execute(DIMS);
  await insertRows(engine, 'facts', factRows(rows));
  await insertRows(engine, 'dims', dimensionRows(rows));
}

/** PostgreSQL's setting for one process a query, unless its parallel query was asked for. */
export function singleProcess(bench: Bench): Partial<Record<'postgres', readonly string[]>> {
  return bench.options.parallel ? {} : { postgres: ['max_parallel_workers_per_gather=0'] };
}
