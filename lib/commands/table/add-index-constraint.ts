/**
 * PRIMARY KEY and UNIQUE: an index and the constraint that owns it.
 *
 * Idea: PostgreSQL's transformIndexConstraint (parser/parse_utilcmd.c) and index_constraint_create (catalog/index.c).
 */
import type { DefElem, Node } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { objectAddress } from '../../catalog/address.js';
import { ConstraintRelationId, RelationRelationId } from '../../types/oids.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { CommandContext } from '../api.js';
import { constraintNameTaken, createConstraint } from '../constraint/constraint-row.js';
import { optionText } from '../definition-options.js';
import { createIndex } from '../index/create-index.js';
import { indexColumns, indexMethod } from '../index/index-columns.js';
import { chooseIndexName } from '../relation/relation-name.js';
import type { IndexConstraintSpec, TableDefinition } from './definition.js';
import { at } from './transform-constraint.js';

/**
 * Checks the index constraints of a new table against its columns, makes key columns NOT NULL, and drops constraints that
 * say the same twice. @throws 42P16, 42703, 42701
 */
export function prepareIndexConstraints(definition: TableDefinition, table: string): void {
  const primaries = definition.indexes.filter((spec) => spec.kind === 'p');
  if (primaries.length > 1) {
    throw pgError('INVALID_TABLE_DEFINITION', `multiple primary keys for table "${table}" are not allowed`, at(primaries[1].location));
  }
  for (const spec of definition.indexes) {
    for (const name of spec.columns) {
      const column = definition.columns.find((candidate) => candidate.name === name);
      if (!column && !SYSTEM_NAMES.has(name)) throw pgError('UNDEFINED_COLUMN', `column "${name}" named in key does not exist`, at(spec.location));
      if (spec.columns.filter((other) => other === name).length > 1) {
        throw pgError('DUPLICATE_COLUMN', `column "${name}" appears twice in ${spec.kind === 'p' ? 'primary key' : 'unique'} constraint`, at(spec.location));
      }
      if (spec.kind === 'p' && !definition.notNulls.some((notNull) => notNull.column === name)) {
        definition.notNulls.push({ name: null, column: name, noInherit: false, isLocal: true, inheritCount: 0, validated: true });
      }
    }
  }
  // The primary key's index comes first; a UNIQUE equal to it (or to another) makes no second one unless it is named.
  const kept: IndexConstraintSpec[] = [];
  for (const spec of [...primaries, ...definition.indexes.filter((candidate) => candidate.kind !== 'p')]) {
    const same = kept.some((other) => sameIndex(other, spec) && (spec.name === null || spec.name === other.name));
    if (!same) kept.push(spec);
  }
  definition.indexes.splice(0, definition.indexes.length, ...kept);
}

const SYSTEM_NAMES = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

function sameIndex(a: IndexConstraintSpec, b: IndexConstraintSpec): boolean {
  return a.kind !== 'x' && b.kind !== 'x' && a.columns.join('\0') === b.columns.join('\0') && a.including.join('\0') === b.including.join('\0')
    && a.deferrable === b.deferrable && a.initiallyDeferred === b.initiallyDeferred && a.nullsNotDistinct === b.nullsNotDistinct;
}

/** Makes the index and the constraint. @throws 42710, 42P07, 42703, 23505 */
export function* addIndexConstraint(cx: CommandContext, relation: Relation, spec: IndexConstraintSpec, isNewTable: boolean): Suspendable<void> {
  if (spec.kind === 'x') throw notSupported('EXCLUDE constraints');
  if (spec.withoutOverlaps) throw notSupported('WITHOUT OVERLAPS');
  if (spec.usingIndex !== null) throw notSupported('ADD CONSTRAINT ... USING INDEX');
  const { catalog } = cx.session;
  if (spec.kind === 'p' && relation.indexes.some((index) => index.primary)) {
    throw pgError('INVALID_TABLE_DEFINITION', `multiple primary keys for table "${relation.name}" are not allowed`, isNewTable ? {} : at(spec.location));
  }
  const element = (name: string): Node => ({ IndexElem: { name, ordering: 'SORTBY_DEFAULT', nulls_ordering: 'SORTBY_NULLS_DEFAULT' } });
  const method = indexMethod(cx, 'btree');
  const columns = indexColumns(cx, relation, method, spec.columns.map(element), spec.including.map(element));
  const name = spec.name ?? chooseIndexName(catalog, relation.name, relation.namespace, [...spec.columns, ...spec.including], spec.kind === 'p' ? 'primary' : 'constraint');
  if (spec.name !== null && constraintNameTaken(catalog, relation.oid, spec.name)) {
    throw pgError('DUPLICATE_OBJECT', `constraint "${spec.name}" for relation "${relation.name}" already exists`);
  }
  const index = yield* createIndex(cx, {
    name, relation, method, columns, keyCount: spec.columns.length, unique: true, primary: spec.kind === 'p',
    nullsNotDistinct: spec.nullsNotDistinct, exclusion: false, immediate: !spec.deferrable, predicate: null,
    options: spec.options.map((node) => indexOption(bodyAs<DefElem>(bodyOf(node)))), tablespace: 0, forConstraint: true,
  });
  const constraint = createConstraint(catalog, {
    name, namespace: relation.namespace, type: spec.kind, relation: relation.oid, columns: columns.slice(0, spec.columns.length).map((column) => column.attnum),
    index, deferrable: spec.deferrable, deferred: spec.initiallyDeferred,
  });
  recordDependencyOn(catalog, objectAddress(RelationRelationId, index), objectAddress(ConstraintRelationId, constraint), 'i');
}

function indexOption(option: DefElem): string {
  const name = option.defname ?? '';
  if (name !== 'fillfactor' && name !== 'deduplicate_items') throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter "${name}"`);
  return `${name}=${option.arg ? optionText(option) : 'true'}`;
}
