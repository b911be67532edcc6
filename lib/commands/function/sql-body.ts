/**
 * Bodies of SQL-language functions: text or stored queries to analyzed queries whose last one yields the declared type.
 * Used when a function is created (to find errors early) and when it runs.
 *
 * Idea: PostgreSQL's sql_fn_post_column_ref, check_sql_fn_retval (executor/functions.c), fmgr_sql_validator (catalog/pg_proc.c).
 */
import type { ColumnRef } from 'libpg-query';
import { analyze } from '../../analyzer/analyze.js';
import { coerceToTargetType } from '../../analyzer/coerce.js';
import { exprCollation, exprType, exprTypmod } from '../../analyzer/node-functions.js';
import type { Expr, Query, TargetEntry } from '../../analyzer/nodes.js';
import { emptyQuery } from '../../analyzer/query.js';
import { ParseState, type AnalyzeContext, type ParserHooks } from '../../analyzer/state.js';
import { pgError } from '../../base/error.js';
import type { Catalog, Oid } from '../../catalog/api.js';
import type { FunctionServices } from '../../functions/context.js';
import { stringList, type RawStatement } from '../../parser/raw.js';
import { RECORDOID, VOIDOID } from '../../types/oids.js';

/** What a body's statements may refer to, and what they must yield. */
export interface BodySignature {
  readonly name: string;
  /** Actual types of the input parameters, and their names ('' for none). */
  readonly types: readonly Oid[];
  readonly names: readonly string[];
  readonly resultType: Oid;
  /** Columns of a composite result; null for scalars and for records of unknown shape. */
  readonly resultColumns: readonly { readonly name: string; readonly type: Oid; readonly typmod: number }[] | null;
  readonly returnsSet: boolean;
  readonly isProcedure: boolean;
}

/** Where analysis finds things. */
export interface BodyContext {
  readonly catalog: Catalog;
  readonly services: FunctionServices;
}

function parameter(context: BodyContext, signature: BodySignature, index: number): Expr {
  const type = signature.types[index];
  return {
    node: 'Param', paramkind: 'extern', paramid: index + 1, paramtype: type, paramtypmod: -1,
    paramcollid: context.catalog.type(type)?.typcollation ?? 0, location: -1,
  };
}

/** Names in a body: columns first, then parameters, qualified by the function's name or not. */
export function bodyHooks(context: BodyContext, signature: BodySignature): ParserHooks {
  const find = (name: string): Expr | null => {
    const index = signature.names.indexOf(name);
    return index < 0 ? null : parameter(context, signature, index);
  };
  return {
    postColumnRef: (state, reference, found) => {
      if (found !== null) return null;
      return referredParameter(state, reference, signature.name, find);
    },
    paramRef: (state, reference) => {
      const number = reference.number ?? 0;
      if (number >= 1 && number <= signature.types.length) return parameter(context, signature, number - 1);
      throw state.error('UNDEFINED_PARAMETER', `there is no parameter $${number}`, reference.location ?? -1);
    },
  };
}

function referredParameter(state: ParseState, reference: ColumnRef, functionName: string, find: (name: string) => Expr | null): Expr | null {
  const fields = reference.fields ?? [];
  if (fields.length > 3 || fields.some((field) => !('String' in field))) return null;
  const names = stringList(fields);
  if (names.length === 1) return find(names[0]);
  const qualified = names[0] === functionName ? find(names[1]) : null;
  if (names.length === 2 && qualified) return qualified;
  const whole = names.length === 2 ? find(names[0]) : qualified;
  return whole ? fieldOf(state, whole, names[names.length - 1]) : null;
}

function fieldOf(state: ParseState, whole: Expr, name: string): Expr | null {
  const relid = state.catalog.type(state.catalog.baseType(exprType(whole)))?.typrelid ?? 0;
  const attribute = state.catalog.relation(relid)?.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
  if (!attribute) return null;
  return {
    node: 'FieldSelect', arg: whole, fieldnum: attribute.attnum, resulttype: attribute.atttypid, resulttypmod: attribute.atttypmod,
    resultcollid: attribute.attcollation, location: -1,
  };
}

/** The context for analyzing a statement of a body. */
export function bodyAnalysis(context: BodyContext, signature: BodySignature, sourceText: string): AnalyzeContext {
  return { ...context, sourceText, parameters: { mode: 'fixed', types: [...signature.types] }, hooks: bodyHooks(context, signature) };
}

/** Analyzes one statement of a body's text. */
export function analyzeBodyStatement(context: BodyContext, signature: BodySignature, statement: RawStatement, text: string): Query {
  return analyze(statement, bodyAnalysis(context, signature, text));
}

function mismatch(context: BodyContext, signature: BodySignature, detail: string): Error {
  return pgError('INVALID_FUNCTION_DEFINITION', `return type mismatch in function declared to return ${context.services.types.formatType(signature.resultType)}`, { detail });
}

/** The body's queries with the last one yielding the declared type. @throws 42P13 */
export function withDeclaredResult(context: BodyContext, signature: BodySignature, queries: readonly Query[]): readonly Query[] {
  if (signature.resultType === VOIDOID) return queries;
  const last = queries.at(-1);
  const targets = last && visible(last);
  if (!last || !targets) {
    throw mismatch(context, signature, 'Function\'s final statement must be SELECT or INSERT/UPDATE/DELETE/MERGE RETURNING.');
  }
  return [...queries.slice(0, -1), coerceResult(context, signature, last, targets)];
}

function visible(query: Query): TargetEntry[] | null {
  if (query.commandType === 'select') return query.targetList.filter((entry) => !entry.resjunk);
  return query.returningList.length > 0 ? query.returningList.filter((entry) => !entry.resjunk) : null;
}

function coerceResult(context: BodyContext, signature: BodySignature, query: Query, targets: readonly TargetEntry[]): Query {
  const { catalog } = context;
  const state = new ParseState(null, { ...context, sourceText: '' });
  const formatType = (type: Oid): string => context.services.types.formatType(type);
  const isComposite = signature.resultColumns !== null;
  if (!isComposite && signature.resultType !== RECORDOID) {
    if (targets.length !== 1) throw mismatch(context, signature, 'Final statement must return exactly one column.');
    const actual = exprType(targets[0].expr);
    const coerced = coerceToTargetType(state, targets[0].expr, actual, signature.resultType, -1, 'assignment', 'implicitCast', -1);
    if (!coerced) throw mismatch(context, signature, `Actual return type is ${formatType(actual)}.`);
    return coerced === targets[0].expr ? query : replaceTargets(query, targets, [coerced]);
  }
  if (!isComposite) return query;
  // A single column of the declared row type is that row.
  if (targets.length === 1 && (exprType(targets[0].expr) === signature.resultType || catalog.baseType(exprType(targets[0].expr)) === catalog.baseType(signature.resultType))) return query;
  const columns = signature.resultColumns;
  const coerced = columns.map((column, at) => {
    if (at >= targets.length) throw mismatch(context, signature, 'Final statement returns too few columns.');
    const actual = exprType(targets[at].expr);
    const expr = coerceToTargetType(state, targets[at].expr, actual, column.type, column.typmod, 'assignment', 'implicitCast', -1);
    if (!expr) throw mismatch(context, signature, `Final statement returns ${formatType(actual)} instead of ${formatType(column.type)} at column ${at + 1}.`);
    return expr;
  });
  if (targets.length > columns.length) throw mismatch(context, signature, 'Final statement returns too many columns.');
  return coerced.every((expr, at) => expr === targets[at].expr) ? query : replaceTargets(query, targets, coerced);
}

/** The query with other expressions for its columns: in place where nothing else refers to them, else around it. */
function replaceTargets(query: Query, targets: readonly TargetEntry[], exprs: readonly Expr[]): Query {
  const inPlace = query.commandType !== 'select'
    || (query.setOperations === null && query.distinctClause.length === 0 && targets.every((entry, at) => entry.ressortgroupref === 0 || exprs[at] === entry.expr));
  const replaced = new Map(targets.map((entry, at) => [entry, exprs[at]]));
  const change = (list: readonly TargetEntry[]): TargetEntry[] => list.map((entry) => ({ ...entry, expr: replaced.get(entry) ?? entry.expr }));
  if (inPlace) return query.commandType === 'select' ? { ...query, targetList: change(query.targetList) } : { ...query, returningList: change(query.returningList) };
  const names = targets.map((entry) => entry.resname ?? '?column?');
  const columns = targets.map((entry, at): Expr => ({
    node: 'Var', varno: 1, varattno: at + 1, vartype: exprType(entry.expr), vartypmod: exprTypmod(entry.expr), varcollid: exprCollation(entry.expr),
    varlevelsup: 0, location: -1,
  }));
  const around = exprs.map((expr, at) => substitute(expr, targets[at].expr, columns[at]));
  return {
    ...emptyQuery('select'),
    rtable: [{
      node: 'RangeTblEntry', rtekind: 'subquery', alias: { aliasname: '*SELECT*', colnames: names }, eref: { aliasname: '*SELECT*', colnames: names }, lateral: false,
      inFromCl: false, subquery: query, securityBarrier: false, viewRelid: 0, perm: null,
    }],
    jointree: { node: 'FromExpr', fromlist: [{ node: 'RangeTblRef', rtindex: 1 }], quals: null },
    targetList: around.map((expr, at) => ({
      node: 'TargetEntry', expr, resno: at + 1, resname: names[at], ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk: false,
    })),
  };
}

/** `expr` with its inner `from` replaced: coercions stand around the value they convert. */
function substitute(expr: Expr, from: Expr, to: Expr): Expr {
  if (expr === from) return to;
  if (expr.node === 'FuncExpr') return { ...expr, args: expr.args.map((arg) => substitute(arg, from, to)) };
  if ('arg' in expr && expr.arg !== null) return { ...expr, arg: substitute(expr.arg, from, to) } as Expr;
  return expr;
}
