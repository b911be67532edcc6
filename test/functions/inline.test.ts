/**
 * Inline templates agree with their functions on every pair of interesting values.
 */
import { expect } from 'chai';
import '../../lib/functions/builtins.js';
import { builtin, registeredNames } from '../../lib/functions/registry.js';
import type { Datum } from '../../lib/types/datum.js';

const INTEGERS: Datum[] = [0, 1, -1, 7, 31, 32767, -32768, 2147483647, -2147483648];
const BIG: Datum[] = [...INTEGERS, 9007199254740991, 9007199254740993n, -9223372036854775808n];
const FLOATS: Datum[] = [0, -0, 1.5, -1.5, NaN, Infinity, -Infinity];
const TEXTS: Datum[] = ['', 'a', 'b', 'é', '😀'];
const BOOLS: Datum[] = [true, false];

function samplesFor(name: string): Datum[] {
  if (/^(float|ftod)/.test(name)) return FLOATS;
  if (/^bool/.test(name)) return BOOLS;
  if (/^(text|name|char|bit|uuid|bpchar)/.test(name)) return TEXTS;
  if (/^(int8|int84|int48|int82|int28|xid8|pg_lsn)/.test(name)) return BIG;
  return INTEGERS;
}

describe('inline templates', () => {
  it('agree with the functions they stand for', () => {
    let compared = 0;
    for (const name of registeredNames()) {
      const entry = builtin(name)!;
      if (entry.kind !== 'pure' || !entry.inline || /^(date|time|interval|json|enum)/.test(name)) continue;
      const binary = entry.inline('a', 'b').includes('b');
      const compiled = new Function('a', 'b', `return ${entry.inline('a', 'b')}`) as (a: Datum, b: Datum) => Datum;
      for (const a of samplesFor(name)) {
        for (const b of binary ? samplesFor(name) : [null]) {
          compared++;
          expect(compiled(a, b), `${name}(${String(a)}, ${String(b)})`).to.deep.equal(binary ? entry.fn(a, b) : entry.fn(a));
        }
      }
    }
    expect(compared).to.be.greaterThan(1000);
  });
});
