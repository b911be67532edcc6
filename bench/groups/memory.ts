/** Resident memory of all of a server's processes: as started, after TPC-B, and with thousands of idle connections. */
import type { Bench, Group, Sample } from '../bench.js';
import { execute, pause } from '../client.js';
import type { Contender } from '../contender.js';
import { residentMegabytes } from '../processes.js';
import { openMany } from '../wire.js';

/** A collection that the last work left to do has had its turn by then. */
const SETTLE_MS = 2000;

async function resident(contender: Contender): Promise<Sample> {
  await pause(SETTLE_MS);
  return { value: residentMegabytes(contender.pid) };
}

/** What a step does before memory is read. */
function steps(bench: Bench): readonly { name: string; most: number; work: (contender: Contender) => Promise<void> }[] {
  return [
    { name: 'memory, fresh', most: 90, work: (contender) => execute(contender.port, 'SELECT 1') },
    {
      name: 'memory after TPC-B, scale 1, 10 clients', most: 180, async work(contender) {
        await bench.initialize(contender, 1);
        await bench.rate(contender, { args: ['-c', '10'], seconds: bench.options.seconds });
        await bench.rate(contender, { args: ['-c', '10', '-M', 'prepared'], seconds: bench.options.seconds });
      },
    },
  ];
}

/** See the file's comment. */
export const memory: Group = {
  name: 'memory',
  title: 'Resident memory',
  async run(bench) {
    const pair = await bench.pair();
    for (const { name, most, work } of steps(bench)) {
      await bench.compare(pair, { name, unit: 'MB', better: 'less', goal: { most }, runs: 1 }, async (contender) => {
        await work(contender);
        return resident(contender);
      });
    }
    await bench.clear();
    const count = bench.size(5000, 200);
    // PostgreSQL forks a process for each: several GB for a figure that nobody asks for.
    const ours = await bench.ours({ settings: [`max_connections=${count + 100}`] });
    await ours.start();
    await bench.compare({ ours }, { name: 'memory with 5,000 idle connections', unit: 'MB', better: 'less', goal: { most: 300 }, runs: 1, note: `${count} connections` }, async (contender) => {
      const { connections, failed } = await openMany(contender.port, count);
      try {
        if (failed > 0) throw new Error(`error: ${failed} of ${count} connections were refused`);
        return await resident(contender);
      } finally {
        for (const connection of connections) connection.close();
      }
    });
  },
};
