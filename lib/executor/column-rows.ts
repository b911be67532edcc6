/**
 * Many rows, kept column by column: numbers as doubles, everything else as it is. Against as many arrays it takes half the memory,
 * and the collector has next to nothing to trace.
 */
import type { PackedChunk } from '../codec/chunk.js';
import type { PackedVector } from '../codec/vectors.js';
import type { Datum, Row } from '../types/datum.js';
import { Jsonb } from '../types/jsonb.js';

/** The values of one column; of doubles, those behind the rows' number mean nothing. */
export type Column = Float64Array | Datum[];

const FIRST_CAPACITY = 1024;
/** Bytes of a number, or of the pointer to something else; of a string beside its characters; of an object. */
const SLOT_BYTES = 8;
const STRING_BYTES = 24;
const OBJECT_BYTES = 64;

/** See the file's comment. */
export class ColumnRows {
  readonly columns: Column[] = [];
  length = 0;
  /** About what the rows take in memory. */
  bytes = 0;

  add(rows: readonly Row[]): void {
    if (rows.length === 0) return;
    const width = rows[0].length;
    while (this.columns.length < width) this.columns.push(new Float64Array(FIRST_CAPACITY));
    for (let index = 0; index < width; index++) this.addTo(index, rows);
    this.length += rows.length;
    this.bytes += rows.length * width * SLOT_BYTES;
  }

  private addTo(index: number, rows: readonly Row[]): void {
    const column = this.columns[index];
    if (!(column instanceof Float64Array)) {
      this.append(column, index, rows);
      return;
    }
    const numbers = this.withRoom(column, rows.length);
    this.columns[index] = numbers;
    for (let row = 0; row < rows.length; row++) {
      const value = rows[row][index];
      if (typeof value === 'number') {
        numbers[this.length + row] = value;
        continue;
      }
      // Something else than numbers: a null, a string, a bigint.
      const values = Array.from<Datum>(numbers.subarray(0, this.length));
      this.columns[index] = values;
      this.append(values, index, rows);
      return;
    }
  }

  private withRoom(numbers: Float64Array, count: number): Float64Array {
    let capacity = numbers.length;
    while (capacity < this.length + count) capacity *= 2;
    if (capacity === numbers.length) return numbers;
    const larger = new Float64Array(capacity);
    larger.set(numbers);
    return larger;
  }

  private append(column: Datum[], index: number, rows: readonly Row[]): void {
    for (const row of rows) {
      const value = row[index];
      column.push(value);
      if (typeof value === 'string') this.bytes += STRING_BYTES + value.length;
      else if (typeof value === 'object' && value !== null) this.bytes += OBJECT_BYTES + (value instanceof Jsonb ? value.memoryBytes : 0);
    }
  }

  /** The rows at some places, made anew. */
  rowsAt(places: Uint32Array): Row[] {
    return makerOf(this.columns.length)(this.columns, places);
  }
}

type RowMaker = (columns: readonly Column[], places: Uint32Array) => Row[];
const makers: RowMaker[] = [];
type ChunkReader = (columns: readonly PackedVector[], count: number) => Row[];
const chunkReaders: ChunkReader[] = [];

/** Makes rows of so many columns: array literals, which have room for no more than they hold. */
function makerOf(width: number): RowMaker {
  return (makers[width] ??= literals(width, 'places', 'const place of places', (column) => `${column}[place]`) as RowMaker);
}

/** All rows of a packed chunk that has a row at every position. */
export function rowsOfColumns(chunk: PackedChunk): Row[] {
  const { columnCount: width } = chunk;
  const reader = chunkReaders[width] ??= literals(width, 'count', 'let k = 0; k < count; k++', (column) => `${column}.get(k)`) as ChunkReader;
  return reader(Array.from({ length: width }, (_, index) => chunk.column(index)), chunk.positions);
}

/** A function of columns and something more, that makes a row for each round of a loop. */
function literals(width: number, argument: string, loop: string, read: (column: string) => string): unknown {
  const columns = Array.from({ length: width }, (_, index) => `const column${index} = columns[${index}];`).join(' ');
  const values = Array.from({ length: width }, (_, index) => read(`column${index}`)).join(', ');
  // eslint-disable-next-line typescript/no-implied-eval
  return new Function(`return function(columns, ${argument}) { ${columns} const rows = []; for (${loop}) rows.push([${values}]); return rows; };`)();
}
