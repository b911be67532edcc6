/**
 * Engines that run in this process and stand beside where a workload can run on them: PGlite and SQLite. Neither is a
 * dependency: whatever is installed is used, and the output says which.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A value of a row. */
export type Value = string | number | null;

/** One engine on a directory of its own. */
export interface Embedded {
  readonly name: string;
  /** What its commits promise here. */
  readonly durability: string;
  /** Runs statements without parameters. */
  execute(sql: string): Promise<void>;
  /** Runs one statement ($1, $2 ...), answers the number of rows. */
  query(sql: string, parameters?: readonly Value[]): Promise<number>;
  close(): Promise<void>;
}

/** The part of better-sqlite3 and of node:sqlite that is used. */
interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): { all(...parameters: Value[]): unknown[]; run(...parameters: Value[]): unknown };
  close(): void;
}

type SqliteConstructor = new (path: string) => SqliteDatabase;

interface PgliteDatabase {
  exec(sql: string): Promise<unknown>;
  query(sql: string, parameters: Value[]): Promise<{ rows: unknown[] }>;
  close(): Promise<void>;
}

const require = createRequire(import.meta.url);

function isConstructor(value: unknown): value is SqliteConstructor {
  return typeof value === 'function';
}

function isPglite(value: unknown): value is { create(path: string): Promise<PgliteDatabase> } {
  return typeof value === 'function' && 'create' in value && typeof value.create === 'function';
}

function attempt(load: () => unknown): unknown {
  try {
    return load();
  } catch {
    return null; // Not installed.
  }
}

/** A member of a module that may not be there. */
function member(module: unknown, name: string): unknown {
  return typeof module === 'object' && module !== null ? Object.entries(module).find(([key]) => key === name)?.[1] ?? null : null;
}

function sqliteConstructor(): SqliteConstructor | null {
  for (const candidate of [attempt(() => require('better-sqlite3')), member(attempt(() => process.getBuiltinModule('node:sqlite')), 'DatabaseSync')]) {
    if (isConstructor(candidate)) return candidate;
  }
  return null;
}

function openSqlite(Database: SqliteConstructor): Embedded {
  const directory = mkdtempSync(join(tmpdir(), 'sqlite-bench-'));
  const database = new Database(join(directory, 'database'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const prepared = new Map<string, { order: readonly number[]; statement: ReturnType<SqliteDatabase['prepare']> }>();
  return {
    name: 'SQLite', durability: 'WAL, synchronous = FULL',
    async execute(sql) { database.exec(sql); },
    async query(sql, parameters = []) {
      let known = prepared.get(sql);
      if (known === undefined) {
        // Plain question marks, which both libraries bind alike: a parameter is passed as often as it is named.
        const order = [...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1]) - 1);
        known = { order, statement: database.prepare(sql.replace(/\$\d+/g, '?').replace(/ OFFSET /, ' LIMIT -1 OFFSET ')) };
        prepared.set(sql, known);
      }
      const values = known.order.map((index) => parameters[index]);
      if (/^\s*SELECT/i.test(sql)) return known.statement.all(...values).length;
      known.statement.run(...values);
      return 0;
    },
    async close() {
      database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openPglite(): Promise<Embedded | null> {
  const name = '@electric-sql/pglite';
  let constructor: unknown;
  try {
    constructor = member(await import(name), 'PGlite');
  } catch {
    return null; // Not installed.
  }
  if (!isPglite(constructor)) return null;
  const directory = mkdtempSync(join(tmpdir(), 'pglite-bench-'));
  const database = await constructor.create(join(directory, 'data'));
  return {
    name: 'PGlite', durability: 'no fsync',
    async execute(sql) { await database.exec(sql); },
    async query(sql, parameters = []) { return (await database.query(sql, [...parameters])).rows.length; },
    async close() {
      await database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Opens what is installed. */
export async function openEngines(): Promise<Embedded[]> {
  const constructor = sqliteConstructor();
  const pglite = await openPglite();
  return [...(constructor === null ? [] : [openSqlite(constructor)]), ...(pglite === null ? [] : [pglite])];
}

/** Rows into a table, many to a statement. */
export async function insertRows(engine: Embedded, table: string, rows: Iterable<readonly Value[]>): Promise<void> {
  const literal = (value: Value): string => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value));
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await engine.execute(`INSERT INTO ${table} VALUES ${batch.join(',')}`);
    batch = [];
  };
  await engine.execute('BEGIN');
  for (const row of rows) {
    batch.push(`(${row.map(literal).join(',')})`);
    if (batch.length === 500) await flush();
  }
  await flush();
  await engine.execute('COMMIT');
}

/** Median milliseconds of a query after one run to warm up. */
export async function timeQuery(engine: Embedded, sql: string, times: number): Promise<number> {
  await engine.query(sql);
  const taken: number[] = [];
  for (let time = 0; time < times; time++) {
    const start = performance.now();
    await engine.query(sql);
    taken.push(performance.now() - start);
  }
  return taken.toSorted((a, b) => a - b)[times >> 1];
}

/** Operations per second of one caller, in turn, for some seconds. */
export async function rateOf(operation: () => Promise<void>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let operations = 0;
  while (performance.now() < end) {
    await operation();
    operations++;
  }
  return operations / seconds;
}
