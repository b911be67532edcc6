/**
 * `npm run bundle`: bundles `dist` into `dist/bundle` and puts V8's compiled code beside it, for the V8 that runs this: what a server
 * compiles that opens a directory and is asked the usual things. The library takes it as well.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { buildBundle, COMMAND_FILE } from './build.js';

const dist = fileURLToPath(new URL('../..', import.meta.url));
const bundle = join(dist, 'bundle');

const SETUP = ['CREATE TABLE kept (id int PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now())'];
/**
 * What a first client is likely to send: the code of these is kept compiled. No scans of many rows: where their code was kept, the first
 * GROUP BY over a million rows took twice the main thread's time, as if V8 optimized its loops later.
 */
const STATEMENTS = [
  "INSERT INTO kept VALUES (1, 'one'), (2, 'two')",
  'BEGIN', "UPDATE kept SET name = 'eins' WHERE id = 1", 'DELETE FROM kept WHERE id = 2', 'COMMIT',
  'SELECT name, count(*) FROM kept WHERE id < 10 GROUP BY name ORDER BY name LIMIT 5',
];

/** Runs the command on a directory and hands out a connection to it; stops it afterwards. `cache`: where compiled code is kept, or `off`. */
async function serve(directory: string, cache: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [join(bundle, COMMAND_FILE), 'primary', '--data', directory, '--port', '0'],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PGLITEDB_CODE_CACHE: cache } });
  child.once('exit', (code) => {
    if (code !== 0) throw new Error(`the server ended with ${code}`);
  });
  const [ready] = (await once(createInterface(child.stdout), 'line')) as [string];
  const client = new pg.Client({ connectionString: ready.replace('ready: ', '') });
  await client.connect();
  await work(client);
  await client.end();
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function keepCode(directory: string): Promise<void> {
  await serve(directory, 'off', async (client) => {
    for (const statement of SETUP) await client.query(statement);
  });
  await serve(directory, bundle, async (client) => {
    for (const statement of STATEMENTS) await client.query(statement);
    await client.query('SELECT name FROM kept WHERE id = $1', [1]);
  });
}

await rm(bundle, { recursive: true, force: true });
await buildBundle(dist);
const directory = await mkdtemp(join(tmpdir(), 'pglitedb-bundle-'));
try {
  await keepCode(join(directory, 'data'));
} finally {
  await rm(directory, { recursive: true, force: true });
}
