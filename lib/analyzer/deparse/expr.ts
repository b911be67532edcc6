/**
 * Expressions as SQL text. Follows get_rule_expr and its helpers of PostgreSQL's utils/adt/ruleutils.c.
 */
import { unreachable } from '../../base/assert.js';
import { notSupported } from '../../base/error.js';
import { quoteIdentifier } from '../../base/identifier.js';
import { BOOLOID, INT4OID, NUMERICOID, RECORDOID, UNKNOWNOID } from '../../types/oids.js';
import { equalExpr } from '../equal.js';
import { compositeColumns, exprResultShape, outParameters } from '../function-result.js';
import { exprType, exprTypmod, lengthCoercionTypmod } from '../node-functions.js';
import type {
  Aggref, Const, Expr, FieldSelect, FuncExpr, OpExpr, RowExpr, ScalarArrayOpExpr, SubLink, SubscriptingRef, Var, WindowFunc,
} from '../nodes.js';
import { systemAttributeName } from '../namespace.js';
import { isRowType } from '../record.js';
import { rteColumns } from '../relation.js';
import { stripImplicitCoercions } from '../sort-group.js';
import { elementTypeOf, typeCollation } from '../type-name.js';
import { INDENT_VARIABLE, simpleLiteral, type DeparseContext } from './context.js';
import { isSimple } from './simple.js';
import { sqlSyntax } from './sql-syntax.js';
import { deparseQueryInto, orderBy, windowSpecification } from './query.js';

/** Writes an expression; `showImplicit` shows coercions that the user did not write. */
export function writeExpr(cx: DeparseContext, expr: Expr, showImplicit: boolean): void {
  const special = cx.special === null ? null : cx.special(expr);
  if (special !== null) {
    cx.append(special);
    return;
  }
  switch (expr.node) {
    case 'Var': writeVar(cx, expr, 0, false, 'default'); return;
    case 'Const': writeConst(cx, expr, 0); return;
    case 'Param': cx.append(`$${expr.paramid}`); return;
    case 'SublinkParam': cx.append(`$${expr.column}`); return;
    case 'Aggref': writeAggregate(cx, expr); return;
    case 'MergeSupportFunc': writeCall(cx, 'MERGE_ACTION', []); return;
    case 'GroupingFunc': writeCall(cx, 'GROUPING', expr.args); return;
    case 'WindowFunc': writeWindowFunc(cx, expr); return;
    case 'SubscriptingRef': writeSubscripting(cx, expr, showImplicit); return;
    case 'FuncExpr': writeFunction(cx, expr, showImplicit); return;
    case 'OpExpr': writeOperator(cx, expr); return;
    case 'DistinctExpr':
      wrapped(cx, () => {
        writeParen(cx, expr.args[0], true, expr);
        cx.append(' IS DISTINCT FROM ');
        writeParen(cx, expr.args[1], true, expr);
      });
      return;
    case 'NullIfExpr': writeCall(cx, 'NULLIF', expr.args); return;
    case 'ScalarArrayOpExpr': writeScalarArray(cx, expr); return;
    case 'BoolExpr':
      wrapped(cx, () => {
        if (expr.boolop === 'not') cx.append('NOT ');
        expr.args.forEach((arg, i) => {
          if (i > 0) cx.append(expr.boolop === 'and' ? ' AND ' : ' OR ');
          writeParen(cx, arg, false, expr);
        });
      });
      return;
    case 'SubLink': writeSubLink(cx, expr); return;
    case 'FieldSelect': writeFieldSelect(cx, expr); return;
    case 'FieldStore':
      cx.append(expr.newvals.length === 1 ? '' : 'ROW(');
      writeList(cx, expr.newvals, showImplicit);
      cx.append(expr.newvals.length === 1 ? '' : ')');
      return;
    case 'RelabelType': writeCoercion(cx, expr, expr.arg, expr.relabelformat === 'implicitCast' && !showImplicit, expr.resulttype, expr.resulttypmod); return;
    case 'CoerceViaIO': writeCoercion(cx, expr, expr.arg, expr.coerceformat === 'implicitCast' && !showImplicit, expr.resulttype, -1); return;
    case 'ArrayCoerceExpr': writeCoercion(cx, expr, expr.arg, expr.coerceformat === 'implicitCast' && !showImplicit, expr.resulttype, expr.resulttypmod); return;
    case 'ConvertRowtypeExpr': writeCoercion(cx, expr, expr.arg, expr.convertformat === 'implicitCast' && !showImplicit, expr.resulttype, -1); return;
    case 'CoerceToDomain':
      if (expr.coercionformat === 'implicitCast' && !showImplicit) writeExpr(cx, expr.arg, false);
      else writeCoercion(cx, expr, expr.arg, false, expr.resulttype, expr.resulttypmod);
      return;
    case 'CollateExpr':
      wrapped(cx, () => {
        writeParen(cx, expr.arg, showImplicit, expr);
        cx.append(` COLLATE ${cx.collationName(expr.collOid)}`);
      });
      return;
    case 'CaseExpr': writeCase(cx, expr); return;
    case 'CaseTestExpr': cx.append('CASE_TEST_EXPR'); return;
    case 'ArrayExpr':
      cx.append('ARRAY[');
      writeList(cx, expr.elements, true);
      cx.append(']');
      if (expr.elements.length === 0) cx.append(`::${cx.formatType(expr.arrayTypeid, -1)}`);
      return;
    case 'RowExpr': writeRow(cx, expr); return;
    case 'RowCompareExpr':
      cx.append('(ROW(');
      writeTopList(cx, expr.largs);
      cx.append(`) ${cx.operatorName(expr.opnos[0], exprType(expr.largs[0]), exprType(expr.rargs[0]))} ROW(`);
      writeTopList(cx, expr.rargs);
      cx.append('))');
      return;
    case 'CoalesceExpr': writeCall(cx, 'COALESCE', expr.args); return;
    case 'MinMaxExpr': writeCall(cx, expr.op.toUpperCase(), expr.args); return;
    case 'SQLValueFunction': cx.append(expr.op.toUpperCase() + (expr.typmod >= 0 ? `(${expr.typmod})` : '')); return;
    case 'NullTest':
      wrapped(cx, () => {
        writeParen(cx, expr.arg, true, expr);
        const plain = expr.argisrow || !isRowType(cx.state, exprType(expr.arg));
        const isNull = expr.nulltesttype === 'isNull';
        cx.append(plain ? (isNull ? ' IS NULL' : ' IS NOT NULL') : (isNull ? ' IS NOT DISTINCT FROM NULL' : ' IS DISTINCT FROM NULL'));
      });
      return;
    case 'BooleanTest':
      wrapped(cx, () => {
        writeParen(cx, expr.arg, false, expr);
        cx.append(BOOLEAN_TESTS[expr.booltesttype]);
      });
      return;
    case 'CoerceToDomainValue': cx.append('VALUE'); return;
    case 'SetToDefault': cx.append('DEFAULT'); return;
    case 'CurrentOfExpr': cx.append(`CURRENT OF ${quoteIdentifier(expr.cursorName)}`); return;
    case 'NextValueExpr': cx.append(`nextval(${simpleLiteral(cx.relationName(expr.seqid))})`); return;
    case 'ReturningExpr':
      if (expr.expr.node === 'Var') writeVar(cx, expr.expr, 0, false, expr.returningOld ? 'old' : 'new');
      else writeExpr(cx, expr.expr, showImplicit);
      return;
    case 'SubPlan': throw notSupported('deparsing a subplan outside EXPLAIN');
    default: unreachable(expr, 'expression');
  }
}

const BOOLEAN_TESTS = {
  isTrue: ' IS TRUE', isNotTrue: ' IS NOT TRUE', isFalse: ' IS FALSE', isNotFalse: ' IS NOT FALSE', isUnknown: ' IS UNKNOWN', isNotUnknown: ' IS NOT UNKNOWN',
} as const;

/** Parentheses around an operator-like expression unless pretty-printing leaves them to the parent. */
function wrapped(cx: DeparseContext, body: () => void): void {
  if (!cx.pretty.parentheses) cx.append('(');
  body();
  if (!cx.pretty.parentheses) cx.append(')');
}

/** An argument, in parentheses where pretty-printing needs them. */
export function writeParen(cx: DeparseContext, expr: Expr, showImplicit: boolean, parent: Expr): void {
  const needed = cx.pretty.parentheses && !isSimple(cx, expr, parent);
  if (needed) cx.append('(');
  writeExpr(cx, expr, showImplicit);
  if (needed) cx.append(')');
}

/** A list, separated by commas. */
export function writeList(cx: DeparseContext, list: readonly Expr[], showImplicit: boolean): void {
  list.forEach((expr, i) => {
    if (i > 0) cx.append(', ');
    writeExpr(cx, expr, showImplicit);
  });
}

/** An expression in a row: a whole-row Var keeps its type. */
export function writeTop(cx: DeparseContext, expr: Expr, showImplicit: boolean): void {
  if (expr.node === 'Var' && cx.special === null) writeVar(cx, expr, 0, true, 'default');
  else writeExpr(cx, expr, showImplicit);
}

function writeTopList(cx: DeparseContext, list: readonly Expr[]): void {
  list.forEach((expr, i) => {
    if (i > 0) cx.append(', ');
    writeTop(cx, expr, true);
  });
}

function writeCall(cx: DeparseContext, name: string, args: readonly Expr[]): void {
  cx.append(`${name}(`);
  writeList(cx, args, true);
  cx.append(')');
}

/** Writes a column reference; answers the column's name, null for a whole row. */
export function writeVar(cx: DeparseContext, variable: Var, levelsUp: number, isTop: boolean, returning: 'default' | 'old' | 'new'): string | null {
  const namespace = cx.namespaces[variable.varlevelsup + levelsUp];
  const varno = variable.varnosyn ?? variable.varno;
  const attnum = variable.varattnosyn ?? variable.varattno;
  const rte = namespace.rtable[varno - 1];
  if (rte.rtekind === 'join' && rte.alias === null && attnum > 0) {
    const source = rte.joinaliasvars[attnum - 1];
    if (source.node === 'Var') return writeVar(cx, source, variable.varlevelsup + levelsUp, isTop, returning);
  }
  const refname = returning === 'default' ? namespace.names[varno - 1] : returning;
  let name: string | null = null;
  if (attnum > 0) name = namespace.columns[varno - 1].colnames[attnum - 1] ?? '?dropped?column?';
  else if (attnum < 0) name = systemAttributeName(attnum);
  let prefix = cx.varPrefix || name === null || returning !== 'default';
  if (cx.varInOrderBy && !cx.inGroupBy && !prefix) {
    let column = 0;
    prefix = cx.targetList.some((entry) => {
      if (entry.resjunk) return false;
      const shown = cx.resultNames?.[column++] ?? entry.resname;
      return shown === name && !equalExpr(variable, entry.expr);
    });
  }
  if (refname !== null && prefix) cx.append(`${quoteIdentifier(refname)}.`);
  if (name !== null) cx.append(quoteIdentifier(name));
  else cx.append(isTop ? `*::${cx.formatType(variable.vartype, variable.vartypmod)}` : '*');
  return name;
}

/** Writes a constant; `showType`: -1 never with its type, 0 where needed, 1 always. */
export function writeConst(cx: DeparseContext, constant: Const, showType: -1 | 0 | 1): void {
  const { consttype, consttypmod } = constant;
  const typeLabel = (): void => cx.append(`::${cx.formatType(consttype, consttypmod)}`);
  const collation = (): void => {
    if (constant.constcollid !== 0 && constant.constcollid !== typeCollation(cx.state, consttype)) cx.append(` COLLATE ${cx.collationName(constant.constcollid)}`);
  };
  if (constant.value === null) {
    cx.append('NULL');
    if (showType < 0) return;
    typeLabel();
    collation();
    return;
  }
  const text = consttype === UNKNOWNOID ? String(constant.value) : cx.state.context.services.types.output(consttype, constant.value);
  let label = false;
  switch (consttype) {
    case INT4OID:
      label = text.startsWith('-');
      cx.append(label ? `'${text}'` : text);
      break;
    case NUMERICOID:
      label = !/^\d.*[eE.]/.test(text);
      cx.append(label ? `'${text}'` : text);
      label ||= consttypmod >= 0;
      break;
    case BOOLOID:
      cx.append(text === 't' ? 'true' : 'false');
      break;
    default:
      cx.append(simpleLiteral(text));
      label = consttype !== UNKNOWNOID;
  }
  if (showType < 0) return;
  if (label || showType > 0) typeLabel();
  collation();
}

function writeCoercion(cx: DeparseContext, expr: Expr, arg: Expr, hidden: boolean, type: number, typmod: number): void {
  if (hidden) {
    writeParen(cx, arg, false, expr);
    return;
  }
  if (arg.node === 'Const' && arg.consttype === type && arg.consttypmod === -1) {
    writeConst(cx, arg, -1);
  } else {
    wrapped(cx, () => writeParen(cx, arg, false, expr));
  }
  cx.append(`::${cx.formatType(type, typmod)}`);
}

/** The arguments that the call was written with: those from defaults are not shown. */
export function writtenArguments(expr: FuncExpr): readonly Expr[] {
  return expr.defaulted ? expr.args.slice(0, -expr.defaulted) : expr.args;
}

function writeFunction(cx: DeparseContext, expr: FuncExpr, showImplicit: boolean): void {
  if (expr.funcformat === 'implicitCast' && !showImplicit) {
    writeParen(cx, expr.args[0], false, expr);
    return;
  }
  if (expr.funcformat === 'explicitCast' || expr.funcformat === 'implicitCast') {
    writeCoercion(cx, expr, expr.args[0], false, expr.funcresulttype, lengthCoercionTypmod(expr) ?? -1);
    return;
  }
  if (expr.funcformat === 'sqlSyntax' && sqlSyntax(cx, expr)) return;
  const proc = cx.state.catalog.proc(expr.funcid);
  const variadic = expr.funcvariadic && (proc?.provariadic ?? 0) !== 0;
  const args = writtenArguments(expr);
  cx.append(`${cx.functionName(expr.funcid, args.map(exprType), variadic)}(`);
  args.forEach((arg, i) => {
    if (i > 0) cx.append(', ');
    if (variadic && i === args.length - 1) cx.append('VARIADIC ');
    writeExpr(cx, arg, true);
  });
  cx.append(')');
}

function writeOperator(cx: DeparseContext, expr: OpExpr): void {
  wrapped(cx, () => {
    const [first, second] = expr.args;
    if (expr.args.length === 2) {
      writeParen(cx, first, true, expr);
      cx.append(` ${cx.operatorName(expr.opno, exprType(first), exprType(second))} `);
      writeParen(cx, second, true, expr);
    } else {
      cx.append(`${cx.operatorName(expr.opno, 0, exprType(first))} `);
      writeParen(cx, first, true, expr);
    }
  });
}

function writeScalarArray(cx: DeparseContext, expr: ScalarArrayOpExpr): void {
  const [scalar, array] = expr.args;
  wrapped(cx, () => {
    writeParen(cx, scalar, true, expr);
    const element = elementTypeOf(cx.state, cx.state.catalog.baseType(exprType(array)));
    cx.append(` ${cx.operatorName(expr.opno, exprType(scalar), element)} ${expr.useOr ? 'ANY' : 'ALL'} (`);
    writeParen(cx, array, true, expr);
    if (array.node === 'SubLink' && array.subLinkType === 'expr') cx.append(`::${cx.formatType(exprType(array), exprTypmod(array))}`);
    cx.append(')');
  });
}

function writeAggregate(cx: DeparseContext, expr: Aggref): void {
  cx.append(`${cx.functionName(expr.aggfnoid, expr.aggargtypes, expr.aggvariadic)}(${expr.aggdistinct.length > 0 ? 'DISTINCT ' : ''}`);
  if (expr.aggkind !== 'n') {
    writeList(cx, expr.aggdirectargs, true);
    cx.append(') WITHIN GROUP (ORDER BY ');
    orderBy(cx, expr.aggorder, expr.args, false);
  } else {
    if (expr.aggstar) cx.append('*');
    const args = expr.args.filter((entry) => !entry.resjunk);
    args.forEach((entry, i) => {
      if (i > 0) cx.append(', ');
      if (expr.aggvariadic && i === args.length - 1) cx.append('VARIADIC ');
      writeExpr(cx, entry.expr, true);
    });
    if (expr.aggorder.length > 0) {
      cx.append(' ORDER BY ');
      orderBy(cx, expr.aggorder, expr.args, false);
    }
  }
  writeFilter(cx, expr.aggfilter);
  cx.append(')');
}

function writeFilter(cx: DeparseContext, filter: Expr | null): void {
  if (filter === null) return;
  cx.append(') FILTER (WHERE ');
  writeExpr(cx, filter, false);
}

function writeWindowFunc(cx: DeparseContext, expr: WindowFunc): void {
  cx.append(`${cx.functionName(expr.winfnoid, expr.args.map(exprType), false)}(`);
  if (expr.winstar) cx.append('*');
  else writeList(cx, expr.args, true);
  writeFilter(cx, expr.aggfilter);
  cx.append(') OVER ');
  const window = cx.windowClause.find((candidate) => candidate.winref === expr.winref);
  if (window === undefined) cx.append('(?)');
  else if (window.name !== null) cx.append(quoteIdentifier(window.name));
  else windowSpecification(cx, window, cx.targetList);
}

function writeSubscripting(cx: DeparseContext, expr: SubscriptingRef, showImplicit: boolean): void {
  if (expr.refexpr.node === 'CaseTestExpr' && expr.refassgnexpr !== null) {
    writeExpr(cx, expr.refassgnexpr, showImplicit);
    return;
  }
  const parens = expr.refexpr.node !== 'Var' && expr.refexpr.node !== 'FieldSelect';
  if (parens) cx.append('(');
  writeExpr(cx, expr.refexpr, showImplicit);
  if (parens) cx.append(')');
  writeSubscripts(cx, expr);
  if (expr.refassgnexpr !== null) {
    cx.append(' := ');
    writeExpr(cx, expr.refassgnexpr, showImplicit);
  }
}

/** `[i]`, `[a:b]`. */
export function writeSubscripts(cx: DeparseContext, expr: SubscriptingRef): void {
  expr.refupperindexpr.forEach((upper, i) => {
    cx.append('[');
    if (i < expr.reflowerindexpr.length) {
      const lower = expr.reflowerindexpr[i];
      if (lower !== null) writeExpr(cx, lower, false);
      cx.append(':');
    }
    if (upper !== null) writeExpr(cx, upper, false);
    cx.append(']');
  });
}

function writeCase(cx: DeparseContext, expr: Extract<Expr, { node: 'CaseExpr' }>): void {
  const space = (): void => {
    if (!cx.pretty.indent) cx.append(' ');
  };
  cx.keyword('CASE', 0, INDENT_VARIABLE, 0);
  if (expr.arg !== null) {
    cx.append(' ');
    writeExpr(cx, expr.arg, true);
  }
  for (const when of expr.args) {
    let condition = when.expr;
    if (expr.arg !== null && condition.node === 'OpExpr' && condition.args.length === 2 && stripImplicitCoercions(condition.args[0]).node === 'CaseTestExpr') {
      condition = condition.args[1];
    }
    space();
    cx.keyword('WHEN ', 0, 0, 0);
    writeExpr(cx, condition, false);
    cx.append(' THEN ');
    writeExpr(cx, when.result, true);
  }
  space();
  cx.keyword('ELSE ', 0, 0, 0);
  if (expr.defresult !== null) writeExpr(cx, expr.defresult, true);
  space();
  cx.keyword('END', -INDENT_VARIABLE, 0, 0);
}

function writeRow(cx: DeparseContext, expr: RowExpr): void {
  const columns = expr.rowTypeid === RECORDOID ? null : compositeColumns(cx.state, expr.rowTypeid);
  cx.append('ROW(');
  let separator = '';
  expr.args.forEach((arg, i) => {
    if (columns?.[i]?.isDropped) return;
    cx.append(separator);
    writeTop(cx, arg, true);
    separator = ', ';
  });
  for (const column of columns?.slice(expr.args.length) ?? []) {
    if (column.isDropped) continue;
    cx.append(`${separator}NULL`);
    separator = ', ';
  }
  cx.append(')');
  if (expr.rowFormat === 'explicitCast') cx.append(`::${cx.formatType(expr.rowTypeid, -1)}`);
}

function writeFieldSelect(cx: DeparseContext, expr: FieldSelect): void {
  const parens = expr.arg.node !== 'SubscriptingRef' && expr.arg.node !== 'FieldSelect';
  if (parens) cx.append('(');
  writeExpr(cx, expr.arg, true);
  if (parens) cx.append(')');
  cx.append(`.${quoteIdentifier(fieldName(cx, expr.arg, expr.fieldnum))}`);
}

/** The name of a row value's field. */
function fieldName(cx: DeparseContext, arg: Expr, fieldnum: number): string {
  if (arg.node === 'RowExpr' && arg.colnames[fieldnum - 1] !== undefined) return arg.colnames[fieldnum - 1];
  if (arg.node === 'FuncExpr' && exprType(arg) === RECORDOID) {
    const proc = cx.state.catalog.proc(arg.funcid);
    const out = proc === null ? [] : outParameters(proc);
    if (out[fieldnum - 1] !== undefined) return out[fieldnum - 1].name;
  }
  if (arg.node === 'Var' && exprType(arg) === RECORDOID) {
    const rte = cx.namespaces[arg.varlevelsup]?.rtable[arg.varno - 1];
    if (rte !== undefined && arg.varattno === 0) return rteColumns(cx.state, rte)[fieldnum - 1]?.name ?? `f${fieldnum}`;
    if (rte?.rtekind === 'subquery') {
      const source = rte.subquery.targetList.filter((entry) => !entry.resjunk)[arg.varattno - 1]?.expr;
      if (source !== undefined) return fieldName(cx, source, fieldnum);
    }
  }
  const shape = exprResultShape(cx.state, arg);
  const columns = shape.kind === 'composite' ? shape.columns : compositeColumns(cx.state, exprType(arg));
  return columns?.[fieldnum - 1]?.name ?? `f${fieldnum}`;
}

function writeSubLink(cx: DeparseContext, expr: SubLink): void {
  cx.append(expr.subLinkType === 'array' ? 'ARRAY(' : '(');
  let operator = '';
  const test = expr.testexpr;
  if (test?.node === 'OpExpr') {
    writeExpr(cx, test.args[0], true);
    operator = cx.operatorName(test.opno, exprType(test.args[0]), exprType(test.args[1]));
  } else if (test?.node === 'BoolExpr') {
    cx.append('(');
    test.args.forEach((part, i) => {
      if (part.node !== 'OpExpr') return;
      if (i > 0) cx.append(', ');
      writeExpr(cx, part.args[0], true);
      if (operator === '') operator = cx.operatorName(part.opno, exprType(part.args[0]), exprType(part.args[1]));
    });
    cx.append(')');
  } else if (test?.node === 'RowCompareExpr') {
    cx.append('(');
    writeList(cx, test.largs, true);
    operator = cx.operatorName(test.opnos[0], exprType(test.largs[0]), exprType(test.rargs[0]));
    cx.append(')');
  }
  let parens = true;
  switch (expr.subLinkType) {
    case 'exists': cx.append('EXISTS '); break;
    case 'any': cx.append(operator === '=' ? ' IN ' : ` ${operator} ANY `); break;
    case 'all': cx.append(` ${operator} ALL `); break;
    case 'rowcompare': cx.append(` ${operator} `); break;
    default: parens = false;
  }
  if (parens) cx.append('(');
  deparseQueryInto(cx, expr.subselect, null, false);
  cx.append(parens ? '))' : ')');
}

/** A function in FROM: anything that does not look like a call is wrapped in CAST. */
export function writeFunctionCall(cx: DeparseContext, expr: Expr): void {
  const isCall = (expr.node === 'FuncExpr' && (expr.funcformat === 'call' || expr.funcformat === 'sqlSyntax'))
    || expr.node === 'NullIfExpr' || expr.node === 'CoalesceExpr' || expr.node === 'MinMaxExpr' || expr.node === 'SQLValueFunction';
  if (isCall) {
    writeExpr(cx, expr, true);
    return;
  }
  cx.append('CAST(');
  writeExpr(cx, expr, false);
  cx.append(` AS ${cx.formatType(exprType(expr), exprTypmod(expr))})`);
}
