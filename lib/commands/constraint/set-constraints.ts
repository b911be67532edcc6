/** SET CONSTRAINTS { ALL | name, ... } { DEFERRED | IMMEDIATE }. Follows trigger.c's AfterTriggerSetState. */
import type { ConstraintsSetStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Catalog, Oid } from '../../catalog/api.js';
import { registerCommand } from '../dispatch.js';

/** The deferrable constraints of a name: in the named schema, else in the first schema of the path that has one. 42704, 42809. */
function constraintsNamed(catalog: Catalog, schema: string | undefined, name: string): Oid[] {
  const spaces = schema === undefined ? catalog.searchPath : [namespaceOid(catalog, schema)];
  for (const namespace of spaces) {
    const rows = catalog.table('pg_constraint').find({ conname: name, connamespace: namespace });
    const deferrable = rows.filter((row) => row.condeferrable);
    if (deferrable.length > 0) return deferrable.map((row) => row.oid);
    if (rows.length > 0) throw pgError('WRONG_OBJECT_TYPE', `constraint "${name}" is not deferrable`);
  }
  throw pgError('UNDEFINED_OBJECT', `constraint "${name}" does not exist`);
}

function namespaceOid(catalog: Catalog, schema: string): Oid {
  const row = catalog.namespaceByName(schema);
  if (row === null) throw pgError('UNDEFINED_SCHEMA', `schema "${schema}" does not exist`);
  return row.oid;
}

registerCommand('ConstraintsSetStmt', {
  readOnly: true,
  *execute(statement, context) {
    const node = statement.body as ConstraintsSetStmt;
    const { session } = context;
    const named = (node.constraints ?? []).flatMap((item) => {
      if (!('RangeVar' in item)) return [];
      const { catalogname, schemaname, relname } = item.RangeVar;
      if (catalogname !== undefined && catalogname !== session.catalog.databaseName) {
        throw pgError('FEATURE_NOT_SUPPORTED', `cross-database references are not implemented: "${catalogname}.${schemaname ?? ''}.${relname ?? ''}"`);
      }
      return constraintsNamed(session.catalog, schemaname, relname ?? '');
    });
    yield* session.setConstraintsMode(node.constraints === undefined || node.constraints.length === 0 ? null : named, node.deferred ?? false);
    return { tag: 'SET CONSTRAINTS', rows: null };
  },
});
