/**
 * `npm run bundle`: bundles `dist` into `dist/bundle` and puts V8's compiled code beside it, for the V8 that runs this and for
 * the two ways to start it (as the command, whose first line sets a V8 flag, and as a library).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { NODE_OPTIONS } from '../cli/node-options.js';
import { buildBundle, COMMAND_FILE } from './build.js';

const dist = fileURLToPath(new URL('../..', import.meta.url));
const bundle = join(dist, 'bundle');

/** What a first client is likely to send: the code of these is kept compiled. */
const STATEMENTS = [
  'CREATE TABLE kept (id int PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now())',
  "INSERT INTO kept VALUES (1, 'one'), (2, 'two')",
  'BEGIN', "UPDATE kept SET name = 'eins' WHERE id = 1", 'DELETE FROM kept WHERE id = 2', 'COMMIT',
  'SELECT name, count(*) FROM kept WHERE id < 10 GROUP BY name ORDER BY name LIMIT 5',
];

/** Runs a program once whose code is then kept in the bundle's directory. */
async function keepCode(...command: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PGLITEDB_CODE_CACHE: bundle } });
  child.once('exit', (code) => {
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
  });
  return child;
}

async function keepCommandCode(directory: string): Promise<void> {
  const child = await keepCode(...NODE_OPTIONS, join(bundle, COMMAND_FILE), 'primary', '--data', directory, '--port', '0');
  const [ready] = (await once(createInterface(child.stdout!), 'line')) as [string];
  const client = new pg.Client({ connectionString: ready.replace('ready: ', '') });
  await client.connect();
  for (const statement of STATEMENTS) await client.query(statement);
  await client.query('SELECT name FROM kept WHERE id = $1', [1]);
  await client.end();
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function keepLibraryCode(): Promise<void> {
  const program = `
    const { PGliteDB } = await import(${JSON.stringify(join(bundle, 'index.js'))});
    const db = await PGliteDB.open('memory://');
    for (const statement of ${JSON.stringify(STATEMENTS)}) await db.query(statement);
    await db.query('SELECT name FROM kept WHERE id = $1', [1]);
    await db.close();`;
  await once(await keepCode('--input-type=module', '--eval', program), 'exit');
}

await rm(bundle, { recursive: true, force: true });
await buildBundle(dist);
const directory = await mkdtemp(join(tmpdir(), 'pglitedb-bundle-'));
try {
  await Promise.all([keepCommandCode(join(directory, 'data')), keepLibraryCode()]);
} finally {
  await rm(directory, { recursive: true, force: true });
}
