/**
 * ALTER COLUMN ... ADD GENERATED, SET GENERATED, DROP IDENTITY, SET EXPRESSION, DROP EXPRESSION.
 *
 * Idea: PostgreSQL's ATExecAddIdentity, ATExecSetIdentity, ATExecDropIdentity, ATExecSetExpression, ATExecDropExpression
 * (commands/tablecmds.c).
 */
import type { Constraint, DefElem, Node } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import { sequencesOf } from '../../catalog/depend.js';
import type { PgAttribute } from '../../catalog/rows.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { INT2OID, INT4OID, INT8OID, RelationRelationId } from '../../types/oids.js';
import { cookDefault } from '../expressions.js';
import { dropObjects } from '../drop/drop-object.js';
import { changeSequence } from '../sequence/alter-sequence.js';
import { ownSequence } from '../sequence/create-sequence.js';
import { makeColumnSequence, openOwn } from '../table/create-table.js';
import { checkGenerationExpression, removeDefault, storeDefault } from '../table/defaults.js';
import { Pass, registerAlter, type AlterTarget } from './alter-table.js';
import { forEachChildTable } from './children.js';
import { findColumn, updateAttribute } from './columns.js';
import { rewriteTable } from './rewrite-table.js';

registerAlter('AT_AddIdentity', { pass: Pass.columnDefault, kinds: 'rpvf', execute: addIdentity });
registerAlter('AT_SetIdentity', { pass: Pass.misc, kinds: 'rpvf', execute: setIdentity });
registerAlter('AT_DropIdentity', { pass: Pass.drop, kinds: 'rpvf', execute: dropIdentity });
registerAlter('AT_SetExpression', { pass: Pass.setExpression, kinds: 'rpf', execute: setExpression });
registerAlter('AT_DropExpression', { pass: Pass.drop, kinds: 'rpf', execute: dropExpression });

function notReady(message: string): Error {
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', message);
}

/** A partition has its identity columns from its parent. */
function refusePartition({ relation }: AlterTarget, what: string): void {
  if (relation.row.relispartition) throw pgError('INVALID_TABLE_DEFINITION', `cannot ${what} of a partition`);
}

function* addIdentity(target: AlterTarget): Suspendable<void> {
  const { cx, relation, command } = target;
  refusePartition(target, 'add identity to a column');
  const attribute = findColumn(relation, command.name ?? '');
  const place = `column "${attribute.attname}" of relation "${relation.name}"`;
  const constraint = bodyAs<Constraint>(bodyOf(command.def!));
  if (!attribute.attnotnull) throw notReady(`${place} must be declared NOT NULL before identity can be added`);
  if (attribute.attidentity !== '') throw notReady(`${place} is already an identity column`);
  if (attribute.atthasdef) throw notReady(`${place} already has a default value`);
  if (![INT2OID, INT4OID, INT8OID].includes(cx.session.catalog.baseType(attribute.atttypid))) {
    throw pgError('INVALID_PARAMETER_VALUE', 'identity column type must be smallint, integer, or bigint');
  }
  const { oid } = makeColumnSequence(cx, relation, { column: attribute.attname, type: attribute.atttypid, identity: true, options: constraint.options ?? [] });
  ownSequence(cx, oid, relation.oid, attribute.attnum, true);
  updateAttribute(cx, relation, attribute.attnum, { attidentity: constraint.generated_when ?? 'a' });
  yield* [];
}

function* setIdentity(target: AlterTarget): Suspendable<void> {
  const { cx, relation, command } = target;
  refusePartition(target, 'change identity column');
  const attribute = findColumn(relation, command.name ?? '');
  if (attribute.attidentity === '') throw notReady(`column "${attribute.attname}" of relation "${relation.name}" is not an identity column`);
  const options = bodyAs<{ items?: Node[] }>(bodyOf(command.def!)).items ?? [];
  const rest: Node[] = [];
  for (const node of options) {
    const option = bodyAs<DefElem>(bodyOf(node));
    if (option.defname !== 'generated') rest.push(node);
    else updateAttribute(cx, relation, attribute.attnum, { attidentity: generatedWhen(option) });
  }
  if (rest.length === 0) return;
  const [sequence] = sequencesOf(cx.session.catalog, relation.oid, attribute.attnum, 'i');
  if (sequence !== undefined) yield* changeSequence(cx, openOwn(cx, sequence), rest, true);
}

/** The letter comes as a character code. */
function generatedWhen(option: DefElem): string {
  const body = option.arg ? bodyOf(option.arg) : {};
  const value = body.ival ?? body.sval;
  return typeof value === 'number' ? String.fromCharCode(value) : String(value ?? 'a');
}

function* dropIdentity(target: AlterTarget): Suspendable<void> {
  const { cx, relation, command } = target;
  refusePartition(target, 'drop identity from a column');
  const attribute = findColumn(relation, command.name ?? '');
  if (attribute.attidentity === '') {
    const message = `column "${attribute.attname}" of relation "${relation.name}" is not an identity column`;
    if (!command.missing_ok) throw notReady(message);
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `${message}, skipping`, { severity: 'NOTICE' }));
    return;
  }
  updateAttribute(cx, relation, attribute.attnum, { attidentity: '' });
  const [sequence] = sequencesOf(cx.session.catalog, relation.oid, attribute.attnum, 'i');
  if (sequence === undefined) return;
  const table = cx.session.catalog.table('pg_depend');
  for (const row of table.find({ classid: RelationRelationId, objid: sequence })) {
    if (row.refclassid === RelationRelationId && row.deptype === 'i') table.delete(row);
  }
  cx.session.catalog.commandCounterIncrement();
  yield* dropObjects(cx, [objectAddress(RelationRelationId, sequence)], { cascade: false });
}

function requireGenerated(target: AlterTarget): PgAttribute | null {
  const { cx, relation, command } = target;
  const attribute = findColumn(relation, command.name ?? '');
  if (attribute.attgenerated !== '') return attribute;
  const message = `column "${attribute.attname}" of relation "${relation.name}" is not a generated column`;
  if (!command.missing_ok) throw notReady(message);
  cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `${message}, skipping`, { severity: 'NOTICE' }));
  return null;
}

function* setExpression(target: AlterTarget): Suspendable<void> {
  const { cx, relation, command, recurse } = target;
  const { catalog } = cx.session;
  const attribute = requireGenerated(target);
  if (!attribute) return;
  removeDefault(cx, relation.oid, attribute.attnum);
  catalog.commandCounterIncrement();
  const table = openOwn(cx, relation.oid);
  const expr = cookDefault(cx, table, command.def!, { name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, generated: attribute.attgenerated });
  checkGenerationExpression(cx, table, expr, attribute.attname);
  storeDefault(cx, table, attribute.attnum, expr);
  catalog.commandCounterIncrement();
  if (attribute.attgenerated === 's') yield* rewriteTable(cx, relation, openOwn(cx, relation.oid), [{ attnum: attribute.attnum, expr, afterOthers: true }]);
  if (recurse) yield* forEachChildTable(cx, relation.oid, (child) => setExpression({ ...target, relation: child }));
}

function* dropExpression(target: AlterTarget): Suspendable<void> {
  const { cx, relation, recurse } = target;
  if (!recurse && cx.session.catalog.inheritanceChildren(relation.oid).length > 0) {
    throw pgError('INVALID_TABLE_DEFINITION', 'ALTER TABLE / DROP EXPRESSION must be applied to child tables too');
  }
  const named = findColumn(relation, target.command.name ?? '');
  if (named.attinhcount > 0) throw pgError('INVALID_TABLE_DEFINITION', 'cannot drop generation expression from inherited column');
  yield* dropExpressionOf(target);
}

function* dropExpressionOf(target: AlterTarget): Suspendable<void> {
  const { cx, relation, command } = target;
  const named = findColumn(relation, command.name ?? '');
  if (named.attgenerated === 'v') {
    throw pgError('FEATURE_NOT_SUPPORTED', 'ALTER TABLE / DROP EXPRESSION is not supported for virtual generated columns', {
      detail: `Column "${named.attname}" of relation "${relation.name}" is a virtual generated column.`,
    });
  }
  const attribute = requireGenerated(target);
  if (!attribute) return;
  removeDefault(cx, relation.oid, attribute.attnum);
  cx.session.catalog.commandCounterIncrement();
  updateAttribute(cx, relation, attribute.attnum, { attgenerated: '' });
  cx.session.catalog.commandCounterIncrement();
  yield* forEachChildTable(cx, relation.oid, (child) => dropExpressionOf({ ...target, relation: child }));
}
