/**
 * Regular expressions that would take a backtracking engine exponential time answer at once.
 */
import { expect } from 'chai';
import { compileRegex } from '../../lib/functions/regex/compile.js';

describe('regular expressions', () => {
  it('do not explode', () => {
    const text = 'a'.repeat(5000);
    for (const pattern of ['(a+)+b', '(a*)*b', '(a|aa)+b', '(a|a)*c', '^(([a-z])+.)+[A-Z]$']) {
      expect(compileRegex(pattern).test(text), pattern).to.equal(false);
    }
    expect(compileRegex('(a+)+').exec(text)?.end).to.equal(5000);
    expect(compileRegex('x(a+)+$').test(`yx${text}`)).to.equal(true);
  });

  it('let back references fail whose group took no part, and only those', () => {
    expect(compileRegex('^(.)\\1|\\1.').test('abcdef')).to.equal(false);
    expect(compileRegex('(.){0}(\\1)').test('xxx')).to.equal(false);
    expect(compileRegex('^((.)\\2|..)\\2').test('abadef')).to.equal(false);
    expect(compileRegex('([\'"]).*\\1|\\w+').exec('word')).to.deep.equal({ start: 0, end: 4, groups: [null] });
    expect(compileRegex('(a)(b)\\2(c)').exec('abbc')?.groups).to.deep.equal(['a', 'b', 'c']);
    expect(() => compileRegex('x(\\w)(?=\\1)')).to.throw('invalid backreference number');
  });

  it('remember the last ones', () => {
    expect(compileRegex('a+')).to.equal(compileRegex('a+'));
    expect(() => compileRegex('a', 'y')).to.throw('invalid regular expression option: "y"');
  });
});
