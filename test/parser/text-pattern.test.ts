import { expect } from 'chai';
import { simEnv } from '../../lib/env/sim.js';
import { liftLiterals } from '../../lib/parser/literals.js';
import { TextPattern } from '../../lib/parser/text-pattern.js';

/** What stands between literals, and literals, so that any of them may meet any other. */
const BETWEEN = [
  ' ', ', ', '(', ')', ' = ', '-', '--', '- ', '+', '.', '..', '::text', ' a', ' e', 'E', 'x', ' u&', '$1', ' $1 ', '"q"', '"5\'"', '/* 1 */', '-- 2\n', '/*', '\n', ' from t1 ',
  ' values (', '), (', ' values', ' and ', ';', '\\', '\u0001', ' ä', ' rollup ', '_', '1', "'",
];
const LITERALS = {
  int4: ['0', '7', '007', '2147483647', '42'], int8: ['2147483648', '9999999999', '9223372036854775807', '02147483648'],
  numeric: ['1.5', '.5', '1.', '1e3', '1E-2', '9223372036854775808', '1234567890123456789012345678901'],
  string: ["''", "'a'", "'it''s'", "'5'", "'-- '", "'/*'", "'\"'", "'ü'"],
};
const ODD = ['0x1F', '1_000', '1..2', '5a', "e'a'", "'open", "'a'\n'b'", '$$a$$', '1e', '1.2.3'];
const KINDS = ['int4', 'int8', 'numeric', 'string'] as const;

describe('TextPattern', () => {
  const { random } = simEnv(11);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.float() * from.length)];
  const one = (): string => (random.float() < 0.1 ? pick(ODD) : pick(LITERALS[pick(KINDS)]));

  it('finds the literals that are lifted, or none', () => {
    let found = 0;
    for (let round = 0; round < 20_000; round++) {
      const parts = [pick(['select ', 'insert into t values (', ' UPDATE t set a = '])];
      const count = 1 + Math.floor(random.float() * 4);
      for (let part = 0; part < count; part++) parts.push(one(), pick(BETWEEN), random.float() < 0.3 ? pick(BETWEEN) : '');
      const sql = parts.join('');
      const lifted = liftLiterals(sql, true);
      if (lifted === null || lifted.rows !== null) continue;
      const pattern = TextPattern.of(sql, lifted);
      expect(pattern.match(sql), sql).to.deep.equal(lifted.literals);
      for (let other = 0; other < 10; other++) {
        const changed = [...parts];
        for (let times = random.float() < 0.7 ? 1 : 2; times > 0; times--) {
          const at = Math.floor(random.float() * changed.length);
          changed[at] = at % 3 === 1 ? one() : pick([...BETWEEN, changed[at]]);
        }
        const text = changed.join('');
        const literals = pattern.match(text);
        if (literals === null) continue;
        const again = liftLiterals(text, true);
        expect(again && { key: again.key, literals: again.literals, rows: again.rows }, `${sql} / ${text}`).to.deep.equal({ key: lifted.key, literals, rows: null });
        if (text !== sql) found++;
      }
    }
    expect(found).to.be.greaterThan(1000);
  });

  it('knows a text that differs in literals of the same kinds', () => {
    for (let round = 0; round < 1000; round++) {
      const kinds = Array.from({ length: 4 }, () => pick(KINDS));
      const text = (): string => {
        const [a, b, c, d] = kinds.map((kind) => pick(LITERALS[kind]));
        return `insert into t (a, b) values (${a}, -${b} * ${c} || ${d}) /* 'x' */ returning "1"`;
      };
      const sql = text();
      const lifted = liftLiterals(sql, true);
      if (lifted === null) throw new Error(sql);
      expect(TextPattern.of(sql, lifted).match(text()), sql).to.have.length(4);
    }
  });
});
