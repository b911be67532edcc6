import { expect } from 'chai';
import { liftLiterals } from '../../lib/parser/literals.js';

describe('liftLiterals', () => {
  const key = (sql: string): string | undefined => liftLiterals(sql)?.key;

  it('gives statements that differ in literals one key', () => {
    const a = liftLiterals("UPDATE t SET a = a + 12, b = 'it''s' WHERE c = -3.5;");
    expect(a?.literals.map((l) => [l.kind, l.text])).to.deep.equal([['int4', '12'], ['string', "it's"], ['numeric', '3.5']]);
    expect(a?.key).to.equal(key("UPDATE t SET a = a + 7, b = '' WHERE c = -0.1;"));
    expect(a?.key).not.to.equal(key("UPDATE t SET a = a + 7, b = '' WHERE c = -1;"));
  });

  it('types numbers by size', () => {
    expect(liftLiterals('select 2147483647, 2147483648, 9223372036854775808, 1e3, .5, 1.')?.literals.map((l) => l.kind))
      .to.deep.equal(['int4', 'int8', 'numeric', 'numeric', 'numeric', 'numeric']);
  });

  it('leaves identifiers, parameters and comments alone', () => {
    expect(liftLiterals('select t1.a2, "a\'1", $1 from t1 -- 5\'\n /* 1 /* 2 */ \' */ x')?.literals).to.deep.equal([]);
    expect(key('select 1 -- x')).to.equal(key('select 2 -- yy'));
  });

  it('says null when it is not sure', () => {
    for (const sql of [
      "select E'a'", "select b'1'", "select x'1f'", "select U&'a'", 'select $$a$$', "select 'a'\n'b'", 'select 0x1F', 'select 1_000',
      'select 123abc', "select 'a", 'select /* a', 'create table t (a int)', 'set a = 1', 'select "a',
    ]) expect(liftLiterals(sql), sql).to.equal(null);
  });

  it('leaves grouping sets alone, whose columns are told apart by their literals', () => {
    for (const groups of ['grouping sets ((a - 1), (a))', 'ROLLUP (a - 1, a)', 'cube(a - 1, a)']) expect(liftLiterals(`select a - 1, a from t group by ${groups}`), groups).to.equal(null);
    expect(liftLiterals('select a - 1 from t group by cubed')?.literals).to.have.length(1);
  });

  it('knows where a literal stands', () => {
    const sql = "select 'x', 42";
    for (const literal of liftLiterals(sql)?.literals ?? []) expect(sql.slice(literal.location)).to.match(literal.kind === 'string' ? /^'x'/ : /^42/);
  });
});
