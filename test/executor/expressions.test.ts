import { expect } from 'chai';
import type { Expr } from '../../lib/analyzer/nodes.js';
import { compileCondition, compileValue, NO_ROW } from '../../lib/executor/expression/compile.js';
import { childReader, scopeFor } from '../../lib/executor/readers.js';
import { ExecutionState } from '../../lib/executor/context.js';
import { evaluateConstant } from '../../lib/executor/executor.js';
import { NO_STATEMENT } from '../../lib/executor/relation-access.js';
import { ArrayValue, type Datum, type Row } from '../../lib/types/datum.js';
import { BOOL, constant, ExecutorFixture, int, INT4, outer, text, TEXT } from './support.js';

describe('executor/expressions', () => {
  let fixture: ExecutorFixture;
  before(async () => { fixture = await ExecutorFixture.open(); });

  const value = (expr: Expr, row: Row = [], params: readonly Datum[] = []): Datum => {
    const S = new ExecutionState(fixture.context(params), NO_STATEMENT);
    return compileValue(scopeFor(fixture.catalog, NO_STATEMENT, childReader), expr).evaluate(S, row, NO_ROW, NO_ROW);
  };
  const holds = (expr: Expr, row: Row = []): boolean => {
    const S = new ExecutionState(fixture.context(), NO_STATEMENT);
    return compileCondition(scopeFor(fixture.catalog, NO_STATEMENT, childReader), [expr])!.evaluate(S, row, NO_ROW, NO_ROW);
  };
  const logic = (boolop: 'and' | 'or' | 'not', ...args: Expr[]): Expr => ({ node: 'BoolExpr', boolop, args, location: -1 });
  const bool = (item: boolean | null) => constant(item, BOOL);

  it('calls strict operators and gives null for null', () => {
    expect(value(fixture.op('+', outer(1, INT4), int(2)), [40])).to.equal(42);
    expect(value(fixture.op('+', outer(1, INT4), int(2)), [null])).to.equal(null);
    expect(value(fixture.op('||', text('a'), outer(1, TEXT)), ['b'])).to.equal('ab');
  });

  it('raises what the function raises', () => {
    expect(() => value(fixture.op('/', int(1), outer(1, INT4)), [0])).to.throw('division by zero');
    expect(() => value(fixture.op('+', outer(1, INT4), int(1)), [2147483647])).to.throw('integer out of range');
  });

  it('knows three-valued logic, as a value and as a condition', () => {
    const cases = [true, false, null];
    const and = (a: boolean | null, b: boolean | null) => (a === false || b === false ? false : a === null || b === null ? null : true);
    const or = (a: boolean | null, b: boolean | null) => (a === true || b === true ? true : a === null || b === null ? null : false);
    for (const a of cases) {
      for (const b of cases) {
        const row = [a, b];
        const [left, right] = [outer(1, BOOL), outer(2, BOOL)];
        expect(value(logic('and', left, right), row), `${a} and ${b}`).to.equal(and(a, b));
        expect(value(logic('or', left, right), row), `${a} or ${b}`).to.equal(or(a, b));
        expect(holds(logic('and', left, right), row)).to.equal(and(a, b) === true);
        expect(holds(logic('or', left, right), row)).to.equal(or(a, b) === true);
        expect(holds(logic('not', logic('or', left, right)), row)).to.equal(or(a, b) === false);
      }
      expect(value(logic('not', outer(1, BOOL)), [a])).to.equal(a === null ? null : !a);
    }
  });

  it('stops at what decides', () => {
    const failing = fixture.op('=', fixture.op('/', int(1), outer(1, INT4)), int(1));
    expect(value(logic('and', bool(false), failing), [0])).to.equal(false);
    expect(value(logic('or', bool(true), failing), [0])).to.equal(true);
  });

  it('evaluates CASE lazily, with and without operand', () => {
    const when = (expr: Expr, result: Expr) => ({ expr, result });
    const searched: Expr = {
      node: 'CaseExpr', casetype: INT4, casecollid: 0, arg: null, location: -1,
      args: [when(fixture.op('=', outer(1, INT4), int(0)), int(-1))], defresult: fixture.op('/', int(10), outer(1, INT4)),
    };
    expect(value(searched, [0])).to.equal(-1);
    expect(value(searched, [5])).to.equal(2);
    const test: Expr = { node: 'CaseTestExpr', typeId: INT4, typeMod: -1, collation: 0 };
    const simple: Expr = {
      node: 'CaseExpr', casetype: TEXT, casecollid: 0, arg: outer(1, INT4), location: -1,
      args: [when(fixture.op('=', test, int(1)), text('one'))], defresult: null,
    };
    expect(value(simple, [1])).to.equal('one');
    expect(value(simple, [2])).to.equal(null);
    expect(value(simple, [null])).to.equal(null);
  });

  it('tests IN lists through a set and one by one alike', () => {
    const list = (elements: Datum[], useOr = true): Expr => {
      const op = fixture.op('=', int(0), int(0));
      if (op.node !== 'OpExpr') throw new Error('an operator');
      return {
        node: 'ScalarArrayOpExpr', opno: op.opno, opfuncid: op.opfuncid, useOr, inputcollid: 0, location: -1,
        args: [outer(1, INT4), constant(ArrayValue.of(INT4, elements), 1007)],
      };
    };
    for (const elements of [[1, 2], [1, 2, 3, 4, 5]]) {
      expect(value(list(elements), [2])).to.equal(true);
      expect(value(list(elements), [9])).to.equal(false);
      expect(value(list(elements), [null])).to.equal(null);
      expect(value(list([...elements, null]), [9])).to.equal(null);
      expect(value(list([...elements, null]), [1])).to.equal(true);
      expect(holds(list([...elements, null]), [9])).to.equal(false);
    }
    expect(value(list([2, 2], false), [2])).to.equal(true);
    expect(value(list([2, 3], false), [2])).to.equal(false);
    expect(value(list([], false), [2])).to.equal(true);
  });

  it('reads parameters by closure of the execution, not of the compilation', () => {
    const param: Expr = { node: 'Param', paramkind: 'extern', paramid: 1, paramtype: INT4, paramtypmod: -1, paramcollid: 0, location: -1 };
    const sum = fixture.op('+', param, int(1));
    expect(value(sum, [], [1])).to.equal(2);
    expect(value(sum, [], [41])).to.equal(42);
  });

  it('never lets a literal become source', () => {
    const nasty = '"); throw new Error("injected"); ("';
    expect(value(fixture.op('||', text(nasty), text('`${1}`')))).to.equal(`${nasty}\`\${1}\``);
  });

  it('compares IS DISTINCT FROM and NULLIF with nulls', () => {
    const op = fixture.op('=', outer(1, INT4), outer(2, INT4));
    if (op.node !== 'OpExpr') throw new Error('an operator');
    const distinct: Expr = { ...op, node: 'DistinctExpr' };
    expect(value(distinct, [1, 1])).to.equal(false);
    expect(value(distinct, [1, null])).to.equal(true);
    expect(value(distinct, [null, null])).to.equal(false);
    const nullif: Expr = { ...op, node: 'NullIfExpr' };
    expect(value(nullif, [1, 1])).to.equal(null);
    expect(value(nullif, [1, 2])).to.equal(1);
    expect(value(nullif, [1, null])).to.equal(1);
  });

  it('folds constants', () => {
    expect(evaluateConstant(fixture.op('*', int(6), int(7)), fixture.context())).to.deep.equal({ value: 42 });
    expect(() => evaluateConstant(fixture.op('/', int(6), int(0)), fixture.context())).to.throw('division by zero');
  });
});
