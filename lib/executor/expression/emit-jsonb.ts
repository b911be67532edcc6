/** Emission of chains of jsonb's arrows with constant steps: one call each (`lib/functions/json/chain.ts`). */
import type { CoerceViaIO, Expr } from '../../analyzer/nodes.js';
import type { Oid } from '../../catalog/api.js';
import { jsonbChain, jsonbChainNumeric, jsonbChainText, MAX_CHAIN_STEPS } from '../../functions/json/chain.js';
import { NUMERICOID } from '../../types/oids.js';
import { emit } from './emit.js';
import { strictCall, type Code, type Emitter } from './emitter.js';

/** The arrows by their functions, and what they end in. */
const ARROWS: ReadonlyMap<string, 'value' | 'text'> = new Map([
  ['jsonb_object_field', 'value'], ['jsonb_array_element', 'value'], ['jsonb_object_field_text', 'text'], ['jsonb_array_element_text', 'text'],
]);

interface Arrow { readonly ending: 'value' | 'text'; readonly value: Expr; readonly step: Expr }

function arrowOf(emitter: Emitter, functionOid: Oid, args: readonly Expr[]): Arrow | null {
  const ending = ARROWS.get(emitter.scope.catalog.proc(functionOid)?.prosrc ?? '');
  if (ending === undefined || args.length !== 2) return null;
  const [value, step] = args;
  // Literals may have become parameters of a plan that is kept.
  return step.node === 'Const' || (step.node === 'Param' && step.paramkind === 'extern') ? { ending, value, step } : null;
}

function arrowOfExpr(emitter: Emitter, expr: Expr): Arrow | null {
  if (expr.node === 'OpExpr') return arrowOf(emitter, expr.opfuncid, expr.args);
  return expr.node === 'FuncExpr' ? arrowOf(emitter, expr.funcid, expr.args) : null;
}

/** The source and the steps of a chain that ends in an arrow. */
function chainTo(emitter: Emitter, last: Arrow): { source: Expr; steps: Expr[] } {
  const steps = [last.step];
  let source = last.value;
  while (steps.length < MAX_CHAIN_STEPS) {
    const arrow = arrowOfExpr(emitter, source);
    if (arrow === null || arrow.ending !== 'value') break;
    steps.unshift(arrow.step);
    source = arrow.value;
  }
  return { source, steps };
}

/** A call that is the end of a chain of two arrows or more; null: it is none. */
export function emitJsonbChain(emitter: Emitter, functionOid: Oid, args: readonly Expr[]): Code | null {
  const last = arrowOf(emitter, functionOid, args);
  if (last === null) return null;
  const { source, steps } = chainTo(emitter, last);
  if (steps.length < 2) return null;
  const follow = emitter.constant(last.ending === 'text' ? jsonbChainText : jsonbChain);
  return strictCall(emitter, [source, ...steps].map((expr) => emit(emitter, expr)), (names) => `${follow}(${names.join(', ')})`, true);
}

/** `(jsonb ->> step)::numeric`; null: it is something else. */
export function emitJsonbNumber(emitter: Emitter, expr: CoerceViaIO): Code | null {
  if (expr.resulttype !== NUMERICOID) return null;
  const last = arrowOfExpr(emitter, expr.arg);
  if (last === null || last.ending !== 'text') return null;
  const { source, steps } = chainTo(emitter, last);
  const follow = emitter.constant(jsonbChainNumeric);
  return strictCall(emitter, [source, ...steps].map((arg) => emit(emitter, arg)), (names) => `${follow}(${names.join(', ')})`, true);
}
