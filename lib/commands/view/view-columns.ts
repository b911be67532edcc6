/**
 * The columns that a query gives to a relation made from it: views, CREATE TABLE AS, materialized views.
 */
import { exprCollation, exprType, exprTypmod } from '../../analyzer/node-functions.js';
import type { Query, TargetEntry } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { CommandContext } from '../api.js';
import { plainColumn, type NewColumn } from '../relation/create-relation.js';
import { checkColumnType } from '../table/column-definition.js';

/** The visible columns of a query. */
export function visibleTargets(query: Query): TargetEntry[] {
  const list = query.commandType === 'select' ? query.targetList : query.returningList;
  return list.filter((entry) => !entry.resjunk);
}

/** Columns named by the query, or by `names` as far as those go. @throws 42601, 42P22, 42P16 */
export function queryColumns(cx: CommandContext, query: Query, names: readonly string[], forView: boolean): NewColumn[] {
  const targets = visibleTargets(query);
  if (names.length > targets.length) {
    throw pgError('SYNTAX_ERROR', forView ? 'CREATE VIEW specifies more column names than columns' : 'too many column names were specified');
  }
  return targets.map((entry, at) => {
    const name = names[at] ?? entry.resname ?? '?column?';
    const type = exprType(entry.expr);
    const collation = exprCollation(entry.expr);
    const row = cx.session.catalog.type(type);
    if (row && row.typcollation !== 0 && collation === 0) {
      throw pgError('INDETERMINATE_COLLATION', forView
        ? `could not determine which collation to use for view column "${name}"`
        : `no collation was derived for column "${name}" with collatable type ${cx.services.types.formatType(type)}`,
      { hint: 'Use the COLLATE clause to set the collation explicitly.' });
    }
    checkColumnType(cx, name, type, row?.typtype ?? 'b');
    return plainColumn(name, type, exprTypmod(entry.expr), collation);
  });
}

/** The query with its visible columns renamed. */
export function withColumnNames(query: Query, names: readonly string[]): Query {
  let at = 0;
  return {
    ...query,
    targetList: query.targetList.map((entry) => (entry.resjunk || at >= names.length ? entry : { ...entry, resname: names[at++] })),
  };
}
