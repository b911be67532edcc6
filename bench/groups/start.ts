/** From the start of the process to the first answer: on a new directory, and on one of a gigabyte after a clean stop. */
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Group } from '../bench.js';
import { execute } from '../client.js';
import { timeToFirstAnswer, type Contender } from '../contender.js';
import { copyFile } from './facts.js';

const FRESH = 'start on a new directory';
const EXISTING = 'start on a directory of 1 GB';
const ROW_BYTES = 1000;

/** Bytes of all files below a directory. */
export function directoryBytes(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    // A server at work makes and removes files meanwhile.
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/** Text that does not compress much. */
function* payload(rows: number): Generator<[number, string]> {
  for (let id = 1; id <= rows; id++) yield [id, randomBytes((ROW_BYTES * 3) / 4).toString('base64')];
}

async function fillTo(bench: Bench, contender: Contender, bytes: number, file: string): Promise<void> {
  await execute(contender.port, 'CREATE TABLE payload (id int, body text)');
  while (directoryBytes(contender.dataDirectory) < bytes) {
    await bench.psql.copy(contender.port, 'payload', file);
    await execute(contender.port, 'CHECKPOINT');
  }
}

/** See the file's comment. */
export const start: Group = {
  name: 'start',
  title: 'Start to the first answer',
  async run(bench) {
    const bytes = bench.size(1 << 30, 50 << 20);
    const idle = { ours: await bench.ours(), postgres: await bench.postgres() };
    await bench.compare(idle, { name: FRESH, unit: 'ms', better: 'less', goal: { most: 300 }, note: "PostgreSQL's: with initdb" }, async ({ side }) => {
      const begin = performance.now();
      const contender = side === 'ours' ? await bench.ours() : await bench.postgres();
      const prepared = side === 'ours' ? 0 : performance.now() - begin;
      const value = prepared + (await timeToFirstAnswer(contender));
      await contender.stop();
      return { value };
    });
    if (!bench.wants(EXISTING)) return;
    const file = await copyFile(bench, 'payload.tsv', payload(bytes / 10 / ROW_BYTES));
    for (const contender of [idle.ours, idle.postgres]) {
      await contender.start();
      await fillTo(bench, contender, bytes, file);
    }
    await bench.compare(idle, { name: EXISTING, unit: 'ms', better: 'less', goal: { most: 300 } }, async (contender) => {
      await contender.stop();
      return { value: await timeToFirstAnswer(contender) };
    });
  },
};
