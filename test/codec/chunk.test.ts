/** Packed chunks: how numbers are stored (golden), chunks of older versions, checksums of columns. */
import { expect } from 'chai';
import { crc32 } from 'node:zlib';
import { PgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import { decodeUnchecked, encodeBase } from '../../lib/access/chunk-values.js';
import { SettledRows } from '../../lib/access/settled.js';
import { encodeChunk, PackedChunk } from '../../lib/codec/chunk.js';
import { ChangedRows } from '../../lib/codec/chunk-changes.js';
import { patchChunk } from '../../lib/codec/chunk-patch.js';
import { combinedCrc32 } from '../../lib/codec/combined-crc32.js';
import type { Datum, Row } from '../../lib/types/datum.js';
import { Jsonb } from '../../lib/types/jsonb.js';
import { Values } from './values.js';

/** A chunk of `oldRows` as it was written in format version 1. */
const VERSION_1 = [
  'AQEKAAwACQBAAAAAaAAAAJgAAADYAAAAQAEAAFABAACgAQAA6AEAABACAACQAgAA8AIAAPgCAAD3AwAAAAAAAAECAAAKAAAAAAAAAAAAAAAAAAAAAAAiQAABAgAEBQYHCAkAAAAAAAACAgAAFAAAAA',
  'AAAAAAAAAAAAAAAAAYpUAAACwBWAIAALAE3AUIBzQIYAmMCgAAAAADAgAAKAAAAAAAAAAAAPA/AAAAAOI5I0EBAAAAcREBAOEiAgAAAAAAwUUEADFXBQChaAYAEXoHAIGLCADxnAkABAIAAFAAAAAA',
  'AAAAAAAAAAAAAAAAAAJAAAAAAAAAAAAAAAAAAADQPwAAAAAAAOA/AAAAAAAAAAAAAAAAAADwPwAAAAAAAPQ/AAAAAAAA+D8AAAAAAAD8PwAAAAAAAABAAAAAAAAAAkAFAAAAAgAAAFUBAAAAAAAABg',
  'AAAC0AAAAAAAUACgAPAA8AFAAZAB4AIwAoAC0AAAByb3cgMHJvdyAxcm93IDJyb3cgNHJvdyA1cm93IDZyb3cgN3JvdyA4cm93IDkAAAAHAAAAJAAAAAAABAAIAAwADAAQABQAGAAcACAAJAAAAOS4',
  'rTDkuK0x5LitMuS4rTTkuK015LitNuS4rTfkuK045LitOQAAAAAIAAIABgAAAAABAAAAAQABAAEAAAAAAAAAAAMABgAAAG9uZXR3bwAACgEAAFUAAAAgAAAAAAAAAAAABgANABUAFQAfAB8AKwA4AE',
  'YAVQAAAAQEAoF4gAQFAoF4gXkEBgKBeIJ5eQQIAoF4hHl5eXkECgKBeIZ5eXl5eXkECwKBeId5eXl5eXl5BAwCgXiIeXl5eXl5eXkEDQKBeIl5eXl5eXl5eXkAAAAJAQAASwAAAEAAAAAAAAAAmtMQ',
  'AAAAAAAAANMQAAAAAAAAANMQAAAAAAAAAMDTEAAAAAAAAADTEAAAAAAAAADA0xAAAAAAAAAA0xAAAAAAAAAA0xAAAAAAAAAAAAAAAAAAAAAAAAAAAAEDAAAKAAAAAAAAAAAAIMAAAAAAAADwv0ECAA',
  'AAAAAAAP/+APz7APn4AAAAAAAAAA==',
].join('');

/** The same in format version 2. */
const VERSION_2 = [
  'AgEKAAwACQBwAAAANtuYWpgAAAAAwWDiyAAAAJHjgPoIAQAAsXXRwzgBAADK/mjBSAEAAIgiZreYAQAA1qpgNeABAAA39rpkCAIAAE4kwhaIAgAAvzR/2ugCAABp3yJl8AIAAAwiSFX3AwAAAAAAAA',
  'ECAAAKAAAAAAAAAAAAAAAAAAAAAAAiQAABAgAEBQYHCAkAAAAAAAACAgAAFAAAAAAAAAAAAAAAAAAAAAAYpUAAACwBWAIAALAE3AUIBzQIYAmMCgAAAAADAgAAKAAAAAAAAAAAAPA/AAAAAOI5I0EB',
  'AAAAcREBAOEiAgAAAAAAwUUEADFXBQChaAYAEXoHAIGLCADxnAkADQICABQAAAAAAAAAAAAAAAAAAAAAAAJAAAAZADIAAABkAH0AlgCvAMgA4QAAAAAABQAAAAIAAABVAQAAAAAAAAYAAAAtAAAAAA',
  'AFAAoADwAPABQAGQAeACMAKAAtAAAAcm93IDByb3cgMXJvdyAycm93IDRyb3cgNXJvdyA2cm93IDdyb3cgOHJvdyA5AAAABwAAACQAAAAAAAQACAAMAAwAEAAUABgAHAAgACQAAADkuK0w5LitMeS4',
  'rTLkuK005LitNeS4rTbkuK035LitOOS4rTkAAAAACAACAAYAAAAAAQAAAAEAAQABAAAAAAAAAAADAAYAAABvbmV0d28AAAoBAABVAAAAIAAAAAAAAAAAAAYADQAVABUAHwAfACsAOABGAFUAAAAEBA',
  'KBeIAEBQKBeIF5BAYCgXiCeXkECAKBeIR5eXl5BAoCgXiGeXl5eXl5BAsCgXiHeXl5eXl5eQQMAoF4iHl5eXl5eXl5BA0CgXiJeXl5eXl5eXl5AAAACQEAAEsAAABAAAAAAAAAAJrTEAAAAAAAAADT',
  'EAAAAAAAAADTEAAAAAAAAADA0xAAAAAAAAAA0xAAAAAAAAAAwNMQAAAAAAAAANMQAAAAAAAAANMQAAAAAAAAAAAAAAAAAAAAAAAAAAABAwAACgAAAAAAAAAAACDAAAAAAAAA8L9BAgAAAAAAAAD//g',
  'D8+wD5+AAAAAAAAAA=',
].join('');

const oldRows = Array.from({ length: 10 }, (_, i): Row | null => (i === 3 ? null : [
  i, i * 300, i * 70000 + 1, i / 4, i % 2 === 0, `row ${i}`, `\u4e2d${i}`, ['one', 'two'][i % 2], i === 5 ? null : new Jsonb(['x', 'y'.repeat(i)]), i === 6 ? null : 1n << 60n, null,
  i % 3 === 0 ? null : -i,
]));

const plain = (row: Row | null): readonly unknown[] | null => row && row.map((value) => (value instanceof Jsonb ? String(value) : value));

/** Encoding of column `index`, and its data as it is stored. */
function storedAs(column: readonly Datum[]): { encoding: number; distinct: number; hex: string } {
  const { encoding, distinct, flags, dataBytes, parts } = new PackedChunk(encodeChunk(column.map((value) => [value]))).packedColumn(0);
  const bytes = Buffer.concat(parts);
  const start = (flags & 1) === 0 ? 0 : 8;
  return { encoding, distinct, hex: bytes.subarray(start, start + dataBytes).toString('hex') };
}

describe('numbers of a packed chunk', () => {
  const cases: [string, readonly Datum[], { encoding: number; distinct: number; hex: string }][] = [
    ['small ones as they are', [1, -128, 127], { encoding: 1, distinct: 0, hex: '01807f' }],
    ['close to one another, above the smallest', [1000, 1255, null, 1001], { encoding: 11, distinct: 0, hex: '00ff1801' }],
    ['of 16 bits as they are', [-32768, 32767], { encoding: 2, distinct: 0, hex: '0080ff7f' }],
    ['within 16 bits of one another, above the smallest', [-2147483648, -2147418113, -2147483647], { encoding: 12, distinct: 0, hex: '0000ffff0100' }],
    ['others of 32 bits as they are', [0, 65536, 2147483647], { encoding: 3, distinct: 0, hex: '0000000000000100ffffff7f' }],
    ['with few decimals, in 16 bits', [1.25, -3, 327.67, null], { encoding: 13, distinct: 2, hex: '7d00d4feff7f0000' }],
    ['with few decimals, in 32 bits', [123.456, -2147483.647, 0], { encoding: 14, distinct: 3, hex: '40e201000100008000000000' }],
    ['whole ones beyond 32 bits as doubles', [2 ** 31], { encoding: 4, distinct: 0, hex: '000000000000e041' }],
    ['with many decimals as doubles', [1.2345678], { encoding: 4, distinct: 0, hex: '5d1d5b2acac0f33f' }],
    ['with decimals and too large, as doubles', [21474836.481, 0.001], { encoding: 4, distinct: 0, hex: '' }],
    ['with -0 as doubles', [0.5, -0], { encoding: 4, distinct: 0, hex: '000000000000e03f0000000000000080' }],
    ['with NaN as doubles', [0.5, NaN], { encoding: 4, distinct: 0, hex: '000000000000e03f000000000000f87f' }],
    ['with infinity as doubles', [0.5, Infinity], { encoding: 4, distinct: 0, hex: '000000000000e03f000000000000f07f' }],
  ];
  for (const [name, column, expected] of cases) {
    it(`are stored: ${name} (golden)`, () => {
      const { hex, ...kind } = storedAs(column);
      expect(kind).to.deep.equal({ encoding: expected.encoding, distinct: expected.distinct });
      if (expected.hex !== '') expect(hex).to.equal(expected.hex);
    });
  }

  it('come back bit for bit, one by one, many at once and as arrays, however they are stored', () => {
    const values = new Values(77);
    const makers: (() => number)[] = [
      () => values.below(100), () => 5000 + values.below(200), () => values.below(60_000) - 30_000, () => 1_000_000 + values.below(65_536), () => values.integer() | 0,
      () => values.below(30_000) / 100, () => values.below(2_000_000_000) / 1000, () => (values.below(2_000_000_000) - 1_000_000_000) / 1e6, () => Number(`${values.below(1000)}.${values.below(100)}`),
      () => values.float(), () => values.pick([0.1, 0.2, 0.3, 1e-6, -0]), () => values.pick([0.5, NaN, Infinity, -Infinity]),
    ];
    for (let round = 0; round < 200; round++) {
      const make = values.pick(makers);
      const withNulls = values.boolean();
      const column = Array.from({ length: values.pick([1, 9, 300, 1024]) }, (): number | null => (withNulls && values.below(5) === 0 ? null : make()));
      const bytes = encodeChunk(column.map((value) => [value]));
      const vector = (): ReturnType<PackedChunk['column']> => new PackedChunk(bytes).column(0);
      const single = vector();
      column.forEach((value, position) => expect(Object.is(single.get(position), value), `${String(value)} at ${position}`).to.equal(true));
      const rows: Row[] = column.map(() => [0]);
      vector().fillColumn({ rows, from: 0, positions: Uint16Array.from(column.keys()), count: column.length }, 0);
      rows.forEach(([value], position) => expect(Object.is(value, column[position])).to.equal(true));
      const whole = vector();
      if (whole.kind !== 'int32' && whole.kind !== 'float64') continue;
      column.forEach((value, position) => expect(value === null || Object.is(whole.data[position], value)).to.equal(true));
    }
  });
});

describe('what is known of a column without opening it', () => {
  const rangeOf = (...values: Datum[]): unknown => new PackedChunk(encodeChunk(values.map((value) => [value]))).range(0);

  it('is its bounds and whether it has NULLs; nothing of what is no number, or NaN', () => {
    expect(rangeOf(5, -3, 8)).to.deep.equal({ minimum: -3, maximum: 8, hasNulls: false });
    expect(rangeOf(null, 1.5, 1e300)).to.deep.equal({ minimum: 1.5, maximum: 1e300, hasNulls: true });
    expect(rangeOf(-Infinity, 0)).to.deep.equal({ minimum: -Infinity, maximum: 0, hasNulls: false });
    for (const values of [[1.5, NaN], ['1', '2'], [null, null], [1, '2'], [true], [1, 2n]]) expect(rangeOf(...values)).to.equal(null);
    expect(new PackedChunk(encodeChunk([[1]])).range(1)).to.equal(null);
  });

  for (const [version, packed] of [[1, VERSION_1], [2, VERSION_2]] as const) it(`is the same in chunks of format version ${version}`, () => {
    const old = new PackedChunk(Buffer.from(packed, 'base64'));
    const now = new PackedChunk(encodeChunk(oldRows));
    for (let index = 0; index < old.columnCount; index++) expect(old.range(index)).to.deep.equal(now.range(index));
    expect(old.range(11)).to.deep.equal({ minimum: -8, maximum: -1, hasNulls: true });
  });
});

for (const [version, packed] of [[1, VERSION_1], [2, VERSION_2]] as const) describe(`a packed chunk of format version ${version}`, () => {
  const bytesOf = (): Buffer => Buffer.from(packed, 'base64');

  it('is read, and packed anew when it is patched', () => {
    expect(bytesOf()[0]).to.equal(version);
    const old = new PackedChunk(bytesOf());
    expect(oldRows.map((_, position) => plain(old.row(position)))).to.deep.equal(oldRows.map(plain));
    expect(PackedChunk.checksItself(bytesOf(), 0)).to.equal(false);
    const changed = [...oldRows];
    changed[2] = [...(changed[2] as Row).slice(0, 5), 'another', ...(changed[2] as Row).slice(6)];
    const { bytes } = patchChunk(old, null, null, new ChangedRows([2], [changed[2]]));
    expect(bytes[0]).to.equal(3);
    const patched = new PackedChunk(bytes);
    expect(changed.map((_, position) => plain(patched.row(position)))).to.deep.equal(changed.map(plain));
  });

  it('is checked as a whole', () => {
    const value = encodeBase(new SettledRows(new PackedChunk(bytesOf()), bytesOf(), null), lsn(5));
    const checksum = crc32(value);
    expect(decodeUnchecked({ value, checksum }, () => Buffer.of(1))?.settled.row(9).slice(0, 2)).to.deep.equal([9, 2700]);
    value[value.length - 100] ^= 4;
    expect(decodeUnchecked({ value, checksum }, () => Buffer.of(1))).to.equal(null);
  });
});

describe('checksums of columns', () => {
  it('make up that of the whole: CRC-32 of pieces', () => {
    const values = new Values(5);
    for (let round = 0; round < 200; round++) {
      const bytes = Buffer.from(Array.from({ length: values.below(3000) }, () => values.below(256)));
      const cut = values.below(bytes.length + 1);
      expect(combinedCrc32(crc32(bytes.subarray(0, cut)), crc32(bytes.subarray(cut)), bytes.length - cut)).to.equal(crc32(bytes));
    }
    for (const length of [1, 2 ** 20, 2 ** 31 + 8]) expect(combinedCrc32(0, 7, length), 'nothing before').to.equal(7);
  });

  const bases: [string, SettledRows][] = [
    ['of numbers and text', SettledRows.pack(Array.from({ length: 20 }, (_, i): Row => [i * 1000, i % 3 === 0 ? null : `row ${i}`, i / 8, i % 2 === 0]))],
    ['with holes and rows of several widths', SettledRows.pack([[1, 'a'], null, [2], [3, 'b', 2.5]])],
    ['without columns', SettledRows.pack([[], []])],
  ];
  for (const [name, settled] of bases) {
    it(`find every bit that is wrong before a value is given: a base ${name}`, () => {
      const whole = encodeBase(settled, lsn(0x1234));
      const checksum = crc32(whole);
      const key = (): Uint8Array => Buffer.of(3, 9);
      const rowsOf = (value: Uint8Array): unknown[] | null => {
        const base = decodeUnchecked({ value, checksum }, key);
        if (base === null) return null;
        return [base.settledLsn, base.settled.positions, ...Array.from({ length: base.settled.positions }, (_, position) => (base.settled.packed.has(position) ? base.settled.row(position) : null))];
      };
      const expected = rowsOf(whole);
      expect(expected).to.not.equal(null);
      let inColumns = 0;
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const damaged = Buffer.from(whole);
        damaged[bit >> 3] ^= 1 << (bit & 7);
        let found: unknown[] | null | string;
        try {
          found = rowsOf(damaged);
        } catch (error) {
          found = error instanceof PgError ? `${error.sqlstate}: ${error.message}` : String(error);
        }
        if (found === null) continue;
        inColumns++;
        expect(found, `bit ${bit}`).to.match(/^XX001: invalid checksum in column \d of the stored value of key 0309$/);
      }
      if (settled.columnCount > 0) expect(inColumns).to.be.greaterThan(whole.length * 2);
    });
  }

  it('cut off or of another value: not opened', () => {
    const [[, settled], [, other]] = bases;
    const whole = encodeBase(settled, lsn(1));
    for (let length = 0; length < whole.length; length++) expect(decodeUnchecked({ value: whole.subarray(0, length), checksum: crc32(whole) }, () => whole)).to.equal(null);
    expect(decodeUnchecked({ value: encodeBase(other, lsn(1)), checksum: crc32(whole) }, () => whole)).to.equal(null);
  });

  it('let undamaged columns be read; a damaged one is neither read, nor taken into another chunk, nor stored', () => {
    const whole = encodeBase(bases[0][1], lsn(1));
    const damaged = Buffer.from(whole);
    damaged[damaged.indexOf('row 13')] ^= 1;
    const opened = (): SettledRows => decodeUnchecked({ value: damaged, checksum: crc32(whole) }, () => Buffer.of(7))?.settled as SettledRows;
    expect([0, 2, 3].map((column) => opened().column(column, null).get(7))).to.deep.equal([7000, 0.875, false]);
    const refusals: (() => unknown)[] = [
      () => opened().column(1, null), () => opened().row(0), () => opened().bytes, () => encodeBase(opened(), lsn(2)), () => opened().packed.packedColumn(1),
      () => SettledRows.patch(opened(), null, new ChangedRows([0], [[1, 'row', 2, true]])),
      () => SettledRows.patch(opened(), null, new ChangedRows([30], [[1, 'row', 2, true]])),
    ];
    for (const refusal of refusals) expect(refusal).to.throw(PgError, 'invalid checksum in column 2 of the stored value of key 07').with.property('sqlstate', 'XX001');
  });
});
