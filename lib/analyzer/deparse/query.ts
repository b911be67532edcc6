/**
 * Queries as SQL text, with PostgreSQL's line breaks and indentation. Follows get_query_def and its helpers of
 * utils/adt/ruleutils.c.
 */
import { notSupported } from '../../base/error.js';
import { quoteIdentifier } from '../../base/identifier.js';
import { BOOLOID } from '../../types/oids.js';
import { equalLists } from '../equal.js';
import { exprType } from '../node-functions.js';
import type {
  CommonTableExpr, Expr, GroupingSet, Query, RangeTblRef, SetOperation, SortGroupClause, TargetEntry, ValuesRte, WindowClause,
} from '../nodes.js';
import { sortOperators } from '../operators.js';
import { FRAMEOPTION_GROUPS, FRAMEOPTION_RANGE, FRAMEOPTION_ROWS } from '../windows.js';
import { DeparseContext, INDENT_STANDARD, INDENT_VARIABLE } from './context.js';
import { writeConst, writeExpr, writeTop, writeVar } from './expr.js';
import { fromClause } from './from.js';
import { namespaceOf } from './names.js';

/** Writes a query inside another context. `resultNames` fixes the names of its columns (views). */
export function deparseQueryInto(outer: DeparseContext, query: Query, resultNames: readonly string[] | null, colNamesVisible: boolean): void {
  const cx = new DeparseContext(outer.state, outer.output, [namespaceOf(outer.state, query, outer.namespaces), ...outer.namespaces], outer.pretty, outer.wrapColumn);
  cx.varPrefix = outer.namespaces.length > 0 || query.rtable.length !== 1;
  cx.indentLevel = outer.indentLevel;
  cx.colNamesVisible = colNamesVisible;
  if (query.commandType !== 'select') throw notSupported(`deparsing of ${query.commandType.toUpperCase()}`);
  cx.resultNames = resultNames;
  selectQuery(cx, query);
}

function selectQuery(cx: DeparseContext, query: Query): void {
  withClause(cx, query);
  cx.targetList = query.targetList;
  cx.windowClause = query.windowClause;
  const isSetOperation = query.setOperations !== null;
  if (query.setOperations !== null) setOperation(cx, query.setOperations, query);
  else basicSelect(cx, query);
  const clause = (word: string, plus: number): void => cx.keyword(word, -INDENT_STANDARD, INDENT_STANDARD, plus);
  if (query.sortClause.length > 0) {
    clause(' ORDER BY ', 1);
    orderBy(cx, query.sortClause, query.targetList, isSetOperation);
  }
  if (query.limitOffset !== null) {
    clause(' OFFSET ', 0);
    writeExpr(cx, query.limitOffset, false);
  }
  if (query.limitCount !== null && query.limitOption === 'withTies') {
    clause(' FETCH FIRST ', 0);
    cx.append('(');
    writeExpr(cx, query.limitCount, false);
    cx.append(') ROWS WITH TIES');
  } else if (query.limitCount !== null) {
    clause(' LIMIT ', 0);
    if (query.limitCount.node === 'Const' && query.limitCount.value === null) cx.append('ALL');
    else writeExpr(cx, query.limitCount, false);
  }
  if (!query.hasForUpdate) return;
  const strengths = { keyShare: ' FOR KEY SHARE', share: ' FOR SHARE', noKeyUpdate: ' FOR NO KEY UPDATE', update: ' FOR UPDATE' };
  for (const mark of query.rowMarks) {
    if (mark.pushedDown) continue;
    clause(strengths[mark.strength], 0);
    cx.append(` OF ${quoteIdentifier(cx.namespaces[0].names[mark.rti - 1] ?? '')}${{ block: '', error: ' NOWAIT', skip: ' SKIP LOCKED' }[mark.waitPolicy]}`);
  }
}

function withClause(cx: DeparseContext, query: Query): void {
  if (query.cteList.length === 0) return;
  if (cx.pretty.indent) {
    cx.indentLevel += INDENT_STANDARD;
    cx.append(' ');
  }
  query.cteList.forEach((cte, i) => {
    cx.append(i > 0 ? ', ' : query.hasRecursive ? 'WITH RECURSIVE ' : 'WITH ');
    withItem(cx, cte);
  });
  if (cx.pretty.indent) {
    cx.indentLevel -= INDENT_STANDARD;
    cx.keyword('', 0, 0, 0);
  } else {
    cx.append(' ');
  }
}

function withItem(cx: DeparseContext, cte: CommonTableExpr): void {
  const names = (list: readonly string[]): string => list.map(quoteIdentifier).join(', ');
  cx.append(quoteIdentifier(cte.ctename));
  if (cte.aliascolnames.length > 0) cx.append(`(${names(cte.aliascolnames)})`);
  cx.append(` AS ${{ default: '', always: 'MATERIALIZED ', never: 'NOT MATERIALIZED ' }[cte.ctematerialized]}(`);
  if (cx.pretty.indent) cx.keyword('', 0, 0, 0);
  deparseQueryInto(cx, cte.ctequery, null, true);
  if (cx.pretty.indent) cx.keyword('', 0, 0, 0);
  cx.append(')');
  if (cte.searchClause !== null) {
    const { searchBreadthFirst, searchColList, searchSeqColumn } = cte.searchClause;
    cx.append(` SEARCH ${searchBreadthFirst ? 'BREADTH' : 'DEPTH'} FIRST BY ${names(searchColList)} SET ${quoteIdentifier(searchSeqColumn)}`);
  }
  if (cte.cycleClause !== null) {
    const cycle = cte.cycleClause;
    cx.append(` CYCLE ${names(cycle.cycleColList)} SET ${quoteIdentifier(cycle.cycleMarkColumn)}`);
    const isBool = (expr: Expr, value: boolean): boolean => expr.node === 'Const' && expr.consttype === BOOLOID && expr.value === value;
    if (!isBool(cycle.cycleMarkValue, true) || !isBool(cycle.cycleMarkDefault, false)) {
      cx.append(' TO ');
      writeExpr(cx, cycle.cycleMarkValue, false);
      cx.append(' DEFAULT ');
      writeExpr(cx, cycle.cycleMarkDefault, false);
    }
    cx.append(` USING ${quoteIdentifier(cycle.cyclePathColumn)}`);
  }
}

function basicSelect(cx: DeparseContext, query: Query): void {
  if (cx.pretty.indent) {
    cx.indentLevel += INDENT_STANDARD;
    cx.append(' ');
  }
  const values = simpleValues(cx, query);
  if (values !== null) {
    valuesLists(cx, values);
    return;
  }
  cx.append('SELECT');
  if (query.distinctClause.length > 0) {
    cx.append(' DISTINCT');
    if (query.hasDistinctOn) {
      cx.append(' ON (');
      sortGroupList(cx, query.distinctClause, query.targetList);
      cx.append(')');
    }
  }
  targetList(cx, query.targetList);
  fromClause(cx, query, ' FROM ');
  const clause = (word: string, plus: number): void => cx.keyword(word, -INDENT_STANDARD, INDENT_STANDARD, plus);
  if (query.jointree.quals !== null) {
    clause(' WHERE ', 1);
    writeExpr(cx, query.jointree.quals, false);
  }
  if (query.groupClause.length > 0 || query.groupingSets.length > 0) {
    clause(' GROUP BY ', 1);
    if (query.groupDistinct) cx.append('DISTINCT ');
    const saved = cx.inGroupBy;
    cx.inGroupBy = true;
    if (query.groupingSets.length === 0) {
      sortGroupList(cx, query.groupClause, query.targetList);
    } else {
      query.groupingSets.forEach((set, i) => {
        if (i > 0) cx.append(', ');
        groupingSet(cx, set, query.targetList, true);
      });
    }
    cx.inGroupBy = saved;
  }
  if (query.havingQual !== null) {
    clause(' HAVING ', 0);
    writeExpr(cx, query.havingQual, false);
  }
  let first = true;
  for (const window of query.windowClause) {
    if (window.name === null) continue;
    if (first) clause(' WINDOW ', 1);
    else cx.append(', ');
    first = false;
    cx.append(`${quoteIdentifier(window.name)} AS `);
    windowSpecification(cx, window, query.targetList, query.windowClause);
  }
}

/** The VALUES lists of a query that is nothing but them; null for others. */
function simpleValues(cx: DeparseContext, query: Query): ValuesRte | null {
  let values: ValuesRte | null = null;
  for (const rte of query.rtable) {
    if (rte.rtekind === 'values' && rte.inFromCl && values === null) values = rte;
    else if (rte.rtekind !== 'relation' || rte.inFromCl) return null;
  }
  if (values === null || query.targetList.length !== values.eref.colnames.length) return null;
  const names = values.eref.colnames;
  const plain = query.targetList.every((entry, i) => !entry.resjunk && (cx.resultNames?.[i] ?? entry.resname) === names[i]);
  return plain ? values : null;
}

/** `VALUES (...), (...)`. */
export function valuesLists(cx: DeparseContext, rte: ValuesRte): void {
  cx.append('VALUES ');
  rte.valuesLists.forEach((row, i) => {
    cx.append(i > 0 ? ', (' : '(');
    row.forEach((expr, column) => {
      if (column > 0) cx.append(',');
      writeTop(cx, expr, false);
    });
    cx.append(')');
  });
}

function targetList(cx: DeparseContext, list: readonly TargetEntry[]): void {
  let column = 0;
  let wasMultiline = false;
  for (const entry of list) {
    if (entry.resjunk) continue;
    cx.append(column === 0 ? ' ' : ', ');
    column++;
    const text = cx.capture(() => {
      let own: string | null;
      if (entry.expr.node === 'Var') {
        own = writeVar(cx, entry.expr, 0, true, 'default');
      } else {
        writeExpr(cx, entry.expr, true);
        own = cx.colNamesVisible ? null : '?column?';
      }
      const name = cx.resultNames?.[column - 1] ?? entry.resname;
      if (name !== null && own !== name) cx.append(` AS ${quoteIdentifier(name)}`);
    });
    if (cx.pretty.indent && cx.wrapColumn >= 0) {
      const startsWithBreak = text.startsWith('\n');
      if (startsWithBreak) cx.trimSpaces();
      else if (column > 1 && (cx.lineLength() + text.length > cx.wrapColumn || wasMultiline)) cx.keyword('', -INDENT_STANDARD, INDENT_STANDARD, INDENT_VARIABLE);
      wasMultiline = text.slice(startsWithBreak ? 1 : 0).includes('\n');
    }
    cx.append(text);
  }
}

function setOperation(cx: DeparseContext, node: SetOperation | RangeTblRef, query: Query): void {
  if (node.node === 'RangeTblRef') {
    const rte = query.rtable[node.rtindex - 1];
    if (rte.rtekind !== 'subquery') return;
    const inner = rte.subquery;
    const parens = inner.cteList.length > 0 || inner.sortClause.length > 0 || inner.rowMarks.length > 0 || inner.limitOffset !== null
      || inner.limitCount !== null || inner.setOperations !== null;
    if (parens) cx.append('(');
    deparseQueryInto(cx, inner, cx.resultNames, cx.colNamesVisible);
    if (parens) cx.append(')');
    return;
  }
  const leftParens = node.larg.node === 'SetOperation' && (node.larg.op !== node.op || node.larg.all !== node.all);
  let indent = 0;
  if (leftParens) {
    cx.append('(');
    indent = INDENT_STANDARD;
    cx.keyword('', indent, 0, 0);
  }
  setOperation(cx, node.larg, query);
  if (leftParens) cx.keyword(') ', -indent, 0, 0);
  else if (cx.pretty.indent) cx.keyword('', -indent, 0, 0);
  else cx.append(' ');
  cx.append(`${node.op.toUpperCase()} ${node.all ? 'ALL ' : ''}`);
  const rightParens = node.rarg.node === 'SetOperation';
  indent = rightParens ? INDENT_STANDARD : 0;
  if (rightParens) cx.append('(');
  cx.keyword('', indent, 0, 0);
  const saved = cx.colNamesVisible;
  cx.colNamesVisible = false;
  setOperation(cx, node.rarg, query);
  cx.colNamesVisible = saved;
  if (cx.pretty.indent) cx.indentLevel -= indent;
  if (rightParens) cx.keyword(')', 0, 0, 0);
}

function sortGroupList(cx: DeparseContext, clauses: readonly SortGroupClause[], targets: readonly TargetEntry[]): void {
  clauses.forEach((clause, i) => {
    if (i > 0) cx.append(', ');
    sortGroupExpr(cx, clause.tleSortGroupRef, targets, false);
  });
}

function sortGroupExpr(cx: DeparseContext, ref: number, targets: readonly TargetEntry[], forceNumber: boolean): Expr | null {
  const entry = targets.find((target) => target.ressortgroupref === ref);
  if (entry === undefined) return null;
  const { expr } = entry;
  if (forceNumber) {
    cx.append(String(entry.resno));
  } else if (expr.node === 'Const') {
    writeConst(cx, expr, 1);
  } else if (expr.node === 'Var') {
    const saved = cx.varInOrderBy;
    cx.varInOrderBy = true;
    writeVar(cx, expr, 0, false, 'default');
    cx.varInOrderBy = saved;
  } else {
    const parens = cx.pretty.parentheses || expr.node === 'FuncExpr' || expr.node === 'Aggref' || expr.node === 'WindowFunc';
    if (parens) cx.append('(');
    writeExpr(cx, expr, true);
    if (parens) cx.append(')');
  }
  return expr;
}

/** An ORDER BY list. */
export function orderBy(cx: DeparseContext, clauses: readonly SortGroupClause[], targets: readonly TargetEntry[], forceNumber: boolean): void {
  clauses.forEach((clause, i) => {
    if (i > 0) cx.append(', ');
    const expr = sortGroupExpr(cx, clause.tleSortGroupRef, targets, forceNumber);
    if (expr === null) return;
    const type = exprType(expr);
    const operators = sortOperators(cx.state, type);
    if (clause.sortop === operators.lt) {
      if (clause.nullsFirst) cx.append(' NULLS FIRST');
    } else if (clause.sortop === operators.gt) {
      cx.append(clause.nullsFirst ? ' DESC' : ' DESC NULLS LAST');
    } else {
      cx.append(` USING ${cx.operatorName(clause.sortop, type, type)}${clause.nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'}`);
    }
  });
}

function groupingSet(cx: DeparseContext, set: GroupingSet, targets: readonly TargetEntry[], omitParens: boolean): void {
  if (set.kind === 'empty') {
    cx.append('()');
    return;
  }
  if (set.kind === 'simple') {
    const parens = !omitParens || set.content.length !== 1;
    if (parens) cx.append('(');
    set.content.forEach((ref, i) => {
      if (i > 0) cx.append(', ');
      if (typeof ref === 'number') sortGroupExpr(cx, ref, targets, false);
    });
    if (parens) cx.append(')');
    return;
  }
  cx.append({ rollup: 'ROLLUP(', cube: 'CUBE(', sets: 'GROUPING SETS (' }[set.kind]);
  set.content.forEach((inner, i) => {
    if (i > 0) cx.append(', ');
    if (typeof inner !== 'number') groupingSet(cx, inner, targets, set.kind !== 'sets');
  });
  cx.append(')');
}

/** A window's definition in parentheses. */
export function windowSpecification(cx: DeparseContext, window: WindowClause, targets: readonly TargetEntry[], all: readonly WindowClause[] = cx.windowClause): void {
  const parts: string[] = [];
  const part = (body: () => void): void => {
    parts.push(cx.capture(body));
  };
  if (window.refname !== null) parts.push(quoteIdentifier(window.refname));
  if (window.partitionClause.length > 0 && window.refname === null) {
    part(() => {
      cx.append('PARTITION BY ');
      sortGroupList(cx, window.partitionClause, targets);
    });
  }
  const base = all.find((other) => other.name !== null && other.name === window.refname);
  const copied = base !== undefined && equalLists(base.orderClause, window.orderClause);
  if (window.orderClause.length > 0 && !copied) {
    part(() => {
      cx.append('ORDER BY ');
      orderBy(cx, window.orderClause, targets, false);
    });
  }
  if ((window.frameOptions & FRAME_NONDEFAULT) !== 0) part(() => frame(cx, window));
  cx.append(`(${parts.join(' ')})`);
}

const FRAME_NONDEFAULT = 0x1;

function frame(cx: DeparseContext, window: WindowClause): void {
  const has = (bit: number): boolean => (window.frameOptions & bit) !== 0;
  const words: string[] = [];
  const bound = (unbounded: number, current: number, preceding: number, following: number, offset: Expr | null, direction: string): void => {
    if (has(unbounded)) words.push(`UNBOUNDED ${direction}`);
    else if (has(current)) words.push('CURRENT ROW');
    else if (offset !== null) words.push(`${cx.capture(() => writeExpr(cx, offset, false))} ${has(preceding) ? 'PRECEDING' : has(following) ? 'FOLLOWING' : ''}`);
  };
  words.push(has(FRAMEOPTION_RANGE) ? 'RANGE' : has(FRAMEOPTION_ROWS) ? 'ROWS' : has(FRAMEOPTION_GROUPS) ? 'GROUPS' : '');
  const between = has(0x10);
  if (between) words.push('BETWEEN');
  bound(0x20, 0x200, 0x800, 0x2000, window.startOffset, 'PRECEDING');
  if (between) {
    words.push('AND');
    bound(0x100, 0x400, 0x1000, 0x4000, window.endOffset, 'FOLLOWING');
  }
  if (has(0x8000)) words.push('EXCLUDE CURRENT ROW');
  else if (has(0x10000)) words.push('EXCLUDE GROUP');
  else if (has(0x20000)) words.push('EXCLUDE TIES');
  cx.append(words.join(' '));
}
