/**
 * Records what PostgreSQL makes of the statements in goldens/statements.sql: columns and types, or the error. Run it against
 * a PostgreSQL 18 with the connection in the usual PG* variables: `node dist/test/analyzer/generate.js` writes
 * goldens/expected.json. Statements are only parsed and described, never executed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Client } from 'pg';
import type { Outcome } from './fixture.js';
import { normalizeType, TABLES } from './fixture.js';

const directory = new URL('../../../test/analyzer/goldens/', import.meta.url);
const TYPE_NAMES: Readonly<Record<number, string>> = { 23: 'int4', 25: 'text', 1700: 'numeric', 1184: 'timestamptz', 16: 'bool', 20: 'int8', 1007: 'int4[]', 3802: 'jsonb', 1082: 'date' };

/** The parts of pg's connection that this uses: raw protocol messages. */
interface RawConnection {
  parse(message: { text: string; name: string; types: number[] }): void;
  describe(message: { type: 'S'; name: string }): void;
  sync(): void;
  once(event: string, listener: (message: unknown) => void): void;
  removeAllListeners(event: string): void;
}

function describeStatement(connection: RawConnection, text: string): Promise<Outcome> {
  return new Promise((resolve) => {
    let outcome: Outcome = { columns: [] };
    connection.once('rowDescription', (message) => {
      const { fields } = message as { fields: { name: string; dataTypeID: number }[] };
      outcome = { columns: fields.map((field) => [field.name, normalizeType(field.dataTypeID)] as const) };
    });
    connection.once('errorMessage', (message) => {
      const error = message as { code: string; message: string; position?: string; detail?: string; hint?: string };
      outcome = {
        sqlstate: error.code, message: error.message, ...(error.position === undefined ? {} : { position: Number(error.position) }),
        ...(error.detail === undefined ? {} : { detail: error.detail }), ...(error.hint === undefined ? {} : { hint: error.hint }),
      };
    });
    connection.once('readyForQuery', () => {
      for (const event of ['rowDescription', 'errorMessage']) connection.removeAllListeners(event);
      resolve(outcome);
    });
    connection.parse({ text, name: '', types: [] });
    connection.describe({ type: 'S', name: '' });
    connection.sync();
  });
}

const client = new Client();
await client.connect();
for (const [name, columns] of Object.entries(TABLES)) {
  await client.query(`drop table if exists ${name}`);
  await client.query(`create table ${name} (${columns.map(([column, type]) => `${column} ${TYPE_NAMES[type]}`).join(', ')})`);
}
const { connection } = client as Client & { connection: RawConnection };
for (const event of ['rowDescription', 'errorMessage', 'readyForQuery', 'parseComplete', 'noData']) connection.removeAllListeners(event);
const lines = readFileSync(new URL('statements.sql', directory), 'utf8').split('\n').filter((line) => line !== '');
const results: Record<string, Outcome> = {};
for (const line of lines) results[line] = await describeStatement(connection, line);
writeFileSync(new URL('expected.json', directory), `${JSON.stringify(results, null, 1)}\n`);
process.exit(0);
