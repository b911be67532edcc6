/**
 * Is a name free in a schema? (report_name_conflict, report_namespace_conflict, IsThereFunctionInNamespace ... of PostgreSQL)
 */
import { pgError } from '../../base/error.js';
import { formatType } from '../../catalog/format-type.js';
import type { Oid } from '../../catalog/api.js';
import type { CatalogRows } from '../../catalog/rows.js';
import * as ids from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { columnOf, findRows, type ObjectClass } from './object-classes.js';

/** Throws 42710, 42723 when another object of the class has the name in the schema. `row` is the object itself. */
export function checkNameFree(cx: CommandContext, facts: ObjectClass, row: CatalogRows[keyof CatalogRows], name: string, namespace: Oid): void {
  const { catalog } = cx.session;
  const schema = catalog.namespace(namespace)?.nspname ?? '';
  if (facts.classId === ids.ProcedureRelationId) {
    checkFunctionFree(cx, columnOf(row, 'oid') as Oid, name, namespace);
    return;
  }
  const where: Record<string, unknown> = { [facts.nameColumn]: name };
  if (namespace !== 0) where[facts.namespaceColumn] = namespace;
  const method = columnOf(row, 'opcmethod') ?? columnOf(row, 'opfmethod');
  const others = findRows(catalog, facts.table, where)
    .filter((other) => method === undefined || (columnOf(other, 'opcmethod') ?? columnOf(other, 'opfmethod')) === method);
  if (others.length === 0) return;
  if (method !== undefined) {
    throw pgError('DUPLICATE_OBJECT', `${facts.word} "${name}" for access method "${catalog.accessMethod(method as Oid)?.amname ?? ''}" already exists in schema "${schema}"`);
  }
  if (facts.classId === ids.CollationRelationId) {
    throw pgError('DUPLICATE_OBJECT', `collation "${name}"${columnOf(others[0], 'collencoding') === -1 ? '' : ' for encoding "UTF8"'} already exists in schema "${schema}"`);
  }
  throw pgError('DUPLICATE_OBJECT', namespace === 0 ? `${facts.word} "${name}" already exists` : `${facts.word} "${name}" already exists in schema "${schema}"`);
}

function checkFunctionFree(cx: CommandContext, oid: Oid, name: string, namespace: Oid): void {
  const { catalog } = cx.session;
  const self = catalog.proc(oid);
  if (!self) return;
  const types = self.proargtypes.elements as readonly Oid[];
  const same = catalog.procsByName(name).some((other) => other.pronamespace === namespace && String(other.proargtypes.elements) === String(types));
  if (!same) return;
  const signature = `${name}(${types.map((type) => formatType(catalog, type)).join(', ')})`;
  throw pgError('DUPLICATE_FUNCTION', `function ${signature} already exists in schema "${catalog.namespace(namespace)?.nspname ?? ''}"`);
}
