/**
 * CHECK and NOT NULL constraints into the catalogs.
 *
 * Idea: PostgreSQL's AddRelationNewConstraints, StoreRelCheck, StoreRelNotNull (catalog/heap.c).
 */
import { objectAddress } from '../../catalog/address.js';
import { ConstraintRelationId } from '../../types/oids.js';
import { serialize } from '../../analyzer/serialize.js';
import { pgError } from '../../base/error.js';
import type { Oid, Relation } from '../../catalog/api.js';
import type { CommandContext } from '../api.js';
import { chooseConstraintName, constraintNameTaken, createConstraint } from '../constraint/constraint-row.js';
import { cookCondition, recordExpressionDependencies, referencedColumns } from '../expressions.js';
import { adoptExpression } from './adopt.js';
import type { CheckSpec, NotNullSpec } from './definition.js';

/** Adds CHECK constraints; returns their OIDs. Existing rows are not looked at. @throws 42710 */
export function addCheckConstraints(cx: CommandContext, relation: Relation, checks: readonly CheckSpec[]): Oid[] {
  const { catalog } = cx.session;
  const names = new Set<string>();
  const made: Oid[] = [];
  for (const check of checks) {
    const expr = adoptExpression(relation, check.adoptedExpression)
      ?? cookCondition(cx, relation, check.rawExpression!, 'checkConstraint', 'CHECK');
    const columns = referencedColumns(expr).filter((attnum) => attnum > 0);
    if (check.name !== null && (names.has(check.name) || constraintNameTaken(catalog, relation.oid, check.name))) {
      throw pgError('DUPLICATE_OBJECT', names.has(check.name) && !constraintNameTaken(catalog, relation.oid, check.name)
        ? `check constraint "${check.name}" already exists`
        : `constraint "${check.name}" for relation "${relation.name}" already exists`);
    }
    const only = columns.length === 1 ? relation.attributes[columns[0] - 1].attname : null;
    const name = check.name ?? chooseConstraintName(catalog, relation.name, only, 'check', relation.namespace, names);
    names.add(name);
    const oid = createConstraint(catalog, {
      name, namespace: relation.namespace, type: 'c', relation: relation.oid, columns, expression: serialize(expr),
      isLocal: check.isLocal, inheritCount: check.inheritCount, noInherit: check.noInherit, enforced: check.enforced, validated: check.validated,
    });
    recordExpressionDependencies(catalog, objectAddress(ConstraintRelationId, oid), expr, 0, 'n');
    made.push(oid);
  }
  if (made.length > 0) {
    const row = catalog.table('pg_class').findOne({ oid: relation.oid });
    if (row) catalog.table('pg_class').update(row, { relchecks: row.relchecks + made.length });
  }
  return made;
}

/** Adds NOT NULL constraints, one per column, and marks the columns. @throws 42703, 42601 */
export function addNotNullConstraints(cx: CommandContext, relation: Relation, notNulls: readonly NotNullSpec[]): void {
  const { catalog } = cx.session;
  const names = new Set<string>();
  for (const [column, spec] of mergeByColumn(notNulls)) {
    const attribute = relation.attributes.find((candidate) => candidate.attname === column && !candidate.attisdropped);
    if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${column}" of relation "${relation.name}" does not exist`);
    if (spec.name !== null && (names.has(spec.name) || constraintNameTaken(catalog, relation.oid, spec.name))) {
      throw pgError('DUPLICATE_OBJECT', `constraint "${spec.name}" for relation "${relation.name}" already exists`);
    }
    const name = spec.name ?? chooseConstraintName(catalog, relation.name, column, 'not_null', relation.namespace, names);
    names.add(name);
    createConstraint(catalog, {
      name, namespace: relation.namespace, type: 'n', relation: relation.oid, columns: [attribute.attnum],
      isLocal: spec.isLocal, inheritCount: spec.inheritCount, noInherit: spec.noInherit, validated: spec.validated,
    });
    const row = catalog.table('pg_attribute').findOne({ attrelid: relation.oid, attnum: attribute.attnum });
    if (row && !row.attnotnull) catalog.table('pg_attribute').update(row, { attnotnull: true });
  }
}

/** Several declarations for one column become one. @throws 42601 when they contradict each other */
function mergeByColumn(notNulls: readonly NotNullSpec[]): Map<string, NotNullSpec> {
  const merged = new Map<string, NotNullSpec>();
  for (const spec of notNulls) {
    const before = merged.get(spec.column);
    if (!before) {
      merged.set(spec.column, spec);
      continue;
    }
    if (before.isLocal && spec.isLocal && before.noInherit !== spec.noInherit) {
      throw pgError('SYNTAX_ERROR', `conflicting NO INHERIT declaration for not-null constraint on column "${spec.column}"`);
    }
    if (before.name !== null && spec.name !== null && before.name !== spec.name && before.isLocal && spec.isLocal) {
      throw pgError('SYNTAX_ERROR', `conflicting not-null constraint names "${before.name}" and "${spec.name}"`);
    }
    merged.set(spec.column, {
      ...before, name: before.name ?? spec.name, isLocal: before.isLocal || spec.isLocal, inheritCount: before.inheritCount + spec.inheritCount,
      noInherit: before.isLocal ? before.noInherit : spec.noInherit,
    });
  }
  return merged;
}
