/**
 * `npm run bench`: this server and PostgreSQL 18 side by side, run by run in turn, every commit durable on both. Prints a
 * table; `--record` keeps it in bench/; `--gate` compares ratios with the recorded ones.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bench, type BenchOptions, type Group } from './bench.js';
import { openEngines } from './beside.js';
import { passesGate, recordGate } from './gate.js';
import { GROUPS } from './groups.js';
import { parseCommandLine, postgresPrograms } from './options.js';
import type { GroupRecord } from './record.js';
import { writeRecord } from './store.js';
import { groupMarkdown } from './table.js';

const TITLES = new Map(GROUPS.map((group) => [group.name, group.title]));
const here = fileURLToPath(new URL('../../bench', import.meta.url));
const print = (text: string): void => { console.log(text); };

function versionOf(bin: string, program: string): string {
  return execFileSync(join(bin, program), ['--version'], { encoding: 'utf8' }).trim();
}

/** Where and when something is measured. A commit with changes on top is marked. */
function provenance(): { commit: string; date: string; machine: string } {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: here, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':/lib', ':/server', ':/replica') !== '';
  return {
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`,
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'} (${arch()})`,
  };
}

async function runGroup(group: Group, options: BenchOptions): Promise<GroupRecord> {
  const where = provenance();
  const engines = await openEngines();
  const bench = new Bench(options, engines, print);
  print(`\n${group.title} (${group.name})`);
  try {
    await group.run(bench);
  } finally {
    await bench.clear();
    for (const engine of engines) await engine.close();
  }
  return {
    ...where, node: process.versions.node, postgres: versionOf(options.bin, 'postgres'), client: versionOf(options.bin, 'pgbench'),
    beside: engines.map(({ name, durability }) => ({ name, durability })),
    runs: options.runs, seconds: options.seconds, quick: options.quick, figures: bench.figures, curves: bench.curves,
  };
}

async function runGate(options: BenchOptions, record: boolean): Promise<void> {
  const bench = new Bench(options, [], print);
  const file = join(here, 'gate.json');
  try {
    const { machine, ...where } = provenance();
    if (record) await recordGate(bench, file, machine, where);
    else if (!(await passesGate(bench, file, machine))) process.exitCode = 1;
  } finally {
    await bench.clear();
  }
}

async function main(): Promise<void> {
  const line = parseCommandLine(GROUPS.map((group) => group.name));
  const options: BenchOptions = { ...line, steadySeconds: line.steady, bin: postgresPrograms(line.bin) };
  if (line.gate) {
    await runGate(options, line.record);
    return;
  }
  const groups = new Map<string, GroupRecord>();
  for (const group of GROUPS.filter((candidate) => line.group.includes(candidate.name))) {
    const record = await runGroup(group, options);
    if (record.figures.length + record.curves.length === 0) continue; // Nothing that --only asks for.
    groups.set(group.name, record);
    if (line.record) writeRecord(here, groups, TITLES);
  }
  for (const [name, group] of groups) print(`\n${groupMarkdown(name, TITLES.get(name) ?? name, group)}`);
  if (line.json !== undefined) writeFileSync(line.json, `${JSON.stringify({ version: 2, groups: Object.fromEntries(groups) }, null, 1)}\n`);
}

await main();
