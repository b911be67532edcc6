/**
 * Literals that become parameters for the plan cache: which, of which types, and which stay as they are.
 */
import { expect } from 'chai';
import type { LiteralParameters } from '../../lib/analyzer/analyze.js';
import { walkQuery } from '../../lib/analyzer/walker.js';
import { liftLiterals } from '../../lib/parser/literals.js';
import { openFixture, type AnalyzerFixture } from './fixture.js';

describe('analyzer: lifted literals', () => {
  let fixture: AnalyzerFixture;
  before(async () => {
    fixture = await openFixture();
  });

  function lift(sql: string): { types: number[]; params: number } {
    const lifted = liftLiterals(sql);
    if (lifted === null) throw new Error(`nothing to lift in ${sql}`);
    const literals: LiteralParameters = {
      byLocation: new Map(lifted.literals.map((literal, i) => [literal.location, i])), kinds: lifted.literals.map((literal) => literal.kind), types: lifted.literals.map(() => 0),
    };
    const query = fixture.analyze(sql, { literals });
    const params = new Set<number>();
    walkQuery(query, (expr) => {
      if (expr.node === 'Param') params.add(expr.paramid);
    });
    return { types: literals.types, params: params.size };
  }

  it('gives each the type of its use', () => {
    expect(lift("update t1 set price = 1.5, name = 'x' where id = 7")).to.deep.equal({ types: [1700, 25, 23], params: 3 });
    expect(lift("select id from t1 where created > '2020-01-01' and id = '5'")).to.deep.equal({ types: [1184, 23], params: 2 });
    expect(lift("insert into t2 (id, note, big) values (1, 'a', 3)")).to.deep.equal({ types: [23, 25, 23], params: 3 });
  });

  it('leaves positions, typmods and interval fields alone', () => {
    expect(lift('select name from t1 order by 1 limit 2').types).to.deep.equal([0, 23]);
    expect(lift("select '1.5'::numeric(5,2)").types).to.deep.equal([1700, 0, 0]);
    expect(lift("select interval '1' day").types).to.deep.equal([0]);
    expect(lift('select -5').types).to.deep.equal([0]);
  });

  it('raises what cannot be decided', () => {
    expect(() => lift('select id + 1 from t1 group by id + 1')).to.throw('must appear in the GROUP BY clause');
  });
});
