/**
 * Every case of `cases/` answers as PostgreSQL 18 did (`generate.ts` recorded it).
 */
import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { PgError } from '../../lib/base/error.js';
import { evaluate, passJsonbAsBytes, resetSettings } from './resolver.js';

interface Golden { readonly call: string; readonly rows?: readonly (string | null)[]; readonly error?: readonly string[] }

const directory = 'test/functions/cases';

function answer(call: string): Golden {
  try {
    return { call, rows: evaluate(call) };
  } catch (error) {
    if (!(error instanceof PgError)) throw new Error(`${call} failed`, { cause: error });
    return { call, error: [error.sqlstate, error.message, error.detail ?? '', error.hint ?? '', error.where ?? ''] };
  }
}

/** The same rows, or the same error as far as it was recorded. */
function agree(golden: Golden, ours: Golden): boolean {
  if (golden.error) return JSON.stringify(golden.error) === JSON.stringify(ours.error?.slice(0, golden.error.length));
  return JSON.stringify(golden.rows) === JSON.stringify(ours.rows);
}

const JSONB_FILES = ['json.golden.json', 'jsonpath.golden.json', 'aggregates.golden.json', 'io.golden.json', 'hash.golden.json'];

/** What does not agree, as text. */
function disagreements(file: string): string {
  resetSettings();
  const goldens = JSON.parse(readFileSync(`${directory}/${file}`, 'utf8')) as Golden[];
  expect(goldens.length).to.be.greaterThan(0);
  const wrong = goldens.map((golden) => [golden, answer(golden.call)]).filter(([golden, ours]) => !agree(golden, ours));
  return wrong.map(([golden, ours]) => `${JSON.stringify(golden)}\n   ours ${JSON.stringify(ours.rows ?? ours.error)}`).join('\n');
}

describe('built-in functions answer as PostgreSQL does', () => {
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.golden.json'))) {
    it(file.replace('.golden.json', ''), () => {
      expect(disagreements(file)).to.equal('');
    });
  }

  for (const file of JSONB_FILES) {
    it(`${file.replace('.golden.json', '')}, of jsonb that lies in bytes`, () => {
      passJsonbAsBytes(true);
      try {
        expect(disagreements(file)).to.equal('');
      } finally {
        passJsonbAsBytes(false);
      }
    });
  }
});
