/** Nodes as they are run: who may connect as whom, certificates, clones that are cut short, log that is gone, and what each end says of it. */
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';
import { expect } from 'chai';
import pg from 'pg';
import { PgError } from '../../lib/base/error.js';
import { freePort } from '../../ops/drill/free-port.js';
import { TestCluster, until } from './support.js';

const file = (name: string): string => fileURLToPath(new URL(`../../../test/server/tls/${name}`, import.meta.url));
const certificate = file('certificate.pem');
const key = file('key.pem');
const SECURE = [['require_password', 'on']] as const;
const ROLES = "create role repl login replication password 'secret'; create role reader login password 'secret'; alter role postgres password 'other'";

async function raised(work: Promise<unknown>): Promise<PgError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  return expect.fail('nothing was raised');
}

describe('nodes', function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  beforeEach(() => (cluster = new TestCluster()));
  afterEach(() => cluster.end());

  it('come as the role that their addresses or primary_conninfo name, whoever leads', async () => {
    const conninfo = [...SECURE, ['primary_conninfo', "user = repl password='secret'"]] as const;
    const one = await cluster.start('one', { settings: conninfo });
    await one.query(ROLES);
    const as = (url: string): string => url.replace('://', '://repl:secret@');
    const two = await cluster.start('two', { settings: SECURE, upstreams: [as(one.url)] });
    const three = await cluster.start('three', { settings: conninfo, upstreams: [one.url, two.url] });
    await one.query('create table t (a int); insert into t values (1)');
    for (const [from, to] of [[one, two], [two, one]]) {
      const { code, out, err } = await cluster.run('switchover', '--from', as(from.url), '--to', as(to.url));
      expect({ code, err }).to.deep.equal({ code: 0, err: '' });
      expect(out).to.match(/is the primary, after \d\.\d\d s/);
      await to.query('insert into t values (2)');
      for (const other of [one, two, three]) if (other !== to) await other.caughtUp(to);
      expect(await three.query('select count(*)::int from t')).to.deep.equal(await to.query('select count(*)::int from t'));
    }
    // Nobody was told to stop by hand: the one that led hears of a promotion.
    await cluster.run('promote', '--url', as(two.url));
    await until('the former primary follows', () => one.node.role === 'standby' && one.node.receiver?.status.status === 'streaming');
    expect(one.node.receiver?.status.connectionInfo).to.equal(two.url);
  });

  it('say on both sides why a node is not let in, and so does the command line with exit code 1', async () => {
    const one = await cluster.start('one', { settings: SECURE });
    await one.query(ROLES);
    const other = await cluster.start('other');
    const cases: [user: string, error: string][] = [
      ['repl:wrong', 'password authentication failed for user "repl"'], ['nobody:secret', 'password authentication failed for user "nobody"'],
      ['repl', 'password authentication failed for user "repl"'], ['reader:secret', 'permission denied to start WAL sender'],
    ];
    const runs = await Promise.all(cases.map(([user]) => cluster.run('status', '--url', one.url.replace('://', `://${user}@`))));
    expect(runs.map(({ code, out }) => ({ code, out }))).to.deep.equal(cases.map(() => ({ code: 1, out: '' })));
    expect(runs.map(({ err }) => err.split('\n')[0])).to.deep.equal(cases.map(([, error]) => `error: ${error}`));
    for (const [, error] of cases) expect(one.said.map(({ message }) => message).join('\n')).to.include(error);
    // A replica goes on trying, and says so.
    const two = await cluster.prepare('two', { upstreams: [one.url.replace('://', '://repl:wrong@')] });
    const starting = raised(two.node.start(true));
    await until('it says so', () => two.hasSaid(/could not clone: password authentication failed for user "repl"/));
    two.node.requestStop();
    expect((await starting).message).to.equal('the database system is shutting down');
    expect(two.node.isVacant).to.equal(true);
    // Another system.
    await other.node.stop();
    const stranger = await cluster.start('other', { upstreams: [one.url.replace('://', '://repl:secret@')] });
    await until('both say so', () => [stranger, one].every((node) => node.hasSaid(/database system identifier differs between the primary and standby/)));
    expect(stranger.status).to.include({ role: 'standby', upstream: null, upstreamState: 'waiting' });
    const nowhere = await cluster.run('promote', '--url', `ws://127.0.0.1:${await freePort()}`);
    expect(nowhere.code).to.equal(1);
    expect(nowhere.err).to.match(/^error: could not connect to ws:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    expect((await cluster.run('promote', '--url', 'http://x')).err).to.include('invalid address of a node: "http://x"');
    expect((await cluster.run('promote', '--url', one.url.replace('://', '://repl:secret@'))).err).to.include('recovery is not in progress');
  });

  it('speak TLS, and ask for certificates', async () => {
    chmodSync(key, 0o600);
    const tls = { authorities: readFileSync(certificate, 'utf8'), certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
    const ssl = [['ssl', 'on'], ['ssl_cert_file', certificate], ['ssl_key_file', key], ['ssl_ca_file', certificate]] as const;
    const one = await cluster.start('one', { settings: ssl, tls });
    expect(one.url).to.match(/^wss:/);
    const two = await cluster.start('two', { settings: ssl, tls, upstreams: [one.url] });
    const files = ['--tls-ca', certificate, '--tls-cert', certificate, '--tls-key', key];
    const status = await cluster.run('status', '--url', two.url, '--json', ...files);
    expect(status.err).to.equal('');
    expect(JSON.parse(status.out)).to.include({ role: 'standby', upstream: one.url });
    const switched = await cluster.run('switchover', '--from', one.url, '--to', two.url, ...files);
    expect(switched).to.include({ code: 0, err: '' });
    await two.query('create table t (a int)');
    await one.caughtUp(two);
    const [unknown, nobody, plain] = await Promise.all([
      cluster.run('status', '--url', one.url), cluster.run('status', '--url', one.url, '--tls-ca', certificate), cluster.run('status', '--url', one.url.replace('wss', 'ws')),
    ]);
    expect([unknown.code, nobody.code, plain.code]).to.deep.equal([1, 1, 1]);
    expect(unknown.err).to.match(/^error: could not connect to wss:.*self-signed certificate/);
    expect(nobody.err).to.match(/^error: could not connect to wss:.*certificate required/);
    expect(plain.err).to.match(/^error: could not connect to ws:/);
    expect((await cluster.run('status', '--url', one.url, '--tls-ca', '/nowhere')).code).to.equal(1);
  });

  it('clone anew by themselves when the log that they need is gone everywhere', async () => {
    const settings = [['wal_keep_size', '0'], ['max_slot_wal_keep_size', '1MB'], ['max_wal_size', '32MB']] as const;
    const one = await cluster.start('one', { settings });
    await one.query('create table t (a int primary key, b text)');
    const two = await cluster.start('two', { upstreams: [one.url] });
    await two.caughtUp(one);
    await two.node.stop();
    for (let round = 0; round < 5; round++) await one.query(`insert into t select g, repeat(md5(g::text), 20) from generate_series(${round * 8000}, ${round * 8000 + 7999}) g; select pg_switch_wal(); checkpoint`);
    await until('its slot is lost', async () => (await one.query("select wal_status from pg_replication_slots"))[0][0] === 'lost');
    const again = await cluster.start('two', { upstreams: [one.url] });
    await until('it is cloned', () => again.hasSaid(/this node is cloned anew/) && again.hasSaid(/started streaming/));
    await again.caughtUp(one);
    expect(await again.query('select count(*)::int, sum(length(b))::int from t')).to.deep.equal([[40_000, 40_000 * 640]]);
    expect(await one.query('select wal_status, invalidation_reason from pg_replication_slots')).to.deep.equal([['reserved', null]]);
  });

  it('survive a clone that is cut short at either end', async () => {
    const one = await cluster.start('one');
    await one.query('create table t (a int primary key, b text); insert into t select g, repeat(md5(g::text), 30) from generate_series(1, 10000) g; checkpoint');
    // The replica dies: what it has is no state, and its next start clones again.
    const first = await cluster.prepare('two', { upstreams: [one.url] });
    const starting = raised(first.node.start(true));
    await until('some of it has arrived', () => first.progress.length > 0);
    first.node.requestStop();
    expect((await starting).sqlstate).to.equal('57P01');
    expect(first.node.isVacant).to.equal(true);
    // The connection dies: it tries again by itself.
    const second = await cluster.prepare('two', { upstreams: [one.url] });
    const started = second.node.start(true);
    await until('some of it has arrived', () => second.progress.length > 0);
    one.node.port?.endConnections('test');
    await until('it has noticed', () => second.hasSaid(/could not clone/));
    expect(second.node.isVacant).to.equal(true);
    await started;
    await second.caughtUp(one);
    expect(await second.query('select count(*)::int, sum(length(b))::int from t')).to.deep.equal([[10_000, 10_000 * 960]]);
  });

  it('clone anew by themselves when the primary is killed over it and comes back', async () => {
    const [port, replicationPort] = [String(await freePort()), String(await freePort())];
    const start = (): Promise<ChildProcess> => cluster.startProcess('primary', '--data', 'one', '--port', port, '--replication-port', replicationPort);
    const primary = await start();
    const client = new pg.Client({ host: '127.0.0.1', port: Number(port), user: 'postgres', database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    // More than a clone may be sent ahead of what was taken.
    await client.query('create table t (a int primary key, b text)');
    await client.query('insert into t select g, repeat(md5(g::text), 30) from generate_series(1, 16000) g');
    const two = await cluster.prepare('two', { upstreams: [`ws://127.0.0.1:${replicationPort}`] });
    const started = two.node.start(true);
    await until('some of it has arrived', () => two.progress.some((text) => text.startsWith('cloning: ')));
    primary.kill('SIGKILL');
    await until('it says so', () => two.hasSaid(/^could not clone: /));
    expect(two.node.isVacant, 'what has come is no state').to.equal(true);
    expect(two.said.filter(({ message }) => message.startsWith('could not clone')).map(({ message }) => message)[0]).to.match(/connection|terminated|closed|reset/i);
    await until('it tries again, and says that nobody answers', () => two.hasSaid(/^could not clone: could not connect to ws:/));
    await start();
    await started;
    await until('it streams', () => two.status.upstreamState === 'streaming');
    expect(await two.query('select count(*)::int, sum(length(b))::int from t')).to.deep.equal([[16_000, 16_000 * 960]]);
    const again = new pg.Client({ host: '127.0.0.1', port: Number(port), user: 'postgres', database: 'postgres' });
    again.on('error', () => undefined);
    await again.connect();
    // The slot of the clone that failed is the one that is used now.
    expect((await again.query('select slot_name, active, wal_status from pg_replication_slots')).rows).to.deep.equal([{ slot_name: 'two', active: true, wal_status: 'reserved' }]);
    await again.query('insert into t values (16001)');
    await until('it follows', async () => (await two.query('select count(*)::int from t'))[0][0] === 16_001);
    await again.end();
  });

  it('stop with exit code 0 while they wait for somebody to clone, and end with 1 when a port is taken', async () => {
    const nowhere = await freePort();
    const waiting = cluster.spawn('replica', '--data', 'two', '--port', '0', '--primary', `ws://127.0.0.1:${nowhere}`);
    let log = '';
    waiting.stderr?.on('data', (bytes: Buffer) => (log += bytes.toString()));
    await until('it tries', () => log.includes('could not clone'));
    waiting.kill('SIGTERM');
    expect(await new Promise((resolve) => waiting.once('close', (code, signal) => resolve(signal ?? code)))).to.equal(0);
    const one = await cluster.start('one');
    const taken = await cluster.run('primary', '--data', 'three', '--port', '0', '--replication-port', String(new URL(one.url).port));
    expect(taken.code).to.equal(1);
    expect(taken.err).to.match(/EADDRINUSE|Address already in use/);
  });

  it('are refused the directory of the other role where that would lose something, and follow where it does not', async () => {
    const one = await cluster.start('one');
    await one.query('create table t (a int); insert into t values (1)');
    const two = await cluster.start('two', { upstreams: [one.url] });
    await two.caughtUp(one);
    await two.node.stop();
    const asPrimary = await cluster.prepare('two');
    const refused = await raised(asPrimary.node.start(false));
    expect(refused).to.include({ sqlstate: '55000', severity: 'FATAL' });
    expect(refused.message).to.match(/data directory ".*" is a standby's/);
    const follower = await cluster.start('two', { upstreams: [one.url] });
    // Before its log has come again it has a state to show, and none to go on from.
    await until('it streams', () => follower.status.flushedLsn === one.status.flushedLsn);
    await follower.node.promote(null, 'test');
    await until('the other one follows', () => one.node.role === 'standby');
    await follower.query('insert into t values (2)');
    await one.caughtUp(follower);
    await one.node.stop();
    // A former primary's directory, whose log is a prefix of the new one's, needs no clone.
    const back = await cluster.start('one', { upstreams: [follower.url] });
    await back.caughtUp(follower);
    expect(back.hasSaid(/cloned/)).to.equal(false);
    expect(await back.query('select a from t order by a')).to.deep.equal([[1], [2]]);
  });

  it('are promoted while their archive does not answer, and go on following when a promotion fails', async () => {
    const archive = cluster.dataOf('archive');
    mkdirSync(archive);
    const one = await cluster.start('one');
    const two = await cluster.start('two', { upstreams: [one.url], archive });
    await until('it streams', () => two.status.flushedLsn === one.status.flushedLsn);
    two.node.archive!.list = () => Promise.reject(new Error('the bucket is gone'));
    const history = await two.node.promote(null, 'test');
    expect(history.timeline).to.equal(2);
    expect(two.hasSaid(/the archive does not say which timelines it has: the bucket is gone/)).to.equal(true);
    await two.query('create table t (a int)');
    await until('the other one follows', () => one.node.role === 'standby');
    const failing = one.node.engine.standby!;
    const promote = failing.promote.bind(failing);
    failing.promote = () => Promise.reject(new Error('no'));
    await one.node.promote(null, 'test').then(() => expect.fail('promoted'), (error: unknown) => expect(String(error)).to.include('no'));
    failing.promote = promote;
    await two.query('insert into t values (1)');
    await one.caughtUp(two);
    expect(await one.query('select a from t')).to.deep.equal([[1]]);
  });

  it('show each other in views and status, wherever they stand', async () => {
    const one = await cluster.start('one', { settings: [['synchronous_standby_names', 'FIRST 1 (two)']] });
    const two = await cluster.start('two', { upstreams: [one.url] });
    const three = await cluster.start('three', { upstreams: [two.url] });
    await one.query('create table t (a int); insert into t values (1)');
    await two.caughtUp(one);
    await three.caughtUp(two);
    const senders = 'select application_name, state, sync_state, replay_lsn is not null, usename from pg_stat_replication';
    const receiver = "select status, slot_name, conninfo from pg_stat_wal_receiver";
    const slots = 'select slot_name, active, wal_status from pg_replication_slots';
    expect(await one.query(senders)).to.deep.equal([['two', 'streaming', 'sync', true, 'postgres']]);
    expect(await two.query(senders)).to.deep.equal([['three', 'streaming', 'async', true, 'postgres']]);
    expect(await three.query(senders)).to.deep.equal([]);
    expect(await Promise.all([one, two, three].map((node) => node.query(receiver)))).to.deep.equal([[], [['streaming', 'two', one.url]], [['streaming', 'three', two.url]]]);
    expect(await Promise.all([one, two, three].map((node) => node.query(slots)))).to.deep.equal([[['two', true, 'reserved']], [['three', true, 'reserved']], []]);
    expect(one.status).to.include({ role: 'primary', upstream: null, lagBytes: null, archivedThroughLsn: null });
    expect(two.status).to.include({ role: 'standby', upstream: one.url, upstreamState: 'streaming', lagBytes: 0, lagSeconds: 0 });
    expect(two.status.replicas).to.have.length(1);
    expect(three.status).to.include({ upstream: two.url, flushedLsn: one.status.flushedLsn, appliedLsn: one.status.appliedLsn });
  });

  it('tell the truth about an archive that cannot be reached', async () => {
    const archive = cluster.dataOf('archive');
    mkdirSync(archive);
    const one = await cluster.start('one', { archive, settings: [['archive_timeout', '1']] });
    await one.query('create table t (a int); insert into t values (1); select pg_switch_wal()');
    await until('it is archived', async () => Number((await one.query('select archived_count::int from pg_stat_archiver'))[0][0]) > 0);
    const reached = one.status.archivedThroughLsn;
    const put = one.node.archive!.putIfAbsent.bind(one.node.archive);
    one.node.archive!.putIfAbsent = () => Promise.reject(new Error('ENOSPC: no space left on device'));
    await one.query('insert into t values (2); select pg_switch_wal()');
    await until('it says so', async () => Number((await one.query('select failed_count::int from pg_stat_archiver'))[0][0]) > 0);
    expect(one.status.archivedThroughLsn).to.equal(reached);
    expect(one.status.archiveFailures).to.be.above(0);
    expect(one.hasSaid(/no space left on device/)).to.equal(true);
    one.node.archive!.putIfAbsent = put;
    const end = one.status.flushedLsn;
    await until('it goes on', async () => (await one.query(`select '${one.status.archivedThroughLsn}'::pg_lsn >= '${end}'`))[0][0] === true);
  });
});
