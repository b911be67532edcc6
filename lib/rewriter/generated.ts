/**
 * Virtual generated columns: each reference becomes the column's expression over the row. Follows
 * expand_virtual_generated_columns (optimizer/prep/prepjointree.c).
 */
import { makeTarget } from '../analyzer/make.js';
import type { Expr, JoinTreeNode, Query, RangeTblEntry, RelationRte, Var } from '../analyzer/nodes.js';
import { emptyQuery } from '../analyzer/query.js';
import { mapQuery, mutateExpression, mutateQuery } from '../analyzer/walker.js';
import { pgError } from '../base/error.js';
import type { Relation } from '../catalog/api.js';
import { columnDefault } from './defaults.js';
import { INT4OID } from '../types/oids.js';
import type { RewriteContext } from './context.js';

/** Replaces the references to virtual columns of the query's own tables, here and in its sub-queries. */
export function expandRelationColumns(context: RewriteContext, queryIn: Query): Query {
  const relations = new Map<number, Relation>();
  queryIn.rtable.forEach((rte, i) => {
    if (rte.rtekind !== 'relation') return;
    const relation = context.catalog.relation(rte.relid);
    if (relation?.attributes.some((attribute) => attribute.attgenerated === 'v')) relations.set(i + 1, relation);
  });
  if (relations.size === 0) return queryIn;
  const query = wrapNullable(context, queryIn, relations);
  const replace = (expr: Expr, level: number): Expr | null => {
    if (expr.node !== 'Var' || expr.varlevelsup !== level) return null;
    const relation = relations.get(expr.varno);
    return relation === undefined ? null : expandVar(context, relation, expr);
  };
  return mapQuery(query, (expr) => mutateExpression(expr, replace), (sub) => mutateQuery(sub, replace, 1));
}

/**
 * Where an outer join or grouping sets may null a row, its virtual columns are null as well, whatever their expressions say:
 * there the table becomes a sub-query that computes them, and the planner keeps the values below the join. Takes such tables
 * out of `relations`.
 */
function wrapNullable(context: RewriteContext, query: Query, relations: Map<number, Relation>): Query {
  const nullable = query.groupingSets.length > 0 ? new Set(relations.keys()) : nullableRelations(query.jointree);
  const fixed = new Set([query.resultRelation, ...query.rowMarks.map((mark) => mark.rti)]);
  const systemColumn = (expr: Expr, level: number): Expr | null => {
    if (expr.node === 'Var' && expr.varlevelsup === level && expr.varattno < 0) fixed.add(expr.varno);
    return null;
  };
  mapQuery(query, (expr) => mutateExpression(expr, systemColumn), (sub) => mutateQuery(sub, systemColumn, 1));
  const rtable = query.rtable.map((rte, i): RangeTblEntry => {
    const relation = relations.get(i + 1);
    if (relation === undefined || rte.rtekind !== 'relation' || !nullable.has(i + 1) || fixed.has(i + 1)) return rte;
    relations.delete(i + 1);
    return {
      node: 'RangeTblEntry', rtekind: 'subquery', subquery: computedColumns(context, relation, rte), securityBarrier: false, viewRelid: 0, perm: null, alias: rte.alias, eref: rte.eref,
      lateral: rte.lateral, inFromCl: rte.inFromCl,
    };
  });
  return { ...query, rtable };
}

/** The table with its virtual columns computed, column by column. */
function computedColumns(context: RewriteContext, relation: Relation, rte: RelationRte): Query {
  const targetList = relation.attributes.map((attribute) => {
    const column: Var = {
      node: 'Var', varno: 1, varattno: attribute.attnum, vartype: attribute.atttypid, vartypmod: attribute.atttypmod, varcollid: attribute.attcollation, varlevelsup: 0, location: -1,
    };
    const dropped: Expr = { node: 'Const', consttype: INT4OID, consttypmod: -1, constcollid: 0, value: null, location: -1 };
    const expr = attribute.attisdropped ? dropped : attribute.attgenerated === 'v' ? generationExpression(context, relation, column) : column;
    return makeTarget(expr, attribute.attnum, attribute.attname);
  });
  return { ...emptyQuery('select'), rtable: [{ ...rte, lateral: false }], jointree: { node: 'FromExpr', fromlist: [{ node: 'RangeTblRef', rtindex: 1 }], quals: null }, targetList };
}

/** Relations that some outer join of the tree may null. */
function nullableRelations(tree: JoinTreeNode, inside = false, found = new Set<number>()): Set<number> {
  if (tree.node === 'RangeTblRef') {
    if (inside) found.add(tree.rtindex);
  } else if (tree.node === 'FromExpr') {
    for (const item of tree.fromlist) nullableRelations(item, inside, found);
  } else {
    nullableRelations(tree.larg, inside || tree.jointype === 'right' || tree.jointype === 'full', found);
    nullableRelations(tree.rarg, inside || tree.jointype === 'left' || tree.jointype === 'full', found);
  }
  return found;
}

function expandVar(context: RewriteContext, relation: Relation, variable: Var): Expr | null {
  if (variable.varattno === 0) return wholeRow(context, relation, variable);
  const attribute = relation.attributes[variable.varattno - 1];
  return attribute?.attgenerated === 'v' ? generationExpression(context, relation, variable) : null;
}

/** The column's expression with its references pointed at the row that `variable` belongs to. */
function generationExpression(context: RewriteContext, relation: Relation, variable: Var): Expr {
  const expr = columnDefault(context, relation, variable.varattno);
  const { attname } = relation.attributes[variable.varattno - 1];
  if (expr === null) throw pgError('INTERNAL_ERROR', `no generation expression found for column "${attname}" of relation "${relation.name}"`);
  return mutateExpression(expr, (node) => (node.node === 'Var' ? { ...node, varno: variable.varno, varlevelsup: variable.varlevelsup } : null));
}

function wholeRow(context: RewriteContext, relation: Relation, variable: Var): Expr {
  const args = relation.attributes.map((attribute): Expr => {
    const column: Var = {
      ...variable, varattno: attribute.attnum, vartype: attribute.atttypid, vartypmod: attribute.atttypmod, varcollid: attribute.attcollation,
    };
    return attribute.attgenerated === 'v' && !attribute.attisdropped ? generationExpression(context, relation, column) : column;
  });
  return { node: 'RowExpr', args, rowTypeid: variable.vartype, rowFormat: 'implicitCast', colnames: relation.attributes.map((attribute) => attribute.attname), location: variable.location };
}
