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

  it('remember the last ones', () => {
    expect(compileRegex('a+')).to.equal(compileRegex('a+'));
    expect(() => compileRegex('a', 'y')).to.throw('invalid regular expression option: "y"');
  });
});
