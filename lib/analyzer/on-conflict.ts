/**
 * ON CONFLICT: arbiter indexes by inference or by constraint, and DO UPDATE over EXCLUDED. Follows
 * transformOnConflictClause (parser/analyze.c) and infer_arbiter_indexes (optimizer/util/plancat.c).
 */
import type { IndexElem, InferClause, Node, OnConflictClause } from 'libpg-query';
import { notSupported, pgError } from '../base/error.js';
import type { IndexDescriptor, Relation } from '../catalog/api.js';
import type { PgConstraint } from '../catalog/rows.js';
import { bodyAs, bodyOf, stringList } from '../parser/raw.js';
import { targetRelation } from './assign.js';
import { assignExprCollations } from './collate.js';
import { equalExpr } from './equal.js';
import { transformExpr } from './expr.js';
import { exprLocation } from './node-functions.js';
import type { Expr, OnConflictExpr, RelationRte } from './nodes.js';
import { BTREE_AM_OID } from './operators.js';
import { addItemToQuery, addRelationEntry } from './relation.js';
import { transformCondition } from './select.js';
import { addPermissionColumn, requirePermissions, type Mutable, type Oid, type ParseState } from './state.js';
import { readStoredExpr, readStoredExprs } from './stored.js';
import { lookupCollation } from './type-name.js';
import { transformUpdateTargets } from './update.js';
import { mutateExpression } from './walker.js';

/** One item of the conflict target. */
interface Inferred { readonly expr: Expr; readonly collation: Oid; readonly opclass: Oid }

/** Analyzes the clause; the target relation is in the name space. @throws 42601, 42P10, 42704, 55000, 0A000 */
export function transformOnConflict(state: ParseState, raw: OnConflictClause): OnConflictExpr {
  const relation = targetRelation(state);
  const location = raw.location ?? 0;
  const isUpdate = raw.action === 'ONCONFLICT_UPDATE';
  if (isUpdate && raw.infer === undefined) {
    throw state.error('SYNTAX_ERROR', 'ON CONFLICT DO UPDATE requires inference specification or constraint name', location, { hint: 'For example, ON CONFLICT (column_name).' });
  }
  if (relation.isCatalog) throw state.error('FEATURE_NOT_SUPPORTED', 'ON CONFLICT is not supported with system catalog tables', location);
  const excluded = isUpdate ? addRelationEntry(state, relation, 'RowExclusive', { aliasname: 'excluded', colnames: [] }, false, false) : null;
  if (excluded !== null) {
    const rte: Mutable<RelationRte> = excluded.rte as RelationRte;
    rte.relkind = 'c';
    rte.perm = { ...rte.perm, requiredPerms: '' };
  }
  const target = raw.infer === undefined ? null : conflictTarget(state, relation, raw.infer);
  const clause: Mutable<OnConflictExpr> = {
    node: 'OnConflictExpr', action: isUpdate ? 'update' : 'nothing', arbiterIndexes: [], constraint: target?.constraint?.oid ?? 0,
    onConflictSet: [], onConflictWhere: null, exclRelIndex: excluded?.rtindex ?? 0,
  };
  if (excluded !== null) {
    const saved = state.namespace.length;
    addItemToQuery(state, excluded, false, true, true);
    state.isInsert = false;
    clause.onConflictSet = transformUpdateTargets(state, raw.targetList ?? []);
    clause.onConflictWhere = transformCondition(state, raw.whereClause, 'where', 'WHERE');
    state.namespace.length = saved;
  }
  if (target !== null) clause.arbiterIndexes = findArbiters(state, relation, target, isUpdate);
  return clause;
}

/** The conflict target: a named constraint, or columns and expressions with a condition. */
interface ConflictTarget { readonly constraint: PgConstraint | null; readonly items: readonly Inferred[]; readonly where: Expr | null }

function conflictTarget(state: ParseState, relation: Relation, infer: InferClause): ConflictTarget {
  const items = (infer.indexElems ?? []).map((node) => inferElement(state, infer, bodyAs<IndexElem>(bodyOf(node))));
  const where = infer.whereClause === undefined ? null : assignExprCollations(state, transformExpr(state, infer.whereClause, 'indexPredicate'));
  if (!infer.conname) return { constraint: null, items, where };
  const constraint = relation.constraints.find((candidate) => candidate.conname === infer.conname);
  if (constraint === undefined) throw pgError('UNDEFINED_OBJECT', `constraint "${infer.conname}" for table "${relation.name}" does not exist`);
  const rte = state.targetNsitem?.rte;
  if (rte?.rtekind === 'relation') {
    requirePermissions(rte.perm, 'r');
    for (const attnum of constraint.conkey?.elements ?? []) addPermissionColumn(rte.perm.selectedCols, attnum as number);
  }
  return { constraint, items, where };
}

function findArbiters(state: ParseState, relation: Relation, target: ConflictTarget, isUpdate: boolean): Oid[] {
  if (target.constraint !== null) return [constraintIndex(relation, target.constraint, isUpdate)];
  if (relation.kind === 'v') throw notSupported('ON CONFLICT with a conflict target on a view');
  const indexes = relation.indexes.filter((index) => matchesIndex(state, index, target.items, target.where));
  if (indexes.length === 0) throw pgError('INVALID_COLUMN_REFERENCE', 'there is no unique or exclusion constraint matching the ON CONFLICT specification');
  return indexes.map((index) => index.oid);
}

function constraintIndex(relation: Relation, constraint: PgConstraint, isUpdate: boolean): Oid {
  const index = relation.indexes.find((candidate) => candidate.oid === constraint.conindid);
  if (index === undefined) throw pgError('WRONG_OBJECT_TYPE', 'constraint in ON CONFLICT clause has no associated index');
  if (!index.unique && isUpdate) throw pgError('WRONG_OBJECT_TYPE', 'ON CONFLICT DO UPDATE not supported with exclusion constraints');
  if (!index.immediate) {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters');
  }
  return index.oid;
}

function inferElement(state: ParseState, infer: InferClause, element: IndexElem): Inferred {
  const location = infer.location ?? 0;
  if (element.ordering !== 'SORTBY_DEFAULT') throw state.error('INVALID_COLUMN_REFERENCE', 'ASC/DESC is not allowed in ON CONFLICT clause', location);
  if (element.nulls_ordering !== 'SORTBY_NULLS_DEFAULT') throw state.error('INVALID_COLUMN_REFERENCE', 'NULLS FIRST/LAST is not allowed in ON CONFLICT clause', location);
  const raw: Node = element.expr ?? { ColumnRef: { fields: [{ String: { sval: element.name ?? '' } }], location } };
  const expr = assignExprCollations(state, transformExpr(state, raw, 'indexExpression'));
  const collation = element.collation?.length ? lookupCollation(state, stringList(element.collation), exprLocation(expr)) : 0;
  let opclass = 0;
  if (element.opclass?.length) {
    const names = stringList(element.opclass);
    const found = state.catalog.opclassesByName(names[names.length - 1], BTREE_AM_OID)[0];
    if (found === undefined) throw pgError('UNDEFINED_OBJECT', `operator class "${names.join('.')}" does not exist for access method "btree"`);
    opclass = found.oid;
  }
  return { expr, collation, opclass };
}

function matchesIndex(state: ParseState, index: IndexDescriptor, items: readonly Inferred[], where: Expr | null): boolean {
  if (!index.valid || !index.unique || !index.immediate) return false;
  const keys = index.attributes.slice(0, index.keyCount);
  const plain = keys.filter((attnum) => attnum !== 0);
  const wanted = new Set(items.flatMap(({ expr }) => (expr.node === 'Var' ? [expr.varattno] : [])));
  if (wanted.size !== new Set(plain).size || plain.some((attnum) => !wanted.has(attnum))) return false;
  const expressions = index.expressions === null ? [] : readStoredExprs(state, index.expressions, 'indexExpression').map((expr) => assignExprCollations(state, retarget(state, expr)));
  const wantedExprs = items.filter(({ expr }) => expr.node !== 'Var');
  if (expressions.length !== keys.length - plain.length) return false;
  if (!wantedExprs.every(({ expr }) => expressions.some((candidate) => equalExpr(candidate, expr)))) return false;
  if (!expressions.every((candidate) => wantedExprs.some(({ expr }) => equalExpr(candidate, expr)))) return false;
  if (!items.every((item) => matchesCollation(index, keys, item))) return false;
  if (index.predicate === null) return true;
  const predicate = retarget(state, readStoredExpr(state, index.predicate, 'indexPredicate'));
  return where !== null && conjuncts(predicate).every((part) => conjuncts(where).some((given) => equalExpr(part, given) || impliesComparison(state, given, part)));
}

function matchesCollation(index: IndexDescriptor, keys: readonly number[], item: Inferred): boolean {
  if (item.collation === 0 && item.opclass === 0) return true;
  return keys.some((attnum, i) => (item.expr.node === 'Var' ? attnum === item.expr.varattno : attnum === 0)
    && (item.collation === 0 || index.collations[i] === item.collation) && (item.opclass === 0 || index.opclasses[i] === item.opclass));
}

function conjuncts(expr: Expr): readonly Expr[] {
  return expr.node === 'BoolExpr' && expr.boolop === 'and' ? expr.args.flatMap(conjuncts) : [expr];
}

/** For which sign of (given constant - wanted constant) `x given-operator a` implies `x wanted-operator b`, by strategies. */
const IMPLICATIONS: Readonly<Record<string, (sign: number) => boolean>> = {
  '1/1': (sign) => sign <= 0, '1/2': (sign) => sign <= 0, '2/1': (sign) => sign < 0, '2/2': (sign) => sign <= 0,
  '3/1': (sign) => sign < 0, '3/2': (sign) => sign <= 0, '3/3': (sign) => sign === 0, '3/4': (sign) => sign >= 0, '3/5': (sign) => sign > 0,
  '4/4': (sign) => sign >= 0, '4/5': (sign) => sign > 0, '5/4': (sign) => sign >= 0, '5/5': (sign) => sign >= 0,
};

/** Whether `x > 5` says that `x > 3`: comparisons of one expression with constants by operators of one btree family. */
function impliesComparison(state: ParseState, given: Expr, wanted: Expr): boolean {
  if (wanted.node === 'NullTest' && wanted.nulltesttype === 'isNotNull' && given.node === 'OpExpr') {
    return (state.catalog.proc(given.opfuncid)?.proisstrict ?? false) && given.args.some((arg) => equalExpr(arg, wanted.arg));
  }
  if (given.node !== 'OpExpr' || wanted.node !== 'OpExpr' || given.args.length !== 2 || wanted.args.length !== 2) return false;
  const [a, b] = [given.args[1], wanted.args[1]];
  if (a.node !== 'Const' || b.node !== 'Const' || a.value === null || b.value === null || a.consttype !== b.consttype || !equalExpr(given.args[0], wanted.args[0])) return false;
  const families = state.catalog.operatorFamilies(wanted.opno).filter((member) => member.accessMethod === BTREE_AM_OID);
  for (const from of state.catalog.operatorFamilies(given.opno)) {
    const to = families.find((member) => member.family === from.family);
    const rule = to === undefined ? undefined : IMPLICATIONS[`${from.strategy}/${to.strategy}`];
    if (rule !== undefined && rule(state.context.services.types.compare(a.consttype, a.value, b.value, given.inputcollid))) return true;
  }
  return false;
}

/** Stored index expressions speak of relation 1; here the target may stand elsewhere. */
function retarget(state: ParseState, expr: Expr): Expr {
  const rtindex = state.targetNsitem?.rtindex ?? 1;
  return mutateExpression(expr, (node) => (node.node === 'Var' && node.varno !== rtindex ? { ...node, varno: rtindex } : null));
}
