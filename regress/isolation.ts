/**
 * `npm run regress -- --isolation`: PostgreSQL 18's isolation specs through the real isolationtester. A spec passes by
 * pg_isolation_regress's rule: its output equals some expected variant, white space ignored. Every spec of the suite
 * counts, those outside its default schedule too.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generalize } from './classify.js';
import type { RunOrigin } from './record.js';
import { squeeze } from './score.js';
import { createRegressionDatabase, expectedVariants, schedule, suiteEnvironment, type SuiteOptions } from './suite.js';

/** Where the specs and the tester are; `suite` is the suite's src/test/isolation directory. */
export interface IsolationOptions extends SuiteOptions {
  readonly isolationtester: string;
}

/** One spec's line of the record. */
export interface SpecRecord {
  readonly name: string;
  readonly ok: boolean;
  /** Why it fails: its first surprising line; '' when it passes. */
  readonly reason: string;
  readonly seconds: number;
}

/** A whole run (`isolation.json`). */
export interface IsolationRecord extends RunOrigin {
  readonly summary: { readonly specsOk: number; readonly specs: number };
  readonly specs: readonly SpecRecord[];
}

/** Every spec: the schedule's in its order, then the others by name. */
export function specNames(suite: string): string[] {
  const scheduled = schedule(suite, 'isolation_schedule');
  const all = readdirSync(join(suite, 'specs')).filter((name) => name.endsWith('.spec')).map((name) => name.slice(0, -'.spec'.length));
  return [...scheduled, ...all.filter((name) => !scheduled.includes(name)).toSorted()];
}

/** Says where an output departs from the nearest expected variant; '' when it matches one. */
export function judgeSpec(variants: readonly string[], output: string): string {
  let furthest = -1;
  let reason = 'no expected output';
  const actual = significantLines(output);
  for (const variant of variants) {
    const expected = significantLines(variant);
    const length = Math.max(actual.length, expected.length);
    let at = 0;
    while (at < length && actual[at] !== undefined && expected[at] !== undefined && squeeze(actual[at]) === squeeze(expected[at])) at++;
    if (at === length) return '';
    if (at <= furthest) continue;
    furthest = at;
    reason = describeDeparture(expected.slice(at), actual.slice(at));
  }
  return reason;
}

/** The first error that the spec does not expect, else the first line that differs. */
function describeDeparture(expected: readonly string[], actual: readonly string[]): string {
  const wanted = new Set(expected.map(squeeze));
  const surprise = actual.find((line) => /(ERROR|FATAL|PANIC): |^setup failed|^teardown failed|^isolationtester|canceling step/.test(line) && !wanted.has(squeeze(line)));
  return surprise ?? `expected: ${expected[0] ?? '(the end)'}; printed: ${actual[0] ?? '(the end)'}`;
}

function significantLines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

/**
 * Runs specs one after the other in a database of their own, made anew behind a spec that failed (it may have left its
 * tables); `after` is told of each.
 */
export async function runSpecs(names: readonly string[], options: IsolationOptions, after: (record: SpecRecord) => Promise<void>): Promise<SpecRecord[]> {
  mkdirSync(join(options.out, 'results'), { recursive: true });
  const records: SpecRecord[] = [];
  let fresh = false;
  for (const name of names) {
    if (!fresh) process.stdout.write(await createRegressionDatabase(options));
    const started = performance.now();
    const output = await runSpec(options, name);
    const reason = judgeSpec(expectedVariants(options.suite, name), output);
    const record = { name, ok: reason === '', reason, seconds: Math.round((performance.now() - started) / 100) / 10 };
    records.push(record);
    fresh = record.ok;
    await after(record);
  }
  return records;
}

async function runSpec(options: IsolationOptions, name: string): Promise<string> {
  const outputPath = join(options.out, 'results', `${name}.out`);
  const input = openSync(join(options.suite, 'specs', `${name}.spec`), 'r');
  const output = openSync(outputPath, 'w');
  const child = spawn(options.isolationtester, [`dbname=${options.database}`], {
    // The tester gives a step twice this time before it cancels it, thrice before it gives up.
    env: { ...suiteEnvironment(options), PGAPPNAME: `isolation/${name}`, PG_TEST_TIMEOUT_DEFAULT: String(Math.ceil(options.timeoutSeconds / 4)) },
    stdio: [input, output, output],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutSeconds * 1000);
  await new Promise((done) => child.on('close', done));
  clearTimeout(timer);
  closeSync(input);
  closeSync(output);
  return readFileSync(outputPath, 'utf8');
}

/** Specs that passed in the record and fail now. */
export function lostSpecs(before: readonly SpecRecord[], now: readonly SpecRecord[]): string[] {
  const failing = new Set(now.filter((spec) => !spec.ok).map((spec) => spec.name));
  return before.filter((spec) => spec.ok && failing.has(spec.name)).map((spec) => spec.name);
}

/** The record kept at `path`, or null. */
export function readIsolationRecord(path: string): IsolationRecord | null {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) as IsolationRecord : null;
}

/** Writes the record and its report: `isolation.json` and `ISOLATION.md` of `directory`. */
export function writeIsolationRecord(directory: string, origin: RunOrigin, specs: readonly SpecRecord[]): void {
  const record: IsolationRecord = { ...origin, summary: { specsOk: specs.filter((spec) => spec.ok).length, specs: specs.length }, specs };
  writeFileSync(join(directory, 'isolation.json'), `${JSON.stringify(record)}\n`);
  writeFileSync(join(directory, 'ISOLATION.md'), isolationReport(record));
}

function isolationReport(record: IsolationRecord): string {
  const groups = new Map<string, string[]>();
  for (const { name, ok, reason } of record.specs) {
    if (!ok) groups.set(generalize(reason), [...groups.get(generalize(reason)) ?? [], name]);
  }
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const groupLines = [...groups].toSorted((a, b) => b[1].length - a[1].length).map(([reason, names]) => `| ${names.length} | ${cell(reason)} | ${names.join(', ')} |`);
  const specLines = record.specs.map((spec) => `| ${spec.name} | ${spec.ok ? 'ok' : ''} | ${spec.seconds.toFixed(1)} |`);
  return `# PostgreSQL 18's isolation specs against this server

${record.summary.specsOk} of ${record.summary.specs} specs. Commit ${record.commit}, ${record.date}, ${record.machine}.
Made by \`npm run regress -- --isolation --record\`.

## Reasons for failures

| specs | first surprise | which |
|---|---|---|
${groupLines.join('\n')}

## Specs

| spec | | seconds |
|---|---|---|
${specLines.join('\n')}
`;
}
