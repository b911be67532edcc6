/**
 * The planner's small parts: sets of relations, patterns, canonical conditions.
 */
import { expect } from 'chai';
import type { Expr, Var } from '../../lib/analyzer/nodes.js';
import { equal } from '../../lib/planner/equal.js';
import { likePrefix } from '../../lib/planner/like-prefix.js';
import { canonicalizeQual } from '../../lib/planner/prep-qual.js';
import { countMembers, hasMember, isMultiple, isSingleton, isSubset, members, overlaps, relidsOf } from '../../lib/planner/relids.js';

function column(attno: number): Var {
  return { node: 'Var', varno: 1, varattno: attno, vartype: 16, vartypmod: -1, varcollid: 0, varlevelsup: 0, location: attno };
}

function bool(boolop: 'and' | 'or', ...args: Expr[]): Expr {
  return { node: 'BoolExpr', boolop, args, location: -1 };
}

describe('sets of relations', () => {
  it('hold members beyond 32 and 64', () => {
    const set = relidsOf(1) | relidsOf(31) | relidsOf(32) | relidsOf(63) | relidsOf(64) | relidsOf(100);
    expect(members(set)).to.deep.equal([1, 31, 32, 63, 64, 100]);
    expect(countMembers(set)).to.equal(6);
    expect(hasMember(set, 64)).to.equal(true);
    expect(hasMember(set, 65)).to.equal(false);
  });

  it('know subsets, overlaps and how many they are', () => {
    expect(isSubset(relidsOf(3), relidsOf(3) | relidsOf(4))).to.equal(true);
    expect(isSubset(relidsOf(5), relidsOf(3) | relidsOf(4))).to.equal(false);
    expect(overlaps(relidsOf(3), relidsOf(4))).to.equal(false);
    expect(isSingleton(relidsOf(9))).to.equal(true);
    expect(isMultiple(relidsOf(9) | relidsOf(10))).to.equal(true);
    expect(isSingleton(0n)).to.equal(false);
  });
});

describe('LIKE patterns', () => {
  it('have a fixed prefix up to the first wildcard', () => {
    expect(likePrefix('abc%')).to.deep.equal({ prefix: 'abc', exact: false, restAt: 3 });
    expect(likePrefix('a_c')).to.include({ prefix: 'a', exact: false });
    expect(likePrefix('%abc')).to.include({ prefix: '', exact: false });
    expect(likePrefix('plain')).to.include({ prefix: 'plain', exact: true });
  });

  it('take escaped characters for themselves', () => {
    expect(likePrefix('50\\%x%')).to.include({ prefix: '50%x', exact: false });
  });

  it('end the prefix at a letter when case does not count', () => {
    expect(likePrefix('12ab%', true)).to.include({ prefix: '12', exact: false });
  });
});

describe('conditions', () => {
  it('give up what all arms of an OR share', () => {
    const [a, b, c] = [column(1), column(2), column(3)];
    const result = canonicalizeQual(bool('or', bool('and', a, b), bool('and', a, c)));
    expect(equal(result, bool('and', a, bool('or', b, c)))).to.equal(true);
  });

  it('lose an arm that says no more than the shared part', () => {
    const [a, b] = [column(1), column(2)];
    expect(equal(canonicalizeQual(bool('or', a, bool('and', a, b))), a)).to.equal(true);
  });

  it('are equal whatever their place in the text', () => {
    expect(equal(column(1), { ...column(1), location: 77 })).to.equal(true);
    expect(equal(column(1), column(2))).to.equal(false);
  });
});
