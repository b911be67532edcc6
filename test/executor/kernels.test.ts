import { expect } from 'chai';
import type { Expr } from '../../lib/analyzer/nodes.js';
import { simEnv } from '../../lib/env/sim.js';
import { ScratchDirectory } from '../../lib/env/scratch.js';
import { TemporaryFiles } from '../../lib/executor/temporary-files.js';
import { INNER_VAR, type AggPlan, type HashJoinPlan, type Plan, type SeqScanPlan, type SortColumn } from '../../lib/planner/plan-nodes.js';
import type { Row } from '../../lib/types/datum.js';
import { createTable } from '../catalog/tables.js';
import { BASE, column, constant, ExecutorFixture, FLOAT8, int, INT4, INT8, NUMERIC, outer, scanPlan, targets, TEXT } from './support.js';

/** The fused kernels against the same plans with a Material in between, which keeps them apart. */
describe('executor/kernels', () => {
  const types = [INT4, TEXT, FLOAT8, INT8];
  let fixture: ExecutorFixture;
  let table = 0;

  before(async () => {
    fixture = await ExecutorFixture.open();
    table = createTable(fixture.catalog, 'facts', [['a', INT4], ['b', TEXT], ['c', FLOAT8], ['d', INT8]]).oid;
    const rows = Array.from({ length: 5000 }, (_, at): Row => [
      at % 11 === 0 ? null : (at % 37) - 3, at % 13 === 0 ? null : `t${at % 17}`, at % 7 === 0 ? null : at / 8, at % 5 === 0 ? 9007199254740993n : at * 1000003,
    ]);
    await fixture.insert(table, types, rows);
    fixture.session.commit();
    await fixture.storage.checkpoint();
    await fixture.insert(table, types, rows.slice(0, 50));
  });

  const scan = (): Plan => scanPlan(table, types, { qual: [fixture.op('<', column(1, 1, INT4), int(30))] });
  const material = (child: Plan): Plan => ({ ...BASE, plan: 'Material', child, targetlist: child.targetlist });
  const agg = (child: Plan, group: readonly number[], ...exprs: Expr[]): AggPlan => ({
    ...BASE, plan: 'Agg', strategy: group.length === 0 ? 'plain' : 'hashed', child, targetlist: targets(...exprs),
    groupColumns: group.map((item) => fixture.sort(item, types[item - 1])), groupingSets: [], groupingRefs: [], phases: [],
  });
  const aggregates = () => [
    fixture.aggregate('count', []), fixture.aggregate('count', [outer(3, FLOAT8)]), fixture.aggregate('sum', [outer(1, INT4)]),
    fixture.aggregate('avg', [outer(1, INT4)]), fixture.aggregate('sum', [outer(3, FLOAT8)]), fixture.aggregate('avg', [outer(3, FLOAT8)]),
    fixture.aggregate('sum', [outer(4, INT8)]), fixture.aggregate('min', [outer(1, INT4)]), fixture.aggregate('max', [outer(3, FLOAT8)]),
    fixture.aggregate('max', [outer(2, TEXT)]), fixture.aggregate('count', [], { aggfilter: fixture.op('>', outer(1, INT4), int(10)) }),
    fixture.aggregate('sum', [fixture.op('*', outer(1, INT4), int(3))]),
  ];

  for (const [name, group] of [['all rows', []], ['an integer', [1]], ['a text', [2]], ['two columns', [1, 2]]] as const) {
    it(`aggregates alike over ${name}`, async () => {
      const keys = group.map((item) => outer(item, types[item - 1]));
      const fused = await fixture.run(agg(scan(), group, ...keys, ...aggregates()));
      const slow = await fixture.run(agg(material(scan()), group, ...keys, ...aggregates()));
      expect(fused).to.deep.equal(slow);
      expect(fused.length).to.be.greaterThan(0);
    });
  }

  it('groups without aggregates alike: keys near and far, negative and NULL, rows as they are and projected', async () => {
    const keys = createTable(fixture.catalog, 'keys', [['k', INT4], ['t', TEXT]]).oid;
    const values = [0, 1, 1023, 1024, 5000, (1 << 18) - 1, 1 << 18, 1_000_000, -1, -5000, null];
    const rows = Array.from({ length: 4000 }, (_, at): Row => [at % 3 === 0 ? values[at % values.length] : at * 7, at % 2 === 0 ? 'even' : 'odd']);
    await fixture.insert(keys, [INT4, TEXT], rows);
    fixture.session.commit();
    await fixture.storage.checkpoint();
    const key = outer(1, INT4);
    const text = outer(2, TEXT);
    for (const [group, exprs] of [[[1], [key]], [[1, 2], [key, text]], [[1, 2], [text, key]], [[1], [key, fixture.op('+', key, int(1))]]] as const) {
      const over = (child: Plan): AggPlan => ({ ...agg(child, [], ...exprs), strategy: 'hashed', groupColumns: group.map((item) => fixture.sort(item, [INT4, TEXT][item - 1])) });
      const own = (): Plan => scanPlan(keys, [INT4, TEXT].slice(0, group.length));
      const fused = await fixture.run(over(own()));
      expect(fused).to.deep.equal(await fixture.run(over(material(own()))));
      expect(fused.length).to.be.greaterThan(2000);
    }
  });

  describe('over numbers that are stored differently from chunk to chunk, in more ways than there are loops for', () => {
    const CHUNK = 1024;
    const whole: ((at: number) => number)[] = [(at) => at % 100, (at) => 7000 + (at % 200), (at) => (at % 600) - 300, (at) => 100_000 + (at % 6000), (at) => at * 70_001];
    const broken: ((at: number) => number)[] = [(at) => (at % 300) / 4, (at) => (at * 977) / 1000, (at) => Math.sqrt(at)];
    const kinds = [INT4, FLOAT8, TEXT];
    let forms = 0;

    before(async () => {
      forms = createTable(fixture.catalog, 'forms', [['a', INT4], ['c', FLOAT8], ['t', TEXT]]).oid;
      const rows = Array.from({ length: 20 * CHUNK }, (_, at): Row => {
        const chunk = Math.floor(at / CHUNK);
        const isNull = chunk % 7 === 3 && at % 5 === 0;
        return [isNull ? null : whole[chunk % 5](at), isNull ? null : broken[chunk % 3](at), `text ${at % 50}`];
      });
      await fixture.insert(forms, kinds, rows);
      fixture.session.commit();
      await fixture.storage.checkpoint();
    });

    const scanOf = (limit: number): Plan => scanPlan(forms, kinds, { qual: [fixture.op('<', column(1, 1, INT4), int(limit))] });
    const groupedBy = (child: Plan, ...group: number[]): AggPlan => ({
      ...BASE, plan: 'Agg', strategy: group.length === 0 ? 'plain' : 'hashed', child,
      targetlist: targets(...group.map((item) => outer(item, kinds[item - 1])), fixture.aggregate('count', []), fixture.aggregate('sum', [outer(1, INT4)]), fixture.aggregate('sum', [outer(2, FLOAT8)])),
      groupColumns: group.map((item) => fixture.sort(item, kinds[item - 1])), groupingSets: [], groupingRefs: [], phases: [],
    });

    it('aggregates alike', async () => {
      for (const group of [[], [1], [3]]) {
        for (const limit of [50, 7100, 102_000, 2 ** 31 - 1]) {
          const fused = await fixture.run(groupedBy(scanOf(limit), ...group));
          expect(fused).to.deep.equal(await fixture.run(groupedBy(material(scanOf(limit)), ...group)));
          expect(fused.length).to.be.greaterThan(0);
        }
      }
    });

    it('gives the same rows as are made one by one, and the same best ones', async () => {
      const always = fixture.op('=', fixture.op('||', column(1, 3, TEXT), constant('', TEXT)), column(1, 3, TEXT));
      const some = scanPlan(forms, kinds, { qual: [fixture.op('<', column(1, 1, INT4), int(7050))] });
      const apart = scanPlan(forms, kinds, { qual: [fixture.op('<', column(1, 1, INT4), int(7050)), always] });
      expect(await fixture.run(some)).to.deep.equal(await fixture.run(apart));
      for (const key of [1, 2]) {
        for (const reverse of [false, true]) {
          const best = (child: Plan): Plan => ({
            ...BASE, plan: 'Limit', targetlist: child.targetlist, limitCount: constant(40, INT8), limitOffset: null, tieColumns: [],
            child: { ...BASE, plan: 'Sort', child, boundHint: true, targetlist: child.targetlist, sortColumns: [fixture.sort(key, kinds[key - 1], { reverse, nullsFirst: false }), fixture.sort(3, TEXT)] },
          });
          const sortKey = key - 1;
          const keys = async (plan: Plan): Promise<unknown[]> => (await fixture.run(plan)).map((row) => row[sortKey]);
          expect(await keys(best(scanOf(2 ** 31 - 1)))).to.deep.equal(await keys(best(material(scanOf(2 ** 31 - 1)))));
        }
      }
    });
  });

  describe('groups gathered instead of sorted rows', () => {
    const kinds = [...types, NUMERIC];
    const wide = (changes: Partial<SeqScanPlan> = {}): SeqScanPlan => scanPlan(table, types, {
      planRows: 5000, targetlist: targets(...types.map((type, at) => column(1, at + 1, type)), fixture.call('numeric', column(1, 1, INT4))), ...changes,
    });
    const over = (child: Plan, group: readonly number[], exprs: readonly Expr[], changes: Partial<SortColumn> = {}): AggPlan => {
      const sortColumns = group.map((item) => fixture.sort(item, kinds[item - 1], changes));
      return {
        ...BASE, plan: 'Agg', strategy: 'sorted', targetlist: targets(...exprs), groupColumns: sortColumns, groupingSets: [], groupingRefs: [], phases: [],
        child: { ...BASE, plan: 'Sort', child, boundHint: false, targetlist: child.targetlist, sortColumns },
      };
    };
    /** Rows of the plan, and whether it sorted more than fits in a little memory. */
    const runs = async (plan: Plan): Promise<{ rows: Row[]; sorted: boolean }> => {
      const temporary = new TemporaryFiles(new ScratchDirectory(simEnv(1).files, 'tmp'));
      fixture.temporary = temporary;
      fixture.workMemBytes = 128 * 1024;
      try {
        const rows = await fixture.run(plan);
        return { rows, sorted: temporary.bytesWritten > 0 };
      } finally {
        fixture.temporary = null;
        fixture.workMemBytes = 4 << 20;
      }
    };
    const exact = () => [
      fixture.aggregate('count', []), fixture.aggregate('sum', [outer(1, INT4)]), fixture.aggregate('avg', [outer(1, INT4)]), fixture.aggregate('sum', [outer(4, INT8)]),
      fixture.aggregate('max', [outer(2, TEXT)]), fixture.aggregate('min', [outer(4, INT8)]), fixture.aggregate('sum', [outer(5, NUMERIC)]),
      fixture.aggregate('count', [outer(3, FLOAT8)], { aggfilter: fixture.op('>', outer(1, INT4), int(10)) }),
    ];

    for (const [name, group] of [['an integer', [1]], ['a text', [2]], ['two columns', [2, 1]]] as const) {
      for (const [reverse, nullsFirst] of [[false, false], [true, true]]) {
        it(`alike, without sorting the rows: ${name}${reverse ? ' descending' : ''}`, async () => {
          const exprs = [...group.map((item) => outer(item, kinds[item - 1])), ...exact()];
          const gathered = await runs(over(wide(), group, exprs, { reverse, nullsFirst }));
          const slow = await runs(over(material(wide()), group, exprs, { reverse, nullsFirst }));
          expect(gathered.rows).to.deep.equal(slow.rows);
          expect([gathered.sorted, slow.sorted, gathered.rows.length > 10]).to.deep.equal([false, true, true]);
        });
      }
    }

    it('not where the order of rows can be told, in keys or aggregates', async () => {
      const plans: [number, Expr[]][] = [
        [3, [outer(3, FLOAT8), ...exact()]], [5, [outer(5, NUMERIC), ...exact()]],
        ...[fixture.aggregate('sum', [outer(3, FLOAT8)]), fixture.aggregate('avg', [outer(3, FLOAT8)]), fixture.aggregate('min', [outer(5, NUMERIC)]), fixture.aggregate('array_agg', [outer(1, INT4)])]
          .map((aggregate): [number, Expr[]] => [2, [outer(2, TEXT), aggregate]]),
      ];
      for (const [key, exprs] of plans) {
        expect((await runs(over(wide(), [key], exprs))).sorted).to.equal(true);
        expect(await fixture.run(over(wide(), [key], exprs))).to.deep.equal(await fixture.run(over(material(wide()), [key], exprs)));
      }
    });

    it('not where nearly every row begins a group, or the groups take too much memory', async () => {
      const exprs = [outer(4, INT8), ...exact()];
      const many = await runs(over(wide(), [4], exprs));
      expect(many.sorted).to.equal(true);
      expect(many.rows).to.deep.equal((await runs(over(material(wide()), [4], exprs))).rows);
    });

    it('an error comes where it came: after the groups before it', async () => {
      const risky = fixture.aggregate('sum', [fixture.op('/', int(10), fixture.op('-', outer(1, INT4), int(12)))]);
      const limited = (child: Plan, count: number): Plan => {
        const plan = over(child, [1], [outer(1, INT4), risky]);
        return { ...BASE, plan: 'Limit', targetlist: plan.targetlist, limitCount: constant(count, INT8), limitOffset: null, tieColumns: [], child: plan };
      };
      const slow = await fixture.run(limited(material(wide()), 15));
      expect(await fixture.run(limited(wide(), 15))).to.deep.equal(slow);
      expect(slow).to.have.length(15);
      for (const child of [wide(), material(wide())]) {
        const failed = await fixture.run(limited(child, 16)).then(() => null, (error: unknown) => error);
        expect((failed as { sqlstate?: string } | null)?.sqlstate).to.equal('22012');
      }
    });
  });

  for (const [reverse, nullsFirst] of [[false, false], [true, true], [false, true], [true, false]]) {
    for (const key of [1, 3]) {
      it(`finds the same best rows of column ${key}${reverse ? ' descending' : ''}, nulls ${nullsFirst ? 'first' : 'last'}`, async () => {
        const best = (child: Plan): Plan => ({
          ...BASE, plan: 'Limit', targetlist: child.targetlist, limitCount: constant(5, INT8), limitOffset: null, tieColumns: [],
          child: {
            ...BASE, plan: 'Sort', child, boundHint: true, targetlist: child.targetlist,
            sortColumns: [fixture.sort(key, types[key - 1], { reverse, nullsFirst }), fixture.sort(4, INT8), fixture.sort(2, TEXT)],
          },
        });
        expect(await fixture.run(best(scan()))).to.deep.equal(await fixture.run(best(material(scan()))));
      });
    }
  }

  describe('chunks without a row that is good enough', () => {
    const CHUNK = 1024;
    let ranges = 0;
    const kinds = [INT4, FLOAT8, TEXT];

    before(async () => {
      ranges = createTable(fixture.catalog, 'ranges', [['a', INT4], ['c', FLOAT8], ['t', TEXT]]).oid;
      // Rising, with NULLs in some chunks of the one column and NaN in some of the other.
      const rows = Array.from({ length: 12 * CHUNK }, (_, at): Row => {
        const chunk = Math.floor(at / CHUNK);
        return [chunk % 4 === 2 && at % 100 === 0 ? null : at, chunk % 5 === 1 && at % 300 === 0 ? NaN : (at % 500) + chunk / 4, `row ${at}`];
      });
      await fixture.insert(ranges, kinds, rows);
      fixture.session.commit();
      await fixture.storage.checkpoint();
      await fixture.insert(ranges, kinds, [[20_000, -5, 'late'], [-20_000, 7000, 'late']]);
    });

    for (const [reverse, nullsFirst] of [[false, false], [true, true], [false, true], [true, false]]) {
      for (const key of [1, 2]) {
        for (const filtered of [false, true]) {
          it(`are not opened, and not missed: column ${key}${reverse ? ' descending' : ''}, nulls ${nullsFirst ? 'first' : 'last'}${filtered ? ', with a condition' : ''}`, async () => {
            const scanned = (): Plan => scanPlan(ranges, kinds, { qual: filtered ? [fixture.op('<', column(1, 1, INT4), int(9000))] : [] });
            const best = (child: Plan): Plan => ({
              ...BASE, plan: 'Limit', targetlist: child.targetlist, limitCount: constant(15, INT8), limitOffset: null, tieColumns: [],
              child: {
                ...BASE, plan: 'Sort', child, boundHint: true, targetlist: child.targetlist,
                sortColumns: [fixture.sort(key, kinds[key - 1], { reverse, nullsFirst }), fixture.sort(3, TEXT)],
              },
            });
            expect(await fixture.run(best(scanned()))).to.deep.equal(await fixture.run(best(material(scanned()))));
          });
        }
      }
    }
  });

  describe('LIKE over a column of strings', () => {
    // Strings of one byte a character with the text across the borders of values, UTF-8, few different ones, long ones.
    const kinds: [string, (at: number) => string][] = [
      ['latin1', (at) => ['ab', 'cab', '', 'b', 'abcabc', `x${at}`, '\xe9ab', 'a'][at % 8] + (at % 3 === 0 ? String(at * 7) : '')],
      ['utf8', (at) => `${at * 31}\u4e2d${at % 9}ab`],
      ['dictionary', (at) => ['abc', 'ca', 'bca', '\xe9'][at % 4]],
      ['long', (at) => 'xyab'.repeat((at * 13) % 60) + String(at)],
    ];
    const like = (pattern: string): Expr => fixture.op('~~', column(1, 2, TEXT), constant(pattern, TEXT));
    const apart = (pattern: string): Expr => fixture.op('~~', fixture.op('||', column(1, 2, TEXT), constant('', TEXT)), constant(pattern, TEXT));
    const or = (...args: Expr[]): Expr => ({ node: 'BoolExpr', boolop: 'or', args, location: -1 });
    const patterns = ['%ab%', '%ca%', '%c%', '%7%', '%\xe9%', '%\u4e2d%', '%bc', 'ab%', '%%', '%', '', '%a_c%', '%\\%%', '%nowhere at all%'];

    for (const [name, text] of kinds) {
      it(`finds what it finds in single values: ${name}`, async () => {
        const words = createTable(fixture.catalog, `words_${name}`, [['id', INT4], ['word', TEXT]]).oid;
        const rows = Array.from({ length: 3000 }, (_, at): Row => [at, at % 17 === 0 && name !== 'long' ? null : text(at)]);
        await fixture.insert(words, [INT4, TEXT], rows);
        fixture.session.commit();
        await fixture.storage.checkpoint();
        const found = (qual: Expr): Promise<Row[]> => fixture.run(scanPlan(words, [INT4, TEXT], { qual: [qual] }));
        let some = 0;
        for (const pattern of patterns) {
          const rowsFound = await found(like(pattern));
          some += rowsFound.length;
          expect(rowsFound, pattern).to.deep.equal(await found(apart(pattern)));
        }
        expect(some).to.be.greaterThan(3000);
        expect(await found(or(...patterns.map(like)))).to.deep.equal(await found(or(...patterns.map(apart))));
        const numbers = Array.from({ length: 20 }, (_, at) => `%${at}%`);
        expect(await found(or(...numbers.map(like)))).to.deep.equal(await found(or(...numbers.map(apart))));
      });
    }
  });

  describe('join', () => {
    const inner = (attno: number, type: number): Expr => column(INNER_VAR, attno, type);
    const few = (): Plan => scanPlan(table, types, { qual: [fixture.op('<', column(1, 4, INT8), constant(400_000_000, INT8))] });
    // Keys that are computed are not the kernel's.
    const join = (jointype: HashJoinPlan['jointype'], fused: boolean, keys: [number, number], changes: Partial<HashJoinPlan> = {}): HashJoinPlan => ({
      ...BASE, plan: 'HashJoin', jointype, outer: few(), inner: scan(), joinqual: [], innerUnique: false,
      targetlist: targets(outer(1, INT4), outer(4, INT8), ...(jointype === 'inner' || jointype === 'left' ? [inner(2, TEXT), inner(3, FLOAT8), inner(4, INT8)] : [])),
      outerKeys: [fused ? outer(keys[0], INT4) : fixture.op('+', outer(keys[0], INT4), int(0))], innerKeys: [inner(keys[1], INT4)],
      hashOperators: [96], hashCollations: [0], tableParams: [], ...changes,
    });

    for (const jointype of ['inner', 'left', 'semi', 'anti'] as const) {
      for (const name of ['keys only', 'a condition of the pair', 'a condition of the result'] as const) {
        it(`alike: ${jointype}, ${name}`, async () => {
          const changes: Partial<HashJoinPlan> = name === 'a condition of the pair' ? { joinqual: [fixture.op('>', inner(3, FLOAT8), outer(3, FLOAT8)), fixture.op('<', inner(4, INT8), constant(4_000_000_000, INT8))] }
            : name === 'a condition of the result' ? { qual: [fixture.op('<', outer(3, FLOAT8), constant(20, FLOAT8))] } : {};
          const fused = await fixture.run(join(jointype, true, [1, 1], changes));
          expect(fused).to.deep.equal(await fixture.run(join(jointype, false, [1, 1], changes)));
          if (jointype !== 'anti' || name === 'a condition of the pair') expect(fused.length).to.be.greaterThan(0);
        });
      }
    }

    it('alike where the keys lie far apart or there are none', async () => {
      const none = { inner: scanPlan(table, types, { qual: [fixture.op('>', column(1, 1, INT4), int(1000))] }) };
      for (const jointype of ['inner', 'left', 'semi', 'anti'] as const) {
        expect(await fixture.run(join(jointype, true, [1, 1], none))).to.deep.equal(await fixture.run(join(jointype, false, [1, 1], none)));
        const far = { outerKeys: [outer(4, INT8)], innerKeys: [inner(4, INT8)] };
        const [fused, slow] = [{ ...far }, { ...far, outerKeys: [fixture.op('+', outer(4, INT8), constant(0, INT8))] }];
        expect(await fixture.run(join(jointype, true, [1, 1], fused))).to.deep.equal(await fixture.run(join(jointype, false, [1, 1], slow)));
      }
    });
  });

  it('compiles with the catalog of whoever runs the plan, not of a session that is gone', async () => {
    const grows = createTable(fixture.catalog, 'grows', [['a', INT4], ['b', TEXT]]).oid;
    const rows = (count: number) => Array.from({ length: count }, (_, at): Row => [at % 37, `t${at}`]);
    await fixture.insert(grows, [INT4, TEXT], rows(30));
    const some = (): Plan => scanPlan(grows, [INT4, TEXT], { qual: [fixture.op('<', fixture.call('length', column(1, 2, TEXT)), int(4))] });
    const joined: HashJoinPlan = {
      ...BASE, plan: 'HashJoin', jointype: 'inner', outer: some(), inner: some(), joinqual: [], innerUnique: false, qual: [fixture.op('<', fixture.op('+', outer(1, INT4), int(1)), int(9))],
      targetlist: targets(fixture.call('length', outer(2, TEXT)), column(INNER_VAR, 1, INT4)), outerKeys: [outer(1, INT4)], innerKeys: [column(INNER_VAR, 1, INT4)],
      hashOperators: [96], hashCollations: [0], tableParams: [],
    };
    const plans = [some(), agg(some(), [1], outer(1, INT4), fixture.aggregate('max', [fixture.call('length', outer(2, TEXT))])), joined];
    let isGone = false;
    const { catalog } = fixture;
    const first = new Proxy(catalog, {
      get(target, key) {
        expect(isGone, 'asked after its session').to.equal(false);
        const found: unknown = Reflect.get(target, key, target);
        return typeof found === 'function' ? (found.bind(target) as unknown) : found;
      },
    });
    for (const plan of plans) expect(await fixture.run(plan, [], { catalog: first })).to.have.length.greaterThan(0);
    isGone = true;
    await fixture.insert(grows, [INT4, TEXT], rows(3000));
    fixture.session.commit();
    await fixture.storage.checkpoint();
    expect(await fixture.run(plans[0])).to.have.length(130);
    expect(await fixture.run(plans[1])).to.have.length(37);
    expect(await fixture.run(plans[2])).to.have.length.greaterThan(20);
  });

  it('counts an empty table', async () => {
    const empty = createTable(fixture.catalog, 'empty', [['a', INT4]]).oid;
    expect(await fixture.run(agg(scanPlan(empty, [INT4]), [], fixture.aggregate('count', []), fixture.aggregate('sum', [outer(1, INT4)])))).to.deep.equal([[0, null]]);
    expect(await fixture.run(agg(scanPlan(empty, [INT4]), [1], outer(1, INT4), fixture.aggregate('count', [])))).to.deep.equal([]);
  });
});
