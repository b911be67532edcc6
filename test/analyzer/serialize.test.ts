import { expect } from 'chai';
import { deserializeExpr, deserializeExprs, serialize } from '../../lib/analyzer/serialize.js';
import type { Const } from '../../lib/analyzer/nodes.js';
import type { Datum } from '../../lib/types/datum.js';

function constant(value: Datum): Const {
  return { node: 'Const', consttype: 20, consttypmod: -1, constcollid: 0, value, location: -1 };
}

describe('analyzer/serialize', () => {
  it('brings constants of every kind back', () => {
    for (const value of [null, true, 1, -1.5, 'a"b', 2n ** 60n, Infinity, -Infinity, new Uint8Array([0, 255])]) {
      const back = deserializeExpr(serialize(constant(value))) as Const;
      if (value instanceof Uint8Array) expect([...(back.value as Uint8Array)]).to.deep.equal([...value]);
      else expect(back.value).to.equal(value);
    }
    expect(Number.isNaN((deserializeExpr(serialize(constant(NaN))) as Const).value)).to.equal(true);
  });

  it('refuses text that is something else', () => {
    expect(() => deserializeExpr('[]')).to.throw('a stored expression');
    expect(() => deserializeExprs(serialize(constant(1)))).to.throw('a list');
  });
});
