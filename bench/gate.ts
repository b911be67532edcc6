/**
 * The performance gate: a few short workloads whose ratios to PostgreSQL 18 in the same run are compared with the recorded
 * ones (gate.json). Ratios, since absolute figures belong to a machine; of machines of the same kind, since processors and
 * hypervisors favour one server or the other by a factor of two; best of several against the lowest of several, since a shared
 * machine has moods: a workload fails when not one of its attempts comes within a quarter of the record. On a machine of a kind
 * that nobody has recorded the workloads are run and nothing is compared.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Bench, Sample } from './bench.js';
import { execute } from './client.js';
import type { Contender, Pair } from './contender.js';
import { copyFile, FACTS, factRows, fillFacts } from './groups/facts.js';
import { order, ratioOf, type Side } from './statistics.js';

/** The share of the recorded ratio that must be left. */
export const LEAST_SHARE = 0.75;
const ATTEMPTS = 3;
/** Against a record there are more: each is a chance to show that nothing is lost. */
const CHANCES = 5;
/** No further attempts once so much time has passed: a gate that everything fails must end as well. */
const PATIENCE_MS = 120_000;
const ROWS = 100_000;

/** What was recorded on one kind of machine: the lowest ratio of several attempts and recordings, by workload. */
export interface MachineRecord {
  readonly commit: string;
  readonly date: string;
  readonly ratios: Readonly<Record<string, number>>;
}
/** gate.json */
export interface GateRecord {
  /** By processor and their number. */
  readonly machines: Readonly<Record<string, MachineRecord>>;
}

/** The record in a file; an empty one when there is none. */
export function readGate(file: string): GateRecord {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as GateRecord : { machines: {} };
}

/** A workload against its record. */
export interface Verdict {
  readonly name: string;
  readonly recorded: number | null;
  readonly best: number;
  readonly passed: boolean;
}

/** A short workload. */
interface Check {
  readonly name: string;
  readonly better: 'more' | 'less';
  sample(contender: Contender): Promise<Sample>;
}

/** The best of the attempts against the record; what has no record passes. */
export function judge(name: string, recorded: number | null, ratios: readonly number[]): Verdict {
  const best = Math.max(...ratios);
  return { name, recorded, best, passed: recorded === null || best >= recorded * LEAST_SHARE };
}

async function checks(bench: Bench, pair: Pair): Promise<readonly Check[]> {
  const range = bench.file('range.sql', `\\set a random(1, ${ROWS - 999})\nSELECT * FROM facts WHERE id BETWEEN :a AND :a + 999;\n`);
  const insert = bench.file('insert.sql', '\\set a random(1, 1000)\nINSERT INTO incoming (a, b) VALUES (:a, \'text\');\n');
  const copied = await copyFile(bench, 'copied.tsv', factRows(ROWS));
  for (const { port } of [pair.ours, pair.postgres]) {
    await execute(port, 'CREATE TABLE incoming (id bigserial PRIMARY KEY, a int, b text)', FACTS.replace('facts', 'copied').replace(' PRIMARY KEY', ''));
  }
  const rate = (name: string, seconds: number, ...args: string[]): Check => ({ name, better: 'more', sample: (contender) => bench.rate(contender, { args, seconds, sampling: 0.1 }) });
  const time = (name: string, sql: string): Check => ({ name, better: 'less', sample: (contender) => bench.time(contender, sql, 9) });
  return [
    rate('TPC-B, 10 clients, simple', 3, '-c', '10'),
    rate('TPC-B, 64 clients, prepared', 3, '-c', '64', '-M', 'prepared'),
    rate('select only, 10 clients, prepared', 2, '-S', '-c', '10', '-M', 'prepared'),
    rate('single-row INSERT, 10 clients', 2, '-f', insert, '-c', '10'),
    rate('index range scan of 1,000 rows', 2, '-f', range, '-c', '1', '-M', 'prepared'),
    time('GROUP BY, 1,000 groups', 'SELECT grp, count(*), sum(amount) FROM facts GROUP BY grp'),
    time('full sort', `SELECT id FROM facts ORDER BY label, id OFFSET ${ROWS - 1}`),
    time('hash join', 'SELECT d.region, count(*) FROM facts f JOIN dims d ON d.id = f.ref GROUP BY d.region'),
    {
      name: 'COPY in of 100 k rows', better: 'less', async sample({ port }) {
        await execute(port, 'TRUNCATE copied', 'CHECKPOINT');
        return { value: await bench.psql.copy(port, 'copied', copied) };
      },
    },
  ];
}

async function attempt(check: Check, pair: Pair, run: number): Promise<number> {
  const values: Partial<Record<Side, number>> = {};
  for (const side of order(run)) values[side] = (await check.sample(pair[side])).value;
  return ratioOf(values.ours ?? Number.NaN, values.postgres ?? Number.NaN, check.better);
}

/** Runs the workloads; without a record each as often as it takes to know its lowest ratio. */
async function measureChecks(bench: Bench, record: MachineRecord | null): Promise<{ verdicts: Verdict[]; ratios: Record<string, number> }> {
  const begin = performance.now();
  const pair = await bench.pair([], { postgres: ['max_parallel_workers_per_gather=0'] });
  for (const contender of [pair.ours, pair.postgres]) await bench.initialize(contender, 1);
  await fillFacts(bench, [pair.ours, pair.postgres], ROWS);
  const verdicts: Verdict[] = [];
  const ratios: Record<string, number> = {};
  for (const check of await checks(bench, pair)) {
    if (!bench.wants(check.name)) continue;
    await check.sample(pair.ours); // Compiled code is what is compared.
    const recorded = record?.ratios[check.name] ?? null;
    const seen: number[] = [];
    const enough = (): boolean => seen.length >= (record === null ? ATTEMPTS : CHANCES)
      || (record !== null && (judge(check.name, recorded, seen).passed || performance.now() - begin > PATIENCE_MS));
    do {
      seen.push(await attempt(check, pair, seen.length));
    } while (!enough());
    const verdict = judge(check.name, recorded, seen);
    verdicts.push(verdict);
    ratios[check.name] = Number(Math.min(...seen).toPrecision(3));
    const against = recorded === null ? 'no record' : `recorded ${recorded}, ${verdict.passed ? 'passed' : 'LOST'}`;
    bench.note(`${check.name}: ${seen.map((ratio) => ratio.toFixed(2)).join(', ')} (${against})`);
  }
  return { verdicts, ratios };
}

/**
 * Measures without looking at the record, and keeps the lower of both for this kind of machine: a shared one has good and bad hours,
 * and the record is to be what even a bad one reaches. To begin anew, take the machine out of the file, and record a few times.
 */
export async function recordGate(bench: Bench, file: string, machine: string, where: Omit<MachineRecord, 'ratios'>): Promise<void> {
  const { ratios } = await measureChecks(bench, null);
  const { machines } = readGate(file);
  const old = machines[machine]?.ratios ?? {};
  const lowest = Object.entries(ratios).map(([name, ratio]) => [name, Math.min(ratio, old[name] ?? ratio)] as const);
  const all = { ...machines, [machine]: { ...where, ratios: { ...old, ...Object.fromEntries(lowest) } } };
  writeFileSync(file, `${JSON.stringify({ machines: all }, null, 1)}\n`);
}

/** True when nothing has lost more than a quarter of what was recorded on such a machine. */
export async function passesGate(bench: Bench, file: string, machine: string): Promise<boolean> {
  const record = readGate(file).machines[machine] ?? null;
  if (record === null) bench.note(`no record of a machine like this one (${machine}): nothing is compared`);
  const { verdicts } = await measureChecks(bench, record ?? { commit: '', date: '', ratios: {} });
  const lost = verdicts.filter((verdict) => !verdict.passed);
  for (const { name, recorded, best } of lost) bench.note(`lost: ${name}: ratio ${best.toFixed(2)} at best, recorded ${recorded} (commit ${record?.commit})`);
  bench.note(lost.length === 0 ? `gate passed: ${verdicts.length} workloads` : `gate failed: ${lost.length} of ${verdicts.length} workloads`);
  return lost.length === 0;
}
