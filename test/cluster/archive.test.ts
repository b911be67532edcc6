/** The archive of a cluster over a failover: what the primary that died had not archived yet, its successor archives, or says that it cannot. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { restore } from '../../lib/archive/restore.js';
import { verifyArchive } from '../../lib/archive/verify.js';
import { writeBackup } from '../../lib/archive/backup.js';
import { formatLsn } from '../../lib/base/lsn.js';
import { realEnv } from '../../lib/env/real.js';
import { openLevelStore } from '../../lib/kv/level.js';
import { TestCluster, until, type TestNode } from './support.js';

const FILL = 'insert into t select g, repeat(md5(g::text), 20) from generate_series(1, 8000) g; select pg_switch_wal()';

describe('the archive of a cluster whose primary dies with log that is not archived', function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let archive: string;
  beforeEach(() => {
    cluster = new TestCluster();
    archive = cluster.dataOf('archive');
    mkdirSync(archive);
  });
  afterEach(() => cluster.end());

  /** A primary that has archived, and then cannot any more; and its standby, which has all the same. */
  async function begin(settings: readonly (readonly [string, string])[]): Promise<{ one: TestNode; two: TestNode }> {
    const one = await cluster.start('one', { archive, settings });
    await one.query('create table t (a int, b text)');
    const two = await cluster.start('two', { upstreams: [one.url], archive, settings });
    const state = await one.node.engine.storage.source!.takeState();
    await writeBackup(one.node.archive!, state, { env: realEnv(), label: 'base' });
    await state.close();
    await one.node.archiver!.archiveNow();
    one.node.archive!.putIfAbsent = () => Promise.reject(new Error('the bucket is gone'));
    for (let round = 0; round < 3; round++) await one.query(FILL);
    await until('it cannot', () => one.hasSaid(/archiving of \w+ failed: the bucket is gone/));
    await until('it streams', () => two.status.flushedLsn === one.status.flushedLsn);
    return { one, two };
  }

  const problems = async (node: TestNode): Promise<string[]> =>
    (await verifyArchive(node.node.archive!, node.node.engine.storage.systemIdentifier)).problems.map(({ kind, what }) => `${kind} ${what}`);

  it('has no gap: a standby keeps what is not archived, and ships it when it is promoted, the old timeline first', async () => {
    const { one, two } = await begin([['wal_keep_size', '0'], ['max_wal_size', '32MB']]);
    const before = one.status.archivedThroughLsn;
    const through = one.node.archiver!.state.archivedThroughLsn ?? 0;
    const end = one.status.flushedLsn;
    await two.query('checkpoint');
    await two.query('checkpoint');
    // A checkpoint has removed what is archived, at most.
    expect(two.node.engine.storage.source!.oldestLsn()).to.be.at.most(through);
    await one.node.stop();
    await two.node.promote(null, 'test');
    await two.query("insert into t values (0, 'after')");
    await two.node.archiver!.archiveNow();
    expect(before).to.not.equal(end);
    expect(two.hasSaid(/the archive has a gap/)).to.equal(false);
    expect(two.status.archivedThroughLsn).to.equal(two.status.flushedLsn);
    expect(await problems(two)).to.deep.equal([]);
    const dataDirectory = join(cluster.directory, 'restored');
    await restore(two.node.archive!, { env: realEnv(), dataDirectory, target: { kind: 'latest' }, exclusive: false, openStore: openLevelStore });
    const restored = await cluster.start('restored');
    expect(await restored.query('select count(*)::int, max(b) filter (where a = 0) from t')).to.deep.equal([[24_001, 'after']]);
  });

  it('tells the gap where nobody has it any more (max_slot_wal_keep_size), and its watermark stays before it', async () => {
    const { one, two } = await begin([['max_slot_wal_keep_size', '0'], ['max_wal_size', '32MB']]);
    const before = one.status.archivedThroughLsn;
    // The standby needs none of it for its own recovery.
    await until('its checkpoint has removed log', async () => {
      await two.query('checkpoint');
      return two.node.engine.storage.source!.oldestLsn() > (one.node.archiver!.state.archivedThroughLsn ?? 0);
    });
    const lost = formatLsn(two.node.engine.storage.source!.oldestLsn());
    await one.node.stop();
    await two.node.promote(null, 'test');
    await two.query("insert into t values (0, 'after')");
    await two.node.archiver!.archiveNow();
    expect(two.hasSaid(new RegExp(`the archive has a gap from ${before} to ${lost} that cannot be filled: take a full backup`))).to.equal(true);
    expect(two.status.archivedThroughLsn).to.equal(before);
    expect(await problems(two)).to.deep.equal([`gap timeline 1, ${before} to ${lost}`]);
  });
});

describe('incremental backups by the command line', function () {
  this.timeout(120_000);
  const cluster = new TestCluster();
  after(() => cluster.end());

  it('receive what has changed, restore, and are refused on another node than their parent\'s', async () => {
    const archive = cluster.dataOf('archive');
    mkdirSync(archive);
    const one = await cluster.start('one', { archive });
    await one.query('create table t (a int primary key, b text); insert into t select g, repeat(md5(g::text), 10) from generate_series(1, 20000) g');
    const backUp = (from: TestNode, label: string, ...more: string[]): ReturnType<TestCluster['run']> => cluster.run('backup', '--from', from.url, '--archive', archive, '--label', label, ...more);
    const said = /^backup (\w+): .* of ([\d.]+) (\w+) received, state at 0\/[0-9A-F]+, timeline 1\n$/;
    const full = await backUp(one, 'full');
    expect(full.out).to.match(said);
    await one.query("insert into t values (0, 'later')");
    const incremental = await backUp(one, 'later', '--incremental', 'full');
    expect(incremental.out).to.match(said);
    expect([full, incremental].map(({ out }) => said.exec(out)?.[3])).to.deep.equal(['MB', 'kB']);
    const two = await cluster.start('two', { upstreams: [one.url] });
    await two.caughtUp(one);
    await until('it streams', () => two.status.flushedLsn === one.status.flushedLsn);
    const refused = await backUp(two, 'other', '--incremental', 'later');
    expect(refused).to.include({ code: 1, out: '' });
    expect(refused.err).to.match(/error: requested changes are not those of this node's store\n/);
    expect(refused.err).to.match(/hint: Take a full backup\./);
    expect((await cluster.run('restore', '--archive', archive, '--data', cluster.dataOf('restored'))).code).to.equal(0);
    const restored = await cluster.start('restored');
    expect(await restored.query('select count(*)::int, max(b) filter (where a = 0) from t')).to.deep.equal([[20_001, 'later']]);
  });
});
