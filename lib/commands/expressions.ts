/**
 * Expressions that commands store in the catalog: defaults, CHECK conditions, index expressions and predicates,
 * generation expressions. Each is analyzed against the table's columns, serialized, and its dependencies recorded.
 *
 * Idea: PostgreSQL's cookDefault, cookConstraint (catalog/heap.c) and recordDependencyOnExpr (catalog/dependency.c).
 */
import type { CollateClause, Node, RangeVar, TypeName } from 'libpg-query';
import { assignExprCollations } from '../analyzer/collate.js';
import { coerceToBoolean, coerceToTargetType } from '../analyzer/coerce.js';
import { transformExpr } from '../analyzer/expr.js';
import { exprType } from '../analyzer/node-functions.js';
import type { Expr } from '../analyzer/nodes.js';
import { addItemToQuery, addRelationEntry, openTable } from '../analyzer/relation.js';
import { ParseState, type ExprKind } from '../analyzer/state.js';
import { columnCollation, typeNameType } from '../analyzer/type-name.js';
import { walkExpression } from '../analyzer/walker.js';
import { pgError } from '../base/error.js';
import type { Catalog, Oid, Relation } from '../catalog/api.js';
import { type ObjectAddress } from '../catalog/address.js';
import { CollationRelationId, NamespaceRelationId, OperatorRelationId, ProcedureRelationId, RelationRelationId, TSConfigRelationId, TSDictionaryRelationId, TypeRelationId } from '../types/oids.js';
import { recordDependencyOn, type DependencyType } from '../catalog/depend.js';
import type { PgType } from '../catalog/rows.js';
import type { CommandContext } from './api.js';

/** A state for analyzing this command's expressions; the relation's columns are in scope when one is given. */
export function expressionState(cx: CommandContext, relation: Relation | null): ParseState {
  const state = new ParseState(null, { catalog: cx.session.catalog, services: cx.services, sourceText: cx.sourceText });
  if (relation) addItemToQuery(state, addRelationEntry(state, relation, 'AccessShare', null, false, true), false, true, true);
  return state;
}

/** The type that a type name of the command means. @throws 42704 and whatever its modifiers raise */
export function commandType(cx: CommandContext, typeName: TypeName): { type: Oid; typmod: number; row: PgType } {
  return typeNameType(expressionState(cx, null), typeName);
}

/** A column's collation. @throws 42804, 42704 */
export function commandCollation(cx: CommandContext, clause: CollateClause | undefined, type: Oid): Oid {
  return columnCollation(expressionState(cx, null), clause, type);
}

/** The relation that a name of the command means. @throws 42P01, 3F000 */
export function openNamed(cx: CommandContext, name: RangeVar): Relation {
  return openTable(expressionState(cx, null), name);
}

/** Analyzes an expression over the relation's columns. */
export function cookExpression(cx: CommandContext, relation: Relation | null, raw: Node, kind: ExprKind): Expr {
  const state = expressionState(cx, relation);
  const expr = transformExpr(state, raw, kind);
  return assignExprCollations(state, expr);
}

/** Analyzes a condition; `construct` names it in errors ("CHECK"). */
export function cookCondition(cx: CommandContext, relation: Relation, raw: Node, kind: ExprKind, construct: string): Expr {
  const state = expressionState(cx, relation);
  const condition = coerceToBoolean(state, transformExpr(state, raw, kind), construct);
  return assignExprCollations(state, condition);
}

/** Analyzes a column's default (or generation) expression and coerces it to the column's type. @throws 42804 */
export function cookDefault(
  cx: CommandContext, relation: Relation | null, raw: Node, column: { name: string; type: Oid; typmod: number; generated: string },
): Expr {
  const state = expressionState(cx, column.generated === '' ? null : relation);
  const expr = transformExpr(state, raw, column.generated === '' ? 'columnDefault' : 'generatedColumn');
  const type = exprType(expr);
  const coerced = coerceToTargetType(state, expr, type, column.type, column.typmod, 'assignment', 'implicitCast', -1);
  if (!coerced) {
    throw pgError('DATATYPE_MISMATCH',
      `column "${column.name}" is of type ${state.formatType(column.type)} but default expression is of type ${state.formatType(type)}`,
      { hint: 'You will need to rewrite or cast the expression.' });
  }
  return assignExprCollations(state, coerced);
}

/** Attribute numbers of a one-relation expression's columns, without duplicates, in order of appearance; 0 = the whole row. */
export function referencedColumns(expr: Expr): number[] {
  const columns: number[] = [];
  walkExpression(expr, (node, level) => {
    if (node.node === 'Var' && node.varlevelsup === level && !columns.includes(node.varattno)) columns.push(node.varattno);
    return false;
  });
  return columns;
}

/** True when the expression calls something volatile, or (`orStable`) stable. */
export function containsVolatile(catalog: Catalog, expr: Expr, orStable: boolean): boolean {
  const unstable = (proc: Oid): boolean => {
    const volatility = catalog.proc(proc)?.provolatile;
    return volatility === 'v' || (orStable && volatility === 's');
  };
  return walkExpression(expr, (node) => {
    switch (node.node) {
      case 'FuncExpr': return unstable(node.funcid);
      case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': return unstable(node.opfuncid);
      case 'CoerceViaIO': {
        const output = catalog.type(exprType(node.arg))?.typoutput ?? 0;
        return unstable(output) || unstable(catalog.type(node.resulttype)?.typinput ?? 0);
      }
      case 'SQLValueFunction': return orStable;
      case 'NextValueExpr': return true;
      default: return false;
    }
  });
}

/**
 * Records what an expression depends on. Columns of `relation` (the expression's own table) get `selfType`; functions,
 * operators, types, collations and other relations get 'n'.
 */
export function recordExpressionDependencies(catalog: Catalog, depender: ObjectAddress, expr: Expr, relation: Oid, selfType: DependencyType): void {
  const seen = new Set<string>();
  const depend = (classId: Oid, objectId: Oid, subId: number, type: DependencyType): void => {
    if (objectId === 0 || objectId < FIRST_USER_OID) return;
    const key = `${classId}/${objectId}/${subId}`;
    if (seen.has(key)) return;
    seen.add(key);
    recordDependencyOn(catalog, depender, { classId, objectId, subId }, type);
  };
  if (relation !== 0) for (const column of referencedColumns(expr)) depend(RelationRelationId, relation, Math.max(0, column), selfType);
  walkExpression(expr, (node) => {
    visitReferences(node, (classId, objectId, subId) => depend(classId, objectId, subId, 'n'));
    return false;
  });
}

/** OIDs below this one are built in: pinned, nothing need depend on them. */
const FIRST_USER_OID = 16384;

/** The catalog objects that a single expression node names. */
export function visitReferences(node: Expr, visit: (classId: Oid, objectId: Oid, subId: number) => void): void {
  switch (node.node) {
    case 'FuncExpr': visit(ProcedureRelationId, node.funcid, 0); break;
    case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': visit(OperatorRelationId, node.opno, 0); break;
    case 'Aggref': visit(ProcedureRelationId, node.aggfnoid, 0); break;
    case 'WindowFunc': visit(ProcedureRelationId, node.winfnoid, 0); break;
    case 'Const': visit(TypeRelationId, node.consttype, 0); visitRegConst(node, visit); break;
    case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'ConvertRowtypeExpr': case 'CoerceToDomain':
      visit(TypeRelationId, node.resulttype, 0); break;
    case 'RowExpr': visit(TypeRelationId, node.rowTypeid, 0); break;
    case 'CollateExpr': visit(CollationRelationId, node.collOid, 0); break;
    case 'NextValueExpr': visit(RelationRelationId, node.seqid, 0); break;
    default: break;
  }
}

/** reg* constants are references to the objects that they name. */
function visitRegConst(node: Extract<Expr, { node: 'Const' }>, visit: (classId: Oid, objectId: Oid, subId: number) => void): void {
  const classId = REG_TYPES[node.consttype];
  if (classId !== undefined && typeof node.value === 'number') visit(classId, node.value, 0);
}
const REG_TYPES: Record<number, Oid> = {
  24: ProcedureRelationId, 2202: ProcedureRelationId, 2203: OperatorRelationId, 2204: OperatorRelationId, 2205: RelationRelationId, 2206: TypeRelationId,
  4191: CollationRelationId, 3734: TSConfigRelationId, 3769: TSDictionaryRelationId, 4089: NamespaceRelationId,
};
