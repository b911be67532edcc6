/** The regression scorer: its counts must be those of the reference (difflib's alignment, pg_regress's file rule). */
import { expect } from 'chai';
import { classify } from '../../regress/classify.js';
import { lostStatements, packPassed, unpackPassed } from '../../regress/record.js';
import { chunks, matchingBlocks, scoreFile, scriptLines } from '../../regress/score.js';

const sql = "-- a comment\nSELECT 1;\nCOPY t FROM stdin;\n1\n\\.\nSELECT 2,\n  3;\n\\d t\nSELECT 4;\n";
const out = 'SELECT 1;\n ?column? \n---\n 1\n(1 row)\n\nCOPY t FROM stdin;\nSELECT 2,\n  3;\n 2 | 3\n\\d t\nno t\nSELECT 4;\n 4\n';

describe('regression scorer', () => {
  it('leaves COPY data and blank lines out of the script', () => {
    expect(scriptLines(sql)).to.deep.equal(['-- a comment', 'SELECT 1;', 'COPY t FROM stdin;', 'SELECT 2,', '  3;', '\\d t', 'SELECT 4;']);
  });

  it('cuts output into statements', () => {
    const cut = chunks(scriptLines(sql).slice(1), out);
    expect(cut.map((chunk) => chunk.echo.join(' '))).to.deep.equal(['SELECT1;', 'COPYtFROMstdin;', 'SELECT2, 3;', '\\dt', 'SELECT4;']);
  });

  it('aligns as difflib does: the longest block first, the earliest among equals', () => {
    expect(matchingBlocks([...'qabxcd'], [...'abycdf'])).to.deep.equal([
      { aStart: 1, bStart: 0, size: 2 }, { aStart: 4, bStart: 3, size: 2 },
    ]);
    expect(matchingBlocks([...'aab'], [...'ab'])).to.deep.equal([{ aStart: 1, bStart: 0, size: 2 }]);
  });

  it('counts a file that differs only in white space as matching', () => {
    const script = sql.replace('-- a comment\n', '');
    expect(scoreFile(script, [out], out.replace(/ {2}/g, ' '))).to.include({ fileMatches: true, good: 5, total: 5 });
  });

  it('counts statements, takes the best variant, and explains failures', () => {
    const script = sql.replace('-- a comment\n', '');
    const actual = out.replace(' 4\n', 'ERROR:  column "x" does not exist\n');
    const score = scoreFile(script, ['SELECT 1;\nnothing\n', out], actual);
    expect(score).to.include({ fileMatches: false, good: 4, total: 5 });
    const failed = score.passed.indexOf(false);
    expect(classify(score.expected[failed], score.actualOf.get(failed)).group).to.equal('ERROR:  column "…" does not exist');
  });

  it('tells an open order of rows apart', () => {
    const score = scoreFile('SELECT a FROM t;\n', ['SELECT a FROM t;\n 1\n 2\n'], 'SELECT a FROM t;\n 2\n 1\n');
    expect(classify(score.expected[0], score.actualOf.get(0)).orderOnly).to.equal(true);
  });

  it('holds a later run against the record', () => {
    const marks = [true, false, true, true, false, true, true, false, true];
    expect(unpackPassed(packPassed(marks), 9)).to.deep.equal(marks);
    const script = 'SELECT 1;\nSELECT 1;\nSELECT 2;\n';
    const expected = 'SELECT 1;\n 1\nSELECT 1;\n 1\nSELECT 2;\n 2\n';
    const before = { name: 'x', ok: false, good: 2, total: 3, seconds: 0, timedOut: false, orderOnly: 0, passed: packPassed([true, false, true]) };
    expect(lostStatements(before, scoreFile(script, [expected], 'SELECT 1;\n 0\nSELECT 1;\n 1\nSELECT 2;\n 2\n'))).to.deep.equal([]);
    expect(lostStatements(before, scoreFile(script, [expected], 'SELECT 1;\n 0\nSELECT 1;\n 1\nSELECT 2;\n 3\n'))).to.deep.equal(['SELECT 2;']);
  });
});
