/** Random Datums for the codec tests, from a seed. */
import { ArrayValue, Interval, normalizeInt8, RecordValue, TimeTz, type Datum } from '../../lib/types/datum.js';
import { Jsonb, type JsonbNode } from '../../lib/types/jsonb.js';
import { Numeric } from '../../lib/types/numeric.js';
import { simEnv } from '../../lib/env/sim.js';

/** A seeded source of values, biased towards edges. */
export class Values {
  private readonly random: () => number;
  constructor(seed: number) {
    this.random = simEnv(seed).random.float;
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }

  boolean(): boolean {
    return this.random() < 0.5;
  }

  integer(): number {
    const bits = this.below(53);
    const value = Math.floor(this.random() * 2 ** bits) + this.pick([0, 0, 1, -1]);
    return this.boolean() ? value : -value || 0;
  }

  int8(): number | bigint {
    if (this.below(4) > 0) return this.integer();
    const wide = (BigInt(this.below(2 ** 32)) << 31n) | BigInt(this.below(2 ** 31));
    return normalizeInt8(this.pick([wide, -wide, (1n << 63n) - 1n, -(1n << 63n), 1n << 53n, -(1n << 53n)]));
  }

  float(): number {
    const edges = [0, -0, NaN, Infinity, -Infinity, Number.MIN_VALUE, -Number.MIN_VALUE, Number.MAX_VALUE, 1, -1, 0.1];
    return this.below(3) === 0 ? this.pick(edges) : (this.random() - 0.5) * 10 ** (this.below(40) - 20);
  }

  numeric(): Numeric {
    if (this.below(12) === 0) return this.pick([Numeric.NaN, Numeric.Infinity, Numeric.NegativeInfinity]);
    let unscaled = BigInt(this.integer());
    if (this.below(4) === 0) unscaled *= 10n ** BigInt(this.below(30));
    return new Numeric(unscaled, this.pick([0, 0, 1, 2, 5, 20]));
  }

  text(): string {
    const alphabet = this.pick(['ab', 'abAB z', 'a\u00e9\u4e2d\u{1f600}', '\x00\x01\x02a\x7f', 'a ']);
    const letters = [...alphabet];
    return Array.from({ length: this.below(6) }, () => this.pick(letters)).join('');
  }

  bytes(): Uint8Array {
    return Uint8Array.from({ length: this.below(5) }, () => this.pick([0, 1, 2, 0x7f, 0x80, 0xff]));
  }

  interval(): Interval {
    return new Interval(this.below(9) - 4, this.below(200) - 100, this.pick([0, 1, -1, 86_400_000_000, this.int8()]));
  }

  timeTz(): TimeTz {
    return new TimeTz(this.below(25) * 3_600_000_000, (this.below(25) - 12) * 3600);
  }

  array(element: () => Datum): ArrayValue {
    if (this.below(4) > 0) return ArrayValue.of(23, Array.from({ length: this.below(4) }, () => (this.below(4) === 0 ? null : element())));
    return new ArrayValue(23, [2, 1], [this.below(3), -1], [element(), null]);
  }

  node(depth = 0): JsonbNode {
    switch (this.below(depth > 2 ? 4 : 6)) {
      case 0: return null;
      case 1: return this.boolean();
      case 2: return new Numeric(BigInt(this.below(5) - 2), this.below(2));
      case 3: return this.pick(['', 'a', 'b', 'ab', '\u00e9']);
      case 4: return Array.from({ length: this.below(3) }, () => this.node(depth + 1));
      default: return new Map(['a', 'b', 'aa'].slice(0, this.below(4)).map((key) => [key, this.node(depth + 1)] as const));
    }
  }

  jsonb(): Jsonb {
    return new Jsonb(this.node());
  }

  datum(): Datum {
    switch (this.below(13)) {
      case 0: return null;
      case 1: return this.boolean();
      case 2: return this.integer();
      case 3: return this.int8();
      case 4: return this.float();
      case 5: return this.text();
      case 6: return this.bytes();
      case 7: return this.numeric();
      case 8: return this.interval();
      case 9: return this.timeTz();
      case 10: return this.array(() => this.float());
      case 11: return new RecordValue(2249, [this.float(), this.text(), null], [701, 25, 25], this.boolean() ? ['a', 'b', 'c'] : []);
      default: return this.jsonb();
    }
  }
}
