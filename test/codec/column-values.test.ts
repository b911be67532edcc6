/** Columns packed without rows give the bytes that rows give, whatever the values. */
import { expect } from 'chai';
import { encodeChunk, encodeColumns } from '../../lib/codec/chunk.js';
import { valueAt, type ColumnValues } from '../../lib/codec/column-values.js';
import type { Datum, Row } from '../../lib/types/datum.js';
import { Values } from './values.js';

/** A column of these values in the form that fits them, in arrays that are longer than it. */
function columnOf(values: readonly Datum[]): ColumnValues {
  const rows = values.length;
  const given = values.filter((value) => value !== null);
  const nulls = given.length === rows ? null : Uint8Array.from({ length: rows + 9 }, (_, at) => (values[at] === null ? 1 : 0));
  if (given.length > 0 && given.every((value) => typeof value === 'number')) {
    const small = given.every((value) => (value | 0) === value && !Object.is(value, -0));
    const data = small ? new Int32Array(rows + 9).fill(77) : new Float64Array(rows + 9).fill(NaN);
    values.forEach((value, at) => (data[at] = (value ?? 0) as number));
    return data instanceof Int32Array ? { kind: 'int32', data, nulls } : { kind: 'float64', data, nulls };
  }
  if (given.length > 0 && given.every((value) => typeof value === 'string')) {
    const bytes = Buffer.concat([...values.map((value) => Buffer.from((value ?? '') as string)), Buffer.from('more')]);
    const ends = new Uint32Array(rows + 9);
    values.forEach((value, at) => (ends[at] = (at === 0 ? 0 : ends[at - 1]) + Buffer.byteLength((value ?? '') as string)));
    return { kind: 'text', bytes, ends, nulls };
  }
  return given.length === 0 && rows % 2 === 0 ? { kind: 'null' } : { kind: 'values', values };
}

function check(columns: readonly (readonly Datum[])[]): void {
  const rows = columns[0].map((_, at): Row => columns.map((column) => column[at]));
  const forms = columns.map(columnOf);
  expect(Buffer.compare(encodeColumns(forms, rows.length), encodeChunk(rows))).to.equal(0);
  forms.forEach((form, index) => columns[index].forEach((value, at) => expect(valueAt(form, at)).to.deep.equal(value)));
}

describe('columns of a chunk', () => {
  const column = (rows: number, value: (at: number) => Datum): Datum[] => Array.from({ length: rows }, (_, at) => value(at));

  it('are packed as rows are: numbers of every width, with and without NULL', () => {
    for (const rows of [1, 7, 64, 1023, 1024]) {
      for (const limit of [100, 200, 40_000, 2 ** 31]) {
        check([column(rows, (at) => (at * 7919) % limit), column(rows, (at) => -((at * 104729) % limit) || 0), column(rows, (at) => (at % 3 === 0 ? null : at % limit))]);
      }
      check([column(rows, (at) => at / 8), column(rows, (at) => (at % 5 === 0 ? -0 : at)), column(rows, (at) => (at % 9 === 0 ? NaN : at)), column(rows, () => null), column(rows, () => 0)]);
    }
  });

  it('are packed as rows are: texts, repeated and not, in one byte a character and in more', () => {
    for (const rows of [1, 3, 64, 1000, 1024]) {
      for (const word of ['plain', '', 'é', '€', '😀', 'ÿĀ']) {
        for (const distinct of [1, 5, 255, 256, 5000]) {
          check([column(rows, (at) => word + String((at * 31) % distinct)), column(rows, (at) => (at % 4 === 0 ? null : word.repeat(at % distinct)))]);
        }
      }
    }
    check([column(1024, (at) => 'long '.repeat(at))]);
  });

  it('are packed as rows are: random values of all kinds', () => {
    for (let seed = 1; seed < 60; seed++) {
      const values = new Values(seed);
      const rows = 1 + values.below(300);
      const kinds = [() => values.integer(), () => values.int8(), () => values.float(), () => values.below(5) - 2, () => values.boolean(), () => String(values.below(values.pick([9, 900])))];
      check(kinds.map((kind) => column(rows, () => (values.below(10) === 0 ? null : kind()))));
    }
  });
});
