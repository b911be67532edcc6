/** Real clients: node-postgres with pool, prepared statements, cursors of rows, errors; passwords; TLS; cancel; back-pressure; Unix sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { columns, cstring, fields, int16, int32, message, RawClient, startServer, types, type TestServer } from './wire.js';

const TLS_FILES = {
  certificateFile: new URL('../../../test/server/tls/certificate.pem', import.meta.url).pathname,
  keyFile: new URL('../../../test/server/tls/key.pem', import.meta.url).pathname,
};

async function rejection(work: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await work;
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error('expected a rejection');
}

describe('node-postgres', () => {
  let server: TestServer;
  let pool: pg.Pool;
  before(async () => {
    server = await startServer();
    pool = new pg.Pool({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres', max: 5 });
    await pool.query('create table item (id int primary key, name text, price numeric(10,2), tags text[], made timestamptz default now(), data jsonb)');
  });
  after(async () => {
    await pool.end();
    while (server.engine.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.stop();
  });

  it('inserts and reads with parameters of inferred types', async () => {
    const inserted = await pool.query('insert into item (id, name, price, tags, data) values ($1, $2, $3, $4, $5) returning id, made', [1, 'lamp', '12.50', ['a', 'b "c"'], { x: [1] }]);
    expect(inserted.rowCount).to.equal(1);
    expect(inserted.rows[0].made).to.be.instanceOf(Date);
    const { rows, fields: described } = await pool.query('select id, name, price, tags, data from item where id = $1', [1]);
    expect(rows).to.deep.equal([{ id: 1, name: 'lamp', price: '12.50', tags: ['a', 'b "c"'], data: { x: [1] } }]);
    expect(described.map(({ dataTypeID }) => dataTypeID)).to.deep.equal([23, 25, 1700, 1009, 3802]);
  });

  it('reuses named prepared statements, also after the table changed', async () => {
    const client = await pool.connect();
    const query = { name: 'by-id', text: 'select name from item where id = $1', values: [1] };
    expect((await client.query(query)).rows).to.deep.equal([{ name: 'lamp' }]);
    await pool.query('alter table item add column extra int');
    expect((await client.query(query)).rows).to.deep.equal([{ name: 'lamp' }]);
    client.release();
  });

  it('reports errors with SQLSTATE and detail, and stays usable', async () => {
    const error = await rejection(pool.query('insert into item (id) values (1)'));
    expect(error).to.include({ code: '23505', constraint: 'item_pkey', table: 'item', detail: 'Key (id)=(1) already exists.' });
    expect((await pool.query('select 1 as one')).rows).to.deep.equal([{ one: 1 }]);
    expect(await rejection(pool.query('select $1::int', ['x']))).to.include({ code: '22P02' });
  });

  it('keeps concurrent transactions apart', async () => {
    const [a, b] = [await pool.connect(), await pool.connect()];
    await a.query('begin');
    await a.query('update item set name = \'desk\' where id = 1');
    expect((await b.query('select name from item')).rows).to.deep.equal([{ name: 'lamp' }]);
    const waiting = b.query('update item set name = name || \'!\' where id = 1');
    await a.query('commit');
    await waiting;
    expect((await b.query('select name from item')).rows).to.deep.equal([{ name: 'desk!' }]);
    a.release();
    b.release();
  });

  it('runs many statements of many clients', async () => {
    await Promise.all(Array.from({ length: 200 }, (_unused, index) => pool.query('insert into item (id, name) values ($1, $2)', [100 + index, `n${index}`])));
    expect((await pool.query('select count(*)::int as n from item where id >= 100')).rows).to.deep.equal([{ n: 200 }]);
  });

  it('undoes a multi-statement string as a whole', async () => {
    await rejection(pool.query('insert into item (id) values (900); insert into item (id) values (900)'));
    expect((await pool.query('select count(*)::int as n from item where id = 900')).rows).to.deep.equal([{ n: 0 }]);
  });

  it('cancels a statement by its key', async () => {
    const { client, greeting } = await RawClient.start(server.port);
    const key = greeting.find(({ type }) => type === 'K')!.body;
    client.send(message('Q', cstring('select pg_sleep(30)')));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const wrong = await RawClient.open(server.port);
    wrong.send(int32(16), int32(80877102), key.subarray(0, 4), int32(key.readInt32BE(4) ^ 1));
    expect(await wrong.next()).to.equal(null);
    const canceller = await RawClient.open(server.port);
    canceller.send(int32(16), int32(80877102), key);
    const answer = await client.until('Z');
    expect(fields(answer.find(({ type }) => type === 'E')!)).to.include({ C: '57014', M: 'canceling statement due to user request' });
    expect(types(await client.query('select 1'))).to.equal('TDCZ');
    client.socket.destroy();
  });

  it('stops a busy statement at its timeout', async () => {
    const client = await pool.connect();
    await client.query('set statement_timeout = 50');
    expect(await rejection(client.query('select count(*) from generate_series(1, 100000000)'))).to.include({ code: '57014' });
    await client.query('set statement_timeout = 0');
    client.release();
  });

  it('hands a portal out in portions', async () => {
    const { client } = await RawClient.start(server.port);
    const bound = [
      message('P', cstring(''), cstring('select g from generate_series(1, 5) g'), int16(0)),
      message('B', cstring('p'), cstring(''), int16(0), int16(0), int16(0)),
    ];
    const execute = message('E', cstring('p'), int32(2));
    client.send(...bound, execute, execute, execute, execute, message('S'));
    const answer = await client.until('Z');
    expect(types(answer)).to.equal('12DDsDDsDCCZ');
    expect(answer.filter(({ type }) => type === 'D').map((row) => columns(row)[0])).to.deep.equal(['1', '2', '3', '4', '5']);
    client.socket.destroy();
  });

  it('speaks the binary format in both directions', async () => {
    const { client } = await RawClient.start(server.port);
    client.send(
      message('P', cstring(''), cstring('select $1::int4 + 1, $2::int8, $3::text, true, 1.5::float8'), int16(0)),
      message('B', cstring(''), cstring(''), int16(3), int16(1), int16(1), int16(0), int16(3), int32(4), int32(41), int32(8), int32(-1), int32(-2), int32(2), Buffer.from('hi'), int16(1), int16(1)),
      message('E', cstring(''), int32(0)), message('S'),
    );
    const row = (await client.until('Z')).find(({ type }) => type === 'D')!.body;
    expect(row.toString('hex')).to.equal(['0005', '00000004', '0000002a', '00000008', 'fffffffffffffffe', '00000002', '6869', '00000001', '01', '00000008', '3ff8000000000000'].join(''));
    client.socket.destroy();
  });

  it('costs bounded memory when a client does not read', async () => {
    const { client } = await RawClient.start(server.port);
    client.socket.pause();
    const before = process.memoryUsage().external + process.memoryUsage().arrayBuffers;
    client.send(message('Q', cstring('select repeat(\'x\', 1000) from generate_series(1, 200000)')));
    await new Promise((resolve) => setTimeout(resolve, 600));
    const grown = process.memoryUsage().external + process.memoryUsage().arrayBuffers - before;
    expect(grown).to.be.lessThan(40 * 1024 * 1024);
    expect((await pool.query('select 1 as one')).rows).to.deep.equal([{ one: 1 }]);
    client.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([...server.engine.sessions.values()].some((session) => session.queryText.includes('repeat'))).to.equal(false);
  });

  it('copies in and out', async () => {
    const { client } = await RawClient.start(server.port);
    await client.query('create table copied (a int, b text)');
    client.send(message('Q', cstring('copy copied from stdin')));
    expect(types(await client.until('G'))).to.equal('G');
    client.send(message('d', Buffer.from('1\tone\n2\tt')), message('d', Buffer.from('wo\n')), message('c'));
    expect((await client.until('Z'))[0].body.toString()).to.equal('COPY 2\0');
    const out = await client.query('copy copied to stdout (format csv)');
    expect(types(out)).to.equal('HddcCZ');
    expect(out.filter(({ type }) => type === 'd').map(({ body }) => body.toString()).join('')).to.equal('1,one\n2,two\n');
    client.send(message('Q', cstring('copy copied from stdin')), message('d', Buffer.from('3\tx\n')), message('f', cstring('no more')));
    const failed = await client.until('Z');
    expect(fields(failed.find(({ type }) => type === 'E')!)).to.include({ C: '57014', M: 'COPY from stdin failed: no more' });
    expect(columns((await client.query('select count(*) from copied'))[1])).to.deep.equal(['2']);
    client.send(message('Q', cstring('copy copied from stdin')), message('d', Buffer.from('bad\tx\n')), message('d', Buffer.from('4\ty\n')), message('c'));
    expect(types(await client.until('Z'))).to.equal('GEZ');
    expect(columns((await client.query('select count(*) from copied'))[1])).to.deep.equal(['2']);
    client.socket.destroy();
  });
});

describe('passwords and TLS', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer([['require_password', 'on']], { tls: TLS_FILES });
    const local = await startSession(server);
    await local('alter role postgres password \'secret\'');
  });
  after(() => server.stop());

  const options = (password: string, ssl: boolean): pg.ClientConfig => ({
    host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres', password, ssl: ssl ? { rejectUnauthorized: false } : false,
  });

  for (const ssl of [false, true]) {
    it(`lets the right password in${ssl ? ' over TLS' : ''}`, async () => {
      const client = new pg.Client(options('secret', ssl));
      await client.connect();
      expect((await client.query('select current_user')).rows).to.deep.equal([{ current_user: 'postgres' }]);
      await client.end();
    });

    it(`refuses a wrong one${ssl ? ' over TLS' : ''}`, async () => {
      const client = new pg.Client(options('Secret', ssl));
      expect(await rejection(client.connect())).to.include({ code: '28P01' });
    });
  }

  it('refuses what is sent in clear between SSLRequest and the handshake', async () => {
    const client = await RawClient.open(server.port);
    client.send(int32(8), int32(80877103), int32(8), int32(80877103));
    expect(fields((await client.until('E')).at(-1)!)).to.include({ C: '08P01' });
  });

  it('refuses another message in place of the password', async () => {
    const client = await RawClient.open(server.port);
    client.sendStartup(3 << 16, { user: 'postgres' });
    expect(types(await client.until('R'))).to.equal('R');
    client.send(message('Q', cstring('select 1')));
    expect(fields((await client.until('E')).at(-1)!)).to.include({ S: 'FATAL', C: '08P01' });
  });
});

/** A session that needs no password, to set one. */
async function startSession(server: TestServer): Promise<(sql: string) => Promise<void>> {
  const { EmbeddedSession } = await import('../../lib/session/embedded/database.js');
  const session = new EmbeddedSession(server.engine, {});
  return async (sql) => {
    await session.exec(sql);
    await session.close();
  };
}

describe('the Unix socket', () => {
  it('serves at .s.PGSQL.<port> and is removed at the end', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pglitedb-socket-'));
    const server = await startServer([], { socketDirectory: directory });
    const client = new pg.Client({ host: directory, port: server.port, user: 'postgres', database: 'postgres' });
    await client.connect();
    expect((await client.query('select inet_client_addr() is null as local')).rows).to.deep.equal([{ local: true }]);
    await client.end();
    await server.stop();
    expect(() => rmSync(join(directory, `.s.PGSQL.${server.port}`))).to.throw(/ENOENT/);
    rmSync(directory, { recursive: true });
  });
});
