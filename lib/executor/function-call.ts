/**
 * From a pg_proc row to something callable: built-ins by `prosrc`, everything else through the session's
 * `FunctionRunner`. Shared by expressions, aggregates, comparators.
 */
import { pgError, notSupported } from '../base/error.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { PgProc } from '../catalog/rows.js';
import type { CallContext, CallInfo, FunctionServices } from '../functions/context.js';
import { builtin, type Builtin } from '../functions/registry.js';
import { isPlainCollation } from '../types/collation.js';
import type { Datum } from '../types/datum.js';
import { catalogNative, type CatalogNative } from './catalog-natives.js';

/** Languages whose functions live in the registry: internal and C. */
const INTERNAL_LANGUAGE = 12;
const C_LANGUAGE = 13;
const SQL_LANGUAGE = 14;

/** The fixed part of a call, and the slot through which the current session's services reach the built-in. */
export class CallSite implements CallContext {
  services!: FunctionServices;
  constructor(readonly call: CallInfo) {}
}

/** A function, found. */
export interface ResolvedFunction {
  readonly proc: PgProc;
  readonly call: CallInfo;
  /** Null when it is not built in: the runner's. */
  readonly implementation: Builtin | null;
  /** A system function over the catalog; then `implementation` is null. */
  readonly native: CatalogNative | null;
}

/**
 * Finds the implementation of a function. 42883 when the function is gone. A built-in that nobody registered resolves
 * to a body that raises 0A000 when it is called.
 */
export function resolveFunction(catalog: Catalog, call: CallInfo): ResolvedFunction {
  const proc = catalog.proc(call.functionOid);
  if (proc === null) throw pgError('UNDEFINED_FUNCTION', `function with OID ${call.functionOid} does not exist`);
  const registered = underCollation(builtin(proc.prosrc), call.collation);
  if (proc.prolang === INTERNAL_LANGUAGE || proc.prolang === C_LANGUAGE) {
    return { proc, call, implementation: registered ?? missing(proc), native: null };
  }
  // System functions written in SQL have no prosrc of their own: native bodies attach by name and argument types.
  if (proc.prolang !== SQL_LANGUAGE || proc.oid >= FIRST_NORMAL_OID) return { proc, call, implementation: null, native: null };
  const signature = `${proc.proname}(${proc.proargtypes.elements.join(',')})`;
  return { proc, call, implementation: builtin(`sql:${signature}`) ?? null, native: catalogNative(signature) };
}

const FIRST_NORMAL_OID = 16384;

/** The form of a built-in that asks the collation, where the collation is not plain code point order. */
function underCollation(entry: Builtin | undefined, collation: Oid): Builtin | undefined {
  if (entry?.kind !== 'pure' || entry.collated === undefined || isPlainCollation(collation)) return entry;
  return { kind: 'context', fn: entry.collated };
}

function missing(proc: PgProc): Builtin {
  return {
    kind: 'pure',
    fn: () => {
      throw notSupported(`function ${proc.proname}`);
    },
  };
}

/** A call that never waits: `services` are the current session's. */
export type DirectCall = (services: FunctionServices, ...args: Datum[]) => Datum;

/** A built-in as a plain function; null for functions that may wait, return sets or are not built in. */
export function directCall(resolved: ResolvedFunction): DirectCall | null {
  const { implementation } = resolved;
  if (implementation === null) return null;
  if (implementation.kind === 'pure') {
    const { fn } = implementation;
    return (_services, ...args) => fn(...args);
  }
  if (implementation.kind === 'context') {
    const { fn } = implementation;
    const site = new CallSite(resolved.call);
    return (services, ...args) => {
      site.services = services;
      return fn(site, ...args);
    };
  }
  return null;
}

/** Built-ins as plain functions by collation, for the argument types that their rows declare; null: not to be had. */
const declaredCalls = new WeakMap<PgProc, Map<Oid, DirectCall | null>>();

/**
 * The function as `directCall` gives it, for arguments of the types that it declares; found once. The planner's estimates call the
 * same few comparisons dozens of times for each execution of a prepared statement; finding them was a tenth of a range of 1,000 rows, by a profile.
 */
export function declaredCall(catalog: Catalog, proc: PgProc, collation: Oid): DirectCall | null {
  let calls = declaredCalls.get(proc);
  if (calls === undefined) declaredCalls.set(proc, calls = new Map());
  let call = calls.get(collation);
  if (call === undefined) {
    call = proc.proretset ? null : directCall(resolveFunction(catalog, callInfo(catalog, proc.oid, collation)));
    calls.set(collation, call);
  }
  return call;
}

/** A call of a function by OID with its declared argument types. */
export function callInfo(catalog: Catalog, functionOid: Oid, collation: Oid): CallInfo {
  const proc = catalog.proc(functionOid);
  return {
    functionOid,
    argTypes: proc === null ? [] : (proc.proargtypes.elements as number[]),
    resultType: proc === null ? 0 : proc.prorettype,
    collation,
    variadic: false,
  };
}
