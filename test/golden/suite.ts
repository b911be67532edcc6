/**
 * SQL scripts against recorded answers of PostgreSQL 18: `test/golden/FOLDER/NAME.sql` and `NAME.out`. Statements end
 * with a semicolon at the end of a line. With PGLITEDB_GOLDEN_URL (a postgres:// URL of a PostgreSQL 18) the answers are
 * recorded anew.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import pg from 'pg';
import { PGliteDB } from '../../lib/index.js';

const oracle = process.env['PGLITEDB_GOLDEN_URL'];
const asText = (text: string | null) => text;

interface Failure { readonly code?: string; readonly sqlstate?: string; readonly message: string; readonly detail?: string; readonly hint?: string }

function statementsOf(script: string): string[] {
  return script.split(/;[ \t]*(?:\n|$)/).map((statement) => statement.replace(/^(?:\s*--[^\n]*\n)*\s*/, '').trim()).filter((statement) => statement !== '');
}

/** One statement's answer as lines. */
async function answer(statement: string, run: (sql: string) => Promise<{ rows: readonly (readonly unknown[])[]; tag: string }>): Promise<string> {
  try {
    const { rows, tag } = await run(statement);
    return [...rows.map((row) => row.map((value) => (value === null ? '∅' : String(value))).join(' | ')), `= ${tag}`].join('\n');
  } catch (error) {
    const failure = error as Failure;
    const lines = [`! ${failure.sqlstate ?? failure.code}: ${failure.message}`];
    if (failure.detail !== undefined) lines.push(`! DETAIL: ${failure.detail}`);
    if (failure.hint !== undefined) lines.push(`! HINT: ${failure.hint}`);
    return lines.join('\n');
  }
}

async function transcript(script: string, run: Parameters<typeof answer>[1]): Promise<string[]> {
  const parts: string[] = [];
  for (const statement of statementsOf(script)) parts.push(`${statement};\n${await answer(statement, run)}`);
  return parts;
}

async function record(script: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: oracle, types: { getTypeParser: () => asText } });
  await client.connect();
  await client.query('drop schema if exists golden cascade; create schema golden; set search_path = golden; set time zone UTC');
  try {
    return await transcript(script, async (text) => {
      const result = await client.query({ text, rowMode: 'array' });
      return { rows: result.rows, tag: result.command };
    });
  } finally {
    await client.end();
  }
}

async function play(script: string): Promise<string[]> {
  const db = await PGliteDB.open('memory://');
  const parsers = new Proxy<Record<number, (text: string) => unknown>>({}, { get: () => asText });
  try {
    return await transcript(script, async (sql) => {
      const result = await db.query<unknown[]>(sql, [], { rowMode: 'array', parsers });
      return { rows: result.rows, tag: result.command.split(' ')[0] };
    });
  } finally {
    await db.close();
  }
}

/** A suite of every script in `test/golden/FOLDER`. */
export function goldenSuite(folder: string): void {
  const directory = new URL(`../../../test/golden/${folder}/`, import.meta.url);
  describe(`${folder}/golden`, () => {
    for (const name of readdirSync(directory).filter((file) => file.endsWith('.sql')).toSorted()) {
      it(name.replace('.sql', ''), async () => {
        const script = readFileSync(new URL(name, directory), 'utf8');
        const golden = new URL(name.replace('.sql', '.out'), directory);
        if (oracle !== undefined) writeFileSync(golden, `${(await record(script)).join('\n\n')}\n`);
        const expected = readFileSync(golden, 'utf8').trimEnd().split('\n\n');
        const actual = await play(script);
        for (const [index, part] of expected.entries()) expect(actual[index]).to.equal(part);
      });
    }
  });
}
