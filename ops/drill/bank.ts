/**
 * The bank: clients that move money between accounts on whatever node is the primary, and write down what they were told. A client that
 * loses its connection looks for the primary again; one that hears nothing for a while gives its connection up.
 */
import pg from 'pg';
import type { NodePlace } from './node-process.js';
import { Ledger, type Told } from './ledger.js';

/** Accounts, and what each begins with. */
export const ACCOUNTS = 1000;
export const OPENING_BALANCE = 1000;
/** A statement that takes longer is given up by its client. */
const PATIENCE_MS = 3000;
/** SQLSTATE classes of errors after which nothing was committed: the server said so, of a transaction that it rolled back. */
const DEFINITE = /^(22|23|25|40001|40P01|42|53|55|57014)/;

/** Connects to the node; rejects when it does not answer in time. */
export async function connectTo(place: Pick<NodePlace, 'port'>, patienceMs = PATIENCE_MS): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1', port: place.port, user: 'postgres', database: 'postgres', connectionTimeoutMillis: patienceMs, query_timeout: patienceMs,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Makes the tables. */
export async function openBank(place: NodePlace): Promise<void> {
  const client = await connectTo(place, 60_000);
  await client.query(`CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
    CREATE TABLE transfer (id text PRIMARY KEY, source int NOT NULL, target int NOT NULL, amount int NOT NULL);
    INSERT INTO account SELECT g, ${OPENING_BALANCE} FROM generate_series(1, ${ACCOUNTS}) g`);
  await client.end();
}

/** All clients. */
export class Bank {
  private readonly ledgers: Ledger[] = [];
  private readonly workers: Promise<void>[] = [];
  private stopped = false;
  /** Monotonic milliseconds of acknowledged commits, in order. */
  readonly commitTimes: number[] = [];

  /** `round`: makes the transfers' names different from those of other rounds. */
  constructor(private readonly places: readonly NodePlace[], directory: string, private readonly round: number, clients: number) {
    for (let number = 0; number < clients; number++) {
      const ledger = new Ledger(`${directory}/ledger-${round}-${number}`);
      this.ledgers.push(ledger);
      this.workers.push(this.work(number, ledger));
    }
  }

  get commits(): number {
    return this.commitTimes.length;
  }

  /** Resolves once so many more commits were acknowledged; false after `timeoutMs`. */
  async moreCommits(count: number, timeoutMs: number): Promise<boolean> {
    const target = this.commits + count;
    const deadline = performance.now() + timeoutMs;
    while (this.commits < target) {
      if (performance.now() > deadline) return false;
      await pause(20);
    }
    return true;
  }

  /** Longest time between two acknowledged commits of which one came after `since`, in milliseconds. */
  longestSilence(since: number): number {
    let longest = 0;
    for (let index = 1; index < this.commitTimes.length; index++) {
      if (this.commitTimes[index] > since) longest = Math.max(longest, this.commitTimes[index] - this.commitTimes[index - 1]);
    }
    return longest;
  }

  /** Ends the load; adds what was told to what was told before. */
  async stop(told: Told): Promise<void> {
    this.stopped = true;
    await Promise.all(this.workers);
    for (const ledger of this.ledgers) {
      ledger.collect(told);
      ledger.close();
    }
  }

  private async work(number: number, ledger: Ledger): Promise<void> {
    for (let serial = 0; !this.stopped;) {
      const client = await this.findPrimary();
      if (client === null) continue;
      for (let usable = true; usable && !this.stopped; serial++) usable = await this.transfer(client, `${this.round}-${number}-${serial}`, ledger);
      void client.end().catch(() => undefined);
    }
  }

  private async findPrimary(): Promise<pg.Client | null> {
    for (const place of this.places) {
      let client: pg.Client;
      try {
        client = await connectTo(place);
      } catch {
        continue;
      }
      try {
        const { rows } = await client.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
        if (rows[0].transaction_read_only === 'off') return client;
      } catch {
        // It went away meanwhile: the next one.
      }
      void client.end().catch(() => undefined);
    }
    await pause(50);
    return null;
  }

  /** One transfer; false when the connection is of no more use. */
  private async transfer(client: pg.Client, id: string, ledger: Ledger): Promise<boolean> {
    const source = 1 + Math.floor(Math.random() * ACCOUNTS);
    const target = 1 + ((source + Math.floor(Math.random() * (ACCOUNTS - 1))) % ACCOUNTS);
    const amount = 1 + Math.floor(Math.random() * 100);
    ledger.begin(id);
    let committing = false;
    try {
      await client.query('BEGIN');
      // In order of the accounts' numbers, so that two transfers do not wait for each other.
      for (const account of [source, target].sort((a, b) => a - b)) {
        await client.query('UPDATE account SET balance = balance + $1 WHERE id = $2', [account === source ? -amount : amount, account]);
      }
      await client.query('INSERT INTO transfer (id, source, target, amount) VALUES ($1, $2, $3, $4)', [id, source, target, amount]);
      committing = true;
      await client.query('COMMIT');
      ledger.end(id, 'ok');
      this.commitTimes.push(performance.now());
      return true;
    } catch (error) {
      const sqlstate = error instanceof pg.DatabaseError ? error.code ?? '' : '';
      // Before COMMIT was sent nothing can have been committed.
      ledger.end(id, !committing || DEFINITE.test(sqlstate) ? 'failed' : 'unknown');
      return false;
    }
  }
}

/** Resolves after so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
