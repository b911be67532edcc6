/**
 * What looks at a column whose type changes: CHECK constraints, index columns, index expressions and predicates, foreign
 * keys. Captured as text before the change, put back over the changed table after it.
 *
 * Idea: PostgreSQL's RememberAllDependentForRebuilding, ATPostAlterTypeCleanup (commands/tablecmds.c).
 */
import type { Node, ResTarget, SelectStmt } from 'libpg-query';
import { deparseExpression } from '../../analyzer/deparse/deparse.js';
import { exprCollation, exprType } from '../../analyzer/node-functions.js';
import type { Expr } from '../../analyzer/nodes.js';
import { serialize } from '../../analyzer/serialize.js';
import { assert } from '../../base/assert.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { IndexDescriptor, Oid, Relation } from '../../catalog/api.js';
import type { PgConstraint } from '../../catalog/rows.js';
import { storedExpression, storedExpressions } from '../../executor/stored-expression.js';
import { parse } from '../../parser/parse.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { ArrayValue } from '../../types/datum.js';
import { ConstraintRelationId, OIDOID } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { dropConstraintTraces } from '../drop/drop-constraint.js';
import { deleteTraces } from '../../catalog/deletion.js';
import { cookCondition, cookExpression, referencedColumns } from '../expressions.js';
import { addForeignKey } from '../table/add-foreign-key.js';
import { openOwn } from '../table/create-table.js';

/** The dependents of a column. */
export interface Dependents {
  /** CHECK constraints with their conditions as text. */
  readonly checks: readonly { readonly oid: Oid; readonly text: string }[];
  readonly indexes: readonly { readonly oid: Oid; readonly expressions: readonly string[] | null; readonly predicate: string | null }[];
  readonly foreignKeys: readonly { restore(): Suspendable<void> }[];
}

function deparse(cx: CommandContext, relation: Relation, expr: Expr): string {
  return deparseExpression({ catalog: cx.session.catalog, services: cx.services }, expr, relation, false);
}

/** Notes down what looks at the column; foreign keys over it are dropped, to be added again. */
export function captureDependents(cx: CommandContext, relation: Relation, attnum: number): Dependents {
  const uses = (expr: Expr): boolean => referencedColumns(expr).some((column) => column === attnum || column === 0);
  const checks = relation.constraints.filter((row) => row.contype === 'c' && row.conbin !== null && uses(storedExpression(row.conbin)))
    .map((row) => ({ oid: row.oid, text: deparse(cx, relation, storedExpression(row.conbin!)) }));
  const indexes = relation.indexes.flatMap((index) => {
    const expressions = index.expressions === null ? [] : storedExpressions(index.expressions);
    const predicate = index.predicate === null ? null : storedExpression(index.predicate);
    if (!index.attributes.includes(attnum) && !expressions.some(uses) && !(predicate && uses(predicate))) return [];
    return [{
      oid: index.oid, expressions: expressions.length > 0 ? expressions.map((expr) => deparse(cx, relation, expr)) : null,
      predicate: predicate && deparse(cx, relation, predicate),
    }];
  });
  const keys = [...relation.constraints.filter((row) => row.contype === 'f'), ...relation.referencedBy.filter((row) => row.conrelid !== relation.oid)]
    .filter((row) => (row.conrelid === relation.oid && has(row.conkey, attnum)) || (row.confrelid === relation.oid && has(row.confkey, attnum)));
  return { checks, indexes, foreignKeys: keys.map((row) => captureForeignKey(cx, row)) };
}

function has(columns: ArrayValue | null, attnum: number): boolean {
  return columns?.elements.includes(attnum) ?? false;
}

function captureForeignKey(cx: CommandContext, row: PgConstraint): { restore(): Suspendable<void> } {
  const { catalog } = cx.session;
  const referencing = openOwn(cx, row.conrelid);
  const referenced = openOwn(cx, row.confrelid);
  const names = (relation: Relation, columns: ArrayValue | null): string[] => ((columns?.elements ?? []) as readonly number[]).map((attnum) => relation.attributes[attnum - 1].attname);
  const spec = {
    name: row.conname, columns: names(referencing, row.conkey), referencedTable: { schemaname: referenced.namespaceName, relname: referenced.name, inh: true, relpersistence: 'p', location: -1 },
    referencedColumns: names(referenced, row.confkey), match: row.confmatchtype, onUpdate: row.confupdtype, onDelete: row.confdeltype,
    onDeleteSetColumns: names(referencing, row.confdelsetcols), deferrable: row.condeferrable, initiallyDeferred: row.condeferred, enforced: row.conenforced,
    validated: row.convalidated, location: -1,
  };
  dropConstraintTraces(cx, row.oid);
  deleteTraces(catalog, objectAddress(ConstraintRelationId, row.oid));
  catalog.commandCounterIncrement();
  return {
    *restore() {
      yield* addForeignKey(cx, openOwn(cx, row.conrelid), spec);
      catalog.commandCounterIncrement();
    },
  };
}

/** Analyzes the conditions and expressions again over the changed table. Indexes are to be filled anew afterwards. */
export function restoreDependents(cx: CommandContext, relation: Relation, attnum: number, dependents: Dependents): void {
  const { catalog } = cx.session;
  for (const { oid, text } of dependents.checks) {
    const row = catalog.table('pg_constraint').findOne({ oid });
    if (row) catalog.table('pg_constraint').update(row, { conbin: serialize(cookCondition(cx, relation, parsed(text), 'checkConstraint', 'CHECK')) });
  }
  for (const captured of dependents.indexes) {
    const index = relation.indexes.find((candidate) => candidate.oid === captured.oid);
    const row = catalog.table('pg_index').findOne({ indexrelid: captured.oid });
    if (!index || !row) continue;
    const expressions = (captured.expressions ?? []).map((text) => cookExpression(cx, relation, parsed(text), 'indexExpression'));
    const columns = changedColumns(relation, index, attnum, expressions);
    catalog.table('pg_index').update(row, {
      indexprs: captured.expressions ? serialize(expressions) : null,
      indpred: captured.predicate === null ? null : serialize(cookCondition(cx, relation, parsed(captured.predicate), 'indexPredicate', 'WHERE')),
      ...keyChanges(cx, index, columns),
    });
    changeIndexColumns(cx, index, columns);
  }
}

interface ChangedColumn { readonly at: number; readonly type: Oid; readonly typmod: number; readonly collation: Oid }

/** The index's columns whose type may have changed: the column itself, and expressions. */
function changedColumns(relation: Relation, index: IndexDescriptor, attnum: number, expressions: readonly Expr[]): ChangedColumn[] {
  const source = relation.attributes[attnum - 1];
  let next = 0;
  return index.attributes.flatMap((column, at): ChangedColumn[] => {
    if (column === attnum) return [{ at, type: source.atttypid, typmod: source.atttypmod, collation: source.attcollation }];
    const expr = column === 0 ? expressions[next++] : undefined;
    return expr ? [{ at, type: exprType(expr), typmod: -1, collation: exprCollation(expr) }] : [];
  });
}

/** The raw expression of a text. */
function parsed(text: string): Node {
  const [statement] = parse(`SELECT ${text}`);
  const [target] = bodyAs<SelectStmt>(statement.body).targetList ?? [];
  assert(target !== undefined, 'a deparsed expression parses');
  return bodyAs<ResTarget>(bodyOf(target)).val!;
}

/** Operator classes and collations of an index's key columns after the change. */
function keyChanges(cx: CommandContext, index: IndexDescriptor, columns: readonly ChangedColumn[]): { indclass: ArrayValue; indcollation: ArrayValue } {
  const { catalog } = cx.session;
  const classes = [...index.opclasses];
  const collations = [...index.collations];
  for (const { at, type, collation } of columns) {
    if (at >= index.keyCount) continue;
    classes[at] = catalog.defaultOpclass(catalog.baseType(type), index.classRow.relam) || classes[at];
    collations[at] = collation;
  }
  const vector = (values: readonly number[]): ArrayValue => new ArrayValue(OIDOID, [values.length], [0], values);
  return { indclass: vector(classes), indcollation: vector(collations) };
}

/** The index's own columns follow. */
function changeIndexColumns(cx: CommandContext, index: IndexDescriptor, columns: readonly ChangedColumn[]): void {
  const attributes = cx.session.catalog.table('pg_attribute');
  for (const { at, type, typmod, collation } of columns) {
    const own = attributes.findOne({ attrelid: index.oid, attnum: at + 1 });
    const row = cx.session.catalog.type(type);
    if (!own || !row) continue;
    attributes.update(own, {
      atttypid: type, atttypmod: typmod, attlen: row.typlen, attbyval: row.typbyval, attalign: row.typalign, attstorage: row.typstorage, attcollation: collation,
    });
  }
}
