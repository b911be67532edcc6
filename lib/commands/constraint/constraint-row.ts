/**
 * Rows of pg_constraint with their dependencies, and the names that constraints get when none is given.
 *
 * Idea: PostgreSQL's CreateConstraintEntry and ChooseConstraintName (catalog/pg_constraint.c).
 */
import type { Catalog, Oid } from '../../catalog/api.js';
import { objectAddress } from '../../catalog/address.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import type { PgConstraint } from '../../catalog/rows.js';
import { ArrayValue } from '../../types/datum.js';
import { ConstraintRelationId, INT2OID, OIDOID, RelationRelationId, TypeRelationId } from '../../types/oids.js';
import { makeObjectName } from '../object-name.js';

/** What a constraint is; fields that do not concern its kind are left out. */
export interface NewConstraint {
  readonly name: string;
  readonly namespace: Oid;
  /** c check, n not null, p primary, u unique, f foreign, x exclusion, t trigger */
  readonly type: string;
  readonly relation: Oid;
  /** The domain, for a domain's constraint. */
  readonly domain?: Oid;
  readonly columns: readonly number[];
  readonly index?: Oid;
  readonly parent?: Oid;
  readonly deferrable?: boolean;
  readonly deferred?: boolean;
  readonly enforced?: boolean;
  readonly validated?: boolean;
  readonly referenced?: {
    readonly relation: Oid; readonly columns: readonly number[];
    readonly pfEqualOperators: readonly Oid[]; readonly ppEqualOperators: readonly Oid[]; readonly ffEqualOperators: readonly Oid[];
    readonly onUpdate: string; readonly onDelete: string; readonly match: string; readonly onDeleteSetColumns: readonly number[];
  };
  readonly exclusionOperators?: readonly Oid[];
  readonly expression?: string;
  readonly isLocal?: boolean;
  readonly inheritCount?: number;
  readonly noInherit?: boolean;
  readonly withPeriod?: boolean;
}

const smallints = (values: readonly number[]): ArrayValue => ArrayValue.of(INT2OID, values);
const oids = (values: readonly number[]): ArrayValue => ArrayValue.of(OIDOID, values);

/** Inserts the row and the dependencies that every kind has; returns the constraint's OID. */
export function createConstraint(catalog: Catalog, constraint: NewConstraint): Oid {
  const oid = catalog.newOid();
  const { referenced } = constraint;
  const row: PgConstraint = {
    oid, conname: constraint.name, connamespace: constraint.namespace, contype: constraint.type,
    condeferrable: constraint.deferrable ?? false, condeferred: constraint.deferred ?? false,
    conenforced: constraint.enforced ?? true, convalidated: constraint.validated ?? true,
    conrelid: constraint.relation, contypid: constraint.domain ?? 0, conindid: constraint.index ?? 0,
    conparentid: constraint.parent ?? 0, confrelid: referenced?.relation ?? 0, confupdtype: referenced?.onUpdate ?? ' ',
    confdeltype: referenced?.onDelete ?? ' ', confmatchtype: referenced?.match ?? ' ',
    conislocal: constraint.isLocal ?? true, coninhcount: constraint.inheritCount ?? 0, connoinherit: constraint.noInherit ?? defaultNoInherit(constraint.type),
    conperiod: constraint.withPeriod ?? false, conkey: constraint.columns.length > 0 ? smallints(constraint.columns) : null,
    confkey: referenced ? smallints(referenced.columns) : null,
    conpfeqop: referenced ? oids(referenced.pfEqualOperators) : null, conppeqop: referenced ? oids(referenced.ppEqualOperators) : null,
    conffeqop: referenced ? oids(referenced.ffEqualOperators) : null,
    confdelsetcols: referenced && referenced.onDeleteSetColumns.length > 0 ? smallints(referenced.onDeleteSetColumns) : null,
    conexclop: constraint.exclusionOperators ? oids(constraint.exclusionOperators) : null, conbin: constraint.expression ?? null,
  };
  catalog.table('pg_constraint').insert(row);
  recordConstraintDependencies(catalog, oid, constraint);
  return oid;
}

/** Constraints that indexes carry do not pass to children by themselves. */
function defaultNoInherit(type: string): boolean {
  return type === 'p' || type === 'u' || type === 'f' || type === 'x';
}

function recordConstraintDependencies(catalog: Catalog, oid: Oid, constraint: NewConstraint): void {
  const self = objectAddress(ConstraintRelationId, oid);
  if (constraint.relation !== 0) {
    const columns = constraint.columns.filter((column) => column > 0);
    if (columns.length === 0) recordDependencyOn(catalog, self, objectAddress(RelationRelationId, constraint.relation), 'a');
    for (const column of columns) recordDependencyOn(catalog, self, objectAddress(RelationRelationId, constraint.relation, column), 'a');
  }
  if (constraint.domain) recordDependencyOn(catalog, self, objectAddress(TypeRelationId, constraint.domain), 'a');
  if (constraint.referenced) {
    for (const column of constraint.referenced.columns) {
      recordDependencyOn(catalog, self, objectAddress(RelationRelationId, constraint.referenced.relation, column), 'n');
    }
    if (constraint.index) recordDependencyOn(catalog, self, objectAddress(RelationRelationId, constraint.index), 'n');
  }
}

/** True when a constraint of that name exists on the relation (or domain). */
export function constraintNameTaken(catalog: Catalog, relation: Oid, name: string, domain: Oid = 0): boolean {
  return catalog.table('pg_constraint').findOne({ conrelid: relation, contypid: domain, conname: name }) !== null;
}

/** A name not used by any constraint of the schema nor in `others`: `table_column_label`, then with numbers. */
export function chooseConstraintName(
  catalog: Catalog, name1: string, name2: string | null, label: string, namespace: Oid, others: ReadonlySet<string> = new Set(),
): string {
  for (let pass = 0; ; pass++) {
    const name = makeObjectName(name1, name2, pass === 0 ? label : `${label}${pass}`);
    if (others.has(name)) continue;
    if (catalog.table('pg_constraint').find({ conname: name, connamespace: namespace }).length === 0) return name;
  }
}
