/**
 * `UPDATE ... SET (a, b) = ROW(...)` and `SET (a, b) = (SELECT ...)`. A row's entries become the columns' own expressions; a
 * sub-select is made to yield one record, of which each column takes its field.
 */
import type { MultiAssignRef, Node, RowExpr as RawRowExpr, SubLink as RawSubLink } from 'libpg-query';
import { bodyAs, bodyOf, tagOf } from '../parser/raw.js';
import { RECORDOID } from '../types/oids.js';
import { visibleColumns } from './expr-sublink.js';
import { makeTarget, makeVar } from './make.js';
import { exprCollation, exprType, exprTypmod } from './node-functions.js';
import type { Expr, Query, SubLink } from './nodes.js';
import { emptyQuery } from './query.js';
import { analyzeSubquery } from './select.js';
import type { ParseState } from './state.js';
import { transformExpressionList } from './target.js';
import { incrementQueryLevelsUp } from './walker.js';

/** The expression for one column of a multiple assignment. @throws 42601, 0A000 */
export function transformMultiAssign(state: ParseState, reference: MultiAssignRef): Expr {
  const source = reference.source as Node;
  const column = reference.colno ?? 1;
  const count = reference.ncolumns ?? 0;
  const wrongCount = (location: number): Error => state.error('SYNTAX_ERROR', 'number of columns does not match number of values', location);
  switch (tagOf(source)) {
    case 'RowExpr': {
      const row = bodyAs<RawRowExpr>(bodyOf(source));
      const key = row.location ?? 0;
      let values = state.multiAssignRows.get(key);
      if (column === 1 || values === undefined) {
        values = transformExpressionList(state, row.args ?? [], state.exprKind, true);
        if (values.length !== count) throw wrongCount(key);
        state.multiAssignRows.set(key, values);
      }
      return values[column - 1];
    }
    case 'SubLink': {
      const raw = bodyAs<RawSubLink>(bodyOf(source));
      if (raw.subLinkType !== 'EXPR_SUBLINK') break;
      const select = raw.subselect as Node;
      state.hasSubLinks = true;
      const query = analyzeSubquery(state, tagOf(select), bodyOf(select), null, false, true);
      if (visibleColumns(query) !== count) throw wrongCount(raw.location ?? 0);
      return columnOf(query, column, raw.location ?? 0);
    }
  }
  throw state.error('FEATURE_NOT_SUPPORTED', 'source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression', sourceLocation(source));
}

function sourceLocation(node: Node): number {
  const { location } = bodyOf(node);
  return typeof location === 'number' ? location : 0;
}

function columnOf(query: Query, column: number, location: number): Expr {
  const targets = query.targetList.filter((entry) => !entry.resjunk);
  const fields = targets.map((entry) => makeVar(1, entry.resno, exprType(entry.expr), exprTypmod(entry.expr), exprCollation(entry.expr)));
  const colnames = targets.map((entry) => entry.resname ?? '');
  const subselect: Query = {
    ...emptyQuery('select'),
    rtable: [{
      node: 'RangeTblEntry', rtekind: 'subquery', subquery: incrementQueryLevelsUp(query, 1), securityBarrier: false, viewRelid: 0, perm: null,
      alias: { aliasname: '*MULTIASSIGN*', colnames: [] }, eref: { aliasname: '*MULTIASSIGN*', colnames }, lateral: false, inFromCl: false,
    }],
    jointree: { node: 'FromExpr', fromlist: [{ node: 'RangeTblRef', rtindex: 1 }], quals: null },
    targetList: [makeTarget({ node: 'RowExpr', args: fields, rowTypeid: RECORDOID, rowFormat: 'implicitCast', colnames, location: -1 }, 1, 'row')],
  };
  const arg: SubLink = { node: 'SubLink', subLinkType: 'expr', testexpr: null, operName: [], subselect, resulttype: RECORDOID, location };
  const field = fields[column - 1];
  return { node: 'FieldSelect', arg, fieldnum: column, resulttype: field.vartype, resulttypmod: field.vartypmod, resultcollid: field.varcollid, location: -1 };
}
