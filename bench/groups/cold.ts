/**
 * The same queries, each the first one after a clean stop and a start. Where the machine lets us, its page cache is emptied
 * while the servers are down; the output says whether it was.
 */
import { writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import type { Group } from '../bench.js';
import { fillFacts, singleProcess } from './facts.js';
import { queries, type Query } from './queries.js';

/** Empties the machine's page cache; false when it may not. */
export function dropCaches(): boolean {
  try {
    spawnSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

const nameOf = (query: Query): string => `first after restart: ${query.name}`;

/** See the file's comment. */
export const cold: Group = {
  name: 'cold',
  title: 'A million rows, the first query after a restart',
  async run(bench) {
    const rows = bench.size(1_000_000, 20_000);
    if (!bench.wantsAny(queries(rows).map((query) => nameOf(query)))) return;
    const pair = await bench.pair(['work_mem=64MB'], singleProcess(bench));
    await fillFacts(bench, [pair.ours, pair.postgres], rows);
    const note = dropCaches() ? undefined : "the machine's page cache could not be emptied";
    for (const query of queries(rows)) {
      await bench.compare(pair, { name: nameOf(query), unit: 'ms', better: 'less', goal: { ratio: 1 }, note }, async (contender) => {
        await contender.stop();
        dropCaches();
        await contender.start();
        return bench.time(contender, query.sql, 1, true);
      });
    }
  },
};
