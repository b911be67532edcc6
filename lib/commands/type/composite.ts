/**
 * CREATE TYPE ... AS (...): a composite type is a relation of kind `c` without storage.
 *
 * Idea: PostgreSQL's DefineCompositeType (commands/typecmds.c).
 */
import type { ColumnDef, CompositeTypeStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { commandCollation, commandType } from '../expressions.js';
import { createRelation, plainColumn, type NewColumn } from '../relation/create-relation.js';
import { creationTarget } from '../relation/creation-target.js';
import { checkColumnType } from '../table/column-definition.js';
import { requireFreeTypeName } from './create-type.js';

registerCommand('CompositeTypeStmt', { execute: (statement, cx) => createComposite(bodyAs<CompositeTypeStmt>(statement.body), cx) });

function* createComposite(stmt: CompositeTypeStmt, cx: CommandContext): Suspendable<CommandResult> {
  const target = yield* creationTarget(cx, { ...stmt.typevar, relpersistence: stmt.typevar?.relpersistence ?? 'p' });
  requireFreeTypeName(cx, target.name, target.namespace);
  const columns = (stmt.coldeflist ?? []).map((node) => attribute(cx, bodyAs<ColumnDef>(bodyOf(node))));
  createRelation(cx, {
    ...target, kind: 'c', owner: cx.session.currentUserOid, columns, accessMethod: 0, tablespace: 0, options: [], ofType: 0, isPartition: false, partitionBound: null,
  });
  yield* [];
  return { tag: 'CREATE TYPE', rows: null };
}

function attribute(cx: CommandContext, column: ColumnDef): NewColumn {
  const name = column.colname ?? '';
  if (!column.typeName) throw pgError('SYNTAX_ERROR', `column "${name}" has no type`);
  if (column.typeName.setof) throw pgError('INVALID_TABLE_DEFINITION', `column "${name}" cannot be declared SETOF`);
  const { type, typmod, row } = commandType(cx, column.typeName);
  checkColumnType(cx, name, type, row.typtype);
  return { ...plainColumn(name, type, typmod, commandCollation(cx, column.collClause, type)), dimensions: column.typeName.arrayBounds?.length ?? 0 };
}
