/**
 * COMMENT ON.
 *
 * Idea: PostgreSQL's CommentObject (commands/comment.c).
 */
import type { CommentStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { ObjectAddress } from '../../catalog/address.js';
import type { Catalog } from '../../catalog/api.js';
import { bodyAs } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { unsupportedKindDetail } from '../../catalog/relation-kind.js';
import { registerCommand } from '../dispatch.js';
import { lockRelation } from '../relation/access.js';
import { findObject, nameParts } from './find-object.js';
import { checkObjectOwner } from './ownership.js';

registerCommand('CommentStmt', { execute: (statement, cx) => comment(bodyAs<CommentStmt>(statement.body), cx) });

const RESULT: CommandResult = { tag: 'COMMENT', rows: null };
const SHARED = new Set(['OBJECT_DATABASE', 'OBJECT_TABLESPACE', 'OBJECT_ROLE']);

function* comment(stmt: CommentStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const objectType = stmt.objtype ?? '';
  const node = stmt.object!;
  if (objectType === 'OBJECT_DATABASE') {
    const [name] = nameParts(node);
    if (!catalog.databaseByName(name)) {
      cx.services.notice(pgError('UNDEFINED_DATABASE', `database "${name}" does not exist`, { severity: 'WARNING' }));
      return RESULT;
    }
  }
  const object = findObject(cx, objectType, node);
  if (object.relation) yield* lockRelation(cx, object.relation.oid, 'ShareUpdateExclusive');
  checkObjectOwner(cx, object);
  if (objectType === 'OBJECT_COLUMN' && object.relation && !'rvmcfp'.includes(object.relation.kind)) {
    throw pgError('WRONG_OBJECT_TYPE', `cannot set comment on relation "${object.relation.name}"`, {
      detail: unsupportedKindDetail(object.relation.kind),
    });
  }
  const text = stmt.comment ?? '';
  if (SHARED.has(objectType)) setSharedComment(catalog, object.address, text);
  else setComment(catalog, object.address, text);
  return RESULT;
}

/** Sets an object's comment; '' removes it. */
export function setComment(catalog: Catalog, { classId, objectId, subId }: ObjectAddress, text: string): void {
  const table = catalog.table('pg_description');
  const before = table.findOne({ objoid: objectId, classoid: classId, objsubid: subId });
  if (before && text === '') table.delete(before);
  else if (before) table.update(before, { description: text });
  else if (text !== '') table.insert({ objoid: objectId, classoid: classId, objsubid: subId, description: text });
}

function setSharedComment(catalog: Catalog, { classId, objectId }: ObjectAddress, text: string): void {
  const table = catalog.table('pg_shdescription');
  const before = table.findOne({ objoid: objectId, classoid: classId });
  if (before && text === '') table.delete(before);
  else if (before) table.update(before, { description: text });
  else if (text !== '') table.insert({ objoid: objectId, classoid: classId, description: text });
}
