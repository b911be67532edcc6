/**
 * ALTER COLUMN ... [SET DATA] TYPE: the column's row, its default, the indexes and constraints that look at it, and the
 * table's rows where their values change.
 *
 * Idea: PostgreSQL's ATPrepAlterColumnType, ATExecAlterColumnType (commands/tablecmds.c). Where PostgreSQL keeps definitions of
 * dependent objects as text and makes them anew, their expressions are deparsed here, analyzed again over the changed
 * table, and written back into the same rows.
 */
import type { ColumnDef, Node, TypeName } from 'libpg-query';
import { coerceToTargetType } from '../../analyzer/coerce.js';
import { assignExprCollations } from '../../analyzer/collate.js';
import { transformExpr } from '../../analyzer/expr.js';
import { exprType } from '../../analyzer/node-functions.js';
import type { Expr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import { quoteIdentifier } from '../../base/identifier.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Relation } from '../../catalog/api.js';
import { dependentsOn, recordDependencyOn, sequencesOf } from '../../catalog/depend.js';
import { objectDescription } from '../../catalog/description.js';
import type { PgAttribute } from '../../catalog/rows.js';
import { storedExpression } from '../../executor/stored-expression.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { AttrDefaultRelationId, CollationRelationId, PolicyRelationId, ProcedureRelationId, RelationRelationId, RewriteRelationId, TriggerRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { commandCollation, commandType, expressionState } from '../expressions.js';
import { lockRelation } from '../relation/access.js';
import { changeSequence } from '../sequence/alter-sequence.js';
import { allInheritors } from '../relation/inheritors.js';
import { checkColumnType } from '../table/column-definition.js';
import { openOwn } from '../table/create-table.js';
import { removeDefault, storeDefault } from '../table/defaults.js';
import { at } from '../table/transform-constraint.js';
import { Pass, registerAlter, type AlterTarget } from './alter-table.js';
import { findColumn } from './columns.js';
import { refuseUsedType } from './composite.js';
import { captureDependents, restoreDependents } from './dependents.js';
import { rewriteTable, type NewValue } from './rewrite-table.js';

registerAlter('AT_AlterColumnType', { pass: Pass.alterType, kinds: 'rpcf', execute: alterColumnType });

interface NewType { readonly type: number; readonly typmod: number; readonly collation: number }

function* alterColumnType({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const { catalog } = cx.session;
  const attribute = findColumn(relation, command.name ?? '');
  const definition = bodyAs<ColumnDef>(bodyOf(command.def!));
  if (relation.row.reloftype !== 0) throw pgError('WRONG_OBJECT_TYPE', 'cannot alter column type of typed table', at(definition.location));
  if (attribute.attgenerated !== '' && definition.raw_default) {
    throw pgError('INVALID_COLUMN_DEFINITION', 'cannot specify USING when altering type of generated column', { detail: `Column "${attribute.attname}" is a generated column.` });
  }
  if (attribute.attinhcount > 0) throw pgError('INVALID_TABLE_DEFINITION', `cannot alter inherited column "${attribute.attname}"`);
  const { type, typmod, row } = commandType(cx, definition.typeName!);
  const target: NewType = { type, typmod, collation: commandCollation(cx, definition.collClause, type) };
  checkColumnType(cx, attribute.attname, type, row.typtype);
  if (relation.kind === 'c') {
    refuseUsedType(cx, relation);
    changeAttribute(cx, relation, attribute, target);
    return;
  }
  const family = allInheritors(catalog, relation.oid);
  if (!recurse && family.size > 1) {
    throw pgError('INVALID_TABLE_DEFINITION', `type of inherited column "${attribute.attname}" must be changed in child tables too`);
  }
  for (const [member, parents] of family) {
    if (member !== relation.oid) yield* lockRelation(cx, member, 'AccessExclusive');
    const table = openOwn(cx, member);
    const own = findColumn(table, attribute.attname);
    if (member !== relation.oid && own.attinhcount > parents) {
      throw pgError('INVALID_TABLE_DEFINITION', `cannot alter inherited column "${attribute.attname}" of relation "${table.name}"`);
    }
    if (own.attidentity !== '') yield* changeIdentityType(cx, table, own.attnum, definition.typeName!);
    yield* changeTable(cx, table, own, target, definition.raw_default);
    catalog.commandCounterIncrement();
  }
}

/** The sequence of an identity column gets the column's type. @throws 22023 */
function* changeIdentityType(cx: CommandContext, relation: Relation, attnum: number, typeName: TypeName): Suspendable<void> {
  const option: Node = { DefElem: { defname: 'as', arg: { TypeName: typeName } } };
  for (const sequence of sequencesOf(cx.session.catalog, relation.oid, attnum, 'i')) yield* changeSequence(cx, openOwn(cx, sequence), [option], true);
}

/** The new value of the column, over the table as it was. @throws 42804 */
function conversion(cx: CommandContext, relation: Relation, attribute: PgAttribute, target: NewType, using: Node | undefined): Expr {
  const state = expressionState(cx, relation);
  const raw: Node = using ?? { ColumnRef: { fields: [{ String: { sval: attribute.attname } }], location: -1 } };
  const source = transformExpr(state, raw, 'alterColTransform');
  const coerced = coerceToTargetType(state, source, exprType(source), target.type, target.typmod, 'assignment', 'implicitCast', -1);
  if (coerced) return assignExprCollations(state, coerced);
  const name = cx.services.types.formatType(target.type, target.typmod);
  if (using) {
    throw pgError('DATATYPE_MISMATCH', `result of USING clause for column "${attribute.attname}" cannot be cast automatically to type ${cx.services.types.formatType(target.type)}`, {
      hint: 'You might need to add an explicit cast.',
    });
  }
  throw pgError('DATATYPE_MISMATCH', `column "${attribute.attname}" cannot be cast automatically to type ${cx.services.types.formatType(target.type)}`,
    attribute.attgenerated === '' ? { hint: `You might need to specify "USING ${quoteIdentifier(attribute.attname)}::${name}".` } : {});
}

function* changeTable(cx: CommandContext, relation: Relation, attribute: PgAttribute, target: NewType, using: Node | undefined): Suspendable<void> {
  const { catalog } = cx.session;
  checkDependents(cx, relation, attribute);
  const transform = conversion(cx, relation, attribute, target, using);
  const newDefault = convertedDefault(cx, relation, attribute, target);
  const dependents = captureDependents(cx, relation, attribute.attnum);
  changeAttribute(cx, relation, attribute, target);
  catalog.commandCounterIncrement();
  if (newDefault) {
    removeDefault(cx, relation.oid, attribute.attnum);
    catalog.commandCounterIncrement();
    storeDefault(cx, openOwn(cx, relation.oid), attribute.attnum, newDefault);
    catalog.commandCounterIncrement();
  }
  restoreDependents(cx, openOwn(cx, relation.oid), attribute.attnum, dependents);
  catalog.commandCounterIncrement();
  yield* rewriteRows(cx, relation, attribute, target, transform);
  for (const key of dependents.foreignKeys) yield* key.restore();
}

function* rewriteRows(cx: CommandContext, relation: Relation, attribute: PgAttribute, target: NewType, transform: Expr): Suspendable<void> {
  if (attribute.attgenerated === 'v') return;
  const after = openOwn(cx, relation.oid);
  const unchanged = isSameValue(cx, transform, attribute, target);
  const values: NewValue[] = unchanged ? [] : [{ attnum: attribute.attnum, expr: transform }];
  if (attribute.attgenerated === 's') {
    const expression = after.defaults[attribute.attnum - 1];
    if (expression) values.splice(0, values.length, { attnum: attribute.attnum, expr: storedExpression(expression), afterOthers: true });
  }
  const reindex = after.indexes.some((index) => index.attributes.includes(attribute.attnum) || index.expressions !== null);
  if (values.length > 0 || reindex) yield* rewriteTable(cx, relation, after, values);
}

/** Does every value stay as it is (relabelling, a longer varchar)? */
function isSameValue(cx: CommandContext, transform: Expr, attribute: PgAttribute, target: NewType): boolean {
  let expr = transform;
  while (expr.node === 'RelabelType' || expr.node === 'CollateExpr') expr = expr.arg;
  if (expr.node !== 'Var' || expr.varattno !== attribute.attnum) return false;
  return cx.session.catalog.type(target.type)?.typtype !== 'd';
}

/** What forbids the change. @throws 0A000 */
function checkDependents(cx: CommandContext, relation: Relation, attribute: PgAttribute): void {
  const { catalog } = cx.session;
  const column = `column "${attribute.attname}"`;
  const refuse = (message: string, detail: string): Error => pgError('FEATURE_NOT_SUPPORTED', message, { detail });
  for (const dependency of dependentsOn(catalog, objectAddress(RelationRelationId, relation.oid, attribute.attnum))) {
    const address = objectAddress(dependency.classid, dependency.objid, dependency.objsubid);
    const what = (): string => `${objectDescription(catalog, address) ?? ''} depends on ${column}`;
    switch (dependency.classid) {
      case RewriteRelationId: throw refuse('cannot alter type of a column used by a view or rule', what());
      case TriggerRelationId: throw refuse('cannot alter type of a column used in a trigger definition', what());
      case PolicyRelationId: throw refuse('cannot alter type of a column used in a policy definition', what());
      case ProcedureRelationId: throw refuse('cannot alter type of a column used by a function or procedure', what());
      case AttrDefaultRelationId: {
        const row = catalog.table('pg_attrdef').findOne({ oid: dependency.objid });
        const other = row && row.adrelid === relation.oid && row.adnum !== attribute.attnum ? relation.attributes[row.adnum - 1] : null;
        if (other?.attgenerated) {
          throw refuse('cannot alter type of a column used by a generated column', `Column "${attribute.attname}" is used by generated column "${other.attname}".`);
        }
        break;
      }
      default:
    }
  }
}

/** The default in the new type; null when there is none. @throws 42804 */
function convertedDefault(cx: CommandContext, relation: Relation, attribute: PgAttribute, target: NewType): Expr | null {
  const stored = relation.defaults[attribute.attnum - 1];
  if (!attribute.atthasdef || !stored) return null;
  const state = expressionState(cx, null);
  let expr = storedExpression(stored);
  while (('funcformat' in expr && expr.funcformat === 'implicitCast' && expr.node === 'FuncExpr') || (expr.node === 'RelabelType' && expr.relabelformat === 'implicitCast')
    || (expr.node === 'CoerceViaIO' && expr.coerceformat === 'implicitCast')) {
    expr = expr.node === 'FuncExpr' ? expr.args[0] : expr.arg;
  }
  const coerced = coerceToTargetType(state, expr, exprType(expr), target.type, target.typmod, 'assignment', 'implicitCast', -1);
  if (coerced) return coerced;
  const kind = attribute.attgenerated === '' ? 'default' : 'generation expression';
  throw pgError('DATATYPE_MISMATCH', `${kind} for column "${attribute.attname}" cannot be cast automatically to type ${cx.services.types.formatType(target.type)}`);
}

/** The pg_attribute row, its dependencies on type and collation, its statistics. */
function changeAttribute(cx: CommandContext, relation: Relation, attribute: PgAttribute, target: NewType): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_attribute').findOne({ attrelid: relation.oid, attnum: attribute.attnum });
  const type = catalog.type(target.type);
  if (!row || !type) throw pgError('INTERNAL_ERROR', `cache lookup failed for attribute ${attribute.attnum} of relation ${relation.oid}`);
  catalog.table('pg_attribute').update(row, {
    atttypid: target.type, atttypmod: target.typmod, attcollation: target.collation, attlen: type.typlen, attbyval: type.typbyval, attalign: type.typalign,
    attstorage: type.typstorage, attcompression: '',
  });
  const self = objectAddress(RelationRelationId, relation.oid, attribute.attnum);
  for (const dependency of catalog.table('pg_depend').find({ classid: RelationRelationId, objid: relation.oid, objsubid: attribute.attnum })) {
    if (dependency.refclassid === TypeRelationId || dependency.refclassid === CollationRelationId) catalog.table('pg_depend').delete(dependency);
  }
  recordDependencyOn(catalog, self, objectAddress(TypeRelationId, target.type), 'n');
  if (target.collation !== 0 && target.collation !== DEFAULT_COLLATION) recordDependencyOn(catalog, self, objectAddress(CollationRelationId, target.collation), 'n');
  for (const statistic of catalog.table('pg_statistic').find({ starelid: relation.oid, staattnum: attribute.attnum })) catalog.table('pg_statistic').delete(statistic);
}
const DEFAULT_COLLATION = 100;

