/** The archive's commands as processes: what they print, how they end. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Archiver } from '../../lib/archive/archiver.js';
import { writeBackup } from '../../lib/archive/backup.js';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { lsn } from '../../lib/base/lsn.js';
import { parseTarget } from '../../ops/cli/archive.js';
import { formatBytes, formatSeconds, progressLine, showProgress } from '../../ops/cli/progress.js';
import { env, EngineNode, type Table } from '../archive/engine-node.js';

const MAIN = new URL('../../ops/cli/main.js', import.meta.url).pathname;

function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('pglitedb on an archive', function () {
  this.timeout(120_000);
  const root = mkdtempSync(join(tmpdir(), 'pglitedb-archive-cli-'));
  const archive = `${root}/archive`;
  let file: number;
  let table: Table;
  let system: bigint;

  before(async () => {
    const store = new DirectoryStore(env, archive);
    const node = await EngineNode.open(`${root}/primary`);
    ({ file } = node);
    system = node.systemIdentifier;
    const archiver = new Archiver({ env, source: node.source, store, archiveTimeoutMs: 0, onProblem: (problem) => expect.fail(JSON.stringify(problem)) });
    for (const label of ['monday', 'tuesday']) {
      await node.insert([label.length, label]);
      await archiver.archiveNow();
      const state = await node.takeState();
      await writeBackup(store, state, { env, label });
      await state.close();
    }
    await node.restorePoint('before the mistake');
    table = node.read();
    await node.insert([99, 'a mistake']);
    await archiver.archiveNow();
    await archiver.stop();
    await node.close();
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it('lists', async () => {
    const { code, stdout, stderr } = await run('archive', 'list', '--archive', archive);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.match(new RegExp(`^system ${system}: .* of log\n {2}timeline 1: archived through 0/[0-9A-F]+, latest\n {4}restorable from 0/.*\n {2}backup monday: full, .*\n {2}backup tuesday: full`));
    const json = JSON.parse((await run('archive', 'list', '--archive', archive, '--json')).stdout) as { system: string; backups: { label: string }[] }[];
    expect(json[0].system).to.equal(String(system));
    expect(json[0].backups.map((backup) => backup.label)).to.deep.equal(['monday', 'tuesday']);
    expect((await run('archive', 'list', '--archive', `${root}/nothing`)).stdout).to.equal('the archive is empty\n');
  });

  it('restores to a point, and refuses to do it over data', async () => {
    const data = `${root}/restored`;
    const { code, stdout, stderr } = await run('restore', '--archive', archive, '--data', data, '--target-name', 'before the mistake');
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.match(/^restored backup "tuesday" to 0\/[0-9A-F]+; timeline 2 begins there\nthe last transaction is \d+, /);
    const node = await EngineNode.open(data, file);
    expect(node.read()).to.deep.equal(table);
    await node.close();
    const again = await run('restore', '--archive', archive, '--data', data);
    expect(again).to.deep.equal({ code: 1, stdout: '', stderr: `error: directory "${data}" exists but is not empty\n` });
  });

  it('tells what can be reached', async () => {
    const { code, stderr } = await run('restore', '--archive', archive, '--data', `${root}/late`, '--target-time', '2099-01-01 00:00:00+00');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: recovery ended before configured recovery target was reached\nDETAIL: Timeline 1 can be restored from LSN 0\//);
    expect(existsSync(`${root}/late`) ? readdirSync(`${root}/late`) : []).to.deep.equal([]);
  });

  it('verifies: exit code 1 and the name of what is damaged', async () => {
    const sound = await run('verify', '--archive', archive);
    expect(sound.code).to.equal(0);
    expect(sound.stdout).to.match(/^the archive is sound: 2 backups, \d+ pieces of log; \d+ objects \(.*\) read, 0 verified before\n$/);
    const [name] = readdirSync(`${archive}/${system}/backup/monday`).filter((candidate) => candidate.startsWith('entries'));
    const path = `${archive}/${system}/backup/monday/${name}`;
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged[200] ^= 1;
    writeFileSync(path, damaged);
    const found = await run('verify', '--archive', archive, '--all');
    expect(found.code).to.equal(1);
    expect(found.stdout).to.include(`damaged: ${system}/backup/monday/${name}: `);
    const json = await run('verify', '--archive', archive, '--all', '--json');
    expect((JSON.parse(json.stdout) as { problems: unknown[] }).problems).to.have.length(1);
    writeFileSync(path, whole);
  });

  it('prunes, after it has told what', async () => {
    const plan = await run('archive', 'prune', '--archive', archive, '--keep-full', '1', '--dry-run');
    expect(plan.stdout).to.match(/^would remove backup monday\nwould remove \d+ pieces of log and .* in all; kept: tuesday\n$/);
    expect(readdirSync(`${archive}/${system}/backup`)).to.deep.equal(['monday', 'tuesday']);
    expect((await run('archive', 'prune', '--archive', archive, '--keep-full', '1')).stdout).to.match(/^removed backup monday\n/);
    expect((await run('archive', 'list', '--archive', archive)).stdout).to.not.include('monday');
    expect((await run('verify', '--archive', archive)).code).to.equal(0);
  });

  for (const args of [
    ['verify'], ['restore', '--archive', 'x'], ['restore', '--archive', 'x', '--data', 'y', '--target-time', 'soon'], ['restore', '--archive', 'x', '--data', 'y', '--target-lsn', 'zz'],
    ['restore', '--archive', 'x', '--data', 'y', '--target-xid', '5', '--target-immediate'], ['archive', 'prune', '--archive', 'x'],
    ['archive', 'prune', '--archive', 'x', '--keep-full', '0'], ['archive', 'nonsense'], ['verify', '--archive', 'x', '--system', 'y'],
  ]) {
    it(`refuses ${args.join(' ')} as wrong usage`, async () => {
      const { code, stdout, stderr } = await run(...args);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.match(/error/);
    });
  }

  it('has help for each', async () => {
    for (const args of [['verify'], ['restore'], ['archive', 'list'], ['archive', 'prune']]) {
      const { code, stdout } = await run(...args, '--help');
      expect(code).to.equal(0);
      expect(stdout).to.include('--archive <place>');
    }
  });
});

describe('targets on the command line', () => {
  it('are read as they are meant', () => {
    expect(parseTarget({})).to.deep.equal({ kind: 'latest' });
    expect(parseTarget({ targetLsn: '1/A0' })).to.deep.equal({ kind: 'lsn', lsn: lsn(0x1_0000_00a0) });
    expect(parseTarget({ targetXid: '1234' })).to.deep.equal({ kind: 'xid', xid: 1234 });
    for (const [text, micros] of [
      ['2026-01-01 00:00:00.123456+00', 123_456], ['2026-01-01T00:00:00Z', 0], ['2026-01-01 02:00+02', 0], ['2025-12-31 19:00:00.5 -0500', 500_000], ['2026-01-01 00:00 UTC', 0],
    ] as const) {
      expect(parseTarget({ targetTime: text }), text).to.deep.equal({ kind: 'time', micros: 1_767_225_600_000_000 + micros });
    }
    expect(() => parseTarget({ targetLsn: '1/A0', targetXid: '1234' })).to.throw('multiple recovery targets specified');
    const local = parseTarget({ targetTime: '2026-06-01 12:00:00' });
    expect(local).to.deep.equal({ kind: 'time', micros: new Date(2026, 5, 1, 12).getTime() * 1000 });
    for (const text of ['', 'yesterday', '2026-13-01 00:00', '2026-01-01 00:00 CEST']) expect(() => parseTarget({ targetTime: text }), text).to.throw('invalid time');
  });
});

describe('progress on a terminal', () => {
  it('tells bytes, rate and remaining time, now and then, on a terminal only', () => {
    expect(formatBytes(999)).to.equal('999 B');
    expect(formatBytes(12_345_678)).to.equal('12.3 MB');
    expect([5, 65, 3723].map(formatSeconds)).to.deep.equal(['0:05', '1:05', '1:02:03']);
    expect(progressLine({ what: 'log', doneBytes: 50_000_000, totalBytes: 200_000_000 }, 1000)).to.equal('log: 50.0 MB of 200.0 MB (25 %), 50.0 MB/s, 0:03 remaining');
    const written: string[] = [];
    let now = 0;
    const { progress, end } = showProgress({ isTTY: true, write: (text) => written.push(text) }, () => now);
    for (; now < 1000; now += 50) progress({ what: 'log', doneBytes: now, totalBytes: 1000 });
    end();
    expect(written).to.have.length(6);
    showProgress({ write: (text) => written.push(text) }, () => now).progress({ what: 'log', doneBytes: 1, totalBytes: 1 });
    expect(written).to.have.length(6);
  });
});
