/**
 * Parameters of functions and procedures from the parse tree: types, modes, names, defaults.
 *
 * Idea: PostgreSQL's interpret_function_parameter_list (commands/functioncmds.c).
 */
import type { FunctionParameter, Node } from 'libpg-query';
import { coerceToTargetType } from '../../analyzer/coerce.js';
import { assignExprCollations } from '../../analyzer/collate.js';
import { transformExpr } from '../../analyzer/expr.js';
import { exprType } from '../../analyzer/node-functions.js';
import type { Expr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { isTrueArray } from '../../catalog/format-type.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { RECORDOID, VOIDOID } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { commandType, expressionState } from '../expressions.js';
import { at } from '../table/transform-constraint.js';

/** What a routine is, in messages. */
export type RoutineKind = 'function' | 'procedure' | 'aggregate';

/** The parameters, as pg_proc has them. */
export interface RoutineParameters {
  readonly inputTypes: readonly Oid[];
  /** Null when all are plain input parameters. */
  readonly allTypes: readonly Oid[] | null;
  readonly modes: readonly string[] | null;
  readonly names: readonly string[] | null;
  readonly defaults: readonly Expr[];
  /** Element type of a VARIADIC parameter; 0 for none. */
  readonly variadic: Oid;
  /** Result type that OUT parameters demand; 0 when there are none. */
  readonly requiredResult: Oid;
}

const MODES: Readonly<Record<string, string>> = {
  FUNC_PARAM_IN: 'i', FUNC_PARAM_DEFAULT: 'i', FUNC_PARAM_OUT: 'o', FUNC_PARAM_INOUT: 'b', FUNC_PARAM_VARIADIC: 'v', FUNC_PARAM_TABLE: 't',
};
const ANY = 2276;
const ANYARRAY = 2277;
const ANYELEMENT = 2283;
const ANYCOMPATIBLE = 5077;
const ANYCOMPATIBLEARRAY = 5078;

function invalid(message: string, location?: number): Error {
  return pgError('INVALID_FUNCTION_DEFINITION', message, at(location));
}

/** Reads the list. @throws 42P13, 42704, 42P10 */
export function routineParameters(cx: CommandContext, list: readonly Node[] | undefined, kind: RoutineKind): RoutineParameters {
  const all: { type: Oid; mode: string; name: string }[] = [];
  const defaults: Expr[] = [];
  let variadic = 0;
  let outs = 0;
  let requiredResult = 0;
  for (const node of list ?? []) {
    const parameter = bodyAs<FunctionParameter>(bodyOf(node));
    const mode = MODES[parameter.mode ?? 'FUNC_PARAM_DEFAULT'] ?? 'i';
    const isInput = mode !== 'o' && mode !== 't';
    const type = parameterType(cx, parameter, kind);
    if (isInput && variadic !== 0) throw invalid('VARIADIC parameter must be the last input parameter', parameter.location);
    if (!isInput && mode === 'o' && variadic !== 0 && kind === 'procedure') throw invalid('VARIADIC parameter must be the last parameter', parameter.location);
    if (mode === 'v') variadic = variadicElement(cx, type, parameter.location);
    if (mode === 'o' || mode === 'b' || mode === 't') {
      if (outs === 0) requiredResult = kind === 'procedure' ? RECORDOID : type;
      outs++;
    }
    checkName(all, parameter, mode);
    if (parameter.defexpr) defaults.push(parameterDefault(cx, parameter, type, isInput));
    else if (isInput && defaults.length > 0) throw invalid('input parameters after one with a default value must also have defaults', parameter.location);
    else if (kind === 'procedure' && mode === 'o' && defaults.length > 0) throw invalid('procedure OUT parameters cannot appear after one with a default value', parameter.location);
    all.push({ type, mode, name: parameter.name ?? '' });
  }
  if (outs > 1) requiredResult = RECORDOID;
  const plain = all.every(({ mode }) => mode === 'i');
  return {
    inputTypes: all.filter(({ mode }) => mode !== 'o' && mode !== 't').map(({ type }) => type),
    allTypes: plain ? null : all.map(({ type }) => type), modes: plain ? null : all.map(({ mode }) => mode),
    names: all.some(({ name }) => name !== '') ? all.map(({ name }) => name) : null, defaults, variadic, requiredResult: outs === 0 && kind === 'procedure' ? VOIDOID : requiredResult,
  };
}

function parameterType(cx: CommandContext, parameter: FunctionParameter, kind: RoutineKind): Oid {
  const typeName = parameter.argType!;
  if (typeName.setof) throw invalid(`${kind}s cannot accept set arguments`, typeName.location);
  return commandType(cx, typeName).type;
}

function variadicElement(cx: CommandContext, type: Oid, location: number | undefined): Oid {
  if (type === ANY) return ANY;
  if (type === ANYARRAY) return ANYELEMENT;
  if (type === ANYCOMPATIBLEARRAY) return ANYCOMPATIBLE;
  const row = cx.session.catalog.type(type);
  if (!row || !isTrueArray(row)) throw invalid('VARIADIC parameter must be an array', location);
  return row.typelem;
}

/** Input names are unique among themselves, output names too; TABLE columns clash with everything. */
function checkName(before: readonly { mode: string; name: string }[], parameter: FunctionParameter, mode: string): void {
  const name = parameter.name ?? '';
  if (name === '') return;
  const output = (letter: string): boolean => letter === 'o' || letter === 't';
  const input = (letter: string): boolean => letter === 'i' || letter === 'v';
  for (const other of before) {
    if (other.name !== name) continue;
    // An input and an output parameter may share a name, unless it is a TABLE column's.
    if ((output(mode) && mode !== 't' && input(other.mode)) || (input(mode) && other.mode === 'o')) continue;
    throw invalid(`parameter name "${name}" used more than once`, parameter.location);
  }
}

function parameterDefault(cx: CommandContext, parameter: FunctionParameter, type: Oid, isInput: boolean): Expr {
  if (!isInput) throw invalid('only input parameters can have default values', parameter.location);
  const state = expressionState(cx, null);
  const raw = transformExpr(state, parameter.defexpr!, 'functionDefault');
  const coerced = coerceToTargetType(state, raw, exprType(raw), type, -1, 'assignment', 'implicitCast', -1);
  if (!coerced) {
    throw pgError('DATATYPE_MISMATCH',
      `argument of DEFAULT must be type ${state.formatType(type)}, not type ${state.formatType(exprType(raw))}`, at(parameter.location));
  }
  if (state.rtable.length > 0) throw pgError('INVALID_COLUMN_REFERENCE', 'cannot use table references in parameter default value', at(parameter.location));
  return assignExprCollations(state, coerced);
}
