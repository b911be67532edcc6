/**
 * ALTER TABLE ADD, DROP, VALIDATE CONSTRAINT.
 */
import type { Constraint } from 'libpg-query';
import { deparseExpression } from '../../analyzer/deparse/deparse.js';
import { pgError } from '../../base/error.js';
import { quoteIdentifier, quoteQualified } from '../../base/identifier.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid, Relation } from '../../catalog/api.js';
import type { PgConstraint } from '../../catalog/rows.js';
import { compileCondition, NO_ROW } from '../../executor/expression/compile.js';
import { scanReader, scopeFor } from '../../executor/readers.js';
import { NO_STATEMENT } from '../../executor/relation-access.js';
import { storedExpression } from '../../executor/stored-expression.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { ConstraintRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { dropObjects } from '../drop/drop-object.js';
import { forEachVisibleRow } from '../relation/visible-rows.js';
import { addCheckConstraints, addNotNullConstraints } from '../table/add-constraint.js';
import { addForeignKey, validateForeignKey } from '../table/add-foreign-key.js';
import { addIndexConstraint } from '../table/add-index-constraint.js';
import { adoptedFrom } from '../table/adopt.js';
import { emptyDefinition, type CheckSpec, type NotNullSpec } from '../table/definition.js';
import { addTableConstraint, foldConstraintAttributes } from '../table/transform-constraint.js';
import { Pass, registerAlter, type AlterTarget } from './alter-table.js';
import { dropInheritedConstraint, forEachChildTable, inheritedCopy, refuseOnly } from './children.js';

registerAlter('AT_AddConstraint', {
  pass: Pass.addConstraint, execute: addConstraint,
  // A foreign key only keeps writers out (AlterTableGetLockLevel).
  lock: (command) => (bodyAs<Constraint>(bodyOf(command.def!)).contype === 'CONSTR_FOREIGN' ? 'ShareRowExclusive' : 'AccessExclusive'),
});
registerAlter('AT_DropConstraint', { pass: Pass.drop, execute: dropConstraint });
registerAlter('AT_ValidateConstraint', { pass: Pass.misc, lock: 'ShareUpdateExclusive', execute: validateConstraint });

function* addConstraint({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const definition = emptyDefinition();
  for (const constraint of foldConstraintAttributes([command.def!])) addTableConstraint(definition, constraint);
  const { catalog } = cx.session;
  const reopen = (): Relation => {
    catalog.commandCounterIncrement();
    return catalog.relation(relation.oid)!;
  };
  for (const spec of definition.indexes) {
    const missing = spec.kind === 'p' ? withoutNotNull(relation, spec.columns) : [];
    if (missing.length > 0) yield* setNotNull(cx, relation, missing);
    yield* addIndexConstraint(cx, reopen(), spec, false);
  }
  if (definition.checks.length > 0) yield* addChecks(cx, reopen(), definition.checks, recurse);
  if (definition.notNulls.length > 0) {
    if (!definition.notNulls[0].noInherit) refuseOnly(cx, relation, recurse, 'constraint');
    yield* setNotNull(cx, reopen(), definition.notNulls);
    for (const spec of definition.notNulls) if (!spec.noInherit) yield* inheritNotNull(cx, reopen(), spec.column);
  }
  for (const key of definition.foreignKeys) yield* addForeignKey(cx, reopen(), key);
}

/** Adds CHECK constraints, to children as inherited ones. */
function* addChecks(cx: CommandContext, relation: Relation, checks: readonly CheckSpec[], recurse: boolean): Suspendable<void> {
  const { catalog } = cx.session;
  const inherited = checks.filter((check) => !check.noInherit);
  if (inherited.length > 0) refuseOnly(cx, relation, recurse, 'constraint');
  const made = addCheckConstraints(cx, relation, checks);
  catalog.commandCounterIncrement();
  const after = catalog.relation(relation.oid)!;
  for (const oid of made) yield* validateCheck(cx, after, catalog.constraint(oid)!);
  const rows = made.map((oid) => catalog.constraint(oid)!).filter((row) => !row.connoinherit);
  if (rows.length > 0) yield* forEachChildTable(cx, relation.oid, (child) => inheritChecks(cx, child, after, rows));
}

/** A child's copies of its parent's new CHECK constraints; one that it has already is merged. @throws 42710 */
function* inheritChecks(cx: CommandContext, child: Relation, parent: Relation, rows: readonly PgConstraint[]): Suspendable<void> {
  const { catalog } = cx.session;
  const fresh: CheckSpec[] = [];
  for (const row of rows) {
    const own = catalog.table('pg_constraint').find({ conrelid: child.oid }).find((candidate) => candidate.conname === row.conname);
    if (!own) {
      fresh.push({
        name: row.conname, rawExpression: null, adoptedExpression: adoptedFrom(parent, row.conbin), noInherit: false, isLocal: false, inheritCount: 1,
        enforced: row.conenforced, validated: row.convalidated, column: null,
      });
      continue;
    }
    const place = `constraint "${row.conname}" for relation "${child.name}"`;
    if (own.contype !== 'c' || !sameCheck(cx, child, own, parent, row)) throw pgError('DUPLICATE_OBJECT', `${place} already exists`);
    if (own.connoinherit) throw pgError('INVALID_OBJECT_DEFINITION', `constraint "${row.conname}" conflicts with non-inherited constraint on relation "${child.name}"`);
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `merging constraint "${row.conname}" with inherited definition`, { severity: 'NOTICE' }));
    catalog.table('pg_constraint').update(own, { coninhcount: own.coninhcount + 1 });
    catalog.commandCounterIncrement();
  }
  if (fresh.length > 0) yield* addChecks(cx, catalog.relation(child.oid)!, fresh, true);
}

/** Do the conditions mean the same, columns matched by name? */
export function sameCheck(cx: CommandContext, a: Relation, one: PgConstraint, b: Relation, other: PgConstraint): boolean {
  const services = { catalog: cx.session.catalog, services: cx.services };
  const text = (relation: Relation, row: PgConstraint): string => deparseExpression(services, storedExpression(row.conbin ?? ''), relation, false);
  return text(a, one) === text(b, other);
}

/** Children get the NOT NULL constraint of a parent's column, or have theirs counted as inherited. */
export function* inheritNotNull(cx: CommandContext, parent: Relation, column: string): Suspendable<void> {
  const { catalog } = cx.session;
  catalog.commandCounterIncrement();
  const source = catalog.relation(parent.oid)!.constraints.find((row) => row.contype === 'n' && parent.attributes[(row.conkey!.elements[0] as number) - 1].attname === column);
  if (!source || source.connoinherit) return;
  yield* forEachChildTable(cx, parent.oid, function* (child) {
    const own = inheritedCopy(child, source, column);
    if (own) {
      catalog.table('pg_constraint').update(catalog.table('pg_constraint').findOne({ oid: own.oid }) ?? own, { coninhcount: own.coninhcount + 1 });
      return;
    }
    const taken = child.constraints.some((row) => row.conname === source.conname);
    yield* setNotNull(cx, child, [{ name: taken ? null : source.conname, column, noInherit: false, isLocal: false, inheritCount: 1, validated: source.convalidated }]);
    catalog.commandCounterIncrement();
    yield* inheritNotNull(cx, catalog.relation(child.oid)!, column);
  });
}

function withoutNotNull(relation: Relation, columns: readonly string[]): NotNullSpec[] {
  for (const name of columns) {
    if (!relation.attributes.some((attribute) => attribute.attname === name && !attribute.attisdropped)) {
      throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
    }
  }
  return columns.filter((name) => relation.attributes.some((attribute) => attribute.attname === name && !attribute.attnotnull && !attribute.attisdropped))
    .map((column) => ({ name: null, column, noInherit: false, isLocal: true, inheritCount: 0, validated: true }));
}

/** Makes columns NOT NULL after a look at their rows. @throws 23502 */
export function* setNotNull(cx: CommandContext, relation: Relation, columns: readonly NotNullSpec[]): Suspendable<void> {
  for (const { column, validated } of columns) {
    const attribute = relation.attributes.find((candidate) => candidate.attname === column && !candidate.attisdropped);
    if (!attribute || attribute.attnotnull || !validated) continue;
    if (yield* anyRow(cx, relation, `${quoteIdentifier(column)} IS NULL`)) {
      throw pgError('NOT_NULL_VIOLATION', `column "${column}" of relation "${relation.name}" contains null values`, {
        schema: relation.namespaceName, table: relation.name, column,
      });
    }
  }
  const existing = new Set(relation.constraints.filter((row) => row.contype === 'n').map((row) => relation.attributes[(row.conkey!.elements[0] as number) - 1].attname));
  addNotNullConstraints(cx, relation, columns.filter((spec) => !existing.has(spec.column)));
}

/** Is there a row of the table itself for which the condition (SQL text) holds? */
export function* anyRow(cx: CommandContext, relation: Relation, condition: string): Suspendable<boolean> {
  const only = relation.kind === 'p' ? '' : 'ONLY ';
  let found = false;
  for (const query of cx.analyzeText(`SELECT 1 FROM ${only}${quoteQualified(relation.namespaceName, relation.name)} WHERE ${condition} LIMIT 1`)) {
    yield* cx.execute(query, () => {
      found = true;
      return null;
    });
  }
  return found;
}

/** Checks the rows that are there against a CHECK constraint. @throws 23514 */
function* validateCheck(cx: CommandContext, relation: Relation, constraint: PgConstraint): Suspendable<void> {
  if (!constraint.convalidated || !constraint.conenforced || constraint.conbin === null) return;
  const holds = compileCondition(scopeFor(cx.session.catalog, NO_STATEMENT, scanReader(STORED_VARNO, relation.oid)), [
    // A row violates only when the condition is false; unknown passes.
    { node: 'BooleanTest', arg: storedExpression(constraint.conbin), booltesttype: 'isNotFalse', location: -1 },
  ])!;
  const state = cx.executionState();
  let violated = false;
  yield* forEachVisibleRow(cx, relation, (_rowId, read) => {
    violated ||= !holds.evaluate(state, read(), NO_ROW, NO_ROW);
  });
  if (!violated) return;
  throw pgError('CHECK_VIOLATION', `check constraint "${constraint.conname}" of relation "${relation.name}" is violated by some row`, {
    schema: relation.namespaceName, table: relation.name, constraint: constraint.conname,
  });
}

/** Range-table index of the table in its stored expressions. */
const STORED_VARNO = 1;

function* dropConstraint({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const name = command.name ?? '';
  const row = relation.constraints.find((candidate) => candidate.conname === name);
  if (!row) {
    if (!command.missing_ok) throw pgError('UNDEFINED_OBJECT', `constraint "${name}" of relation "${relation.name}" does not exist`);
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `constraint "${name}" of relation "${relation.name}" does not exist, skipping`, { severity: 'NOTICE' }));
    return;
  }
  if (row.coninhcount > 0) throw pgError('INVALID_TABLE_DEFINITION', `cannot drop inherited constraint "${name}" of relation "${relation.name}"`);
  const cascade = command.behavior === 'DROP_CASCADE';
  checkNotNullDroppable(relation, row);
  yield* dropInheritedConstraint(cx, relation, row, recurse, cascade);
  yield* dropObjects(cx, [objectAddress(ConstraintRelationId, row.oid)], { cascade });
}

/** A column of a primary key, or an identity column, stays NOT NULL. @throws 42P16, 42601 */
function checkNotNullDroppable(relation: Relation, row: PgConstraint): void {
  if (row.contype !== 'n') return;
  const attribute = relation.attributes[(row.conkey!.elements[0] as number) - 1];
  const primary = relation.indexes.find((index) => index.primary);
  if (primary?.attributes.slice(0, primary.keyCount).includes(attribute.attnum)) {
    throw pgError('INVALID_TABLE_DEFINITION', `column "${attribute.attname}" is in a primary key`);
  }
  if (attribute.attidentity !== '') throw pgError('SYNTAX_ERROR', `column "${attribute.attname}" of relation "${relation.name}" is an identity column`);
}

function* validateConstraint({ cx, relation, command }: AlterTarget): Suspendable<void> {
  const { catalog } = cx.session;
  const name = command.name ?? '';
  const row = relation.constraints.find((candidate) => candidate.conname === name);
  if (!row) throw pgError('UNDEFINED_OBJECT', `constraint "${name}" of relation "${relation.name}" does not exist`);
  if (row.contype !== 'f' && row.contype !== 'c' && row.contype !== 'n') {
    throw pgError('WRONG_OBJECT_TYPE', `cannot validate constraint "${name}" of relation "${relation.name}"`, {
      detail: 'This operation is not supported for this type of constraint.',
    });
  }
  if (!row.conenforced) throw pgError('WRONG_OBJECT_TYPE', `cannot validate NOT ENFORCED constraint`);
  if (row.convalidated) return;
  const validated = { ...row, convalidated: true };
  if (row.contype === 'c') yield* validateCheck(cx, relation, validated);
  if (row.contype === 'f') {
    yield* validateForeignKey(cx, relation, requireRelation(cx, row.confrelid), name, row.conkey!.elements as number[], row.confkey!.elements as number[], row.confmatchtype);
  }
  const current = catalog.table('pg_constraint').findOne({ oid: row.oid });
  if (current) catalog.table('pg_constraint').update(current, { convalidated: true });
}

function requireRelation(cx: CommandContext, oid: Oid): Relation {
  const relation = cx.session.catalog.relation(oid);
  if (!relation) throw pgError('INTERNAL_ERROR', `cache lookup failed for relation ${oid}`);
  return relation;
}

