/**
 * ALTER TABLE on columns: ADD, DROP, SET/DROP DEFAULT, SET/DROP NOT NULL, and the attributes that only steer storage.
 */
import type { ColumnDef, Node } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Expr } from '../../analyzer/nodes.js';
import { objectAddress } from '../../catalog/address.js';
import type { Relation } from '../../catalog/api.js';
import type { PgAttribute } from '../../catalog/rows.js';
import { compileValue, NO_ROW } from '../../executor/expression/compile.js';
import { scanReader, scopeFor } from '../../executor/readers.js';
import { NO_STATEMENT } from '../../executor/relation-access.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { ArrayValue } from '../../types/datum.js';
import { ConstraintRelationId, RelationRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { dropObjects } from '../drop/drop-object.js';
import { commandCollation, commandType, containsVolatile, cookDefault } from '../expressions.js';
import { attributeRow, recordColumnDependencies } from '../relation/create-relation.js';
import { ownSequence } from '../sequence/create-sequence.js';
import { addCheckConstraints } from '../table/add-constraint.js';
import { addForeignKey } from '../table/add-foreign-key.js';
import { addIndexConstraint, prepareIndexConstraints } from '../table/add-index-constraint.js';
import { addColumn, compressionLetter, storageLetter, type ColumnSequence } from '../table/column-definition.js';
import { makeColumnSequence } from '../table/create-table.js';
import { checkGenerationExpression, removeDefault, storeDefault } from '../table/defaults.js';
import { emptyDefinition, type TableDefinition } from '../table/definition.js';
import { Pass, registerAlter, type AlterTarget } from './alter-table.js';
import { dropInheritedColumn, dropInheritedConstraint, forEachChildTable, refuseOnly } from './children.js';
import { refuseUsedType } from './composite.js';
import { inheritNotNull, setNotNull } from './constraints.js';
import { fillIdentity, rewriteTable } from './rewrite-table.js';

registerAlter('AT_AddColumn', { pass: Pass.addColumn, kinds: 'rpcf', execute: addColumnCommand });
registerAlter('AT_DropColumn', { pass: Pass.drop, kinds: 'rpcf', execute: dropColumn });
registerAlter('AT_ColumnDefault', { pass: Pass.columnDefault, kinds: 'rpvf', execute: columnDefault });
registerAlter('AT_SetNotNull', { pass: Pass.columnAttributes, execute: setNotNullCommand });
registerAlter('AT_DropNotNull', { pass: Pass.drop, execute: dropNotNull });
registerAlter('AT_SetStatistics', { pass: Pass.misc, lock: 'ShareUpdateExclusive', kinds: 'rpmifI', execute: setStatistics });
registerAlter('AT_SetStorage', { pass: Pass.misc, kinds: 'rpmf', execute: setStorage });
registerAlter('AT_SetCompression', { pass: Pass.misc, kinds: 'rpm', execute: setCompression });

/** The live column of a name. @throws 42703; 0A000 for system columns */
export function findColumn(relation: Relation, name: string): PgAttribute {
  const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
  if (attribute) return attribute;
  if (SYSTEM_COLUMNS.has(name)) throw pgError('FEATURE_NOT_SUPPORTED', `cannot alter system column "${name}"`);
  throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
}
const SYSTEM_COLUMNS = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

function* addColumnCommand({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const column = bodyAs<ColumnDef>(bodyOf(command.def!));
  yield* addOneColumn(cx, relation, column, { recurse, recursing: false, missingOk: command.missing_ok ?? false });
}

interface AddColumnMode { readonly recurse: boolean; readonly recursing: boolean; readonly missingOk: boolean }

function* addOneColumn(cx: CommandContext, relation: Relation, column: ColumnDef, mode: AddColumnMode): Suspendable<void> {
  const { catalog } = cx.session;
  const name = column.colname ?? '';
  const existing = relation.attributes.find((attribute) => attribute.attname === name && !attribute.attisdropped);
  if (existing && mode.recursing) {
    mergeChildColumn(cx, relation, existing, column);
    return;
  }
  if (existing) {
    if (!mode.missingOk) throw pgError('DUPLICATE_COLUMN', `column "${name}" of relation "${relation.name}" already exists`);
    cx.services.notice(pgError('DUPLICATE_COLUMN', `column "${name}" of relation "${relation.name}" already exists, skipping`, { severity: 'NOTICE' }));
    return;
  }
  if (SYSTEM_COLUMNS.has(name) && relation.kind !== 'c') throw pgError('DUPLICATE_COLUMN', `column name "${name}" conflicts with a system column name`);
  refuseOnly(cx, relation, mode.recurse, 'column');
  if (relation.kind === 'c') refuseUsedType(cx, relation);
  const definition = emptyDefinition();
  const sequences: (ColumnSequence & { oid: number; defaultExpression: Node })[] = [];
  addColumn(cx, definition, relation.name, column, (sequence) => {
    const made = makeColumnSequence(cx, relation, sequence);
    sequences.push({ ...sequence, ...made });
    return { defaultExpression: sequence.identity ? null : made.defaultExpression };
  });
  if (mode.recursing) markInherited(definition);
  if (definition.columns[0].identity !== '' && mode.recurse && catalog.inheritanceChildren(relation.oid).length > 0 && relation.kind !== 'p') {
    throw pgError('INVALID_TABLE_DEFINITION', 'cannot recursively add identity column to table that has child tables');
  }
  prepareIndexConstraints(definition, relation.name);
  const attnum = relation.attributes.length + 1;
  insertColumn(cx, relation, definition, attnum);
  for (const sequence of sequences) ownSequence(cx, sequence.oid, relation.oid, attnum, sequence.identity);
  catalog.commandCounterIncrement();
  yield* fillNewColumn(cx, catalog.relation(relation.oid)!, definition, attnum);
  yield* addColumnConstraints(cx, relation, definition);
  catalog.commandCounterIncrement();
  const forChildren = sequences.length > 0 ? withoutSerial(column, definition, sequences[0].defaultExpression) : column;
  yield* forEachChildTable(cx, relation.oid, (child) => addOneColumn(cx, child, forChildren, { recurse: true, recursing: true, missingOk: false }));
}

/** A serial column as children get it: they draw from the same sequence. */
function withoutSerial(column: ColumnDef, definition: TableDefinition, defaultExpression: Node): ColumnDef {
  const constraint = (fields: object): Node => ({ Constraint: { location: -1, ...fields } }) as Node;
  return {
    ...column, typeName: { typeOid: definition.columns[0].type, typemod: -1, location: -1 },
    constraints: [...(column.constraints ?? []), constraint({ contype: 'CONSTR_DEFAULT', raw_expr: defaultExpression }), constraint({ contype: 'CONSTR_NOTNULL' })],
  };
}

/** What a child gets from its parent is inherited; indexes and foreign keys are not. */
function markInherited(definition: TableDefinition): void {
  const inherited = { isLocal: false, inheritCount: 1 };
  definition.columns.splice(0, 1, { ...definition.columns[0], ...inherited });
  definition.checks.forEach((check, at) => definition.checks.splice(at, 1, { ...check, ...inherited }));
  definition.notNulls.forEach((spec, at) => definition.notNulls.splice(at, 1, { ...spec, ...inherited }));
  definition.indexes.length = 0;
  definition.foreignKeys.length = 0;
}

/** A child that has such a column already inherits it from now on. @throws 42804 */
function mergeChildColumn(cx: CommandContext, child: Relation, existing: PgAttribute, column: ColumnDef): void {
  const { type, typmod } = commandType(cx, column.typeName!);
  if (existing.atttypid !== type || existing.atttypmod !== typmod) {
    throw pgError('DATATYPE_MISMATCH', `child table "${child.name}" has different type for column "${existing.attname}"`);
  }
  if (existing.attcollation !== commandCollation(cx, column.collClause, type)) {
    throw pgError('COLLATION_MISMATCH', `child table "${child.name}" has different collation for column "${existing.attname}"`);
  }
  updateAttribute(cx, child, existing.attnum, { attinhcount: existing.attinhcount + 1 });
  cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `merging definition of column "${existing.attname}" for child "${child.name}"`, { severity: 'NOTICE' }));
}

function insertColumn(cx: CommandContext, relation: Relation, definition: TableDefinition, attnum: number): void {
  const { catalog } = cx.session;
  const [spec] = definition.columns;
  catalog.table('pg_attribute').insert(attributeRow(cx, relation.oid, attnum, { ...spec, hasDefault: false, notNull: false }));
  recordColumnDependencies(cx, relation.oid, [spec], attnum);
  const row = catalog.table('pg_class').findOne({ oid: relation.oid });
  if (row) catalog.table('pg_class').update(row, { relnatts: attnum });
  catalog.commandCounterIncrement();
}

/** Stores the default; gives the rows that are there its value, without rewriting them when it is a constant to them. */
function* fillNewColumn(cx: CommandContext, relation: Relation, definition: TableDefinition, attnum: number): Suspendable<void> {
  const { catalog } = cx.session;
  const [spec] = definition.columns;
  if (relation.kind === 'c') return;
  if (spec.identity !== '') yield* fillIdentity(cx, relation, attnum);
  if (!spec.rawDefault) return;
  const expr = cookDefault(cx, relation, spec.rawDefault, spec);
  if (spec.generated !== '') checkGenerationExpression(cx, relation, expr, spec.name);
  storeDefault(cx, relation, attnum, expr);
  catalog.commandCounterIncrement();
  if (spec.generated === 'v') return;
  const constant = spec.generated === '' && !containsVolatile(catalog, expr, false);
  if (constant) storeMissingValue(cx, relation, attnum, expr);
  else yield* rewriteTable(cx, relation, catalog.relation(relation.oid)!, [{ attnum, expr }]);
}

/** pg_attribute.attmissingval: what rows written before the column existed show. */
function storeMissingValue(cx: CommandContext, relation: Relation, attnum: number, expr: Expr): void {
  const { catalog } = cx.session;
  const value = compileValue(scopeFor(catalog, NO_STATEMENT, scanReader(1, relation.oid)), expr).evaluate(cx.executionState(), NO_ROW, NO_ROW, NO_ROW);
  if (value === null) return;
  const attribute = catalog.table('pg_attribute').findOne({ attrelid: relation.oid, attnum });
  if (attribute) {
    catalog.table('pg_attribute').update(attribute, { atthasmissing: true, attmissingval: ArrayValue.of(attribute.atttypid, [value]) });
    catalog.commandCounterIncrement();
  }
}

function* addColumnConstraints(cx: CommandContext, relation: Relation, definition: TableDefinition): Suspendable<void> {
  const { catalog } = cx.session;
  const reopen = (): Relation => {
    catalog.commandCounterIncrement();
    return catalog.relation(relation.oid)!;
  };
  yield* setNotNull(cx, reopen(), definition.notNulls);
  addCheckConstraints(cx, reopen(), definition.checks);
  for (const spec of definition.indexes) yield* addIndexConstraint(cx, reopen(), spec, false);
  for (const key of definition.foreignKeys) yield* addForeignKey(cx, reopen(), key);
}

function* dropColumn({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const name = command.name ?? '';
  const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
  if (!attribute) {
    if (SYSTEM_COLUMNS.has(name)) throw pgError('FEATURE_NOT_SUPPORTED', `cannot drop system column "${name}"`);
    if (!command.missing_ok) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
    cx.services.notice(pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist, skipping`, { severity: 'NOTICE' }));
    return;
  }
  if (attribute.attinhcount > 0) throw pgError('INVALID_TABLE_DEFINITION', `cannot drop inherited column "${name}"`);
  const cascade = command.behavior === 'DROP_CASCADE';
  yield* dropInheritedColumn(cx, relation.oid, name, recurse, cascade);
  yield* dropObjects(cx, [objectAddress(RelationRelationId, relation.oid, attribute.attnum)], { cascade });
}

function* columnDefault({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const attribute = findColumn(relation, command.name ?? '');
  if (recurse) yield* forEachChildTable(cx, relation.oid, (child) => columnDefault({ cx, relation: child, command, recurse }));
  if (attribute.attidentity !== '') {
    throw pgError('SYNTAX_ERROR', `column "${attribute.attname}" of relation "${relation.name}" is an identity column`, command.def ? {} : { hint: 'Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.' });
  }
  if (attribute.attgenerated !== '') {
    throw pgError('SYNTAX_ERROR', `column "${attribute.attname}" of relation "${relation.name}" is a generated column`,
      { hint: command.def ? 'Use ALTER TABLE ... ALTER COLUMN ... SET EXPRESSION instead.' : 'Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.' });
  }
  removeDefault(cx, relation.oid, attribute.attnum);
  cx.session.catalog.commandCounterIncrement();
  if (!command.def) return;
  const expr = cookDefault(cx, relation, command.def, { name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, generated: '' });
  if (expr.node === 'Const' && expr.value === null) return;
  storeDefault(cx, relation, attribute.attnum, expr);
}

function* setNotNullCommand({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const attribute = findColumn(relation, command.name ?? '');
  if (attribute.attnotnull) return;
  refuseOnly(cx, relation, recurse, 'constraint');
  yield* setNotNull(cx, relation, [{ name: null, column: attribute.attname, noInherit: false, isLocal: true, inheritCount: 0, validated: true }]);
  yield* inheritNotNull(cx, relation, attribute.attname);
}

function* dropNotNull({ cx, relation, command, recurse }: AlterTarget): Suspendable<void> {
  const attribute = findColumn(relation, command.name ?? '');
  if (attribute.attidentity !== '') throw pgError('SYNTAX_ERROR', `column "${attribute.attname}" of relation "${relation.name}" is an identity column`);
  if (!attribute.attnotnull) return;
  const primary = relation.indexes.find((index) => index.primary);
  if (primary?.attributes.slice(0, primary.keyCount).includes(attribute.attnum)) throw pgError('INVALID_TABLE_DEFINITION', `column "${attribute.attname}" is in a primary key`);
  const constraint = relation.constraints.find((row) => row.contype === 'n' && row.conkey?.elements[0] === attribute.attnum);
  if (constraint && constraint.coninhcount > 0) throw pgError('INVALID_TABLE_DEFINITION', `cannot drop inherited constraint "${constraint.conname}" of relation "${relation.name}"`);
  if (!constraint) return;
  yield* dropInheritedConstraint(cx, relation, constraint, recurse, false);
  yield* dropObjects(cx, [objectAddress(ConstraintRelationId, constraint.oid)], { cascade: false });
}

function* setStatistics({ cx, relation, command }: AlterTarget): Suspendable<void> {
  const attribute = command.name ? findColumn(relation, command.name) : relation.attributes[(command.num ?? 1) - 1];
  const value = command.def ? Number(bodyAs<{ ival?: number }>(bodyOf(command.def)).ival ?? 0) : -1;
  if (value > 10000) cx.services.notice(pgError('INVALID_PARAMETER_VALUE', 'lowering statistics target to 10000', { severity: 'WARNING' }));
  if (value < -1) throw pgError('INVALID_PARAMETER_VALUE', `statistics target ${value} is too low`);
  updateAttribute(cx, relation, attribute.attnum, { attstattarget: value === -1 ? null : Math.min(value, 10000) });
  yield* [];
}

function* setStorage({ cx, relation, command }: AlterTarget): Suspendable<void> {
  const attribute = findColumn(relation, command.name ?? '');
  const type = cx.session.catalog.type(attribute.atttypid);
  const letter = storageLetter(optionName(command.def)) || type?.typstorage || 'p';
  if (letter !== 'p' && type?.typlen !== -1) {
    throw pgError('FEATURE_NOT_SUPPORTED', `column data type ${cx.services.types.formatType(attribute.atttypid)} can only have storage PLAIN`);
  }
  updateAttribute(cx, relation, attribute.attnum, { attstorage: letter });
  yield* [];
}

function* setCompression({ cx, relation, command }: AlterTarget): Suspendable<void> {
  const attribute = findColumn(relation, command.name ?? '');
  updateAttribute(cx, relation, attribute.attnum, { attcompression: compressionLetter(optionName(command.def)) });
  yield* [];
}

function optionName(node: Node | undefined): string | undefined {
  return node ? bodyAs<{ sval?: string }>(bodyOf(node)).sval : undefined;
}

/** Changes columns of an attribute's row. */
export function updateAttribute(cx: CommandContext, relation: Relation, attnum: number, changes: Partial<PgAttribute>): void {
  const { catalog } = cx.session;
  const attribute = catalog.table('pg_attribute').findOne({ attrelid: relation.oid, attnum });
  if (attribute) catalog.table('pg_attribute').update(attribute, changes);
}

