/**
 * Records what a real PostgreSQL 18 answers to every case in `cases/*.txt`: writes `cases/*.golden.json`.
 * Run: `node dist/test/functions/generate.js postgres://postgres@127.0.0.1:5432/postgres [name ...]` (names of files without
 * `.txt`; all without any).
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { toSql } from './resolver.js';

/** What PostgreSQL said to one case; errors as SQLSTATE, message and (where there are any) detail, hint and context. */
export type Golden = { readonly call: string; readonly rows?: readonly (string | null)[]; readonly error?: readonly (string | undefined)[] };

async function record(client: pg.Client, call: string): Promise<Golden> {
  try {
    const result = await client.query({ text: toSql(call), rowMode: 'array', types: { getTypeParser: () => (text: string) => text } });
    return { call, rows: (result.rows as (string | null)[][]).map((row) => row[0]) };
  } catch (error) {
    const { code, message, detail, hint, where } = error as Record<string, string | undefined>;
    return { call, error: detail ?? hint ?? where ? [code, message, detail ?? '', hint ?? '', where ?? ''] : [code, message] };
  }
}

const directory = 'test/functions/cases';
const client = new pg.Client({ connectionString: process.argv[2] });
await client.connect();
const chosen = process.argv.slice(3);
for (const file of readdirSync(directory).filter((name) => name.endsWith('.txt'))) {
  if (chosen.length > 0 && !chosen.includes(file.replace(/\.txt$/, ''))) continue;
  await client.query(`reset all; set timezone = 'UTC'`);
  const calls = readFileSync(`${directory}/${file}`, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const goldens: Golden[] = [];
  for (const call of calls) goldens.push(await record(client, call));
  const lines = goldens.map((golden) => JSON.stringify(golden)).join(',\n');
  writeFileSync(`${directory}/${file.replace(/\.txt$/, '.golden.json')}`, `[\n${lines}\n]\n`);
}
await client.end();
