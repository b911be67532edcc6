/**
 * Sub-selects in expressions. Follows transformSubLink of PostgreSQL's parser/parse_expr.c.
 */
import type { Node, SubLink as RawSubLink } from 'libpg-query';
import { bodyOf, stringList, tagOf } from '../parser/raw.js';
import { BOOLOID } from '../types/oids.js';
import { transformNode } from './expr.js';
import { makeRowComparison } from './expr-operators.js';
import { exprCollation, exprType, exprTypmod } from './node-functions.js';
import type { Expr, Query, SubLink, SublinkParam } from './nodes.js';
import { subqueryPlacementError } from './placement.js';
import { analyzeSubquery } from './select.js';
import type { ParseState } from './state.js';
import { promotedArrayType } from './type-name.js';

const TYPES = {
  EXISTS_SUBLINK: 'exists', ALL_SUBLINK: 'all', ANY_SUBLINK: 'any', ROWCOMPARE_SUBLINK: 'rowcompare', EXPR_SUBLINK: 'expr',
  MULTIEXPR_SUBLINK: 'multiexpr', ARRAY_SUBLINK: 'array', CTE_SUBLINK: 'cte',
} as const;

/** Columns that a sub-select shows. */
export function visibleColumns(query: Query): number {
  return query.targetList.filter((entry) => !entry.resjunk).length;
}

/** Analyzes `EXISTS (...)`, `x IN (SELECT ...)`, `(SELECT ...)`, `ARRAY(SELECT ...)`. @throws 42601, 0A000 */
export function transformSubLink(state: ParseState, raw: RawSubLink): Expr {
  const location = raw.location ?? 0;
  const placement = subqueryPlacementError(state.exprKind);
  if (placement !== null) throw state.error('FEATURE_NOT_SUPPORTED', placement, location);
  state.hasSubLinks = true;
  const select = raw.subselect as Node;
  const subselect = analyzeSubquery(state, tagOf(select), bodyOf(select), null, false, true);
  const subLinkType = TYPES[raw.subLinkType as keyof typeof TYPES];
  const base = { node: 'SubLink', subLinkType, subselect, location } as const;
  switch (subLinkType) {
    case 'exists':
      return { ...base, testexpr: null, operName: [], resulttype: BOOLOID };
    case 'expr': case 'array': {
      if (visibleColumns(subselect) !== 1) throw state.error('SYNTAX_ERROR', 'subquery must return only one column', location);
      const type = exprType(subselect.targetList[0].expr);
      if (subLinkType === 'expr') return { ...base, testexpr: null, operName: [], resulttype: type };
      const resulttype = promotedArrayType(state, type);
      if (resulttype === 0) throw state.error('UNDEFINED_OBJECT', `could not find array type for data type ${state.formatType(type)}`, location);
      return { ...base, testexpr: null, operName: [], resulttype };
    }
    default:
      return transformComparison(state, raw, base, subselect, location);
  }
}

function transformComparison(state: ParseState, raw: RawSubLink, base: Pick<SubLink, 'node' | 'subLinkType' | 'subselect' | 'location'>, subselect: Query, location: number): Expr {
  const isIn = !raw.operName?.length;
  const operName = isIn ? ['='] : stringList(raw.operName);
  const left = transformNode(state, raw.testexpr as Node);
  const leftArgs = left.node === 'RowExpr' ? left.args : [left];
  const columns = subselect.targetList.filter((entry) => !entry.resjunk).map((entry): SublinkParam => ({
    node: 'SublinkParam', column: entry.resno, paramtype: exprType(entry.expr), paramtypmod: exprTypmod(entry.expr), paramcollid: exprCollation(entry.expr), location: -1,
  }));
  if (leftArgs.length < columns.length) throw state.error('SYNTAX_ERROR', 'subquery has too many columns', location);
  if (leftArgs.length > columns.length) throw state.error('SYNTAX_ERROR', 'subquery has too few columns', location);
  const testexpr = makeRowComparison(state, operName, leftArgs, columns, location);
  return { ...base, testexpr, operName: isIn ? [] : operName, resulttype: BOOLOID };
}
