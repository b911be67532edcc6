/**
 * SEARCH and CYCLE clauses of recursive WITH items. Follows analyzeCTE of PostgreSQL's parser/parse_cte.c.
 */
import type { CTECycleClause, CTESearchClause, Node, SelectStmt } from 'libpg-query';
import { pgError } from '../base/error.js';
import { bodyAs, bodyOf, stringList } from '../parser/raw.js';
import { assignExprCollations } from './collate.js';
import { coerceToCommonType, selectCommonTypmod, selectCommonType } from './common-type.js';
import { selectCommonCollation } from './collate.js';
import { transformExpr } from './expr.js';
import type { CommonTableExpr } from './nodes.js';
import { sortOperators } from './operators.js';
import type { Mutable, ParseState } from './state.js';

/** Before the query is analyzed: fills the clauses, so that references to the item show their columns. */
export function startSearchAndCycle(state: ParseState, cte: Mutable<CommonTableExpr>, search: CTESearchClause | undefined, cycle: CTECycleClause | undefined): void {
  if (cycle !== undefined) cte.cycleClause = makeCycle(state, cycle);
  if (search !== undefined) {
    cte.searchClause = {
      searchColList: stringList(search.search_col_list), searchBreadthFirst: search.search_breadth_first ?? false, searchSeqColumn: search.search_seq_column ?? '',
    };
  }
}

/** Afterwards: checks them against the item's form and columns. @throws 42601, 42701, 0A000 */
export function checkSearchAndCycle(
  state: ParseState, cte: CommonTableExpr, search: CTESearchClause | undefined, cycle: CTECycleClause | undefined, statement: Node,
): void {
  if (search === undefined && cycle === undefined) return;
  checkTerms(state, bodyAs<SelectStmt>(bodyOf(statement)));
  if (search !== undefined) checkSearch(state, cte, search.location ?? 0);
  if (cycle !== undefined) checkCycle(state, cte, cycle.location ?? 0);
  if (search !== undefined && cte.searchClause !== null && cte.cycleClause !== null) {
    const location = search.location ?? 0;
    if (cte.searchClause.searchSeqColumn === cte.cycleClause.cycleMarkColumn) throw state.error('SYNTAX_ERROR', 'search sequence column name and cycle mark column name are the same', location);
    if (cte.searchClause.searchSeqColumn === cte.cycleClause.cyclePathColumn) throw state.error('SYNTAX_ERROR', 'search sequence column name and cycle path column name are the same', location);
  }
}

function checkTerms(state: ParseState, select: SelectStmt): void {
  const isSelect = (term: SelectStmt | undefined): boolean => term?.op === undefined || term.op === 'SETOP_NONE';
  if (!isSelect(select.larg)) throw state.error('FEATURE_NOT_SUPPORTED', 'with a SEARCH or CYCLE clause, the left side of the UNION must be a SELECT', -1);
  if (!isSelect(select.rarg)) throw state.error('FEATURE_NOT_SUPPORTED', 'with a SEARCH or CYCLE clause, the right side of the UNION must be a SELECT', -1);
}

function makeCycle(state: ParseState, raw: CTECycleClause): CommonTableExpr['cycleClause'] {
  const value = transformExpr(state, raw.cycle_mark_value as Node, 'cycleMark');
  const initial = transformExpr(state, raw.cycle_mark_default as Node, 'cycleMark');
  const { type } = selectCommonType(state, [value, initial], 'CYCLE');
  const cycleMarkValue = coerceToCommonType(state, value, type, 'CYCLE/SET/TO');
  const cycleMarkDefault = coerceToCommonType(state, initial, type, 'CYCLE/SET/DEFAULT');
  const typmod = selectCommonTypmod([cycleMarkValue, cycleMarkDefault], type);
  const collation = selectCommonCollation(state, [cycleMarkValue, cycleMarkDefault], true);
  const { eq } = sortOperators(state, type);
  if (eq === 0) throw pgError('UNDEFINED_FUNCTION', `could not identify an equality operator for type ${state.formatType(type)}`);
  const neop = state.catalog.operator(eq)?.oprnegate ?? 0;
  if (neop === 0) throw pgError('UNDEFINED_FUNCTION', `could not identify an inequality operator for type ${state.formatType(type)}`);
  return {
    cycleColList: stringList(raw.cycle_col_list), cycleMarkColumn: raw.cycle_mark_column ?? '', cyclePathColumn: raw.cycle_path_column ?? '',
    cycleMarkValue: assignExprCollations(state, cycleMarkValue), cycleMarkDefault: assignExprCollations(state, cycleMarkDefault),
    cycleMarkType: type, cycleMarkTypmod: typmod, cycleMarkCollation: collation, cycleMarkNeop: neop,
  };
}

function checkColumns(state: ParseState, cte: CommonTableExpr, columns: readonly string[], what: string, location: number): void {
  columns.forEach((column, i) => {
    if (!cte.ctecolnames.includes(column)) throw state.error('SYNTAX_ERROR', `${what} column "${column}" not in WITH query column list`, location);
    if (columns.indexOf(column) < i) throw state.error('DUPLICATE_COLUMN', `${what} column "${column}" specified more than once`, location);
  });
}

function checkSearch(state: ParseState, cte: CommonTableExpr, location: number): void {
  if (cte.searchClause === null) return;
  checkColumns(state, cte, cte.searchClause.searchColList, 'search', location);
  if (cte.ctecolnames.includes(cte.searchClause.searchSeqColumn)) {
    throw state.error('SYNTAX_ERROR', `search sequence column name "${cte.searchClause.searchSeqColumn}" already used in WITH query column list`, location);
  }
}

function checkCycle(state: ParseState, cte: CommonTableExpr, location: number): void {
  const cycle = cte.cycleClause;
  if (cycle === null) return;
  checkColumns(state, cte, cycle.cycleColList, 'cycle', location);
  if (cte.ctecolnames.includes(cycle.cycleMarkColumn)) throw state.error('SYNTAX_ERROR', `cycle mark column name "${cycle.cycleMarkColumn}" already used in WITH query column list`, location);
  if (cte.ctecolnames.includes(cycle.cyclePathColumn)) throw state.error('SYNTAX_ERROR', `cycle path column name "${cycle.cyclePathColumn}" already used in WITH query column list`, location);
  if (cycle.cycleMarkColumn === cycle.cyclePathColumn) throw state.error('SYNTAX_ERROR', 'cycle mark column name and cycle path column name are the same', location);
}
