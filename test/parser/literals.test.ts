import { expect } from 'chai';
import { liftLiterals, representativeText } from '../../lib/parser/literals.js';

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

  describe('rows of an INSERT', () => {
    const fold = (rows: string): ReturnType<typeof liftLiterals> => liftLiterals(`insert into t (a, b) values ${rows} on conflict do update set a = 5`, true);

    it('count as often as their shapes differ', () => {
      const two = fold("(1, 'a'), (2, 'b')");
      expect(two?.rows?.values).to.deep.equal([1, 'a', 2, 'b']);
      expect(two?.literals.map((literal) => literal.text)).to.deep.equal(['5']);
      expect(fold("(3, ''),\n\t(4, 'it''s') , (2147483647, '\\')")).to.deep.include({ key: two?.key });
      const mixed = fold("(1, null), (-2, 'b'), (3, 'c'), (4, null)");
      expect(mixed?.rows?.shapeOf).to.have.length(4);
      expect(mixed?.key).to.equal(fold("(3, 'c'), (1, null), (-2, 'b')")?.key);
      for (const other of ["(1, 'a'), (2.5, 'b')", "(1, 'a'), (2147483648, 'b')", "(1, 'a'), (2, upper('b'))", "(1, 'a'), (2, $1)"]) expect(fold(other)?.key, other).not.to.equal(two?.key);
    });

    it('stay as they are when there is one, or nothing is sure', () => {
      for (const rows of ["(1, 'a')", '(1, -2147483648), (1, 2)', '(1, 2), (1, -2147483648)', `${Array.from({ length: 20 }, (_, n) => `(a${n})`).join()}`]) {
        expect(fold(rows)?.rows, rows).to.equal(null);
        expect(fold(rows)?.key).to.equal(liftLiterals(`insert into t (a, b) values ${rows} on conflict do update set a = 5`)?.key);
      }
      expect(liftLiterals('insert into t select 1 where 2 in (values (1), (2))', true)?.rows).to.equal(null);
      expect(liftLiterals('values (1), (2)', true)?.rows).to.equal(null);
      expect(liftLiterals("insert into t values (1, 'a'), (2, E'b')", true)).to.equal(null);
      expect(liftLiterals('insert into t values (1), (2', true)?.rows).to.equal(null);
    });

    it('are read as the scanner reads them', () => {
      const pieces = ['1', '22', '123456789', '1234567890', '007', '1.5', '.5', '1e3', '2147483649', "'x'", "'it''s'", "''", 'null', '-7', "f('(', 3)", 'a.b + 1', "date '2020-01-01'", '/* ) */ 5', '"q("'];
      for (let seed = 1; seed < 300; seed++) {
        const rows = Array.from({ length: 2 + seed % 7 }, (_, n) => `(${pieces[(seed * 7 + n * n) % pieces.length]}, ${pieces[(seed + n % 3) % pieces.length]})`);
        const sql = `insert into t values ${rows.join(', ')}`;
        const folded = liftLiterals(sql, true);
        expect(folded?.rows?.values, sql).to.deep.equal(liftLiterals(sql)?.literals.map(({ kind, text }) => (kind === 'int4' ? Number(text) : text)));
        expect(liftLiterals(representativeText(sql, folded!.rows!), true)?.key, sql).to.equal(folded?.key);
      }
    });
  });
});
