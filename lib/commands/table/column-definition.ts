/**
 * A column's definition from the parse tree: its type, collation, and the constraints that stand in it. serial types and
 * identity ask for sequences, which the caller makes before the table.
 *
 * Idea: PostgreSQL's transformColumnDefinition (parser/parse_utilcmd.c).
 */
import type { ColumnDef, Constraint, Node, TypeName } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { stringList } from '../../parser/raw.js';
import { INT2OID, INT4OID, INT8OID } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { commandCollation, commandType } from '../expressions.js';
import type { ColumnSpec, TableDefinition } from './definition.js';
import { addCheck, at, foldConstraintAttributes, foreignKey, indexConstraint } from './transform-constraint.js';

/** A sequence that a column needs. */
export interface ColumnSequence {
  readonly column: string;
  readonly type: Oid;
  readonly identity: boolean;
  readonly options: readonly Node[];
}

const SERIAL_TYPES: Record<string, Oid> = {
  smallserial: INT2OID, serial2: INT2OID, serial: INT4OID, serial4: INT4OID, bigserial: INT8OID, serial8: INT8OID,
};

/** How sequences get their names, and the default that draws from one. */
export type MakeSequence = (sequence: ColumnSequence) => { readonly defaultExpression: Node | null };

/** Adds the column and its constraints to the definition. */
export function addColumn(cx: CommandContext, definition: TableDefinition, tableName: string, column: ColumnDef, makeSequence: MakeSequence): void {
  const name = column.colname ?? '';
  const constraints = foldConstraintAttributes(column.constraints ?? []);
  const serial = serialType(column.typeName);
  const { type, typmod } = serial !== 0 ? { type: serial, typmod: -1 } : columnType(cx, column, name);
  const spec: Draft = {
    name, type, typmod, collation: commandCollation(cx, column.collClause, type), dimensions: column.typeName?.arrayBounds?.length ?? 0,
    notNull: false, identity: '', generated: '', hasDefault: false, isLocal: true, inheritCount: 0,
    storage: storageLetter(column.storage_name), compression: compressionLetter(column.compression),
    rawDefault: null, adoptedDefault: null, location: column.location ?? -1,
  };
  if (serial !== 0) {
    if (constraints.some((constraint) => constraint.contype === 'CONSTR_NULL')) throw conflictingNull(name, tableName, undefined);
    spec.rawDefault = makeSequence({ column: name, type, identity: false, options: [] }).defaultExpression;
    spec.notNull = true;
  }
  const state: ColumnState = { sawNullable: serial !== 0, sawDefault: serial !== 0, sawIdentity: false, sawGenerated: false, notNullName: null, notNullNoInherit: false };
  for (const constraint of constraints) applyConstraint(cx, definition, tableName, spec, constraint, state, makeSequence);
  if (spec.notNull) {
    definition.notNulls.push({ name: state.notNullName, column: name, noInherit: state.notNullNoInherit, isLocal: true, inheritCount: 0, validated: true });
  }
  spec.hasDefault = spec.rawDefault !== null;
  definition.columns.push(spec);
}

type Draft = { -readonly [K in keyof ColumnSpec]: ColumnSpec[K] };

interface ColumnState {
  sawNullable: boolean;
  sawDefault: boolean;
  sawIdentity: boolean;
  sawGenerated: boolean;
  notNullName: string | null;
  notNullNoInherit: boolean;
}

/** The integer type behind a serial type name; 0 for every other type. @throws 0A000 for arrays of them */
function serialType(typeName: TypeName | undefined): Oid {
  const names = stringList(typeName?.names);
  const type = names.length === 1 && !typeName?.pct_type ? SERIAL_TYPES[names[0]] ?? 0 : 0;
  if (type !== 0 && typeName?.arrayBounds?.length) throw pgError('FEATURE_NOT_SUPPORTED', 'array of serial is not implemented', at(typeName.location));
  return type;
}

function columnType(cx: CommandContext, column: ColumnDef, name: string): { type: Oid; typmod: number } {
  if (!column.typeName) throw pgError('SYNTAX_ERROR', `column "${name}" has no type`);
  if (column.typeName.setof) throw pgError('INVALID_TABLE_DEFINITION', `column "${name}" cannot be declared SETOF`);
  const { type, typmod, row } = commandType(cx, column.typeName);
  checkColumnType(cx, name, type, row.typtype);
  return { type, typmod };
}

/** Types that no column can have. @throws 42P16 */
export function checkColumnType(cx: CommandContext, name: string, type: Oid, kind: string): void {
  if (kind !== 'p') return;
  throw pgError('INVALID_TABLE_DEFINITION', `column "${name}" has pseudo-type ${cx.services.types.formatType(type)}`);
}

function conflictingNull(column: string, table: string, location: number | undefined): Error {
  return pgError('SYNTAX_ERROR', `conflicting NULL/NOT NULL declarations for column "${column}" of table "${table}"`, at(location));
}

function applyConstraint(
  cx: CommandContext, definition: TableDefinition, table: string, column: Draft, constraint: Constraint, state: ColumnState, makeSequence: MakeSequence,
): void {
  const position = at(constraint.location);
  switch (constraint.contype) {
    case 'CONSTR_NULL':
      if (state.sawNullable && column.notNull) throw conflictingNull(column.name, table, constraint.location);
      state.sawNullable = true;
      return;
    case 'CONSTR_NOTNULL':
      if (state.sawNullable && !column.notNull) throw conflictingNull(column.name, table, constraint.location);
      state.sawNullable = true;
      column.notNull = true;
      state.notNullName ??= constraint.conname ?? null;
      state.notNullNoInherit ||= constraint.is_no_inherit ?? false;
      return;
    case 'CONSTR_DEFAULT':
      if (state.sawDefault) throw pgError('SYNTAX_ERROR', `multiple default values specified for column "${column.name}" of table "${table}"`, position);
      state.sawDefault = true;
      column.rawDefault = constraint.raw_expr ?? null;
      break;
    case 'CONSTR_IDENTITY':
      if (state.sawIdentity) throw pgError('SYNTAX_ERROR', `multiple identity specifications for column "${column.name}" of table "${table}"`, position);
      state.sawIdentity = true;
      if (state.sawNullable && !column.notNull) throw conflictingNull(column.name, table, constraint.location);
      if (![INT2OID, INT4OID, INT8OID].includes(cx.session.catalog.baseType(column.type))) {
        throw pgError('INVALID_PARAMETER_VALUE', 'identity column type must be smallint, integer, or bigint');
      }
      column.identity = constraint.generated_when ?? 'a';
      column.notNull = true;
      makeSequence({ column: column.name, type: column.type, identity: true, options: constraint.options ?? [] });
      break;
    case 'CONSTR_GENERATED':
      if (state.sawGenerated) throw pgError('SYNTAX_ERROR', `multiple generation clauses specified for column "${column.name}" of table "${table}"`, position);
      state.sawGenerated = true;
      column.generated = constraint.generated_kind ?? 's';
      column.rawDefault = constraint.raw_expr ?? null;
      break;
    case 'CONSTR_CHECK': addCheck(definition, constraint, column.name); return;
    case 'CONSTR_PRIMARY': definition.indexes.push(indexConstraint('p', constraint, [column.name])); return;
    case 'CONSTR_UNIQUE': definition.indexes.push(indexConstraint('u', constraint, [column.name])); return;
    case 'CONSTR_FOREIGN': definition.foreignKeys.push(foreignKey(constraint, [column.name])); return;
    default: throw notSupported(`column constraint ${constraint.contype ?? ''}`);
  }
  checkExclusive(column, table, state, position);
}

/** DEFAULT, identity and generation exclude one another. */
function checkExclusive(column: Draft, table: string, state: ColumnState, position: { position?: number }): void {
  const both = (what: string): Error => pgError('SYNTAX_ERROR', `both ${what} specified for column "${column.name}" of table "${table}"`, position);
  if (state.sawDefault && state.sawIdentity) throw both('default and identity');
  if (state.sawDefault && state.sawGenerated) throw both('default and generation expression');
  if (state.sawIdentity && state.sawGenerated) throw both('identity and generation expression');
}

const STORAGE: Record<string, string> = { plain: 'p', external: 'e', extended: 'x', main: 'm' };

/** pg_attribute.attstorage of a STORAGE clause; '' when there is none. @throws 22023 */
export function storageLetter(name: string | undefined): string {
  if (!name || name === 'default') return '';
  const letter = STORAGE[name.toLowerCase()];
  if (!letter) throw pgError('INVALID_PARAMETER_VALUE', `invalid storage type "${name}"`);
  return letter;
}

/** pg_attribute.attcompression of a COMPRESSION clause; '' when there is none. @throws 22023 */
export function compressionLetter(name: string | undefined): string {
  if (!name || name === 'default') return '';
  if (name === 'pglz') return 'p';
  if (name === 'lz4') return 'l';
  throw pgError('INVALID_PARAMETER_VALUE', `invalid compression method "${name}"`);
}
