/**
 * Raw statements to analyzed queries: the entry. Follows PostgreSQL's parser/analyze.c.
 *
 * Relations are looked up here but not locked: analysis is synchronous, a lock may wait. The session locks every relation
 * entry of the query (`rellockmode`) afterwards, and analyzes again when the catalog's epoch changed while it waited.
 */
import type { CallStmt, DeleteStmt, FuncCall, InsertStmt, MergeStmt, Node, SelectStmt, UpdateStmt } from 'libpg-query';
import { notSupported } from '../base/error.js';
import { bodyAs, bodyOf, stringList, tagOf, type RawNode, type RawStatement } from '../parser/raw.js';
import { assignExprCollations } from './collate.js';
import { callArguments } from './expr.js';
import { parseFunctionOrColumn } from './function-call.js';
import { transformInsert } from './insert.js';
import { transformMerge } from './merge.js';
import type { FuncExpr, Query } from './nodes.js';
import { checkVariableParameters } from './param.js';
import { emptyQuery } from './query.js';
import { transformSelect } from './select.js';
import { ParseState, type AnalyzeContext } from './state.js';
import { transformDelete, transformUpdate } from './update.js';

export type { AnalyzeContext, LiteralParameters, ParameterTypes, ParserHooks } from './state.js';
export { checkParametersResolved } from './param.js';

/** Statements whose analysis yields more than a utility wrapper. */
const OPTIMIZABLE: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

/** True for SELECT, INSERT, UPDATE, DELETE, MERGE; all others are utility statements. SELECT INTO is CREATE TABLE AS. */
export function isOptimizable(tag: string): boolean {
  return OPTIMIZABLE.has(tag);
}

/**
 * Analyzes one statement. Utility statements are wrapped as they are (`commandType` 'utility'); SELECT INTO becomes
 * CREATE TABLE AS. Parameters of variable mode have their inferred types in `context.parameters.types` afterwards.
 * @throws every error PostgreSQL's analysis raises, with its SQLSTATE and position
 */
export function analyze(raw: RawStatement, context: AnalyzeContext): Query {
  const state = new ParseState(null, context);
  const statement = selectIntoAsCreate(raw.tag, raw.body);
  const query = transformTop(state, statement.tag, statement.body);
  if (context.parameters?.mode === 'variable' || context.literals !== undefined) checkVariableParameters(state, query);
  return { ...query, stmtLocation: raw.location, stmtLen: raw.length };
}

/** Analyzes the statement inside EXPLAIN, DECLARE CURSOR, CREATE TABLE AS, PREPARE, COPY (query), CREATE VIEW: a wrapped node. */
export function analyzeInner(node: Node | RawNode, context: AnalyzeContext): Query {
  const state = new ParseState(null, context);
  const statement = selectIntoAsCreate(tagOf(node), bodyOf(node));
  const query = transformTop(state, statement.tag, statement.body);
  if (context.parameters?.mode === 'variable') checkVariableParameters(state, query);
  return query;
}

function transformTop(state: ParseState, tag: string, body: RawNode): Query {
  if (OPTIMIZABLE.has(tag)) return transformStatement(state, tag, body);
  return { ...emptyQuery('utility'), utilityStmt: { tag, body } };
}

/** `SELECT ... INTO t` is `CREATE TABLE t AS SELECT ...`; the INTO may stand in the leftmost arm of a set operation. */
function selectIntoAsCreate(tag: string, body: RawNode): { tag: string; body: RawNode } {
  if (tag !== 'SelectStmt') return { tag, body };
  const into = leftmostInto(body);
  if (into === undefined) return { tag, body };
  return {
    tag: 'CreateTableAsStmt',
    body: { query: { SelectStmt: withoutInto(body) }, into, objtype: 'OBJECT_TABLE', is_select_into: true },
  };
}

function isSetOperation(body: RawNode): boolean {
  return body.op !== undefined && body.op !== 'SETOP_NONE';
}

function leftmostInto(body: RawNode): RawNode | undefined {
  return isSetOperation(body) ? leftmostInto(body.larg as RawNode) : body.intoClause as RawNode | undefined;
}

function withoutInto(body: RawNode): RawNode {
  return isSetOperation(body) ? { ...body, larg: withoutInto(body.larg as RawNode) } : { ...body, intoClause: undefined };
}

/** Analyzes an optimizable statement in a state (transformStmt). */
export function transformStatement(state: ParseState, tag: string, body: RawNode): Query {
  switch (tag) {
    case 'SelectStmt': return transformSelect(state, bodyAs<SelectStmt>(body));
    case 'InsertStmt': return transformInsert(state, bodyAs<InsertStmt>(body));
    case 'UpdateStmt': return transformUpdate(state, bodyAs<UpdateStmt>(body));
    case 'DeleteStmt': return transformDelete(state, bodyAs<DeleteStmt>(body));
    case 'MergeStmt': return transformMerge(state, bodyAs<MergeStmt>(body));
    default: throw notSupported(`${tag} as a sub-statement`);
  }
}

/** The call of a CALL statement: a FuncExpr over the procedure, defaults filled in. @throws 42883, 42809 */
export function analyzeCall(statement: CallStmt, context: AnalyzeContext): FuncExpr {
  const state = new ParseState(null, context);
  const call: FuncCall = statement.funccall ?? {};
  state.exprKind = 'callArgument';
  const args = callArguments(state, call.args ?? []);
  const location = call.location ?? 0;
  const expr = parseFunctionOrColumn(state, stringList(call.funcname), args, state.lastSrf, call, true, location);
  if (expr === null || expr.node !== 'FuncExpr') throw state.error('INTERNAL_ERROR', 'CALL did not resolve to a procedure', location);
  return assignExprCollations(state, expr);
}

