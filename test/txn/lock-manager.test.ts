/** Heavyweight locks: conflicts, fairness, savepoints, sessions, deadlocks over locks and transactions, limits. */
import { expect } from 'chai';
import { PgError, pgError } from '../../lib/base/error.js';
import { drive, type Suspendable } from '../../lib/base/suspend.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { HeavyweightLocks, type LockWaitOptions } from '../../lib/txn/lock-manager.js';
import type { WaitingTransaction } from '../../lib/txn/wait-graph.js';
import { CONFLICTS, LOCK_MODES, MODE_NUMBER, type LockMode, type LockTarget } from '../../lib/txn/lock-modes.js';

const NO_LIMIT: LockWaitOptions = { timeoutMs: 0, signal: null };
const table = (relation: number): LockTarget => ({ kind: 'relation', database: 5, relation });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A transaction of one session, writing down what happens to its waits. */
class Client implements WaitingTransaction {
  state: 'active' | 'committed' | 'aborted' = 'active';
  readonly xid: number;
  rowTurn: WaitingTransaction['rowTurn'] = null;
  isAwaited = false;
  constructor(readonly locks: HeavyweightLocks, readonly virtualId: number, readonly log: string[], readonly sessionId = virtualId) {
    this.xid = 700 + virtualId;
  }

  /** Takes a lock; the log gets `<id> <mode>` when granted (at once or later) or `<id> <sqlstate>`. */
  lock(mode: LockMode, relation = 1, limits = NO_LIMIT): Promise<PgError | null> {
    return this.follow(mode, () => this.locks.lock(this, table(relation), mode, limits));
  }

  wait(other: Client, limits = NO_LIMIT): Promise<PgError | null> {
    return this.follow(`after ${other.virtualId}`, () => this.locks.waitForTransaction(this, other, limits));
  }

  private async follow(what: string, start: () => Suspendable<void>): Promise<PgError | null> {
    try {
      await drive(start());
      this.log.push(`${this.virtualId} ${what}`);
      return null;
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.log.push(`${this.virtualId} ${error.sqlstate}`);
      return error;
    }
  }

  end(): void {
    this.state = 'committed';
    this.locks.releaseAll(this);
  }
}

describe('lock manager', () => {
  let env: SimEnv;
  let locks: HeavyweightLocks;
  let log: string[];
  let clients: Client[];
  beforeEach(() => {
    env = simEnv(1);
    locks = new HeavyweightLocks(env.timers, env.clock);
    log = [];
    clients = [0, 1, 2, 3, 4, 5].map((id) => new Client(locks, id, log));
  });

  it("has PostgreSQL's conflicts", () => {
    const conflicting = (mode: LockMode): string => LOCK_MODES.filter((_, other) => (CONFLICTS[MODE_NUMBER[mode]] & (1 << other)) !== 0).join(' ');
    expect(LOCK_MODES.map(conflicting)).to.deep.equal([
      'AccessExclusive',
      'Exclusive AccessExclusive',
      'Share ShareRowExclusive Exclusive AccessExclusive',
      'ShareUpdateExclusive Share ShareRowExclusive Exclusive AccessExclusive',
      'RowExclusive ShareUpdateExclusive ShareRowExclusive Exclusive AccessExclusive',
      'RowExclusive ShareUpdateExclusive Share ShareRowExclusive Exclusive AccessExclusive',
      'RowShare RowExclusive ShareUpdateExclusive Share ShareRowExclusive Exclusive AccessExclusive',
      'AccessShare RowShare RowExclusive ShareUpdateExclusive Share ShareRowExclusive Exclusive AccessExclusive',
    ]);
  });

  it('grants and refuses by the table, pair by pair; never conflicts with itself', () => {
    let relation = 0;
    for (const held of LOCK_MODES) {
      for (const wanted of LOCK_MODES) {
        relation++;
        expect(locks.tryLock(clients[1], table(relation), held)).to.equal(true);
        expect(locks.tryLock(clients[1], table(relation), wanted)).to.equal(true);
        clients[1].end();
        clients[1].state = 'active';
        locks.tryLock(clients[1], table(relation), held);
        expect(locks.tryLock(clients[2], table(relation), wanted)).to.equal((CONFLICTS[MODE_NUMBER[wanted]] & (1 << MODE_NUMBER[held])) === 0);
        clients[1].end();
        clients[1].state = 'active';
        clients[2].end();
        clients[2].state = 'active';
      }
    }
    expect([...locks.list()]).to.deep.equal([]);
  });

  it('runs without suspending when the lock is free', () => {
    const first = locks.lock(clients[1], table(1), 'RowExclusive', NO_LIMIT);
    expect(first.next()).to.deep.equal({ done: true, value: undefined });
    expect([...locks.list()]).to.deep.equal([{ tag: table(1), mode: 'RowExclusive', granted: true, virtualId: 1, sessionId: 1 }]);
  });

  it('is fair: a request stands behind an earlier conflicting one', async () => {
    await clients[1].lock('AccessShare');
    void clients[2].lock('AccessExclusive');
    void clients[3].lock('AccessShare');
    expect(locks.tryLock(clients[4], table(1), 'AccessShare')).to.equal(false);
    expect([...locks.list()].map((entry) => `${entry.sessionId} ${entry.mode} ${entry.granted}`)).to.deep.equal([
      '1 AccessShare true', '2 AccessExclusive false', '3 AccessShare false']);
    expect(locks.blockers(2)).to.deep.equal([1]);
    expect(locks.blockers(3)).to.deep.equal([2]);
    clients[1].end();
    await turn();
    expect(log).to.deep.equal(['1 AccessShare', '2 AccessExclusive']);
    clients[2].end();
    await turn();
    expect(log).to.deep.equal(['1 AccessShare', '2 AccessExclusive', '3 AccessShare']);
  });

  it('lets one who holds what others wait for go before them', async () => {
    await clients[1].lock('RowExclusive');
    void clients[2].lock('Share');
    await clients[1].lock('RowShare');
    expect(log).to.deep.equal(['1 RowExclusive', '1 RowShare']);
    clients[1].end();
    await turn();
    expect(log).to.include('2 Share');
  });

  it('wakes several compatible waiters at once, in order', async () => {
    await clients[1].lock('AccessExclusive');
    for (const client of [2, 3]) void clients[client].lock('Share');
    void clients[4].lock('RowExclusive');
    void clients[5].lock('AccessShare');
    clients[1].end();
    await turn();
    expect(log.slice(1)).to.deep.equal(['2 Share', '3 Share', '5 AccessShare']);
    clients[2].end();
    await turn();
    expect(log).to.have.length(4);
    clients[3].end();
    await turn();
    expect(log[4]).to.equal('4 RowExclusive');
  });

  it('releases what was taken since a savepoint, and only that', async () => {
    await clients[1].lock('AccessShare');
    const mark = locks.mark(clients[1]);
    await clients[1].lock('AccessShare');
    await clients[1].lock('Exclusive');
    await clients[1].lock('AccessExclusive', 2);
    void clients[2].lock('AccessShare', 2);
    locks.releaseAfter(clients[1], mark);
    await turn();
    expect([...locks.list()].map((entry) => `${entry.sessionId} ${entry.mode}`)).to.deep.equal(['1 AccessShare', '2 AccessShare']);
    clients[1].end();
    clients[2].end();
    expect([...locks.list()]).to.deep.equal([]);
  });

  it('counts session locks, keeps them beyond the transaction, and tells what is not held', async () => {
    const key: LockTarget = { kind: 'advisory', database: 5, key: '0,7,1' };
    const session = { sessionId: 1 };
    expect(locks.tryLockSession(session, clients[1], key, 'Exclusive')).to.equal(true);
    expect(locks.tryLockSession(session, clients[1], key, 'Exclusive')).to.equal(true);
    expect(locks.tryLock(clients[1], key, 'Share')).to.equal(true);
    expect(locks.tryLock(clients[2], key, 'Share')).to.equal(false);
    clients[1].end();
    expect(locks.unlockSession(session, key, 'Exclusive')).to.equal(true);
    expect(locks.tryLock(clients[2], key, 'Share')).to.equal(false);
    expect(locks.unlockSession(session, key, 'Exclusive')).to.equal(true);
    expect(locks.unlockSession(session, key, 'Exclusive')).to.equal(false);
    expect(locks.tryLock(clients[2], key, 'Share')).to.equal(true);
    clients[2].end();
    locks.tryLockSession(session, null, key, 'Share');
    locks.tryLockSession(session, null, key, 'Exclusive');
    let granted = false;
    void Promise.resolve(drive(locks.lockSession({ sessionId: 2 }, null, key, 'Share', NO_LIMIT))).then(() => (granted = true));
    locks.unlockAllSession(session);
    await turn();
    expect(granted).to.equal(true);
    locks.unlockAllSession({ sessionId: 2 });
    expect([...locks.list()]).to.deep.equal([]);
  });

  it("finds a deadlock over two tables at once, with PostgreSQL's words", async () => {
    await clients[1].lock('AccessExclusive', 16384);
    await clients[2].lock('AccessExclusive', 16385);
    void clients[1].lock('AccessShare', 16385);
    const error = await clients[2].lock('RowExclusive', 16384, { ...NO_LIMIT, context: 'while doing it' });
    expect(error).to.include({
      sqlstate: '40P01', message: 'deadlock detected', hint: 'See server log for query details.', where: 'while doing it',
      detail: 'Process 2 waits for RowExclusiveLock on relation 16384 of database 5; blocked by process 1.\n'
        + 'Process 1 waits for AccessShareLock on relation 16385 of database 5; blocked by process 2.',
    });
    clients[2].end();
    await turn();
    expect(log).to.include('1 AccessShare');
  });

  it('finds a deadlock over a transaction wait and a table', async () => {
    await clients[1].lock('AccessExclusive', 9);
    void clients[2].lock('AccessShare', 9);
    const error = await clients[1].wait(clients[2]);
    expect(error?.detail).to.equal('Process 1 waits for ShareLock on transaction 702; blocked by process 2.\n'
      + 'Process 2 waits for AccessShareLock on relation 9 of database 5; blocked by process 1.');
  });

  it('finds a deadlock among three transactions, and only that', async () => {
    void clients[4].wait(clients[3]);
    void clients[1].wait(clients[2]);
    void clients[2].wait(clients[3]);
    expect((await clients[3].wait(clients[1]))?.sqlstate).to.equal('40P01');
    clients[3].end();
    await turn();
    clients[2].end();
    await turn();
    expect(log).to.deep.equal(['3 40P01', '4 after 3', '2 after 3', '1 after 2']);
  });

  it('finds an upgrade deadlock at once', async () => {
    await clients[1].lock('Share');
    await clients[2].lock('Share');
    void clients[1].lock('RowExclusive', 1, { ...NO_LIMIT, deadlockTimeoutMs: 1000 });
    const error = await clients[2].lock('RowExclusive', 1, { ...NO_LIMIT, deadlockTimeoutMs: 1000 });
    expect(error?.sqlstate).to.equal('40P01');
    clients[2].end();
    await turn();
    expect(log).to.include('1 RowExclusive');
  });

  it('reorders a queue instead of failing when that avoids the deadlock', async () => {
    // 1 holds AccessShare on table 1; 2 waits for AccessExclusive there; 3 holds table 2 and queues behind 2; 1 then wants table 2.
    await clients[1].lock('AccessShare', 1);
    await clients[3].lock('AccessExclusive', 2);
    void clients[2].lock('AccessExclusive', 1);
    void clients[3].lock('AccessShare', 1);
    void clients[1].lock('AccessShare', 2);
    await turn();
    expect(log).to.deep.equal(['1 AccessShare', '3 AccessExclusive', '3 AccessShare']);
    clients[3].end();
    await turn();
    clients[1].end();
    await turn();
    expect(log.slice(3)).to.deep.equal(['1 AccessShare', '2 AccessExclusive']);
  });

  it('turns around the soft edge furthest from the one who looks', async () => {
    // Two hard and two soft edges: 2 → (queue) 3 → 1 → (queue) 4 → 2; only 2 looks, and 1 may go.
    const patience = (deadlockTimeoutMs: number): typeof NO_LIMIT & { deadlockTimeoutMs: number } => ({ ...NO_LIMIT, deadlockTimeoutMs });
    await clients[1].lock('AccessShare', 1);
    await clients[2].lock('AccessShare', 2);
    void clients[3].lock('AccessExclusive', 1, patience(10_000));
    void clients[4].lock('AccessExclusive', 2, patience(10_000));
    void clients[1].lock('AccessShare', 2, patience(10_000));
    void clients[2].lock('AccessShare', 1, patience(10));
    await env.advance(20);
    await turn();
    expect(log).to.deep.equal(['1 AccessShare', '2 AccessShare', '1 AccessShare']);
  });

  it('looks for deadlocks only after deadlock_timeout when that is given: the first waiter finds it', async () => {
    const patient = { ...NO_LIMIT, deadlockTimeoutMs: 1000 };
    void clients[1].wait(clients[2], patient);
    await env.advance(10);
    void clients[2].wait(clients[1], patient);
    await env.advance(900);
    expect(log).to.deep.equal([]);
    await env.advance(200);
    await turn();
    expect(log).to.deep.equal(['1 40P01']);
    clients[1].end();
    await turn();
    expect(log).to.deep.equal(['1 40P01', '2 after 1']);
  });

  it('gives up after lock_timeout and when cancelled, and lets those behind go on', async () => {
    await clients[1].lock('AccessShare');
    const timedOut = clients[2].lock('AccessExclusive', 1, { timeoutMs: 50, signal: null, context: 'while waiting' });
    void clients[3].lock('AccessShare');
    await env.advance(49);
    expect(log).to.have.length(1);
    await env.advance(1);
    expect(await timedOut).to.include({ sqlstate: '55P03', message: 'canceling statement due to lock timeout', where: 'while waiting' });
    expect(log).to.include('3 AccessShare');
    const controller = new AbortController();
    const cancelled = clients[4].wait(clients[1], { timeoutMs: 0, signal: controller.signal });
    await turn();
    controller.abort(pgError('QUERY_CANCELED', 'canceling statement due to user request'));
    expect((await cancelled)?.sqlstate).to.equal('57014');
    expect((await clients[4].lock('AccessExclusive', 1, { timeoutMs: 0, signal: controller.signal }))?.sqlstate).to.equal('57014');
    expect([...locks.list()].every((entry) => entry.granted)).to.equal(true);
  });

  it('looks for deadlocks when each wait is due, whatever the order in which they began', async () => {
    const patient = (deadlockTimeoutMs: number): LockWaitOptions => ({ timeoutMs: 0, signal: null, deadlockTimeoutMs });
    void clients[5].wait(clients[4], patient(10));
    void clients[1].wait(clients[2], patient(1000));
    await env.advance(100);
    const failing = clients[2].wait(clients[1], patient(300));
    await env.advance(299);
    expect(log).to.deep.equal([]);
    await env.advance(1);
    expect((await failing)?.sqlstate).to.equal('40P01');
    expect(log).to.deep.equal(['2 40P01']);
    const again = clients[2].wait(clients[1], patient(5000));
    await env.advance(600);
    expect(log).to.deep.equal(['2 40P01', '1 40P01']);
    clients[1].end();
    expect(await again).to.equal(null);
    clients[4].end();
  });

  it('does not wait for a transaction that has ended', async () => {
    clients[2].end();
    expect(locks.waitForTransaction(clients[1], clients[2], NO_LIMIT).next().done).to.equal(true);
  });

  it('never grants conflicting locks and loses nobody, over random runs', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { random } = simEnv(seed);
      const pick = (limit: number): number => Math.floor(random.float() * limit);
      const manager = new HeavyweightLocks(env.timers, env.clock);
      const runOne = async (sessionId: number): Promise<void> => {
        for (let round = 0; round < 12; round++) {
          const client = new Client(manager, sessionId * 1000 + round + 1, [], sessionId);
          for (let step = pick(4); step >= 0; step--) {
            if ((await client.lock(LOCK_MODES[pick(8)], pick(3))) !== null) break;
            checkGranted(manager);
            if (pick(3) === 0) await turn();
          }
          client.end();
        }
      };
      await Promise.all([1, 2, 3, 4, 5, 6].map(runOne));
      expect([...manager.list()]).to.deep.equal([]);
    }
  });
});

function checkGranted(locks: HeavyweightLocks): void {
  const granted = [...locks.list()].filter((entry) => entry.granted);
  for (const a of granted) {
    for (const b of granted) {
      if (a.sessionId === b.sessionId || JSON.stringify(a.tag) !== JSON.stringify(b.tag)) continue;
      expect(CONFLICTS[MODE_NUMBER[a.mode]] & (1 << MODE_NUMBER[b.mode]), `${a.mode} with ${b.mode}`).to.equal(0);
    }
  }
}
