/** Groups of commits that wait for those who are about to come: when they wait, how long, and that nothing else depends on it. */
import { expect } from 'chai';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { ActiveWriters, type CountedWriter } from '../../lib/txn/active-writers.js';
import { EMPTY_LOG, FIRST_LSN } from '../../lib/wal/format.js';
import { LogReader } from '../../lib/wal/reader.js';
import { LogWriter } from '../../lib/wal/writer.js';

const IDENTITY = { systemIdentifier: 7n, timeline: 1 };

function open(env: SimEnv, siblings?: ActiveWriters, fatal = (error: Error): void => expect.fail(error.message)): LogWriter {
  return new LogWriter(env, '/wal', { ...IDENTITY, position: EMPTY_LOG, fatal, preallocate: false, siblings });
}

/** Lets a sync that was asked for pass; no time goes by. */
async function turns(): Promise<void> {
  for (let count = 0; count < 6; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe('gathering commits', () => {
  let env: SimEnv;
  let writers: ActiveWriters;
  let log: LogWriter;
  let acknowledged: string[];
  beforeEach(() => {
    env = simEnv(1);
    writers = new ActiveWriters();
    log = open(env, writers);
    acknowledged = [];
  });
  afterEach(() => log.close());

  function begin(sessionId = 1): CountedWriter {
    const writer = { wroteInGroup: 0 };
    writers.began(sessionId);
    writers.wrote(writer);
    return writer;
  }

  function commit(writer: CountedWriter, name: string): void {
    writers.ended(writer);
    log.onFlushed(log.append(16, Buffer.from(name)), () => acknowledged.push(name), true);
  }

  it('does not hold up who is alone, or beside transactions that only sit there', async () => {
    const idle = [begin(), begin(), begin()];
    for (const name of ['a', 'b', 'c']) commit(begin(), name);
    await turns();
    expect(acknowledged).to.deep.equal(['a', 'b', 'c']);
    // The idle ones have not written since that group: nobody waits for them.
    commit(begin(), 'd');
    await turns();
    expect(acknowledged).to.deep.equal(['a', 'b', 'c', 'd']);
    for (const writer of idle) writers.ended(writer);
    expect(writers.active).to.equal(0);
  });

  it('goes on with the next group before the last one is told', async () => {
    const [first, second] = [begin(1), begin(2)];
    const written: Lsn[] = [];
    const commitSeen = (writer: CountedWriter): Lsn => {
      writers.ended(writer);
      const end = log.append(16, Buffer.from('x'));
      log.onFlushed(end, () => written.push(log.writtenLsn), true);
      return end;
    };
    writers.ended(second);
    const end = commitSeen(first);
    while (log.writtenLsn < end) await new Promise((resolve) => setImmediate(resolve));
    expect(written, 'the first sync is under way').to.deep.equal([]);
    const last = commitSeen(begin(2));
    await turns();
    expect(written[0]).to.be.at.least(last);
    expect(written.length).to.equal(2);
  });

  it('writes out who comes while a sync is under way, and syncs all of them at once', async () => {
    env.holdSyncs('/wal');
    commit(begin(1), 'a');
    await turns();
    const before = env.syncCount();
    for (const [session, name] of ['b', 'c', 'd'].entries()) {
      commit(begin(session + 2), name);
      await turns();
      expect(log.writtenLsn, name).to.equal(log.appendedLsn);
    }
    expect(acknowledged).to.deep.equal([]);
    env.holdSyncs(null);
    await turns();
    expect(acknowledged).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(env.syncCount() - before).to.equal(2);
    expect(log.flushedLsn).to.equal(log.appendedLsn);
  });

  it('keeps, while a sync is under way, a group together with all who are about to commit', async () => {
    env.holdSyncs('/wal');
    commit(begin(1), 'a');
    await turns();
    const written = log.writtenLsn;
    const [second, third] = [begin(2), begin(3)];
    commit(second, 'b');
    await turns();
    expect(log.writtenLsn).to.equal(written);
    commit(third, 'c');
    await turns();
    expect(log.writtenLsn).to.equal(log.appendedLsn);
    commit(begin(2), 'd');
    const late = begin(3);
    await turns();
    expect(log.writtenLsn, 'who wrote in the same turn is waited for').to.be.lessThan(log.appendedLsn);
    env.holdSyncs(null);
    await turns();
    expect(acknowledged, 'when the sync has ended only half of them are').to.deep.equal(['a', 'b', 'c', 'd']);
    commit(late, 'e');
    await turns();
    expect(acknowledged).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('acknowledges nothing that a sync under way does not cover, though it was written out meanwhile', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const cut = simEnv(seed);
      const cutLog = open(cut, undefined, () => { /* its files are gone */ });
      const told: string[] = [];
      const append = (name: string): void => cutLog.onFlushed(cutLog.append(16, Buffer.from(name)), () => told.push(name));
      cut.files.syncDirectory('/wal');
      cut.holdSyncs('/wal');
      append('a');
      await turns();
      for (const name of ['b', 'c', 'd']) {
        append(name);
        await turns();
      }
      cut.holdSyncs(null);
      while (told.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const acknowledgedThen = [...told];
      cut.powerCut();
      expect(records(cut), `seed ${seed}`).to.include.members(acknowledgedThen);
      expect(acknowledgedThen).to.deep.equal(['a']);
    }
  });

  it('goes on when more groups have come than are let through at a time', async () => {
    env.holdSyncs('/wal');
    const names = Array.from({ length: 50 }, (_, number) => `c${number}`);
    for (const name of names) {
      log.onFlushed(log.append(16, Buffer.from(name)), () => acknowledged.push(name));
      await turns();
    }
    expect(log.writtenLsn).to.be.lessThan(log.appendedLsn);
    env.holdSyncs(null);
    await turns();
    await turns();
    expect(acknowledged).to.deep.equal(names);
    expect(log.flushedLsn).to.equal(log.appendedLsn);
  });

  it('waits until as many have come as are still at work, then syncs once for all', async () => {
    const all = [begin(), begin(), begin(), begin()];
    const before = env.syncCount();
    commit(all[0], 'a');
    await turns();
    expect(acknowledged).to.deep.equal([]);
    commit(all[1], 'b');
    await turns();
    expect(acknowledged).to.deep.equal(['a', 'b']);
    expect(env.syncCount() - before).to.equal(1);
    expect(log.flushedLsn).to.equal(log.appendedLsn);
  });

  it('waits a millisecond at most, and after waiting in vain not at all for some time', async () => {
    const late = begin();
    const other = begin();
    commit(begin(), 'a');
    await turns();
    expect(acknowledged).to.deep.equal([]);
    await env.advance(1);
    await turns();
    expect(acknowledged).to.deep.equal(['a']);
    writers.wrote(late);
    writers.wrote(other);
    commit(begin(), 'b');
    await turns();
    expect(acknowledged).to.deep.equal(['a', 'b']);
  });

  it('does not hold up who is not a client\'s commit, nor what was asked for before it', async () => {
    begin();
    begin();
    commit(begin(), 'a');
    await turns();
    expect(acknowledged).to.deep.equal([]);
    await log.whenFlushed(log.append(16, Buffer.from('b')));
    expect(acknowledged).to.deep.equal(['a']);
  });

  it('never holds up a copy of another log', async () => {
    const copyEnv = simEnv(3);
    const copied = new ActiveWriters();
    const copy = new LogWriter(copyEnv, '/wal', {
      ...IDENTITY, position: EMPTY_LOG, fatal: (error) => expect.fail(error.message), preallocate: false, siblings: copied, follow: true,
    });
    for (let count = 0; count < 5; count++) copied.wrote({ wroteInGroup: 0 });
    copy.receive(Buffer.alloc(64), { ...EMPTY_LOG, endLsn: lsn(EMPTY_LOG.endLsn + 64) });
    copy.requestFlush(copy.appendedLsn);
    await turns();
    expect(copy.flushedLsn).to.equal(EMPTY_LOG.endLsn + 64);
    await copy.close();
  });

  it('has the same records, acknowledged in the same order, as a log that gathers nothing', async () => {
    const plainEnv = simEnv(1);
    const plain = open(plainEnv);
    const plainOrder: string[] = [];
    const running: CountedWriter[] = [];
    for (let step = 0; step < 400; step++) {
      const dice = env.random.float();
      if (dice < 0.5) running.push(begin());
      else if (running.length > 0) {
        commit(running.splice(Math.floor(env.random.float() * running.length), 1)[0], `c${step}`);
        plain.onFlushed(plain.append(16, Buffer.from(`c${step}`)), () => plainOrder.push(`c${step}`), true);
      }
      for (const writer of running) if (env.random.float() < 0.2) writers.wrote(writer);
      if (dice > 0.9) {
        if (dice > 0.97) await env.advance(2);
        await turns();
      }
    }
    await env.advance(5);
    await turns();
    expect(acknowledged).to.deep.equal(plainOrder);
    expect(acknowledged.length).to.be.greaterThan(100);
    expect(env.syncCount()).to.be.at.most(plainEnv.syncCount());
    await plain.close();
    await log.close();
    const [gathered, ungathered] = [records(env), records(plainEnv)];
    expect(gathered).to.deep.equal(ungathered);
    log = open(simEnv(2));
  });
});

function records(env: SimEnv): string[] {
  const reader = new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN as Lsn });
  const found: string[] = [];
  for (const { type, payload } of reader) if (type >= 16) found.push(Buffer.from(payload).toString());
  reader.close();
  return found;
}
