import { expect } from 'chai';
import { drive, Suspend } from '../../lib/base/suspend.js';
import type { PgError } from '../../lib/base/error.js';
import type { Transaction } from '../../lib/access/api.js';
import { INVALID_LSN } from '../../lib/base/lsn.js';
import type { ExecutionContext } from '../../lib/executor/context.js';
import { executePlan } from '../../lib/executor/executor.js';
import { AfterEventQueue } from '../../lib/executor/modify/after-events.js';
import { ROW_ID_ATTNO, type LockRowsPlan, type Plan, type PlannedStmt } from '../../lib/planner/plan-nodes.js';
import type { Row } from '../../lib/types/datum.js';
import { createTable } from '../catalog/tables.js';
import { BASE, column, constant, ExecutorFixture, insertPlan, int, INT4, INT8, modifyPlan, scanPlan, statementOf, target, targets } from './support.js';

let sessions = 100;

/** Another session's transaction over the same storage. */
class Rival {
  readonly transaction: Transaction;
  constructor(private readonly fixture: ExecutorFixture, readonly isolation: 'read committed' | 'repeatable read' = 'read committed') {
    this.transaction = fixture.storage.begin({ isolation, readOnly: false, sessionLsn: INVALID_LSN, sessionId: ++sessions });
    this.snapshot = this.transaction.takeSnapshot();
  }
  private readonly snapshot;

  async start(plan: Plan | PlannedStmt): Promise<Row[]> {
    const { transaction, isolation } = this;
    const context: ExecutionContext = {
      ...this.fixture.context(), transaction, isolation, afterEvents: new AfterEventQueue(),
      snapshot: transaction.refreshCommand(isolation === 'read committed' ? transaction.takeSnapshot() : this.snapshot),
    };
    const run = executePlan('planTree' in plan ? plan : statementOf(plan), context);
    const rows: Row[] = [];
    return drive((function* pull() {
      for (const item of run.batches()) {
        if (item instanceof Suspend) yield item;
        else rows.push(...item);
      }
      transaction.incrementCommandId();
      return rows;
    })());
  }
}

describe('executor/concurrency', () => {
  let fixture: ExecutorFixture;
  let table = 0;
  const types = [INT4, INT4];

  beforeEach(async () => {
    fixture = await ExecutorFixture.open();
    table = createTable(fixture.catalog, 'accounts', [['id', INT4], ['balance', INT4]]).oid;
    await fixture.insert(table, types, [[1, 100], [2, 200]]);
    fixture.session.commit();
  });

  const scan = (...list: Parameters<typeof targets>) => scanPlan(table, types, { targetlist: targets(...list) });
  const add = (amount: number, id: number, minimum = 0): Plan => modifyPlan(table, 'update', scanPlan(table, types, {
    qual: [fixture.op('=', column(1, 1, INT4), int(id)), fixture.op('>=', column(1, 2, INT4), int(minimum))],
    targetlist: [target(fixture.op('+', column(1, 2, INT4), int(amount)), 1), target(column(1, ROW_ID_ATTNO, INT8), 2, true)],
  }), {}, [2]);
  const balances = async () => (await fixture.run(scan(column(1, 1, INT4), column(1, 2, INT4)))).toSorted((a, b) => Number(a[0]) - Number(b[0]));

  it('waits for the other writer and builds on what it committed', async () => {
    const [first, second] = [new Rival(fixture), new Rival(fixture)];
    await first.start(add(10, 1));
    const waiting = second.start(add(5, 1));
    first.transaction.commit();
    await waiting;
    second.transaction.commit();
    expect(await balances()).to.deep.equal([[1, 115], [2, 200]]);
  });

  it('leaves the row alone when the newest version no longer qualifies', async () => {
    const [first, second] = [new Rival(fixture), new Rival(fixture)];
    await first.start(add(-60, 1));
    const waiting = second.start(add(-60, 1, 60));
    first.transaction.commit();
    await waiting;
    second.transaction.commit();
    expect(await balances()).to.deep.equal([[1, 40], [2, 200]]);
  });

  it('goes on with the old version when the other writer rolls back', async () => {
    const [first, second] = [new Rival(fixture), new Rival(fixture)];
    await first.start(add(10, 1));
    const waiting = second.start(add(5, 1));
    first.transaction.abort();
    await waiting;
    second.transaction.commit();
    expect(await balances()).to.deep.equal([[1, 105], [2, 200]]);
  });

  it('raises 40001 in repeatable read', async () => {
    const [first, second] = [new Rival(fixture), new Rival(fixture, 'repeatable read')];
    await first.start(add(10, 1));
    const waiting = second.start(add(5, 1)).catch((error: PgError) => error);
    first.transaction.commit();
    expect(await waiting).to.include({ sqlstate: '40001', message: 'could not serialize access due to concurrent update' });
    second.transaction.abort();
  });

  it('lets the second of two equal insertions fail, or pass when the first rolls back', async () => {
    const { oid, indexOid } = createTable(fixture.catalog, 'keys', [['id', INT4]], { index: ['id'] });
    fixture.catalog.table('pg_index').update(fixture.catalog.table('pg_index').findOne({ indexrelid: indexOid })!, { indisunique: true });
    fixture.session.commit();
    for (const commits of [true, false]) {
      const [first, second] = [new Rival(fixture), new Rival(fixture)];
      const key = commits ? 1 : 2;
      await first.start(insertPlan(oid, [INT4], [[key]]));
      const waiting = second.start(insertPlan(oid, [INT4], [[key]])).then(() => 'inserted', (error: PgError) => error.sqlstate);
      if (commits) first.transaction.commit();
      else first.transaction.abort();
      expect(await waiting).to.equal(commits ? '23505' : 'inserted');
      second.transaction.abort();
    }
  });

  describe('row locks', () => {
    const locking = (waitPolicy: 'block' | 'skip' | 'error', limit: number | null = null): Plan => {
      const child = scan(column(1, 1, INT4), column(1, ROW_ID_ATTNO, INT8));
      const lock: LockRowsPlan = {
        ...BASE, plan: 'LockRows', child, targetlist: child.targetlist, epqParam: 0,
        rowMarks: [{ rti: 1, relid: table, strength: 'update', waitPolicy, rowIdColumn: 2, tableOidColumn: 0 }],
      };
      if (limit === null) return lock;
      return { ...BASE, plan: 'Limit', child: lock, targetlist: lock.targetlist, limitOffset: null, limitCount: constant(limit, INT8), tieColumns: [] };
    };
    const ids = (rows: Row[]) => rows.map(([id]) => id);

    it('skip what is locked, and lock no more than LIMIT takes', async () => {
      const [first, second, third] = [new Rival(fixture), new Rival(fixture), new Rival(fixture)];
      expect(ids(await first.start(locking('skip', 1)))).to.deep.equal([1]);
      expect(ids(await second.start(locking('skip', 1)))).to.deep.equal([2]);
      expect(ids(await third.start(locking('skip')))).to.deep.equal([]);
      for (const rival of [first, second, third]) rival.transaction.abort();
    });

    it('fail at once with NOWAIT', async () => {
      const [first, second] = [new Rival(fixture), new Rival(fixture)];
      await first.start(locking('block'));
      const error = await second.start(locking('error')).catch((caught: PgError) => caught);
      expect(error).to.include({ sqlstate: '55P03', message: 'could not obtain lock on row in relation "accounts"' });
      first.transaction.abort();
      second.transaction.abort();
    });

    it('deliver the newest version after a wait', async () => {
      const [first, second] = [new Rival(fixture), new Rival(fixture)];
      await first.start(add(1, 1));
      const child = scanPlan(table, types, { targetlist: targets(column(1, 2, INT4), column(1, ROW_ID_ATTNO, INT8)) });
      const waiting = second.start({
        ...BASE, plan: 'LockRows', child, targetlist: child.targetlist, epqParam: 0,
        rowMarks: [{ rti: 1, relid: table, strength: 'update', waitPolicy: 'block', rowIdColumn: 2, tableOidColumn: 0 }],
      });
      first.transaction.commit();
      expect(ids(await waiting).toSorted()).to.deep.equal([101, 200]);
      second.transaction.abort();
    });
  });
});
