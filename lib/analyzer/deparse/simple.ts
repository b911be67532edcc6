/**
 * Whether an argument can go without parentheses when pretty-printing. Follows isSimpleNode of ruleutils.c.
 */
import type { Expr, OpExpr } from '../nodes.js';
import type { DeparseContext } from './context.js';

/** Parents that enclose their arguments themselves. */
const ENCLOSING: ReadonlySet<Expr['node']> = new Set([
  'SubscriptingRef', 'ArrayExpr', 'RowExpr', 'CoalesceExpr', 'MinMaxExpr', 'NullIfExpr', 'Aggref', 'GroupingFunc', 'WindowFunc', 'CaseExpr',
]);

function isEnclosed(parent: Expr): boolean {
  if (parent.node === 'FuncExpr') return parent.funcformat === 'call';
  return ENCLOSING.has(parent.node);
}

/** True when `expr` needs no parentheses inside `parent`. */
export function isSimple(cx: DeparseContext, expr: Expr, parent: Expr): boolean {
  switch (expr.node) {
    case 'Var': case 'Const': case 'Param': case 'SublinkParam': case 'CoerceToDomainValue': case 'SetToDefault': case 'CurrentOfExpr':
    case 'SubscriptingRef': case 'ArrayExpr': case 'RowExpr': case 'CoalesceExpr': case 'MinMaxExpr': case 'SQLValueFunction':
    case 'NextValueExpr': case 'NullIfExpr': case 'Aggref': case 'GroupingFunc': case 'WindowFunc': case 'FuncExpr': case 'CaseExpr':
      return true;
    case 'FieldSelect': return parent.node !== 'FieldSelect';
    case 'FieldStore': return parent.node !== 'FieldStore';
    case 'CoerceToDomain': case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'ConvertRowtypeExpr':
      return isSimple(cx, expr.arg, expr);
    case 'ReturningExpr': return isSimple(cx, expr.expr, expr);
    case 'OpExpr':
      if (parent.node === 'OpExpr') return isArithmeticInside(cx, expr, parent);
      return isEnclosed(parent) || parent.node === 'BoolExpr';
    case 'SubLink': case 'NullTest': case 'BooleanTest': case 'DistinctExpr':
      return isEnclosed(parent) || parent.node === 'BoolExpr';
    case 'BoolExpr':
      if (parent.node === 'BoolExpr') {
        return expr.boolop === 'or' ? parent.boolop === 'or' : parent.boolop === 'and' || parent.boolop === 'or';
      }
      return isEnclosed(parent);
    default:
      return false;
  }
}

/** The name of a binary operator of one character, '' for others. */
function simpleOperator(cx: DeparseContext, expr: OpExpr): string {
  if (expr.args.length !== 2) return '';
  const name = cx.state.catalog.operator(expr.opno)?.oprname ?? '';
  return name.length === 1 ? name : '';
}

function isArithmeticInside(cx: DeparseContext, expr: OpExpr, parent: OpExpr): boolean {
  const [inner, outer] = [simpleOperator(cx, expr), simpleOperator(cx, parent)];
  if (inner === '' || outer === '' || !'+-*/%'.includes(inner) || !'+-*/%'.includes(outer)) return false;
  const [innerHigh, outerHigh] = ['*/%'.includes(inner), '*/%'.includes(outer)];
  if (innerHigh && !outerHigh) return true;
  if (!innerHigh && outerHigh) return false;
  return parent.args[0] === expr;
}
