/**
 * ALTER TYPE and ALTER DOMAIN ... RENAME TO.
 *
 * Idea: PostgreSQL's RenameType (commands/typecmds.c).
 */
import type { Node } from 'libpg-query';
import { typeNameToString } from '../../analyzer/type-name.js';
import { pgError } from '../../base/error.js';
import { isTrueArray } from '../../catalog/format-type.js';
import { checkOwner } from '../../catalog/privileges.js';
import type { PgType } from '../../catalog/rows.js';
import type { CommandContext } from '../api.js';
import { commandType } from '../expressions.js';
import { openOwn } from '../table/create-table.js';
import { typeNameOf } from './find-object.js';
import { applyRelationName, applyTypeName } from './rename-relation.js';

/** The type of a name that ALTER may change as a type. @throws 42704, 42501, 42809 */
export function alterableType(cx: CommandContext, node: Node, domain: boolean): PgType {
  const { row } = commandType(cx, typeNameOf(node));
  const format = cx.services.types.formatType(row.oid);
  checkOwner(cx.session.catalog, row.typowner, cx.session.currentUserOid, 'type', format);
  if (domain && row.typtype !== 'd') throw pgError('WRONG_OBJECT_TYPE', `${typeNameToString(typeNameOf(node))} is not a domain`);
  if (row.typtype === 'c' && cx.session.catalog.relation(row.typrelid)?.kind !== 'c') {
    throw pgError('WRONG_OBJECT_TYPE', `${format} is a table's row type`, { hint: 'Use ALTER TABLE instead.' });
  }
  if (isTrueArray(row)) {
    throw pgError('WRONG_OBJECT_TYPE', `cannot alter array type ${format}`, {
      hint: `You can alter type ${cx.services.types.formatType(row.typelem)}, which will alter the array type as well.`,
    });
  }
  return row;
}

/** Renames the type; a composite type with its relation. */
export function renameType(cx: CommandContext, node: Node, domain: boolean, newName: string): void {
  const row = alterableType(cx, node, domain);
  if (row.typtype === 'c') applyRelationName(cx, openOwn(cx, row.typrelid), newName);
  else applyTypeName(cx, row.oid, newName);
}
