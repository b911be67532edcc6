import { expect } from 'chai';
import { simEnv } from '../../lib/env/sim.js';
import type { Env } from '../../lib/env/env.js';
import { ScratchDirectory } from '../../lib/env/scratch.js';
import { TemporaryFiles } from '../../lib/executor/temporary-files.js';
import { INNER_VAR, type AggPlan, type HashJoinPlan, type Plan, type PlanJoinType } from '../../lib/planner/plan-nodes.js';
import type { Row } from '../../lib/types/datum.js';
import { BASE, column, ExecutorFixture, INT4, outer, targets, TEXT, valuesPlan } from './support.js';

describe('executor/spilling', () => {
  let env: Env;
  let fixture: ExecutorFixture;
  const rows = Array.from({ length: 4000 }, (_, at): Row => [(at * 7919) % 4001, at % 9 === 0 ? null : `row ${at}`]);

  before(async () => { fixture = await ExecutorFixture.open(); });
  beforeEach(() => { env = simEnv(1); });

  /** The plan's rows with and without room, in any order. */
  async function bothWays(make: () => Plan): Promise<{ roomy: Row[]; tight: Row[] }> {
    fixture.temporary = null;
    const roomy = await fixture.run(make());
    fixture.temporary = new TemporaryFiles(new ScratchDirectory(env.files, 'tmp'));
    fixture.workMemBytes = 16 * 1024;
    const tight = await fixture.run(make());
    fixture.temporary = null;
    fixture.workMemBytes = 4 << 20;
    expect(env.files.list('tmp'), 'nothing is left behind').to.deep.equal([]);
    return { roomy, tight };
  }
  const ordered = (list: Row[]) => list.map((row) => row.join('|')).sort();

  it('gives rows back as they went, any number of times', () => {
    const file = new TemporaryFiles(new ScratchDirectory(env.files, 'tmp')).create();
    const wide = rows.map((row, at): Row => [...row, 'x'.repeat(at % 400), at / 7, 9007199254740993n]);
    file.write(wide.slice(0, 1000));
    file.write(wide.slice(1000));
    for (let time = 0; time < 2; time++) expect([...file.read()].flat()).to.deep.equal(wide);
    file.close();
    expect(env.files.list('tmp')).to.deep.equal([]);
  });

  it('sorts through runs on files', async () => {
    const { roomy, tight } = await bothWays(() => {
      const child = valuesPlan([INT4, TEXT], rows);
      return { ...BASE, plan: 'Sort', child, boundHint: false, targetlist: child.targetlist, sortColumns: [fixture.sort(1, INT4)] };
    });
    expect(tight).to.deep.equal(roomy);
  });

  it('aggregates more groups than fit', async () => {
    const { roomy, tight } = await bothWays((): AggPlan => ({
      ...BASE, plan: 'Agg', strategy: 'hashed', child: valuesPlan([INT4, TEXT], [...rows, ...rows]),
      targetlist: targets(outer(1, INT4), fixture.aggregate('count', [outer(2, TEXT)])), groupColumns: [fixture.sort(1, INT4)], groupingSets: [], groupingRefs: [], phases: [],
    }));
    expect(tight.length).to.equal(4000);
    expect(ordered(tight)).to.deep.equal(ordered(roomy));
  });

  for (const jointype of ['inner', 'left', 'full', 'anti', 'rightSemi'] as PlanJoinType[]) {
    it(`joins inputs that do not fit: ${jointype}`, async () => {
      const inner = (attno: number, type: number) => column(INNER_VAR, attno, type);
      const { roomy, tight } = await bothWays((): HashJoinPlan => ({
        ...BASE, plan: 'HashJoin', jointype, outer: valuesPlan([INT4, TEXT], rows.slice(0, 3000)), inner: valuesPlan([INT4, TEXT], [...rows.slice(1000), [null, 'n']]),
        joinqual: [], innerUnique: false, outerKeys: [outer(1, INT4)], innerKeys: [inner(1, INT4)], hashOperators: [96], hashCollations: [0], tableParams: [],
        targetlist: jointype === 'anti' ? targets(outer(1, INT4)) : jointype === 'rightSemi' ? targets(inner(1, INT4)) : targets(outer(2, TEXT), inner(2, TEXT)),
      }));
      expect(ordered(tight)).to.deep.equal(ordered(roomy));
      expect(tight.length).to.be.greaterThan(900);
    });
  }
});
