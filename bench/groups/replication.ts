/**
 * A primary with one streaming standby on the same machine: TPC-B in each mode of synchronous_commit, and the standby's lag
 * under it (`--steady` makes that run longer).
 */
import { figureOf, type Bench, type Group, type Sample } from '../bench.js';
import { execute } from '../client.js';
import { STANDBY_NAME, type Contender, type Pair } from '../contender.js';
import { caughtUp, PROBE_TABLE, watchLag, type Lag } from '../lag.js';
import type { Goal } from '../record.js';
import type { Percentiles, Side } from '../statistics.js';

const MODES: readonly (readonly [mode: string, goal: Goal])[] = [
  ['off', {}], ['local', { ratio: 2 }], ['remote_write', {}], ['on', { ratio: 2 }], ['remote_apply', { ratio: 2 }],
];
const workload = (mode: string): string => `TPC-B, 10 clients, a standby, ${mode}`;
const LAG = {
  apply: 'lag: commit to visible on the standby, p99',
  reported: 'lag: pg_stat_replication.replay_lag, p99',
  bytes: 'lag: log not applied yet, p99',
};

/** With an open standby beside each; the standby is confirmed by all modes above local. */
async function withStandbys(bench: Bench): Promise<{ pair: Pair; standbys: Pair }> {
  const pair = await bench.pair();
  const standbys = { ours: await pair.ours.addReplica(), postgres: await pair.postgres.addReplica() };
  for (const contender of [pair.ours, pair.postgres]) {
    await bench.initialize(contender, 1);
    await execute(contender.port, ...PROBE_TABLE, `ALTER SYSTEM SET synchronous_standby_names = '${STANDBY_NAME}'`, 'SELECT pg_reload_conf()');
    await caughtUp(contender);
  }
  return { pair, standbys };
}

async function compareLag(bench: Bench, pair: Pair, standbys: Pair): Promise<void> {
  if (!bench.wantsAny(Object.values(LAG))) return;
  const seconds = bench.options.steadySeconds || bench.options.seconds;
  const seen: Partial<Record<Side, Lag>> = {};
  const sampleOf = (measured: Percentiles | null | undefined): Sample[] => (measured ? [{ value: measured.p99, latency: measured }] : []);
  const note = `a run of ${seconds} s at full rate, synchronous_commit = local`;
  const measureSide = async (contender: Contender): Promise<Sample> => {
    await caughtUp(contender);
    const lag = await watchLag(contender, standbys[contender.side], async () => {
      await bench.rate(contender, { args: ['-c', '10', '-M', 'prepared'], seconds, settings: ['synchronous_commit=local'] });
    });
    seen[contender.side] = lag;
    return { value: lag.apply?.p99 ?? Number.NaN, latency: lag.apply };
  };
  await bench.compare(pair, { name: LAG.apply, unit: 'ms', better: 'less', goal: { most: 10 }, runs: 1, note }, measureSide);
  const keep = (name: string, unit: string, goal: Goal, of: (lag: Lag) => Percentiles | null): void => {
    if (!bench.wants(name)) return;
    const samples = { ours: seen.ours ? sampleOf(of(seen.ours)) : [], postgres: seen.postgres ? sampleOf(of(seen.postgres)) : [] };
    bench.keep(figureOf({ name, unit, better: 'less', goal }, samples, {}));
  };
  keep(LAG.reported, 'ms', { most: 10 }, (lag) => lag.reported);
  keep(LAG.bytes, 'bytes', {}, (lag) => lag.bytes);
  bench.curves.push({
    name: 'Apply lag under TPC-B, longest of each second', x: 'seconds', y: 'ms', logarithmic: false,
    ours: seen.ours?.trace ?? [], postgres: seen.postgres?.trace ?? [],
  });
}

/** See the file's comment. */
export const replication: Group = {
  name: 'replication',
  title: 'A primary and a standby',
  async run(bench) {
    if (!bench.wantsAny([...MODES.map(([mode]) => workload(mode)), ...Object.values(LAG)])) return;
    const { pair, standbys } = await withStandbys(bench);
    for (const [mode, goal] of MODES) {
      await bench.compare(pair, { name: workload(mode), unit: 'transactions/s', better: 'more', goal }, (contender) =>
        bench.rate(contender, { args: ['-c', '10', '-M', 'prepared'], seconds: bench.options.seconds, settings: [`synchronous_commit=${mode}`] }));
    }
    await compareLag(bench, pair, standbys);
  },
};
