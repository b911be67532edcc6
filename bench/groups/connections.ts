/**
 * Many connections: thousands held, each running a query in turn; and the rate of a thousand active clients against that
 * of 64.
 */
import type { Bench, Group, Sample } from '../bench.js';
import { waitForAnswer } from '../client.js';
import type { Contender, Pair } from '../contender.js';
import { percentiles, type Side } from '../statistics.js';
import { openMany } from '../wire.js';

const HELD = '5,000 connections held, each a query in turn';
const SCRIPTS = [
  { name: 'select only', args: ['-S', '-M', 'prepared'], sampling: 0.1 },
  { name: 'TPC-B', args: ['-M', 'prepared'], sampling: 1 },
];

async function eachInTurn(contender: Contender, count: number): Promise<Sample> {
  const { connections, failed } = await openMany(contender.port, count);
  const waits: number[] = [];
  const begin = performance.now();
  try {
    let errors = failed;
    for (const [number, connection] of connections.entries()) {
      const start = performance.now();
      await connection.query(`SELECT abalance FROM pgbench_accounts WHERE aid = ${number + 1}`).catch(() => { errors++; });
      waits.push(performance.now() - start);
    }
    if (errors > 0) throw new Error(`error: ${errors} of ${count} connections were refused or failed`);
    return { value: count / ((performance.now() - begin) / 1000), latency: percentiles(waits) };
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** A server goes on for a while with clients that have gone, a thousand of them in the way of the other server: none may be left on either. */
async function withoutClients({ ours, postgres }: Pair): Promise<void> {
  const left = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
  for (const { port } of [ours, postgres]) await waitForAnswer(port, left, '0');
}

const nameAt = (name: string, clients: number): string => `${name}, ${clients.toLocaleString('en-US')} clients`;

/** Rates at both numbers of clients, and how much of the first is left at the second: on each server by itself. */
async function compareClients(bench: Bench, pair: Pair, few: number, many: number): Promise<void> {
  for (const { name, args, sampling } of SCRIPTS) {
    const rates: Record<Side, number[]> = { ours: [], postgres: [] };
    for (const clients of [few, many]) {
      const figure = await bench.compare(pair, { name: nameAt(name, clients), unit: 'transactions/s', better: 'more', goal: {} },
        async (contender) => {
          await withoutClients(pair);
          return bench.rate(contender, { args: [...args, '-c', String(clients)], seconds: bench.options.seconds, sampling });
        });
      if (figure?.ours) rates.ours.push(figure.ours);
      if (figure?.postgres) rates.postgres.push(figure.postgres);
    }
    const left = (side: Side): number | null => (rates[side].length === 2 ? rates[side][1] / rates[side][0] : null);
    const [ours, postgres] = [left('ours'), left('postgres')];
    const label = `${name}: share of the rate at ${few} that is left at ${many.toLocaleString('en-US')}`;
    if (ours !== null || postgres !== null) bench.keep({ name: label, unit: '', better: 'more', ours, postgres, ratio: null, goal: { least: 0.7 } });
  }
}

/** See the file's comment. */
export const connections: Group = {
  name: 'connections',
  title: 'Many connections',
  async run(bench) {
    const [held, few, many] = [bench.size(5000, 200), 64, bench.size(1000, 100)];
    if (!bench.wantsAny([HELD, ...SCRIPTS.flatMap(({ name }) => [nameAt(name, few), nameAt(name, many)])])) return;
    const pair = await bench.pair([], { ours: [`max_connections=${held + 100}`], postgres: [`max_connections=${many + 100}`] });
    for (const contender of [pair.ours, pair.postgres]) await bench.initialize(contender, 10);
    await bench.compare({ ours: pair.ours }, { name: HELD, unit: 'queries/s', better: 'more', goal: { least: 1 }, runs: 1, note: `${held} connections` },
      (contender) => eachInTurn(contender, held));
    await compareClients(bench, pair, few, many);
  },
};
