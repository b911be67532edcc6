/**
 * Who may change an object.
 *
 * Idea: PostgreSQL's check_object_ownership (catalog/objectaddress.c).
 */
import { pgError } from '../../base/error.js';
import type { ObjectAddress } from '../../catalog/address.js';
import { checkOwner, isOwner } from '../../catalog/privileges.js';
import { isAdminOfRole } from '../../catalog/roles.js';
import * as ids from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { checkTableOwner } from '../relation/access.js';
import type { FoundObject } from './find-object.js';
import { classOf, ownerOf } from './object-classes.js';

const FUNCTION_WORDS: Readonly<Record<string, string>> = { f: 'function', p: 'procedure', a: 'aggregate', w: 'function' };

/** 42501 unless the current user owns the object (or what it belongs to); `name` as written. */
export function checkObjectOwner(cx: CommandContext, object: FoundObject, name: string = object.name): void {
  const { catalog, currentUserOid } = cx.session;
  const { address } = object;
  if (object.relation) {
    checkTableOwner(cx, object.relation);
    return;
  }
  if (object.type) {
    checkOwner(catalog, object.type.typowner, currentUserOid, 'type', cx.services.types.formatType(object.type.oid));
    return;
  }
  if (address.classId === ids.AuthIdRelationId) {
    checkRoleAdmin(cx, address.objectId, name);
    return;
  }
  if (address.classId === ids.CastRelationId) {
    checkCastOwner(cx, address);
    return;
  }
  const facts = classOf(address.classId === ids.LargeObjectRelationId ? ids.LargeObjectMetadataRelationId : address.classId);
  const owner = facts ? ownerOf(catalog, facts, address.objectId) : 0;
  if (owner === 0) {
    if (!cx.session.isSuperuser) throw pgError('INSUFFICIENT_PRIVILEGE', `must be superuser`);
    return;
  }
  const kind = address.classId === ids.ProcedureRelationId ? FUNCTION_WORDS[catalog.proc(address.objectId)?.prokind ?? 'f'] : facts?.word ?? 'object';
  checkOwner(catalog, owner, currentUserOid, kind === 'server' ? 'foreign server' : kind, name);
}

function checkCastOwner(cx: CommandContext, address: ObjectAddress): void {
  const { catalog, currentUserOid } = cx.session;
  const cast = catalog.table('pg_cast').findOne({ oid: address.objectId });
  const owns = (type: number): boolean => isOwner(catalog, catalog.type(type)?.typowner ?? 0, currentUserOid);
  if (!cast || owns(cast.castsource) || owns(cast.casttarget)) return;
  const { types } = cx.services;
  throw pgError('INSUFFICIENT_PRIVILEGE', `must be owner of type ${types.formatType(cast.castsource)} or type ${types.formatType(cast.casttarget)}`);
}

/** Roles are changed by superusers, or by those with CREATEROLE and ADMIN OPTION on them. */
function checkRoleAdmin(cx: CommandContext, role: number, name: string): void {
  const { catalog, currentUserOid } = cx.session;
  if (cx.session.isSuperuser) return;
  const denied = (detail: string): Error => pgError('INSUFFICIENT_PRIVILEGE', 'permission denied', { detail });
  if (catalog.role(role)?.rolsuper) throw denied('The current user must have the SUPERUSER attribute.');
  if (!catalog.role(currentUserOid)?.rolcreaterole) throw denied('The current user must have the CREATEROLE attribute.');
  if (!isAdminOfRole(catalog, currentUserOid, role)) throw denied(`The current user must have the ADMIN option on role "${name}".`);
}
