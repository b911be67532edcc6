/**
 * The fused kernel of a hash join: conditions and target list as one loop over the outer rows and, for each, over the columns of
 * the inner rows with its key, which stand side by side (`JoinTable.order`). No inner row is touched: a join's time is that of fetching
 * from memory, and a row is three fetches where a number in a column is a share of one. 10 M pairs of which half pass: 0.8 s, by rows 5.5 s.
 *
 * For joins by one column whose values are whole numbers that lie close together on the inner side, and which want nothing of inner rows
 * without a partner. Everything else, and what may wait, is the business of `HashJoin`'s own loop, its slow twin; a test compares them.
 */
import { exprType } from '../../analyzer/node-functions.js';
import type { Expr } from '../../analyzer/nodes.js';
import { forEachChild } from '../../analyzer/walker.js';
import { INNER_VAR, OUTER_VAR, type HashJoinPlan } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import { hashEncoder } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { emit, emitConditions } from '../expression/emit.js';
import { Emitter, instantiate, nonNull, NULL_CODE, scopeNow, value, type CompileScope } from '../expression/emitter.js';
import type { JoinColumn, OrderedColumns } from '../join-table.js';
import { isVolatile } from '../projection.js';

/**
 * Joins outer rows from `from` on until `limit` rows are in `out`, or many pairs were looked at; returns where to go on, or -1 at the
 * end.
 */
export type JoinLoop = (S: ExecutionState, outer: readonly Row[], from: number, inner: OrderedColumns, out: Row[], limit: number) => number;

const KINDS: ReadonlySet<HashJoinPlan['jointype']> = new Set(['inner', 'left', 'semi', 'anti']);
/** Pairs after which the loop lets others have a turn. */
const MOST_PAIRS = 1 << 15;

/** See the file's comment. */
export class JoinKernel {
  /** 0-based inner attributes that the loop reads. */
  readonly attributes: readonly number[];
  private readonly loops = new Map<string, JoinLoop>();

  constructor(private readonly scope: CompileScope, private readonly plan: HashJoinPlan, private readonly outerKey: number) {
    const used = new Set<number>();
    for (const expr of expressions(plan)) collectInner(expr, used);
    this.attributes = [...used].sort((a, b) => a - b);
  }

  /** The loop for columns of these kinds. */
  loop(S: ExecutionState, { columns }: OrderedColumns): JoinLoop {
    const signature = columns.map((column) => (isTyped(column) ? 'n' : 'v')).join('');
    let loop = this.loops.get(signature);
    if (loop === undefined) this.loops.set(signature, loop = this.compile(S, columns));
    return loop;
  }

  private compile(S: ExecutionState, columns: readonly JoinColumn[]): JoinLoop {
    const { plan, attributes } = this;
    let isLonely = false;
    const emitter = new Emitter({
      ...scopeNow(S, this.scope),
      read: (variable) => {
        if (variable.varno === OUTER_VAR) return value(`o[${variable.varattno - 1}]`);
        if (isLonely) return NULL_CODE;
        const index = attributes.indexOf(variable.varattno - 1);
        return isTyped(columns[index]) ? nonNull(`c${index}[p]`) : value(`c${index}[p]`);
      },
    }, 'sync');
    const filter = (otherwise: string): string => (plan.qual.length === 0 ? '' : `if (!${emitConditions(emitter, plan.qual)}) ${otherwise};`);
    const add = (): string => `out.push([${plan.targetlist.map((target) => emit(emitter, target.expr).js).join(', ')}]);`;
    const joins = plan.joinqual.length === 0 ? '' : `if (!${emitConditions(emitter, plan.joinqual)}) continue;`;
    const pair = plan.jointype === 'anti' ? 'break;' : plan.jointype === 'semi' ? `${filter('break')} ${add()} break;` : `${filter('continue')} ${add()}`;
    const keepsLonely = plan.jointype === 'left' || plan.jointype === 'anti';
    isLonely = true;
    const lonely = keepsLonely ? `if (!matched) { ${filter('continue')} ${add()} }` : '';
    const body = `const { least, starts } = inner, length = starts.length - 1;
      ${columns.map((_, index) => `const c${index} = inner.columns[${index}];`).join(' ')}
      let pairs = 0;
      for (let b = from; b < outer.length; b++) {
        const o = outer[b], key = o[${this.outerKey}];
        let p = 0, end = 0, matched = false;
        if (typeof key === 'number') {
          const k = key - least;
          if (k >= 0 && k < length && Number.isInteger(k)) { p = starts[k]; end = starts[k + 1]; }
        }
        pairs += end - p;
        for (; p < end; p++) { ${joins} matched = true; ${pair} }
        ${lonely}
        if (out.length >= limit || pairs >= ${MOST_PAIRS}) return b + 1;
      }
      return -1;`;
    return instantiate(emitter, 'S, outer, from, inner, out, limit', body) as JoinLoop;
  }
}

/** The kernel of a hash join, or null where the node is not of that form. */
export function makeJoinKernel(scope: CompileScope, plan: HashJoinPlan): JoinKernel | null {
  const [[outer, ...more], [inner]] = [plan.outerKeys, plan.innerKeys];
  if (more.length > 0 || !KINDS.has(plan.jointype)) return null;
  if (outer.node !== 'Var' || outer.varno !== OUTER_VAR || outer.varattno <= 0) return null;
  if (hashEncoder(scope.catalog, exprType(outer)) !== null || hashEncoder(scope.catalog, exprType(inner)) !== null) return null;
  if (expressions(plan).some((expr) => isVolatile(expr, scope.catalog) || !isReadable(expr))) return null;
  return new JoinKernel(scope, plan, outer.varattno - 1);
}

function isTyped(column: JoinColumn): boolean {
  return !Array.isArray(column);
}

function expressions(plan: HashJoinPlan): Expr[] {
  return [...plan.joinqual, ...plan.qual, ...plan.targetlist.map((target) => target.expr)];
}

/** Whether all Vars are columns of the two sides, also in what subplans are given. */
function isReadable(expr: Expr): boolean {
  if (expr.node === 'Var') return expr.varattno > 0;
  let all = expr.node !== 'SubPlan';
  forEachChild(expr, (child) => { all &&= isReadable(child); });
  return all;
}

function collectInner(expr: Expr, into: Set<number>): void {
  if (expr.node === 'Var') {
    if (expr.varno === INNER_VAR) into.add(expr.varattno - 1);
    return;
  }
  forEachChild(expr, (child) => collectInner(child, into));
}
