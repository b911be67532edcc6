/** NOT NULL and CHECK constraints, and stored generated columns, of one relation: compiled once per relation entry. */
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Catalog, Relation } from '../../catalog/api.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import { scanReader, scopeFor } from '../readers.js';
import { NO_STATEMENT } from '../relation-access.js';
import { storedExpression } from '../stored-expression.js';
import { failingRow } from './row-text.js';

/** Stored expressions of a relation name it as range-table entry 1. */
const STORED_VARNO = 1;

/** What every new row of a relation must pass. */
export interface RelationChecks {
  /** 0-based attributes that must not be null. */
  readonly notNull: readonly number[];
  readonly checks: readonly { readonly name: string; readonly condition: Compiled<Datum> }[];
  /** Stored generated columns: 0-based attribute and value. */
  readonly generated: readonly { readonly attribute: number; readonly value: Compiled<Datum> }[];
}

const compiled = new WeakMap<Relation, RelationChecks>();

/** The checks of a relation. */
export function relationChecks(catalog: Catalog, relation: Relation): RelationChecks {
  let checks = compiled.get(relation);
  if (checks === undefined) {
    const scope = scopeFor(catalog, NO_STATEMENT, scanReader(STORED_VARNO, relation.oid));
    checks = {
      notNull: relation.attributes.filter((attribute) => attribute.attnotnull && !attribute.attisdropped).map((attribute) => attribute.attnum - 1),
      checks: relation.constraints.filter((constraint) => constraint.contype === 'c' && constraint.conbin !== null && constraint.conenforced)
        .toSorted((a, b) => (a.conname < b.conname ? -1 : 1))
        .map((constraint) => ({ name: constraint.conname, condition: compileValue(scope, storedExpression(constraint.conbin!)) })),
      generated: relation.attributes.filter((attribute) => attribute.attgenerated === 's' && !attribute.attisdropped).map((attribute) => ({
        attribute: attribute.attnum - 1, value: compileValue(scope, storedExpression(relation.defaults[attribute.attnum - 1]!)),
      })),
    };
    compiled.set(relation, checks);
  }
  return checks;
}

/** Fills stored generated columns in place. The row must be the caller's own. */
export function* computeGenerated(S: ExecutionState, checks: RelationChecks, row: Row): Suspendable<void> {
  for (const { attribute, value } of checks.generated) row[attribute] = yield* value.run(S, row, NO_ROW, NO_ROW);
}

/** 23502 and 23514 with PostgreSQL's texts. Returns false when a check may wait: then `checkRowWaiting`. */
export function checkRow(S: ExecutionState, relation: Relation, checks: RelationChecks, row: Row): boolean {
  for (const attribute of checks.notNull) if (row[attribute] === null) throw notNullViolation(S, relation, attribute, row);
  for (const { name, condition } of checks.checks) {
    if (condition.waits(S)) return false;
    if (condition.evaluate(S, row, NO_ROW, NO_ROW) === false) throw checkViolation(S, relation, name, row);
  }
  return true;
}

/** The same where conditions may wait. */
export function* checkRowWaiting(S: ExecutionState, relation: Relation, checks: RelationChecks, row: Row): Suspendable<void> {
  for (const { name, condition } of checks.checks) {
    if ((yield* condition.run(S, row, NO_ROW, NO_ROW)) === false) throw checkViolation(S, relation, name, row);
  }
}

function notNullViolation(S: ExecutionState, relation: Relation, attribute: number, row: Row): Error {
  const column = relation.attributes[attribute].attname;
  return pgError('NOT_NULL_VIOLATION', `null value in column "${column}" of relation "${relation.name}" violates not-null constraint`, {
    detail: failingRow(S, relation, row), schema: relation.namespaceName, table: relation.name, column,
  });
}

function checkViolation(S: ExecutionState, relation: Relation, constraint: string, row: Row): Error {
  return pgError('CHECK_VIOLATION', `new row for relation "${relation.name}" violates check constraint "${constraint}"`, {
    detail: failingRow(S, relation, row), schema: relation.namespaceName, table: relation.name, constraint,
  });
}
