/**
 * CREATE INDEX, REINDEX and DROP INDEX CONCURRENTLY beside writers: what an index scan finds is what a sequential scan finds, on the
 * primary, on its standby, and after a crash in every phase.
 */
import { expect } from 'chai';
import type { EmbeddedSession, PgError } from '../../lib/index.js';
import { failure, Pair, turns, type Node } from './pair.js';

const KEYS = 40;
const ROWS = 800;

/** Small fast seeded generator (mulberry32): a number below `limit`. */
function dice(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
  };
}

/** The clock of a simulation stands still: here it is late whenever somebody looks, so that long work takes many turns. */
function hurry(node: Node): void {
  const { clock } = node.env;
  let now = clock.monotonicMs();
  clock.monotonicMs = () => (now += 5);
}

/** Resolves with `work`. A commit gives others who write a moment to join its sync: the moment passes, though the clock stands still. */
async function finished(node: Node, work: Promise<unknown>): Promise<void> {
  const over = work.then(() => true);
  for (let done = false; !done;) done = await Promise.race([over, node.env.advance(2).then(() => false)]);
}

/** A session that changes rows at random until it is told to stop; what it ends with is left open. */
class Writer {
  stopped = false;
  statements = 0;
  readonly unexpected: string[] = [];
  readonly over: Promise<void>;
  private open = false;

  constructor(private readonly session: EmbeddedSession, private readonly roll: (limit: number) => number, private readonly firstId: number) {
    this.over = this.work();
  }

  private async work(): Promise<void> {
    while (!this.stopped) {
      await this.run(this.next());
      this.statements++;
      await turns(1 + this.roll(3));
    }
  }

  private async run(sql: string): Promise<void> {
    try {
      await this.session.exec(sql);
    } catch (error) {
      const { sqlstate, message } = error as PgError;
      if (sqlstate !== '40P01' && sqlstate !== '23505') this.unexpected.push(message);
      if (this.open) await this.session.exec('rollback');
      this.open = false;
    }
  }

  private next(): string {
    const { roll } = this;
    // Rows of its own: the writers are not to spend their time waiting for each other.
    const id = 4 * roll(ROWS / 4) + (this.firstId / 1_000_000);
    if (this.open) {
      const end = roll(9);
      if (end < 2) {
        this.open = false;
        return end === 0 ? 'commit' : 'rollback';
      }
      if (end === 2) return 'rollback to s';
      if (end === 3) return 'savepoint s';
    } else if (roll(3) === 0) {
      this.open = true;
      return 'begin; savepoint s';
    }
    switch (roll(7)) {
      case 0: return `insert into t values (${this.firstId + this.statements}, ${roll(KEYS)}, 0)`;
      case 1: return `delete from t where a = ${id}`;
      case 2: return `update t set c = c + 1 where a = ${id}`;
      case 3: return `update t set b = ${roll(KEYS)} where a % 100 = ${id % 100} and a <= ${ROWS}`;
      case 4: return `insert into t select ${this.firstId + 100_000 + this.statements * 100} + g, g % ${KEYS}, 0 from generate_series(1, 40) g`;
      default: return `update t set b = ${roll(KEYS)} where a = ${id}`;
    }
  }
}

const SCANS = {
  table: 'set enable_seqscan = on; set enable_indexscan = off; set enable_bitmapscan = off; set enable_indexonlyscan = off',
  index: 'set enable_seqscan = off; set enable_indexscan = on; set enable_bitmapscan = off; set enable_sort = off',
};

/** Every row by a scan of the table and by the indexes, key by key and in order. */
async function compare(node: Node, name: string, where: string, column: string): Promise<void> {
  const session = node.session();
  const rows = async (sql: string): Promise<unknown[][]> => (await session.query<unknown[]>(sql, [], { rowMode: 'array' })).rows;
  const condition = (key: number): string => `${column} = ${key} and ${where}`;
  await session.exec(SCANS.table);
  const expected: unknown[][] = [];
  for (let key = -KEYS; key <= KEYS; key++) expected.push(await rows(`select a, b, c from t where ${condition(key)} order by a`));
  await session.exec(SCANS.index);
  expect(String(await rows(`explain select a, b, c from t where ${condition(1)}`))).to.include(`Index Scan using ${name}`);
  for (let key = -KEYS; key <= KEYS; key++) {
    const found = await rows(`select a, b, c from t where ${condition(key)}`);
    found.sort((x, y) => (x[0] as number) - (y[0] as number));
    expect(found, `${name}: ${column} = ${key}`).to.deep.equal(expected[key + KEYS]);
  }
  await session.close();
}

const TABLE = `create table t (a int primary key, b int, c int); insert into t select g, g % ${KEYS}, 0 from generate_series(1, ${ROWS}) g`;

describe('CONCURRENTLY beside writers', function () {
  this.timeout(120_000);
  let pair: Pair;
  afterEach(() => pair.stop());

  for (const seed of [1, 2]) {
    it(`indexes find what is there, on both nodes and after a crash (seed ${seed})`, async () => {
      pair = await Pair.start(TABLE);
      hurry(pair.primary);
      const roll = dice(seed);
      const writers = Array.from({ length: 4 }, (_, at) => new Writer(pair.primary.session(), dice(seed * 100 + at), 1_000_000 * (at + 1)));
      await turns(roll(40));
      const builder = pair.primary.session();
      await builder.exec("set deadlock_timeout = '50ms'");
      await builder.exec('create index concurrently t_b on t (b)');
      await turns(roll(20));
      await builder.exec('create index concurrently t_part on t ((-b)) where a % 2 = 0');
      await turns(roll(20));
      await builder.exec('reindex index concurrently t_b');
      await builder.exec('reindex index concurrently t_pkey');
      const done = writers.map((writer) => writer.statements);
      await turns(roll(20));
      if (seed % 2 === 0) await pair.primary.engine.storage.checkpoint();
      for (const writer of writers) writer.stopped = true;
      await finished(pair.primary, Promise.all(writers.map((writer) => writer.over)));
      expect(Math.min(...done)).to.be.greaterThan(10);
      expect(writers.flatMap((writer) => writer.unexpected)).to.deep.equal([]);
      await compareAll(pair.primary);
      await pair.ship();
      await compareAll(pair.replica);
      await pair.primary.crash();
      await compareAll(pair.primary);
    });
  }

  async function compareAll(node: Node): Promise<void> {
    await compare(node, 't_b', 'true', 'b');
    await compare(node, 't_part', 'a % 2 = 0', '(-b)');
  }

  /** State of the indexes: name, ready, valid. */
  const states = async (session: EmbeddedSession): Promise<unknown[]> => (await session.query<unknown[]>(
    "select indexrelid::regclass::text, indisready, indisvalid from pg_index where indrelid = 't'::regclass order by 1", [], { rowMode: 'array' },
  )).rows;

  /** Until the session of this process id waits for another. */
  async function untilBlocked(node: Node, pid: number): Promise<void> {
    const watcher = node.session();
    for (;;) {
      const { rows: [{ blockers }] } = await watcher.query<{ blockers: number[] }>('select pg_blocking_pids($1) as blockers', [pid]);
      if (blockers.length > 0) break;
      await turns();
    }
    await watcher.close();
  }
  const pidOf = async (session: EmbeddedSession): Promise<number> => (await session.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0].pid;

  describe('phase by phase', () => {
    /** What each phase waits for, and what a crash leaves in it. */
    const PHASES = [
      { sql: 'create index concurrently t_b on t (b)', hold: 'insert into t values (-1, 7, 7)', left: [['t_b', true, false], ['t_pkey', true, true]] },
      { sql: 'create index concurrently t_b on t (b)', hold: 'set transaction isolation level repeatable read; select count(*) from pg_class', left: [['t_b', true, false], ['t_pkey', true, true]] },
      { sql: 'create unique index concurrently t_b on t (b, a)', hold: 'delete from t where a = 3', left: [['t_b', true, false], ['t_pkey', true, true]] },
      { sql: 'reindex index concurrently t_pkey', hold: 'update t set b = 1 where a = 4', left: [['t_pkey', true, true], ['t_pkey_ccnew', true, false]] },
      { sql: 'reindex index concurrently t_pkey', hold: 'set transaction isolation level repeatable read; select count(*) from pg_class', left: [['t_pkey', true, true], ['t_pkey_ccnew', true, false]] },
      { sql: 'reindex index concurrently t_pkey', hold: 'select count(*) from t', left: [['t_pkey', true, true], ['t_pkey_ccold', true, false]] },
      { sql: 'drop index concurrently t_c', hold: 'select count(*) from t', left: [['t_c', true, false], ['t_pkey', true, true]] },
    ];

    for (const { sql, hold, left } of PHASES) for (const end of ['cancelled', 'cut off']) {
      it(`${sql}, ${end} while it waits for: ${hold}`, async () => {
        pair = await Pair.start(`${TABLE}; ${sql.startsWith('drop') ? 'create index t_c on t (c)' : ''}`);
        const [holder, builder] = [pair.primary.session(), pair.primary.session()];
        const pid = await pidOf(builder);
        await holder.exec(`begin; ${hold}`);
        const outcome = builder.exec(sql).then(() => 'done', (error: PgError) => error.sqlstate);
        await untilBlocked(pair.primary, pid);
        // Writers go on, and others may read.
        await pair.writer.exec('insert into t values (-50, 1, 1); update t set b = b + 1 where a = 100; delete from t where a = 101');
        expect(await states(pair.writer)).to.deep.equal(left);
        let expected: readonly unknown[] = left;
        if (end === 'cancelled') {
          await pair.writer.query('select pg_cancel_backend($1)', [pid]);
          expect(await outcome).to.equal('57014');
          await pair.ship();
          // What could not be filled is not maintained either.
          const isFilled = !/^(insert|update|delete)/.test(hold);
          expected = left.map(([name, , isValid]) => [name, (isValid || isFilled), isValid]);
          expect(await states(pair.writer)).to.deep.equal(expected);
          expect((await pair.writer.query("select 1 from pg_locks where mode = 'ShareUpdateExclusiveLock'")).rows).to.deep.equal([]);
        }
        await pair.ship();
        expect(await states(pair.reader)).to.deep.equal(expected);
        await pair.primary.crash();
        await recover(pair.primary.session(), sql, left, expected);
      });
    }

    /** What was left is of no use to queries, and can be made whole or dropped. */
    async function recover(session: EmbeddedSession, sql: string, left: typeof PHASES[number]['left'], expected: readonly unknown[]): Promise<void> {
      expect(await states(session)).to.deep.equal(expected);
      await session.exec('insert into t values (-51, 1, 1); delete from t where a = 200; update t set b = 9 where a = 201');
      await session.exec(SCANS.index);
      const invalid = left.find(([, , isValid]) => !isValid)?.[0] as string;
      expect(JSON.stringify((await session.query('explain select * from t where b = 1 and c = 1 and a > 0')).rows)).to.not.include(invalid);
      await session.exec(`reindex index concurrently ${invalid}`);
      expect(await states(session)).to.deep.equal(left.map(([name]) => [name, true, true]));
      await session.exec(`drop index concurrently ${invalid}`);
      expect(await states(session)).to.have.length(1);
      if (sql.startsWith('drop')) await session.exec('create index t_c on t (c)');
      await session.exec(sql);
      expect((await states(session)).every((state) => (state as unknown[])[2])).to.equal(true);
      await session.close();
    }
  });

  it('waits as long as lock_timeout allows, and notices deadlocks', async () => {
    pair = await Pair.start(TABLE);
    const [holder, builder] = [pair.primary.session(), pair.primary.session()];
    const [holderPid, pid] = [await pidOf(holder), await pidOf(builder)];
    await holder.exec('begin; insert into t values (-1, 1, 1)');
    await builder.exec("set lock_timeout = '100ms'");
    const late = failure(builder.exec('create index concurrently t_b on t (b)'));
    await untilBlocked(pair.primary, pid);
    await pair.primary.env.advance(101);
    expect(await late).to.include({ sqlstate: '55P03', message: 'canceling statement due to lock timeout' });
    await builder.exec("reset lock_timeout; set deadlock_timeout = '100ms'");
    const stuck = failure(builder.exec('reindex table concurrently t'));
    await untilBlocked(pair.primary, pid);
    const waiting = holder.exec('lock t in share row exclusive mode');
    await untilBlocked(pair.primary, holderPid);
    await pair.primary.env.advance(101);
    expect((await stuck).sqlstate).to.equal('40P01');
    await waiting;
    await holder.exec('commit');
  });

  for (const [what, changes, end, outcome] of [
    ['another row with a key', 'insert into t values (-5, 5, 0)', 'commit', '23505'],
    ['another row with a key, in vain', 'insert into t values (-5, 5, 0)', 'rollback', 'done'],
    ['another row in place of the one with a key', 'delete from t where a = 5; insert into t values (-5, 5, 0)', 'commit', 'done'],
    ['the row with a key away and another one to it', 'update t set b = 1005 where a = 5; update t set b = 5 where a = 6', 'commit', 'done'],
    ['the row with a key away', 'savepoint s; update t set b = 1005 where a = 5; rollback to s; delete from t where a = 5', 'rollback', 'done'],
  ] as const) {
    it(`a unique index waits for who brings ${what}`, async () => {
      pair = await Pair.start('create table t (a int primary key, b int, c int); insert into t select g, g, 0 from generate_series(1, 100) g');
      const [holder, writer, builder] = [pair.primary.session(), pair.primary.session(), pair.primary.session()];
      const pid = await pidOf(builder);
      await holder.exec('begin; insert into t values (-1, 1000, 0)');
      const built = builder.exec('create unique index concurrently t_b on t (b)').then(() => 'done', (error: PgError) => error.sqlstate);
      await untilBlocked(pair.primary, pid);
      // This one knows of the index, and does not find in it what was there before.
      await writer.exec(`begin; ${changes}`);
      await holder.exec('commit');
      // The row just committed is not there twice; the writer's decides.
      await turns(20);
      await writer.exec(end);
      expect(await built).to.equal(outcome);
      await pair.ship();
      for (const node of [pair.primary, pair.replica]) {
        const session = node.session();
        expect(await states(session)).to.deep.equal([['t_b', outcome === 'done', outcome === 'done'], ['t_pkey', true, true]]);
        if (outcome === 'done') await compareKeys(session);
        await session.close();
      }
      if (outcome !== 'done') return;
      expect((await failure(writer.exec('insert into t values (-9, 5, 0), (-10, 5, 0)'))).sqlstate).to.equal('23505');
    });
  }

  /** The same rows by the unique index as by the table. */
  async function compareKeys(session: EmbeddedSession): Promise<void> {
    const sql = 'select b, a from t order by b';
    await session.exec(SCANS.table);
    const { rows: expected } = await session.query(sql);
    await session.exec(SCANS.index);
    expect((await session.query(sql)).rows).to.deep.equal(expected);
  }

  it('a query on a standby that uses an index is in the way of its end', async () => {
    pair = await Pair.start(`${TABLE}; create index t_b on t (b)`, [['max_standby_streaming_delay', '0']]);
    await pair.reader.exec(`begin; ${SCANS.index}; declare c cursor for select a from t where b = 5 order by b; fetch 2 from c`);
    await pair.write('drop index concurrently t_b');
    expect((await failure(pair.reader.exec('fetch 2 from c'))).sqlstate).to.equal('40001');
  });
});
