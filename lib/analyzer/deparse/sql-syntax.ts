/**
 * Functions that were called by a syntax of their own (EXTRACT, SUBSTRING ... FROM, AT TIME ZONE) go out in it again. Follows
 * get_func_sql_syntax of ruleutils.c.
 */
import { quoteIdentifier } from '../../base/identifier.js';
import { exprType } from '../node-functions.js';
import type { Expr, FuncExpr } from '../nodes.js';
import type { DeparseContext } from './context.js';
import { writeExpr, writeParen, writtenArguments } from './expr.js';

/** Writes the call by its syntax; false when it has none. */
export function sqlSyntax(cx: DeparseContext, expr: FuncExpr): boolean {
  const proc = cx.state.catalog.proc(expr.funcid);
  if (proc === null || proc.pronamespace !== 11) return false;
  const args = writtenArguments(expr);
  const arg = (i: number): void => writeExpr(cx, args[i], false);
  const paren = (i: number): void => writeParen(cx, args[i], false, expr);
  const text = (i: number): string => constantText(args[i]);
  switch (proc.proname) {
    case 'timezone':
      cx.append('(');
      if (args.length === 2) {
        paren(1);
        cx.append(' AT TIME ZONE ');
        paren(0);
      } else {
        paren(0);
        cx.append(' AT LOCAL');
      }
      cx.append(')');
      return true;
    case 'overlaps':
      cx.append('((');
      arg(0);
      cx.append(', ');
      arg(1);
      cx.append(') OVERLAPS (');
      arg(2);
      cx.append(', ');
      arg(3);
      cx.append('))');
      return true;
    case 'extract':
      cx.append(`EXTRACT(${quoteIdentifier(text(0))} FROM `);
      arg(1);
      cx.append(')');
      return true;
    case 'is_normalized':
      cx.append('(');
      paren(0);
      cx.append(` IS${args.length === 2 ? ` ${text(1)}` : ''} NORMALIZED)`);
      return true;
    case 'pg_collation_for':
      cx.append('COLLATION FOR (');
      arg(0);
      cx.append(')');
      return true;
    case 'normalize':
      cx.append('NORMALIZE(');
      arg(0);
      cx.append(args.length === 2 ? `, ${text(1)})` : ')');
      return true;
    case 'overlay':
      withWords(cx, 'OVERLAY(', args, [' PLACING ', ' FROM ', ' FOR ']);
      return true;
    case 'position':
      cx.append('POSITION((');
      arg(1);
      cx.append(') IN (');
      arg(0);
      cx.append('))');
      return true;
    case 'substring':
      // SUBSTRING(text FROM pattern) has the same words as the form with positions: such calls go out as calls.
      if (args.length === 2 && isText(cx, args[1])) return false;
      withWords(cx, 'SUBSTRING(', args, args.length === 3 && isText(cx, args[1]) ? [' SIMILAR ', ' ESCAPE '] : [' FROM ', ' FOR ']);
      return true;
    case 'btrim': case 'ltrim': case 'rtrim':
      cx.append(`TRIM(${{ btrim: 'BOTH', ltrim: 'LEADING', rtrim: 'TRAILING' }[proc.proname]}`);
      if (args.length === 2) {
        cx.append(' ');
        arg(1);
      }
      cx.append(' FROM ');
      arg(0);
      cx.append(')');
      return true;
    case 'system_user':
      cx.append('SYSTEM_USER');
      return true;
    default:
      return false;
  }
}

function withWords(cx: DeparseContext, start: string, args: readonly Expr[], words: readonly string[]): void {
  cx.append(start);
  args.forEach((arg, i) => {
    if (i > 0) cx.append(words[i - 1]);
    writeExpr(cx, arg, false);
  });
  cx.append(')');
}

function constantText(expr: Expr): string {
  return expr.node === 'Const' ? String(expr.value) : '';
}

function isText(cx: DeparseContext, expr: Expr): boolean {
  return cx.state.catalog.type(exprType(expr))?.typcategory === 'S';
}
