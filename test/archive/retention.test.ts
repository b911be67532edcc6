/** Retention keeps what the rule says and all that it needs, in random archives. */
import { expect } from 'chai';
import { writeBackup } from '../../lib/archive/backup.js';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { chainOf, encodeBegun, listBackups, logStartOf, type Backup } from '../../lib/archive/manifest.js';
import { carryOut, planRetention, type RetentionRule } from '../../lib/archive/retention.js';
import type { ObjectStore } from '../../lib/archive/store.js';
import { verifyArchive } from '../../lib/archive/verify.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { backupPrefix } from '../../lib/archive/format.js';
import { FakeStore } from './fake-state.js';
import { rejection, startArchiver, SYSTEM, TestNode } from './support.js';

const HOUR_MS = 3_600_000;
const DAY_MICROS = 24 * HOUR_MS * 1000;

interface RandomArchive {
  readonly env: SimEnv;
  readonly store: DirectoryStore;
  readonly random: (below: number) => number;
}

/** Full and incremental backups at random times, a few records between them, a segment filled now and then. */
async function randomArchive(seed: number): Promise<RandomArchive> {
  const env = simEnv(seed);
  const random = (below: number): number => Math.floor(env.random.float() * below);
  const store = new DirectoryStore(env, '/archive');
  const node = new TestNode(env, '/node/wal');
  const fake = new FakeStore();
  const { archiver } = startArchiver(node, store);
  const labels: string[] = [];
  for (let number = 0; number < 6 + random(5); number++) {
    await env.advance(random(40) * HOUR_MS);
    if (random(4) === 0) await node.fillSegment();
    const redo = await node.write(500);
    const state = await node.write(500);
    fake.write([[random(4), Buffer.alloc(20, number)]]);
    const label = `b${number}`;
    const parent = labels.length > 0 && random(2) === 0 ? labels[Math.max(0, labels.length - 1 - random(3))] : undefined;
    await writeBackup(store, fake.snapshot(node.history, redo, state), { env, label, parent });
    labels.push(label);
  }
  await node.write(500);
  await archiver.archiveNow();
  await archiver.stop();
  return { env, store, random };
}

async function backupsOf(store: ObjectStore): Promise<readonly Backup[]> {
  return (await listBackups(store, SYSTEM)).backups;
}

describe('retention', function () {
  this.timeout(120_000);

  it('keeps what the rule says, with all that it needs, in 15 random archives', async () => {
    let removedSomething = 0;
    for (let seed = 1; seed <= 15; seed++) {
      const { env, store, random } = await randomArchive(seed);
      const rule: RetentionRule = [{ keepFull: 1 + random(3) }, { keepDays: 1 + random(4) }, { keepFull: 1 + random(2), keepDays: 1 + random(3) }][seed % 3];
      const now = env.clock.wallMicros();
      const before = await backupsOf(store);
      const plan = await planRetention(store, SYSTEM, rule, now);
      expect((await backupsOf(store)).length, 'a plan removes nothing').to.equal(before.length);
      await carryOut(store, plan);
      const kept = await backupsOf(store);
      removedSomething += before.length - kept.length;
      expect(kept.map((backup) => backup.label)).to.have.members(plan.keptBackups);
      expect((await verifyArchive(store, SYSTEM, { everything: true })).problems, `seed ${seed}`).to.deep.equal([]);
      const fulls = (backups: readonly Backup[]): string[] => backups.filter((backup) => backup.kind === 'full').map((backup) => backup.label);
      expect(fulls(kept)).to.include.members(fulls(before).slice(-(rule.keepFull ?? 1)));
      for (const backup of kept) expect(chainOf(backup, kept)).to.not.equal(null);
      // What goes on from a kept full backup is kept with it.
      for (const backup of before) expect(kept.some(({ label }) => label === backup.label)).to.equal(kept.some(({ label }) => label === chainOf(backup, before)![0].label));
      if (rule.keepDays === undefined) expect(fulls(kept)).to.have.length(Math.min(rule.keepFull ?? 1, fulls(before).length));
      else checkDays(before, kept, now - rule.keepDays * DAY_MICROS);
    }
    expect(removedSomething).to.be.greaterThan(20);
  });

  /** Every moment since the cutoff that could be restored still can, from a backup that was begun before it. */
  function checkDays(before: readonly Backup[], kept: readonly Backup[], cutoff: number): void {
    const newestBefore = (backups: readonly Backup[], moment: number): Backup | undefined => backups.filter((backup) => backup.startedMicros <= moment).at(-1);
    for (const moment of [cutoff, ...before.map((backup) => backup.startedMicros).filter((time) => time >= cutoff)]) {
      expect(newestBefore(kept, moment) !== undefined).to.equal(newestBefore(before, moment) !== undefined);
    }
    for (const backup of before) if (backup.startedMicros >= cutoff) expect(kept.map(({ label }) => label)).to.include(backup.label);
  }

  it('may be interrupted anywhere, and finishes later', async () => {
    const { env, store } = await randomArchive(5);
    const plan = await planRetention(store, SYSTEM, { keepFull: 1 }, env.clock.wallMicros());
    expect(plan.keys.length).to.be.greaterThan(5);
    for (let count = 0; count < plan.keys.length; count++) {
      await store.remove(plan.keys[count]);
      const { problems } = await verifyArchive(store, SYSTEM);
      expect(problems.map(({ what }) => what), `after ${count + 1} removals`).to.deep.equal([]);
    }
    await env.advance(25 * HOUR_MS);
    const rest = await planRetention(store, SYSTEM, { keepFull: 1 }, env.clock.wallMicros());
    expect(rest.keys).to.deep.equal([]);
  });

  it('keeps the log that a backup being written needs, and gives it up a day later', async () => {
    const { env, store } = await randomArchive(3);
    const [oldest] = await backupsOf(store);
    const marker = `${backupPrefix(SYSTEM, 'writing')}begun`;
    await store.put(marker, encodeBegun({ startedMicros: env.clock.wallMicros(), logStart: logStartOf(oldest.info) }));
    const first = await planRetention(store, SYSTEM, { keepFull: 1 }, env.clock.wallMicros());
    expect(first.logFrom).to.equal(logStartOf(oldest.info));
    expect(first.removedUnfinished).to.deep.equal([]);
    await env.advance(25 * HOUR_MS);
    const second = await planRetention(store, SYSTEM, { keepFull: 1 }, env.clock.wallMicros());
    expect(second.removedUnfinished).to.deep.equal(['writing']);
    expect(second.logFrom).to.be.greaterThan(first.logFrom);
    expect(second.keys).to.include(marker);
  });

  it('removes nothing beside a backup that cannot be read, and no log without a backup', async () => {
    const { env, store } = await randomArchive(4);
    const [first, ...others] = await backupsOf(store);
    const manifest = `${backupPrefix(SYSTEM, first.label)}manifest`;
    await store.put(manifest, Buffer.from('{}\n'));
    expect(await rejection(planRetention(store, SYSTEM, { keepFull: 1 }, env.clock.wallMicros()))).to.have.property('sqlstate', 'XX001');
    for (const backup of [first, ...others]) await store.remove(`${backupPrefix(SYSTEM, backup.label)}manifest`);
    const plan = await planRetention(store, SYSTEM, { keepFull: 1 }, env.clock.wallMicros());
    expect(plan).to.include({ logFrom: lsn(0), removedPieces: 0 });
  });

  it('refuses rules that keep nothing', async () => {
    const store = new DirectoryStore(simEnv(1), '/archive');
    for (const rule of [{}, { keepFull: 0 }, { keepFull: 1.5 }, { keepDays: 0 }]) {
      expect(await rejection(planRetention(store, SYSTEM, rule, 0))).to.have.property('sqlstate', '22023');
    }
  });
});
