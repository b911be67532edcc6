/** Emission of arrays, rows, subscripts, coercions by I/O, domains, row comparisons and SQL's parameterless functions. */
import type {
  ArrayCoerceExpr, ArrayExpr, CoerceToDomain, CoerceViaIO, ConvertRowtypeExpr, Expr, FieldSelect, FieldStore, MinMaxExpr,
  NextValueExpr, RowCompareExpr, RowExpr, SQLValueFunction, SubscriptingRef,
} from '../../analyzer/nodes.js';
import { exprType } from '../../analyzer/node-functions.js';
import { notSupported, pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { builtin } from '../../functions/registry.js';
import { BPCHAROID, CSTRINGOID, JSONBOID, NAMEOID, TEXTOID, UNKNOWNOID, VARCHAROID } from '../../types/oids.js';
import { operatorOrder, typeOrder } from '../comparison.js';
import { CallSite } from '../function-call.js';
import { domainConstraints } from '../stored-expression.js';
import { emit } from './emit.js';
import { emitJsonbNumber } from './emit-jsonb.js';
import { nonNull, strictCall, value, type Code, type Emitter } from './emitter.js';
import {
  convertRow, extreme, fieldOf, makeArray, mapArray, mapArrayWaiting, raise, stackArrays, storeFields,
} from './runtime.js';
import { arrayElement, arraySlice, assignElement, assignJsonb, assignSlice } from './subscript.js';
import { RecordValue } from '../../types/datum.js';

function list(emitter: Emitter, exprs: readonly Expr[]): string {
  return `[${exprs.map((expr) => emit(emitter, expr).js).join(', ')}]`;
}

export function emitMinMax(emitter: Emitter, expr: MinMaxExpr): Code {
  const order = typeOrder(emitter.scope.catalog, expr.minmaxtype, expr.inputcollid);
  return value(`${emitter.constant(extreme)}(S.services, ${emitter.constant(order.compare)}, ${expr.op === 'greatest' ? 1 : -1}, ${list(emitter, expr.args)})`);
}

function subscriptList(emitter: Emitter, subscripts: readonly (Expr | null)[]): string {
  return `[${subscripts.map((subscript) => (subscript === null ? 'undefined' : emit(emitter, subscript).js)).join(', ')}]`;
}

export function emitSubscript(emitter: Emitter, expr: SubscriptingRef): Code {
  if (emitter.scope.catalog.baseType(expr.refcontainertype) === JSONBOID) return emitJsonbSubscript(emitter, expr);
  const isSlice = expr.reflowerindexpr.length > 0;
  const container = emit(emitter, expr.refexpr);
  const upper = subscriptList(emitter, expr.refupperindexpr);
  if (expr.refassgnexpr === null) {
    if (!isSlice) return value(`${emitter.constant(arrayElement)}(${container.js}, ${upper})`);
    return value(`${emitter.constant(arraySlice)}(${container.js}, ${subscriptList(emitter, expr.reflowerindexpr)}, ${upper})`);
  }
  const target = emitter.temp();
  // A nested assignment (a[1].f = ..., a[1][2:3] = ...) finds the old element as the CaseTestExpr.
  if (!isSlice) emitter.caseTests.push(value(`${emitter.constant(arrayElement)}(${target}, ${upper})`));
  const source = emit(emitter, expr.refassgnexpr);
  if (!isSlice) emitter.caseTests.pop();
  const element = emitter.constant(expr.refelemtype);
  const call = isSlice
    ? `${emitter.constant(assignSlice)}(${target}, ${element}, ${subscriptList(emitter, expr.reflowerindexpr)}, ${upper}, ${source.js})`
    : `${emitter.constant(assignElement)}(${target}, ${element}, ${upper}, ${source.js})`;
  return value(`(${target} = ${container.js}, ${call})`);
}

/** jsonb subscripts: text keys, integer positions; the path functions do the work. */
function emitJsonbSubscript(emitter: Emitter, expr: SubscriptingRef): Code {
  if (expr.refassgnexpr !== null) return emitJsonbAssignment(emitter, expr, expr.refassgnexpr);
  const path = builtin('jsonb_extract_path');
  if (path === undefined || (path.kind !== 'pure' && path.kind !== 'context') || expr.reflowerindexpr.length > 0) throw notSupported('subscripting of jsonb');
  const call = { functionOid: 0, argTypes: [JSONBOID, TEXTARRAY], resultType: JSONBOID, collation: 0, variadic: true };
  const args = [emit(emitter, expr.refexpr), ...expr.refupperindexpr.map((subscript) => emit(emitter, subscript!))];
  return strictCall(emitter, args, (names) => {
    const keys = `${emitter.constant(makeArray)}(${TEXTOID}, [${names.slice(1).map((name) => `String(${name})`).join(', ')}])`;
    const fn = emitter.constant(path.fn);
    if (path.kind === 'pure') return `${fn}(${names[0]}, ${keys})`;
    const site = emitter.constant(new CallSite(call));
    return `(${site}.services = S.services, ${fn}(${site}, ${names[0]}, ${keys}))`;
  }, true);
}
const TEXTARRAY = 1009;

function emitJsonbAssignment(emitter: Emitter, expr: SubscriptingRef, source: Expr): Code {
  const [target, subscripts] = [emitter.temp(), emitter.temp()];
  const call = `${emitter.constant(assignJsonb)}(${target}, ${subscripts}, ${emit(emitter, source).js})`;
  return value(`(${target} = ${emit(emitter, expr.refexpr).js}, ${subscripts} = ${subscriptList(emitter, expr.refupperindexpr)}, ${call})`);
}

export function emitFieldSelect(emitter: Emitter, expr: FieldSelect): Code {
  return value(`${emitter.constant(fieldOf)}(${emit(emitter, expr.arg).js}, ${expr.fieldnum})`);
}

export function emitFieldStore(emitter: Emitter, expr: FieldStore): Code {
  const { catalog } = emitter.scope;
  const relation = catalog.relation(catalog.type(catalog.baseType(expr.resulttype))?.typrelid ?? 0);
  const width = relation === null ? Math.max(...expr.fieldnums) : relation.attributes.length;
  const target = emitter.temp();
  const values = expr.newvals.map((newval, index) => {
    emitter.caseTests.push(value(`${emitter.constant(fieldOf)}(${target}, ${expr.fieldnums[index]})`));
    const code = emit(emitter, newval);
    emitter.caseTests.pop();
    return code.js;
  });
  return value(`(${target} = ${emit(emitter, expr.arg).js}, ${emitter.constant(storeFields)}(${target}, ${emitter.constant(expr.resulttype)}, ${width}, ${emitter.constant(expr.fieldnums)}, [${values.join(', ')}]))`);
}

/** Types whose values are their own text. */
const TEXT_TYPES: ReadonlySet<Oid> = new Set([TEXTOID, VARCHAROID, BPCHAROID, NAMEOID, UNKNOWNOID, CSTRINGOID]);
/** Types whose input function takes any text as it is. */
const TEXT_TARGETS: ReadonlySet<Oid> = new Set([TEXTOID, VARCHAROID, CSTRINGOID]);

export function emitCoerceViaIO(emitter: Emitter, expr: CoerceViaIO): Code {
  const number = emitJsonbNumber(emitter, expr);
  if (number !== null) return number;
  const source = emitter.scope.catalog.baseType(exprType(expr.arg));
  return strictCall(emitter, [emit(emitter, expr.arg)], ([name]) => {
    const text = TEXT_TYPES.has(source) ? name : `S.services.types.output(${source}, ${name})`;
    return TEXT_TARGETS.has(expr.resulttype) ? text : `S.services.types.input(${emitter.constant(expr.resulttype)}, ${text}, -1)`;
  }, true);
}

export function emitArrayCoerce(emitter: Emitter, expr: ArrayCoerceExpr): Code {
  const elementType = emitter.scope.catalog.type(emitter.scope.catalog.baseType(expr.resulttype))?.typelem ?? 0;
  emitter.caseTests.push({ js: 'element', nullable: true, simple: true });
  const conversion = emit(emitter, expr.elemexpr).js;
  emitter.caseTests.pop();
  const array = emit(emitter, expr.arg).js;
  const type = emitter.constant(elementType);
  if (!conversion.includes('yield*')) return value(`${emitter.constant(mapArray)}(${array}, ${type}, (element) => ${conversion})`);
  return value(`(yield* ${emitter.constant(mapArrayWaiting)}(${array}, ${type}, function*(element) { return ${conversion}; }))`);
}

export function emitConvertRowtype(emitter: Emitter, expr: ConvertRowtypeExpr): Code {
  const { catalog } = emitter.scope;
  const relationOf = (typeOid: Oid) => catalog.relation(catalog.type(catalog.baseType(typeOid))?.typrelid ?? 0);
  const [from, to] = [relationOf(exprType(expr.arg)), relationOf(expr.resulttype)];
  if (from === null || to === null) throw pgError('DATATYPE_MISMATCH', 'could not convert row type');
  const positions = to.attributes.map((attribute) => (attribute.attisdropped ? -1
    : from.attributes.findIndex((other) => !other.attisdropped && other.attname === attribute.attname)));
  return value(`${emitter.constant(convertRow)}(${emit(emitter, expr.arg).js}, ${emitter.constant(expr.resulttype)}, ${emitter.constant(positions)})`);
}

export function emitArray(emitter: Emitter, expr: ArrayExpr): Code {
  const build = expr.multidims ? stackArrays : makeArray;
  return nonNull(`${emitter.constant(build)}(${emitter.constant(expr.elementTypeid)}, ${list(emitter, expr.elements)})`);
}

export function emitRow(emitter: Emitter, expr: RowExpr): Code {
  const anonymous = expr.rowTypeid === 2249;
  const types = emitter.constant(anonymous ? expr.args.map(exprType) : NONE);
  const names = emitter.constant(anonymous ? expr.colnames : NONE);
  return nonNull(`new ${emitter.constant(RecordValue)}(${emitter.constant(expr.rowTypeid)}, ${list(emitter, expr.args)}, ${types}, ${names})`);
}
const NONE: readonly never[] = [];

/** (a, b) < (c, d): the first pair that differs decides; a null before it makes the result null. */
export function emitRowCompare(emitter: Emitter, expr: RowCompareExpr): Code {
  const sign = emitter.temp();
  const steps = expr.largs.map((larg, index) => {
    const order = operatorOrder(emitter.scope.catalog, expr.opnos[index], expr.inputcollids[index], exprType(larg));
    const [left, right] = [emitter.temp(), emitter.temp()];
    const compare = `${emitter.constant(order.compare)}(S.services, ${left}, ${right})`;
    return `(${left} = ${emit(emitter, larg).js}) === null || (${right} = ${emit(emitter, expr.rargs[index]).js}) === null ? (${sign} = null) : (${sign} = ${compare})`;
  });
  // Each step leaves the sign; the next one runs only while it is 0.
  const chain = steps.map((step) => `(${step}) !== 0`).join(' || ');
  const tests = { lt: '< 0', le: '<= 0', eq: '=== 0', ge: '>= 0', gt: '> 0', ne: '!== 0' };
  return value(`((${chain}), ${sign} === null ? null : ${sign} ${tests[expr.cmptype]})`);
}

/** Checks a domain's constraints, base domain's first. 23502, 23514. */
export function emitCoerceToDomain(emitter: Emitter, expr: CoerceToDomain): Code {
  const name = emitter.temp();
  const steps = [`${name} = ${emit(emitter, expr.arg).js}`];
  for (const constraint of domainConstraints(emitter.scope.catalog, expr.resulttype)) {
    if (constraint.kind === 'notNull') {
      steps.push(`${name} === null ? ${emitter.constant(raise)}(${emitter.constant(() => pgError('NOT_NULL_VIOLATION', `domain ${constraint.domainName} does not allow null values`, {
        schema: constraint.schemaName, dataType: constraint.domainName,
      }))}) : 0`);
      continue;
    }
    emitter.domainValues.push({ js: name, nullable: true, simple: true });
    const check = emit(emitter, constraint.expr).js;
    emitter.domainValues.pop();
    steps.push(`(${check}) === false ? ${emitter.constant(raise)}(${emitter.constant(() => pgError('CHECK_VIOLATION',
      `value for domain ${constraint.domainName} violates check constraint "${constraint.constraintName}"`, {
        schema: constraint.schemaName, dataType: constraint.domainName, constraint: constraint.constraintName,
      }))}) : 0`);
  }
  return value(`(${steps.join(', ')}, ${name})`);
}

/** A built-in by its prosrc, called with context; the analyzer has no OID for it here. */
function emitBuiltin(emitter: Emitter, prosrc: string, resultType: Oid, names: readonly string[]): string {
  const found = builtin(prosrc);
  if (found === undefined || (found.kind !== 'pure' && found.kind !== 'context')) throw notSupported(`function ${prosrc}`);
  if (found.kind === 'pure') return `${emitter.constant(found.fn)}(${names.join(', ')})`;
  const site = emitter.constant(new CallSite({ functionOid: 0, argTypes: [], resultType, collation: 0, variadic: false }));
  return `(${site}.services = S.services, ${emitter.constant(found.fn)}(${[site, ...names].join(', ')}))`;
}

/** CURRENT_DATE and family: views of the transaction's start in the session's time zone. */
export function emitSqlValue(emitter: Emitter, expr: SQLValueFunction): Code {
  const now = 'S.services.transactionTimestamp()';
  const scaled = (prosrc: string, js: string) => (expr.typmod < 0 ? js : emitBuiltin(emitter, prosrc, expr.type, [js, String(expr.typmod)]));
  switch (expr.op) {
    case 'current_timestamp': return value(scaled('timestamptz_scale', now));
    case 'current_date': return value(emitBuiltin(emitter, 'timestamptz_date', expr.type, [now]));
    case 'current_time': return value(scaled('timetz_scale', emitBuiltin(emitter, 'timestamptz_timetz', expr.type, [now])));
    case 'localtime': return value(scaled('time_scale', emitBuiltin(emitter, 'timestamptz_time', expr.type, [now])));
    case 'localtimestamp': return value(scaled('timestamp_scale', emitBuiltin(emitter, 'timestamptz_timestamp', expr.type, [now])));
    case 'current_user': case 'user': case 'current_role': return nonNull('S.services.currentUser');
    case 'session_user': return nonNull('S.services.sessionUser');
    case 'current_catalog': return nonNull('S.services.currentDatabase');
    case 'current_schema': return value(emitBuiltin(emitter, 'current_schema', expr.type, []));
    default: throw notSupported(String(expr.op));
  }
}

/** The next value of an identity column's sequence. */
export function emitNextValue(emitter: Emitter, expr: NextValueExpr): Code {
  const sequence = emitter.constant(expr.seqid);
  return value(emitter.afterSequenceLock({ oid: expr.seqid }, sequence, emitBuiltin(emitter, 'nextval_oid', expr.typeId, [sequence])));
}

