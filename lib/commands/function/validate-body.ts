/**
 * Looks at the body of an SQL-language function when it is created, so that mistakes show then and not at the first call.
 *
 * Idea: PostgreSQL's fmgr_sql_validator, sql_function_parse_error_transpose (catalog/pg_proc.c), interpret_AS_clause
 * (commands/functioncmds.c).
 */
import type { Node, ReturnStmt } from 'libpg-query';
import { analyzeInner } from '../../analyzer/analyze.js';
import type { Query } from '../../analyzer/nodes.js';
import { PgError, pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import type { PgProc } from '../../catalog/rows.js';
import { parse } from '../../parser/parse.js';
import { bodyAs, bodyOf, tagOf } from '../../parser/raw.js';
import { RECORDOID, VOIDOID } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { bodySignature } from './body-signature.js';
import { analyzeBodyStatement, bodyAnalysis, withDeclaredResult, type BodyContext, type BodySignature } from './sql-body.js';

/** Pseudo-types that stand for the types of a call. */
const POLYMORPHIC = new Set([2283, 2277, 2776, 3500, 3831, 4537, 5077, 5078, 5079, 5080, 4538]);

function contextOf(cx: CommandContext): BodyContext {
  return { catalog: cx.session.catalog, services: cx.services };
}

/** Parses and analyzes the text of a body; polymorphic ones are parsed only. @throws with positions in the CREATE FUNCTION statement */
export function validateBodyText(cx: CommandContext, proc: PgProc): void {
  const { catalog } = cx.session;
  const formatType = (type: Oid): string => cx.services.types.formatType(type);
  const types = proc.proargtypes.elements as readonly Oid[];
  const kind = catalog.type(proc.prorettype)?.typtype;
  if (kind === 'p' && proc.prorettype !== RECORDOID && proc.prorettype !== VOIDOID && !POLYMORPHIC.has(proc.prorettype)) {
    throw pgError('INVALID_FUNCTION_DEFINITION', `SQL functions cannot return type ${formatType(proc.prorettype)}`);
  }
  for (const type of types) {
    if (catalog.type(type)?.typtype === 'p' && !POLYMORPHIC.has(type) && type !== RECORDOID) {
      throw pgError('INVALID_FUNCTION_DEFINITION', `SQL functions cannot have arguments of type ${formatType(type)}`);
    }
  }
  const polymorphic = types.some((type) => POLYMORPHIC.has(type) || type === RECORDOID);
  try {
    const statements = parse(proc.prosrc);
    if (polymorphic) return;
    const context = contextOf(cx);
    const signature = bodySignature(context, proc, types, proc.prorettype);
    const queries = statements.map((statement) => analyzeBodyStatement(context, signature, statement, proc.prosrc));
    withDeclaredResult(context, signature, queries);
  } catch (error) {
    if (error instanceof PgError) transpose(cx, proc, error);
    throw error;
  }
}

/** An error's position in the body becomes one in the statement, where the body stands there literally; one without gets a context line. */
function transpose(cx: CommandContext, proc: PgProc, error: PgError): void {
  if (error.position === undefined) {
    error.where = [error.where, `SQL function "${proc.proname}"`].filter((line) => line).join('\n');
    return;
  }
  const start = cx.sourceText.indexOf(proc.prosrc);
  if (start >= 0 && proc.prosrc !== '') {
    error.position += start;
    return;
  }
  error.internalPosition = error.position;
  error.internalQuery = proc.prosrc;
  error.position = undefined;
}

/** Analyzes `RETURN expr` or `BEGIN ATOMIC ... END` into the queries to be stored. @throws 42P13, 0A000 */
export function analyzeInlineBody(cx: CommandContext, proc: PgProc, body: Node): readonly Query[] {
  const types = proc.proargtypes.elements as readonly Oid[];
  if (types.some((type) => POLYMORPHIC.has(type))) {
    throw pgError('INVALID_FUNCTION_DEFINITION', 'SQL function with unquoted function body cannot have polymorphic arguments');
  }
  const context = contextOf(cx);
  const signature = bodySignature(context, proc, types, proc.prorettype);
  const queries = inlineStatements(body).map((statement) => analyzeInline(context, signature, statement, cx.sourceText));
  return withDeclaredResult(context, signature, queries);
}

/** Analyzes one statement of an inline body. @throws 0A000 for utility statements */
export function analyzeInline(context: BodyContext, signature: BodySignature, statement: Node, sourceText: string): Query {
  const query = analyzeInner(statement, bodyAnalysis(context, signature, sourceText));
  if (query.commandType !== 'utility') return query;
  throw pgError('FEATURE_NOT_SUPPORTED', `${query.utilityStmt?.tag ?? 'utility statement'} is not yet supported in unquoted SQL function body`);
}

/** The statements of an inline body, RETURN as SELECT. */
export function inlineStatements(body: Node): Node[] {
  if (tagOf(body) === 'ReturnStmt') return [selectOf(bodyAs<ReturnStmt>(bodyOf(body)))];
  const items = (node: Node): Node[] => bodyAs<{ items?: Node[] }>(bodyOf(node)).items ?? [];
  const list = items(body);
  const inner = list.length === 1 && tagOf(list[0]) === 'List' ? items(list[0]) : list;
  return inner.filter((node) => tagOf(node) !== '').map((node) => (tagOf(node) === 'ReturnStmt' ? selectOf(bodyAs<ReturnStmt>(bodyOf(node))) : node));
}

/** `RETURN expr` is `SELECT expr`. */
function selectOf(statement: ReturnStmt): Node {
  return { SelectStmt: { targetList: [{ ResTarget: { val: statement.returnval, location: -1 } }], limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } };
}
