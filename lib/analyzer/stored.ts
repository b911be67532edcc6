/**
 * Expressions stored in the catalog: trees of ours (`serialize.ts`), or, for built-in objects, SQL text marked `sql:`, which
 * is analyzed at first use.
 */
import type { Node, ResTarget, SelectStmt } from 'libpg-query';
import { assert } from '../base/assert.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { FunctionServices } from '../functions/context.js';
import { parse } from '../parser/parse.js';
import { bodyAs, bodyOf } from '../parser/raw.js';
import type { Datum } from '../types/datum.js';
import { assignExprCollations } from './collate.js';
import { transformExpr } from './expr.js';
import { mapChildren } from './walker.js';
import type { Expr } from './nodes.js';
import { deserializeExpr, deserializeExprs } from './serialize.js';
import { ParseState, type ExprKind, type ParserHooks } from './state.js';

const SQL_MARK = 'sql:';

/** The tree without locations: it comes from another text than the statement under analysis. */
export function withoutLocations(expr: Expr): Expr {
  const mapped = mapChildren(expr, withoutLocations);
  return 'location' in mapped && mapped.location !== -1 ? { ...mapped, location: -1 } : mapped;
}

function analyzeText(state: ParseState, text: string, kind: ExprKind): Expr[] {
  return analyzeIn(new ParseState(null, { catalog: state.catalog, services: state.context.services, sourceText: text }), text, kind);
}

function analyzeIn(inner: ParseState, text: string, kind: ExprKind): Expr[] {
  const [statement] = parse(`SELECT ${text}`);
  assert(statement !== undefined, 'a stored expression parses');
  const targets = bodyAs<SelectStmt>(statement.body).targetList ?? [];
  return targets.map((target) => {
    const { val } = bodyAs<ResTarget>(bodyOf(target));
    const expr = transformExpr(inner, val as Node, kind);
    return withoutLocations(assignExprCollations(inner, expr));
  });
}

/** A stored list of expressions. */
export function readStoredExprs(state: ParseState, text: string, kind: ExprKind): readonly Expr[] {
  if (text.startsWith(SQL_MARK)) return analyzeText(state, text.slice(SQL_MARK.length), kind);
  return deserializeExprs(text).map(withoutLocations);
}

/** One stored expression. */
export function readStoredExpr(state: ParseState, text: string, kind: ExprKind): Expr {
  if (text.startsWith(SQL_MARK)) return analyzeText(state, text.slice(SQL_MARK.length), kind)[0];
  return withoutLocations(deserializeExpr(text));
}

/**
 * A CHECK of a built-in domain (information_schema's). Needs no session: the only constants in those texts are strings.
 */
export function readBuiltinDomainCheck(catalog: Catalog, domain: Oid, text: string): Expr {
  const services = { types: { input: (_type: number, value: string): Datum => value } } as FunctionServices;
  const type = catalog.type(domain);
  const hooks: ParserHooks = {
    preColumnRef: (_state, reference) => ({
      node: 'CoerceToDomainValue', typeId: type?.typbasetype ?? 0, typeMod: type?.typtypmod ?? -1, collation: type?.typcollation ?? 0, location: reference.location ?? -1,
    }),
  };
  const system = Object.create(catalog, { searchPath: { value: [PG_CATALOG_OID] } }) as Catalog;
  const state = new ParseState(null, { catalog: system, services, sourceText: text, hooks });
  return analyzeIn(state, text.startsWith(SQL_MARK) ? text.slice(SQL_MARK.length) : text, 'domainCheck')[0];
}
const PG_CATALOG_OID = 11;
