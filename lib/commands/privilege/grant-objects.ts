/**
 * The objects that GRANT and REVOKE are about: by name, or all of a schema.
 *
 * Idea: PostgreSQL's objectNamesToOids, objectsInSchemaToOids (catalog/aclchk.c).
 */
import type { GrantStmt, Node, ObjectWithArgs, RangeVar } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { namespaceOid } from '../../catalog/namespace.js';
import { checkPrivilege } from '../../catalog/privileges.js';
import { bodyAs, bodyOf, stringValue } from '../../parser/raw.js';
import type { CommandContext } from '../api.js';
import { commandType, openNamed } from '../expressions.js';
import { findFunction } from '../function/find-function.js';
import { findObject, typeNameOf } from '../object/find-object.js';

/** OIDs of the statement's objects. @throws 42P01, 42883, 42704, 3F000 */
export function grantObjects(cx: CommandContext, stmt: GrantStmt): Oid[] {
  const objectType = stmt.objtype ?? '';
  const nodes = stmt.objects ?? [];
  return stmt.targtype === 'ACL_TARGET_ALL_IN_SCHEMA'
    ? nodes.flatMap((node) => objectsInSchema(cx, objectType, stringValue(node)))
    : nodes.map((node) => namedObject(cx, objectType, node));
}

function namedObject(cx: CommandContext, objectType: string, node: Node): Oid {
  switch (objectType) {
    case 'OBJECT_TABLE': case 'OBJECT_SEQUENCE': return openNamed(cx, bodyAs<RangeVar>(bodyOf(node))).oid;
    case 'OBJECT_FUNCTION': case 'OBJECT_PROCEDURE': case 'OBJECT_ROUTINE': return findFunction(cx, bodyAs<ObjectWithArgs>(bodyOf(node)), objectType, false);
    case 'OBJECT_TYPE': case 'OBJECT_DOMAIN': return commandType(cx, typeNameOf(node)).type;
    case 'OBJECT_PARAMETER_ACL': throw notSupported('GRANT ... ON PARAMETER');
    default: return findObject(cx, objectType, node).address.objectId;
  }
}

function objectsInSchema(cx: CommandContext, objectType: string, schema: string): Oid[] {
  const { catalog } = cx.session;
  const namespace = namespaceOid(catalog, schema);
  checkPrivilege(catalog, 'schema', namespace, cx.session.currentUserOid, 'USAGE', schema);
  const relations = (kinds: string): Oid[] => catalog.table('pg_class').find({ relnamespace: namespace }).filter((row) => kinds.includes(row.relkind)).map((row) => row.oid);
  const functions = (kinds: string): Oid[] => catalog.table('pg_proc').find({ pronamespace: namespace }).filter((row) => kinds.includes(row.prokind)).map((row) => row.oid);
  switch (objectType) {
    case 'OBJECT_TABLE': return relations('rvmfp');
    case 'OBJECT_SEQUENCE': return relations('S');
    case 'OBJECT_FUNCTION': return functions('faw');
    case 'OBJECT_PROCEDURE': return functions('p');
    case 'OBJECT_ROUTINE': return functions('fawp');
    default: throw pgError('INTERNAL_ERROR', `unrecognized GrantStmt.objtype: ${objectType}`);
  }
}
