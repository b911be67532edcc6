/** Sessions of a standby: cancelled by replay, ended with their database, promoted in place, waiting for the log. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { formatLsn } from '../../lib/base/lsn.js';
import type { SessionClient } from '../../lib/session/client.js';
import type { Session } from '../../lib/session/session.js';
import { failure, type Node, Pair, turns } from './pair.js';

/** A session whose client takes note of what it is told. */
class Told implements SessionClient {
  readonly statuses: string[] = [];
  readonly ends: PgError[] = [];
  readonly session: Session;

  constructor({ engine }: Node, database = 'postgres') {
    this.session = engine.connect({
      role: engine.findRole('postgres')!, database, address: { address: null, port: null }, client: this, settings: [], processId: engine.nextProcessId(),
    });
  }

  notice(): void {}
  notification(): void {}

  parameterStatus(name: string, value: string): void {
    this.statuses.push(`${name}=${value}`);
  }

  terminated(error: PgError): void {
    this.ends.push(error);
    this.session.close();
  }
}

describe('sessions of a standby', function () {
  this.timeout(60_000);
  let pair: Pair;
  afterEach(() => pair.stop());

  const conflicts = (): Promise<unknown[]> => pair.read("select confl_lock from pg_stat_database_conflicts where datname = 'postgres'", pair.replica.session());

  for (const ddl of ['drop table t', 'truncate t', 'alter table t alter a type bigint']) {
    it(`are in the way of ${ddl}: a running statement is cancelled after max_standby_streaming_delay`, async () => {
      pair = await Pair.start('create table t (a int); insert into t select generate_series(1, 10)', [['max_standby_streaming_delay', '5s']]);
      const cancelled = failure(pair.reader.exec('select a, pg_sleep(1000) from t'));
      await turns();
      await pair.writer.exec(ddl);
      await pair.send();
      await turns();
      expect(pair.replica.standby.appliedLsn, 'replay waits').to.be.below(pair.replica.standby.flushedLsn);
      await pair.replica.env.advance(4000);
      expect(pair.replica.standby.appliedLsn, 'replay still waits').to.be.below(pair.replica.standby.flushedLsn);
      await pair.replica.env.advance(2000);
      expect(await cancelled).to.include({
        sqlstate: '40001', message: 'canceling statement due to conflict with recovery', detail: 'User was holding a relation lock for too long.', severity: 'ERROR',
      });
      await pair.ship();
      expect(await conflicts()).to.deep.equal([[1]]);
      expect(await pair.read('select 1')).to.deep.equal([[1]]);
    });
  }

  it('that only hold a lock in an open transaction are ended', async () => {
    pair = await Pair.start('create table t (a int)', [['max_standby_streaming_delay', '0']]);
    await pair.reader.exec('begin; select * from t');
    await pair.write('drop table t');
    expect(await failure(pair.reader.exec('select 1'))).to.include({
      sqlstate: '40001', severity: 'FATAL', message: 'terminating connection due to conflict with recovery',
      hint: 'In a moment you should be able to reconnect to the database and repeat your command.',
    });
    expect(await conflicts()).to.deep.equal([[1]]);
  });

  it('are waited for as long as it takes with max_standby_streaming_delay = -1', async () => {
    pair = await Pair.start('create table t (a int); insert into t values (1)', [['max_standby_streaming_delay', '-1']]);
    await pair.reader.exec('begin; select * from t');
    await pair.writer.exec('truncate t');
    await pair.send();
    await pair.replica.env.advance(1_000_000);
    expect(await pair.read('select a from t')).to.deep.equal([[1]]);
    await pair.reader.exec('commit');
    await pair.ship();
    expect(await pair.read('select a from t')).to.deep.equal([]);
    expect(await conflicts()).to.deep.equal([[0]]);
  });

  it('that are in a deadlock with replay are told so, and nobody else is in its way for it', async () => {
    // Replay takes first, waits for second, and closes the cycle when it comes to third.
    pair = await Pair.start('create table first (a int); create table second (a int); create table third (a int)', [['max_standby_streaming_delay', '-1']]);
    const [waiting, holding, bystander] = [pair.replica.session(), pair.replica.session(), pair.replica.session()];
    await waiting.exec('begin; select * from third');
    await bystander.exec('begin; select * from third');
    await holding.exec('begin; select * from second');
    await pair.writer.exec('begin; truncate first; truncate second; truncate third; commit');
    await pair.send();
    await turns();
    const outcome = failure(waiting.exec('select * from first'));
    await turns();
    // Whoever waits looks for a deadlock once: there is none yet.
    await pair.replica.env.advance(10_000);
    await holding.exec('commit');
    await turns();
    await pair.replica.env.advance(10_000);
    const error = await outcome;
    expect(error).to.include({ sqlstate: '40P01', message: 'deadlock detected', severity: 'ERROR' });
    expect(error.detail).to.match(/^Process \d+ waits for AccessShareLock on relation \d+ of database \d+; blocked by process \d+\.\nProcess \d+ waits for AccessExclusiveLock on relation \d+ of database \d+; blocked by process \d+\.$/);
    await waiting.exec('rollback');
    expect(pair.replica.standby.appliedLsn, 'replay waits for the other one').to.be.below(pair.replica.standby.flushedLsn);
    expect(await pair.read('select 1', bystander)).to.deep.equal([[1]]);
    await bystander.exec('commit');
    await pair.ship();
    expect(pair.replica.errors).to.deep.equal([]);
    expect(await pair.read("select confl_lock, confl_deadlock from pg_stat_database_conflicts where datname = 'postgres'")).to.deep.equal([[0, 0]]);
    for (const session of [waiting, holding, bystander]) await session.close();
  });

  it('of a dropped database are ended', async () => {
    pair = await Pair.start();
    await pair.write('create database other');
    const other = new Told(pair.replica, 'other');
    const safe = new Told(pair.replica);
    await pair.write('drop database other');
    expect(other.ends[0]).to.include({
      sqlstate: '57P04', severity: 'FATAL', message: 'terminating connection due to conflict with recovery',
      detail: 'User was connected to a database that must be dropped.',
    });
    expect(safe.ends).to.deep.equal([]);
    await pair.write('create database other');
    expect(await pair.read('select 1', pair.replica.session('postgres', 'other'))).to.deep.equal([[1]]);
  });

  it('outlive a promotion: running read-only transactions go on, the next ones write', async () => {
    pair = await Pair.start('create table t (a serial, b text)');
    await pair.writer.exec("create temp table left_behind (a int); insert into t (b) values ('one')");
    const open = pair.replica.session();
    await pair.ship();
    await open.exec('begin; select * from t');
    const told = new Told(pair.replica);
    told.session.settingChanges.reportAll();
    expect(told.statuses).to.include('in_hot_standby=on');
    expect(told.statuses).to.include('default_transaction_read_only=off');
    told.statuses.length = 0;
    await pair.promote();
    expect(await pair.read('select b from t', open)).to.deep.equal([['one']]);
    expect((await failure(open.exec("insert into t (b) values ('two')"))).sqlstate).to.equal('25006');
    await open.exec("rollback; insert into t (b) values ('two')");
    expect(await pair.read('select b from t')).to.deep.equal([['one'], ['two']]);
    expect(await pair.read('select pg_is_in_recovery(), current_setting(\'in_hot_standby\'), current_setting(\'transaction_read_only\')')).to.deep.equal([[false, 'off', 'off']]);
    told.session.beforeReady();
    expect(told.statuses).to.deep.equal(['in_hot_standby=off']);
    expect(await pair.read("select count(*)::int from pg_class where relname = 'left_behind'")).to.deep.equal([[0]]);
    await pair.reader.exec('create temp table mine (a int); insert into mine values (1); create table u (x int); drop table t');
    await pair.reader.exec('vacuum');
    expect(await pair.read('select a from mine')).to.deep.equal([[1]]);
    expect(pair.replica.errors).to.deep.equal([]);
  });

  it('wait for the log without a snapshot', async () => {
    pair = await Pair.start('create table t (a int)');
    await pair.writer.exec('insert into t values (1)');
    const target = formatLsn(pair.primary.engine.storage.appendedLsn());
    pair.replica.standby.setPaused(true);
    const waiting = pair.read(`wait for lsn '${target}'; `);
    await pair.send();
    expect(await pair.read(`wait for lsn '${target}' with (mode 'standby_write')`, pair.replica.session())).to.deep.equal([['success']]);
    expect(await pair.read(`WAIT FOR LSN '${target}' WITH (MODE 'standby_flush', TIMEOUT '5s')`, pair.replica.session())).to.deep.equal([['success']]);
    const hasty = pair.replica.session();
    const late = failure(hasty.exec(`wait for lsn '${target}' with (timeout '100ms')`));
    const quiet = pair.read(`wait for lsn '${target}' with (timeout 100, no_throw)`, pair.replica.session());
    await turns();
    await pair.replica.env.advance(200);
    const current = formatLsn(pair.replica.standby.appliedLsn);
    expect(await late).to.include({ sqlstate: '57014', message: `timed out while waiting for target LSN ${target} to be replayed; current standby_replay LSN ${current}` });
    expect(await quiet).to.deep.equal([['timeout']]);
    pair.replica.standby.setPaused(false);
    expect(await waiting).to.deep.equal([['success']]);
    expect(await pair.read('select a from t')).to.deep.equal([[1]]);
    const both = await pair.reader.exec(`select 1 as a; wait for lsn '${target}'; select 2 as a`);
    expect(both.map(({ command, rows }) => [command, rows[0]])).to.deep.equal([['SELECT', { a: 1 }], ['WAIT', { status: 'success' }], ['SELECT', { a: 2 }]]);
  });

  it('that wait for the log are cancelled, refused where it could not end, and told of a promotion', async () => {
    pair = await Pair.start('create table t (a int)');
    const never = 'FF/0';
    const cancelled = failure(pair.reader.exec(`wait for lsn '${never}'`));
    await turns();
    pair.reader.cancel();
    expect((await cancelled).message).to.equal('canceling statement due to user request');
    const refused = async (sql: string, session = pair.reader): Promise<string> => {
      const { sqlstate, message } = await failure(session.exec(sql));
      await session.exec('rollback');
      return `${sqlstate} ${message}`;
    };
    expect(await refused(`begin isolation level repeatable read; select 1; wait for lsn '${never}'`)).to.equal('55000 WAIT cannot be executed while the current transaction holds a snapshot');
    expect(await refused(`begin; declare c cursor for select * from t; fetch c; wait for lsn '${never}'`)).to.equal('55000 WAIT cannot be executed while the current transaction holds a snapshot');
    expect(await refused(`begin; select * from t; wait for lsn '${never}'`)).to.equal('55000 cannot wait for a standby LSN while holding locks');
    expect(await refused(`wait for lsn '${never}' with (mode 'primary_flush')`)).to.equal('55000 recovery is in progress');
    expect(await refused(`wait for lsn '${never}' with (mode 'remote')`)).to.equal('22023 unrecognized value for WAIT option "mode": "remote"');
    expect(await refused(`wait for lsn '${never}' with (timeout '-1')`)).to.equal('22023 timeout cannot be negative');
    expect(await refused(`wait for lsn '${never}' with (timeout 'soon')`)).to.equal('22023 invalid timeout value: "soon"');
    expect(await refused(`wait for lsn '${never}' with (speed 1)`)).to.equal('42601 option "speed" not recognized');
    expect(await refused(`wait for lsn '${never}' with (no_throw, no_throw)`)).to.equal('42601 conflicting or redundant options');
    expect(await refused("wait for lsn 'x'")).to.equal('22P02 invalid input syntax for type pg_lsn: "x"');
    expect(await refused(`wait for lsn '0/0'`, pair.writer)).to.equal('55000 recovery is not in progress');
    expect(await pair.read(`wait for lsn '${never}' with (no_throw)`, pair.writer)).to.deep.equal([['not in recovery']]);
    const now = formatLsn(pair.primary.engine.storage.appendedLsn());
    expect(await pair.read(`wait for lsn '${now}' with (mode 'primary_flush')`, pair.writer)).to.deep.equal([['success']]);
    const interrupted = failure(pair.reader.exec(`wait for lsn '${never}' with (mode 'standby_flush')`));
    await turns();
    await pair.promote();
    expect(await interrupted).to.include({ sqlstate: '55000', message: 'recovery is not in progress' });
    expect((await interrupted).detail).to.match(/^Recovery ended before target LSN FF\/0 was flushed; last standby_flush LSN 0\//);
    expect(await pair.read(`wait for lsn '${now}'`)).to.deep.equal([['success']]);
  });
});
