/** The bundle: the command and the library as packages run them, and that compiled code which does not fit is never used. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import pg from 'pg';
import * as library from '../../lib/index.js';
import { ENVIRONMENT_WORDS } from '../../ops/bundle/environment.js';

const BUNDLE = fileURLToPath(new URL('../../bundle', import.meta.url));
const OPS = fileURLToPath(new URL('../../ops/bundle', import.meta.url));

/** What a module's text prints, run by a Node of its own. */
async function output(program: string, environment: Record<string, string> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { env: { ...process.env, ...environment } });
  return stdout.trim();
}

describe('the bundle', function () {
  this.timeout(60_000);
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'pglitedb-bundle-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  async function serve(dataDirectory: string, cache: string, sql: string): Promise<unknown[]> {
    const child = spawn(process.execPath, [join(BUNDLE, 'pglitedb.cjs'), 'primary', '--data', dataDirectory, '--port', '0'],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PGLITEDB_CODE_CACHE: cache } });
    const [ready] = (await once(createInterface(child.stdout), 'line')) as [string];
    const client = new pg.Client({ connectionString: ready.replace('ready: ', '') });
    await client.connect();
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    await client.end();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).to.deep.equal([0, null]);
    return rows.flat();
  }

  it('serves, keeps its compiled code, and serves with it', async () => {
    const data = join(directory, 'data');
    const cache = join(directory, 'cache');
    expect(await serve(data, cache, 'CREATE TABLE t AS SELECT 6 * 7 AS answer')).to.deep.equal([]);
    const kept = readdirSync(cache);
    expect(kept).to.have.lengthOf(1);
    expect(kept[0]).to.match(/^engine-[0-9a-f]{8}-[0-9a-f]{8}\.cache$/);
    const bytes = readFileSync(join(cache, kept[0]));
    expect(await serve(data, cache, 'SELECT answer, upper(current_database()) FROM t')).to.deep.equal([42, 'POSTGRES']);
    expect(readdirSync(cache)).to.deep.equal(kept);
    expect(readFileSync(join(cache, kept[0])).equals(bytes), 'the code was good: not written again').to.equal(true);
  });

  it('is run with the same environment whichever way a server is started', () => {
    const head = (path: string): string => readFileSync(path, 'utf8').split('\n')[0];
    for (const command of [join(BUNDLE, 'pglitedb.cjs'), join(OPS, '../cli/main.js')]) expect(head(command)).to.equal(`#!/usr/bin/env -S ${ENVIRONMENT_WORDS} node`);
    const { scripts } = JSON.parse(readFileSync(join(BUNDLE, '../../package.json'), 'utf8')) as { scripts: { start: string } };
    expect(scripts.start.startsWith(`${ENVIRONMENT_WORDS} node `)).to.equal(true);
  });

  it('tells its version as the unbundled command does', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(BUNDLE, 'pglitedb.cjs'), '--version']);
    expect(stdout).to.equal('0.1.0\n');
  });

  it('is the library, with the same exports', async () => {
    const names = await output(`
      const bundled = await import(${JSON.stringify(join(BUNDLE, 'index.js'))});
      const db = await bundled.PGliteDB.open('memory://');
      const { rows } = await db.query('SELECT $1::int + 1 AS n', [41]);
      const error = await db.query('nonsense').catch((error) => error);
      await db.close();
      console.log(JSON.stringify({ names: Object.keys(bundled), rows, isPgError: error instanceof bundled.PgError, sqlstate: error.sqlstate }));`);
    expect(JSON.parse(names)).to.deep.equal({ names: Object.keys(library).toSorted(), rows: [{ n: 42 }], isPgError: true, sqlstate: '42601' });
  });

  it('maps stack traces to the sources', async () => {
    const stack = await output(`
      import { loadEngine } from ${JSON.stringify(join(OPS, 'loader.js'))};
      import { mapStackTraces } from ${JSON.stringify(join(OPS, 'stack.js'))};
      mapStackTraces(${JSON.stringify(join(BUNDLE, 'engine.cjs'))});
      const db = await loadEngine(${JSON.stringify(BUNDLE)}).library().PGliteDB.open('memory://');
      console.log((await db.query('nonsense').catch((error) => error)).stack);
      await db.close();`);
    expect(stack).to.match(/syntax error at or near "nonsense"\n[^]*lib\/parser\/parse\.ts:\d+:\d+/);
    expect(stack).not.to.include('engine.cjs');
  });

  describe('compiled code', () => {
    const answer = (place: string): Promise<string> => output(
      `import { loadEngine } from ${JSON.stringify(join(OPS, 'loader.js'))}; console.log(loadEngine(${JSON.stringify(place)}).answer());`,
      { PGLITEDB_CODE_CACHE: join(place, 'cache') });
    const write = (place: string, value: number): void => writeFileSync(join(place, 'engine.cjs'), `exports.answer = () => ${value};\n`);
    let place: string;
    beforeEach(async () => {
      place = mkdtempSync(join(directory, 'engine-'));
      write(place, 1);
      expect(await answer(place)).to.equal('1');
      expect(readdirSync(join(place, 'cache'))).to.have.lengthOf(1);
    });

    it('of a source of the same length is not used, whatever its name says', async () => {
      const [first] = readdirSync(join(place, 'cache'));
      write(place, 2);
      expect(await answer(place)).to.equal('2');
      const second = readdirSync(join(place, 'cache')).find((name) => name !== first)!;
      cpSync(join(place, 'cache', first), join(place, 'cache', second));
      expect(await answer(place)).to.equal('2');
    });

    for (const [what, damage] of [['with a changed byte', (bytes: Buffer) => { bytes[bytes.length >> 1] ^= 0xff; return bytes; }], ['cut short', (bytes: Buffer) => bytes.subarray(0, 30)], ['that is empty', () => Buffer.alloc(0)]] as const) {
      it(`${what} is not used, and replaced`, async () => {
        const path = join(place, 'cache', readdirSync(join(place, 'cache'))[0]);
        const sound = readFileSync(path);
        writeFileSync(path, damage(readFileSync(path)));
        expect(await answer(place)).to.equal('1');
        expect(readFileSync(path).length).to.be.greaterThan(sound.length / 2);
      });
    }

    it('is done without where it cannot be kept', async () => {
      rmSync(join(place, 'cache'), { recursive: true });
      writeFileSync(join(place, 'cache'), 'a file, not a directory');
      expect(await answer(place)).to.equal('1');
    });
  });
});
