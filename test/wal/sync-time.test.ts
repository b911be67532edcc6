/** On which thread commits are synced: on the one that runs SQL only while a single session is at work and the disk is quick. */
import { expect } from 'chai';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { ActiveWriters, type CountedWriter } from '../../lib/txn/active-writers.js';
import { EMPTY_LOG } from '../../lib/wal/format.js';
import { SyncTime } from '../../lib/wal/sync-time.js';
import { LogWriter } from '../../lib/wal/writer.js';

const WARM_UP = 40;

async function turns(): Promise<void> {
  for (let count = 0; count < 6; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe('syncs on the thread that runs SQL', () => {
  let env: SimEnv;
  let writers: ActiveWriters;
  let log: LogWriter;
  let acknowledged: string[];
  let failures: string[];

  beforeEach(() => {
    env = simEnv(1);
    writers = new ActiveWriters();
    failures = [];
    acknowledged = [];
    log = new LogWriter(env, '/wal', {
      systemIdentifier: 7n, timeline: 1, position: EMPTY_LOG, fatal: (error) => failures.push(error.message), preallocate: false, siblings: writers,
    });
  });
  afterEach(async () => {
    env.holdSyncs(null);
    await log.close();
  });

  function begin(sessionId: number): CountedWriter {
    const writer = { wroteInGroup: 0 };
    writers.began(sessionId);
    return writer;
  }

  async function commit(writer: CountedWriter, name: string): Promise<void> {
    writers.wrote(writer);
    writers.ended(writer);
    log.onFlushed(log.append(16, Buffer.from(name)), () => acknowledged.push(name), true);
    await turns();
  }

  async function warmUp(): Promise<void> {
    for (let count = 0; count < WARM_UP; count++) await commit(begin(1), `${count}`);
    acknowledged = [];
  }

  /** From here on only syncs on this thread end. */
  const hold = (): void => env.holdSyncs('/wal');

  it('are not done before syncs are known to be short', async () => {
    await commit(begin(1), 'first');
    hold();
    await commit(begin(1), 'second');
    expect(acknowledged).to.deep.equal(['first']);
    env.holdSyncs(null);
    await turns();
    expect(acknowledged).to.deep.equal(['first', 'second']);
  });

  it('are done for a session that is alone', async () => {
    await warmUp();
    hold();
    await commit(begin(1), 'a');
    await commit(begin(1), 'b');
    expect(acknowledged).to.deep.equal(['a', 'b']);
    expect(log.flushedLsn).to.equal(log.appendedLsn);
  });

  it('are not done while another session has a transaction under way, or has had one since the last group', async () => {
    await warmUp();
    const reader = begin(2);
    await commit(begin(1), 'beside a reader');
    hold();
    await commit(begin(1), 'still beside it');
    expect(acknowledged).to.deep.equal(['beside a reader']);
    env.holdSyncs(null);
    writers.ended(reader);
    await commit(begin(1), 'alone again');
    writers.ended(begin(2));
    hold();
    await commit(begin(1), 'after another');
    expect(acknowledged).to.deep.equal(['beside a reader', 'still beside it', 'alone again']);
  });

  it('end everything when they fail, and nothing is acknowledged', async () => {
    await warmUp();
    env.failSync('/wal');
    await commit(begin(1), 'lost');
    await commit(begin(1), 'never');
    expect(acknowledged).to.deep.equal([]);
    expect(failures).to.have.length(1);
  });

  it('need a disk that has been quick for a while', () => {
    const time = new SyncTime();
    const taken = (count: number, milliseconds: number): boolean => {
      for (let index = 0; index < count; index++) time.took(milliseconds);
      return time.isShort;
    };
    expect(taken(20, 0.2)).to.equal(false);
    expect(taken(20, 0.2)).to.equal(true);
    expect(taken(1, 2)).to.equal(true);
    expect(taken(1, 20)).to.equal(false);
    expect(taken(10, 0.2)).to.equal(false);
    expect(taken(10, 0.2)).to.equal(true);
    expect(taken(1000, 1)).to.equal(false);
  });
});
