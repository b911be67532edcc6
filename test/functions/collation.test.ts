/**
 * Text functions under ICU collations, and code point order where UTF-16 order differs from it.
 */
import { expect } from 'chai';
import '../../lib/functions/builtins.js';
import type { CollationFacts } from '../../lib/functions/context.js';
import { callable } from '../../lib/functions/type-services.js';
import { compareCodePoints } from '../../lib/types/collation.js';
import type { Datum } from '../../lib/types/datum.js';
import { services } from './resolver.js';

const COLLATION = 20000;

function under(facts: CollationFacts): (name: string, ...args: Datum[]) => Datum {
  const system = new Proxy(services.system, { get: (target, name): unknown => (name === 'collation' ? () => facts : Reflect.get(target, name)) });
  const cx = { services: { ...services, system }, call: { functionOid: 0, argTypes: [], resultType: 25, collation: COLLATION, variadic: false } };
  return (name, ...args) => callable(name)(cx, ...args);
}

describe('collations', () => {
  it('compare by code point in plain order', () => {
    expect(compareCodePoints('\u{1f600}', '\uffee')).to.be.greaterThan(0);
    expect(compareCodePoints('a', 'ab')).to.be.lessThan(0);
    expect(compareCodePoints('Z', 'a')).to.be.lessThan(0);
    expect(compareCodePoints('\u{1f600}', '\u{1f601}')).to.be.lessThan(0);
  });

  it('compare by ICU, deterministic ones telling equal weights apart', () => {
    const call = under({ provider: 'i', locale: 'und', deterministic: true });
    expect(call('text_lt', 'a', 'B')).to.equal(true);
    expect(call('texteq', 'e\u0301', '\u00e9')).to.equal(false);
    expect(call('bttextcmp', 'e\u0301', '\u00e9')).to.not.equal(0);
    expect(call('text_larger', 'a', 'B')).to.equal('B');
    expect(call('bpchareq', 'a ', 'a')).to.equal(true);
  });

  it('hold strings equal that differ below their strength, and hash them alike', () => {
    const call = under({ provider: 'i', locale: 'und-u-ks-level2', deterministic: false });
    expect(call('texteq', 'ABC', 'abc')).to.equal(true);
    expect(call('texteq', 'abc', 'abd')).to.equal(false);
    expect(call('hashtext', 'ABC')).to.equal(call('hashtext', 'abc'));
    expect(call('textlike', 'ABC', 'a%c')).to.equal(true);
    expect(call('textlike', 'ABC', 'a_d')).to.equal(false);
    const accents = under({ provider: 'i', locale: 'und-u-ks-level1', deterministic: false });
    expect(accents('texteq', '\u00e9', 'E')).to.equal(true);
  });

  it('order numbers in strings where the locale says so', () => {
    const call = under({ provider: 'i', locale: 'en-u-kn-true', deterministic: true });
    expect(call('text_lt', 'a9', 'a10')).to.equal(true);
  });
});
