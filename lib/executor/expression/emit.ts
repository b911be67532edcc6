/**
 * Emission by node: the dispatch, constants, parameters, Boolean logic, tests and conditionals. Calls are in
 * `emit-call.ts`, composite and array nodes in `emit-structure.ts`, subplans in `emit-subplan.ts`.
 */
import type { BooleanTest, BoolExpr, CaseExpr, Expr, NullTest, Param, SQLValueFunction } from '../../analyzer/nodes.js';
import { unreachable } from '../../base/assert.js';
import { pgError } from '../../base/error.js';
import { emitCall, emitCallCondition, emitDistinct, emitNullIf, emitScalarArray, emitScalarArrayCondition } from './emit-call.js';
import {
  emitArray, emitArrayCoerce, emitCoerceToDomain, emitCoerceViaIO, emitConvertRowtype, emitFieldSelect, emitFieldStore,
  emitMinMax, emitRow, emitRowCompare, emitSubscript, emitSqlValue, emitNextValue,
} from './emit-structure.js';
import { emitSubPlan } from './emit-subplan.js';
import { nonNull, NULL_CODE, value, type Code, type Emitter } from './emitter.js';
import { isNotNullRow, isNullRow } from './runtime.js';

/** Source of an expression's value. */
export function emit(emitter: Emitter, expr: Expr): Code {
  const special = emitter.scope.special?.(expr, emitter);
  if (special) return special;
  switch (expr.node) {
    case 'Var': return emitter.scope.read(expr, emitter);
    case 'Const': return expr.value === null ? NULL_CODE : { js: emitter.constant(expr.value), nullable: false, simple: true };
    case 'Param': return emitParam(emitter, expr);
    case 'FuncExpr':
      return emitCall(emitter, { functionOid: expr.funcid, args: expr.args, resultType: expr.funcresulttype, collation: expr.inputcollid, variadic: expr.funcvariadic });
    case 'OpExpr':
      return emitCall(emitter, { functionOid: expr.opfuncid, args: expr.args, resultType: expr.opresulttype, collation: expr.inputcollid, variadic: false });
    case 'DistinctExpr': return emitDistinct(emitter, expr);
    case 'NullIfExpr': return emitNullIf(emitter, expr);
    case 'ScalarArrayOpExpr': return emitScalarArray(emitter, expr);
    case 'BoolExpr': return emitBool(emitter, expr);
    case 'RelabelType': case 'CollateExpr': return emit(emitter, expr.arg);
    case 'CaseExpr': return emitCase(emitter, expr);
    case 'CaseTestExpr': return emitter.caseTests.at(-1) ?? missing('CaseTestExpr');
    case 'CoalesceExpr': return emitCoalesce(emitter, expr.args);
    case 'NullTest': return nonNull(emitNullTest(emitter, expr));
    case 'BooleanTest': return nonNull(emitBooleanTest(emitter, expr));
    case 'SubPlan': return emitSubPlan(emitter, expr);
    case 'MinMaxExpr': return emitMinMax(emitter, expr);
    case 'SQLValueFunction': return emitSqlValue(emitter, expr satisfies SQLValueFunction);
    case 'SubscriptingRef': return emitSubscript(emitter, expr);
    case 'FieldSelect': return emitFieldSelect(emitter, expr);
    case 'FieldStore': return emitFieldStore(emitter, expr);
    case 'CoerceViaIO': return emitCoerceViaIO(emitter, expr);
    case 'ArrayCoerceExpr': return emitArrayCoerce(emitter, expr);
    case 'ConvertRowtypeExpr': return emitConvertRowtype(emitter, expr);
    case 'ArrayExpr': return emitArray(emitter, expr);
    case 'RowExpr': return emitRow(emitter, expr);
    case 'RowCompareExpr': return emitRowCompare(emitter, expr);
    case 'CoerceToDomain': return emitCoerceToDomain(emitter, expr);
    case 'CoerceToDomainValue': return emitter.domainValues.at(-1) ?? missing('CoerceToDomainValue');
    case 'NextValueExpr': return emitNextValue(emitter, expr);
    case 'ReturningExpr': return emit(emitter, expr.expr);
    // In RETURNING `i` is the new version, `x` the old one, each empty when there is none.
    case 'MergeSupportFunc': return nonNull("(i.length === 0 ? 'DELETE' : x.length === 0 ? 'INSERT' : 'UPDATE')");
    case 'CurrentOfExpr':
      throw pgError('FEATURE_NOT_SUPPORTED', 'WHERE CURRENT OF is not supported for this table type');
    case 'Aggref': case 'GroupingFunc': case 'WindowFunc': case 'SubLink': case 'SublinkParam': case 'SetToDefault':
      return missing(expr.node);
    default: return unreachable(expr, 'expression');
  }
}

function missing(node: string): never {
  throw new Error(`unexpected ${node} in an expression to be executed`);
}

function emitParam(emitter: Emitter, param: Param): Code {
  if (param.paramkind === 'extern') return value(`S.params[${param.paramid - 1}]`);
  const slot = `S.exec[${param.paramid}]`;
  if (!emitter.scope.statement.initPlans.has(param.paramid)) return value(slot);
  emitter.lazyParams.add(param.paramid);
  if (emitter.mode === 'sync') return value(slot);
  return value(`(S.subplans.isPending(${param.paramid}) ? yield* S.subplans.initParam(${param.paramid}) : ${slot})`);
}

/** Source of a JavaScript condition that is true exactly when the SQL value is true. */
export function emitCondition(emitter: Emitter, expr: Expr): string {
  switch (expr.node) {
    case 'BoolExpr':
      if (expr.boolop === 'and') return emitConditions(emitter, expr.args);
      if (expr.boolop === 'or') return `(${expr.args.map((arg) => emitCondition(emitter, arg)).join(' || ')})`;
      break;
    case 'OpExpr': {
      const call = { functionOid: expr.opfuncid, args: expr.args, resultType: expr.opresulttype, collation: expr.inputcollid, variadic: false };
      const condition = emitCallCondition(emitter, call);
      if (condition !== null) return condition;
      break;
    }
    case 'ScalarArrayOpExpr': {
      const condition = emitScalarArrayCondition(emitter, expr);
      if (condition !== null) return condition;
      break;
    }
    case 'NullTest': return emitNullTest(emitter, expr);
    case 'BooleanTest': return emitBooleanTest(emitter, expr);
    default: break;
  }
  return `(${emit(emitter, expr).js} === true)`;
}

/** The conjunction of conditions. */
export function emitConditions(emitter: Emitter, quals: readonly Expr[]): string {
  if (quals.length === 0) return 'true';
  return `(${quals.map((qual) => emitCondition(emitter, qual)).join(' && ')})`;
}

function emitBool(emitter: Emitter, expr: BoolExpr): Code {
  if (expr.boolop === 'not') {
    const arg = emit(emitter, expr.args[0]);
    if (!arg.nullable) return nonNull(`(!${arg.js})`);
    const name = emitter.temp();
    return value(`((${name} = ${arg.js}) === null ? null : !${name})`);
  }
  const args = expr.args.map((arg) => emit(emitter, arg));
  const decided = expr.boolop === 'and' ? 'false' : 'true';
  const otherwise = expr.boolop === 'and' ? 'true' : 'false';
  if (args.every((arg) => !arg.nullable)) return nonNull(`(${args.map((arg) => arg.js).join(expr.boolop === 'and' ? ' && ' : ' || ')})`);
  const nullTests: string[] = [];
  const steps = args.map((arg) => {
    const name = emitter.temp();
    if (arg.nullable) nullTests.push(`${name} === null`);
    return `(${name} = ${arg.js}) === ${decided} ? ${decided} : `;
  });
  return value(`(${steps.join('')}(${nullTests.join(' || ')}) ? null : ${otherwise})`);
}

function emitCase(emitter: Emitter, expr: CaseExpr): Code {
  let before = '';
  if (expr.arg !== null) {
    const arg = emit(emitter, expr.arg);
    const name = emitter.temp();
    before = `${name} = ${arg.js}, `;
    emitter.caseTests.push({ js: name, nullable: arg.nullable, simple: true });
  }
  let nullable = false;
  let js = '';
  for (const when of expr.args) {
    const condition = emitCondition(emitter, when.expr);
    const result = emit(emitter, when.result);
    nullable ||= result.nullable;
    js += `${condition} ? ${result.js} : `;
  }
  if (expr.arg !== null) emitter.caseTests.pop();
  const otherwise = expr.defresult === null ? NULL_CODE : emit(emitter, expr.defresult);
  return { js: `(${before}${js}${otherwise.js})`, nullable: nullable || otherwise.nullable, simple: false };
}

function emitCoalesce(emitter: Emitter, args: readonly Expr[]): Code {
  const codes = args.map((arg) => emit(emitter, arg));
  return { js: `(${codes.map((code) => code.js).join(' ?? ')})`, nullable: codes.every((code) => code.nullable), simple: false };
}

function emitNullTest(emitter: Emitter, expr: NullTest): string {
  const arg = emit(emitter, expr.arg);
  const isNull = expr.nulltesttype === 'isNull';
  if (expr.argisrow) return `${emitter.constant(isNull ? isNullRow : isNotNullRow)}(${arg.js})`;
  return `(${arg.js} ${isNull ? '===' : '!=='} null)`;
}

function emitBooleanTest(emitter: Emitter, expr: BooleanTest): string {
  const { js } = emit(emitter, expr.arg);
  switch (expr.booltesttype) {
    case 'isTrue': return `(${js} === true)`;
    case 'isNotTrue': return `(${js} !== true)`;
    case 'isFalse': return `(${js} === false)`;
    case 'isNotFalse': return `(${js} !== false)`;
    case 'isUnknown': return `(${js} === null)`;
    case 'isNotUnknown': return `(${js} !== null)`;
    default: return unreachable(expr.booltesttype, 'boolean test');
  }
}
