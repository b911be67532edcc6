/**
 * INHERITS: columns and constraints of parents merged into a new table's definition, and the rows of pg_inherits.
 *
 * Idea: PostgreSQL's MergeAttributes and StoreCatalogInheritance (commands/tablecmds.c).
 */
import type { RangeVar } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { objectAddress } from '../../catalog/address.js';
import { RelationRelationId } from '../../types/oids.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import type { CommandContext } from '../api.js';
import { openNamed } from '../expressions.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import type { CreationTarget } from '../relation/creation-target.js';
import { adoptedFrom } from './adopt.js';
import type { CheckSpec, ColumnSpec, TableDefinition } from './definition.js';

type MutableColumn = { -readonly [K in keyof ColumnSpec]: ColumnSpec[K] };
type MutableCheck = { -readonly [K in keyof CheckSpec]: CheckSpec[K] };

/**
 * Puts the parents' columns before the table's own, merging those of one name; inherits defaults, CHECK and NOT NULL
 * constraints. Returns the parents in order. @throws 42P07, 42809, 42804, 42611
 */
export function* mergeInherited(cx: CommandContext, definition: TableDefinition, names: readonly RangeVar[], target: CreationTarget): Suspendable<Relation[]> {
  if (names.length === 0) return [];
  const parents: Relation[] = [];
  for (const name of names) {
    const parent = openNamed(cx, name);
    yield* lockRelation(cx, parent.oid, 'ShareUpdateExclusive');
    checkParent(cx, parent, target);
    if (parents.some((other) => other.oid === parent.oid)) {
      throw pgError('DUPLICATE_TABLE', `relation "${parent.name}" would be inherited from more than once`);
    }
    parents.push(parent);
  }
  const own = definition.columns.splice(0, definition.columns.length);
  for (const parent of parents) inheritColumns(cx, definition, parent);
  for (const column of own) mergeOwnColumn(cx, definition, column);
  for (const parent of parents) inheritConstraints(definition, parent);
  return parents;
}

function checkParent(cx: CommandContext, parent: Relation, target: CreationTarget): void {
  if (parent.kind !== 'r' && parent.kind !== 'f' && parent.kind !== 'p') throw pgError('WRONG_OBJECT_TYPE', `inherited relation "${parent.name}" is not a table or foreign table`);
  if (parent.kind === 'p') throw pgError('WRONG_OBJECT_TYPE', `cannot inherit from partitioned table "${parent.name}"`);
  if (parent.row.relispartition) throw pgError('WRONG_OBJECT_TYPE', `cannot inherit from partition "${parent.name}"`);
  if (target.persistence !== 't' && parent.persistence === 't') {
    throw pgError('WRONG_OBJECT_TYPE', `cannot inherit from temporary relation "${parent.name}"`);
  }
  checkTableOwner(cx, parent);
}

/** Two columns of one name must be of one type. */
function checkSame(cx: CommandContext, a: ColumnSpec, b: ColumnSpec, what: string): void {
  const format = (column: ColumnSpec): string => cx.services.types.formatType(column.type, column.typmod);
  if (a.type !== b.type || a.typmod !== b.typmod) {
    throw pgError('DATATYPE_MISMATCH', `${what} "${b.name}" has a type conflict`, { detail: `${format(a)} versus ${format(b)}` });
  }
  if (a.collation !== b.collation) {
    const name = (column: ColumnSpec): string => cx.session.catalog.collation(column.collation)?.collname ?? '';
    throw pgError('COLLATION_MISMATCH', `${what} "${b.name}" has a collation conflict`, { detail: `"${name(a)}" versus "${name(b)}"` });
  }
  if (a.generated !== b.generated && what === 'inherited column') {
    throw pgError('INVALID_COLUMN_DEFINITION', `inherited column "${b.name}" has a generation conflict`);
  }
}

function inheritColumns(cx: CommandContext, definition: TableDefinition, parent: Relation): void {
  for (const attribute of parent.attributes) {
    if (attribute.attisdropped) continue;
    const inherited: ColumnSpec = {
      name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, collation: attribute.attcollation, dimensions: attribute.attndims,
      notNull: false, identity: '', generated: attribute.attgenerated, hasDefault: false, isLocal: false, inheritCount: 1,
      storage: attribute.attstorage, compression: attribute.attcompression, rawDefault: null, adoptedDefault: adoptedFrom(parent, parent.defaults[attribute.attnum - 1] ?? null), location: -1,
    };
    const at = definition.columns.findIndex((column) => column.name === inherited.name);
    if (at < 0) {
      definition.columns.push(inherited);
      continue;
    }
    const before: MutableColumn = definition.columns[at];
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `merging multiple inherited definitions of column "${inherited.name}"`, { severity: 'NOTICE' }));
    checkSame(cx, before, inherited, 'inherited column');
    before.inheritCount++;
    if (before.adoptedDefault === null) before.adoptedDefault = inherited.adoptedDefault;
  }
}

function mergeOwnColumn(cx: CommandContext, definition: TableDefinition, column: ColumnSpec): void {
  const at = definition.columns.findIndex((candidate) => candidate.name === column.name);
  if (at < 0 || !(definition.columns[at].inheritCount > 0)) {
    definition.columns.push(column);
    return;
  }
  const before: MutableColumn = definition.columns[at];
  cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `merging column "${column.name}" with inherited definition`, { severity: 'NOTICE' }));
  checkSame(cx, before, column, 'column');
  if (before.generated !== '' && column.rawDefault !== null && column.generated === '') {
    throw pgError('INVALID_COLUMN_DEFINITION', `column "${column.name}" inherits from generated column but specifies default`);
  }
  if (before.generated !== '' && column.identity !== '') {
    throw pgError('INVALID_COLUMN_DEFINITION', `column "${column.name}" inherits from generated column but specifies identity`);
  }
  if (before.generated === '' && column.generated !== '') {
    throw pgError('INVALID_COLUMN_DEFINITION', `child column "${column.name}" specifies generation expression`, {
      hint: 'A child table column cannot be generated unless its parent column is.',
    });
  }
  before.isLocal = true;
  before.identity = column.identity;
  if (column.rawDefault !== null) {
    before.rawDefault = column.rawDefault;
    before.adoptedDefault = null;
  }
}

function inheritConstraints(definition: TableDefinition, parent: Relation): void {
  for (const row of parent.constraints) {
    if (row.contype === 'c' && !row.connoinherit && row.conbin !== null) {
      const own: MutableCheck | undefined = definition.checks.find((check) => check.name === row.conname);
      if (own) {
        own.inheritCount++;
        continue;
      }
      definition.checks.push({
        name: row.conname, rawExpression: null, adoptedExpression: adoptedFrom(parent, row.conbin), noInherit: false, isLocal: false, inheritCount: 1,
        enforced: row.conenforced, validated: row.convalidated, column: null,
      });
    }
    if (row.contype === 'n' && !row.connoinherit) {
      const column = parent.attributes[(row.conkey?.elements[0] as number) - 1].attname;
      definition.notNulls.push({ name: definition.notNulls.some((own) => own.column === column) ? null : row.conname, column, noInherit: false, isLocal: false, inheritCount: 1, validated: true });
    }
  }
}

/** Rows of pg_inherits, dependencies on the parents, and the parents' mark that they have children. */
export function recordInheritance(cx: CommandContext, child: Oid, parents: readonly Relation[]): void {
  const { catalog } = cx.session;
  parents.forEach((parent, index) => {
    catalog.table('pg_inherits').insert({ inhrelid: child, inhparent: parent.oid, inhseqno: index + 1, inhdetachpending: false });
    recordDependencyOn(catalog, objectAddress(RelationRelationId, child), objectAddress(RelationRelationId, parent.oid), 'n');
    const row = catalog.table('pg_class').findOne({ oid: parent.oid });
    if (row && !row.relhassubclass) catalog.table('pg_class').update(row, { relhassubclass: true });
  });
  if (parents.length > 0) catalog.commandCounterIncrement();
}
