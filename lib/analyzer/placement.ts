/**
 * Where aggregates, window functions, set-returning functions and sub-selects may stand, and how messages name the places
 * where they may not. Facts from PostgreSQL's parse_agg.c, parse_func.c and parse_expr.c.
 */
import { exprLocation } from './node-functions.js';
import type { ExprKind, ParseState } from './state.js';
import { exprKindName } from './state.js';

/** Places with a name of their own in messages; other kinds are named by `exprKindName`. */
const PLACES: Readonly<Partial<Record<ExprKind, string>>> = {
  joinOn: 'JOIN conditions', joinUsing: 'JOIN conditions', mergeWhen: 'MERGE WHEN conditions', policy: 'policy expressions',
  checkConstraint: 'check constraints', domainCheck: 'check constraints', columnDefault: 'DEFAULT expressions',
  functionDefault: 'DEFAULT expressions', indexExpression: 'index expressions', indexPredicate: 'index predicates',
  statsExpression: 'statistics expressions', alterColTransform: 'transform expressions', executeParameter: 'EXECUTE parameters',
  triggerWhen: 'trigger WHEN conditions', partitionBound: 'partition bound', partitionExpression: 'partition key expressions',
  callArgument: 'CALL arguments', copyWhere: 'COPY FROM WHERE conditions', generatedColumn: 'column generation expressions',
};

const WINDOW_PARTS: ReadonlySet<ExprKind> = new Set(['windowPartition', 'windowOrder', 'windowFrameRange', 'windowFrameRows', 'windowFrameGroups']);

const AGGREGATE_ALLOWED: ReadonlySet<ExprKind> = new Set(['none', 'other', 'having', 'windowPartition', 'windowOrder', 'selectTarget', 'orderBy', 'distinctOn']);
const WINDOW_ALLOWED: ReadonlySet<ExprKind> = new Set(['none', 'other', 'selectTarget', 'orderBy', 'distinctOn']);
const SET_ALLOWED: ReadonlySet<ExprKind> = new Set(['none', 'other', 'windowPartition', 'windowOrder', 'selectTarget', 'insertTarget', 'groupBy', 'orderBy', 'distinctOn', 'valuesSingle']);

/** Where an aggregate (or GROUPING) may not stand: the message, else null. `what` is "aggregate functions" or "grouping operations". */
export function aggregatePlacementError(kind: ExprKind, what: string): string | null {
  if (AGGREGATE_ALLOWED.has(kind)) return null;
  if (kind === 'fromSubselect') return `${what} are not allowed in FROM clause of their own query level`;
  if (kind === 'fromFunction') return `${what} are not allowed in functions in FROM`;
  return `${what} are not allowed in ${PLACES[kind] ?? exprKindName(kind)}`;
}

/** Where a window function may not stand: the message, else null. */
export function windowPlacementError(kind: ExprKind): string | null {
  if (WINDOW_ALLOWED.has(kind)) return null;
  if (WINDOW_PARTS.has(kind)) return 'window functions are not allowed in window definitions';
  if (kind === 'fromFunction') return 'window functions are not allowed in functions in FROM';
  return `window functions are not allowed in ${PLACES[kind] ?? exprKindName(kind)}`;
}

/** Notes a set-returning call. @throws 0A000 where none may stand */
export function checkSetPlacement(state: ParseState, lastSrf: unknown, location: number): void {
  const kind = state.exprKind;
  if (kind === 'fromFunction') {
    if (state.lastSrf !== lastSrf) throw state.error('FEATURE_NOT_SUPPORTED', 'set-returning functions must appear at top level of FROM', state.lastSrf === null ? location : exprLocation(state.lastSrf));
    return;
  }
  if (SET_ALLOWED.has(kind)) {
    if (kind !== 'none' && kind !== 'other') state.hasTargetSRFs = true;
    return;
  }
  const place = WINDOW_PARTS.has(kind) ? 'window definitions' : PLACES[kind] ?? exprKindName(kind);
  throw state.error('FEATURE_NOT_SUPPORTED', `set-returning functions are not allowed in ${place}`, location);
}

const SUBQUERY_PLACES: Readonly<Partial<Record<ExprKind, string>>> = {
  checkConstraint: 'check constraint', domainCheck: 'check constraint', columnDefault: 'DEFAULT expression',
  functionDefault: 'DEFAULT expression', indexExpression: 'index expression', indexPredicate: 'index predicate',
  statsExpression: 'statistics expression', alterColTransform: 'transform expression', executeParameter: 'EXECUTE parameter',
  triggerWhen: 'trigger WHEN condition', partitionBound: 'partition bound', partitionExpression: 'partition key expression',
  callArgument: 'CALL argument', copyWhere: 'COPY FROM WHERE condition', generatedColumn: 'column generation expression',
};

/** Where a sub-select may not stand: the message, else null. */
export function subqueryPlacementError(kind: ExprKind): string | null {
  const place = SUBQUERY_PLACES[kind];
  return place === undefined ? null : `cannot use subquery in ${place}`;
}

/** Where a column may not stand: the message, else null. */
export function columnPlacementError(kind: ExprKind): string | null {
  if (kind === 'columnDefault') return 'cannot use column reference in DEFAULT expression';
  return kind === 'partitionBound' ? 'cannot use column reference in partition bound expression' : null;
}
