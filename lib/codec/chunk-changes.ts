/**
 * What is different from a packed chunk: rows at positions, which a patch (`chunk-patch.ts`) reads column by column. As rows here, as the row
 * codec has packed them in `packed-rows.ts`.
 */
import type { Datum, Row } from '../types/datum.js';
import { Jsonb } from '../types/jsonb.js';
import type { ColumnValues } from './column-values.js';
import { JsonbVector, type PackedVector } from './vectors.js';

/** A column's numbers, one for each changed row. */
export type ChangedNumbers = Extract<ColumnValues, { kind: 'int32' | 'float64' }>;

/** See the file's comment. Everything is asked for by the index of a change, `at`. */
export interface ChunkChanges {
  /** Positions, each once, in any order; they may be beyond the chunk's. */
  readonly positions: ArrayLike<number>;
  /** Attributes of the row; -1: there is none any more. */
  width(at: number): number;
  row(at: number): Row | null;
  /** A value; null where the row has none. */
  value(at: number, column: number): Datum;
  /** The column's numbers, until those of another one are asked for; null: there are other values among them. */
  numbers(column: number): ChangedNumbers | null;
  /** Whether some value is not the one that the packed column has at its position; true where finding out is not cheap. */
  differs(column: number, packed: PackedVector): boolean;
  /** The rows as columns, where there is one at each of the positions 0, 1, 2, ... in order, and they are at hand like that; else null. */
  columns(): readonly ColumnValues[] | null;
}

/** Changes that are there as rows; null: the row is gone. */
export class ChangedRows implements ChunkChanges {
  constructor(readonly positions: ArrayLike<number>, private readonly rows: readonly (Row | null)[]) {}

  width(at: number): number {
    return this.rows[at]?.length ?? -1;
  }

  row(at: number): Row | null {
    return this.rows[at];
  }

  value(at: number, column: number): Datum {
    return this.rows[at]?.[column] ?? null;
  }

  numbers(column: number): ChangedNumbers | null {
    const numbers = new NumberCollector(new Int32Array(this.rows.length));
    for (let at = 0; at < this.rows.length; at++) {
      const value = this.value(at, column);
      if (value === null) numbers.skip(at);
      else if (typeof value !== 'number') return null;
      else numbers.set(at, value);
    }
    return numbers.finish();
  }

  differs(column: number, packed: PackedVector): boolean {
    return this.rows.some((row, at) => row !== null && valueDiffers(this, at, column, packed));
  }

  columns(): null {
    return null;
  }
}

/** Gathers numbers: whole ones of 32 bits until there is another one. */
export class NumberCollector {
  private doubles: Float64Array | null = null;
  private nulls: Uint8Array | null = null;

  /** `whole`: where whole numbers go, with room for all that come. */
  constructor(private readonly whole: Int32Array) {}

  set(at: number, value: number): void {
    if (this.doubles === null && (value | 0) === value && !Object.is(value, -0)) {
      this.whole[at] = value;
      return;
    }
    this.doubles ??= new Float64Array(this.whole);
    this.doubles[at] = value;
  }

  /** There is none. */
  skip(at: number): void {
    this.nulls ??= new Uint8Array(this.whole.length);
    this.nulls[at] = 1;
    (this.doubles ?? this.whole)[at] = 0;
  }

  finish(): ChangedNumbers {
    const { whole, doubles, nulls } = this;
    return doubles === null ? { kind: 'int32', data: whole, nulls } : { kind: 'float64', data: doubles, nulls };
  }
}

/** Whether a value is not stored like the packed one at its position; true where finding out is not cheap. */
export function valueDiffers(changes: ChunkChanges, at: number, column: number, packed: PackedVector): boolean {
  const position = changes.positions[at];
  return !isSame(packed instanceof JsonbVector ? packed.borrow(position) : packed.get(position), changes.value(at, column));
}

function isSame(one: Datum, other: Datum): boolean {
  if (one instanceof Jsonb && other instanceof Jsonb) {
    const { bytes } = one;
    const otherBytes = other.bytes;
    return bytes.compare(otherBytes, other.start, other.end, one.start, one.end) === 0;
  }
  return Object.is(one, other);
}
