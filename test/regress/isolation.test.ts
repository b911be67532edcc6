/** The isolation runner's verdicts. */
import { expect } from 'chai';
import { judgeSpec, lostSpecs } from '../../regress/isolation.js';

const expected = 'step a: SELECT 1;\nn\n-\n1\n\nstep b: SELECT 2; <waiting ...>\n';

describe('isolation runner', () => {
  it('passes an output that equals a variant but for white space', () => {
    expect(judgeSpec(['other\n', expected], expected.replace('n\n-', ' n\n\n-'))).to.equal('');
  });

  it('names the first error that nobody expects, of the variant that fits furthest', () => {
    expect(judgeSpec(['other\n', expected], expected.replace('1\n\n', '1\nERROR:  x is not supported yet\n'))).to.equal('ERROR:  x is not supported yet');
  });

  it('names the first line that differs when there is no error', () => {
    expect(judgeSpec([expected], expected.replace(' <waiting ...>', ''))).to.equal('expected: step b: SELECT 2; <waiting ...>; printed: step b: SELECT 2;');
    expect(judgeSpec([expected], '')).to.equal('expected: step a: SELECT 1;; printed: (the end)');
  });

  it('tells what was lost', () => {
    const spec = (name: string, ok: boolean) => ({ name, ok, reason: '', seconds: 0 });
    expect(lostSpecs([spec('a', true), spec('b', false), spec('c', true)], [spec('a', false), spec('b', false), spec('c', true)])).to.deep.equal(['a']);
  });
});
