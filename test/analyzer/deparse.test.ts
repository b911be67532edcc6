/**
 * Deparsing against what PostgreSQL prints: its own system views must come back as they were, and the views of
 * goldens/views.json (`generate-deparse.ts`) in both styles.
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { deparseExpression, deparseQuery } from '../../lib/analyzer/deparse/deparse.js';
import type { Query } from '../../lib/analyzer/nodes.js';
import { openFixture, type AnalyzerFixture } from './fixture.js';

const golden = JSON.parse(readFileSync(new URL('../../../test/analyzer/goldens/views.json', import.meta.url), 'utf8')) as Record<string, [string, string]>;
const system = JSON.parse(readFileSync(new URL('../../../lib/catalog/data/views.json', import.meta.url), 'utf8')) as Record<string, string>;

/** The test's services print no schema before types and numbers for regclass constants. */
function normalize(text: string): string {
  return text.replaceAll('information_schema.', '').replaceAll(/'[^']*'::regclass/g, 'regclass').replaceAll("'PUBLIC'::name AS name", "'PUBLIC'::name");
}

describe('deparse', () => {
  let fixture: AnalyzerFixture;
  before(async () => {
    fixture = await openFixture();
  });

  function deparse(sql: string, query: Query, pretty: boolean): string {
    const names = query.targetList.filter((entry) => !entry.resjunk).map((entry) => entry.resname ?? '');
    return `${deparseQuery(fixture.context(sql), query, names, pretty)};`;
  }

  it('prints system views as PostgreSQL does', () => {
    for (const [oid, text] of Object.entries(system)) expect(normalize(deparse(text, fixture.analyze(text), false)), oid).to.equal(normalize(text));
  });

  for (const [sql, [plain, pretty]] of Object.entries(golden)) {
    it(sql, () => {
      const query = fixture.analyze(sql);
      expect(deparse(sql, query, false)).to.equal(plain);
      expect(deparse(sql, query, true)).to.equal(pretty);
    });
  }

  it('prints expressions over one table without its name', () => {
    const sql = 'select id + 1 > 5 and name like \'a%\' from t1';
    const [{ expr }] = fixture.analyze(sql).targetList;
    const context = fixture.context(sql);
    const relation = context.catalog.relation(context.catalog.lookupRelation('t1'));
    expect(deparseExpression(context, expr, relation, false)).to.equal("(((id + 1) > 5) AND (name ~~ 'a%'::text))");
    expect(deparseExpression(context, expr, relation, true)).to.equal("(id + 1) > 5 AND name ~~ 'a%'::text");
  });
});
