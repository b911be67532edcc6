/**
 * Runs files of PostgreSQL's regression suite through the real psql against a server, as pg_regress would (its
 * environment, its psql switches), and returns what psql printed.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where the suite, psql and the server are. */
export interface SuiteOptions {
  /** The suite's src/test/regress directory. */
  readonly suite: string;
  readonly psql: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Where outputs go. */
  readonly out: string;
  /** Per file, in seconds. */
  readonly timeoutSeconds: number;
  /** Directory of the suite's C library, when the server could load it. */
  readonly dlpath: string;
}

/** What running one file gave. */
export interface FileRun {
  readonly name: string;
  readonly output: string;
  readonly seconds: number;
  readonly timedOut: boolean;
}

/** Test names of one of the suite's schedules, in order. */
export function schedule(suite: string, file: 'parallel_schedule' | 'isolation_schedule'): string[] {
  return readFileSync(join(suite, file), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('test:'))
    .flatMap((line) => line.slice(5).trim().split(/\s+/));
}

/** The expected outputs of a file: the main one and its numbered variants. */
export function expectedVariants(suite: string, name: string): string[] {
  const base = join(suite, 'expected', name);
  return [`${base}.out`, ...Array.from({ length: 9 }, (_, index) => `${base}_${index + 1}.out`)]
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8'));
}

/** The script of a file. */
export function scriptText(suite: string, name: string): string {
  return readFileSync(join(suite, 'sql', `${name}.sql`), 'utf8');
}

/** The environment that pg_regress gives its clients. */
export function suiteEnvironment(options: SuiteOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PGHOST: options.host, PGPORT: String(options.port), PGUSER: options.user,
    PGTZ: 'America/Los_Angeles', PGDATESTYLE: 'Postgres, MDY', PGOPTIONS: '-c intervalstyle=postgres_verbose',
    PGAPPNAME: 'pg_regress', PGCONNECT_TIMEOUT: '10', LC_MESSAGES: 'C',
    PG_ABS_SRCDIR: resolve(options.suite), PG_ABS_BUILDDIR: resolve(options.out), PG_LIBDIR: options.dlpath, PG_DLSUFFIX: '.so',
  };
  delete env.LC_ALL;
  delete env.LANG;
  return env;
}

/** Makes the regression database with pg_regress's settings; returns psql's complaints, if any. */
export async function createRegressionDatabase(options: SuiteOptions): Promise<string> {
  const name = options.database;
  const settings = [
    "lc_messages TO 'C'", "lc_monetary TO 'C'", "lc_numeric TO 'C'", "lc_time TO 'C'", "bytea_output TO 'hex'",
    "timezone_abbreviations TO 'Default'",
  ];
  const commands = [
    `DROP DATABASE IF EXISTS ${name}`,
    `CREATE DATABASE ${name} TEMPLATE=template0`,
    ...settings.map((setting) => `ALTER DATABASE ${name} SET ${setting}`),
  ];
  let complaints = '';
  for (const command of commands) {
    complaints += await runPsql(options, ['-X', '-q', '-d', 'postgres', '-c', command]);
  }
  return complaints;
}

async function runPsql(options: SuiteOptions, args: readonly string[]): Promise<string> {
  const child = spawn(options.psql, args, { env: suiteEnvironment(options), stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => { text += data.toString(); });
  child.stderr.on('data', (data: Buffer) => { text += data.toString(); });
  await new Promise((done) => child.on('close', done));
  return text;
}

/** Runs one file; never rejects for what the server did. */
export async function runFile(options: SuiteOptions, name: string): Promise<FileRun> {
  mkdirSync(join(options.out, 'results'), { recursive: true });
  const outputPath = join(options.out, 'results', `${name}.out`);
  const input = openSync(join(options.suite, 'sql', `${name}.sql`), 'r');
  const output = openSync(outputPath, 'w');
  const started = performance.now();
  const child = spawn(
    options.psql,
    ['-X', '-a', '-q', '-d', options.database, '-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on'],
    { env: { ...suiteEnvironment(options), PGAPPNAME: `pg_regress/${name}` }, cwd: options.out, stdio: [input, output, output] },
  );
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, options.timeoutSeconds * 1000);
  await new Promise((done) => child.on('close', done));
  clearTimeout(timer);
  closeSync(input);
  closeSync(output);
  return { name, output: readFileSync(outputPath, 'utf8'), seconds: (performance.now() - started) / 1000, timedOut };
}
