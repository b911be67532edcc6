/** The command line as a process: usage, readiness, clean stop, refusals. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';

const MAIN = new URL('../../ops/cli/main.js', import.meta.url).pathname;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): { child: ChildProcess; ended: Promise<Ended>; ready: Promise<string> } {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ready = new Promise<string>((resolve) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('\n')) resolve(stdout);
    });
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended, ready };
}

describe('pglitedb', function () {
  this.timeout(60_000);
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'pglitedb-cli-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('tells its version and its options', async () => {
    expect(await run('--version').ended).to.include({ code: 0, stdout: '0.1.0\n' });
    const help = await run('primary', '--help').ended;
    expect(help.code).to.equal(0);
    for (const option of ['--data', '--host', '--port', '--socket', '-c <name=value>']) expect(help.stdout).to.include(option);
  });

  for (const args of [['primary'], ['primary', '--data', 'x', '--nonsense'], ['nonsense'], ['primary', '--data', 'x', '-c', 'novalue'], ['primary', '--data', 'x', '--port', '99999']]) {
    it(`refuses ${args.join(' ')} as wrong usage`, async () => {
      const { code, stdout, stderr } = await run(...args).ended;
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.match(/error/);
    });
  }

  it('refuses unknown settings', async () => {
    const { code, stderr } = await run('primary', '--data', join(directory, 'unused'), '-c', 'nonsense=1').ended;
    expect(code).to.equal(1);
    expect(stderr).to.include('unrecognized configuration parameter');
  });

  it('serves until it is told to stop, alone on its directory and port', async () => {
    const data = join(directory, 'data');
    const server = run('primary', '--data', data, '--port', '0', '-c', 'work_mem=2MB');
    const line = await server.ready;
    expect(line).to.match(/^ready: postgres:\/\/postgres@127\.0\.0\.1:\d+\/postgres\n$/);
    const port = line.match(/:(\d+)\//)![1];
    const client = new pg.Client({ host: '127.0.0.1', port: Number(port), user: 'postgres', database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    expect((await client.query('show work_mem')).rows).to.deep.equal([{ work_mem: '2MB' }]);
    await client.query('create table kept (a int)');
    await client.query('insert into kept values (1)');
    await client.query('begin');
    await client.query('insert into kept values (2)');
    const [sameDirectory, samePort] = await Promise.all([
      run('primary', '--data', data, '--port', '0').ended,
      run('primary', '--data', join(directory, 'other'), '--port', port).ended,
    ]);
    expect(sameDirectory.code).to.equal(1);
    expect(sameDirectory.stderr).to.include('already exists');
    expect(samePort.code).to.equal(1);
    expect(samePort.stderr).to.include('Address already in use');
    server.child.kill('SIGTERM');
    expect((await server.ended).code).to.equal(0);
    const again = run('primary', '--data', data, '--port', '0');
    const next = new pg.Client(`${(await again.ready).trim().slice('ready: '.length)}`);
    await next.connect();
    expect((await next.query('select a from kept')).rows).to.deep.equal([{ a: 1 }]);
    await next.end();
    again.child.kill('SIGINT');
    expect((await again.ended).code).to.equal(0);
  });
});
