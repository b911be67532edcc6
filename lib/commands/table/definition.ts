/**
 * A table's definition on its way from the parse tree to the catalogs: columns and constraints as CREATE TABLE and ALTER
 * TABLE ADD collect them, with defaults still raw.
 */
import type { Constraint, IndexElem, Node, RangeVar } from 'libpg-query';
import type { NewColumn } from '../relation/create-relation.js';

/** A stored expression of another relation, to be adopted by a new one: column numbers mean that relation's columns. */
export interface AdoptedExpression {
  readonly text: string;
  /** Column names of the relation it comes from, by attribute number - 1. */
  readonly columnNames: readonly string[];
}

/** A column with what is attached to it. */
export interface ColumnSpec extends NewColumn {
  /** DEFAULT or generation expression as written; null for none. */
  readonly rawDefault: Node | null;
  /** Default inherited or copied by LIKE. */
  readonly adoptedDefault: AdoptedExpression | null;
  /** From LIKE or inheritance: comes before local definition errors. */
  readonly location: number;
}

/** A CHECK constraint. */
export interface CheckSpec {
  readonly name: string | null;
  readonly rawExpression: Node | null;
  readonly adoptedExpression: AdoptedExpression | null;
  readonly noInherit: boolean;
  readonly isLocal: boolean;
  readonly inheritCount: number;
  readonly enforced: boolean;
  readonly validated: boolean;
  /** The column whose definition it stands in, for its name; null for a table constraint. */
  readonly column: string | null;
}

/** A NOT NULL constraint (PostgreSQL 18 keeps them in pg_constraint). */
export interface NotNullSpec {
  readonly name: string | null;
  readonly column: string;
  readonly noInherit: boolean;
  readonly isLocal: boolean;
  readonly inheritCount: number;
  readonly validated: boolean;
}

/** PRIMARY KEY, UNIQUE or EXCLUDE: an index with a constraint on top. */
export interface IndexConstraintSpec {
  readonly kind: 'p' | 'u' | 'x';
  readonly name: string | null;
  readonly columns: readonly string[];
  readonly including: readonly string[];
  readonly nullsNotDistinct: boolean;
  readonly withoutOverlaps: boolean;
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
  /** EXCLUDE: elements with their operators, access method, predicate. */
  readonly exclusions: readonly { readonly element: IndexElem; readonly operator: readonly string[] }[];
  readonly accessMethod: string;
  readonly where: Node | null;
  readonly options: readonly Node[];
  /** ADD CONSTRAINT ... USING INDEX */
  readonly usingIndex: string | null;
  readonly location: number;
}

/** A foreign key. */
export interface ForeignKeySpec {
  readonly name: string | null;
  readonly columns: readonly string[];
  readonly referencedTable: RangeVar;
  readonly referencedColumns: readonly string[];
  /** f full, p partial, s simple */
  readonly match: string;
  /** a no action, r restrict, c cascade, n set null, d set default */
  readonly onUpdate: string;
  readonly onDelete: string;
  readonly onDeleteSetColumns: readonly string[];
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
  readonly enforced: boolean;
  readonly validated: boolean;
  readonly location: number;
}

/** Everything collected. */
export interface TableDefinition {
  readonly columns: ColumnSpec[];
  readonly checks: CheckSpec[];
  readonly notNulls: NotNullSpec[];
  readonly indexes: IndexConstraintSpec[];
  readonly foreignKeys: ForeignKeySpec[];
}

/** An empty definition to collect into. */
export function emptyDefinition(): TableDefinition {
  return { columns: [], checks: [], notNulls: [], indexes: [], foreignKeys: [] };
}

export type { Constraint };
