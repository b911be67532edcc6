/**
 * FROM as SQL text. Follows get_from_clause of PostgreSQL's utils/adt/ruleutils.c.
 */
import { quoteIdentifier } from '../../base/identifier.js';
import type { FunctionRte, JoinExpr, JoinTreeNode, Query, RangeTblEntry, RangeTblFunction, TableSampleClause } from '../nodes.js';
import { typeCollation } from '../type-name.js';
import { INDENT_JOIN, INDENT_STANDARD, INDENT_VARIABLE, type DeparseContext } from './context.js';
import { writeExpr, writeFunctionCall, writeList } from './expr.js';
import type { ColumnNames } from './names.js';
import { deparseQueryInto, valuesLists } from './query.js';

/** Writes the FROM clause, starting with `prefix`; nothing when there is none. */
export function fromClause(cx: DeparseContext, query: Query, prefix: string): void {
  let first = true;
  for (const item of query.jointree.fromlist) {
    if (item.node === 'RangeTblRef' && !query.rtable[item.rtindex - 1].inFromCl) continue;
    if (first) {
      cx.keyword(prefix, -INDENT_STANDARD, INDENT_STANDARD, 2);
      first = false;
      fromItem(cx, item, query);
      continue;
    }
    cx.append(', ');
    const text = cx.capture(() => fromItem(cx, item, query));
    if (cx.pretty.indent && cx.wrapColumn >= 0) {
      if (text.startsWith('\n')) cx.trimSpaces();
      else if (cx.lineLength() + text.length > cx.wrapColumn) cx.keyword('', -INDENT_STANDARD, INDENT_STANDARD, INDENT_VARIABLE);
    }
    cx.append(text);
  }
}

function fromItem(cx: DeparseContext, node: JoinTreeNode, query: Query): void {
  if (node.node === 'RangeTblRef') entry(cx, query.rtable[node.rtindex - 1], node.rtindex);
  else if (node.node === 'JoinExpr') join(cx, node, query);
}

function entry(cx: DeparseContext, rte: RangeTblEntry, rtindex: number): void {
  const columns = cx.namespaces[0].columns[rtindex - 1];
  if (rte.lateral) cx.append('LATERAL ');
  let defined: RangeTblFunction | null = null;
  switch (rte.rtekind) {
    case 'relation': cx.append((rte.inh ? '' : 'ONLY ') + cx.relationName(rte.relid)); break;
    case 'subquery':
      cx.append('(');
      deparseQueryInto(cx, rte.subquery, null, true);
      cx.append(')');
      break;
    case 'function': defined = functions(cx, rte); break;
    case 'values':
      cx.append('(');
      valuesLists(cx, rte);
      cx.append(')');
      break;
    case 'cte': cx.append(quoteIdentifier(rte.ctename)); break;
    case 'join': case 'result': break;
  }
  alias(cx, rte, rtindex, columns);
  if (defined !== null) columnDefinitions(cx, defined, columns);
  else columnAliases(cx, columns);
  if (rte.rtekind === 'relation' && rte.tablesample !== null) tableSample(cx, rte.tablesample);
}

const UNNEST_ANYARRAY = 2331;

/** The functions; answers the one whose column definitions follow the alias. */
function functions(cx: DeparseContext, rte: FunctionRte): RangeTblFunction | null {
  const [first] = rte.functions;
  let defined: RangeTblFunction | null = null;
  if (rte.functions.length === 1 && (!first.hasColdef || !rte.funcordinality)) {
    writeFunctionCall(cx, first.funcexpr);
    if (first.hasColdef) defined = first;
  } else if (rte.functions.every((fn) => fn.funcexpr.node === 'FuncExpr' && fn.funcexpr.funcid === UNNEST_ANYARRAY && !fn.hasColdef)) {
    cx.append('UNNEST(');
    writeList(cx, rte.functions.flatMap((fn) => (fn.funcexpr.node === 'FuncExpr' ? fn.funcexpr.args : [])), true);
    cx.append(')');
  } else {
    cx.append('ROWS FROM(');
    rte.functions.forEach((fn, i) => {
      if (i > 0) cx.append(', ');
      writeFunctionCall(cx, fn.funcexpr);
      if (!fn.hasColdef) return;
      cx.append(' AS ');
      columnDefinitions(cx, fn, null);
    });
    cx.append(')');
  }
  if (rte.funcordinality) cx.append(' WITH ORDINALITY');
  return defined;
}

function alias(cx: DeparseContext, rte: RangeTblEntry, rtindex: number, columns: ColumnNames): void {
  const name = cx.namespaces[0].names[rtindex - 1] ?? '';
  let shown = rte.alias !== null || columns.printAliases;
  if (!shown) {
    if (rte.rtekind === 'relation') shown = name !== cx.state.catalog.relation(rte.relid)?.name;
    else if (rte.rtekind === 'cte') shown = name !== rte.ctename;
    else shown = rte.rtekind === 'function' || rte.rtekind === 'subquery' || rte.rtekind === 'values';
  }
  if (shown) cx.append(` ${quoteIdentifier(name)}`);
}

function columnAliases(cx: DeparseContext, columns: ColumnNames): void {
  if (columns.printAliases && columns.newNames.length > 0) cx.append(`(${columns.newNames.map(quoteIdentifier).join(', ')})`);
}

function columnDefinitions(cx: DeparseContext, fn: RangeTblFunction, columns: ColumnNames | null): void {
  const definitions = fn.coltypes.map((type, i) => {
    const name = columns?.colnames[i] ?? fn.colnames[i];
    const collation = fn.colcollations[i];
    const suffix = collation !== 0 && collation !== typeCollation(cx.state, type) ? ` COLLATE ${cx.collationName(collation)}` : '';
    return `${quoteIdentifier(name)} ${cx.formatType(type, fn.coltypmods[i])}${suffix}`;
  });
  cx.append(`(${definitions.join(', ')})`);
}

function tableSample(cx: DeparseContext, sample: TableSampleClause): void {
  cx.append(` TABLESAMPLE ${cx.functionName(sample.tsmhandler, [2281], false)} (`);
  writeList(cx, sample.args, false);
  cx.append(')');
  if (sample.repeatable === null) return;
  cx.append(' REPEATABLE (');
  writeExpr(cx, sample.repeatable, false);
  cx.append(')');
}

const JOIN_WORDS: Readonly<Record<string, string>> = { left: ' LEFT JOIN ', full: ' FULL JOIN ', right: ' RIGHT JOIN ' };

function join(cx: DeparseContext, node: JoinExpr, query: Query): void {
  const rte = query.rtable[node.rtindex - 1];
  const columns = cx.namespaces[0].columns[node.rtindex - 1];
  const hasAlias = rte.alias !== null;
  const rightJoin = node.rarg.node === 'JoinExpr' ? query.rtable[node.rarg.rtindex - 1] : null;
  const parensRight = cx.pretty.parentheses && node.rarg.node !== 'RangeTblRef' && !(rightJoin !== null && rightJoin.alias !== null);
  const parens = !cx.pretty.parentheses || hasAlias;
  if (parens) cx.append('(');
  fromItem(cx, node.larg, query);
  const word = JOIN_WORDS[node.jointype] ?? (node.quals === null ? ' CROSS JOIN ' : ' JOIN ');
  cx.keyword(word, -INDENT_STANDARD, INDENT_STANDARD, INDENT_JOIN);
  if (parensRight) cx.append('(');
  fromItem(cx, node.rarg, query);
  if (parensRight) cx.append(')');
  if (columns.usingNames.length > 0) {
    cx.append(` USING (${columns.usingNames.map(quoteIdentifier).join(', ')})`);
    if (rte.rtekind === 'join' && rte.joinUsingAlias !== null) cx.append(` AS ${quoteIdentifier(rte.joinUsingAlias.aliasname)}`);
  } else if (node.quals !== null) {
    cx.append(' ON ');
    if (!cx.pretty.parentheses) cx.append('(');
    writeExpr(cx, node.quals, false);
    if (!cx.pretty.parentheses) cx.append(')');
  } else if (node.jointype !== 'inner') {
    cx.append(' ON TRUE');
  }
  if (parens) cx.append(')');
  if (hasAlias) {
    cx.append(` ${quoteIdentifier(cx.namespaces[0].names[node.rtindex - 1] ?? '')}`);
    columnAliases(cx, columns);
  }
}
