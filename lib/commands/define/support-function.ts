/**
 * Functions that other objects are made of: found by name and the types that they will be called with.
 *
 * Idea: PostgreSQL's lookup_agg_function (catalog/pg_aggregate.c), LookupFuncName (parser/parse_func.c).
 */
import { functionDetail } from '../../analyzer/function-lookup.js';
import { functionSignature } from '../../analyzer/names.js';
import { enforceGenericTypeConsistency, isPolymorphic } from '../../analyzer/polymorphic.js';
import { findCoercionPathway } from '../../analyzer/coerce.js';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { hasPrivilege } from '../../catalog/privileges.js';
import type { PgProc } from '../../catalog/rows.js';
import type { CommandContext } from '../api.js';
import { expressionState } from '../expressions.js';

/** A function with the type that it returns for these arguments. */
export interface SupportFunction {
  readonly proc: PgProc;
  readonly result: Oid;
}

/** The function that takes arguments of these types without conversions at run time. @throws 42883, 42804, 42501 */
export function supportFunction(cx: CommandContext, names: readonly string[], types: readonly Oid[]): SupportFunction {
  const state = expressionState(cx, null);
  const signature = functionSignature(state, names.join('.'), types);
  const detail = functionDetail(state, names, [], [], types, false, false, false);
  if (!('proc' in detail) || detail.kind !== 'function') throw pgError('UNDEFINED_FUNCTION', `function ${signature} does not exist`);
  const { proc } = detail;
  if (proc.proretset) throw pgError('DATATYPE_MISMATCH', `function ${signature} returns a set`);
  const declared = [...detail.candidate.args];
  const result = declared.some((type) => isPolymorphic(type)) || isPolymorphic(proc.prorettype)
    ? enforceGenericTypeConsistency(state, types, declared, proc.prorettype, true) : proc.prorettype;
  types.forEach((type, at) => {
    const path = isPolymorphic(declared[at]) || declared[at] === type || declared[at] === ANY ? null : findCoercionPathway(state, declared[at], type, 'implicit');
    if (path && path.kind !== 'relabel') throw pgError('DATATYPE_MISMATCH', `function ${signature} requires run-time type coercion`);
  });
  if (!hasPrivilege(cx.session.catalog, 'function', proc.oid, cx.session.currentUserOid, 'EXECUTE')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for function ${proc.proname}`);
  }
  return { proc, result };
}
const ANY = 2276;
