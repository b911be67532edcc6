/**
 * PostgreSQL's pseudorandom generator (pg_prng.c: xoroshiro128**, seeded through splitmix64), so that setseed gives the
 * same sequence as there. One generator per session, seeded from strong randomness at its first use.
 */
import type { FunctionServices } from '../context.js';

const MASK = 0xffffffffffffffffn;
const rotateLeft = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & MASK;

/** The generator. */
export class RandomGenerator {
  private low: bigint;
  private high: bigint;

  constructor(seed: bigint) {
    let state = BigInt.asUintN(64, seed);
    const split = (): bigint => {
      state = (state + 0x9e3779b97f4a7c15n) & MASK;
      let value = ((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
      value = ((value ^ (value >> 27n)) * 0x94d049bb133111ebn) & MASK;
      return value ^ (value >> 31n);
    };
    this.low = split();
    this.high = split();
  }

  /** From setseed's argument in [-1, 1]. */
  static fromFloat(seed: number): RandomGenerator {
    return new RandomGenerator(BigInt(Math.trunc((2 ** 52 - 1) * seed)));
  }

  /** 64 random bits. */
  next(): bigint {
    const result = (rotateLeft((this.low * 5n) & MASK, 7n) * 9n) & MASK;
    const mixed = this.high ^ this.low;
    this.low = rotateLeft(this.low, 24n) ^ mixed ^ ((mixed << 16n) & MASK);
    this.high = rotateLeft(mixed, 37n);
    return result;
  }

  /** Uniform in [0, 1). */
  double(): number {
    return Number(this.next() >> 12n) * 2 ** -52;
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    const first = 1 - this.double();
    const second = 1 - this.double();
    return Math.sqrt(-2 * Math.log(first)) * Math.sin(2 * Math.PI * second);
  }

  /** Uniform in [low, high]; both in 64 bits. */
  between(low: bigint, high: bigint): bigint {
    const range = high - low;
    if (range <= 0n) return low;
    const shift = BigInt(64 - range.toString(2).length);
    for (;;) {
      const value = this.next() >> shift;
      if (value <= range) return low + value;
    }
  }
}

const generators = new WeakMap<FunctionServices, RandomGenerator>();

const shufflers = new WeakMap<FunctionServices, RandomGenerator>();

function generatorIn(kept: WeakMap<FunctionServices, RandomGenerator>, services: FunctionServices): RandomGenerator {
  let generator = kept.get(services);
  if (!generator) {
    const bytes = services.randomBytes(8);
    generator = new RandomGenerator(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
    kept.set(services, generator);
  }
  return generator;
}

/** The session's generator that setseed seeds. */
export function generatorOf(services: FunctionServices): RandomGenerator {
  return generatorIn(generators, services);
}

/** The session's generator of array_shuffle and array_sample: setseed leaves it alone. */
export function shufflerOf(services: FunctionServices): RandomGenerator {
  return generatorIn(shufflers, services);
}

/** setseed. */
export function seedGenerator(services: FunctionServices, seed: number): void {
  generators.set(services, RandomGenerator.fromFloat(seed));
}
