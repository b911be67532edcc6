/**
 * Parameters $1, $2 ... whose types are given or inferred from their use, and literals turned into parameters for the plan
 * cache. Follows PostgreSQL's parser/parse_param.c.
 */
import type { ParamRef } from 'libpg-query';
import { pgError } from '../base/error.js';
import { INT4OID, INT8OID, NUMERICOID, UNKNOWNOID, VOIDOID } from '../types/oids.js';
import type { Param, Query } from './nodes.js';
import type { Mutable, Oid, ParseState } from './state.js';
import { typeCollation } from './type-name.js';
import { walkQuery } from './walker.js';

const MAX_PARAMETERS = 65535;

function makeParam(state: ParseState, paramid: number, type: Oid, location: number): Mutable<Param> {
  return { node: 'Param', paramkind: 'extern', paramid, paramtype: type, paramtypmod: -1, paramcollid: typeCollation(state, type), location };
}

/** A `$n` in the text. @throws 42P02 when there is no such parameter */
export function transformParamRef(state: ParseState, reference: ParamRef): Param {
  const number = reference.number ?? 0;
  const location = reference.location ?? 0;
  const { parameters } = state.context;
  const missing = (): Error => state.error('UNDEFINED_PARAMETER', `there is no parameter $${number}`, location);
  if (parameters === undefined || number <= 0) throw missing();
  const { types } = parameters;
  if (parameters.mode === 'fixed') {
    if (number > types.length || types[number - 1] === 0) throw missing();
    return makeParam(state, number, types[number - 1], location);
  }
  if (number > MAX_PARAMETERS) throw missing();
  while (types.length < number) types.push(0);
  if (types[number - 1] === 0 || (types[number - 1] === VOIDOID && state.exprKind === 'callArgument')) types[number - 1] = UNKNOWNOID;
  return makeParam(state, number, types[number - 1], location);
}

const LITERAL_TYPES = { int4: INT4OID, int8: INT8OID, numeric: NUMERICOID, string: UNKNOWNOID } as const;

/** The parameter that stands for a lifted literal, or null when the literal at this place was not lifted. */
export function literalParam(state: ParseState, location: number): Param | null {
  const { literals } = state.context;
  const index = literals?.byLocation.get(location);
  if (literals === undefined || index === undefined) return null;
  if (!literals.types[index]) literals.types[index] = LITERAL_TYPES[literals.kinds[index]];
  return makeParam(state, index + 1, literals.types[index], location);
}

/**
 * Gives a parameter of still unknown type the type that its use asks for; null when the parameter's type is known.
 * @throws 42P08 when two uses ask for different types
 */
export function coerceParam(state: ParseState, param: Mutable<Param>, targetType: Oid, location: number): Param | null {
  if (param.paramkind !== 'extern' || param.paramtype !== UNKNOWNOID) return null;
  const types = state.context.literals?.types ?? (state.context.parameters?.mode === 'variable' ? state.context.parameters.types : undefined);
  if (types === undefined) return null;
  const known = types[param.paramid - 1];
  if (known === UNKNOWNOID) {
    types[param.paramid - 1] = targetType;
  } else if (known !== targetType) {
    throw state.error('AMBIGUOUS_PARAMETER', `inconsistent types deduced for parameter $${param.paramid}`, param.location,
      { detail: `${state.formatType(known)} versus ${state.formatType(targetType)}` });
  }
  param.paramtype = targetType;
  param.paramtypmod = -1;
  param.paramcollid = typeCollation(state, targetType);
  if (location >= 0 && (param.location < 0 || location < param.location)) param.location = location;
  return param;
}

/** After analysis: every use of a parameter must have come to the same type. @throws 42P08 */
export function checkVariableParameters(state: ParseState, query: Query): void {
  const types = state.context.literals?.types ?? state.context.parameters?.types;
  if (types === undefined) return;
  walkQuery(query, (expr) => {
    if (expr.node === 'Param' && expr.paramkind === 'extern' && expr.paramtype !== types[expr.paramid - 1]) {
      throw state.error('AMBIGUOUS_PARAMETER', `could not determine data type of parameter $${expr.paramid}`, expr.location);
    }
  });
}

/** For PREPARE and Parse: the first parameter whose type nothing decided raises 42P18. */
export function checkParametersResolved(types: readonly Oid[]): void {
  types.forEach((type, i) => {
    if (type === 0 || type === UNKNOWNOID) throw pgError('INDETERMINATE_DATATYPE', `could not determine data type of parameter $${i + 1}`);
  });
}
