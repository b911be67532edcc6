/** Replication slots from SQL: copying, moving and temporary ones. What is expected is what PostgreSQL 18 answers to the same statements. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { EmbeddedSession } from '../../lib/session/embedded/database.js';
import { TestCluster, until, type TestNode } from './support.js';

describe('replication slots from SQL', function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let one: TestNode;
  const sessions: EmbeddedSession[] = [];

  beforeEach(async () => {
    cluster = new TestCluster();
    one = await cluster.start('one');
  });
  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.close();
    await cluster.end();
  });

  function session(node = one): EmbeddedSession {
    const opened = new EmbeddedSession(node.node.engine, { username: 'postgres', database: 'postgres' });
    sessions.push(opened);
    return opened;
  }

  /** Rows, or SQLSTATE and texts of the error. */
  async function run(on: EmbeddedSession, sql: string): Promise<unknown> {
    try {
      return (await on.exec(sql, { rowMode: 'array' })).at(-1)?.rows;
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      return [error.sqlstate, error.message, ...[error.detail, error.hint].filter((text) => text !== undefined)].join(' | ');
    }
  }

  it('copies slots, and refuses what PostgreSQL refuses', async () => {
    const on = session();
    await run(on, "select pg_create_physical_replication_slot('a'), pg_create_physical_replication_slot('b', true)");
    const cases: [sql: string, expected: unknown][] = [
      ["select pg_copy_physical_replication_slot('a', 'c')", '55000 | cannot copy a replication slot that doesn\'t reserve WAL'],
      ["select slot_name, lsn = (select restart_lsn from pg_replication_slots where slot_name = 'b') from pg_copy_physical_replication_slot('b', 'c')", [['c', true]]],
      ["select pg_copy_physical_replication_slot('b', 'c')", '42710 | replication slot "c" already exists'],
      ["select pg_copy_physical_replication_slot('nope', 'f', false)", '42704 | replication slot "nope" does not exist'],
      ["select pg_copy_physical_replication_slot('b', 'Bad-Name', false)",
        '42602 | replication slot name "Bad-Name" contains invalid character | Replication slot names may only contain lower case letters, numbers, and the underscore character.'],
      ["select pg_copy_physical_replication_slot('b', 'b', false)", '42710 | replication slot "b" already exists'],
      ["select (pg_copy_physical_replication_slot(null, 'b', false)).slot_name", [[null]]],
      ["select slot_name, temporary, active, active_pid, restart_lsn is null, inactive_since is null, wal_status from pg_replication_slots order by 1",
        [['a', false, false, null, true, false, null], ['b', false, false, null, false, false, 'reserved'], ['c', false, false, null, false, false, 'reserved']]],
      ['select plugin, slot_type, datoid, database, xmin, catalog_xmin, confirmed_flush_lsn, safe_wal_size, two_phase, two_phase_at, conflicting, invalidation_reason, failover, synced from pg_replication_slots',
        Array.from({ length: 3 }, () => [null, 'physical', null, null, null, null, null, null, false, null, null, null, false, false])],
      ["set role pg_monitor; select pg_copy_physical_replication_slot('b', 'g')",
        '42501 | permission denied to use replication slots | Only roles with the REPLICATION attribute may use replication slots.'],
      ["set role pg_monitor; select pg_replication_slot_advance('b', '0/1')",
        '42501 | permission denied to use replication slots | Only roles with the REPLICATION attribute may use replication slots.'],
    ];
    for (const [sql, expected] of cases) expect(await run(on, sql), sql).to.deep.equal(expected);
    const limit = session();
    for (let number = 0; number < 7; number++) await run(limit, `select pg_copy_physical_replication_slot('b', 'm${number}')`);
    const full = '53400 | all replication slots are in use | Free one or increase "max_replication_slots".';
    expect(await run(limit, "select pg_copy_physical_replication_slot('b', 'more')")).to.equal(full);
    expect(await run(limit, "select pg_create_physical_replication_slot('more', true, true)")).to.equal(full);
  });

  it('moves slots forward, never back, nor beyond the log', async () => {
    const on = session();
    await run(on, "select pg_create_physical_replication_slot('a'), pg_create_physical_replication_slot('b', true); create table t (a int); insert into t values (1)");
    const [[position]] = await run(on, "select restart_lsn::text from pg_replication_slots where slot_name = 'b'") as [[string]];
    const never = '55000 | replication slot "a" cannot be advanced | This slot has never previously reserved WAL, or it has been invalidated.';
    const cases: [sql: string, expected: unknown][] = [
      ["select pg_replication_slot_advance('a', '0/1')", never],
      ["select pg_replication_slot_advance('a', pg_current_wal_lsn())", never],
      ["select pg_replication_slot_advance('nope', '0/1')", '42704 | replication slot "nope" does not exist'],
      ["select pg_replication_slot_advance('b', '0/0')", '22023 | invalid target WAL LSN'],
      ["select pg_replication_slot_advance('b', '0/1')", `55000 | cannot advance replication slot to 0/1, minimum is ${position}`],
      ["select slot_name, end_lsn = pg_current_wal_flush_lsn() from pg_replication_slot_advance('b', 'FFFF/FFFFFFFF')", [['b', true]]],
      ["select slot_name from pg_replication_slot_advance('b', pg_current_wal_flush_lsn())", [['b']]],
      ["select restart_lsn = pg_current_wal_flush_lsn() from pg_replication_slots where slot_name = 'b'", [[true]]],
    ];
    for (const [sql, expected] of cases) expect(await run(on, sql), sql).to.deep.equal(expected);
    // Over a restart.
    const [[moved]] = await run(on, "select restart_lsn::text from pg_replication_slots where slot_name = 'b'") as [[string]];
    for (const open of sessions.splice(0)) await open.close();
    await one.node.stop();
    one = await cluster.start('one');
    expect(await one.query("select slot_name, restart_lsn::text from pg_replication_slots order by 1")).to.deep.equal([['a', null], ['b', moved]]);
  });

  it('has temporary slots: their session\'s, gone with it, with an error, and with a restart', async () => {
    const on = session();
    const other = session();
    const [[pid]] = await run(on, 'select pg_backend_pid()') as [[number]];
    const mine = "select slot_name, temporary, active, active_pid = pg_backend_pid(), restart_lsn is null, inactive_since is null, wal_status from pg_replication_slots order by 1";
    await run(on, "select pg_create_physical_replication_slot('b', true)");
    expect(await run(on, "select slot_name, lsn is null from pg_create_physical_replication_slot('t', true, true)")).to.deep.equal([['t', false]]);
    expect(await run(on, "select slot_name, lsn is null from pg_create_physical_replication_slot('tn', false, true)")).to.deep.equal([['tn', true]]);
    await run(on, "select pg_copy_physical_replication_slot('t', 'tc'), pg_copy_physical_replication_slot('t', 'tp', false), pg_copy_physical_replication_slot('b', 'bt', true)");
    expect(await run(on, mine)).to.deep.equal([
      ['b', false, false, null, false, false, 'reserved'], ['bt', true, true, true, false, false, 'reserved'], ['t', true, true, true, false, false, 'reserved'],
      ['tc', true, true, true, false, false, 'reserved'], ['tn', true, true, true, true, false, null], ['tp', false, false, null, false, false, 'reserved'],
    ]);
    for (const sql of ["select pg_drop_replication_slot('t')", "select pg_replication_slot_advance('t', pg_current_wal_lsn())"]) {
      expect(await run(other, sql)).to.equal(`55006 | replication slot "t" is active for PID ${pid}`);
    }
    // Its own it may move, drop, and keep over DISCARD and a rollback.
    expect(await run(on, "select slot_name from pg_replication_slot_advance('t', pg_current_wal_lsn())")).to.deep.equal([['t']]);
    expect(await run(on, 'discard all')).to.deep.equal([]);
    await run(on, "select pg_drop_replication_slot('tc'); begin; savepoint s; select pg_create_physical_replication_slot('z', true, true); rollback to s; commit");
    const temporary = "select string_agg(slot_name, ' ' order by slot_name) from pg_replication_slots where temporary";
    expect(await run(other, temporary)).to.deep.equal([['bt t tn z']]);
    expect(await run(on, 'select nonsense')).to.equal('42703 | column "nonsense" does not exist');
    expect(await run(other, temporary)).to.deep.equal([[null]]);
    await run(on, "select pg_create_physical_replication_slot('t', true, true)");
    await on.close();
    sessions.splice(sessions.indexOf(on), 1);
    await until('they are gone', async () => (await run(other, temporary) as unknown[][])[0][0] === null);
    await run(other, "select pg_create_physical_replication_slot('t', true, true)");
    await one.node.stop();
    sessions.length = 0;
    one = await cluster.start('one');
    expect(await one.query('select slot_name from pg_replication_slots order by 1')).to.deep.equal([['b'], ['tp']]);
  });

  it('ends the session of a temporary slot whose log is gone', async () => {
    await cluster.start('small', { settings: [['max_slot_wal_keep_size', '16MB'], ['wal_keep_size', '0'], ['max_wal_size', '32MB']] });
    const [, small] = cluster.nodes;
    const holder = session(small);
    const other = session(small);
    await run(holder, "select pg_create_physical_replication_slot('t', true, true)");
    await run(other, 'create table t (b text)');
    for (let round = 0; round < 5; round++) await run(other, "insert into t select repeat(md5(g::text), 20) from generate_series(1, 8000) g; select pg_switch_wal(); checkpoint");
    await until('it is gone', async () => (await run(other, 'select count(*)::int from pg_replication_slots') as unknown[][])[0][0] === 0);
    expect(await run(holder, 'select 1')).to.match(/^57P01/);
    sessions.splice(sessions.indexOf(holder), 1);
    expect(small.hasSaid(/invalidating obsolete replication slot "t"/)).to.equal(true);
  });

  it('keeps what wal_keep_size keeps, whatever max_slot_wal_keep_size says', async () => {
    const node = await cluster.start('kept', { settings: [['max_slot_wal_keep_size', '16MB'], ['max_wal_size', '32MB']] });
    const on = session(node);
    await run(on, 'alter system set wal_keep_size = \'128MB\'');
    await run(on, 'select pg_reload_conf()');
    await run(on, "select pg_create_physical_replication_slot('rep', true)");
    await run(on, 'create table t (b text)');
    const grow = "insert into t select repeat(md5(g::text), 20) from generate_series(1, 8000) g; select pg_switch_wal(); checkpoint";
    for (let round = 0; round < 3; round++) await run(on, grow);
    expect(await run(on, 'select wal_status, safe_wal_size between 64 << 20 and 128 << 20 from pg_replication_slots')).to.deep.equal([['extended', true]]);
    await run(on, 'alter system reset wal_keep_size');
    await run(on, 'select pg_reload_conf()');
    await run(on, grow);
    expect(await run(on, 'select wal_status, restart_lsn, invalidation_reason from pg_replication_slots')).to.deep.equal([['lost', null, 'wal_removed']]);
    expect(await run(on, "select pg_copy_physical_replication_slot('rep', 'other')")).to.equal("55000 | cannot copy a replication slot that doesn't reserve WAL");
    expect(await run(on, "select pg_replication_slot_advance('rep', pg_current_wal_lsn())"))
      .to.equal('55000 | can no longer access replication slot "rep" | This replication slot has been invalidated due to "wal_removed".');
  });

  it('names the sender of a slot that a replica uses', async () => {
    const two = await cluster.start('two', { upstreams: [one.url] });
    await until('it streams', () => two.status.upstreamState === 'streaming' && one.status.slots.some((slot) => slot.name === 'two' && slot.active));
    const on = session();
    const [[pid]] = await run(on, "select active_pid from pg_replication_slots where slot_name = 'two' and not temporary and inactive_since is null") as [[number]];
    expect(await run(on, "select pg_drop_replication_slot('two')")).to.equal(`55006 | replication slot "two" is active for PID ${pid}`);
    expect(await run(on, 'select pid from pg_stat_replication')).to.deep.equal([[pid]]);
    // Who is cut off begins anew where the slot is; a copy keeps as much.
    expect(await run(on, "select slot_name from pg_copy_physical_replication_slot('two', 'copy')")).to.deep.equal([['copy']]);
    expect(two.status.upstreamState).to.equal('streaming');
  });
});
