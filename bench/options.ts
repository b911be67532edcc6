/**
 * The command line of `npm run bench`.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';

/** As it was typed, checked. */
export interface CommandLine {
  readonly group: readonly string[];
  readonly only: string;
  readonly seconds: number;
  readonly runs: number;
  readonly steady: number;
  readonly quick: boolean;
  readonly parallel: boolean;
  readonly record: boolean;
  readonly gate: boolean;
  readonly json?: string;
  readonly bin?: string;
}

function whole(least: number): (text: string) => number {
  return (text) => {
    if (!/^\d+$/.test(text) || Number(text) < least) throw new InvalidArgumentError(`expected a whole number from ${least} on`);
    return Number(text);
  };
}

/** Reads it; ends the process with commander's message when it is wrong. `groups`: what there is. */
export function parseCommandLine(groups: readonly string[]): CommandLine {
  const group = (text: string): string[] => text.split(',').map((name) => {
    if (!groups.includes(name)) throw new InvalidArgumentError(`there are ${groups.join(', ')}`);
    return name;
  });
  const command = new Command('bench')
    .description('Measures this server beside PostgreSQL 18, run by run in turn.')
    .option('--group <names>', `groups, separated by commas (${groups.join(', ')}; default: all)`, group, groups)
    .option('--only <text>', 'only workloads whose name contains this', '')
    .option('--seconds <n>', 'per run', whole(1), 10)
    .option('--runs <n>', 'alternating runs of each workload', whole(1), 3)
    .option('--steady <seconds>', 'length of the steady run with a replica (group replication), 0: none', whole(0), 0)
    .option('--quick', 'small sizes, one run of a second: shows that it works, measures nothing', false)
    .option('--parallel', "leave PostgreSQL's parallel query on (default: one process each)", false)
    .option('--record', 'keep what was measured: results.json, RESULTS.md, plots/ (with --gate: gate.json)', false)
    .option('--gate', 'a few short workloads against gate.json; exit code 1 when a ratio has lost more than a quarter', false)
    .option('--json <file>', 'also write what was measured to a file')
    .option('--bin <dir>', "PostgreSQL 18's programs (default: $PG18_BIN, or found by regress/postgres18)")
    .parse();
  const options = command.opts<CommandLine>();
  if (options.record && !options.gate && (options.quick || options.only !== '')) command.error('error: --record keeps whole groups, measured in full: leave out --only and --quick');
  const given = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  if (!options.quick) return options;
  return { ...options, runs: given('runs') ? options.runs : 1, seconds: given('seconds') ? options.seconds : 1 };
}

/** The directory of PostgreSQL 18's programs. */
export function postgresPrograms(given: string | undefined): string {
  const installer = fileURLToPath(new URL('../../regress/postgres18', import.meta.url));
  return given ?? process.env.PG18_BIN ?? execFileSync('bash', [installer, 'bin'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}
