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
