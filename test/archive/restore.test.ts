/** Restores of a real engine to any point, compared with the truth recorded at that point. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Archiver } from '../../lib/archive/archiver.js';
import { writeBackup } from '../../lib/archive/backup.js';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { listArchive } from '../../lib/archive/list.js';
import { readLogIndex } from '../../lib/archive/log-index.js';
import type { RecoveryTarget } from '../../lib/archive/recovery-target.js';
import { restore, type RestoreResult } from '../../lib/archive/restore.js';
import { verifyArchive } from '../../lib/archive/verify.js';
import { PgError } from '../../lib/base/error.js';
import { formatLsn, lsn } from '../../lib/base/lsn.js';
import { openLevelStore } from '../../lib/kv/level.js';
import { STORE_ID_FILE } from '../../lib/wal/control.js';
import { SEGMENT_BYTES } from '../../lib/wal/format.js';
import { env, EngineNode, type Commit, type Table } from './engine-node.js';
import { rejection } from './support.js';

/** Seeded, so that a failure comes back. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

/** Text that does not compress away. */
function noise(random: (below: number) => number, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(33 + random(90))).join('');
}

describe('restore', function () {
  this.timeout(180_000);
  const root = mkdtempSync(join(tmpdir(), 'pglitedb-restore-'));
  const store = new DirectoryStore(env, `${root}/archive`);
  const random = generator(20_260_101);
  /** The table after each commit; states[0]: before the first of `commits`. */
  const states: Table[] = [];
  let commits: Commit[] = [];
  const points = new Map<string, number>();
  const backupsAt = new Map<string, number>();
  let file: number;
  let serial = 0;

  after(() => rmSync(root, { recursive: true, force: true }));

  before(async () => {
    const node = await EngineNode.open(`${root}/primary`);
    file = node.file;
    const archiver = new Archiver({ env, source: node.source, store, archiveTimeoutMs: 0, onProblem: (problem) => expect.fail(JSON.stringify(problem)) });
    const seen = new Map<number, Commit>();
    const note = (): void => {
      for (const commit of node.commits()) seen.set(commit.endLsn, commit);
    };
    states.push(new Map());
    states.push(new Map());
    const backup = async (label: string, parent?: string): Promise<void> => {
      await archiver.archiveNow();
      note();
      backupsAt.set(label, states.length - 1);
      const state = await node.takeState();
      // The clock of the machine that backs up may be wrong: here an hour behind.
      const behind = { ...env, clock: { ...env.clock, wallMicros: () => env.clock.wallMicros() - 3_600_000_000 } };
      await writeBackup(store, state, { env: label === 'incremental-2' ? behind : env, label, parent });
      await state.close();
    };
    for (let index = 0; index < 90; index++) {
      if (index === 10) await backup('full-1');
      if (index === 30) await backup('incremental-1', 'full-1');
      if (index === 50) await backup('incremental-2', 'incremental-1');
      if (index === 70) await backup('full-2');
      if (index % 15 === 7) {
        points.set(`point ${index}`, states.length);
        states.push(await node.restorePoint(`point ${index}`));
      } else if (index % 20 === 13) {
        await node.rollBack();
        // Large ones are sent in batches, and are more than one record.
        states.push(await node.insert(...Array.from({ length: 8 }, () => [++serial, noise(random, 200_000)] as const)));
      } else states.push(await node.insert([++serial, noise(random, 100 + random(400_000))]));
      if (index % 9 === 0) await archiver.archiveNow();
    }
    await archiver.archiveNow();
    note();
    await archiver.stop();
    commits = [...seen.values()].toSorted((a, b) => a.endLsn - b.endLsn);
    await node.close();
    expect(commits.length).to.equal(states.length - 1);
    expect(commits.at(-1)!.endLsn).to.be.greaterThan(2 * SEGMENT_BYTES);
  });

  async function restored(target: RecoveryTarget, exclusive = false, more: { timeline?: number } = {}): Promise<{ result: RestoreResult; table: Table; directory: string }> {
    const directory = mkdtempSync(join(root, 'restored-'));
    const result = await restore(store, { env, dataDirectory: directory, target, exclusive, openStore: openLevelStore, ...more });
    expect(readdirSync(directory).toSorted()).to.deep.equal(['control', 'store', STORE_ID_FILE, 'wal']);
    const node = await EngineNode.open(directory, file);
    expect(node.engine.timeline).to.equal(result.timeline);
    const table = node.read();
    await node.close();
    return { result, table, directory };
  }

  it('makes a database that takes writes and has them after a restart', async () => {
    const { directory } = await restored({ kind: 'latest' });
    const node = await EngineNode.open(directory, file);
    const written = await node.insert([1_000_000, 'written after the restore']);
    await node.close();
    const again = await EngineNode.open(directory, file);
    expect(again.read()).to.deep.equal(written);
    await again.close();
  });

  it('reaches 20 random points by LSN, time, xid and name, inclusive and exclusive', async () => {
    const first = backupsAt.get('full-1')! + 1;
    const names = [...points.keys()].filter((name) => points.get(name)! > first);
    for (let round = 0; round < 20; round++) {
      const at = first + random(states.length - first - 1);
      const commit = commits[at - 1];
      const exclusive = random(2) === 1;
      const what = `round ${round}: commit ${at}, ${exclusive ? 'exclusive' : 'inclusive'}`;
      switch (round % 4) {
        case 0: {
          // The record that starts at the commit's start is the commit's own.
          const { result, table } = await restored({ kind: 'lsn', lsn: commit.startLsn }, exclusive);
          expect(table, `${what}, lsn`).to.deep.equal(states[exclusive ? at - 1 : at]);
          expect(result.lsn).to.equal(exclusive ? commit.startLsn : commit.endLsn);
          break;
        }
        case 1: {
          const { table, result } = await restored({ kind: 'time', micros: commit.micros }, exclusive);
          expect(table, `${what}, time`).to.deep.equal(states[exclusive ? at - 1 : at]);
          expect(result.lsn).to.be.at.least(commits[at - 2].endLsn);
          break;
        }
        case 2: {
          const { table, result } = await restored({ kind: 'xid', xid: commit.xid }, exclusive);
          expect(table, `${what}, xid`).to.deep.equal(states[exclusive ? at - 1 : at]);
          if (!exclusive) expect(result.last).to.deep.equal({ xid: commit.xid, micros: commit.micros });
          break;
        }
        default: {
          const name = names[random(names.length)];
          expect((await restored({ kind: 'name', name }, exclusive)).table, `${what}, ${name}`).to.deep.equal(states[points.get(name)!]);
        }
      }
    }
  });

  it('begins with the newest backup before the target, incremental ones with their parents', async () => {
    const targetIn = (label: string): RecoveryTarget => ({ kind: 'xid', xid: commits[backupsAt.get(label)! + 2 - 1].xid });
    for (const label of ['full-1', 'incremental-1', 'incremental-2', 'full-2']) {
      const { result, table } = await restored(targetIn(label));
      expect(result.backup).to.equal(label);
      expect(table).to.deep.equal(states[backupsAt.get(label)! + 2]);
    }
    const immediate = await restored({ kind: 'immediate' });
    expect(immediate.result.backup).to.equal('full-2');
    expect(immediate.table).to.deep.equal(states[backupsAt.get('full-2')!]);
    expect((await restored({ kind: 'latest' })).table).to.deep.equal(states.at(-1));
    const last = commits.at(-1)!;
    for (const exclusive of [false, true]) expect((await restored({ kind: 'lsn', lsn: last.endLsn }, exclusive)).table).to.deep.equal(states.at(-1));
  });

  it('is not led astray by the clock of who took a backup', async () => {
    // incremental-2 says that it is older than this; its state is not.
    const at = backupsAt.get('incremental-1')! + 5;
    const { result, table } = await restored({ kind: 'time', micros: commits[at - 1].micros });
    expect(result.backup).to.equal('incremental-1');
    expect(table).to.deep.equal(states[at]);
  });

  it('tells of a gap, and restores to what stands before it', async () => {
    const [system] = (await store.list('', undefined, 1)).map((entry) => entry.key.split('/')[0]);
    const stop = commits[backupsAt.get('full-2')! - 1].endLsn;
    const { pieces } = await readLogIndex(store, BigInt(system));
    const gone = pieces.filter((piece) => piece.timeline === 1 && piece.start > stop).toSorted((a, b) => a.start - b.start)[0];
    const bytes = (await store.get(gone.key))!;
    await store.remove(gone.key);
    try {
      const failure = await rejection(restore(store, { env, dataDirectory: mkdtempSync(join(root, 'gap-')), target: { kind: 'latest' }, openStore: openLevelStore })) as PgError;
      expect(failure).to.include({ sqlstate: 'F0000' });
      expect(failure.detail).to.match(new RegExp(`The log has a gap there; it goes on to ${formatLsn(pieces.at(-1)!.end)}\\.$`));
      const at = commits.filter((commit) => commit.endLsn <= gone.start).length;
      expect((await restored({ kind: 'xid', xid: commits[at - 1].xid })).table).to.deep.equal(states[at]);
    } finally {
      await store.put(gone.key, bytes);
    }
  });

  it('tells what can be reached where the target cannot', async () => {
    const last = commits.at(-1)!;
    const attempt = async (target: RecoveryTarget): Promise<PgError> => {
      const directory = mkdtempSync(join(root, 'refused-'));
      const failure = await rejection(restore(store, { env, dataDirectory: directory, target, openStore: openLevelStore }));
      expect(readdirSync(directory)).to.deep.equal([]);
      expect(failure).to.be.instanceOf(PgError);
      return failure as PgError;
    };
    const ended = { sqlstate: 'F0000', message: 'recovery ended before configured recovery target was reached' };
    for (const target of [
      { kind: 'time', micros: last.micros + 1 }, { kind: 'xid', xid: 4_000_000 }, { kind: 'name', name: 'nowhere' }, { kind: 'lsn', lsn: lsn(last.endLsn + SEGMENT_BYTES) },
    ] as const) {
      const failure = await attempt(target);
      expect(failure, target.kind).to.include(ended);
      expect(failure.detail).to.match(/^Timeline 1 can be restored from LSN \d\/[0-9A-F]+, \d{4}-.*\+00, to LSN \d\/[0-9A-F]+/);
    }
    expect((await attempt({ kind: 'xid', xid: 4_000_000 })).detail).to.match(/where the last transaction ended at \d{4}-\d\d-\d\d/);
    for (const target of [{ kind: 'time', micros: commits[0].micros }, { kind: 'lsn', lsn: commits[0].endLsn }] as const) {
      expect((await attempt(target)).message).to.equal('requested recovery stop point is before consistent recovery point');
    }
    const directory = mkdtempSync(join(root, 'full-'));
    writeFileSync(`${directory}/something`, '');
    expect(await rejection(restore(store, { env, dataDirectory: directory, target: { kind: 'latest' }, openStore: openLevelStore }))).to.include({
      sqlstate: '58P02', message: `directory "${directory}" exists but is not empty`,
    });
    expect(existsSync(`${directory}/something`)).to.equal(true);
  });

  it('goes on in a new timeline, whose log and backups restore as well, beside the old one', async () => {
    const cutAt = backupsAt.get('incremental-2')! + 5;
    const { result, directory, table } = await restored({ kind: 'xid', xid: commits[cutAt - 1].xid });
    expect(table).to.deep.equal(states[cutAt]);
    const node = await EngineNode.open(directory, file);
    expect(node.history.ancestors).to.deep.equal([{ timeline: 1, switchLsn: result.lsn, reason: `after transaction ${commits[cutAt - 1].xid}` }]);
    const archiver = new Archiver({ env, source: node.source, store, archiveTimeoutMs: 0, onProblem: (problem) => expect.fail(JSON.stringify(problem)) });
    const before = await node.insert([2_000_000, 'in the new timeline']);
    await archiver.archiveNow();
    const state = await node.takeState();
    expect((await rejection(writeBackup(store, state, { env, label: 'foreign', parent: 'full-2' }))).message).to.equal('backup "full-2" is of another node\'s store');
    await writeBackup(store, state, { env, label: 'new-timeline' });
    await state.close();
    const end = await node.insert([2_000_001, 'later in the new timeline']);
    await archiver.archiveNow();
    await archiver.stop();
    const { xid } = node.commits().at(-2)!;
    await node.close();
    expect((await restored({ kind: 'latest' })).table).to.deep.equal(end);
    expect((await restored({ kind: 'xid', xid: node.commits().at(-1)!.xid })).result).to.include({ backup: 'new-timeline', parentTimeline: result.timeline });
    // From a backup of the old timeline into the new one, and on in the old one past the fork.
    const across = await restored({ kind: 'lsn', lsn: result.lsn }, true, { timeline: result.timeline });
    expect(across.result.backup).to.equal('incremental-2');
    expect(across.table).to.deep.equal(states[cutAt]);
    expect((await restored({ kind: 'latest' }, false, { timeline: 1 })).table).to.deep.equal(states.at(-1));
    expect(before.size).to.equal(end.size - 1);
    expect(xid).to.be.greaterThan(0);
    const listed = await listArchive(store, node.systemIdentifier);
    expect(listed.latestTimeline).to.equal(result.timeline);
    expect((await verifyArchive(store, node.systemIdentifier)).problems).to.deep.equal([]);
  });

  it('gives two restores at once two timelines', async () => {
    const [one, two] = await Promise.all([restored({ kind: 'immediate' }), restored({ kind: 'immediate' })]);
    expect(one.result.timeline).to.not.equal(two.result.timeline);
    expect((await readLogIndex(store, one.result.systemIdentifier)).historyTimelines).to.include.members([one.result.timeline, two.result.timeline]);
  });

  it('refuses what is damaged, and leaves nothing', async () => {
    const [system] = (await store.list('', undefined, 1)).map((entry) => entry.key.split('/')[0]);
    const chunks = (await store.list(`${system}/backup/full-2/entries`)).map((entry) => entry.key);
    const whole = (await store.get(chunks[0]))!;
    const damaged = Uint8Array.from(whole);
    damaged[damaged.length >> 1] ^= 4;
    await store.put(chunks[0], damaged);
    const directory = mkdtempSync(join(root, 'damaged-'));
    const failure = await rejection(restore(store, { env, dataDirectory: directory, target: { kind: 'latest' }, timeline: 1, openStore: openLevelStore }));
    expect(failure).to.have.property('sqlstate', 'XX001');
    expect(failure.message).to.include(chunks[0]);
    expect(readdirSync(directory)).to.deep.equal([]);
    await store.put(chunks[0], whole);
  });
});
