/** The whole circle over S3: archive, back up, verify, restore, prune. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Archiver, type ArchiverProblem } from '../../lib/archive/archiver.js';
import { writeBackup } from '../../lib/archive/backup.js';
import { restore } from '../../lib/archive/restore.js';
import { carryOut, planRetention } from '../../lib/archive/retention.js';
import { openS3Store } from '../../lib/archive/s3-store.js';
import { verifyArchive } from '../../lib/archive/verify.js';
import { openLevelStore } from '../../lib/kv/level.js';
import { env, EngineNode } from './engine-node.js';
import { startS3Server } from './s3-server.js';

describe('an archive in S3', function () {
  this.timeout(60_000);

  it('is written, verified, restored from and pruned, and waits out a bucket that refuses', async () => {
    const root = mkdtempSync(join(tmpdir(), 'pglitedb-circle-'));
    const server = await startS3Server('nodes/one/');
    const quick = { ...env, timers: { ...env.timers, after: (_delay: number, callback: () => void) => env.timers.after(1, callback) } };
    const store = openS3Store(quick, server.options);
    const node = await EngineNode.open(`${root}/primary`);
    const problems: ArchiverProblem[] = [];
    server.refuse(7, 503);
    const archiver = new Archiver({ env: quick, source: node.source, store, archiveTimeoutMs: 0, onProblem: (problem) => problems.push(problem) });
    for (const label of ['one', 'two']) {
      await node.insert([label.length, label]);
      await archiver.archiveNow();
      const state = await node.takeState();
      await writeBackup(store, state, { env, label });
      await state.close();
    }
    const table = await node.insert([9, 'the last']);
    // An idle log gets a mark, at any time.
    const { durableLsn } = node;
    expect(await archiver.archiveNow()).to.be.at.least(durableLsn);
    await archiver.stop();
    expect(problems.map((problem) => problem.kind === 'failed' && problem.error.message)).to.deep.equal(['archive "s3://archive-bucket/nodes/one": GET was answered 503 SlowDown']);
    const system = node.systemIdentifier;
    await node.close();
    expect((await verifyArchive(store, system)).problems).to.deep.equal([]);
    await carryOut(store, await planRetention(store, system, { keepFull: 1 }, env.clock.wallMicros()));
    expect((await verifyArchive(store, system)).backups).to.equal(1);
    await restore(store, { env, dataDirectory: `${root}/restored`, target: { kind: 'latest' }, openStore: openLevelStore });
    const restored = await EngineNode.open(`${root}/restored`, node.file);
    expect(restored.read()).to.deep.equal(table);
    await restored.close();
    await server.close();
    rmSync(root, { recursive: true });
  });
});
