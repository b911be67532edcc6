/**
 * kill -9 under load: every acknowledged transaction is there after the restart, nothing half-done is, the sums agree, and
 * recovery ends. `CRASH_ROUNDS` says how many times in a row (default 3; the full drill is 20), `CRASH_RECOVERY_MS` how long a
 * restart may take to its ready line (the drill on an idle machine: 2000; the default leaves room for a busy one).
 */
import { expect } from 'chai';
import pg from 'pg';
import { startServer, type RunningServer } from '../../regress/server.js';

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 3);
const CLIENTS = 10;
const TRANSACTIONS_BEFORE_KILL = 400;
const RECOVERY_LIMIT_MS = Number(process.env.CRASH_RECOVERY_MS ?? 15_000);

interface Sums { readonly accounts: number; readonly tellers: number; readonly branches: number; readonly history: number }

const connect = async (port: number): Promise<pg.Client> => {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  // The server is going to be killed: the connection's loss is what the test is about.
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

async function createTables(port: number): Promise<void> {
  const client = await connect(port);
  await client.query('CREATE TABLE branch (bid int PRIMARY KEY, balance int NOT NULL)');
  await client.query('CREATE TABLE teller (tid int PRIMARY KEY, bid int NOT NULL, balance int NOT NULL)');
  await client.query('CREATE TABLE account (aid int PRIMARY KEY, bid int NOT NULL, balance int NOT NULL, filler text)');
  await client.query('CREATE TABLE history (id bigint PRIMARY KEY, tid int, bid int, aid int, delta int, at timestamptz DEFAULT now())');
  await client.query('INSERT INTO branch SELECT 1, 0');
  await client.query('INSERT INTO teller SELECT g, 1, 0 FROM generate_series(1, 10) g');
  await client.query("INSERT INTO account SELECT g, 1, 0, repeat('x', 80) FROM generate_series(1, 2000) g");
  await client.end();
}

/** One client: TPC-B transactions with ids of its own, until the connection is lost. Returns the acknowledged ids. */
async function work(port: number, first: number, acknowledged: Set<number>, onCommit: () => void): Promise<void> {
  const client = await connect(port);
  try {
    for (let id = first; ; id++) {
      const aid = 1 + ((id * 7919) % 2000);
      const tid = 1 + (id % 10);
      const delta = (id % 201) - 100;
      await client.query('BEGIN');
      await client.query('UPDATE account SET balance = balance + $1 WHERE aid = $2', [delta, aid]);
      await client.query('UPDATE teller SET balance = balance + $1 WHERE tid = $2', [delta, tid]);
      await client.query('UPDATE branch SET balance = balance + $1 WHERE bid = 1', [delta]);
      await client.query('INSERT INTO history (id, tid, bid, aid, delta) VALUES ($1, $2, 1, $3, $4)', [id, tid, aid, delta]);
      await client.query('COMMIT');
      acknowledged.add(id);
      onCommit();
    }
  } catch {
    // The server is gone: what was not acknowledged may or may not be there.
  }
  await client.end().catch(() => undefined);
}

async function readSums(client: pg.Client): Promise<Sums> {
  const { rows } = await client.query(`SELECT (SELECT sum(balance) FROM account)::int AS accounts, (SELECT sum(balance) FROM teller)::int AS tellers,
    (SELECT sum(balance) FROM branch)::int AS branches, (SELECT coalesce(sum(delta), 0) FROM history)::int AS history`);
  return rows[0];
}

describe('kill -9 under load', function () {
  this.timeout(60_000 + ROUNDS * 30_000);
  let server: RunningServer;

  after(async () => {
    await server.stop(true);
  });

  it(`loses no acknowledged transaction, ${ROUNDS} times in a row`, async () => {
    server = await startServer();
    await createTables(server.port);
    const acknowledged = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      const victim = server;
      let commits = 0;
      const killed = new Promise<void>((resolve) => {
        const onCommit = (): void => {
          if (++commits === TRANSACTIONS_BEFORE_KILL + round * 37) resolve(victim.kill());
        };
        for (let c = 0; c < CLIENTS; c++) void work(victim.port, (round * CLIENTS + c) * 1_000_000, acknowledged, onCommit);
      });
      await killed;
      const started = performance.now();
      server = await startServer({ dataDirectory: victim.dataDirectory });
      const recoveryMs = performance.now() - started;
      const client = await connect(server.port);
      const { rows } = await client.query('SELECT id::float8 AS id FROM history');
      const present = new Set(rows.map((row: { id: number }) => row.id));
      expect([...acknowledged].filter((id) => !present.has(id)), `round ${round}: acknowledged and lost`).to.deep.equal([]);
      const sums = await readSums(client);
      expect(sums, `round ${round}`).to.deep.equal({ accounts: sums.history, tellers: sums.history, branches: sums.history, history: sums.history });
      expect(recoveryMs, `round ${round}: milliseconds to the ready line`).to.be.below(RECOVERY_LIMIT_MS);
      await client.end();
    }
  });
});
