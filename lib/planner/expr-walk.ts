/**
 * Generic traversal of expressions and queries (nodeFuncs.c): `forEachChild` visits the direct children of an
 * expression, `mapChildren` rebuilds a node from changed children (and returns the same object when none changed).
 * Sub-selects of SubLinks are not entered here: `forEachQueryExpr` / `mapQuery` do that, one query level at a time.
 */
import type {
  Expr, FromExpr, JoinTreeNode, Query, RangeTblEntry, TargetEntry, OnConflictExpr,
} from '../analyzer/nodes.js';

/** Visits the direct sub-expressions (not the sub-select of a SubLink). */
export function forEachChild(expr: Expr, visit: (child: Expr) => void): void {
  switch (expr.node) {
    case 'Var': case 'Const': case 'Param': case 'SublinkParam': case 'CaseTestExpr': case 'SQLValueFunction':
    case 'CoerceToDomainValue': case 'SetToDefault': case 'CurrentOfExpr': case 'NextValueExpr':
      return;
    case 'FuncExpr': case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': case 'BoolExpr':
    case 'RowExpr': case 'CoalesceExpr': case 'MinMaxExpr': case 'GroupingFunc':
      expr.args.forEach(visit);
      return;
    case 'WindowFunc':
      expr.args.forEach(visit);
      if (expr.aggfilter) visit(expr.aggfilter);
      return;
    case 'Aggref':
      expr.aggdirectargs.forEach(visit);
      for (const entry of expr.args) visit(entry.expr);
      if (expr.aggfilter) visit(expr.aggfilter);
      return;
    case 'SubscriptingRef':
      for (const index of expr.refupperindexpr) if (index) visit(index);
      for (const index of expr.reflowerindexpr) if (index) visit(index);
      visit(expr.refexpr);
      if (expr.refassgnexpr) visit(expr.refassgnexpr);
      return;
    case 'SubLink':
      if (expr.testexpr) visit(expr.testexpr);
      return;
    case 'SubPlan':
      if (expr.testexpr) visit(expr.testexpr);
      expr.args.forEach(visit);
      return;
    case 'FieldStore':
      visit(expr.arg);
      expr.newvals.forEach(visit);
      return;
    case 'ArrayCoerceExpr':
      visit(expr.arg);
      visit(expr.elemexpr);
      return;
    case 'FieldSelect': case 'RelabelType': case 'CoerceViaIO': case 'ConvertRowtypeExpr': case 'CollateExpr':
    case 'NullTest': case 'BooleanTest': case 'CoerceToDomain':
      visit(expr.arg);
      return;
    case 'CaseExpr':
      if (expr.arg) visit(expr.arg);
      for (const when of expr.args) {
        visit(when.expr);
        visit(when.result);
      }
      if (expr.defresult) visit(expr.defresult);
      return;
    case 'ArrayExpr':
      expr.elements.forEach(visit);
      return;
    case 'RowCompareExpr':
      expr.largs.forEach(visit);
      expr.rargs.forEach(visit);
      return;
    case 'ReturningExpr':
      visit(expr.expr);
      return;
    default:
      expr satisfies never;
  }
}

/** Maps a list, keeping the array itself when nothing changed. */
export function mapList<T>(list: readonly T[], map: (item: T) => T): readonly T[] {
  let result: T[] | null = null;
  for (let i = 0; i < list.length; i++) {
    const mapped = map(list[i]);
    if (result) result.push(mapped);
    else if (mapped !== list[i]) {
      result = list.slice(0, i);
      result.push(mapped);
    }
  }
  return result ?? list;
}

/** Rebuilds the node with its direct children mapped; the same object when no child changed. */
export function mapChildren(expr: Expr, map: (child: Expr) => Expr): Expr {
  const maybe = (child: Expr | null): Expr | null => (child ? map(child) : null);
  switch (expr.node) {
    case 'Var': case 'Const': case 'Param': case 'SublinkParam': case 'CaseTestExpr': case 'SQLValueFunction':
    case 'CoerceToDomainValue': case 'SetToDefault': case 'CurrentOfExpr': case 'NextValueExpr':
      return expr;
    case 'FuncExpr': case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'BoolExpr':
    case 'RowExpr': case 'CoalesceExpr': case 'MinMaxExpr': case 'GroupingFunc': {
      const args = mapList(expr.args, map);
      return args === expr.args ? expr : { ...expr, args };
    }
    case 'ScalarArrayOpExpr': {
      const left = map(expr.args[0]);
      const right = map(expr.args[1]);
      return left === expr.args[0] && right === expr.args[1] ? expr : { ...expr, args: [left, right] };
    }
    case 'WindowFunc': {
      const args = mapList(expr.args, map);
      const aggfilter = maybe(expr.aggfilter);
      return args === expr.args && aggfilter === expr.aggfilter ? expr : { ...expr, args, aggfilter };
    }
    case 'Aggref': {
      const aggdirectargs = mapList(expr.aggdirectargs, map);
      const args = mapTargetList(expr.args, map);
      const aggfilter = maybe(expr.aggfilter);
      return aggdirectargs === expr.aggdirectargs && args === expr.args && aggfilter === expr.aggfilter
        ? expr : { ...expr, aggdirectargs, args, aggfilter };
    }
    case 'SubscriptingRef': {
      const refupperindexpr = mapList(expr.refupperindexpr, maybe);
      const reflowerindexpr = mapList(expr.reflowerindexpr, maybe);
      const refexpr = map(expr.refexpr);
      const refassgnexpr = maybe(expr.refassgnexpr);
      return refupperindexpr === expr.refupperindexpr && reflowerindexpr === expr.reflowerindexpr
        && refexpr === expr.refexpr && refassgnexpr === expr.refassgnexpr
        ? expr : { ...expr, refupperindexpr, reflowerindexpr, refexpr, refassgnexpr };
    }
    case 'SubLink': {
      const testexpr = maybe(expr.testexpr);
      return testexpr === expr.testexpr ? expr : { ...expr, testexpr };
    }
    case 'SubPlan': {
      const testexpr = maybe(expr.testexpr);
      const args = mapList(expr.args, map);
      return testexpr === expr.testexpr && args === expr.args ? expr : { ...expr, testexpr, args };
    }
    case 'FieldStore': {
      const arg = map(expr.arg);
      const newvals = mapList(expr.newvals, map);
      return arg === expr.arg && newvals === expr.newvals ? expr : { ...expr, arg, newvals };
    }
    case 'ArrayCoerceExpr': {
      const arg = map(expr.arg);
      const elemexpr = map(expr.elemexpr);
      return arg === expr.arg && elemexpr === expr.elemexpr ? expr : { ...expr, arg, elemexpr };
    }
    case 'FieldSelect': case 'RelabelType': case 'CoerceViaIO': case 'ConvertRowtypeExpr': case 'CollateExpr':
    case 'NullTest': case 'BooleanTest': case 'CoerceToDomain': {
      const arg = map(expr.arg);
      return arg === expr.arg ? expr : { ...expr, arg };
    }
    case 'CaseExpr': {
      const arg = maybe(expr.arg);
      const args = mapList(expr.args, (when) => {
        const test = map(when.expr);
        const result = map(when.result);
        return test === when.expr && result === when.result ? when : { expr: test, result };
      });
      const defresult = maybe(expr.defresult);
      return arg === expr.arg && args === expr.args && defresult === expr.defresult ? expr : { ...expr, arg, args, defresult };
    }
    case 'ArrayExpr': {
      const elements = mapList(expr.elements, map);
      return elements === expr.elements ? expr : { ...expr, elements };
    }
    case 'RowCompareExpr': {
      const largs = mapList(expr.largs, map);
      const rargs = mapList(expr.rargs, map);
      return largs === expr.largs && rargs === expr.rargs ? expr : { ...expr, largs, rargs };
    }
    case 'ReturningExpr': {
      const inner = map(expr.expr);
      return inner === expr.expr ? expr : { ...expr, expr: inner };
    }
    default:
      return expr satisfies never;
  }
}

/** Maps the expressions of a target list. */
export function mapTargetList(list: readonly TargetEntry[], map: (expr: Expr) => Expr): readonly TargetEntry[] {
  return mapList(list, (entry) => {
    const expr = map(entry.expr);
    return expr === entry.expr ? entry : { ...entry, expr };
  });
}

/** Maps every qualification of a join tree. */
export function mapJoinTree<T extends JoinTreeNode>(node: T, map: (expr: Expr) => Expr): T;
export function mapJoinTree(node: JoinTreeNode, map: (expr: Expr) => Expr): JoinTreeNode {
  switch (node.node) {
    case 'RangeTblRef':
      return node;
    case 'FromExpr': {
      const fromlist = mapList(node.fromlist, (child) => mapJoinTree(child, map));
      const quals = node.quals && map(node.quals);
      return fromlist === node.fromlist && quals === node.quals ? node : { ...node, fromlist, quals };
    }
    case 'JoinExpr': {
      const larg = mapJoinTree(node.larg, map);
      const rarg = mapJoinTree(node.rarg, map);
      const quals = node.quals && map(node.quals);
      return larg === node.larg && rarg === node.rarg && quals === node.quals ? node : { ...node, larg, rarg, quals };
    }
    default:
      return node satisfies never;
  }
}

/** Maps the expressions of a range-table entry; `query` maps the queries of subquery entries. */
export function mapRangeTableEntry(rte: RangeTblEntry, map: (expr: Expr) => Expr, query: (inner: Query) => Query): RangeTblEntry {
  switch (rte.rtekind) {
    case 'relation': {
      if (!rte.tablesample) return rte;
      const args = mapList(rte.tablesample.args, map);
      const repeatable = rte.tablesample.repeatable && map(rte.tablesample.repeatable);
      return args === rte.tablesample.args && repeatable === rte.tablesample.repeatable
        ? rte : { ...rte, tablesample: { ...rte.tablesample, args, repeatable } };
    }
    case 'subquery': {
      const subquery = query(rte.subquery);
      return subquery === rte.subquery ? rte : { ...rte, subquery };
    }
    case 'join': {
      const joinaliasvars = mapList(rte.joinaliasvars, map);
      return joinaliasvars === rte.joinaliasvars ? rte : { ...rte, joinaliasvars };
    }
    case 'function': {
      const functions = mapList(rte.functions, (fn) => {
        const funcexpr = map(fn.funcexpr);
        return funcexpr === fn.funcexpr ? fn : { ...fn, funcexpr };
      });
      return functions === rte.functions ? rte : { ...rte, functions };
    }
    case 'values': {
      const valuesLists = mapList(rte.valuesLists, (row) => mapList(row, map));
      return valuesLists === rte.valuesLists ? rte : { ...rte, valuesLists };
    }
    case 'cte': case 'result':
      return rte;
    default:
      return rte satisfies never;
  }
}

function mapOnConflict(clause: OnConflictExpr, map: (expr: Expr) => Expr): OnConflictExpr {
  const onConflictSet = mapTargetList(clause.onConflictSet, map);
  const onConflictWhere = clause.onConflictWhere && map(clause.onConflictWhere);
  return onConflictSet === clause.onConflictSet && onConflictWhere === clause.onConflictWhere
    ? clause : { ...clause, onConflictSet, onConflictWhere };
}

/** Rebuilds a query with every expression of its own level mapped, and every sub-query (range table, CTEs) mapped by `inner`. */
export function mapQuery(query: Query, map: (expr: Expr) => Expr, inner: (subquery: Query) => Query): Query {
  const maybe = (expr: Expr | null): Expr | null => expr && map(expr);
  const result: Query = {
    ...query,
    targetList: mapTargetList(query.targetList, map),
    jointree: mapJoinTree<FromExpr>(query.jointree, map),
    rtable: mapList(query.rtable, (rte) => mapRangeTableEntry(rte, map, inner)),
    returningList: mapTargetList(query.returningList, map),
    onConflict: query.onConflict && mapOnConflict(query.onConflict, map),
    mergeActionList: mapList(query.mergeActionList, (action) => ({
      ...action, qual: maybe(action.qual), targetList: mapTargetList(action.targetList, map),
    })),
    mergeJoinCondition: maybe(query.mergeJoinCondition),
    havingQual: maybe(query.havingQual),
    windowClause: mapList(query.windowClause, (clause) => {
      const startOffset = maybe(clause.startOffset);
      const endOffset = maybe(clause.endOffset);
      return startOffset === clause.startOffset && endOffset === clause.endOffset ? clause : { ...clause, startOffset, endOffset };
    }),
    limitOffset: maybe(query.limitOffset),
    limitCount: maybe(query.limitCount),
    cteList: mapList(query.cteList, (cte) => {
      const ctequery = inner(cte.ctequery);
      return ctequery === cte.ctequery ? cte : { ...cte, ctequery };
    }),
    withCheckOptions: mapList(query.withCheckOptions, (option) => {
      const qual = map(option.qual);
      return qual === option.qual ? option : { ...option, qual };
    }),
  };
  return sameFields(query, result) ? query : result;
}

function sameFields(before: Query, after: Query): boolean {
  return before.targetList === after.targetList && before.jointree === after.jointree && before.rtable === after.rtable
    && before.returningList === after.returningList && before.onConflict === after.onConflict
    && before.mergeActionList === after.mergeActionList && before.mergeJoinCondition === after.mergeJoinCondition
    && before.havingQual === after.havingQual && before.windowClause === after.windowClause
    && before.limitOffset === after.limitOffset && before.limitCount === after.limitCount
    && before.cteList === after.cteList && before.withCheckOptions === after.withCheckOptions;
}

/** Visits every expression of the query's own level and calls `inner` for its sub-queries (range table and CTEs). */
export function forEachQueryExpr(query: Query, visit: (expr: Expr) => void, inner: (subquery: Query) => void): void {
  mapQuery(query, (expr) => { visit(expr); return expr; }, (subquery) => { inner(subquery); return subquery; });
}

/** True when the test holds for the expression or any sub-expression (sub-selects are not entered). */
export function someNode(expr: Expr, test: (node: Expr) => boolean): boolean {
  if (test(expr)) return true;
  let found = false;
  forEachChild(expr, (child) => { found ||= someNode(child, test); });
  return found;
}

/** Visits every node of an expression together with the query depth it stands at, sub-selects included. */
export function walkDeep(expr: Expr, depth: number, visit: (node: Expr, depth: number) => void): void {
  visit(expr, depth);
  if (expr.node === 'SubLink') walkQueryDeep(expr.subselect, depth + 1, visit);
  forEachChild(expr, (child) => walkDeep(child, depth, visit));
}

/** `walkDeep` over all expressions of a query. */
export function walkQueryDeep(query: Query, depth: number, visit: (node: Expr, depth: number) => void): void {
  forEachQueryExpr(query, (expr) => walkDeep(expr, depth, visit), (inner) => walkQueryDeep(inner, depth + 1, visit));
}

/**
 * Rewrites leaves of an expression at every query depth: `replace(node, depth)` returns a replacement (not descended
 * into) or undefined to go on with the children.
 */
export function mapDeep(expr: Expr, depth: number, replace: (node: Expr, depth: number) => Expr | undefined): Expr {
  const replaced = replace(expr, depth);
  if (replaced !== undefined) return replaced;
  const mapped = mapChildren(expr, (child) => mapDeep(child, depth, replace));
  if (mapped.node !== 'SubLink') return mapped;
  const subselect = mapQueryDeep(mapped.subselect, depth + 1, replace);
  return subselect === mapped.subselect ? mapped : { ...mapped, subselect };
}

/** `mapDeep` over all expressions of a query, itself at `depth`. */
export function mapQueryDeep(query: Query, depth: number, replace: (node: Expr, depth: number) => Expr | undefined): Query {
  return mapQuery(query, (expr) => mapDeep(expr, depth, replace), (inner) => mapQueryDeep(inner, depth + 1, replace));
}
