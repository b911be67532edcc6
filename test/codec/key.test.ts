/** Index keys: bytewise order agrees with a reference comparator for every kind; golden bytes. */
import { expect } from 'chai';
import { makeCollatedKeyEncoder, makeKeyComparator, type CollatedColumn } from '../../lib/codec/collated-key.js';
import { describeKey, makeKeyEncoder, type KeyColumn, type KeyKind } from '../../lib/codec/key-encoder.js';
import { ArrayValue, Interval, RecordValue, TimeTz, type Datum } from '../../lib/types/datum.js';
import { Jsonb, type JsonbNode } from '../../lib/types/jsonb.js';
import { RangeValue, unbounded, type RangeBound } from '../../lib/types/range.js';
import { Numeric } from '../../lib/types/numeric.js';
import { Values } from './values.js';

type Compare = (a: Datum, b: Datum) => number;
const sign = (order: number | bigint): number => (order > 0 ? 1 : order < 0 ? -1 : 0);
const plainOrder = (a: number | bigint | boolean, b: number | bigint | boolean): number => (a < b ? -1 : a > b ? 1 : 0);
const bytesOrder = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);
const textOrder: Compare = (a, b) => bytesOrder(Buffer.from(a as string), Buffer.from(b as string));
const integerOrder: Compare = (a, b) => plainOrder(a as number, b as number);

const floatOrder: Compare = (a, b) => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return plainOrder(a as number, b as number);
};

function numericOrder(a: Numeric, b: Numeric): number {
  const rank = (value: Numeric): number => ({ '-Infinity': -1, '': 0, Infinity: 1, NaN: 2 })[value.special];
  if (a.special !== '' || b.special !== '') return sign(rank(a) - rank(b));
  const scale = Math.max(a.scale, b.scale);
  return sign(a.unscaled * 10n ** BigInt(scale - a.scale) - b.unscaled * 10n ** BigInt(scale - b.scale));
}

function intervalSpan(value: Interval): bigint {
  return BigInt(value.micros) + (BigInt(value.days) + BigInt(value.months) * 30n) * 86_400_000_000n;
}

/** array_cmp. */
function arrayOrder(element: Compare): Compare {
  return (left, right) => {
    const [a, b] = [left as ArrayValue, right as ArrayValue];
    for (let index = 0; index < Math.min(a.elements.length, b.elements.length); index++) {
      const [x, y] = [a.elements[index], b.elements[index]];
      const order = x === null || y === null ? Number(x === null) - Number(y === null) : element(x, y);
      if (order !== 0) return sign(order);
    }
    const shapes = [a, b].map((array) => [array.elements.length, array.dims.length, ...array.dims, ...array.lowerBounds]);
    for (let index = 0; index < Math.max(shapes[0].length, shapes[1].length); index++) {
      const order = (shapes[0][index] ?? 0) - (shapes[1][index] ?? 0);
      if (order !== 0) return sign(order);
    }
    return 0;
  };
}

/** compareJsonbContainers, with the top-level scalar as a pseudo array of one. */
function jsonbOrder(a: JsonbNode, b: JsonbNode, top: boolean): number {
  const rank = (node: JsonbNode): number =>
    (node === null ? 0 : typeof node === 'string' ? 1 : node instanceof Numeric ? 2 : typeof node === 'boolean' ? 3 : Array.isArray(node) ? 4 : 5);
  const scalar = (node: JsonbNode): boolean => rank(node) < 4;
  if (top && rank(a) < 5 && rank(b) < 5 && scalar(a) !== scalar(b)) {
    const [lengthA, lengthB] = [a, b].map((node) => (Array.isArray(node) ? node.length : 1));
    return lengthA === lengthB ? (scalar(a) ? -1 : 1) : sign(lengthA - lengthB);
  }
  if (rank(a) !== rank(b)) return sign(rank(a) - rank(b));
  if (typeof a === 'string') return sign(textOrder(a, b as string));
  if (a instanceof Numeric) return numericOrder(a, b as Numeric);
  if (typeof a === 'boolean') return plainOrder(a, b as boolean);
  if (a === null) return 0;
  const flat = (node: JsonbNode): JsonbNode[] => (node instanceof Map ? [...node].flat() : [...(node as JsonbNode[])]);
  const [left, right] = [flat(a), flat(b)];
  if (left.length !== right.length) return sign(left.length - right.length);
  for (let index = 0; index < left.length; index++) {
    const order = jsonbOrder(left[index], right[index], false);
    if (order !== 0) return order;
  }
  return 0;
}

interface KindCase {
  name: string;
  kind: KeyKind;
  make: (values: Values) => Datum;
  compare: Compare;
}

const cases: KindCase[] = [
  { name: 'boolean', kind: { kind: 'boolean' }, make: (v) => v.boolean(), compare: (a, b) => plainOrder(a as boolean, b as boolean) },
  { name: 'integer', kind: { kind: 'integer' }, make: (v) => v.pick([() => v.int8(), () => v.below(300) - 150, () => v.pick([Infinity, -Infinity, 255, 256, 65535, 65536, 2 ** 24, 2 ** 32, -256, -257, 2 ** 32 - 1, -(2 ** 32), -(2 ** 32) - 1])])(), compare: integerOrder },
  { name: 'float', kind: { kind: 'float' }, make: (v) => v.float(), compare: floatOrder },
  { name: 'numeric', kind: { kind: 'numeric' }, make: (v) => v.numeric(), compare: (a, b) => numericOrder(a as Numeric, b as Numeric) },
  { name: 'text', kind: { kind: 'text' }, make: (v) => v.text(), compare: textOrder },
  { name: 'blankPadded', kind: { kind: 'blankPadded' }, make: (v) => v.pick(['a', 'a ', 'ab', 'ab  ', ' a', '', '  ', 'a b']), compare: (a, b) => textOrder((a as string).replace(/ +$/, ''), (b as string).replace(/ +$/, '')) },
  { name: 'bytea', kind: { kind: 'bytea' }, make: (v) => v.bytes(), compare: (a, b) => bytesOrder(a as Uint8Array, b as Uint8Array) },
  { name: 'timetz', kind: { kind: 'timetz' }, make: (v) => v.timeTz(), compare: (a, b) => {
    const [x, y] = [a as TimeTz, b as TimeTz];
    return plainOrder(x.micros + x.zone * 1e6, y.micros + y.zone * 1e6) || plainOrder(x.zone, y.zone);
  } },
  { name: 'interval', kind: { kind: 'interval' }, make: (v) => v.pick([v.interval(), new Interval(2147483647, 2147483647, 9223372036854775807n), new Interval(-2147483648, -2147483648, -9223372036854775808n)]), compare: (a, b) => plainOrder(intervalSpan(a as Interval), intervalSpan(b as Interval)) },
  { name: 'enum', kind: { kind: 'enum', order: (oid) => [3, 1, 2.5][oid] }, make: (v) => v.below(3), compare: (a, b) => plainOrder([3, 1, 2.5][a as number], [3, 1, 2.5][b as number]) },
  { name: 'integer array', kind: { kind: 'array', element: { kind: 'integer' } }, make: (v) => v.array(() => v.below(4)), compare: arrayOrder(integerOrder) },
  { name: 'text array', kind: { kind: 'array', element: { kind: 'text' } }, make: (v) => v.array(() => v.text()), compare: arrayOrder(textOrder) },
  { name: 'record', kind: { kind: 'record', fields: [{ kind: 'text' }, { kind: 'integer' }] }, make: (v) => new RecordValue(2249, [v.below(4) === 0 ? null : v.text(), v.below(3)]), compare: (a, b) => {
    const [x, y] = [a as RecordValue, b as RecordValue];
    const first = x.values[0] === null || y.values[0] === null ? Number(x.values[0] === null) - Number(y.values[0] === null) : textOrder(x.values[0], y.values[0]);
    return first || integerOrder(x.values[1], y.values[1]);
  } },
  { name: 'range', kind: { kind: 'range', subtype: { kind: 'integer' } }, make: (v) => randomRange(v), compare: (a, b) => rangeOrder(a as RangeValue, b as RangeValue) },
  { name: 'jsonb', kind: { kind: 'jsonb' }, make: (v) => v.jsonb(), compare: (a, b) => jsonbOrder((a as Jsonb).root, (b as Jsonb).root, true) },
];

/** A range over [0, 3], open or closed at its ends. */
function randomRange(values: Values): RangeValue {
  if (values.below(6) === 0) return RangeValue.emptyOf(3904);
  const bound = (lower: boolean): RangeBound => (values.below(5) === 0 ? unbounded(lower)
    : { value: values.below(4), infinite: false, inclusive: values.below(2) === 0, lower });
  return new RangeValue(3904, bound(true), bound(false), false);
}

/** range_cmp: where a bound lies, in steps of a half. */
function rangeOrder(a: RangeValue, b: RangeValue): number {
  if (a.empty || b.empty) return Number(b.empty) - Number(a.empty);
  const place = ({ value, infinite, inclusive, lower }: RangeBound): number => {
    if (infinite) return lower ? -100 : 100;
    return (value as number) + (inclusive ? 0 : lower ? 0.25 : -0.25);
  };
  return place(a.lower) - place(b.lower) || place(a.upper) - place(b.upper);
}

const column = (kind: KeyKind, descending = false, nullsFirst = false): KeyColumn => ({ kind, descending, nullsFirst });

describe('index keys', () => {
  for (const { name, kind, make, compare } of cases) {
    it(`order as the type does: ${name}`, () => {
      const values = new Values(7);
      const up = makeKeyEncoder([column(kind)]);
      const down = makeKeyEncoder([column(kind, true)]);
      const second = makeKeyEncoder([column(kind), column({ kind: 'integer' })]);
      for (let round = 0; round < 6000; round++) {
        const [a, b] = [make(values), make(values)];
        const expected = sign(compare(a, b));
        const [keyA, keyB] = [up([a]), up([b])];
        const what = (): string => `${JSON.stringify([a, b], (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))} ${describeKey(keyA)} ${describeKey(keyB)}`;
        expect(plainOrderOf(keyA, keyB), what()).to.equal(expected);
        expect(plainOrderOf(down([a]), down([b])), `descending ${what()}`).to.equal(-expected || 0);
        const [tailA, tailB] = [values.below(3), values.below(3)];
        expect(plainOrderOf(second([a, tailA]), second([b, tailB])), `two columns ${what()}`).to.equal(expected || sign(tailA - tailB));
        expect(second([a, tailA]).startsWith(keyA)).to.equal(true);
        if (expected !== 0) expect(second([a, tailA]).startsWith(keyB), `prefix ${what()}`).to.equal(false);
        for (const character of keyA) if (character.charCodeAt(0) > 255) expect.fail('not latin1');
      }
    });
  }

  it('put nulls where they are wanted, whatever the direction', () => {
    for (const descending of [false, true]) {
      for (const nullsFirst of [false, true]) {
        const encode = makeKeyEncoder([column({ kind: 'integer' }, descending, nullsFirst), column({ kind: 'text' })]);
        for (const value of [0, -1, Infinity, -Infinity, 2n ** 62n]) {
          expect(encode([null, 'a']) < encode([value, 'a']), `${descending} ${nullsFirst}`).to.equal(nullsFirst);
        }
      }
    }
  });

  it('have the same bytes for values that are equal', () => {
    const numeric = makeKeyEncoder([column({ kind: 'numeric' })]);
    expect(numeric([new Numeric(150n, 2)])).to.equal(numeric([new Numeric(15n, 1)]));
    expect(numeric([new Numeric(0n, 5)])).to.equal(numeric([new Numeric(0n, 0)]));
    const float = makeKeyEncoder([column({ kind: 'float' })]);
    expect(float([-0])).to.equal(float([0]));
    const interval = makeKeyEncoder([column({ kind: 'interval' })]);
    expect(interval([new Interval(1, 0, 0)])).to.equal(interval([new Interval(0, 30, 0)]));
    const generic = makeKeyEncoder([column({ kind: 'generic' })]);
    expect(generic([new Jsonb('x')])).to.equal(generic([new Jsonb('x')]));
    expect(generic([new Jsonb('x')])).to.not.equal(generic([new Jsonb('y')]));
  });

  it('have these bytes', () => {
    const hex = (kind: KeyKind, value: Datum, descending = false): string => describeKey(makeKeyEncoder([column(kind, descending)])([value]));
    const whole = ([0, 1, 255, 256, 70000, 2 ** 31, 2 ** 40, -1, -256, -257, 2n ** 62n, Infinity, -Infinity] as Datum[]).map((value) => hex({ kind: 'integer' }, value));
    expect(whole).to.deep.equal(['0180', '018101', '0181ff', '01820100', '0183011170', '018480000000', '0186010000000000', '017eff', '017e00', '017dfeff', '01884000000000000000', '01ff', '0100']);
    expect(hex({ kind: 'integer' }, 1, true)).to.equal('017efe');
    expect(hex({ kind: 'integer' }, null)).to.equal('02');
    expect(hex({ kind: 'text' }, 'a\x00\x01\u00e9')).to.equal('016101010102c3a900');
    expect(hex({ kind: 'float' }, 1.5)).to.equal('01bff8000000000000');
    expect(hex({ kind: 'float' }, -1.5)).to.equal('014007ffffffffffff');
    expect(hex({ kind: 'numeric' }, new Numeric(12345n, 2))).to.equal('01048000030d233300');
    expect(hex({ kind: 'numeric' }, new Numeric(-12345n, 2))).to.equal('01027ffffcf2dcccff');
    expect(hex({ kind: 'interval' }, new Interval(0, 0, 1))).to.equal('0180000000000000000001');
    expect(hex({ kind: 'array', element: { kind: 'integer' } }, ArrayValue.of(23, [1, null]))).to.equal('0102810103010181028101');
    expect(hex({ kind: 'jsonb' }, new Jsonb([true, 'a']))).to.equal('01120581020401026100');
  });
});

function plainOrderOf(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

describe('keys with collated text', () => {
  const collator = new Intl.Collator('en');
  const columns = (descending: boolean): CollatedColumn[] => [
    { ...column({ kind: 'text' }, descending), collator },
    { ...column({ kind: 'integer' }, descending), collator: null },
  ];
  const words = ['a', 'A', 'b', 'B', 'ab', '\u00e4', 'z', '', 'a b', 'e\u0301', '\u00e9', 'zebra', '10', '9'];

  it('order by the collator, ties by bytes, then by the other columns; a prefix comes first', () => {
    for (const descending of [false, true]) {
      const encode = makeCollatedKeyEncoder(columns(descending));
      const compare = makeKeyComparator(columns(descending));
      for (const a of words) {
        for (const b of words) {
          const expected = sign(collator.compare(a, b) || textOrder(a, b)) * (descending ? -1 : 1);
          expect(sign(compare(encode([a, 1]), encode([b, 1]))), `${a} ${b}`).to.equal(expected || 0);
          if (a === b) expect(sign(compare(encode([a, 1]), encode([b, 2])))).to.equal(descending ? 1 : -1);
        }
        expect(sign(compare(encode([a]), encode([a, 5])))).to.equal(-1);
        expect(encode([a, 5]).startsWith(encode([a]))).to.equal(true);
        expect(sign(compare(encode([null, 1]), encode([a, 1])))).to.equal(1);
        expect(sign(compare(encode([a, 1]), encode([null, 1])))).to.equal(-1);
      }
      expect(compare(encode([null, 1]), encode([null, 1]))).to.equal(0);
      expect(sign(compare(encode([null, 1]), encode([null, 2])))).to.equal(descending ? 1 : -1);
    }
  });

  it('ignore trailing blanks of char(n) and have these bytes', () => {
    const encode = makeCollatedKeyEncoder([{ ...column({ kind: 'text' }), collator, blankPadded: true }]);
    expect(describeKey(encode(['\u00e9 ']))).to.equal('0100000002c3a9');
    expect(encode(['a  '])).to.equal(encode(['a']));
  });
});
