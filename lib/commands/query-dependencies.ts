/**
 * What a stored query depends on (views, rules, SQL function bodies): relations and the columns used of them, functions,
 * operators, types, collations, constraints that its grouping leans on.
 *
 * Idea: PostgreSQL's find_expr_references_walker and eliminate_duplicate_dependencies (catalog/dependency.c).
 */
import { forEachChild, forEachQueryExpression } from '../analyzer/walker.js';
import { exprType } from '../analyzer/node-functions.js';
import type { Expr, JoinTreeNode, Query, RangeTblEntry, SetOperation, SortGroupClause, Var } from '../analyzer/nodes.js';
import { objectAddress, type ObjectAddress } from '../catalog/address.js';
import type { Catalog, Oid } from '../catalog/api.js';
import { recordDependencies, type DependencyType } from '../catalog/depend.js';
import { CollationRelationId, ConstraintRelationId, OperatorRelationId, RelationRelationId, TypeRelationId } from '../types/oids.js';
import { visitReferences } from './expressions.js';

const DEFAULT_COLLATION = 100;

/** Objects that queries refer to, each once. */
class References {
  private readonly found = new Map<string, ObjectAddress>();

  constructor(private readonly catalog: Catalog) {}

  add(classId: Oid, objectId: Oid, subId = 0): void {
    if (objectId === 0) return;
    this.found.set(`${classId}/${objectId}/${subId}`, objectAddress(classId, objectId, subId));
  }

  /** A reference to a column makes the one to its whole relation superfluous. */
  addresses(): ObjectAddress[] {
    const all = [...this.found.values()];
    const withColumns = new Set(all.filter((address) => address.subId !== 0).map((address) => `${address.classId}/${address.objectId}`));
    return all.filter((address) => address.subId !== 0 || !withColumns.has(`${address.classId}/${address.objectId}`));
  }

  query(query: Query, outer: readonly Query[]): void {
    const stack = [query, ...outer];
    for (const entry of query.rtable) this.rangeEntry(entry, stack);
    forEachQueryExpression(query, (expr) => this.expression(expr, stack));
    for (const cte of query.cteList) this.query(cte.ctequery, stack);
    for (const oid of query.constraintDeps) this.add(ConstraintRelationId, oid);
    for (const clauses of [query.groupClause, query.sortClause, query.distinctClause]) this.sortClauses(clauses);
    for (const window of query.windowClause) {
      this.sortClauses(window.partitionClause);
      this.sortClauses(window.orderClause);
    }
    if (query.setOperations) this.setOperation(query.setOperations);
    if (query.resultRelation > 0) this.targetColumns(query);
  }

  /** Columns that an INSERT or UPDATE assigns. */
  private targetColumns(query: Query): void {
    const target = query.rtable[query.resultRelation - 1];
    if (target.rtekind !== 'relation' || (query.commandType !== 'insert' && query.commandType !== 'update')) return;
    for (const entry of query.targetList) if (!entry.resjunk) this.add(RelationRelationId, target.relid, entry.resno);
  }

  private rangeEntry(entry: RangeTblEntry, stack: readonly Query[]): void {
    switch (entry.rtekind) {
      case 'relation': this.add(RelationRelationId, entry.relid); return;
      case 'subquery': this.query(entry.subquery, stack); return;
      case 'join':
        for (const variable of entry.joinaliasvars.slice(0, entry.joinmergedcols)) this.expression(variable, stack);
        return;
      case 'function':
        for (const fn of entry.functions) {
          for (const type of fn.coltypes) this.add(TypeRelationId, type);
          if (fn.isComposite) this.add(TypeRelationId, exprType(fn.funcexpr));
        }
        return;
      default:
    }
  }

  private sortClauses(clauses: readonly SortGroupClause[]): void {
    for (const clause of clauses) {
      this.add(OperatorRelationId, clause.eqop);
      this.add(OperatorRelationId, clause.sortop);
    }
  }

  private setOperation(node: SetOperation | Extract<JoinTreeNode, { node: 'RangeTblRef' }>): void {
    if (node.node !== 'SetOperation') return;
    this.sortClauses(node.groupClauses);
    this.setOperation(node.larg);
    this.setOperation(node.rarg);
  }

  expression(expr: Expr, stack: readonly Query[]): void {
    if (expr.node === 'Var') this.variable(expr, stack);
    visitReferences(expr, (classId, objectId, subId) => {
      if (classId !== CollationRelationId || objectId !== DEFAULT_COLLATION) this.add(classId, objectId, subId);
    });
    if (expr.node === 'SubLink') this.query(expr.subselect, stack);
    if (expr.node === 'FieldSelect') this.fieldSelect(expr);
    forEachChild(expr, (child) => this.expression(child, stack));
  }

  /** A field of a composite value is a column of its type's relation. */
  private fieldSelect(expr: Extract<Expr, { node: 'FieldSelect' }>): void {
    const relation = this.catalog.type(this.catalog.baseType(exprType(expr.arg)))?.typrelid ?? 0;
    if (relation !== 0) this.add(RelationRelationId, relation, expr.fieldnum);
    else this.add(TypeRelationId, expr.resulttype);
  }

  private variable(variable: Var, stack: readonly Query[]): void {
    const owner = stack[variable.varlevelsup];
    const entry = owner?.rtable[variable.varno - 1];
    if (!entry) return;
    if (entry.rtekind === 'relation') this.add(RelationRelationId, entry.relid, Math.max(variable.varattno, 0));
    else if (entry.rtekind === 'join' && variable.varattno > 0) this.expression(entry.joinaliasvars[variable.varattno - 1], stack.slice(variable.varlevelsup));
    else if (entry.rtekind === 'function') this.functionColumn(entry, variable.varattno);
  }

  private functionColumn(entry: Extract<RangeTblEntry, { rtekind: 'function' }>, attnum: number): void {
    let before = 0;
    for (const fn of entry.functions) {
      if (attnum > before && attnum <= before + fn.colcount && fn.isComposite) {
        const relation = this.catalog.type(this.catalog.baseType(exprType(fn.funcexpr)))?.typrelid ?? 0;
        if (relation !== 0) this.add(RelationRelationId, relation, attnum - before);
      }
      before += fn.colcount;
    }
  }
}

/** Records that `depender` depends on everything in the queries. */
export function recordDependenciesOnQueries(catalog: Catalog, depender: ObjectAddress, queries: readonly Query[], type: DependencyType = 'n'): void {
  const references = new References(catalog);
  for (const query of queries) references.query(query, []);
  recordDependencies(catalog, depender, references.addresses(), type);
}

/** Records what an expression over the relations of `queries[0]`'s range table depends on (a rule's condition). */
export function recordDependenciesOnRule(catalog: Catalog, depender: ObjectAddress, condition: Expr | null, queries: readonly Query[], scope: Query): void {
  const references = new References(catalog);
  for (const query of queries) references.query(query, []);
  if (condition) references.expression(condition, [scope]);
  recordDependencies(catalog, depender, references.addresses(), 'n');
}

/** Relations in a query and its sub-queries, each once. */
export function relationsOf(query: Query): Set<Oid> {
  const found = new Set<Oid>();
  const visit = (node: Query): void => {
    for (const entry of node.rtable) {
      if (entry.rtekind === 'relation') found.add(entry.relid);
      if (entry.rtekind === 'subquery') visit(entry.subquery);
    }
    for (const cte of node.cteList) visit(cte.ctequery);
    forEachQueryExpression(node, inExpression);
  };
  const inExpression = (expr: Expr): void => {
    if (expr.node === 'SubLink') visit(expr.subselect);
    forEachChild(expr, inExpression);
  };
  visit(query);
  return found;
}
