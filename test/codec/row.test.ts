/** Rows, checksums and packed chunks come back exactly; their bytes are fixed. */
import { expect } from 'chai';
import type { ColumnVector } from '../../lib/access/api.js';
import { PgError } from '../../lib/base/error.js';
import { encodeChunk, PackedChunk } from '../../lib/codec/chunk.js';
import { crc32c, wordsCrc32c } from '../../lib/codec/crc32c.js';
import { decodeDatum, decodeRow, encodeDatum, encodeRow } from '../../lib/codec/row.js';
import { formatNode } from '../../lib/functions/json/jsonb.js';
import { ArrayValue, Interval, RecordValue, TimeTz, type Datum, type Row } from '../../lib/types/datum.js';
import { Jsonb } from '../../lib/types/jsonb.js';
import { MultirangeValue, RangeValue, unbounded } from '../../lib/types/range.js';
import { Numeric } from '../../lib/types/numeric.js';
import { Values } from './values.js';

/** Bytes as plain Uint8Array, so that Buffers compare equal to them; jsonb as its text (trees of Maps are slow to compare). */
function plain(value: Datum): unknown {
  if (value instanceof Jsonb) return { jsonb: formatNode(value.root) };
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}

describe('crc32c', () => {
  it('agrees with RFC 3720 and with its bitwise definition at every length and offset', () => {
    expect(crc32c(Buffer.from('123456789'))).to.equal(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).to.equal(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).to.equal(0x62a8ab43);
    const bytes = Buffer.from(Array.from({ length: 1300 }, (_, index) => (index * 197) >> 2));
    const words = new Int32Array(Uint8Array.from(bytes).buffer);
    const slow = (start: number, end: number): number => {
      let crc = 0xffffffff;
      for (let index = start; index < end; index++) {
        crc ^= bytes[index];
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
      }
      return ~crc >>> 0;
    };
    for (let length = 0; length < 1290; length += 7) {
      const start = length % 9;
      expect(crc32c(bytes, start, start + length)).to.equal(slow(start, start + length));
      const aligned = start - (start % 4);
      expect(wordsCrc32c(words, bytes, aligned, start + length)).to.equal(slow(aligned, start + length));
      const cut = start + (length >> 1);
      expect(crc32c(bytes, cut, start + length, crc32c(bytes, start, cut))).to.equal(slow(start, start + length));
    }
  });
});

describe('row codec', () => {
  it('brings every kind of value back exactly', () => {
    const values = new Values(1);
    for (let round = 0; round < 3000; round++) {
      const row = Array.from({ length: values.below(6) }, () => values.datum());
      expect(decodeRow(encodeRow(row)).map(plain)).to.deep.equal(row.map(plain));
      const one = values.datum();
      expect(plain(decodeDatum(encodeDatum(one)))).to.deep.equal(plain(one));
    }
  });

  it('keeps number and bigint, 0 and -0, and the extremes apart', () => {
    const row: Row = [
      0, -0, 2 ** 53 - 1, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n, NaN, Infinity, -Infinity, 4294967296, 0.1, '', new Uint8Array(0),
      new Numeric(10n ** 400n, 7), new Numeric(-(10n ** 40n), 0), new Numeric(-5n, 3), ArrayValue.of(701, [-0, null]),
    ];
    const back = decodeRow(encodeRow(row));
    row.forEach((value, index) => expect(Object.is(back[index], value) || typeof value === 'object', `index ${index}`).to.equal(true));
    expect(back.map(plain)).to.deep.equal(row);
    expect(Object.is((back[16] as ArrayValue).elements[0], -0)).to.equal(true);
  });

  it('has these bytes', () => {
    const hex = (...row: Row): string => Buffer.from(encodeRow(row)).toString('hex');
    expect(hex(1, -1, 300, 'ab', null, true)).to.equal('9601ffcd012ca26162c0c3');
    expect(hex(2n ** 60n, Uint8Array.of(1, 2))).to.equal('92d31000000000000000c4020102');
    expect(hex(new Numeric(150n, 2), Numeric.fromInteger(7), Numeric.NaN)).to.equal('93d401009202cc96d4010007d40100a34e614e');
    expect(hex(new Interval(1, 2, 3), new TimeTz(4, 5))).to.equal('92d4020093010203d40300920405');
    expect(hex(ArrayValue.of(23, [1, null]))).to.equal('91d4040092179201c0');
    expect(hex(new RecordValue(2249, [1]))).to.equal('91d4050092cd08c99101');
    expect(hex(new Jsonb(new Map([['a', true]])))).to.equal('91c70611050401016102');
    expect(hex(new Jsonb(null))).to.equal('91d41100');
    const numbers = [0n, 7n, -255n, 2n ** 48n - 1n, 2n ** 48n].map((unscaled) => new Numeric(unscaled, 0));
    expect(hex(new Jsonb(numbers))).to.equal('91c71b1104190510110719ff16ffffffffffff060a00000000000000000001');
    expect(hex(new Jsonb(new Numeric(-97789n, 2)))).to.equal('91c705112b02fd7d01');
    expect(hex(new Jsonb(new Numeric(5n, 300)))).to.equal('91c706110604002c0105');
    expect(hex(new Jsonb(Numeric.NaN), new Jsonb(Numeric.NegativeInfinity))).to.equal('92d5110700d5110702');
    expect(hex(new Jsonb('x'.repeat(128)))).to.equal(`91c782110380${'78'.repeat(128)}`);
    expect(hex(new Jsonb(['x'.repeat(250)]))).to.equal(`91c801011104fdfd000103fa${'78'.repeat(250)}`);
    // Rows of before hold jsonb as a msgpack tree.
    expect((decodeRow(Buffer.from('91d4060081a161c3', 'hex'))[0] as Jsonb).root).to.deep.equal(new Map([['a', true]]));
    expect(hex(-0)).to.equal('91d4070000');
    const range = new RangeValue(3904, { value: 1, infinite: false, inclusive: true, lower: true }, unbounded(false), false);
    expect(hex(range, RangeValue.emptyOf(3904))).to.equal('92d4080094cd0f401201c0d4080092cd0f4001');
    expect(hex(new MultirangeValue(4451, [range]))).to.equal('91d4090092cd116391d4080094cd0f401201c0');
    expect(decodeRow(encodeRow([range, RangeValue.emptyOf(3904), new MultirangeValue(4451, [range])])))
      .to.deep.equal([range, RangeValue.emptyOf(3904), new MultirangeValue(4451, [range])]);
  });
});

describe('packed chunk', () => {
  const check = (rows: (Row | null)[]): PackedChunk => {
    const chunk = new PackedChunk(encodeChunk(rows));
    const width = Math.max(0, ...rows.map((row) => row?.length ?? 0));
    expect(chunk.positions).to.equal(rows.length);
    expect(chunk.present).to.equal(rows.filter((row) => row !== null).length);
    rows.forEach((row, position) => {
      const expected = row && [...row.map(plain), ...Array.from({ length: width - row.length }, () => null)];
      expect(chunk.row(position)?.map(plain) ?? null, `position ${position}`).to.deep.equal(expected);
      expect(chunk.has(position)).to.equal(row !== null);
    });
    expect(chunk.has(rows.length)).to.equal(false);
    const positions = Uint16Array.from(rows.keys()).filter((position) => chunk.has(position) && position % 3 !== 1);
    const filled: Row[] = [[]];
    chunk.fillRows(filled, 1, positions, positions.length);
    expect(filled.slice(1).map((row) => row.map(plain))).to.deep.equal(Array.from(positions, (position) => chunk.row(position)?.map(plain)));
    return chunk;
  };

  it('brings rows back whatever their columns hold', () => {
    const values = new Values(2);
    const makers: (() => Datum)[] = [
      () => values.below(200) - 100, () => values.below(60000) - 30000, () => values.integer() | 0, () => values.float(), () => values.int8(),
      () => values.boolean(), () => values.text(), () => `word ${values.below(3)}`, () => `w\u00f6rd ${values.below(3)}`, () => `\u4e2d ${values.below(3)}`,
      () => values.datum(), () => null, () => values.numeric(), () => values.bytes(), () => values.jsonb(), () => new Jsonb('y'.repeat(values.below(200))), () => 'x'.repeat(values.below(200)),
    ];
    for (let round = 0; round < 120; round++) {
      const columns = Array.from({ length: values.below(5) }, () => values.pick(makers));
      const withNulls = values.boolean();
      const withHoles = values.boolean();
      const rows = Array.from({ length: values.pick([0, 1, 7, 8, 9, 100, 1024]) }, () =>
        (withHoles && values.below(3) === 0 ? null : columns.map((make) => (withNulls && values.below(4) === 0 ? null : make()))));
      check(rows);
    }
  });

  it('chooses narrow forms and offers typed arrays, nulls and bounds', () => {
    const rows = Array.from({ length: 1024 }, (_, i): Row => [i % 100, i * 100, i * 1e6, i / 2, i % 3 === 0, 'same', `row ${i}`, i === 5 ? null : 1n << 60n]);
    const chunk = check(rows);
    const kinds = rows[0].map((_, index): ColumnVector['kind'] => {
      const vector: ColumnVector = chunk.column(index);
      return vector.kind;
    });
    expect(kinds).to.deep.equal(['int32', 'int32', 'int32', 'float64', 'boolean', 'string', 'string', 'generic']);
    expect(chunk.range(1)).to.deep.equal({ minimum: 0, maximum: 102300, hasNulls: false });
    expect(chunk.range(3)).to.deep.equal({ minimum: 0, maximum: 511.5, hasNulls: false });
    expect(chunk.range(6)).to.equal(null);
    expect(chunk.column(0).nulls).to.equal(null);
    const int = chunk.column(2);
    if (int.kind !== 'int32') throw new Error('an int32 column');
    expect(int.data[7]).to.equal(7e6);
    expect(chunk.column(99).get(3)).to.equal(null);
    expect(chunk.column(99).nulls?.[0]).to.equal(0xff);
    expect(chunk.byteLength).to.be.lessThan(1024 * (1 + 4 + 4 + 8 + 1 + 1 + 12 + 9));
  });

  it('reads from unaligned memory', () => {
    const packed = encodeChunk([[1.5, 'a'], [2.5, 'b']]);
    const moved = Buffer.concat([Buffer.from([9]), packed]).subarray(1);
    expect(new PackedChunk(moved).row(1)).to.deep.equal([2.5, 'b']);
  });

  it('refuses another version', () => {
    const packed = encodeChunk([[1]]);
    packed[0] = 7;
    expect(() => new PackedChunk(packed)).to.throw(PgError, 'format version 7').with.property('sqlstate', 'XX001');
  });

  it('has these bytes', () => {
    const hex = Buffer.from(encodeChunk([[1, 'ab'], null, [-2, null]])).toString('hex');
    expect(hex.match(/.{16}/g)).to.deep.equal([
      '0301030002000200',
      'b3cf870500000000',
      '48000000c3707fd6',
      '00000000000000c0',
      '000000000000f03f',
      '59000000c0b9073d',
      '000000000000f87f',
      '000000000000f87f',
      '0500000000000000',
      '0100000003000000',
      '0100fe0000000000',
      '0601000002000000',
      '0400000000000000',
      '0000020002000200',
      '6162000000000000',
    ]);
    const jsonb = Buffer.from(encodeChunk([[new Jsonb(true)], [null], [new Jsonb(['x', Numeric.fromInteger(-300)])]])).toString('hex');
    expect(jsonb.match(/.{16}/g)).to.deep.equal([
      '0300030001000300',
      '21f495bd00000000',
      '2900000021f495bd',
      '000000000000f87f',
      '000000000000f87f',
      '0a01000009000000',
      '0200000000000000',
      '0000010001000900',
      '0204060281781a2c',
      '0100000000000000',
    ]);
  });
});
