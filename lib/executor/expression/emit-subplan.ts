/** Emission of subplans in expressions: EXISTS, scalar, ARRAY, ANY/ALL, row comparisons; hashed where the plan says so. */
import type { Expr, OpExpr, SubPlanExpr } from '../../analyzer/nodes.js';
import { exprType } from '../../analyzer/node-functions.js';
import { hashEncoder } from '../comparison.js';
import { HashedSubplan, subplanArray, subplanExists, subplanQuantified, subplanRow, subplanScalar } from '../subplan.js';
import { compileValue } from './compile.js';
import { emit } from './emit.js';
import { value, type Code, type Emitter } from './emitter.js';

/** A subplan's value. */
export function emitSubPlan(emitter: Emitter, expr: SubPlanExpr): Code {
  if (expr.subLinkType === 'any' && expr.useHashTable) {
    const hashed = emitHashed(emitter, expr);
    if (hashed !== null) return hashed;
  }
  const settings = expr.parParam.map((param, index) => `S.setExec(${param}, ${emit(emitter, expr.args[index]).js})`);
  const call = (fn: unknown, ...args: string[]) => {
    const run = emitter.wait(`${emitter.constant(fn)}(${['S', String(expr.planId), ...args].join(', ')})`);
    return value(settings.length === 0 ? run : `(${settings.join(', ')}, ${run})`);
  };
  switch (expr.subLinkType) {
    case 'exists': return { ...call(subplanExists), nullable: false };
    case 'expr': return call(subplanScalar);
    case 'array': return call(subplanArray, emitter.constant(expr.firstColType));
    case 'any': case 'all': {
      const test = emitter.constant(compileValue(emitter.scope, expr.testexpr!));
      return call(subplanQuantified, String(expr.subLinkType === 'any'), emitter.constant(expr.paramIds), test, 'o', 'i', 'x');
    }
    case 'rowcompare': {
      const test = emitter.constant(compileValue(emitter.scope, expr.testexpr!));
      return call(subplanRow, emitter.constant(expr.paramIds), test, 'o', 'i', 'x');
    }
    case 'multiexpr': return call(subplanRow, emitter.constant(expr.paramIds), 'null', 'o', 'i', 'x');
    default: throw new Error(`unexpected subplan of kind ${expr.subLinkType}`);
  }
}

/** Pairs (left expression, column of the subplan) of `(a, b) IN (SELECT ...)`; null when the test has another shape. */
function equalityPairs(expr: SubPlanExpr): { left: Expr; op: OpExpr }[] | null {
  const test = expr.testexpr;
  if (test === null) return null;
  const parts = test.node === 'BoolExpr' && test.boolop === 'and' ? test.args : [test];
  const pairs: { left: Expr; op: OpExpr }[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.node !== 'OpExpr' || part.args.length !== 2) return null;
    let right = part.args[1];
    while (right.node === 'RelabelType') right = right.arg;
    if (right.node !== 'Param' || right.paramkind !== 'exec' || right.paramid !== expr.paramIds[index]) return null;
    pairs.push({ left: part.args[0], op: part });
  }
  return pairs;
}

function emitHashed(emitter: Emitter, expr: SubPlanExpr): Code | null {
  const pairs = equalityPairs(expr);
  if (pairs === null || expr.parParam.length > 0) return null;
  const { catalog } = emitter.scope;
  const encoders = pairs.map((pair) => hashEncoder(catalog, exprType(pair.left)));
  const rightEncoders = pairs.map((pair) => hashEncoder(catalog, exprType(pair.op.args[1])));
  // Different representations on the two sides (int = numeric) do not hash alike.
  if (encoders.some((encode, index) => (encode === null) !== (rightEncoders[index] === null))) return null;
  const shape = emitter.constant(new HashedSubplan(expr.planId, encoders, rightEncoders));
  emitter.lazySubplans.add(expr.planId);
  const lefts = `[${pairs.map((pair) => emit(emitter, pair.left).js).join(', ')}]`;
  const build = emitter.mode === 'generator' ? `S.subplans.isBuilt(${expr.planId}) ? 0 : yield* ${shape}.build(S), ` : '';
  return value(`(${build}${shape}.probe(S, ${lefts}))`);
}

