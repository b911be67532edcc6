/** Connections over a real socket: start-up, errors and recovery, pipelining, transactions, the end of a connection. */
import { expect } from 'chai';
import { columns, cstring, fields, int16, int32, message, RawClient, startServer, types, type TestServer } from './wire.js';

const SYNC = message('S');
const parse = (name: string, sql: string, ...oids: number[]): Buffer => message('P', cstring(name), cstring(sql), int16(oids.length), ...oids.map(int32));
const bind = (portal: string, name: string): Buffer => message('B', cstring(portal), cstring(name), int16(0), int16(0), int16(0));
const execute = (portal: string, rows = 0): Buffer => message('E', cstring(portal), int32(rows));
const describe_ = (kind: 'S' | 'P', name: string): Buffer => message('D', Buffer.from(kind), cstring(name));
const close = (kind: 'S' | 'P', name: string): Buffer => message('C', Buffer.from(kind), cstring(name));

describe('a connection', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  const start = async (parameters?: Record<string, string>, version?: number): Promise<RawClient> => (await RawClient.start(server.port, parameters, version)).client;

  it('greets with the reported settings, a key and ReadyForQuery', async () => {
    const { client, greeting } = await RawClient.start(server.port, { application_name: 'tester', options: '-c work_mem=1MB' });
    const reported = Object.fromEntries(greeting.filter(({ type }) => type === 'S').map(({ body }) => body.toString().split('\0').slice(0, 2)));
    expect(reported).to.include({
      application_name: 'tester', client_encoding: 'UTF8', server_encoding: 'UTF8', DateStyle: 'ISO, MDY', IntervalStyle: 'postgres', TimeZone: 'UTC',
      integer_datetimes: 'on', standard_conforming_strings: 'on', in_hot_standby: 'off', default_transaction_read_only: 'off', is_superuser: 'on',
      session_authorization: 'postgres', search_path: '"$user", public', scram_iterations: '4096',
    });
    expect(reported.server_version).to.match(/^18\./);
    expect(types(greeting).replace(/S+/, 'S')).to.equal('RSKZ');
    expect(greeting.find(({ type }) => type === 'K')!.body.length).to.equal(8);
    expect(columns((await client.query('show work_mem'))[1])).to.deep.equal(['1MB']);
    client.socket.destroy();
  });

  it('logs connections as log_connections and log_disconnections ask, and those refused', async () => {
    const logging = await startServer([['log_connections', 'on'], ['log_disconnections', 'on']]);
    const { client } = await RawClient.start(logging.port, { application_name: 'tester' });
    client.socket.destroy();
    await RawClient.start(logging.port, { user: 'nobody' });
    await logging.stop();
    expect(logging.log.map((line) => line.replace(/port=\d+/, 'port=N').replace(/\d:\d\d:\d\d\.\d+/, 'T')).toSorted()).to.deep.equal([
      'FATAL: role "nobody" does not exist',
      'LOG: connection authenticated: user="postgres" method=trust',
      'LOG: connection authorized: user=postgres database=postgres application_name=tester',
      'LOG: connection received: host=127.0.0.1 port=N', 'LOG: connection received: host=127.0.0.1 port=N',
      'LOG: disconnection: session time: T user=postgres database=postgres host=127.0.0.1 port=N',
    ]);
  });

  it('gives protocol 3.2 a longer cancel key, and negotiates what is newer', async () => {
    const { client, greeting } = await RawClient.start(server.port, {}, (3 << 16) | 2);
    expect(greeting.find(({ type }) => type === 'K')!.body.length).to.equal(36);
    client.socket.destroy();
    const newer = await RawClient.start(server.port, { '_pq_.shiny': '1' }, (3 << 16) | 9);
    expect(newer.greeting[0].type).to.equal('v');
    expect(newer.greeting[0].body.readInt32BE(0)).to.equal((3 << 16) | 2);
    expect(newer.greeting[0].body.subarray(8).toString()).to.equal('_pq_.shiny\0');
    newer.client.socket.destroy();
  });

  it('refuses SSL and GSS where there is none, and goes on', async () => {
    const client = await RawClient.open(server.port);
    client.send(int32(8), int32(80877103));
    expect(await client.byte()).to.equal('N');
    client.send(int32(8), int32(80877104));
    expect(await client.byte()).to.equal('N');
    client.sendStartup(3 << 16, { user: 'postgres' });
    expect(types(await client.until('Z'))).to.match(/Z$/);
    client.socket.destroy();
  });

  const refusals: readonly [string, Record<string, string>, string, string][] = [
    ['an unknown role', { user: 'nobody' }, '28000', 'role "nobody" does not exist'],
    ['an unknown database', { database: 'nowhere' }, '3D000', 'database "nowhere" does not exist'],
    ['a database that does not allow it', { database: 'template0' }, '55000', 'database "template0" is not currently accepting connections'],
    ['replication', { replication: 'true' }, '0A000', 'the replication protocol of PostgreSQL is not supported'],
    ['an unknown setting', { nonsense: '1' }, '42704', 'unrecognized configuration parameter "nonsense"'],
    ['a setting\'s bad value', { options: '-c work_mem=x' }, '22023', 'invalid value for parameter "work_mem": "x"'],
  ];
  for (const [what, parameters, sqlstate, text] of refusals) {
    it(`refuses ${what}`, async () => {
      const { client, greeting } = await RawClient.start(server.port, parameters);
      expect(fields(greeting.at(-1)!)).to.include({ S: 'FATAL', C: sqlstate, M: text });
      expect(await client.next()).to.equal(null);
    });
  }

  it('reports a syntax error with its position and goes on', async () => {
    const client = await start();
    const answer = await client.query('selec 1');
    expect(types(answer)).to.equal('EZ');
    expect(fields(answer[0])).to.include({ S: 'ERROR', C: '42601', P: '1' });
    expect(types(await client.query(''))).to.equal('IZ');
    expect(types(await client.query('show work_mem; show port'))).to.equal('TDCTDCZ');
    client.socket.destroy();
  });

  it('tells the transaction status', async () => {
    const client = await start();
    const status = async (sql: string): Promise<string> => (await client.query(sql)).at(-1)!.body.toString();
    expect(await status('begin')).to.equal('T');
    expect(await status('nonsense')).to.equal('E');
    const ignored = await client.query('show work_mem');
    expect(fields(ignored[0])).to.include({ C: '25P02' });
    expect(await status('rollback')).to.equal('I');
    client.socket.destroy();
  });

  it('reports changed settings before ReadyForQuery', async () => {
    const client = await start();
    const answer = await client.query('set application_name = \'x\'');
    expect(types(answer)).to.equal('CSZ');
    expect(answer[1].body.toString()).to.equal('application_name\0x\0');
    const undone = [await client.query('begin'), await client.query('set datestyle = german'), await client.query('rollback')];
    expect(undone.map(types)).to.deep.equal(['CZ', 'CSZ', 'CSZ']);
    client.socket.destroy();
  });

  it('answers a pipeline in order', async () => {
    const client = await start();
    client.send(parse('', 'show port'), bind('', ''), describe_('P', ''), execute(''), parse('a', 'show work_mem'), describe_('S', 'a'), close('S', 'a'), SYNC);
    expect(types(await client.until('Z'))).to.equal('12TDC1tT3Z');
    client.socket.destroy();
  });

  it('skips to Sync after an error', async () => {
    const client = await start();
    client.send(parse('', 'show nonsense'), bind('', ''), execute(''), parse('x', 'show port'), message('Q', cstring('show port')), SYNC, parse('', 'show port'), SYNC);
    expect(types(await client.until('Z'))).to.equal('12EZ');
    expect(types(await client.until('Z'))).to.equal('1Z');
    client.send(bind('', 'x'), SYNC);
    expect(fields((await client.until('Z'))[0])).to.include({ C: '26000', M: 'prepared statement "x" does not exist' });
    client.socket.destroy();
  });

  const extendedErrors: readonly [string, Buffer[], string][] = [
    ['two commands in one Parse', [parse('', 'show port; show port')], '42601'],
    ['a statement twice', [parse('n', 'show port'), parse('n', 'show port')], '42P05'],
    ['a portal that is not there', [execute('p')], '34000'],
    ['too many parameters', [parse('', 'show port'), message('B', cstring(''), cstring(''), int16(0), int16(1), int32(-1), int16(0))], '08P01'],
    ['a bad Describe', [message('D', Buffer.from('X'), cstring(''))], '08P01'],
    ['a bad format code', [parse('', 'show port'), message('B', cstring(''), cstring(''), int16(1), int16(7), int16(0), int16(0))], '22023'],
  ];
  for (const [what, messages, sqlstate] of extendedErrors) {
    it(`answers ${what} with ${sqlstate}`, async () => {
      const client = await start();
      client.send(...messages, SYNC);
      const answer = await client.until('Z');
      expect(fields(answer.find(({ type }) => type === 'E')!)).to.include({ S: 'ERROR', C: sqlstate });
      client.socket.destroy();
    });
  }

  it('refuses FunctionCall and goes on', async () => {
    const client = await start();
    client.send(message('F', int32(1)));
    const answer = await client.until('Z');
    expect(fields(answer[0])).to.include({ C: '0A000' });
    client.socket.destroy();
  });

  it('answers an empty statement in the extended protocol', async () => {
    const client = await start();
    client.send(parse('', ''), bind('', ''), describe_('P', ''), execute(''), SYNC);
    expect(types(await client.until('Z'))).to.equal('12nIZ');
    client.socket.destroy();
  });

  it('ends only the connection that breaks the protocol', async () => {
    const good = await start();
    for (const bytes of [Buffer.concat([Buffer.from('!'), int32(4)]), Buffer.concat([Buffer.from('Q'), int32(1)]), Buffer.concat([Buffer.from('S'), int32(1 << 24)])]) {
      const bad = await start();
      bad.send(bytes);
      const answer = await bad.until('E');
      expect(fields(answer.at(-1)!)).to.include({ S: 'FATAL', C: '08P01' });
      expect(await bad.next()).to.equal(null);
    }
    expect(types(await good.query('show port'))).to.equal('TDCZ');
    good.socket.destroy();
  });

  it('refuses garbage as a start-up packet', async () => {
    const client = await RawClient.open(server.port);
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(fields((await client.until('E')).at(-1)!)).to.include({ S: 'FATAL', C: '08P01' });
    expect(await client.next()).to.equal(null);
  });

  it('rejects bytes that are not UTF-8, and goes on', async () => {
    const client = await start();
    client.send(message('Q', Buffer.from([0x73, 0xff, 0])));
    expect(fields((await client.until('Z'))[0])).to.include({ S: 'ERROR', C: '22021' });
    expect(types(await client.query('show port'))).to.equal('TDCZ');
    client.socket.destroy();
  });

  it('takes frames cut at every byte', async () => {
    const client = await start();
    for (const byte of message('Q', cstring('show port'))) {
      client.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(types(await client.until('Z'))).to.equal('TDCZ');
    client.socket.destroy();
  });

  it('ends at Terminate, and forgets the session', async () => {
    const client = await start();
    const before = server.engine.sessions.size;
    client.send(message('X'));
    expect(await client.next()).to.equal(null);
    expect(server.engine.sessions.size).to.equal(before - 1);
  });

  it('delivers notifications to idle listeners, and to the sender before ReadyForQuery', async () => {
    const listener = await start();
    await listener.query('listen news');
    const sender = await start();
    await sender.query('listen news');
    expect(types(await sender.query('notify news, \'hello\''))).to.equal('CAZ');
    const received = (await listener.until('A')).at(-1)!;
    expect(received.body.subarray(4).toString()).to.equal('news\0hello\0');
    await sender.query('begin');
    await sender.query('notify news, \'undone\'');
    await sender.query('rollback');
    await sender.query('notify news, \'second\'');
    expect((await listener.until('A')).at(-1)!.body.subarray(4).toString()).to.equal('news\0second\0');
    listener.socket.destroy();
    sender.socket.destroy();
  });
});

describe('limits on connections', () => {
  it('refuses more than max_connections', async () => {
    const server = await startServer([['max_connections', '2']]);
    const clients = [await RawClient.start(server.port), await RawClient.start(server.port)];
    const third = await RawClient.start(server.port);
    expect(fields(third.greeting.at(-1)!)).to.include({ S: 'FATAL', C: '53300', M: 'sorry, too many clients already' });
    clients[0].client.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const fourth = await RawClient.start(server.port);
    expect(types(fourth.greeting)).to.match(/Z$/);
    for (const { client } of [...clients, fourth]) client.socket.destroy();
    await server.stop();
  });

  it('ends sessions that idle too long in a transaction', async () => {
    const server = await startServer();
    const { client } = await RawClient.start(server.port, { options: '-c idle_in_transaction_session_timeout=50' });
    await client.query('begin');
    expect(fields((await client.until('E')).at(-1)!)).to.include({ S: 'FATAL', C: '25P03' });
    expect(await client.next()).to.equal(null);
    await server.stop();
  });

  it('tells sessions of a shutdown', async () => {
    const server = await startServer();
    const { client } = await RawClient.start(server.port);
    const stopped = server.stop();
    expect(fields((await client.until('E')).at(-1)!)).to.include({ S: 'FATAL', C: '57P01' });
    await stopped;
  });

  it('does not listen beyond loopback while nobody has a password', async () => {
    let refusal: unknown = null;
    try {
      await startServer([], { host: '0.0.0.0' });
    } catch (error) {
      refusal = error;
    }
    expect(String(refusal)).to.match(/refusing to listen on "0.0.0.0"/);
  });
});
