/**
 * CREATE TYPE ... AS ENUM, ALTER TYPE ... ADD VALUE and RENAME VALUE.
 *
 * Idea: PostgreSQL's DefineEnum, AlterEnum (commands/typecmds.c), AddEnumLabel, RenameEnumLabel (catalog/pg_enum.c).
 */
import type { AlterEnumStmt, CreateEnumStmt } from 'libpg-query';
import { typeNameToString } from '../../analyzer/type-name.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid } from '../../catalog/api.js';
import { checkOwner } from '../../catalog/privileges.js';
import { bodyAs, stringList } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { commandType } from '../expressions.js';
import { createTypeWithArray, newTypeName } from './create-type.js';

registerCommand('CreateEnumStmt', { execute: (statement, cx) => createEnum(bodyAs<CreateEnumStmt>(statement.body), cx) });
registerCommand('AlterEnumStmt', { execute: (statement, cx) => alterEnum(bodyAs<AlterEnumStmt>(statement.body), cx) });

const ENUM = { input: 3506, output: 3507, receive: 3532, send: 3533 } as const;
const MAX_LABEL_BYTES = 63;

function* createEnum(stmt: CreateEnumStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const place = newTypeName(cx, stringList(stmt.typeName));
  const oid = createTypeWithArray(cx, { ...place, kind: 'e', category: 'E', ...ENUM, length: 4, byValue: true, alignment: 'i', storage: 'p' });
  const labels = new Set<string>();
  let order = 0;
  for (const label of stringList(stmt.vals)) {
    checkLabel(label);
    if (labels.has(label)) {
      throw pgError('UNIQUE_VIOLATION', 'duplicate key value violates unique constraint "pg_enum_typid_label_index"', {
        detail: `Key (enumtypid, enumlabel)=(${oid}, ${label}) already exists.`, schema: 'pg_catalog', table: 'pg_enum', constraint: 'pg_enum_typid_label_index',
      });
    }
    labels.add(label);
    catalog.table('pg_enum').insert({ oid: labelOid(cx, true), enumtypid: oid, enumsortorder: ++order, enumlabel: label });
  }
  yield* [];
  return { tag: 'CREATE TYPE', rows: null };
}

/** Labels with even OIDs order as their OIDs do, so that most comparisons need no look-up; others get odd ones. */
function labelOid(cx: CommandContext, even: boolean): Oid {
  for (;;) {
    const oid = cx.session.catalog.newOid();
    if ((oid % 2 === 0) === even) return oid;
  }
}

function checkLabel(label: string): void {
  if (Buffer.byteLength(label) <= MAX_LABEL_BYTES) return;
  throw pgError('INVALID_NAME', `invalid enum label "${label}"`, { detail: `Labels must be ${MAX_LABEL_BYTES} bytes or less.` });
}

function* alterEnum(stmt: AlterEnumStmt, cx: CommandContext): Suspendable<CommandResult> {
  const typeName = { names: stmt.typeName, typemod: -1, location: -1 };
  const { row } = commandType(cx, typeName);
  if (row.typtype !== 'e') throw pgError('WRONG_OBJECT_TYPE', `${typeNameToString(typeName)} is not an enum`);
  checkOwner(cx.session.catalog, row.typowner, cx.session.currentUserOid, 'type', cx.services.types.formatType(row.oid));
  if (stmt.oldVal !== undefined) renameValue(cx, row.oid, stmt.oldVal, stmt.newVal ?? '');
  else addValue(cx, row.oid, stmt);
  yield* [];
  return { tag: 'ALTER TYPE', rows: null };
}

function renameValue(cx: CommandContext, type: Oid, oldLabel: string, newLabel: string): void {
  const { catalog } = cx.session;
  checkLabel(newLabel);
  const labels = catalog.table('pg_enum').find({ enumtypid: type });
  const row = labels.find((label) => label.enumlabel === oldLabel);
  if (!row) throw pgError('INVALID_PARAMETER_VALUE', `"${oldLabel}" is not an existing enum label`);
  if (labels.some((label) => label.enumlabel === newLabel)) throw pgError('DUPLICATE_OBJECT', `enum label "${newLabel}" already exists`);
  catalog.table('pg_enum').update(row, { enumlabel: newLabel });
}

function addValue(cx: CommandContext, type: Oid, stmt: AlterEnumStmt): void {
  const { catalog } = cx.session;
  const label = stmt.newVal ?? '';
  checkLabel(label);
  const labels = catalog.table('pg_enum').find({ enumtypid: type }).sort((a, b) => a.enumsortorder - b.enumsortorder);
  if (labels.some((row) => row.enumlabel === label)) {
    if (!stmt.skipIfNewValExists) throw pgError('DUPLICATE_OBJECT', `enum label "${label}" already exists`);
    cx.services.notice(pgError('DUPLICATE_OBJECT', `enum label "${label}" already exists, skipping`, { severity: 'NOTICE' }));
    return;
  }
  const order = placeBetween(labels.map((row) => ({ order: row.enumsortorder, label: row.enumlabel })), stmt);
  if (order !== null) {
    const even = labels.filter((row) => row.oid % 2 === 0);
    const oid = labelOid(cx, even.every((row) => row.enumsortorder < order));
    catalog.table('pg_enum').insert({ oid, enumtypid: type, enumsortorder: order, enumlabel: label });
    return;
  }
  // No number is left between the neighbours: count anew.
  labels.forEach((row, at) => catalog.table('pg_enum').update(row, { enumsortorder: at + 1 }));
  catalog.commandCounterIncrement();
  addValue(cx, type, stmt);
}

/** The new label's sort position (float4); null when there is none between its neighbours. */
function placeBetween(labels: readonly { order: number; label: string }[], stmt: AlterEnumStmt): number | null {
  if (stmt.newValNeighbor === undefined) return labels.length === 0 ? 1 : labels[labels.length - 1].order + 1;
  const at = labels.findIndex((row) => row.label === stmt.newValNeighbor);
  if (at < 0) throw pgError('INVALID_PARAMETER_VALUE', `"${stmt.newValNeighbor}" is not an existing enum label`);
  const other = stmt.newValIsAfter ? at + 1 : at - 1;
  const neighbour = labels[at].order;
  if (other < 0) return neighbour - 1;
  if (other >= labels.length) return neighbour + 1;
  const middle = Math.fround((neighbour + labels[other].order) / 2);
  return middle === neighbour || middle === labels[other].order ? null : middle;
}
