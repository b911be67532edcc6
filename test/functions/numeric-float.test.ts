/** numeric → double precision without a text in between, against the way over the text. */
import { expect } from 'chai';
import { numericToFloat8 } from '../../lib/functions/numeric/casts.js';
import { formatNumeric } from '../../lib/functions/numeric/core.js';
import { Numeric } from '../../lib/types/numeric.js';

describe('numeric as double precision', () => {
  it('is what its text reads as', () => {
    const unscaled = [0n, 1n, 5n, 123456789n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 9007199254740993n, 10n ** 20n + 1n];
    let seed = 12345n;
    for (let i = 0; i < 200; i++) {
      seed = (seed * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
      unscaled.push(seed >> BigInt(i % 40));
    }
    for (const digits of unscaled) {
      for (const scale of [0, 1, 2, 5, 15, 16, 21, 22, 23, 30]) {
        for (const value of [new Numeric(digits, scale), new Numeric(-digits, scale)]) {
          expect(numericToFloat8(value), formatNumeric(value)).to.equal(Number(formatNumeric(value)) + 0);
        }
      }
    }
  });
});
