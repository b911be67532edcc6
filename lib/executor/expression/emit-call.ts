/**
 * Emission of function and operator calls: strictness, inline templates, built-ins with context, waiting built-ins and
 * users' functions; IS DISTINCT FROM, NULLIF and ANY/ALL over arrays.
 */
import type { DistinctExpr, Expr, NullIfExpr, ScalarArrayOpExpr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { ArrayValue, type Datum } from '../../types/datum.js';
import { equalityKeyKind } from '../comparison.js';
import type { SequenceSource } from '../sequence-lock.js';
import { CallSite, resolveFunction, type ResolvedFunction } from '../function-call.js';
import { exprType } from '../../analyzer/node-functions.js';
import { emit } from './emit.js';
import { emitJsonbChain } from './emit-jsonb.js';
import { emitColumnSearch } from './emit-like.js';
import { nonNull, strictCall, strictCondition, value, type Code, type Emitter } from './emitter.js';
import { arrayMembers, raise } from './runtime.js';

/** A call as the nodes describe it. */
export interface CallNode {
  readonly functionOid: Oid;
  readonly args: readonly Expr[];
  readonly resultType: Oid;
  readonly collation: Oid;
  readonly variadic: boolean;
}

function resolve(emitter: Emitter, node: CallNode): ResolvedFunction {
  return resolveFunction(emitter.scope.catalog, {
    functionOid: node.functionOid, argTypes: node.args.map(exprType), resultType: node.resultType,
    collation: node.collation, variadic: node.variadic,
  });
}

/** Source of the call itself, given the sources of its arguments. */
function callBody(emitter: Emitter, resolved: ResolvedFunction, names: readonly string[]): string {
  const { implementation, call, proc, native } = resolved;
  if (native !== null) return `${emitter.constant(native)}(${['S.catalog', ...names].join(', ')})`;
  if (implementation === null) {
    return emitter.wait(`S.context.functions.call(${emitter.constant(proc)}, ${emitter.constant(call)}, [${names.join(', ')}], S)`);
  }
  switch (implementation.kind) {
    case 'pure':
      return implementation.inline ? `(${implementation.inline(...names)})` : `${emitter.constant(implementation.fn)}(${names.join(', ')})`;
    case 'context': {
      const site = emitter.constant(new CallSite(call));
      return `(${site}.services = S.services, ${emitter.constant(implementation.fn)}(${[site, ...names].join(', ')}))`;
    }
    case 'suspending': {
      const context = `{ services: S.services, call: ${emitter.constant(call)} }`;
      return emitter.wait(`${emitter.constant(implementation.fn)}(${[context, ...names].join(', ')})`);
    }
    case 'set': case 'rowSet':
      return `${emitter.constant(raise)}(${emitter.constant(() => pgError('FEATURE_NOT_SUPPORTED', 'set-valued function called in context that cannot accept a set'))})`;
    case 'window':
      return `${emitter.constant(raise)}(${emitter.constant(() => pgError('WRONG_OBJECT_TYPE', `window function ${proc.proname} requires an OVER clause`))})`;
    default: throw new Error('unknown kind of built-in');
  }
}

function isInline(resolved: ResolvedFunction): boolean {
  return resolved.implementation?.kind === 'pure' && resolved.implementation.inline !== undefined;
}

/** A function or operator call. */
export function emitCall(emitter: Emitter, node: CallNode): Code {
  const chain = emitJsonbChain(emitter, node.functionOid, node.args);
  if (chain !== null) return chain;
  const resolved = resolve(emitter, node);
  if (resolved.proc.proretset && resolved.implementation === null) {
    throw pgError('FEATURE_NOT_SUPPORTED', 'set-valued function called in context that cannot accept a set');
  }
  const args = node.args.map((arg) => emit(emitter, arg));
  if (LOCKS_SEQUENCE.has(resolved.proc.prosrc)) {
    return strictCall(emitter, args, (names) => emitter.afterSequenceLock(sequenceSource(emitter, node.args[0]), names[0], callBody(emitter, resolved, names)), true);
  }
  // An inline template never gives null for arguments that are not null.
  if (resolved.proc.proisstrict) return strictCall(emitter, args, (names) => callBody(emitter, resolved, names), !isInline(resolved));
  return value(callBody(emitter, resolved, args.map((arg) => arg.js)));
}

const LOCKS_SEQUENCE: ReadonlySet<string> = new Set(['nextval_oid', 'setval_oid', 'setval3_oid']);

/** The sequence that an argument names, where that is known before the call. */
function sequenceSource(emitter: Emitter, expr: Expr): SequenceSource | null {
  if (expr.node === 'Const' && typeof expr.value === 'number') return { oid: expr.value };
  return expr.node === 'Param' && expr.paramkind === 'extern' && !emitter.scope.special?.(expr, emitter) ? { param: expr.paramid } : null;
}

/** The call as a JavaScript condition; null where the plain value does as well. */
export function emitCallCondition(emitter: Emitter, node: CallNode): string | null {
  const resolved = resolve(emitter, node);
  if (!resolved.proc.proisstrict || (resolved.implementation === null && resolved.native === null)) return null;
  const args = node.args.map((arg) => emit(emitter, arg));
  const search = emitColumnSearch(emitter, resolved.proc.prosrc, node.collation, args);
  if (search !== null) return search;
  return strictCondition(emitter, args, (names) => {
    const body = callBody(emitter, resolved, names);
    return isInline(resolved) ? body : `${body} === true`;
  });
}

/** IS DISTINCT FROM: `opfuncid` is the equality. */
export function emitDistinct(emitter: Emitter, expr: DistinctExpr): Code {
  const resolved = resolve(emitter, { functionOid: expr.opfuncid, args: expr.args, resultType: expr.opresulttype, collation: expr.inputcollid, variadic: false });
  const [left, right] = [emitter.temp(), emitter.temp()];
  const [a, b] = expr.args.map((arg) => emit(emitter, arg));
  const same = callBody(emitter, resolved, [left, right]);
  return nonNull(`(${left} = ${a.js}, ${right} = ${b.js}, ${left} === null ? ${right} !== null : ${right} === null ? true : ${same} !== true)`);
}

/** NULLIF: the first argument unless it equals the second. */
export function emitNullIf(emitter: Emitter, expr: NullIfExpr): Code {
  const resolved = resolve(emitter, { functionOid: expr.opfuncid, args: expr.args, resultType: expr.opresulttype, collation: expr.inputcollid, variadic: false });
  const [left, right] = [emitter.temp(), emitter.temp()];
  const [a, b] = expr.args.map((arg) => emit(emitter, arg));
  const same = callBody(emitter, resolved, [left, right]);
  return value(`(${left} = ${a.js}, ${right} = ${b.js}, ${left} !== null && ${right} !== null && ${same} === true ? null : ${left})`);
}

/** A constant array probed by equality becomes a Set; this many elements make it worth while. */
const SET_PROBE_MINIMUM = 4;

function constantSet(emitter: Emitter, expr: ScalarArrayOpExpr): { set: Set<Datum>; hasNull: boolean } | null {
  const [, array] = expr.args;
  if (!expr.useOr || array.node !== 'Const' || !(array.value instanceof ArrayValue)) return null;
  if (array.value.elements.length < SET_PROBE_MINIMUM) return null;
  if (equalityKeyKind(emitter.scope.catalog, expr.opno, expr.inputcollid) !== 'identity') return null;
  const members = array.value.elements.filter((element) => element !== null);
  return { set: new Set(members), hasNull: members.length !== array.value.elements.length };
}

/** `scalar op ANY|ALL (array)`. */
export function emitScalarArray(emitter: Emitter, expr: ScalarArrayOpExpr): Code {
  const scalar = emit(emitter, expr.args[0]);
  const constant = constantSet(emitter, expr);
  if (constant !== null) {
    const name = emitter.temp();
    const miss = constant.hasNull ? 'null' : 'false';
    return value(`((${name} = ${scalar.js}) === null ? null : ${emitter.constant(constant.set)}.has(${name}) ? true : ${miss})`);
  }
  const array = emit(emitter, expr.args[1]);
  const element = emitter.temp();
  const left = emitter.temp();
  const elementType = emitter.scope.catalog.type(exprType(expr.args[1]))?.typelem ?? 0;
  const resolved = resolveFunction(emitter.scope.catalog, {
    functionOid: expr.opfuncid, argTypes: [exprType(expr.args[0]), elementType], resultType: 16, collation: expr.inputcollid, variadic: false,
  });
  const comparison = callBody(emitter, resolved, [left, element]);
  const strict = resolved.proc.proisstrict ? `${left} === null || ${element} === null ? null : ` : '';
  const members = emitter.temp();
  const result = emitter.temp();
  const decided = expr.useOr ? 'true' : 'false';
  const index = emitter.temp();
  const verdict = emitter.temp();
  // A loop as an expression: a function called on the spot, a generator where the comparison itself waits.
  const loop = `for (${index} = 0; ${index} < ${members}.length; ${index}++) { ${element} = ${members}[${index}]; ${verdict} = ${strict}${comparison}; `
    + `if (${verdict} === ${decided}) return ${decided}; if (${verdict} === null) ${result} = null; } return ${result};`;
  const start = `${left} = ${scalar.js}, ${members} = ${emitter.constant(arrayMembers)}(${array.js}), ${result} = ${expr.useOr ? 'false' : 'true'}`;
  const waits = comparison.includes('yield*');
  const run = waits ? `yield* (function*() { ${loop} })()` : `(() => { ${loop} })()`;
  return value(`(${start}, ${members} === null ? null : ${run})`);
}

/** ANY over a constant list as a condition. */
export function emitScalarArrayCondition(emitter: Emitter, expr: ScalarArrayOpExpr): string | null {
  const constant = constantSet(emitter, expr);
  if (constant === null) return null;
  return `${emitter.constant(constant.set)}.has(${emit(emitter, expr.args[0]).js})`;
}
