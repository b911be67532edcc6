/**
 * CREATE INDEX, REINDEX and DROP INDEX CONCURRENTLY beside writers: what an index scan finds is what a sequential scan finds, on the
 * primary, on its standby, and after a crash in every phase.
 */
import { expect } from 'chai';
import type { EmbeddedSession, PgError } from '../../lib/index.js';
import { Pair, turns, type Node } from './pair.js';

const KEYS = 40;
const ROWS = 1500;

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
      case 3: return `update t set b = ${roll(KEYS)} where a % 100 = ${id % 100}`;
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
      await Promise.all(writers.map((writer) => writer.over));
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

    for (const { sql, hold, left } of PHASES) {
      it(`${sql}, in the way: ${hold}`, async () => {
        pair = await Pair.start(`${TABLE}; ${sql.startsWith('drop') ? 'create index t_c on t (c)' : ''}`);
        const [holder, builder] = [pair.primary.session(), pair.primary.session()];
        const pid = await pidOf(builder);
        await holder.exec(`begin; ${hold}`);
        const outcome = builder.exec(sql).then(() => 'done', (error: PgError) => error.sqlstate);
        await untilBlocked(pair.primary, pid);
        // Writers go on, and others may read.
        await pair.writer.exec(`insert into t values (-50, 1, 1); update t set b = b + 1 where a = 100; delete from t where a = 101`);
        expect(await states(pair.writer)).to.deep.equal(left);
        // Cancelled, it leaves what a crash leaves.
        await pair.writer.query('select pg_cancel_backend($1)', [pid]);
        expect(await outcome).to.equal('57014');
        expect(await states(pair.writer)).to.deep.equal(left);
        expect((await pair.writer.query("select 1 from pg_locks where mode = 'ShareUpdateExclusiveLock'")).rows).to.deep.equal([]);
        await pair.ship();
        expect(await states(pair.reader)).to.deep.equal(left);
        await pair.primary.crash();
        const session = pair.primary.session();
        expect(await states(session)).to.deep.equal(left);
        // It is maintained, and nothing but that: no query uses it.
        await session.exec('insert into t values (-51, 1, 1); delete from t where a = 200; update t set b = 9 where a = 201');
        await session.exec(SCANS.index);
        const invalid = left.find(([, , isValid]) => !isValid)?.[0] as string;
        expect(JSON.stringify((await session.query('explain select * from t where b = 1 and c = 1 and a > 0')).rows)).to.not.include(invalid);
        // REINDEX makes it as good as any; so does dropping it and trying again.
        await session.exec(`reindex index concurrently ${invalid}`);
        expect(await states(session)).to.deep.equal(left.map(([name]) => [name, true, true]));
        await session.exec(`drop index concurrently ${invalid}`);
        expect(await states(session)).to.have.length(1);
        if (sql.startsWith('drop')) await session.exec('create index t_c on t (c)');
        await session.exec(sql);
        expect((await states(session)).every((state) => (state as unknown[])[2])).to.equal(true);
        await session.close();
      });
    }
  });
});
