/**
 * Column defaults and generation expressions: rows of pg_attrdef with their dependencies.
 *
 * Idea: PostgreSQL's StoreAttrDefault (catalog/pg_attrdef.c).
 */
import { serialize } from '../../analyzer/serialize.js';
import type { Expr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { objectAddress } from '../../catalog/address.js';
import { AttrDefaultRelationId, RelationRelationId } from '../../types/oids.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import type { CommandContext } from '../api.js';
import { containsVolatile, recordExpressionDependencies, referencedColumns } from '../expressions.js';

/** Stores a column's default expression; returns the pg_attrdef row's OID. The attribute's `atthasdef` is set. */
export function storeDefault(cx: CommandContext, relation: Relation, attnum: number, expr: Expr): Oid {
  const { catalog } = cx.session;
  const oid = catalog.newOid();
  catalog.table('pg_attrdef').insert({ oid, adrelid: relation.oid, adnum: attnum, adbin: serialize(expr) });
  const attribute = catalog.table('pg_attribute').findOne({ attrelid: relation.oid, attnum });
  if (!attribute) throw pgError('INTERNAL_ERROR', `cache lookup failed for attribute ${attnum} of relation ${relation.oid}`);
  if (!attribute.atthasdef) catalog.table('pg_attribute').update(attribute, { atthasdef: true });
  const self = objectAddress(AttrDefaultRelationId, oid);
  const column = objectAddress(RelationRelationId, relation.oid, attnum);
  const generated = attribute.attgenerated !== '';
  // A generated column is nothing without its expression; a default is only attached to its column.
  recordDependencyOn(catalog, self, column, generated ? 'i' : 'a');
  recordExpressionDependencies(catalog, self, expr, relation.oid, 'n');
  return oid;
}

/** The rules of generation expressions. @throws 42P17 */
export function checkGenerationExpression(cx: CommandContext, relation: Relation, expr: Expr, columnName: string): void {
  if (containsVolatile(cx.session.catalog, expr, true)) {
    throw pgError('INVALID_OBJECT_DEFINITION', 'generation expression is not immutable');
  }
  for (const attnum of referencedColumns(expr)) {
    if (attnum === 0) {
      throw pgError('INVALID_OBJECT_DEFINITION', 'cannot use whole-row variable in column generation expression', {
        detail: 'This would cause the generated column to depend on its own value.',
      });
    }
    const attribute = relation.attributes[attnum - 1];
    if (attribute?.attgenerated) {
      throw pgError('INVALID_OBJECT_DEFINITION', `cannot use generated column "${attribute.attname}" in column generation expression`, {
        detail: attribute.attname === columnName ? 'This would cause the generated column to depend on its own value.' : 'A generated column cannot reference another generated column.',
      });
    }
  }
}

/** Removes a column's default, if it has one (the row and `atthasdef`). */
export function removeDefault(cx: CommandContext, relation: Oid, attnum: number): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_attrdef').findOne({ adrelid: relation, adnum: attnum });
  if (!row) return;
  catalog.table('pg_attrdef').delete(row);
  for (const dependency of catalog.table('pg_depend').find({ classid: AttrDefaultRelationId, objid: row.oid })) {
    catalog.table('pg_depend').delete(dependency);
  }
  const attribute = catalog.table('pg_attribute').findOne({ attrelid: relation, attnum });
  if (attribute) catalog.table('pg_attribute').update(attribute, { atthasdef: false });
}
