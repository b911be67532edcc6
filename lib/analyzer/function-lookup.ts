/**
 * Finding the function that a call means. Follows FuncnameGetCandidates (catalog/namespace.c) and func_get_detail
 * (parser/parse_func.c).
 */
import type { PgProc } from '../catalog/rows.js';
import type { ArrayValue } from '../types/datum.js';
import { RECORDOID, UNKNOWNOID } from '../types/oids.js';
import { matchArgumentTypes, selectCandidate, type Candidate } from './candidates.js';
import { findCoercionPathway, isComposite } from './coerce.js';
import { deconstructName } from './names.js';
import type { Expr } from './nodes.js';
import type { Oid, ParseState } from './state.js';
import { requireSchema, typeRow } from './type-name.js';

/** A candidate with how the call's arguments map onto it. */
export interface FunctionCandidate extends Candidate {
  readonly proc: PgProc;
  readonly pathPosition: number;
  /** Trailing arguments that a VARIADIC parameter collects. */
  readonly variadicCount: number;
  /** Parameters that take their default. */
  readonly defaultCount: number;
  /** Named notation: for each call argument, then for each default used, the parameter's index; null otherwise. */
  readonly argNumbers: readonly number[] | null;
}

/** What a name with arguments turned out to be. */
export type FunctionDetail =
  | { readonly kind: 'notFound' | 'ambiguous' }
  | { readonly kind: 'coercion'; readonly type: Oid }
  | { readonly kind: 'function' | 'procedure' | 'aggregate' | 'window'; readonly proc: PgProc; readonly candidate: FunctionCandidate };

function oids(array: ArrayValue | null): readonly Oid[] {
  return (array?.elements ?? []) as readonly Oid[];
}

/** Declared input argument types. */
export function argumentTypes(proc: PgProc): readonly Oid[] {
  return oids(proc.proargtypes);
}

/** Functions that a possibly qualified name reaches, each with its place in the search path. */
function visibleFunctions(state: ParseState, names: readonly string[]): { proc: PgProc; position: number }[] {
  const { schema, name } = deconstructName(state, names);
  const rows = state.catalog.procsByName(name);
  if (schema !== null) {
    const namespace = requireSchema(state, schema);
    return rows.filter((proc) => proc.pronamespace === namespace).map((proc) => ({ proc, position: 0 }));
  }
  const path = state.catalog.searchPath;
  const found: { proc: PgProc; position: number }[] = [];
  for (const proc of rows) {
    const position = proc.pronamespace === state.catalog.tempNamespace ? -1 : path.indexOf(proc.pronamespace);
    if (position >= 0) found.push({ proc, position });
  }
  return found;
}

/** Input parameters' types and names; with `includeOut` OUT ones as well (CALL). */
function parameters(proc: PgProc, includeOut: boolean): { types: readonly Oid[]; names: readonly string[] } {
  const allTypes = oids(proc.proallargtypes);
  const modes = (proc.proargmodes?.elements ?? []) as readonly string[];
  const names = (proc.proargnames?.elements ?? []) as readonly string[];
  if (allTypes.length === 0) return { types: argumentTypes(proc), names };
  const keep = modes.map((mode) => mode !== 't' && (includeOut || mode !== 'o'));
  return { types: allTypes.filter((_, i) => keep[i]), names: names.filter((_, i) => keep[i]) };
}

/** Maps named arguments onto parameters; null when they do not fit (MatchNamedCall). */
function matchNamed(names: readonly string[], parameterCount: number, defaults: number, count: number, argNames: readonly string[]): number[] | null {
  const positional = count - argNames.length;
  const used = new Set<number>();
  const numbers: number[] = [];
  for (let i = 0; i < positional; i++) {
    numbers.push(i);
    used.add(i);
  }
  for (const name of argNames) {
    const at = names.findIndex((candidate) => candidate === name);
    if (at < 0 || at >= parameterCount || used.has(at)) return null;
    used.add(at);
    numbers.push(at);
  }
  for (let i = positional; i < parameterCount; i++) {
    if (used.has(i)) continue;
    if (i < parameterCount - defaults) return null;
    numbers.push(i);
  }
  return numbers;
}

/** All functions of a name that could take that many arguments; of two alike, the one nearer in the search path. */
export function functionCandidates(
  state: ParseState, names: readonly string[], count: number, argNames: readonly string[], expandVariadic: boolean, expandDefaults: boolean, includeOut: boolean,
): FunctionCandidate[] {
  const result: FunctionCandidate[] = [];
  for (const { proc, position } of visibleFunctions(state, names)) {
    const { types, names: parameterNames } = parameters(proc, includeOut);
    const isVariadic = expandVariadic && proc.provariadic !== 0;
    let candidate: FunctionCandidate;
    if (argNames.length > 0) {
      if (isVariadic || types.length < count || (types.length > count && (!expandDefaults || count + proc.pronargdefaults < types.length))) continue;
      const numbers = matchNamed(parameterNames, types.length, expandDefaults ? proc.pronargdefaults : 0, count, argNames);
      if (numbers === null) continue;
      candidate = { oid: proc.oid, proc, pathPosition: position, args: numbers.map((at) => types[at]), variadicCount: 0, defaultCount: types.length - count, argNumbers: numbers };
    } else {
      const variadic = isVariadic && types.length <= count;
      const useDefaults = types.length > count && expandDefaults && count + proc.pronargdefaults >= types.length;
      if (types.length !== count && !variadic && !useDefaults) continue;
      const args = [...types];
      if (variadic) {
        args.length = types.length - 1;
        while (args.length < Math.max(count, types.length)) args.push(proc.provariadic);
      }
      candidate = {
        oid: proc.oid, proc, pathPosition: position, args, variadicCount: variadic ? Math.max(count, types.length) - types.length + 1 : 0,
        defaultCount: useDefaults ? types.length - count : 0, argNumbers: null,
      };
    }
    addCandidate(result, candidate);
  }
  return result;
}

function addCandidate(result: FunctionCandidate[], candidate: FunctionCandidate): void {
  const compared = candidate.args.length - candidate.defaultCount;
  const at = result.findIndex((other) => other.args.length - other.defaultCount === compared
    && (other.pathPosition !== candidate.pathPosition || other.variadicCount + other.defaultCount + candidate.variadicCount + candidate.defaultCount > 0 || other.argNumbers !== null)
    && other.args.slice(0, compared).every((type, i) => type === candidate.args[i]));
  if (at < 0) {
    result.push(candidate);
    return;
  }
  const other = result[at];
  let preference = candidate.pathPosition - other.pathPosition;
  if (preference === 0 && candidate.variadicCount > 0 && other.variadicCount === 0) preference = 1;
  if (preference === 0 && candidate.variadicCount === 0 && other.variadicCount > 0) preference = -1;
  if (preference < 0) result[at] = candidate;
  else if (preference === 0) other.oid = 0;
}

/** Resolves a call (func_get_detail). `args` are only looked at to tell literals from other unknowns; empty when there are only types. */
export function functionDetail(
  state: ParseState, names: readonly string[], args: readonly Expr[], argNames: readonly string[], types: readonly Oid[],
  expandVariadic: boolean, expandDefaults: boolean, includeOut: boolean,
): FunctionDetail {
  const raw = functionCandidates(state, names, types.length, argNames, expandVariadic, expandDefaults, includeOut);
  let chosen = raw.find((candidate) => types.every((type, i) => candidate.args[i] === type)) ?? null;
  if (chosen === null) {
    if (types.length === 1 && args.length === 1 && argNames.length === 0) {
      const target = functionNameAsType(state, names);
      if (target !== 0 && isCoercionCall(state, target, types[0], args[0])) return { kind: 'coercion', type: target };
    }
    if (raw.length > 0) {
      const matching = matchArgumentTypes(state, types, raw);
      if (matching.length === 1) {
        [chosen] = matching;
      } else if (matching.length > 1) {
        chosen = selectCandidate(state, types, matching);
        if (chosen === null) return { kind: 'ambiguous' };
      }
    }
  }
  if (chosen === null) return { kind: 'notFound' };
  if (chosen.oid === 0) return { kind: 'ambiguous' };
  const kind = { f: 'function', p: 'procedure', a: 'aggregate', w: 'window' } as const;
  return { kind: kind[chosen.proc.prokind as 'f' | 'p' | 'a' | 'w'], proc: chosen.proc, candidate: chosen };
}

/** `typename(value)`: the type a function name also is, 0 when none. */
function functionNameAsType(state: ParseState, names: readonly string[]): Oid {
  const { schema, name } = deconstructName(state, names);
  const namespace = schema === null ? null : state.catalog.namespaceByName(schema);
  const row = schema === null ? state.catalog.lookupType(name) : namespace === null ? null : state.catalog.typeByName(name, namespace.oid);
  if (row === null || !row.typisdefined || (row.typrelid !== 0 && row.typtype === 'c')) return 0;
  return row.oid;
}

function isCoercionCall(state: ParseState, target: Oid, source: Oid, arg: Expr): boolean {
  if (source === UNKNOWNOID && arg.node === 'Const') return true;
  const path = findCoercionPathway(state, target, source, 'explicit');
  if (path.kind === 'relabel') return true;
  if (path.kind !== 'io') return false;
  return !((source === RECORDOID || isComposite(state, source)) && typeRow(state, target).typcategory === 'S');
}

/** The one function of exactly these argument types (or the only one of the name when `types` is null); null, or 'ambiguous'. */
export function exactFunction(state: ParseState, names: readonly string[], types: readonly Oid[] | null): PgProc | 'ambiguous' | null {
  if (types === null) {
    const all = visibleFunctions(state, names);
    const nearest = all.filter((entry) => !all.some((other) => other.position < entry.position && sameSignature(other.proc, entry.proc)));
    return nearest.length === 0 ? null : nearest.length > 1 ? 'ambiguous' : nearest[0].proc;
  }
  const found = functionCandidates(state, names, types.length, [], false, false, false).find((candidate) => types.every((type, i) => candidate.args[i] === type));
  return found === undefined ? null : found.oid === 0 ? 'ambiguous' : found.proc;
}

function sameSignature(a: PgProc, b: PgProc): boolean {
  const [x, y] = [argumentTypes(a), argumentTypes(b)];
  return x.length === y.length && x.every((type, i) => type === y[i]);
}
