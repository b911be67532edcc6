/** A chunk patched column by column is the chunk that its rows give when they are packed, whatever the values and the changes. */
import { expect } from 'chai';
import { encodeChunk, PackedChunk } from '../../lib/codec/chunk.js';
import { ChangedRows } from '../../lib/codec/chunk-changes.js';
import { PackedRows } from '../../lib/codec/packed-rows.js';
import { encodeRow } from '../../lib/codec/row.js';
import { SettledRows } from '../../lib/access/settled.js';
import type { Datum, Row } from '../../lib/types/datum.js';
import { Values } from './values.js';

/** Makes values of one kind of column. */
type Source = (values: Values) => Datum;

const PLAIN_SOURCES: readonly Source[] = [
  (values) => values.below(100),
  (values) => values.below(200) - 100,
  (values) => values.below(70_000) - 35_000,
  (values) => values.pick([0, 1, -1, 127, 128, -128, -129, 32_767, 32_768, -32_768, -32_769, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1]),
  (values) => values.pick([0, 1, 2, -0, 0.5]),
  (values) => values.float(),
  (values) => values.boolean(),
  (values) => values.text(),
  (values) => `one of ${values.below(9)}`,
  (values) => values.pick(['\u00e9', '\u4e2d', 'plain']).repeat(values.below(40)),
  (values) => 'long '.repeat(values.below(60)),
  () => null,
];
const SOURCES: readonly Source[] = [
  ...PLAIN_SOURCES,
  (values) => values.int8(),
  (values) => values.jsonb(),
  (values) => values.numeric(),
  (values) => values.bytes(),
  (values) => values.array(() => values.float()),
  (values) => values.interval(),
  (values) => values.datum(),
];

/** The same changes as the row codec packs them, among other bytes; null where they are not plain. */
function packedRows(positions: readonly number[], rows: readonly Row[]): PackedRows | null {
  const pieces = rows.map((row) => Buffer.from(encodeRow(row)));
  const starts: number[] = [];
  let at = 3;
  for (const piece of pieces) {
    starts.push(at);
    at += piece.length + 1;
  }
  const bytes = Buffer.concat([Buffer.from('...'), ...pieces.flatMap((piece) => [piece, Buffer.from('.')])]);
  return PackedRows.of({ bytes, positions, starts, ends: starts.map((start, index) => start + pieces[index].length) });
}

/** A history of one chunk: its columns, and what is changed how often. */
class History {
  private readonly values: Values;
  private readonly sources: Source[];
  private readonly nullRates: number[];
  private rows: (Row | null)[] = [];
  private settled: SettledRows | null = null;
  /** Steps whose changes were also made from packed rows. */
  packed = 0;

  constructor(seed: number) {
    this.values = new Values(seed);
    const sources = seed % 2 === 0 ? SOURCES : PLAIN_SOURCES;
    this.sources = Array.from({ length: this.values.below(7) }, () => this.values.pick(sources));
    this.nullRates = this.sources.map(() => this.values.pick([0, 0, 0.1, 0.97]));
  }

  private value(column: number): Datum {
    return this.values.below(1000) < this.nullRates[column] * 1000 ? null : this.sources[column](this.values);
  }

  private newRow(width: number): Row {
    return this.sources.slice(0, width).map((_, column) => this.value(column));
  }

  /** Row at a position with some columns changed, most often one. */
  private changed(row: Row): Row {
    const { values } = this;
    const next = row.slice();
    for (let count = next.length === 0 ? 0 : values.pick([0, 1, 1, 1, 2, 9]); count > 0; count--) {
      next[values.below(next.length)] = this.value(values.below(next.length));
    }
    const column = values.below(this.sources.length + 1);
    if (column < next.length) next[column] = this.value(column);
    return next;
  }

  begin(): void {
    const { values } = this;
    const width = values.pick([this.sources.length, this.sources.length, values.below(this.sources.length + 1)]);
    const gaps = values.pick([0, 0, 0, 30, 900]);
    const count = values.pick([1, 7, 64, 300, 1024]);
    this.rows = Array.from({ length: count }, () => (values.below(1000) < gaps ? null : this.newRow(width)));
    this.settled = values.below(8) === 0 ? null : SettledRows.pack(this.rows);
    if (this.settled === null) this.rows = [];
  }

  /** Deletes, changes and adds rows; the patched chunk must be the packed one. Goes on from it. */
  step(): void {
    const { values, rows, settled } = this;
    let live = settled === null ? null : settled.presence;
    const touched = new Map<number, Row | null>();
    if (settled !== null && rows.length > 0 && values.below(4) === 0) {
      const bits = live === null ? new Uint8Array((rows.length + 7) >> 3) : new Uint8Array(live);
      if (live === null) for (let position = 0; position < rows.length; position++) bits[position >> 3] |= 1 << (position & 7);
      for (let count = values.pick([1, 5, 2000]); count > 0; count--) {
        const position = values.below(rows.length);
        rows[position] = null;
        bits[position >> 3] &= ~(1 << (position & 7));
      }
      live = bits;
    }
    const most = values.below(3) === 0 ? 1024 : Math.max(rows.length, 1);
    for (let count = values.pick([1, 3, 40, 300]); count > 0; count--) {
      const position = values.below(most);
      const row = touched.get(position) ?? rows[position] ?? null;
      if (row !== null && values.below(30) === 0) touched.set(position, null);
      else if (row !== null) touched.set(position, values.below(20) === 0 ? this.newRow(this.sources.length) : this.changed(row));
      else if (values.below(4) === 0) touched.set(position, this.newRow(values.pick([this.sources.length, values.below(this.sources.length + 1)])));
    }
    const before = settled === null ? null : Buffer.from(settled.bytes);
    const patched = SettledRows.patch(settled, live, new ChangedRows([...touched.keys()], [...touched.values()]));
    this.patchPacked(touched, patched, live);
    for (const [position, row] of touched) {
      while (rows.length <= position) rows.push(null);
      rows[position] = row;
    }
    const packed = SettledRows.pack(rows);
    if (Buffer.compare(patched.bytes, packed.bytes) !== 0) expect(Buffer.from(patched.bytes).toString('hex')).to.equal(Buffer.from(packed.bytes).toString('hex'));
    expect(patched.widths).to.deep.equal(packed.widths);
    if (settled !== null && before !== null) expect(Buffer.compare(before, settled.bytes)).to.equal(0);
    // What was taken over decoded is what the bytes say.
    const fresh = new SettledRows(new PackedChunk(new Uint8Array(packed.bytes)), packed.bytes, packed.widths);
    for (let at = 0; at < 20 && rows.length > 0; at++) {
      const position = values.below(rows.length);
      if (rows[position] !== null) expect(encodeChunk([patched.row(position)])).to.deep.equal(encodeChunk([fresh.row(position)]));
    }
    this.settled = patched;
  }

  /** The same patch from packed rows gives the same. */
  private patchPacked(touched: ReadonlyMap<number, Row | null>, patched: SettledRows, live: Uint8Array | null): void {
    const positions = [...touched.keys()];
    const rows = [...touched.values()].filter((row) => row !== null);
    const changes = rows.length < positions.length ? null : packedRows(positions, rows);
    if (changes === null) return;
    this.packed++;
    rows.forEach((row, at) => expect(changes.row(at)).to.deep.equal(row));
    const twin = SettledRows.patch(this.settled, live, changes);
    expect(Buffer.compare(twin.bytes, patched.bytes), 'from packed rows').to.equal(0);
    expect(twin.widths).to.deep.equal(patched.widths);
  }
}

describe('a patched chunk', () => {
  const seeds = Number(process.env.PGLITEDB_SEEDS ?? 150);
  it('is the chunk that its rows give, through random histories', function () {
    this.timeout(600_000);
    let packed = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const history = new History(seed);
      history.begin();
      for (let step = 0; step < 6; step++) {
        try {
          history.step();
        } catch (error) {
          if (error instanceof Error) error.message = `seed ${seed}, step ${step}: ${error.message.slice(0, 500)}`;
          throw error;
        }
      }
      packed += history.packed;
    }
    expect(packed, 'steps from packed rows, too').to.be.greaterThan(seeds / 2);
  });

  it('is made of packed rows that fill it', () => {
    const rows = Array.from({ length: 1024 }, (_, at): Row => [at, at % 3 === 0 ? null : at / 4, `name ${at}`, null, at % 2 === 0, 'same', at % 5 === 0 ? at : 'mixed']);
    const changes = packedRows(rows.map((_, at) => at), rows) ?? expect.fail('plain rows');
    expect(changes.columns()).not.to.equal(null);
    expect(Buffer.compare(SettledRows.patch(null, null, changes).bytes, encodeChunk(rows))).to.equal(0);
  });

  it('tells 0 from -0, and NaN from nothing else', () => {
    const rows = Array.from({ length: 64 }, (_, at): Row => [0, at === 3 ? NaN : at / 2, at === 5 ? null : 'same']);
    const settled = SettledRows.pack(rows);
    rows[7] = [-0, 3.5, 'same'];
    rows[3] = [0, NaN, 'same'];
    rows[5] = [0, 2.5, null];
    const patched = SettledRows.patch(settled, null, new ChangedRows([7, 3, 5], [rows[7], rows[3], rows[5]]));
    expect(Buffer.compare(patched.bytes, encodeChunk(rows))).to.equal(0);
    expect(Object.is(patched.row(7)[0], -0)).to.equal(true);
  });

  it('keeps the columns that did not change as they are, decoded or not', () => {
    const rows = Array.from({ length: 1024 }, (_, at): Row => [at, `name ${at}`, at % 7, at / 3]);
    const settled = SettledRows.pack(rows);
    const changed: Row = [5, 'name 5', 6, 5 / 3];
    const patched = SettledRows.patch(settled, null, new ChangedRows([5], [changed]));
    rows[5] = changed;
    expect(Buffer.compare(patched.bytes, encodeChunk(rows))).to.equal(0);
    expect(patched.row(5)).to.deep.equal(changed);
    expect(patched.row(6)).to.deep.equal(rows[6]);
  });
});
