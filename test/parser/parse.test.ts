import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import type { SelectStmt } from 'libpg-query';
import { PgError } from '../../lib/base/error.js';
import { loadParser, parse } from '../../lib/parser/parse.js';
import { bodyAs, bodyOf } from '../../lib/parser/raw.js';

function failure(sql: string): PgError {
  try {
    parse(sql);
  } catch (error) {
    if (error instanceof PgError) return error;
  }
  throw new Error(`no error for ${sql}`);
}

describe('parser', () => {
  before(loadParser);

  it('leaves V8 with the flags that it had: compiled code that is kept is good for those only', () => {
    const program = `
      import { cachedDataVersionTag } from 'node:v8';
      const before = cachedDataVersionTag();
      const { loadParser, parse } = await import(${JSON.stringify(new URL('../../lib/parser/parse.js', import.meta.url).href)});
      await loadParser();
      console.log(before === cachedDataVersionTag(), parse('SELECT 1').length);`;
    expect(execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })).to.equal('true 1\n');
  });

  it('splits a text into statements with their places', () => {
    const sql = 'select 1;; update t set a = 1 ';
    const statements = parse(sql);
    expect(statements.map((s) => s.tag)).to.deep.equal(['SelectStmt', 'UpdateStmt']);
    expect(sql.slice(statements[1].location).trim()).to.equal('update t set a = 1');
    expect(parse('')).to.deep.equal([]);
    expect(parse(' -- nothing\n')).to.deep.equal([]);
  });

  it('gives locations in characters, not bytes', () => {
    const [statement] = parse("select 'ééé', 𝒳x, b from t");
    const targets = bodyAs<SelectStmt>(statement.body).targetList ?? [];
    expect(targets.map((target) => bodyOf(target).location)).to.deep.equal([7, 14, 18]);
  });

  it('raises syntax errors as PostgreSQL does', () => {
    expect(failure('select 1 from')).to.include({ sqlstate: '42601', message: 'syntax error at end of input', position: 14 });
    expect(failure('selec')).to.include({ sqlstate: '42601', position: 1 });
    expect(failure('select 1 limit 1,2')).to.include({ sqlstate: '42601', hint: 'Use separate LIMIT and OFFSET clauses.' });
    expect(failure('select float(99)')).to.include({ sqlstate: '22023', position: 14 });
    expect(failure('select count(*) over (rows between current row and unbounded preceding)')).to.include({ sqlstate: '42P20' });
    expect(failure('create assertion a check (true)')).to.include({ sqlstate: '0A000' });
    expect(failure("select e'\\u00zz'")).to.include({ sqlstate: '22025' });
  });

  it('recognises WAIT FOR LSN among other statements, and nowhere else', () => {
    const sql = "select 'wait for lsn'; /* wait /* for */ */ Wait -- é\n for LSN '0/16B3748' with (mode 'standby_flush', \"TIMEOUT\" 5, no_throw) ; select $x$; wait for lsn '0/1'$x$, e'\\'; wait for lsn', \"wait\" from wait";
    const [first, wait, last] = parse(sql);
    expect([first.tag, wait.tag, last.tag]).to.deep.equal(['SelectStmt', 'WaitStmt', 'SelectStmt']);
    const text = (name: string): number => [...sql].indexOf(name[0], [...sql.slice(0, sql.indexOf(name))].length);
    expect(wait.body).to.deep.equal({
      lsn: '0/16B3748',
      options: [
        { name: 'mode', value: 'standby_flush', location: text('mode') }, { name: 'TIMEOUT', value: '5', location: text('"TIMEOUT"') },
        { name: 'no_throw', value: null, location: text('no_throw') },
      ],
    });
    expect(sql.slice(last.location).trim()).to.match(/^select \$x\$/);
    expect(parse("WAIT FOR LSN '0/0'").map(({ tag }) => tag)).to.deep.equal(['WaitStmt']);
    expect(parse('create table wait (wait int)').map(({ tag }) => tag)).to.deep.equal(['CreateStmt']);
  });

  it('raises syntax errors within WAIT FOR LSN', () => {
    expect(failure('wait for lsn 5')).to.include({ sqlstate: '42601', message: 'syntax error at or near "5"', position: 14 });
    expect(failure("wait for lsn '0/0' with")).to.include({ message: 'syntax error at end of input' });
    expect(failure("wait for lsn '0/0' with ()")).to.include({ message: 'syntax error at or near ")"' });
    expect(failure("wait for lsn '0/0' with (mode 'x' y)")).to.include({ message: 'syntax error at or near "y"' });
    expect(failure("select 1; wait for lsn '0/0' now")).to.include({ message: 'syntax error at or near "now"', position: 30 });
    expect(failure('wait for me')).to.include({ message: 'syntax error at or near "wait"', position: 1 });
  });
});
