/**
 * Constraints from the parse tree into a `TableDefinition`: those that stand in a column's definition, and those of
 * the table. Idea: PostgreSQL's transformColumnDefinition, transformTableConstraint and transformConstraintAttrs
 * (parser/parse_utilcmd.c).
 */
import type { Constraint, Node } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import { bodyAs, bodyOf, stringList, tagOf } from '../../parser/raw.js';
import type { ForeignKeySpec, IndexConstraintSpec, TableDefinition } from './definition.js';

/** A constraint with the attribute clauses (DEFERRABLE ...) that follow it folded in. */
export type FoldedConstraint = Constraint;

/** The `Constraint` nodes of a column, attribute clauses folded into the constraint they follow. @throws 42601 */
export function foldConstraintAttributes(list: readonly Node[]): FoldedConstraint[] {
  const folded: { -readonly [K in keyof Constraint]: Constraint[K] }[] = [];
  let sawDeferrability = false;
  let sawInitially = false;
  for (const node of list) {
    const constraint = bodyAs<Constraint>(bodyOf(node));
    const last = folded.at(-1);
    const misplaced = (clause: string): Error =>
      pgError('SYNTAX_ERROR', `misplaced ${clause} clause`, at(constraint.location));
    const deferrable = last !== undefined && ['CONSTR_PRIMARY', 'CONSTR_UNIQUE', 'CONSTR_EXCLUSION', 'CONSTR_FOREIGN'].includes(last.contype ?? '');
    switch (constraint.contype) {
      case 'CONSTR_ATTR_DEFERRABLE':
        if (!last || !deferrable) throw misplaced('DEFERRABLE');
        if (sawDeferrability) throw pgError('SYNTAX_ERROR', 'multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed', at(constraint.location));
        sawDeferrability = true;
        last.deferrable = true;
        break;
      case 'CONSTR_ATTR_NOT_DEFERRABLE':
        if (!last || !deferrable) throw misplaced('NOT DEFERRABLE');
        if (sawDeferrability) throw pgError('SYNTAX_ERROR', 'multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed', at(constraint.location));
        sawDeferrability = true;
        last.deferrable = false;
        if (sawInitially && last.initdeferred) throw deferredMustBeDeferrable(constraint.location);
        break;
      case 'CONSTR_ATTR_DEFERRED':
        if (!last || !deferrable) throw misplaced('INITIALLY DEFERRED');
        if (sawInitially) throw pgError('SYNTAX_ERROR', 'multiple INITIALLY IMMEDIATE/DEFERRED clauses not allowed', at(constraint.location));
        sawInitially = true;
        last.initdeferred = true;
        if (!sawDeferrability) last.deferrable = true;
        else if (!last.deferrable) throw deferredMustBeDeferrable(constraint.location);
        break;
      case 'CONSTR_ATTR_IMMEDIATE':
        if (!last || !deferrable) throw misplaced('INITIALLY IMMEDIATE');
        if (sawInitially) throw pgError('SYNTAX_ERROR', 'multiple INITIALLY IMMEDIATE/DEFERRED clauses not allowed', at(constraint.location));
        sawInitially = true;
        last.initdeferred = false;
        break;
      case 'CONSTR_ATTR_ENFORCED':
      case 'CONSTR_ATTR_NOT_ENFORCED': {
        const enforced = constraint.contype === 'CONSTR_ATTR_ENFORCED';
        if (!last || !['CONSTR_CHECK', 'CONSTR_FOREIGN'].includes(last.contype ?? '')) throw misplaced(enforced ? 'ENFORCED' : 'NOT ENFORCED');
        last.is_enforced = enforced;
        if (!enforced) last.initially_valid = false;
        break;
      }
      default:
        folded.push({ ...constraint });
        sawDeferrability = false;
        sawInitially = false;
    }
  }
  return folded;
}

function deferredMustBeDeferrable(location: number | undefined): Error {
  return pgError('SYNTAX_ERROR', 'constraint declared INITIALLY DEFERRED must be DEFERRABLE', at(location));
}

/** Error fields with the position of a node. */
export function at(location: number | undefined): { position?: number } {
  return location === undefined || location < 0 ? {} : { position: location + 1 };
}

/** Adds a table-level constraint to the definition. @throws 0A000 for forms that are not there yet */
export function addTableConstraint(definition: TableDefinition, constraint: FoldedConstraint): void {
  switch (constraint.contype) {
    case 'CONSTR_PRIMARY':
      definition.indexes.push(indexConstraint('p', constraint, stringList(constraint.keys)));
      return;
    case 'CONSTR_UNIQUE':
      definition.indexes.push(indexConstraint('u', constraint, stringList(constraint.keys)));
      return;
    case 'CONSTR_EXCLUSION':
      definition.indexes.push(indexConstraint('x', constraint, []));
      return;
    case 'CONSTR_CHECK':
      addCheck(definition, constraint, null);
      return;
    case 'CONSTR_FOREIGN':
      definition.foreignKeys.push(foreignKey(constraint, stringList(constraint.fk_attrs)));
      return;
    case 'CONSTR_NOTNULL':
      definition.notNulls.push({
        name: constraint.conname ?? null, column: stringList(constraint.keys)[0], noInherit: constraint.is_no_inherit ?? false,
        isLocal: true, inheritCount: 0, validated: !(constraint.skip_validation ?? false),
      });
      return;
    default:
      throw notSupported(`table constraint ${constraint.contype ?? ''}`);
  }
}

/** Adds a CHECK constraint; `column` when it stands in that column's definition. */
export function addCheck(definition: TableDefinition, constraint: FoldedConstraint, column: string | null): void {
  definition.checks.push({
    name: constraint.conname ?? null, rawExpression: constraint.raw_expr ?? null, adoptedExpression: null,
    noInherit: constraint.is_no_inherit ?? false, isLocal: true, inheritCount: 0,
    enforced: constraint.is_enforced ?? false, validated: (constraint.initially_valid ?? false) && !(constraint.skip_validation ?? false), column,
  });
}

/** A PRIMARY KEY, UNIQUE or EXCLUDE constraint on the given columns. */
export function indexConstraint(kind: 'p' | 'u' | 'x', constraint: FoldedConstraint, columns: readonly string[]): IndexConstraintSpec {
  const exclusions = (constraint.exclusions ?? []).map((pair) => {
    const items = bodyAs<{ items?: Node[] }>(bodyOf(pair)).items ?? [];
    return { element: bodyOf(items[0]), operator: stringList(bodyAs<{ items?: Node[] }>(bodyOf(items[1])).items) };
  });
  return {
    kind, name: constraint.conname ?? null, columns, including: stringList(constraint.including),
    nullsNotDistinct: constraint.nulls_not_distinct ?? false, withoutOverlaps: constraint.without_overlaps ?? false,
    deferrable: constraint.deferrable ?? false, initiallyDeferred: constraint.initdeferred ?? false,
    exclusions, accessMethod: constraint.access_method ?? (kind === 'x' ? 'gist' : 'btree'), where: constraint.where_clause ?? null,
    options: constraint.options ?? [], usingIndex: constraint.indexname ?? null, location: constraint.location ?? -1,
  };
}

/** A foreign key of the given columns. */
export function foreignKey(constraint: FoldedConstraint, columns: readonly string[]): ForeignKeySpec {
  if (!constraint.pktable) throw pgError('SYNTAX_ERROR', 'foreign key without a referenced table');
  if (constraint.fk_with_period || constraint.pk_with_period) throw notSupported('FOREIGN KEY ... PERIOD');
  return {
    name: constraint.conname ?? null, columns, referencedTable: constraint.pktable, referencedColumns: stringList(constraint.pk_attrs),
    match: constraint.fk_matchtype ?? 's', onUpdate: constraint.fk_upd_action ?? 'a', onDelete: constraint.fk_del_action ?? 'a',
    onDeleteSetColumns: stringList(constraint.fk_del_set_cols), deferrable: constraint.deferrable ?? false,
    initiallyDeferred: constraint.initdeferred ?? false, enforced: constraint.is_enforced ?? false,
    validated: (constraint.initially_valid ?? false) && !(constraint.skip_validation ?? false), location: constraint.location ?? -1,
  };
}

/** True for the `Constraint` nodes of a list (LIKE clauses and column definitions stand in the same list). */
export function isConstraint(node: Node): boolean {
  return tagOf(node) === 'Constraint';
}
