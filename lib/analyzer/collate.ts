/**
 * Collations of finished expressions: explicit COLLATE beats columns' collations, conflicts are remembered and raised only
 * where a collation is needed. Fills the collation fields in place. Follows PostgreSQL's parser/parse_collate.c.
 */
import { exprCollation, exprLocation, exprType, DEFAULT_COLLATION_OID } from './node-functions.js';
import type { Aggref, Expr, Query, RowCompareExpr, TargetEntry } from './nodes.js';
import type { Mutable, Oid, ParseState } from './state.js';
import { typeCollation } from './type-name.js';
import { forEachChild, forEachQueryExpression } from './walker.js';

const NONE = 0;
const IMPLICIT = 1;
const CONFLICT = 2;
const EXPLICIT = 3;

/** What is known about the collation of an expression. */
interface Collating {
  collation: Oid;
  strength: number;
  location: number;
  collation2: Oid;
  location2: number;
}

function nothing(): Collating {
  return { collation: 0, strength: NONE, location: -1, collation2: 0, location2: -1 };
}

/** Assigns collations in one expression; answers the expression. @throws 42P21 */
export function assignExprCollations<E extends Expr>(state: ParseState, expr: E): E {
  assign(state, expr, nothing());
  return expr;
}

/** Assigns collations in every expression of a query; sub-queries have had theirs. */
export function assignQueryCollations(state: ParseState, query: Query): void {
  forEachQueryExpression({ ...query, rtable: [] }, (expr) => assign(state, expr, nothing()));
}

/** The collation for comparing expressions with each other; with `noneOk` 0 when they conflict. @throws 42P21 */
export function selectCommonCollation(state: ParseState, exprs: readonly Expr[], noneOk: boolean): Oid {
  const context = nothing();
  for (const expr of exprs) assign(state, expr, context);
  if (context.strength !== CONFLICT) return context.collation;
  if (noneOk) return 0;
  throw implicitMismatch(state, context);
}

function collationName(state: ParseState, collation: Oid): string {
  return state.catalog.collation(collation)?.collname ?? String(collation);
}

function implicitMismatch(state: ParseState, context: Collating): Error {
  return state.error('COLLATION_MISMATCH',
    `collation mismatch between implicit collations "${collationName(state, context.collation)}" and "${collationName(state, context.collation2)}"`, context.location2,
    { hint: 'You can choose the collation by applying the COLLATE clause to one or both expressions.' });
}

function merge(state: ParseState, part: Collating, context: Collating): void {
  if (part.strength > context.strength) {
    Object.assign(context, part);
    return;
  }
  if (part.strength !== context.strength || part.collation === context.collation) return;
  if (part.strength === IMPLICIT) {
    if (context.collation === DEFAULT_COLLATION_OID) {
      context.collation = part.collation;
      context.location = part.location;
    } else if (part.collation !== DEFAULT_COLLATION_OID) {
      context.strength = CONFLICT;
      context.collation2 = part.collation;
      context.location2 = part.location;
    }
  } else if (part.strength === EXPLICIT) {
    throw state.error('COLLATION_MISMATCH',
      `collation mismatch between explicit collations "${collationName(state, context.collation)}" and "${collationName(state, part.collation)}"`, part.location);
  }
}

/** Assigns below and at `expr`, and adds its state to `context`. */
function assign(state: ParseState, expr: Expr, context: Collating): void {
  const inner = nothing();
  const below = (child: Expr): void => assign(state, child, inner);
  const result = nothing();
  const take = (collation: Oid, strength: number, location: number): void => {
    Object.assign(result, { collation, strength, location, collation2: inner.collation2, location2: inner.location2 });
  };
  switch (expr.node) {
    case 'CollateExpr':
      below(expr.arg);
      take(expr.collOid, EXPLICIT, expr.location);
      break;
    case 'FieldSelect':
      below(expr.arg);
      if (expr.resultcollid !== 0) take(expr.resultcollid, IMPLICIT, exprLocation(expr));
      break;
    case 'RowExpr':
      for (const arg of expr.args) assignExprCollations(state, arg);
      return;
    case 'RowCompareExpr':
      assignRowCompare(state, expr);
      return;
    case 'CoerceToDomain': {
      below(expr.arg);
      const own = typeCollation(state, expr.resulttype);
      if (own === DEFAULT_COLLATION_OID) take(inner.collation, inner.strength, inner.location);
      else if (own !== 0) take(own, IMPLICIT, exprLocation(expr));
      setCollation(expr, result.strength === CONFLICT ? 0 : result.collation);
      break;
    }
    case 'Var': case 'Const': case 'Param': case 'SublinkParam': case 'CoerceToDomainValue': case 'CaseTestExpr':
    case 'SetToDefault': case 'CurrentOfExpr': case 'NextValueExpr': case 'MergeSupportFunc': case 'SQLValueFunction': {
      const collation = exprCollation(expr);
      take(collation, collation === 0 ? NONE : IMPLICIT, exprLocation(expr));
      break;
    }
    default:
      assignBelow(state, expr, inner);
      finish(state, expr, inner, take);
  }
  merge(state, result, context);
}

function finish(state: ParseState, expr: Expr, inner: Collating, take: (collation: Oid, strength: number, location: number) => void): void {
  const own = typeCollation(state, exprType(expr));
  let collation = 0;
  let strength = NONE;
  if (own !== 0) {
    collation = inner.strength > NONE ? inner.collation : own;
    strength = inner.strength > NONE ? inner.strength : IMPLICIT;
    take(collation, strength, inner.strength > NONE ? inner.location : exprLocation(expr));
  }
  setCollation(expr, strength === CONFLICT ? 0 : collation);
  setInputCollation(expr, inner.strength === CONFLICT ? 0 : inner.collation);
}

/** Children of a function-like node: those that count for its collation go into `inner`, the others stand alone. */
function assignBelow(state: ParseState, expr: Expr, inner: Collating): void {
  const alone = (child: Expr | null): void => {
    if (child !== null) assignExprCollations(state, child);
  };
  switch (expr.node) {
    case 'Aggref':
      assignAggregate(state, expr, inner);
      return;
    case 'WindowFunc':
      for (const arg of expr.args) assign(state, arg, inner);
      alone(expr.aggfilter);
      return;
    case 'CaseExpr':
      for (const when of expr.args) {
        alone(when.expr);
        assign(state, when.result, inner);
      }
      if (expr.defresult !== null) assign(state, expr.defresult, inner);
      return;
    case 'SubscriptingRef':
      for (const index of [...expr.refupperindexpr, ...expr.reflowerindexpr]) alone(index);
      assign(state, expr.refexpr, inner);
      if (expr.refassgnexpr !== null) assign(state, expr.refassgnexpr, inner);
      return;
    case 'SubLink': {
      if (expr.testexpr !== null) assign(state, expr.testexpr, inner);
      const [first] = expr.subselect.targetList;
      if (first === undefined || first.resjunk) return;
      const collation = exprCollation(first.expr);
      merge(state, { collation, strength: IMPLICIT, location: exprLocation(first.expr), collation2: 0, location2: -1 }, inner);
      return;
    }
    default:
      forEachChild(expr, (child) => assign(state, child, inner));
  }
}

function assignAggregate(state: ParseState, aggregate: Aggref, inner: Collating): void {
  if (aggregate.aggkind === 'n') {
    for (const entry of aggregate.args) {
      if (entry.resjunk) assignExprCollations(state, entry.expr);
      else assign(state, entry.expr, inner);
    }
  } else {
    const variadic = (state.catalog.proc(aggregate.aggfnoid)?.provariadic ?? 0) !== 0;
    const merged = aggregate.args.length === 1 && !variadic;
    const paired = aggregate.aggkind === 'h' && !merged ? aggregate.aggdirectargs.length - aggregate.args.length : aggregate.aggdirectargs.length;
    aggregate.aggdirectargs.forEach((arg, i) => {
      if (i < paired) assign(state, arg, inner);
      else assignPair(state, arg, aggregate.args[i - paired], inner);
    });
    if (paired < aggregate.aggdirectargs.length) {
      if (aggregate.aggfilter !== null) assignExprCollations(state, aggregate.aggfilter);
      return;
    }
    for (const entry of aggregate.args) {
      if (merged) assign(state, entry.expr, inner);
      else assignExprCollations(state, entry.expr);
    }
  }
  if (aggregate.aggfilter !== null) assignExprCollations(state, aggregate.aggfilter);
}

/** A hypothetical argument and its ordering column are compared with each other: one collation for both. */
function assignPair(state: ParseState, arg: Expr, entry: TargetEntry, inner: Collating): void {
  const pair = nothing();
  assign(state, arg, pair);
  assign(state, entry.expr, pair);
  if (pair.strength === CONFLICT) throw implicitMismatch(state, pair);
  const collation = pair.collation;
  if (collation !== 0 && collation !== exprCollation(entry.expr)) {
    (entry as Mutable<TargetEntry>).expr = { node: 'RelabelType', arg: entry.expr, resulttype: exprType(entry.expr), resulttypmod: -1, resultcollid: collation, relabelformat: 'implicitCast', location: -1 };
  }
  merge(state, pair, inner);
}

function assignRowCompare(state: ParseState, expr: RowCompareExpr): void {
  const mutable: Mutable<RowCompareExpr> = expr;
  mutable.inputcollids = expr.largs.map((left, i) => selectCommonCollation(state, [left, expr.rargs[i]], true));
}

function setCollation(expr: Expr, collation: Oid): void {
  switch (expr.node) {
    case 'FuncExpr': (expr as Mutable<typeof expr>).funccollid = collation; break;
    case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': (expr as { opcollid: Oid }).opcollid = collation; break;
    case 'Aggref': (expr as Mutable<typeof expr>).aggcollid = collation; break;
    case 'WindowFunc': (expr as Mutable<typeof expr>).wincollid = collation; break;
    case 'SubscriptingRef': (expr as Mutable<typeof expr>).refcollid = collation; break;
    case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'CoerceToDomain':
      (expr as { resultcollid: Oid }).resultcollid = collation;
      break;
    case 'CaseExpr': (expr as Mutable<typeof expr>).casecollid = collation; break;
    case 'ArrayExpr': (expr as Mutable<typeof expr>).arrayCollid = collation; break;
    case 'CoalesceExpr': (expr as Mutable<typeof expr>).coalescecollid = collation; break;
    case 'MinMaxExpr': (expr as Mutable<typeof expr>).minmaxcollid = collation; break;
    default:
  }
}

function setInputCollation(expr: Expr, collation: Oid): void {
  switch (expr.node) {
    case 'FuncExpr': case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': case 'Aggref':
    case 'WindowFunc': case 'MinMaxExpr':
      (expr as { inputcollid: Oid }).inputcollid = collation;
      break;
    default:
  }
}
