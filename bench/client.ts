/**
 * The harness's own connections (node-postgres): to prepare, to ask the servers about themselves, and to wait for the first
 * answer. What is timed runs through PostgreSQL's own programs wherever they can do it.
 */
import pg from 'pg';

/** A connection to a server under measurement. */
export async function connect(port: number, options?: string): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', options });
  // A connection that breaks outside a query is reported by the next query.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs something on a connection of its own. */
export async function withClient<T>(port: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(port);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Statements in turn, each in a transaction of its own. */
export async function execute(port: number, ...statements: readonly string[]): Promise<void> {
  await withClient(port, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

/** The first column of the first row as text. */
export async function ask(client: pg.Client, query: string): Promise<string | null> {
  const { rows } = await client.query<(string | number | null)[]>({ text: query, rowMode: 'array' });
  const value = rows[0]?.[0] ?? null;
  return value === null ? null : String(value);
}

/** Resolves after some time. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => { setTimeout(done, milliseconds); });
}

/** Asks again and again, over new connections, until the answer is the expected one; throws when the server ends meanwhile or after ten minutes. */
export async function waitForAnswer(port: number, query: string, expected: string, runs: () => boolean = () => true): Promise<void> {
  const deadline = performance.now() + 600_000;
  let last: unknown = null;
  while (performance.now() < deadline) {
    try {
      const answer = await withClient(port, (client) => ask(client, query));
      if (answer === expected) return;
      last = new Error(`the answer is ${answer}`);
    } catch (error) {
      last = error;
    }
    if (!runs()) break;
    await pause(2);
  }
  throw new Error(`no answer ${expected} to ${query}`, { cause: last });
}
