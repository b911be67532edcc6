/**
 * Rewriting: defaults, generated columns, system views.
 */
import { expect } from 'chai';
import type { Query } from '../../lib/analyzer/nodes.js';
import { subqueriesOf } from '../../lib/analyzer/walker.js';
import { builtinTable } from '../../lib/catalog/builtin.js';
import type { PgClass, PgNamespace } from '../../lib/catalog/rows.js';
import { catalogByName } from '../../lib/catalog/shapes.js';
import { rewriteQuery } from '../../lib/rewriter/rewrite.js';
import { openFixture, type AnalyzerFixture } from '../analyzer/fixture.js';

function relkinds(query: Query): string[] {
  const own = query.rtable.flatMap((rte) => (rte.rtekind === 'relation' ? [rte.relkind] : []));
  return [...own, ...subqueriesOf(query).flatMap(relkinds)];
}

describe('rewriter', () => {
  let fixture: AnalyzerFixture;
  before(async () => {
    fixture = await openFixture();
  });

  function rewrite(sql: string): Query {
    const { catalog, services } = fixture.context(sql);
    const queries = rewriteQuery(fixture.analyze(sql), { catalog, services, currentUserOid: 10 });
    expect(queries.length).to.equal(1);
    return queries[0];
  }

  it('leaves a plain query as it is', () => {
    const sql = 'select id from t1 where id = 1';
    const query = fixture.analyze(sql);
    const { catalog, services } = fixture.context(sql);
    expect(rewriteQuery(query, { catalog, services, currentUserOid: 10 })[0]).to.equal(query);
  });

  it('fills the columns that INSERT leaves out', () => {
    const query = rewrite('insert into t2 (note) values (\'x\')');
    expect(query.targetList.map((entry) => [entry.resno, entry.expr.node])).to.deep.equal([[1, 'Const'], [2, 'Const'], [3, 'Const'], [4, 'Const']]);
  });

  it('replaces DEFAULT in VALUES lists', () => {
    const query = rewrite('insert into t2 (id, note) values (1, default), (default, \'x\')');
    const [values] = query.rtable.filter((rte) => rte.rtekind === 'values');
    expect(values.valuesLists.flat().map((expr) => expr.node)).to.deep.equal(['Const', 'Const', 'Const', 'Const']);
  });

  it('merges assignments to one column', () => {
    const query = rewrite('update t3 set arr[1] = 5, arr[2] = 6');
    expect(query.targetList.length).to.equal(1);
    expect(() => rewrite('update t3 set a = 5, a = 6')).to.throw('multiple assignments to same column "a"');
  });

  it('expands every system view down to tables', () => {
    const classes = builtinTable(catalogByName('pg_class'));
    const namespaces = builtinTable(catalogByName('pg_namespace'));
    const names = new Map(Array.from({ length: namespaces.count }, (_, i) => {
      const row = namespaces.object(i) as PgNamespace;
      return [row.oid, row.nspname];
    }));
    let views = 0;
    for (let i = 0; i < classes.count; i++) {
      const row = classes.object(i) as PgClass;
      if (row.relkind !== 'v') continue;
      views++;
      const query = rewrite(`select * from ${names.get(row.relnamespace)}.${row.relname}`);
      expect(relkinds(query).includes('v'), row.relname).to.equal(false);
      expect(query.targetList.length, row.relname).to.equal(row.relnatts);
    }
    expect(views).to.be.greaterThan(100);
  });
});
