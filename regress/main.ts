/**
 * `npm run regress`: PostgreSQL 18's own regression suite, through the real psql 18, against this server (or any other).
 * Reports per file, per statement and the reasons for failures grouped; `--record` keeps the result in the
 * repository, `--floor` holds the run against the record; `--isolation` does so for the isolation specs. The suite itself is never copied into the repository.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { FailureReason } from './classify.js';
import { lostSpecs, readIsolationRecord, runSpecs, specNames, writeIsolationRecord } from './isolation.js';
import { lostStatements, packPassed, type FileRecord, type RunOrigin, type RunRecord } from './record.js';
import { failureReasons, groupFailures, markdownReport } from './report.js';
import { scoreFile, type Score } from './score.js';
import { freePort } from '../ops/drill/free-port.js';
import { archiveOf, ReplicaOfRun } from './replica.js';
import { startServer, type RunningServer, type ServerOptions } from './server.js';
import { createRegressionDatabase, expectedVariants, runFile, schedule, scriptText, type SuiteOptions } from './suite.js';

interface Options {
  suite?: string; psql?: string; host: string; port?: string; user: string; db?: string; only?: string;
  timeout: string; out: string; dlpath: string; record?: boolean; floor?: boolean; groups: string; verbose?: boolean; runs: string;
  isolation?: boolean; isolationtester?: string; replica?: boolean;
}

const recordDirectory = fileURLToPath(new URL('../../regress', import.meta.url));
const recordPath = join(recordDirectory, 'results.json');

function parseOptions(): Options {
  return new Command('regress')
    .description("Runs PostgreSQL 18's regression suite against this server and scores it by file and by statement.")
    .option('--isolation', 'run the isolation specs through the real isolationtester instead')
    .option('--replica', 'with a replica and an archive: afterwards the replica and a restored server must hold what the server holds')
    .option('--suite <dir>', "the suite's src/test/regress (or isolation) directory (default: $PG18_SUITE, or found by regress/postgres18)")
    .option('--isolationtester <path>', 'isolationtester 18 (default: beside psql, where the server packages have it)')
    .option('--psql <path>', 'psql 18 (default: $PG18_BIN/psql, or found by regress/postgres18)')
    .option('--host <host>', 'server to test', '127.0.0.1')
    .option('--port <port>', 'port of a running server; by default one is started on a new directory')
    .option('--user <user>', 'role', 'postgres')
    .option('--db <database>', 'database (default: regression, isolation_regression)')
    .option('--only <files>', 'only these files (comma-separated; after test_setup) or specs')
    .option('--timeout <seconds>', 'per file', '60')
    .option('--out <dir>', 'where outputs go', join(tmpdir(), 'pglitedb-regress'))
    .option('--dlpath <dir>', "directory of the suite's C library", '/nonexistent')
    .option('--record', 'write results.json and RESULTS.md')
    .option('--runs <n>', 'with --record: run so many times and record only what passed every time', '1')
    .option('--floor', 'fail when a statement or file that passed in results.json no longer does')
    .option('--groups <n>', 'how many groups of reasons to print', '40')
    .option('--verbose', 'print every failed statement with what it printed')
    .parse().opts<Options>();
}

/** One pass over the files. */
interface Pass {
  readonly scores: Map<string, Score>;
  readonly failures: Map<string, FailureReason[]>;
  readonly files: FileRecord[];
}

/** The server that a pass runs against: one of ours, restarted on its data when it ends, or one that runs already. */
class ServerUnderTest {
  private constructor(private server: RunningServer | null, private readonly options: ServerOptions, private readonly replica: ReplicaOfRun | null) {}

  static async start({ port, replica }: Options): Promise<ServerUnderTest> {
    if (replica !== true) return new ServerUnderTest(port === undefined ? await startServer() : null, {}, null);
    if (port !== undefined) throw new Error('--replica needs a server of its own');
    const dataDirectory = mkdtempSync(join(tmpdir(), 'pglitedb-'));
    const options = { dataDirectory, replication: { port: await freePort(), archive: archiveOf({ dataDirectory }) } };
    const server = await startServer(options);
    return new ServerUnderTest(server, options, await ReplicaOfRun.start(server, options.replication.port));
  }

  /** How many relations differ on the replica and on a restored server; null without a replica. */
  async compare(): Promise<number | null> {
    return await this.replica?.compare() ?? null;
  }

  get port(): number | undefined {
    return this.server?.port;
  }

  /** A server that ended during a file goes on from its data directory with the next one: the rest still counts. */
  async reviveAfter(name: string): Promise<void> {
    if (!this.server?.ended()) return;
    console.log(`the server ended during ${name}; restarting it. Its last words:\n${this.server.log().slice(-2000)}`);
    this.server = await startServer({ ...this.options, dataDirectory: this.server.dataDirectory, port: this.server.port });
  }

  async stop(): Promise<void> {
    await this.replica?.stop();
    await this.server?.stop(true);
  }
}

/** Finds psql, the suite and the isolationtester: options, then the environment, then the installer script beside this file. */
function locate(options: Options): { psql: string; suite: string; isolationtester: string } {
  const installer = join(recordDirectory, 'postgres18');
  const ask = (what: string): string => execFileSync('bash', [installer, what], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const psql = options.psql ?? join(process.env.PG18_BIN ?? ask('bin'), 'psql');
  const suite = options.suite ?? process.env.PG18_SUITE ?? join(ask('suite'), options.isolation ? 'isolation' : 'regress');
  const isolationtester = options.isolationtester ?? join(dirname(psql), '../lib/pgxs/src/test/isolation/isolationtester');
  for (const path of options.isolation ? [psql, suite, isolationtester] : [psql, suite]) {
    if (!existsSync(path)) throw new Error(`${path} does not exist`);
  }
  return { psql, suite, isolationtester };
}

async function runPass(names: readonly string[], options: Options, suite: SuiteOptions, server: ServerUnderTest): Promise<Pass> {
  const pass: Pass = { scores: new Map(), failures: new Map(), files: [] };
  const complaints = await createRegressionDatabase(suite);
  if (complaints) process.stdout.write(complaints);
  for (const name of names) {
    const run = await runFile(suite, name);
    const score = scoreFile(scriptText(suite.suite, name), expectedVariants(suite.suite, name), run.output);
    const reasons = failureReasons(score);
    pass.scores.set(name, score);
    pass.failures.set(name, reasons);
    pass.files.push({
      name, ok: score.fileMatches, good: score.good, total: score.total, seconds: Math.round(run.seconds * 100) / 100,
      timedOut: run.timedOut, orderOnly: reasons.filter((reason) => reason.orderOnly).length, passed: packPassed(score.passed),
    });
    const verdict = `${name.padEnd(32)} ${score.fileMatches ? 'ok  ' : 'FAIL'} ${String(score.good).padStart(5)}/${String(score.total).padEnd(5)}`;
    console.log(`${verdict} ${run.seconds.toFixed(1).padStart(6)}s${run.timedOut ? ' TIMEOUT' : ''}`);
    if (options.verbose) printFailures(score);
    await server.reviveAfter(name);
  }
  return pass;
}

function printFailures(score: Score): void {
  score.expected.forEach((chunk, index) => {
    if (score.passed[index]) return;
    const actual = score.actualOf.get(index);
    console.log(`--- expected\n${[...chunk.rawEcho, ...chunk.rawResult].join('\n')}\n+++ actual\n${actual ? actual.rawResult.join('\n') : '(none)'}\n`);
  });
}

/** What passed in every pass. */
function intersect(passes: readonly Pass[]): FileRecord[] {
  return passes[0].files.map((file) => {
    const scores = passes.map((pass) => pass.scores.get(file.name)!);
    const passed = scores[0].passed.map((_, index) => scores.every((score) => score.passed[index]));
    return { ...file, ok: scores.every((score) => score.fileMatches), good: passed.filter(Boolean).length, passed: packPassed(passed) };
  });
}

function runOrigin(): RunOrigin {
  const git = (...args: string[]): string => {
    try {
      return execFileSync('git', args, { cwd: recordDirectory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return 'unknown';
    }
  };
  return {
    commit: git('rev-parse', '--short', 'HEAD'), date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'} (${arch()}), Node ${process.versions.node}`,
  };
}

function makeRecord(files: readonly FileRecord[], seconds: number): RunRecord {
  const sum = (pick: (file: FileRecord) => number): number => files.reduce((total, file) => total + pick(file), 0);
  return {
    ...runOrigin(),
    summary: {
      filesOk: sum((file) => Number(file.ok)), files: files.length, statementsOk: sum((file) => file.good),
      statements: sum((file) => file.total), orderOnly: sum((file) => file.orderOnly), seconds: Math.round(seconds),
    },
    files,
  };
}

/** Prints what was lost against the record; true when nothing was. */
function holdsFloor(pass: Pass): boolean {
  const record = JSON.parse(readFileSync(recordPath, 'utf8')) as RunRecord;
  let lostCount = 0;
  for (const before of record.files) {
    const score = pass.scores.get(before.name);
    if (!score) continue;
    const lost = lostStatements(before, score);
    if (before.ok && !score.fileMatches) lost.push('(the file matched and no longer does)');
    lostCount += lost.length;
    for (const statement of lost) console.log(`LOST ${before.name}: ${statement}`);
  }
  console.log(lostCount === 0 ? 'floor held: everything that passed in results.json still passes' : `floor broken: ${lostCount} lost`);
  return lostCount === 0;
}

function suiteOptionsOf(options: Options, psql: string, suite: string, server: ServerUnderTest): SuiteOptions {
  return {
    suite, psql, host: options.host, port: server.port ?? Number(options.port), user: options.user,
    database: options.db ?? (options.isolation ? 'isolation_regression' : 'regression'),
    out: options.out, timeoutSeconds: Number(options.timeout), dlpath: options.dlpath,
  };
}

/** The isolation specs; 1 when a spec of the record was lost and `--floor` asks. */
async function isolationMain(options: Options): Promise<number> {
  const { psql, suite, isolationtester } = locate(options);
  const only = options.only?.split(',');
  const names = specNames(suite).filter((name) => only?.includes(name) ?? true);
  const server = await ServerUnderTest.start(options);
  try {
    const specs = await runSpecs(names, { ...suiteOptionsOf(options, psql, suite, server), isolationtester }, async ({ name, ok, reason, seconds }) => {
      console.log(`${name.padEnd(36)} ${ok ? 'ok  ' : 'FAIL'} ${seconds.toFixed(1).padStart(6)}s  ${reason}`);
      await server.reviveAfter(name);
    });
    if (options.record) writeIsolationRecord(recordDirectory, runOrigin(), specs);
    console.log(JSON.stringify({ specsOk: specs.filter((spec) => spec.ok).length, specs: specs.length }));
    const lost = options.floor ? lostSpecs(readIsolationRecord(join(recordDirectory, 'isolation.json'))?.specs ?? [], specs) : [];
    for (const name of lost) console.log(`LOST ${name}`);
    return lost.length > 0 ? 1 : 0;
  } finally {
    await server.stop();
  }
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options.isolation) return await isolationMain(options);
  const { psql, suite } = locate(options);
  const all = schedule(suite, 'parallel_schedule');
  const only = options.only?.split(',');
  const names = only ? all.filter((name) => name === 'test_setup' || only.includes(name)) : all;
  mkdirSync(options.out, { recursive: true });
  const started = performance.now();
  const passes: Pass[] = [];
  let different = 0;
  const runs = options.record ? Number(options.runs) : 1;
  for (let run = 0; run < runs; run++) {
    const server = await ServerUnderTest.start(options);
    try {
      passes.push(await runPass(names, options, suiteOptionsOf(options, psql, suite, server), server));
      different += await server.compare() ?? 0;
    } finally {
      await server.stop();
    }
  }
  const record = makeRecord(intersect(passes), (performance.now() - started) / 1000);
  const groups = groupFailures(passes[0].failures);
  for (const group of groups.slice(0, Number(options.groups))) {
    console.log(`${String(group.count).padStart(6)}  ${group.group}   [${group.files.slice(0, 4).join(', ')}]`);
  }
  if (options.record) {
    writeFileSync(recordPath, `${JSON.stringify(record)}\n`);
    writeFileSync(join(recordDirectory, 'RESULTS.md'), markdownReport(record, groups));
  }
  console.log(JSON.stringify(record.summary));
  const holds = !options.floor || holdsFloor(passes[0]);
  return holds && different === 0 ? 0 : 1;
}

process.exitCode = await main();
