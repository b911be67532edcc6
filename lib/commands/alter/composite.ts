/**
 * Changes of composite types: refused while stored columns have the type.
 *
 * Idea: PostgreSQL's find_composite_type_dependencies (commands/tablecmds.c).
 */
import { pgError } from '../../base/error.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { dependentsOn } from '../../catalog/depend.js';
import { RelationRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';

/** 0A000 when a table's column has the composite type, an array or a domain of it. */
export function refuseUsedType(cx: CommandContext, relation: Relation, word = 'type'): void {
  refuseUsed(cx, relation.row.reltype, `cannot alter ${word} "${relation.name}"`, new Set());
}

function refuseUsed(cx: CommandContext, type: Oid, message: string, seen: Set<Oid>): void {
  if (type === 0 || seen.has(type)) return;
  seen.add(type);
  const { catalog } = cx.session;
  for (const dependency of dependentsOn(catalog, objectAddress(TypeRelationId, type))) {
    if (dependency.classid === TypeRelationId) refuseUsed(cx, dependency.objid, message, seen);
    if (dependency.classid !== RelationRelationId || dependency.objsubid === 0) continue;
    const user = catalog.relation(dependency.objid);
    const attribute = user?.attributes[dependency.objsubid - 1];
    if (!user || !attribute || attribute.attisdropped) continue;
    if (user.kind === 'c') refuseUsed(cx, user.row.reltype, message, seen);
    else if ('rmp'.includes(user.kind)) throw pgError('FEATURE_NOT_SUPPORTED', `${message} because column "${user.name}.${attribute.attname}" uses it`);
  }
  refuseUsed(cx, catalog.type(type)?.typarray ?? 0, message, seen);
}
