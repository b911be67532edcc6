/**
 * ALTER TABLE's way down to children: the tables themselves, and columns and constraints that they inherit.
 *
 * Idea: the recursing parts of PostgreSQL's ATExecAddColumn, ATExecDropColumn, ATAddCheckNNConstraint, dropconstraint_internal
 * (commands/tablecmds.c).
 */
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid, Relation } from '../../catalog/api.js';
import type { PgConstraint } from '../../catalog/rows.js';
import { ConstraintRelationId, RelationRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { dropObjects } from '../drop/drop-object.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import { openOwn } from '../table/create-table.js';

/** Runs `change` for each direct child, locked and owned. */
export function* forEachChildTable(cx: CommandContext, parent: Oid, change: (child: Relation) => Suspendable<void>): Suspendable<void> {
  for (const oid of cx.session.catalog.inheritanceChildren(parent)) {
    yield* lockRelation(cx, oid, 'AccessExclusive');
    const child = openOwn(cx, oid);
    checkTableOwner(cx, child);
    yield* change(child);
    cx.session.catalog.commandCounterIncrement();
  }
}

/** 42P16 when ONLY leaves children out of a change that they must share. */
export function refuseOnly(cx: CommandContext, relation: Relation, recurse: boolean, what: string): void {
  if (!recurse && cx.session.catalog.inheritanceChildren(relation.oid).length > 0) {
    throw pgError('INVALID_TABLE_DEFINITION', `${what} must be added to child tables too`);
  }
}

/** A parent's column is gone: children's copies go too, unless they have reasons of their own. */
export function* dropInheritedColumn(cx: CommandContext, parent: Oid, name: string, recurse: boolean, cascade: boolean): Suspendable<void> {
  const { catalog } = cx.session;
  yield* forEachChildTable(cx, parent, function* (child) {
    const attribute = catalog.table('pg_attribute').findOne({ attrelid: child.oid, attname: name });
    if (!attribute || attribute.attinhcount <= 0) throw pgError('INTERNAL_ERROR', `relation ${child.oid} has non-inherited attribute "${name}"`);
    if (recurse && attribute.attinhcount === 1 && !attribute.attislocal) {
      catalog.table('pg_attribute').update(attribute, { attinhcount: 0 });
      catalog.commandCounterIncrement();
      yield* dropInheritedColumn(cx, child.oid, name, recurse, cascade);
      yield* dropObjects(cx, [objectAddress(RelationRelationId, child.oid, attribute.attnum)], { cascade });
    } else {
      catalog.table('pg_attribute').update(attribute, { attinhcount: attribute.attinhcount - 1, attislocal: recurse ? attribute.attislocal : true });
    }
  });
}

/** A parent's constraint is gone: the same for children's copies. CHECK copies are found by name, NOT NULL ones by column. */
export function* dropInheritedConstraint(cx: CommandContext, parent: Relation, constraint: PgConstraint, recurse: boolean, cascade: boolean): Suspendable<void> {
  if (constraint.connoinherit || (constraint.contype !== 'c' && constraint.contype !== 'n')) return;
  const { catalog } = cx.session;
  const column = constraint.contype === 'n' ? parent.attributes[(constraint.conkey!.elements[0] as number) - 1].attname : null;
  yield* forEachChildTable(cx, parent.oid, function* (child) {
    const own = inheritedCopy(child, constraint, column);
    if (!own || own.coninhcount <= 0) return;
    const row = catalog.table('pg_constraint').findOne({ oid: own.oid });
    if (!row) return;
    if (recurse && row.coninhcount === 1 && !row.conislocal) {
      catalog.table('pg_constraint').update(row, { coninhcount: 0 });
      catalog.commandCounterIncrement();
      yield* dropInheritedConstraint(cx, child, own, recurse, cascade);
      yield* dropObjects(cx, [objectAddress(ConstraintRelationId, row.oid)], { cascade });
    } else {
      catalog.table('pg_constraint').update(row, { coninhcount: row.coninhcount - 1, conislocal: recurse ? row.conislocal : true });
    }
  });
}

/** A child's copy of a parent's constraint. */
export function inheritedCopy(child: Relation, constraint: PgConstraint, column: string | null): PgConstraint | undefined {
  return child.constraints.find((row) => row.contype === constraint.contype && (column === null ? row.conname === constraint.conname
    : child.attributes[(row.conkey!.elements[0] as number) - 1].attname === column));
}
