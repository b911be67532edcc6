/**
 * Function calls, aggregate and window calls, casts in functional notation, and `row.column`. Follows ParseFuncOrColumn of
 * PostgreSQL's parser/parse_func.c.
 */
import type { FuncCall, Node } from 'libpg-query';
import type { PgProc } from '../catalog/rows.js';
import { ANYOID, INTERNALOID, RECORDOID, VOIDOID } from '../types/oids.js';
import { transformAggregateCall, transformWindowCall } from './aggregates.js';
import { coerceToBoolean, coerceType, isComposite } from './coerce.js';
import { selectCommonType } from './common-type.js';
import { transformExpr } from './expr.js';
import { argumentTypes, functionDetail, type FunctionCandidate } from './function-lookup.js';
import { functionSignature } from './names.js';
import { exprListLocation, exprLocation, exprType } from './node-functions.js';
import type { Aggref, ArrayExpr, CoercionForm, Expr, WindowFunc } from './nodes.js';
import { coerceArguments } from './operators.js';
import { checkSetPlacement } from './placement.js';
import { enforceGenericTypeConsistency } from './polymorphic.js';
import { projectColumn } from './record.js';
import type { Mutable, Oid, ParseState } from './state.js';
import { readStoredExprs } from './stored.js';
import { arrayTypeOf, elementTypeOf } from './type-name.js';

const MAX_ARGUMENTS = 100;

/** An argument with the name it was given by, if any. */
export interface CallArgument { readonly expr: Expr; readonly name: string | null; readonly location: number }

/** How the raw call was decorated. */
interface Decoration {
  readonly star: boolean;
  readonly distinct: boolean;
  readonly variadic: boolean;
  readonly withinGroup: boolean;
  readonly order: readonly Node[];
  readonly filter: Expr | null;
  readonly over: FuncCall['over'];
  readonly format: CoercionForm;
}

const FORMATS: Readonly<Record<string, CoercionForm>> = {
  COERCE_EXPLICIT_CALL: 'call', COERCE_EXPLICIT_CAST: 'explicitCast', COERCE_IMPLICIT_CAST: 'implicitCast', COERCE_SQL_SYNTAX: 'sqlSyntax',
};

function decorationOf(state: ParseState, call: FuncCall | null): Decoration {
  const filter = call?.agg_filter === undefined ? null : coerceToBoolean(state, transformExpr(state, call.agg_filter, 'filter'), 'FILTER');
  return {
    star: call?.agg_star ?? false, distinct: call?.agg_distinct ?? false, variadic: call?.func_variadic ?? false,
    withinGroup: call?.agg_within_group ?? false, order: call?.agg_order ?? [], filter, over: call?.over,
    format: FORMATS[call?.funcformat ?? ''] ?? 'call',
  };
}

/** What a resolved call is made of. */
interface ResolvedCall {
  readonly proc: PgProc;
  readonly kind: 'function' | 'procedure' | 'aggregate' | 'window';
  readonly resultType: Oid;
  args: Expr[];
  readonly actual: Oid[];
  variadic: boolean;
  /** How many of the last arguments are defaults. */
  readonly defaulted: number;
}

/**
 * Resolves `name(args)`; with `call` null it is `value.name` written as column, and null is answered when nothing fits.
 * @throws 42883, 42725, 42809, 42803, 42P20 ... as PostgreSQL does
 */
export function parseFunctionOrColumn(
  state: ParseState, names: readonly string[], given: readonly CallArgument[], lastSrf: Expr | null, call: FuncCall | null, isProcedureCall: boolean, location: number,
): Expr | null {
  const isColumn = call === null;
  const decoration = decorationOf(state, call);
  const args = dropVoidParameters(given, isColumn);
  if (args.length > MAX_ARGUMENTS) throw state.error('TOO_MANY_ARGUMENTS', `cannot pass more than ${MAX_ARGUMENTS} arguments to a function`, location);
  const argNames = argumentNames(state, args);
  const exprs = args.map((arg) => arg.expr);
  const types = exprs.map(exprType);
  const isBare = decoration.order.length === 0 && decoration.filter === null && !decoration.star && !decoration.distinct && decoration.over === undefined && !decoration.variadic;
  const couldBeProjection = args.length === 1 && !isProcedureCall && isBare && argNames.length === 0 && names.length === 1 && (types[0] === RECORDOID || isComposite(state, types[0]));
  if (couldBeProjection && isColumn) {
    const column = projectColumn(state, names[0], exprs[0], location);
    if (column !== null) return column;
  }
  const detail = state.at(location, () => functionDetail(state, names, exprs, argNames, types, !decoration.variadic, true, isProcedureCall));
  const name = names.join('.');
  const signature = (): string => functionSignature(state, name, types, argNames);
  if (isProcedureCall && (detail.kind === 'function' || detail.kind === 'aggregate' || detail.kind === 'window' || detail.kind === 'coercion')) {
    throw state.error('WRONG_OBJECT_TYPE', `${signature()} is not a procedure`, location, { hint: 'To call a function, use SELECT.' });
  }
  if (detail.kind === 'procedure' && !isProcedureCall) {
    throw state.error('WRONG_OBJECT_TYPE', `${signature()} is a procedure`, location, { hint: 'To call a procedure, use CALL.' });
  }
  if (detail.kind === 'function' || detail.kind === 'procedure' || detail.kind === 'coercion') checkPlainDecoration(state, name, decoration, location);
  switch (detail.kind) {
    case 'coercion':
      return coerceType(state, exprs[0], types[0], detail.type, -1, 'explicit', 'call', location);
    case 'ambiguous':
      if (isColumn) return null;
      throw state.error('AMBIGUOUS_FUNCTION', `${isProcedureCall ? 'procedure' : 'function'} ${signature()} is not unique`, location,
        { hint: `Could not choose a best candidate ${isProcedureCall ? 'procedure' : 'function'}. You might need to add explicit type casts.` });
    case 'notFound': {
      if (isColumn) return null;
      const column = couldBeProjection ? projectColumn(state, names[0], exprs[0], location) : null;
      if (column !== null) return column;
      throw notFoundError(state, signature(), decoration, isProcedureCall, location);
    }
  }
  const declared = [...detail.candidate.args];
  if (detail.kind === 'aggregate') checkAggregateKind(state, detail.candidate, names, exprs, types, declared, decoration, signature, location);
  else if (detail.kind === 'window') checkWindowKind(state, name, decoration, location);
  const resolved = resolveArguments(state, detail.candidate, detail.kind, exprs, types, declared, decoration.variadic, location);
  if (detail.proc.proretset) checkSetPlacement(state, lastSrf, location);
  const expr = buildCall(state, resolved, decoration, name, argNames, lastSrf, location);
  if (detail.proc.proretset) state.lastSrf = expr;
  return expr;
}

/** An untyped parameter declared void is no argument (ODBC's function escapes). */
function dropVoidParameters(args: readonly CallArgument[], isColumn: boolean): readonly CallArgument[] {
  return args.filter(({ expr }) => isColumn || expr.node !== 'Param' || expr.paramtype !== VOIDOID);
}

function argumentNames(state: ParseState, args: readonly CallArgument[]): string[] {
  const names: string[] = [];
  for (const arg of args) {
    if (arg.name !== null) {
      if (names.includes(arg.name)) throw state.error('SYNTAX_ERROR', `argument name "${arg.name}" used more than once`, arg.location);
      names.push(arg.name);
    } else if (names.length > 0) {
      throw state.error('SYNTAX_ERROR', 'positional argument cannot follow named argument', exprLocation(arg.expr));
    }
  }
  return names;
}

function checkPlainDecoration(state: ParseState, name: string, decoration: Decoration, location: number): void {
  const wrong = (message: string): Error => state.error('WRONG_OBJECT_TYPE', message, location);
  if (decoration.star) throw wrong(`${name}(*) specified, but ${name} is not an aggregate function`);
  if (decoration.distinct) throw wrong(`DISTINCT specified, but ${name} is not an aggregate function`);
  if (decoration.withinGroup) throw wrong(`WITHIN GROUP specified, but ${name} is not an aggregate function`);
  if (decoration.order.length > 0) throw wrong(`ORDER BY specified, but ${name} is not an aggregate function`);
  if (decoration.filter !== null) throw wrong(`FILTER specified, but ${name} is not an aggregate function`);
  if (decoration.over !== undefined) throw wrong(`OVER specified, but ${name} is not a window function nor an aggregate function`);
}

function checkWindowKind(state: ParseState, name: string, decoration: Decoration, location: number): void {
  if (decoration.over === undefined) throw state.error('WRONG_OBJECT_TYPE', `window function ${name} requires an OVER clause`, location);
  if (decoration.withinGroup) throw state.error('WRONG_OBJECT_TYPE', `window function ${name} cannot have WITHIN GROUP`, location);
}

function notFoundError(state: ParseState, signature: string, decoration: Decoration, isProcedureCall: boolean, location: number): Error {
  if (decoration.order.length > 1 && !decoration.withinGroup) {
    return state.error('UNDEFINED_FUNCTION', `function ${signature} does not exist`, location, {
      hint: 'No aggregate function matches the given name and argument types. Perhaps you misplaced ORDER BY; ORDER BY must appear after all regular arguments of the aggregate.',
    });
  }
  const what = isProcedureCall ? 'procedure' : 'function';
  return state.error('UNDEFINED_FUNCTION', `${what} ${signature} does not exist`, location,
    { hint: `No ${what} matches the given name and argument types. You might need to add explicit type casts.` });
}

function checkAggregateKind(
  state: ParseState, candidate: FunctionCandidate, names: readonly string[], args: Expr[], actual: Oid[], declared: Oid[], decoration: Decoration,
  signature: () => string, location: number,
): void {
  const name = names.join('.');
  const aggregate = state.catalog.aggregate(candidate.oid);
  const kind = aggregate?.aggkind ?? 'n';
  if (kind === 'n') {
    if (decoration.withinGroup) throw state.error('WRONG_OBJECT_TYPE', `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`, location);
    return;
  }
  if (!decoration.withinGroup) throw state.error('WRONG_OBJECT_TYPE', `WITHIN GROUP is required for ordered-set aggregate ${name}`, location);
  if (decoration.over !== undefined) throw state.error('FEATURE_NOT_SUPPORTED', `OVER is not supported for ordered-set aggregate ${name}`, location);
  const catalogDirect = aggregate?.aggnumdirectargs ?? 0;
  const aggregated = decoration.order.length;
  const direct = args.length - aggregated;
  const missing = (hint: string): Error => state.error('UNDEFINED_FUNCTION', `function ${signature()} does not exist`, location, { hint });
  const plural = catalogDirect === 1 ? 'argument' : 'arguments';
  const { variadicCount } = candidate;
  const parameters = variadicCount > 1 ? args.length - (variadicCount - 1) : args.length;
  if (candidate.proc.provariadic === 0 || catalogDirect < parameters) {
    if (direct !== catalogDirect) throw missing(`There is an ordered-set aggregate ${name}, but it requires ${catalogDirect} direct ${plural}, not ${direct}.`);
  } else if (kind === 'h') {
    if (variadicCount !== 2 * aggregated) {
      throw missing(`To use the hypothetical-set aggregate ${name}, the number of hypothetical direct arguments (here ${variadicCount - aggregated}) must match the number of ordering columns (here ${aggregated}).`);
    }
  } else if (variadicCount <= aggregated) {
    throw missing(`There is an ordered-set aggregate ${name}, but it requires at least ${catalogDirect} direct ${plural}.`);
  }
  if (kind === 'h') unifyHypothetical(state, args, aggregated, actual, declared);
}

/** Hypothetical arguments get the common type of themselves and their ordering column. */
function unifyHypothetical(state: ParseState, args: Expr[], aggregated: number, actual: Oid[], declared: Oid[]): void {
  const direct = args.length - aggregated;
  for (let i = direct - aggregated; i < direct; i++) {
    const pair = aggregated + i;
    if (declared[i] !== declared[pair]) throw state.error('INTERNAL_ERROR', 'hypothetical-set aggregate has inconsistent declared argument types', -1);
    if (declared[i] !== ANYOID) continue;
    const { type } = selectCommonType(state, [args[pair], args[i]], 'WITHIN GROUP');
    for (const at of [i, pair]) {
      args[at] = coerceType(state, args[at], actual[at], type, -1, 'implicit', 'implicitCast', -1);
      actual[at] = type;
    }
  }
}

function resolveArguments(
  state: ParseState, candidate: FunctionCandidate, kind: ResolvedCall['kind'], given: readonly Expr[], types: readonly Oid[], declared: Oid[], explicitVariadic: boolean, location: number,
): ResolvedCall {
  const { proc } = candidate;
  const defaults = defaultArguments(state, candidate, given.length);
  const actual = [...types, ...defaults.map(exprType)];
  const resultType = enforceGenericTypeConsistency(state, actual, declared, proc.prorettype);
  if (declared.includes(INTERNALOID)) throw state.error('FEATURE_NOT_SUPPORTED', 'functions accepting type "internal" cannot be called explicitly', location);
  if (resultType === INTERNALOID) throw state.error('FEATURE_NOT_SUPPORTED', 'functions returning type "internal" cannot be called explicitly', location);
  let args = coerceArguments(state, [...given, ...defaults], actual, declared);
  let variadic = explicitVariadic && proc.provariadic !== 0;
  if (candidate.variadicCount > 0 && proc.provariadic !== ANYOID) {
    args = collectVariadic(state, args, given.length - candidate.variadicCount);
    variadic = true;
  }
  if (given.length > 0 && proc.provariadic === ANYOID && variadic && elementTypeOf(state, state.catalog.baseType(actual[given.length - 1])) === 0) {
    throw state.error('DATATYPE_MISMATCH', 'VARIADIC argument must be an array', exprLocation(args[args.length - 1]));
  }
  if (candidate.argNumbers !== null) {
    const ordered: Expr[] = [];
    candidate.argNumbers.forEach((at, i) => {
      ordered[at] = args[i];
    });
    args = ordered;
  }
  const defaulted = candidate.argNumbers === null ? defaults.length : 0;
  return { proc, kind, resultType, args, actual, variadic, defaulted };
}

function collectVariadic(state: ParseState, args: readonly Expr[], fixed: number): Expr[] {
  const elements = args.slice(fixed);
  const elementTypeid = exprType(elements[0]);
  const arrayTypeid = arrayTypeOf(state, elementTypeid);
  const location = exprListLocation(elements);
  if (arrayTypeid === 0) throw state.error('UNDEFINED_OBJECT', `could not find array type for data type ${state.formatType(elementTypeid)}`, location);
  const array: ArrayExpr = { node: 'ArrayExpr', arrayTypeid, arrayCollid: 0, elementTypeid, elements, multidims: false, location };
  return [...args.slice(0, fixed), array];
}

/** The defaults of parameters that the call leaves out, in the order of `candidate.args`. */
function defaultArguments(state: ParseState, candidate: FunctionCandidate, given: number): readonly Expr[] {
  const { proc } = candidate;
  if (candidate.defaultCount === 0 || proc.proargdefaults === null) return [];
  const defaults = readStoredExprs(state, proc.proargdefaults, 'functionDefault');
  const firstDefault = argumentTypes(proc).length - defaults.length;
  const numbers = candidate.argNumbers?.slice(given) ?? candidate.args.slice(given).map((_, i) => given + i);
  return numbers.map((at) => defaults[at - firstDefault]);
}

function buildCall(
  state: ParseState, call: ResolvedCall, decoration: Decoration, name: string, argNames: readonly string[], lastSrf: Expr | null, location: number,
): Expr {
  const { proc, resultType, args } = call;
  if (call.kind === 'function' || call.kind === 'procedure') {
    return {
      node: 'FuncExpr', funcid: proc.oid, funcresulttype: resultType, funcretset: proc.proretset, funcvariadic: call.variadic,
      funcformat: decoration.format, funccollid: 0, inputcollid: 0, args, ...(call.defaulted > 0 && { defaulted: call.defaulted }), location,
    };
  }
  const starRequired = (): void => {
    if (args.length === 0 && !decoration.star) throw state.error('WRONG_OBJECT_TYPE', `${name}(*) must be used to call a parameterless aggregate function`, location);
  };
  if (call.kind === 'aggregate' && decoration.over === undefined) {
    starRequired();
    if (proc.proretset) throw state.error('INVALID_FUNCTION_DEFINITION', 'aggregates cannot return sets', location);
    if (argNames.length > 0) throw state.error('FEATURE_NOT_SUPPORTED', 'aggregates cannot use named arguments', location);
    const aggref: Mutable<Aggref> = {
      node: 'Aggref', aggfnoid: proc.oid, aggtype: resultType, aggcollid: 0, inputcollid: 0, aggargtypes: [], aggdirectargs: [], args: [],
      aggorder: [], aggdistinct: [], aggfilter: decoration.filter, aggstar: decoration.star, aggvariadic: call.variadic,
      aggkind: state.catalog.aggregate(proc.oid)?.aggkind ?? 'n', agglevelsup: 0, location,
    };
    transformAggregateCall(state, aggref, args, decoration.order, decoration.distinct);
    return aggref;
  }
  if (decoration.distinct) throw state.error('FEATURE_NOT_SUPPORTED', 'DISTINCT is not implemented for window functions', location);
  if (call.kind === 'aggregate') starRequired();
  if (decoration.order.length > 0) throw state.error('FEATURE_NOT_SUPPORTED', 'aggregate ORDER BY is not implemented for window functions', location);
  if (call.kind !== 'aggregate' && decoration.filter !== null) {
    throw state.error('FEATURE_NOT_SUPPORTED', 'FILTER is not implemented for non-aggregate window functions', location);
  }
  if (state.lastSrf !== lastSrf) {
    throw state.error('FEATURE_NOT_SUPPORTED', 'window function calls cannot contain set-returning function calls', state.lastSrf === null ? -1 : exprLocation(state.lastSrf),
      { hint: 'You might be able to move the set-returning function into a LATERAL FROM item.' });
  }
  if (proc.proretset) throw state.error('INVALID_FUNCTION_DEFINITION', 'window functions cannot return sets', location);
  const windowFunc: Mutable<WindowFunc> = {
    node: 'WindowFunc', winfnoid: proc.oid, wintype: resultType, wincollid: 0, inputcollid: 0, args, aggfilter: decoration.filter,
    winref: 0, winstar: decoration.star, winagg: call.kind === 'aggregate', location,
  };
  transformWindowCall(state, windowFunc, decoration.over ?? {});
  return windowFunc;
}
