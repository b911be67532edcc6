/**
 * Over the wire: answers to commits that wait for standbys, what a cancel or a termination makes of them, and what libpq and
 * multi-host clients look at to tell a primary from a standby.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Client } from 'pg';
import { lsn, MAX_LSN, type Lsn } from '../../lib/base/lsn.js';
import type { Confirmation, ConfirmMode } from '../../lib/wal/shipping.js';
import { Listener } from '../../server/listener.js';
import { Node, Pair, turns } from '../session/pair.js';
import { columns, cstring, fields, int32, message, RawClient, types, type Message } from './wire.js';

/** Standbys that confirm what the test says. */
class Standbys implements Confirmation {
  onChange: (() => void) | null = null;
  readonly confirmed: Record<ConfirmMode, Lsn> = { local: MAX_LSN, remote_write: lsn(0), on: lsn(0), remote_apply: lsn(0) };

  confirmedLsn(mode: ConfirmMode): Lsn {
    return this.confirmed[mode];
  }

  mayAcknowledge(): boolean {
    return true;
  }

  confirm(mode: ConfirmMode, position: Lsn = MAX_LSN): void {
    this.confirmed[mode] = position;
    this.onChange?.();
  }
}

async function serve(node: Node): Promise<{ listener: Listener; port: number }> {
  const listener = new Listener(node.engine, { host: '127.0.0.1', port: 0, socketDirectory: null, tls: null });
  return { listener, port: await listener.open() };
}

/** Cancel request with the key of a greeting. */
async function cancel(port: number, greeting: readonly Message[]): Promise<void> {
  const key = greeting.find(({ type }) => type === 'K')!.body;
  const client = await RawClient.open(port);
  client.send(int32(12 + key.length - 4), int32(80877102), key);
  while (!client.closed) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('commits that wait for standbys', function () {
  this.timeout(60_000);
  const node = new Node(21);
  const standbys = new Standbys();
  let listener: Listener;
  let port: number;
  before(async () => {
    await node.start();
    const session = node.session();
    await session.exec('create table t (a int)');
    ({ listener, port } = await serve(node));
    node.engine.storage.setConfirmation(standbys);
  });
  after(async () => {
    node.engine.storage.setConfirmation(null);
    listener.stopAccepting();
    await node.engine.close();
    listener.destroySockets();
  });

  const flushed = async (): Promise<void> => {
    while (node.source.durableLsn < node.engine.storage.appendedLsn()) await turns(1);
    await turns(20);
  };

  async function start(mode: string): Promise<{ client: RawClient; greeting: Message[] }> {
    const started = await RawClient.start(port);
    expect(types(await started.client.query(`set synchronous_commit = ${mode}`))).to.equal('CZ');
    return started;
  }

  /** The answer, or 'waits'. */
  async function answer(waiting: Promise<Message[]>): Promise<string> {
    await flushed();
    return Promise.race([waiting.then(types), new Promise<string>((resolve) => setTimeout(() => resolve('waits'), 30))]);
  }

  it('are answered when their own synchronous_commit is satisfied', async () => {
    for (const mode of ['off', 'local']) {
      const { client } = await start(mode);
      expect(types(await client.query('insert into t values (1)')), mode).to.equal('CZ');
      expect(node.source.awaitedLsn, `nobody waits for standbys: ${mode}`).to.equal(0);
      client.socket.destroy();
    }
    for (const mode of ['remote_write', 'on', 'remote_apply'] as const) {
      const { client } = await start(mode);
      const waiting = client.query('insert into t values (1)');
      expect(await answer(waiting), mode).to.equal('waits');
      expect(node.source.awaitedLsn, `what the standby has to have: ${mode}`).to.equal(node.source.durableLsn);
      standbys.confirm(mode, lsn(node.engine.storage.appendedLsn() - 1));
      expect(await answer(waiting), mode).to.equal('waits');
      standbys.confirm(mode, node.engine.storage.appendedLsn());
      expect(types(await waiting), mode).to.equal('CZ');
      client.socket.destroy();
    }
  });

  it('wait for each of several commits of different modes', async () => {
    const { client } = await start('remote_apply');
    standbys.confirm('on', MAX_LSN);
    const { awaitedLsn } = node.source;
    const { client: unawaited } = await start('on');
    expect(types(await unawaited.query('insert into t values (2)'))).to.equal('CZ');
    expect(node.source.awaitedLsn, 'no standby is asked for').to.equal(awaitedLsn);
    unawaited.socket.destroy();
    client.send(message('Q', cstring('insert into t values (2)')), message('Q', cstring('set synchronous_commit = local')), message('Q', cstring('insert into t values (3)')));
    const waiting = client.until('Z');
    expect(await answer(waiting)).to.equal('waits');
    standbys.confirm('remote_apply', node.engine.storage.appendedLsn());
    expect(types(await waiting)).to.equal('CZ');
    expect(types(await client.until('Z'))).to.equal('CZ');
    expect(types(await client.until('Z'))).to.equal('CZ');
    client.socket.destroy();
  });

  it('are seen by others only once they are confirmed as they ask', async () => {
    standbys.confirmed.on = lsn(node.engine.storage.appendedLsn());
    const { client } = await start('on');
    const waiting = client.query('insert into t values (77)');
    expect(await answer(waiting)).to.equal('waits');
    const other = await RawClient.start(port);
    expect(columns((await other.client.query('select count(*) from t where a = 77'))[1])).to.deep.equal(['0']);
    expect(columns((await other.client.query("select state || ' ' || wait_event from pg_stat_activity where query like 'insert%77%'"))[1])).to.deep.equal(['active SyncRep']);
    standbys.confirm('on', node.engine.storage.appendedLsn());
    expect(types(await waiting)).to.equal('CZ');
    expect(columns((await other.client.query('select count(*) from t where a = 77'))[1])).to.deep.equal(['1']);
    client.socket.destroy();
    other.client.socket.destroy();
  });

  it('that wait for no standby are seen once they are flushed, but not before an earlier commit that waits', async () => {
    standbys.confirmed.on = lsn(node.engine.storage.appendedLsn());
    const [alone, behind] = [await start('local'), await start('off')];
    const other = await RawClient.start(port);
    const seen = async (): Promise<(string | null)[]> => {
      await flushed();
      return columns((await other.client.query("select coalesce(string_agg(a::text, ' ' order by a), 'none') from t where a between 90 and 99"))[1]);
    };
    expect(types(await behind.client.query('insert into t values (90)'))).to.equal('CZ');
    expect(types(await alone.client.query('insert into t values (91)'))).to.equal('CZ');
    expect(await seen()).to.deep.equal(['90 91']);
    const { client } = await start('on');
    // The rest of the message, which takes turns, is no reason to show the commit.
    const waiting = client.query('begin; insert into t values (92); commit; select count(*) from generate_series(1, 200000)');
    expect(await answer(waiting)).to.equal('waits');
    expect(types(await alone.client.query('insert into t values (93)'))).to.equal('CZ');
    expect(await seen()).to.deep.equal(['90 91']);
    standbys.confirm('on', node.engine.storage.appendedLsn());
    expect(types(await waiting)).to.equal('CCCTDCZ');
    expect(await seen()).to.deep.equal(['90 91 92 93']);
    for (const each of [alone.client, behind.client, client, other.client]) each.socket.destroy();
  });

  const detail = 'The transaction has already committed locally, but might not have been replicated to the standby.';

  it('are never reported after a cancel: the connection ends', async () => {
    standbys.confirmed.on = lsn(node.engine.storage.appendedLsn());
    const { client, greeting } = await start('on');
    const waiting = client.query('insert into t values (4)');
    expect(await answer(waiting)).to.equal('waits');
    await cancel(port, greeting);
    const messages = await waiting;
    expect(types(messages)).to.equal('E');
    expect(fields(messages[0])).to.include({ S: 'FATAL', C: '57P01', M: 'canceling wait for synchronous replication due to user request', D: detail });
    expect(await client.next()).to.equal(null);
  });

  it('are never reported after pg_terminate_backend, however much is held back', async () => {
    standbys.confirmed.on = lsn(node.engine.storage.appendedLsn());
    const { client, greeting } = await start('on');
    const processId = greeting.find(({ type }) => type === 'K')!.body.readInt32BE(0);
    client.send(message('Q', cstring("insert into t values (5) returning repeat('x', 200000)")), message('Q', cstring('select 1')));
    const waiting = client.until('Z');
    expect(await answer(waiting)).to.equal('waits');
    const other = await RawClient.start(port);
    expect(columns((await other.client.query(`select pg_terminate_backend(${processId})`))[1])).to.deep.equal(['t']);
    const ends = fields((await waiting).at(-1)!);
    expect(ends).to.include({ S: 'FATAL', C: '57P01', M: 'canceling the wait for synchronous replication and terminating connection due to administrator command', D: detail });
    expect(types(await waiting)).to.not.include('C');
    other.client.socket.destroy();
  });

  it('are never reported when the client says goodbye in the same breath', async () => {
    standbys.confirmed.on = lsn(node.engine.storage.appendedLsn());
    const { client } = await start('on');
    client.send(message('Q', cstring('insert into t values (6)')), message('X'));
    expect(types(await client.until('Z'))).to.equal('');
  });
});

describe('clients that look for a primary or a standby', function () {
  this.timeout(60_000);
  let pair: Pair;
  const listeners: Listener[] = [];
  const ports: number[] = [];
  before(async () => {
    pair = await Pair.start('create table t (a int); insert into t values (1)');
    for (const node of [pair.primary, pair.replica]) {
      const { listener, port } = await serve(node);
      listeners.push(listener);
      ports.push(port);
    }
  });
  after(async () => {
    for (const listener of listeners) listener.stopAccepting();
    await pair.stop();
    for (const listener of listeners) listener.destroySockets();
  });

  const statuses = (greeting: readonly Message[]): string[] => greeting.filter(({ type }) => type === 'S').map(({ body }) => body.toString('utf8').split('\0').slice(0, 2).join('='));

  it('are told by ParameterStatus', async () => {
    const [primary, standby] = await Promise.all(ports.map((port) => RawClient.start(port)));
    expect(statuses(primary.greeting)).to.include.members(['in_hot_standby=off', 'default_transaction_read_only=off']);
    expect(statuses(standby.greeting)).to.include.members(['in_hot_standby=on', 'default_transaction_read_only=off']);
    expect(columns((await standby.client.query('show transaction_read_only'))[1])).to.deep.equal(['on']);
    primary.client.socket.destroy();
    standby.client.socket.destroy();
  });

  it('read on the standby and write on the primary with node-postgres', async () => {
    const [writer, reader] = ports.map((port) => new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' }));
    await Promise.all([writer.connect(), reader.connect()]);
    const roles = await Promise.all([writer, reader].map(async (client) => (await client.query('show transaction_read_only')).rows[0].transaction_read_only as string));
    expect(roles).to.deep.equal(['off', 'on']);
    await writer.query('insert into t values ($1)', [2]);
    const { rows: [{ position }] } = await writer.query('select pg_current_wal_insert_lsn()::text as position');
    const waiting = reader.query(`wait for lsn '${position}'`);
    await pair.send();
    expect((await waiting).rows).to.deep.equal([{ status: 'success' }]);
    expect((await reader.query('select a from t order by a')).rows).to.deep.equal([{ a: 1 }, { a: 2 }]);
    await Promise.all([writer.end(), reader.end()]);
  });

  const psql = process.env.PGLITEDB_PSQL ?? '';

  it('find the one they want by target_session_attrs of libpq', async function () {
    if (psql === '' || !existsSync(psql)) this.skip();
    const [primary, standby] = ports;
    const wanted: readonly (readonly [string, number])[] = [['read-write', primary], ['primary', primary], ['read-only', standby], ['standby', standby], ['prefer-standby', standby]];
    for (const order of [ports, [...ports].reverse()]) {
      for (const [attribute, port] of wanted) {
        const target = `host=127.0.0.1,127.0.0.1 port=${order.join(',')} user=postgres dbname=postgres target_session_attrs=${attribute}`;
        const { stdout } = await promisify(execFile)(psql, ['-XAtc', '\\echo :PORT', target]);
        expect(stdout.trim(), attribute).to.equal(String(port));
      }
    }
  });

  it('hear of a promotion with the next answer, and write on the same connection', async () => {
    const { client } = await RawClient.start(ports[1]);
    await pair.promote();
    const messages = await client.query('select 1');
    expect(types(messages)).to.equal('TDCSZ');
    expect(statuses(messages)).to.deep.equal(['in_hot_standby=off']);
    expect(types(await client.query('insert into t values (3)'))).to.equal('CZ');
    client.socket.destroy();
  });
});

describe('a standby that is not consistent yet', () => {
  it('answers 57P03 over the wire', async () => {
    const node = await new Node(41).start([], true);
    const { listener, port } = await serve(node);
    const { greeting } = await RawClient.start(port);
    expect(fields(greeting[0])).to.include({ S: 'FATAL', C: '57P03', M: 'the database system is not yet accepting connections' });
    listener.stopAccepting();
    await node.engine.close();
    listener.destroySockets();
  });
});
