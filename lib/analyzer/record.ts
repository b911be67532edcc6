/**
 * Columns of row values: `(row).column`, whole-row references, and the columns of anonymous records as far as the query
 * tells them. Follows ParseComplexProjection (parse_func.c) and expandRecordVariable (parse_target.c).
 */
import { RECORDOID } from '../types/oids.js';
import { compositeColumns, exprResultShape, type ResultColumn } from './function-result.js';
import { makeVar } from './make.js';
import { exprCollation, exprType } from './node-functions.js';
import type { Expr, Query, RangeTblEntry, Var } from './nodes.js';
import { itemColumn, markVarForSelect } from './namespace.js';
import { expandItemVars, returningWrap, rteColumns } from './relation.js';
import { ParseState, type NamespaceItem, type Oid } from './state.js';

/** `expr.name` when the expression's row type has such a column, else null. */
export function projectColumn(state: ParseState, name: string, expr: Expr, location: number): Expr | null {
  const whole = expr.node === 'ReturningExpr' ? expr.expr : expr;
  if (whole.node === 'Var' && whole.varattno === 0) {
    const item = findItem(state, whole, expr.node === 'ReturningExpr' ? (expr.returningOld ? 'old' : 'new') : 'default');
    if (item !== null) return itemColumn(state, item, whole.varlevelsup, name, location);
  }
  const columns = rowColumns(state, expr);
  if (columns === null) return null;
  const index = columns.findIndex((column) => column.name === name && !column.isDropped);
  if (index < 0) return null;
  const column = columns[index];
  return { node: 'FieldSelect', arg: expr, fieldnum: index + 1, resulttype: column.type, resulttypmod: column.typmod, resultcollid: column.collation, location: -1 };
}

function findItem(state: ParseState, variable: Var, returning: NamespaceItem['returningType']): NamespaceItem | null {
  return state.up(variable.varlevelsup).namespace.find((item) => item.rtindex === variable.varno && item.returningType === returning) ?? null;
}

/** The columns of a row-valued expression, null when the expression is no row or its columns are not known. */
export function rowColumns(state: ParseState, expr: Expr): readonly ResultColumn[] | null {
  if (expr.node === 'Var' && expr.vartype === RECORDOID) return recordVariableColumns(state, expr, 0);
  const shape = exprResultShape(state, expr);
  return shape.kind === 'composite' ? shape.columns : compositeColumns(state, exprType(expr));
}

/** Follows a record-typed Var to the expression that made it. */
function recordVariableColumns(state: ParseState, variable: Var, levelsUp: number): readonly ResultColumn[] | null {
  const levels = variable.varlevelsup + levelsUp;
  const level = state.up(levels);
  const rte: RangeTblEntry = level.rtable[variable.varno - 1];
  if (variable.varattno === 0) return rteColumns(state, rte);
  let expr: Expr | null = null;
  switch (rte.rtekind) {
    case 'subquery': return queryColumn(level, rte.subquery, variable.varattno);
    case 'join': {
      const source = rte.joinaliasvars[variable.varattno - 1];
      if (source.node === 'Var') return recordVariableColumns(state, source, levels);
      expr = source;
      break;
    }
    case 'function':
      for (const fn of rte.functions) if (fn.isComposite) return null;
      expr = rte.functions[variable.varattno - 1]?.funcexpr ?? null;
      break;
    case 'cte': {
      const owner = level.up(rte.ctelevelsup);
      const cte = owner.ctenamespace.find((item) => item.ctename === rte.ctename);
      if (cte === undefined || rte.selfReference) return null;
      return queryColumn(owner, cte.ctequery, variable.varattno);
    }
    case 'relation': case 'values': case 'result':
      break;
  }
  if (expr === null) return null;
  const shape = exprResultShape(state, expr);
  return shape.kind === 'composite' ? shape.columns : null;
}

function queryColumn(parent: ParseState, query: Query, attnum: number): readonly ResultColumn[] | null {
  const list = query.commandType === 'select' ? query.targetList : query.returningList;
  const target = list.filter((entry) => !entry.resjunk)[attnum - 1];
  if (target === undefined) return null;
  const inner = new ParseState(parent, parent.context);
  inner.rtable = [...query.rtable];
  inner.ctenamespace = [...query.cteList];
  return target.expr.node === 'Var' && target.expr.vartype === RECORDOID
    ? recordVariableColumns(inner, target.expr, 0) : rowColumns(inner, target.expr);
}

/** A reference to an item's whole row. */
export function wholeRowReference(state: ParseState, item: NamespaceItem, levelsUp: number, location: number): Expr {
  if (item.names !== item.rte.eref && item.returningType === 'default') {
    const columns = expandItemVars(item, levelsUp, location);
    return { node: 'RowExpr', args: columns.map((column) => column.expr), rowTypeid: RECORDOID, rowFormat: 'implicitCast', colnames: [...item.names.colnames], location };
  }
  const variable = wholeRowVar(state, item.rte, item.rtindex, levelsUp, location);
  markVarForSelect(state, variable);
  return returningWrap(item, variable);
}

/** The Var of a whole row (makeWholeRowVar); a function that returns one scalar column is that column. */
export function wholeRowVar(state: ParseState, rte: RangeTblEntry, rtindex: number, levelsUp: number, location: number): Var {
  if (rte.rtekind === 'relation') {
    const type = state.catalog.relation(rte.relid)?.row.reltype ?? 0;
    if (type === 0) throw state.error('WRONG_OBJECT_TYPE', `relation "${state.catalog.relation(rte.relid)?.name ?? ''}" does not have a composite type`, -1);
    return makeVar(rtindex, 0, type, -1, 0, location, levelsUp);
  }
  if (rte.rtekind === 'function' && rte.functions.length === 1 && !rte.funcordinality) {
    const type = exprType(rte.functions[0].funcexpr);
    if (isRowType(state, type)) return makeVar(rtindex, 0, type, -1, 0, location, levelsUp);
    return makeVar(rtindex, 1, type, -1, exprCollation(rte.functions[0].funcexpr), location, levelsUp);
  }
  return makeVar(rtindex, 0, RECORDOID, -1, 0, location, levelsUp);
}

/** record, a composite type, or a domain over one. */
export function isRowType(state: ParseState, type: Oid): boolean {
  return type === RECORDOID || (state.catalog.type(state.catalog.baseType(type))?.typtype ?? '') === 'c';
}
