/**
 * Records how PostgreSQL prints the SELECTs of goldens/statements.sql as views, plain and pretty. Run as `generate.ts`;
 * writes goldens/views.json. Statements that make no view (duplicate column names, pseudo-types) are left out,
 * and those that print a table's row type, whose name the tests' services do not know.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Client } from 'pg';

const directory = new URL('../../../test/analyzer/goldens/', import.meta.url);
const client = new Client();
await client.connect();
const results: Record<string, readonly [string, string]> = {};
for (const line of readFileSync(new URL('statements.sql', directory), 'utf8').split('\n')) {
  if (!/^(?:select|with|values)/.test(line)) continue;
  try {
    await client.query('drop view if exists deparse_golden');
    await client.query(`create view deparse_golden as ${line}`);
    const { rows } = await client.query<{ plain: string; pretty: string }>(
      "select pg_get_viewdef('deparse_golden') plain, pg_get_viewdef('deparse_golden', true) pretty");
    if (!rows[0].plain.includes('.*::')) results[line] = [rows[0].plain, rows[0].pretty];
  } catch {
    delete results[line];
  }
}
await client.query('drop view if exists deparse_golden');
writeFileSync(new URL('views.json', directory), `${JSON.stringify(results, null, 1)}\n`);
await client.end();
