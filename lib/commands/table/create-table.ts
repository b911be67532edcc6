/**
 * CREATE TABLE.
 *
 * Order of work, as PostgreSQL's: sequences of serial and identity columns, the relation, defaults, CHECK and NOT NULL
 * constraints, indexes of PRIMARY KEY and UNIQUE, ownership of the sequences, foreign keys.
 *
 * Idea: transformCreateStmt (parser/parse_utilcmd.c), DefineRelation (commands/tablecmds.c).
 */
import type { ColumnDef, CreateStmt, DefElem, Node, RangeVar, TableLikeClause } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import { quoteQualified } from '../../base/identifier.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { bodyAs, bodyOf, tagOf } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { optionText } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';
import { cookDefault } from '../expressions.js';
import { createRelation } from '../relation/create-relation.js';
import { creationTarget, type CreationTarget } from '../relation/creation-target.js';
import { chooseRelationName } from '../relation/relation-name.js';
import { columnSequenceParameters, createSequence, ownSequence } from '../sequence/create-sequence.js';
import { addCheckConstraints, addNotNullConstraints } from './add-constraint.js';
import { addIndexConstraint, prepareIndexConstraints } from './add-index-constraint.js';
import { addForeignKey } from './add-foreign-key.js';
import { adoptExpression } from './adopt.js';
import { addColumn, type ColumnSequence } from './column-definition.js';
import { checkGenerationExpression, storeDefault } from './defaults.js';
import { emptyDefinition, type ColumnSpec, type TableDefinition } from './definition.js';
import { mergeInherited, recordInheritance } from './inherit.js';
import { copyLike } from './like.js';
import { addTableConstraint, foldConstraintAttributes } from './transform-constraint.js';

registerCommand('CreateStmt', { execute: (statement, cx) => createTable(bodyAs<CreateStmt>(statement.body), cx) });

const RESULT: CommandResult = { tag: 'CREATE TABLE', rows: null };

/** Executes CREATE TABLE. */
export function* createTable(stmt: CreateStmt, cx: CommandContext): Suspendable<CommandResult> {
  refuseUnsupported(stmt);
  const target = yield* creationTarget(cx, stmt.relation!);
  const { catalog } = cx.session;
  if (stmt.if_not_exists && catalog.relationOid(target.name, target.namespace) !== 0) {
    cx.services.notice(pgError('DUPLICATE_TABLE', `relation "${target.name}" already exists, skipping`, { severity: 'NOTICE' }));
    return RESULT;
  }
  const sequences: MadeSequence[] = [];
  const definition = yield* collect(stmt, cx, target, sequences);
  const parents = yield* mergeInherited(cx, definition, (stmt.inhRelations ?? []).map((node) => bodyAs<RangeVar>(bodyOf(node))), target);
  prepareIndexConstraints(definition, target.name);
  const oid = createRelation(cx, {
    ...target, kind: 'r', owner: cx.session.currentUserOid, columns: definition.columns, accessMethod: HEAP_ACCESS_METHOD, tablespace: 0,
    options: storageOptions(stmt.options ?? []), ofType: 0, isPartition: false, partitionBound: null,
  });
  catalog.commandCounterIncrement();
  recordInheritance(cx, oid, parents);
  yield* finishTable(cx, oid, definition);
  for (const sequence of sequences) {
    const attnum = definition.columns.findIndex((column) => column.name === sequence.column) + 1;
    ownSequence(cx, sequence.oid, oid, attnum, sequence.identity);
  }
  catalog.commandCounterIncrement();
  for (const key of definition.foreignKeys) {
    yield* addForeignKey(cx, openOwn(cx, oid), key);
    catalog.commandCounterIncrement();
  }
  if (stmt.oncommit && stmt.oncommit !== 'ONCOMMIT_NOOP' && stmt.oncommit !== 'ONCOMMIT_PRESERVE_ROWS') registerOnCommit(cx, target, oid, stmt.oncommit);
  return RESULT;
}

const HEAP_ACCESS_METHOD = 2;

function refuseUnsupported(stmt: CreateStmt): void {
  if (stmt.partspec) throw notSupported('CREATE TABLE ... PARTITION BY');
  if (stmt.partbound) throw notSupported('CREATE TABLE ... PARTITION OF');
  if (stmt.ofTypename) throw notSupported('CREATE TABLE ... OF');
  if (stmt.tablespacename && stmt.tablespacename !== 'pg_default') throw notSupported('CREATE TABLE ... TABLESPACE');
  if (stmt.accessMethod && stmt.accessMethod !== 'heap') throw pgError('UNDEFINED_OBJECT', `access method "${stmt.accessMethod}" does not exist`);
}

function registerOnCommit(cx: CommandContext, target: CreationTarget, oid: Oid, action: string): void {
  if (target.persistence !== 't') throw pgError('INVALID_TABLE_DEFINITION', 'ON COMMIT can only be used on temporary tables');
  cx.session.onCommitAction(oid, action === 'ONCOMMIT_DROP' ? 'drop' : 'delete');
}

interface MadeSequence extends ColumnSequence { readonly oid: Oid }

/** Reads the table's elements in order. */
function* collect(stmt: CreateStmt, cx: CommandContext, target: CreationTarget, sequences: MadeSequence[]): Suspendable<TableDefinition> {
  const definition = emptyDefinition();
  const makeSequence = (sequence: ColumnSequence): { defaultExpression: Node | null } => {
    const made = makeColumnSequence(cx, target, sequence);
    sequences.push({ ...sequence, oid: made.oid });
    return { defaultExpression: sequence.identity ? null : made.defaultExpression };
  };
  const tableConstraints: Node[] = [];
  for (const node of stmt.tableElts ?? []) {
    switch (tagOf(node)) {
      case 'ColumnDef': addColumn(cx, definition, target.name, bodyAs<ColumnDef>(bodyOf(node)), makeSequence); break;
      case 'Constraint': tableConstraints.push(node); break;
      case 'TableLikeClause': yield* copyLike(cx, definition, bodyAs<TableLikeClause>(bodyOf(node)), makeSequence); break;
      default: throw notSupported(`${tagOf(node)} in CREATE TABLE`);
    }
  }
  for (const constraint of foldConstraintAttributes([...tableConstraints, ...(stmt.constraints ?? [])])) addTableConstraint(definition, constraint);
  return definition;
}

/** Makes the sequence of a serial or identity column; for serial also the default that draws from it. */
export function makeColumnSequence(cx: CommandContext, target: CreationTarget, sequence: ColumnSequence): { oid: Oid; defaultExpression: Node } {
  const { catalog } = cx.session;
  const options = sequence.options.filter((node) => bodyAs<DefElem>(bodyOf(node)).defname !== 'sequence_name');
  const name = chooseRelationName(catalog, target.name, sequence.column, 'seq', target.namespace);
  const parameters = columnSequenceParameters(cx, sequence.type, options);
  const oid = createSequence(cx, { ...target, name, owner: cx.session.currentUserOid }, parameters);
  const qualified = quoteQualified(catalog.namespace(target.namespace)?.nspname ?? '', name);
  return { oid, defaultExpression: nextvalCall(qualified) };
}

/** `nextval('name'::regclass)` as a parse tree. */
function nextvalCall(name: string): Node {
  const string = (sval: string): Node => ({ String: { sval } });
  return {
    FuncCall: {
      funcname: [string('pg_catalog'), string('nextval')], funcformat: 'COERCE_EXPLICIT_CALL', location: -1,
      args: [{
        TypeCast: {
          arg: { A_Const: { sval: { sval: name }, location: -1 } }, location: -1,
          typeName: { names: [string('pg_catalog'), string('regclass')], typemod: -1, location: -1 },
        },
      }],
    },
  };
}

/** Defaults, constraints and indexes of a relation just made. */
export function* finishTable(cx: CommandContext, oid: Oid, definition: TableDefinition): Suspendable<void> {
  const { catalog } = cx.session;
  storeDefaults(cx, oid, definition.columns);
  catalog.commandCounterIncrement();
  addNotNullConstraints(cx, openOwn(cx, oid), definition.notNulls);
  catalog.commandCounterIncrement();
  addCheckConstraints(cx, openOwn(cx, oid), definition.checks);
  catalog.commandCounterIncrement();
  for (const constraint of definition.indexes) {
    yield* addIndexConstraint(cx, openOwn(cx, oid), constraint, true);
    catalog.commandCounterIncrement();
  }
}

function storeDefaults(cx: CommandContext, oid: Oid, columns: readonly ColumnSpec[]): void {
  const relation = openOwn(cx, oid);
  columns.forEach((column, index) => {
    const expr = column.rawDefault ? cookDefault(cx, relation, column.rawDefault, column) : adoptExpression(relation, column.adoptedDefault);
    if (!expr) return;
    if (column.generated !== '') checkGenerationExpression(cx, relation, expr, column.name);
    // A default of NULL is no default.
    if (column.generated === '' && expr.node === 'Const' && expr.value === null && column.inheritCount === 0) return;
    storeDefault(cx, relation, index + 1, expr);
  });
}

/** The relation that this command made. */
export function openOwn(cx: CommandContext, oid: Oid): Relation {
  const relation = cx.session.catalog.relation(oid);
  if (!relation) throw pgError('INTERNAL_ERROR', `relation ${oid} is gone`);
  return relation;
}

/** Storage parameters that steer PostgreSQL's pages and vacuum: kept for what shows them. */
const TABLE_OPTIONS = new Set([
  'fillfactor', 'toast_tuple_target', 'parallel_workers', 'autovacuum_enabled', 'autovacuum_vacuum_threshold', 'autovacuum_vacuum_scale_factor',
  'autovacuum_analyze_threshold', 'autovacuum_analyze_scale_factor', 'autovacuum_vacuum_cost_delay', 'autovacuum_vacuum_cost_limit',
  'autovacuum_freeze_min_age', 'autovacuum_freeze_max_age', 'autovacuum_freeze_table_age', 'autovacuum_vacuum_insert_threshold',
  'autovacuum_vacuum_insert_scale_factor', 'autovacuum_vacuum_max_threshold', 'vacuum_index_cleanup', 'vacuum_truncate', 'vacuum_max_eager_freeze_failure_rate', 'log_autovacuum_min_duration', 'user_catalog_table',
]);

/** WITH (...) of a table as `name=value` texts. @throws 22023 for names that PostgreSQL does not know either */
export function storageOptions(list: readonly Node[]): string[] {
  const texts: string[] = [];
  for (const node of list) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    if (option.defnamespace === 'toast') continue;
    if (option.defnamespace) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter namespace "${option.defnamespace}"`);
    if (name === 'oids') {
      if (option.arg && optionText(option) === 'false') continue;
      throw pgError('FEATURE_NOT_SUPPORTED', 'tables declared WITH OIDS are not supported');
    }
    if (!TABLE_OPTIONS.has(name)) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter "${name}"`);
    texts.push(`${name}=${option.arg ? optionText(option) : 'true'}`);
  }
  return texts;
}

