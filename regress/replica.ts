/**
 * The regression suite as a recovery test (PostgreSQL's 027_stream_regress): a replica streams while the suite runs, the log is archived;
 * afterwards a third server is restored from a backup of the replica and the archive, and all three must hold the same rows in every
 * relation of every database, catalogs included.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startServer, type RunningServer } from './server.js';

const cli = fileURLToPath(new URL('../ops/cli/main.js', import.meta.url));
const CATCH_UP_MS = 120_000;

/** What a server holds: relation → count and digest of its rows (without columns of type pg_node_tree), or the error that reading it raised. */
export type Contents = ReadonlyMap<string, string>;

/** The relations whose rows are compared: tables, materialized views. Unlogged ones are nobody's but the primary's; sequences are logged ahead of their values. */
const RELATIONS = `SELECT format('%I.%I', n.nspname, c.relname) AS name,
    (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND atttypid <> 'pg_node_tree'::regtype) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' ORDER BY 1`;

async function connect(port: number, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function texts(client: pg.Client, sql: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(sql);
  return rows.map(({ name }) => name);
}

/** Reads everything that a server holds. */
export async function readContents(port: number): Promise<Contents> {
  const contents = new Map<string, string>();
  const main = await connect(port, 'postgres');
  const databases = await texts(main, 'SELECT datname AS name FROM pg_database WHERE datallowconn ORDER BY 1');
  await main.end();
  for (const database of databases) {
    const client = await connect(port, database);
    const relations = await client.query<{ name: string; columns: string | null }>(RELATIONS);
    for (const { name, columns } of relations.rows) {
      const digest = `SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(line, '' ORDER BY line)), '-') AS name FROM (SELECT md5(ROW(${columns ?? ''})::text) AS line FROM ONLY ${name}) AS lines`;
      contents.set(`${database}: ${name}`, await texts(client, digest).then(([text]) => text, (error: unknown) => String(error)));
    }
    await client.end();
  }
  return contents;
}

/** Where two servers differ, a line each. */
export function differences(expected: Contents, actual: Contents): string[] {
  return [...new Set([...expected.keys(), ...actual.keys()])].flatMap((relation) => {
    const [there, here] = [expected.get(relation) ?? 'not there', actual.get(relation) ?? 'not there'];
    return there === here ? [] : [`${relation}: ${there}; ${here}`];
  });
}

/** The replica of a run. */
export class ReplicaOfRun {
  private constructor(
    private readonly primary: RunningServer, private readonly replica: RunningServer, private readonly replicationUrl: string, private readonly archive: string,
  ) {}

  /** Starts a replica of a server that was started with a replication port and an archive, and backs it up before the suite runs. */
  static async start(primary: RunningServer, replicationPort: number): Promise<ReplicaOfRun> {
    const replica = await startServer({ upstream: `ws://127.0.0.1:${replicationPort}` });
    const run = new ReplicaOfRun(primary, replica, `ws://127.0.0.1:${replicationPort}`, archiveOf(primary));
    await command(['backup', '--from', run.replicationUrl, '--archive', run.archive, '--label', 'before']);
    return run;
  }

  /** Compares primary, replica and a restored server; prints the differences. Returns how many there are. */
  async compare(): Promise<number> {
    const { primary, replica } = this;
    await this.caughtUp();
    const expected = await readContents(primary.port);
    let count = report('the replica', differences(expected, await readContents(replica.port)));
    await this.query(primary.port, 'SELECT pg_switch_wal()');
    await this.archived();
    const dataDirectory = `${primary.dataDirectory}-restored`;
    await command(['restore', '--archive', this.archive, '--data', dataDirectory]);
    const restored = await startServer({ dataDirectory });
    try {
      count += report('the restored server', differences(expected, await readContents(restored.port)));
    } finally {
      await restored.stop(true);
    }
    console.log(`${expected.size} relations compared on three servers: ${count} differences`);
    return count;
  }

  /** Ends the replica; what the run has made beside the primary's directory goes. */
  async stop(): Promise<void> {
    await this.replica.stop(true);
    rmSync(this.archive, { recursive: true, force: true });
  }

  private async query(port: number, sql: string): Promise<string> {
    const client = await connect(port, 'postgres');
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql);
      return String(Object.values(rows[0])[0]);
    } finally {
      await client.end();
    }
  }

  private async caughtUp(): Promise<void> {
    const end = await this.query(this.primary.port, 'SELECT pg_current_wal_flush_lsn()');
    await this.until('the replica has applied everything', () => this.query(this.replica.port, `SELECT pg_last_wal_replay_lsn() >= '${end}'`));
  }

  private async archived(): Promise<void> {
    const end = await this.query(this.primary.port, 'SELECT pg_current_wal_flush_lsn()');
    await this.until('everything is archived', async () => {
      const { archivedThroughLsn } = JSON.parse(await command(['status', '--url', this.replicationUrl, '--json'])) as { archivedThroughLsn: string | null };
      return archivedThroughLsn === null ? 'false' : this.query(this.primary.port, `SELECT '${archivedThroughLsn}'::pg_lsn >= '${end}'`);
    });
  }

  private async until(what: string, holds: () => Promise<string>): Promise<void> {
    const deadline = performance.now() + CATCH_UP_MS;
    while (await holds() !== 'true') {
      if (performance.now() > deadline) throw new Error(`not after ${CATCH_UP_MS / 1000} s: ${what}\n${this.replica.log()}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
    }
  }
}

/** Where the archive of a server of a run is. */
export function archiveOf(primary: Pick<RunningServer, 'dataDirectory'>): string {
  return `${primary.dataDirectory}-archive`;
}

function report(what: string, lines: readonly string[]): number {
  for (const line of lines) console.log(`DIFFERENT on ${what}: ${line}`);
  return lines.length;
}

function command(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
    child.once('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`pglitedb ${args.join(' ')} ended with ${code}\n${err}`))));
  });
}
