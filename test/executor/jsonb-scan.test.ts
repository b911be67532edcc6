/** jsonb columns in scans and fused aggregation: what is read from the bytes of chunks is what the documents hold, and no row keeps a chunk. */
import { expect } from 'chai';
import type { Expr } from '../../lib/analyzer/nodes.js';
import { sameExpression } from '../../lib/executor/same-expression.js';
import { formatNode } from '../../lib/functions/json/jsonb.js';
import type { AggPlan, Plan } from '../../lib/planner/plan-nodes.js';
import { ArrayValue, type Datum, type Row } from '../../lib/types/datum.js';
import { Jsonb, type JsonbNode } from '../../lib/types/jsonb.js';
import { Numeric } from '../../lib/types/numeric.js';
import { JSONBARRAYOID, JSONBOID } from '../../lib/types/oids.js';
import { createTable } from '../catalog/tables.js';
import { BASE, column, constant, ExecutorFixture, INT4, NUMERIC, outer, scanPlan, targets, text } from './support.js';

/** The most bytes that a kept value may hold in memory beside itself. */
const BLOCK_BYTES = 8 * 1024;

/** Values comparable: jsonb by its text, numerics by their parts. */
function plain(value: Datum): unknown {
  if (value instanceof Jsonb) return formatNode(value.root);
  if (value instanceof Numeric) return `${value.unscaled}/${value.scale}`;
  return value instanceof ArrayValue ? value.elements.map(plain) : value;
}

describe('executor/jsonb in scans', () => {
  const types = [INT4, JSONBOID];
  let fixture: ExecutorFixture;
  let table = 0;

  const documentOf = (id: number): Map<string, JsonbNode> => new Map<string, JsonbNode>([
    ['kind', `k${id % 7}`],
    ['user', id % 11 === 0 ? null : new Map<string, JsonbNode>([['city', `c\u00f6${id % 5}`], ['name', 'n'.repeat(id % 40)]])],
    ['amount', new Numeric(BigInt(id * 37), id % 3)],
  ]);
  const rows = Array.from({ length: 3000 }, (_, id): Row => [id, id % 13 === 0 ? null : new Jsonb(documentOf(id))]);

  before(async () => {
    fixture = await ExecutorFixture.open();
    table = createTable(fixture.catalog, 'documents', [['id', INT4], ['doc', JSONBOID]]).oid;
    await fixture.insert(table, types, rows.slice(0, 2900));
    fixture.session.commit();
    await fixture.storage.checkpoint();
    await fixture.insert(table, types, rows.slice(2900));
  });

  const doc = (): Expr => column(1, 2, JSONBOID);
  const arrow = (value: Expr, key: string): Expr => fixture.op('->', value, text(key));
  const arrowText = (value: Expr, key: string): Expr => fixture.op('->>', value, text(key));
  const asNumeric = (arg: Expr): Expr => ({ node: 'CoerceViaIO', arg, resulttype: NUMERIC, resultcollid: 0, coerceformat: 'explicitCast', location: -1 });
  const array = (...elements: Expr[]): Expr => ({
    node: 'ArrayExpr', arrayTypeid: JSONBARRAYOID, arrayCollid: 0, elementTypeid: JSONBOID, elements, multidims: false, location: -1,
  });
  const contains = (): Expr => fixture.op('@>', doc(), constant(new Jsonb(new Map([['kind', 'k3']])), JSONBOID));
  const live = rows.filter((row): row is [number, Jsonb] => row[1] !== null);

  it('gives rows that keep no chunk', async () => {
    const list = targets(column(1, 1, INT4), doc(), arrow(doc(), 'user'), array(arrow(doc(), 'kind'), doc()), arrowText(arrow(doc(), 'user'), 'city'), asNumeric(arrowText(doc(), 'amount')));
    const found = await fixture.run(scanPlan(table, types, { targetlist: list, qual: [contains()] }));
    const expected = live.filter(([id]) => id % 7 === 3).map(([id]) => {
      const tree = documentOf(id);
      const user = tree.get('user') as Map<string, JsonbNode> | null;
      const amount = tree.get('amount') as Numeric;
      const whole = formatNode(tree);
      return [id, whole, formatNode(user), [formatNode('k3'), whole], user === null ? null : user.get('city'), plain(amount)];
    });
    expect(found.map((row) => row.map(plain))).to.deep.equal(expected);
    for (const row of found) {
      for (const value of row.flatMap((item) => (item instanceof ArrayValue ? item.elements : [item]))) {
        if (value instanceof Jsonb) expect(value.bytes.buffer.byteLength).to.be.at.most(BLOCK_BYTES);
      }
    }
    const whole = await fixture.run(scanPlan(table, types));
    expect(whole.map((row) => row.map(plain))).to.deep.equal(rows.map((row) => row.map(plain)));
    for (const [, value] of whole) if (value instanceof Jsonb) expect(value.bytes.buffer.byteLength).to.be.at.most(BLOCK_BYTES);
  });

  it('aggregates as over rows', async () => {
    const material = (child: Plan): Plan => ({ ...BASE, plan: 'Material', child, targetlist: child.targetlist });
    const scan = (): Plan => scanPlan(table, types, {
      targetlist: targets(arrowText(arrow(doc(), 'user'), 'city'), asNumeric(arrowText(doc(), 'amount')), arrow(doc(), 'kind'), doc()), qual: [],
    });
    const agg = (child: Plan, group: number): AggPlan => ({
      ...BASE, plan: 'Agg', strategy: 'hashed', child, groupColumns: [fixture.sort(group, group === 1 ? 25 : JSONBOID)], groupingSets: [], groupingRefs: [], phases: [],
      targetlist: targets(outer(group, group === 1 ? 25 : JSONBOID), fixture.aggregate('count', []), fixture.aggregate('sum', [outer(2, NUMERIC)]),
        fixture.aggregate('jsonb_agg', [outer(3, JSONBOID)]), fixture.aggregate('count', [outer(4, JSONBOID)])),
    });
    for (const group of [1, 3]) {
      const fused = (await fixture.run(agg(scan(), group))).map((row) => row.map(plain));
      const slow = (await fixture.run(agg(material(scan()), group))).map((row) => row.map(plain));
      expect(fused).to.deep.equal(slow);
      expect(fused.length).to.equal(group === 1 ? 6 : 8);
      expect(fused.reduce((sum, row) => sum + (row[4] as number), 0)).to.equal(live.length);
    }
  });

  it('tells different documents apart where expressions are compared', () => {
    const object = (key: string): Expr => constant(new Jsonb(new Map([[key, true]])), JSONBOID);
    expect(sameExpression(object('a'), object('b'))).to.equal(false);
    expect(sameExpression(object('a'), object('a'))).to.equal(true);
  });
});
