/**
 * Statements against what PostgreSQL made of them (`generate.ts`): output columns and their types, or the whole error.
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { openFixture, type AnalyzerFixture, type Outcome } from './fixture.js';

const expected = JSON.parse(readFileSync(new URL('../../../test/analyzer/goldens/expected.json', import.meta.url), 'utf8')) as Record<string, Outcome>;

describe('analyzer goldens', () => {
  let fixture: AnalyzerFixture;
  before(async () => {
    fixture = await openFixture();
  });

  for (const [sql, outcome] of Object.entries(expected)) {
    it(sql, () => {
      expect(fixture.outcome(sql)).to.deep.equal(outcome);
    });
  }
});
