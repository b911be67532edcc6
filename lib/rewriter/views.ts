/**
 * Views as their queries: what a view selects, and every reference to one replaced by it, through all levels. Privileges
 * inside a view are its owner's. Follows fireRIRrules of PostgreSQL's rewrite/rewriteHandler.c.
 */
import { analyze } from '../analyzer/analyze.js';
import { expandRelationColumns } from './generated.js';
import type { Expr, JoinTreeNode, Query, RangeTblEntry, RelationRte, RowMarkClause, SubqueryRte } from '../analyzer/nodes.js';
import { deserializeQueries } from '../analyzer/serialize.js';
import { mapQuery, mutateExpression } from '../analyzer/walker.js';
import { pgError } from '../base/error.js';
import type { Catalog, Oid, Relation } from '../catalog/api.js';
import { builtinViewDefinition } from '../catalog/builtin.js';
import { parse } from '../parser/parse.js';
import type { RewriteContext } from './context.js';
import { applyRowSecurity } from './row-security.js';
import { expandSearchAndCycle } from './search-cycle.js';

const PG_CATALOG_OID = 11;
const SELECT_RULE = '1';

const queries = new WeakMap<Relation, Query>();

/** True when a relation option is set to true ("security_barrier", "security_invoker"). */
export function booleanOption(relation: Relation, name: string): boolean {
  const option = (relation.row.reloptions?.elements ?? []).find((text) => typeof text === 'string' && text.startsWith(`${name}=`));
  return typeof option === 'string' && /=(?:true|on|yes|1|t|y)$/i.test(option);
}

/** A relation option's text, or null. */
export function textOption(relation: Relation, name: string): string | null {
  const option = (relation.row.reloptions?.elements ?? []).find((text) => typeof text === 'string' && text.startsWith(`${name}=`));
  return typeof option === 'string' ? option.slice(name.length + 1) : null;
}

/** The same catalog with pg_catalog alone in the search path: built-in views name other schemas explicitly. */
function catalogWithSystemPath(catalog: Catalog): Catalog {
  return Object.create(catalog, { searchPath: { value: [PG_CATALOG_OID] } }) as Catalog;
}

/** What a view selects, as stored: analyzed, not rewritten. @throws XX000 when it has no rule */
export function viewDefinition(context: RewriteContext, view: Relation): Query {
  const text = builtinViewDefinition(view.oid);
  if (text !== null) {
    const [statement] = parse(text);
    return analyze(statement, { catalog: catalogWithSystemPath(context.catalog), services: context.services, sourceText: text });
  }
  const rule = view.rules.find((candidate) => candidate.ev_type === SELECT_RULE);
  if (rule === undefined) throw pgError('INTERNAL_ERROR', `no rules found for view "${view.name}"`);
  return deserializeQueries(rule.ev_action)[0];
}

/** The view's query with its owner's privileges noted; cached as long as the relation's cache entry lives. */
export function viewQuery(context: RewriteContext, view: Relation): Query {
  let query = queries.get(view);
  if (query === undefined) {
    query = checkAs(viewDefinition(context, view), booleanOption(view, 'security_invoker') ? 0 : view.row.relowner);
    queries.set(view, query);
  }
  return query;
}

/** Makes every relation of a query be checked with a role's privileges (setRuleCheckAsUser). */
export function checkAs(query: Query, role: Oid): Query {
  if (role === 0) return query;
  const inExpr = (expr: Expr): Expr => mutateExpression(expr, (node) => (node.node === 'SubLink'
    ? { ...node, testexpr: node.testexpr === null ? null : inExpr(node.testexpr), subselect: checkAs(node.subselect, role) } : null));
  const mapped = mapQuery(query, query.hasSubLinks ? inExpr : (expr) => expr, (sub) => checkAs(sub, role));
  return { ...mapped, rtable: mapped.rtable.map((rte) => (rte.rtekind === 'relation' ? { ...rte, perm: { ...rte.perm, checkAsUser: role } } : rte)) };
}

/** True when there is nothing to replace: only plain tables, no sub-queries. */
function isPlain(context: RewriteContext, query: Query): boolean {
  return !query.hasSubLinks && query.cteList.length === 0 && query.rtable.every((rte) => {
    switch (rte.rtekind) {
      case 'relation': {
        if (rte.relkind === 'v') return false;
        const relation = context.catalog.relation(rte.relid);
        return relation === null || (!relation.row.relrowsecurity && !relation.attributes.some((attribute) => attribute.attgenerated === 'v'));
      }
      case 'subquery': return false;
      default: return true;
    }
  });
}

/** Replaces views everywhere in a query; `active` are the views being expanded around it. @throws 42P17 for recursion */
export function expandViews(context: RewriteContext, query: Query, active: readonly Oid[] = []): Query {
  if (isPlain(context, query)) return query;
  const inExpr = (expr: Expr): Expr => mutateExpression(expr, (node) => (node.node === 'SubLink'
    ? { ...node, testexpr: node.testexpr === null ? null : inExpr(node.testexpr), subselect: expandViews(context, node.subselect, active) } : null));
  const plain = query.cteList.some((cte) => cte.searchClause !== null || cte.cycleClause !== null)
    ? { ...query, cteList: query.cteList.map((cte) => expandSearchAndCycle(context, cte)) } : query;
  const mapped = mapQuery(plain, query.hasSubLinks ? inExpr : (expr) => expr, (sub) => expandViews(context, sub, active));
  const read = readEntries(mapped.jointree);
  const rtable = mapped.rtable.map((rte, i): RangeTblEntry => {
    if (rte.rtekind !== 'relation' || rte.relkind !== 'v' || !read.has(i + 1)) return rte;
    return expandView(context, rte, mapped.rowMarks.find((mark) => mark.rti === i + 1), active);
  });
  return applyRowSecurity(context, expandRelationColumns(context, { ...mapped, rtable }));
}

/** Range-table indexes that the join tree reads from: a view that a statement was rewritten away from stays in the range table unread. */
function readEntries(node: JoinTreeNode, found: Set<number> = new Set()): Set<number> {
  if (node.node === 'RangeTblRef') {
    found.add(node.rtindex);
  } else if (node.node === 'FromExpr') {
    for (const item of node.fromlist) readEntries(item, found);
  } else {
    readEntries(node.larg, found);
    readEntries(node.rarg, found);
  }
  return found;
}

function expandView(context: RewriteContext, rte: RelationRte, mark: RowMarkClause | undefined, active: readonly Oid[]): SubqueryRte {
  const view = context.catalog.relation(rte.relid);
  if (view === null) throw pgError('UNDEFINED_TABLE', `relation with OID ${rte.relid} does not exist`);
  if (active.includes(view.oid)) throw pgError('INVALID_OBJECT_DEFINITION', `infinite recursion detected in rules for relation "${view.name}"`);
  let definition = viewQuery(context, view);
  if (mark !== undefined) definition = lockAll(definition, mark);
  return {
    node: 'RangeTblEntry', rtekind: 'subquery', subquery: expandViews(context, definition, [...active, view.oid]), securityBarrier: booleanOption(view, 'security_barrier'),
    viewRelid: view.oid, perm: rte.perm, alias: rte.alias, eref: rte.eref, lateral: rte.lateral, inFromCl: rte.inFromCl,
  };
}

/** FOR UPDATE on a view locks the rows of the tables below it (markQueryForLocking). */
function lockAll(query: Query, mark: RowMarkClause): Query {
  const rowMarks = [...query.rowMarks];
  const rtable = query.rtable.map((rte, i): RangeTblEntry => {
    if (!rte.inFromCl || (rte.rtekind !== 'relation' && rte.rtekind !== 'subquery')) return rte;
    if (!rowMarks.some((existing) => existing.rti === i + 1)) rowMarks.push({ ...mark, rti: i + 1, pushedDown: true });
    if (rte.rtekind === 'subquery') return { ...rte, subquery: lockAll(rte.subquery, mark) };
    return { ...rte, perm: { ...rte.perm, requiredPerms: rte.perm.requiredPerms.includes('w') ? rte.perm.requiredPerms : `${rte.perm.requiredPerms}w` } };
  });
  return { ...query, rowMarks, rtable };
}
