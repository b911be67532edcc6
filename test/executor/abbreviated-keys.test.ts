/** Rows sorted by abbreviated keys stand as rows compared one by one do, equal ones too. */
import { expect } from 'chai';
import { sortPlaces } from '../../lib/executor/abbreviated-keys.js';
import { ColumnRows } from '../../lib/executor/column-rows.js';
import { compareFloats, compilePlaceOrder, compileRowOrder, type ColumnOrder, type OrderKey } from '../../lib/executor/comparison.js';
import { quickSort } from '../../lib/executor/quick-sort.js';
import type { FunctionServices } from '../../lib/functions/context.js';
import { compareCodePoints } from '../../lib/types/collation.js';
import type { Datum, Row } from '../../lib/types/datum.js';

const plain: ColumnOrder = { style: 'plain', compare: () => expect.fail('compiled in place') };
const float: ColumnOrder = { style: 'float', compare: compareFloats };
const text: ColumnOrder = { style: 'text', compare: (_services, a, b) => compareCodePoints(a as string, b as string) };
const caseless: ColumnOrder = { style: 'call', compare: (_services, a, b) => compareCodePoints(String(a).toLowerCase(), String(b).toLowerCase()) };

/** Numbers that look random, the same each time. */
function scattered(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

type Values = (random: (below: number) => number) => Datum;
const pick = (...values: readonly Datum[]): Values => (random) => values[random(values.length)];
const KINDS: Readonly<Record<string, { readonly order: ColumnOrder; readonly values: Values }>> = {
  integers: { order: plain, values: (random) => random(1000) - 500 },
  'few integers': { order: plain, values: (random) => random(3) },
  'integers and nulls': { order: plain, values: (random) => (random(5) === 0 ? null : random(50)) },
  bigints: { order: plain, values: pick(9007199254740993n, 9007199254740992n, 9007199254740991n, -1n, 0n, null) },
  booleans: { order: plain, values: pick(true, false, null) },
  uuids: { order: plain, values: (random) => `123e4567-e89b-12d3-a456-4266141${String(random(500)).padStart(5, '0')}` },
  floats: { order: float, values: pick(NaN, Infinity, -Infinity, 0, -0, 1.5, -1.5, 1e300, null) },
  'floats without nulls': { order: float, values: pick(NaN, Infinity, -Infinity, 0, 1.5) },
  labels: { order: text, values: (random) => `label ${random(2000)}` },
  'labels of one length': { order: text, values: (random) => `label ${random(900) + 100}` },
  'long labels': { order: text, values: (random) => `${'x'.repeat(random(3) + 6)}${random(5)}` },
  'all the world': { order: text, values: pick('', 'a', 'b', 'aþ', 'aÿ', 'aÿa', 'aĀ', 'aĀa', 'a\u{e000}', 'a\u{1f600}', 'a\u{1f601}', 'a\u{ffff}', 'a\u0001', null) },
  'any case': { order: caseless, values: pick('a', 'A', 'b', 'B', 'c', null) },
};

describe('executor/abbreviated-keys', () => {
  const S: Parameters<typeof sortPlaces>[0] = { services: {} as FunctionServices, tick: () => null };

  function check(rows: Row[], keys: readonly OrderKey[]): void {
    const columns = new ColumnRows();
    for (let start = 0; start < rows.length; start += 100) columns.add(rows.slice(start, start + 100));
    const step = sortPlaces(S, columns, keys, compilePlaceOrder(keys)).next();
    expect(step.done).to.equal(true);
    const sorted = columns.rowsAt(step.value as Uint32Array);
    expect(sorted).to.deep.equal(quickSort([...rows], compileRowOrder(keys)(S.services)));
  }

  for (const [name, kind] of Object.entries(KINDS)) {
    for (const [otherName, other] of Object.entries(KINDS)) {
      it(`${name}, then ${otherName}`, () => {
        const random = scattered(name.length * 31 + otherName.length);
        for (const [length, reverse, nullsFirst] of [[1, false, false], [2000, false, false], [1500, true, true], [300, true, false], [40, false, true]] as const) {
          const rows = Array.from({ length }, (_, place): Row => [place, kind.values(random), other.values(random)]);
          check(rows, [{ left: 1, right: 1, order: kind.order, reverse, nullsFirst }]);
          check(rows, [
            { left: 1, right: 1, order: kind.order, reverse, nullsFirst }, { left: 2, right: 2, order: other.order, reverse: !reverse, nullsFirst },
          ]);
          check(rows, [
            { left: 1, right: 1, order: kind.order, reverse: !reverse, nullsFirst }, { left: 2, right: 2, order: other.order, reverse, nullsFirst },
            { left: 0, right: 0, order: plain, reverse: true, nullsFirst: false },
          ]);
        }
      });
    }
  }

  it('gives the event loop its turns', () => {
    const rows = new ColumnRows();
    rows.add(Array.from({ length: 100_000 }, (_, place): Row => [(place * 7919) % 100_003]));
    let most = 0;
    const watching = { ...S, tick: (count: number) => { most = Math.max(most, count); return null; } };
    const keys = [{ left: 0, right: 0, order: plain, reverse: false, nullsFirst: false }];
    expect(sortPlaces(watching, rows, keys, compilePlaceOrder(keys)).next().done).to.equal(true);
    expect(most, 'one step goes over the rows at most once').to.equal(100_000);
  });
});
