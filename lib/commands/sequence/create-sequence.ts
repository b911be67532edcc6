/**
 * Makes sequences: CREATE SEQUENCE, and those of serial and identity columns.
 *
 * Idea: PostgreSQL's DefineSequence and process_owned_by (commands/sequence.c).
 */
import type { CreateSeqStmt, DefElem, Node, TypeName } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { objectAddress } from '../../catalog/address.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { BOOLOID, INT8OID, RelationRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { commandType } from '../expressions.js';
import { creationTarget } from '../relation/creation-target.js';
import { createRelation, plainColumn } from '../relation/create-relation.js';
import { sequenceParameters, type SequenceParameters } from './options.js';

registerCommand('CreateSeqStmt', { execute: (statement, cx) => execute(bodyAs<CreateSeqStmt>(statement.body), cx) });

const RESULT: CommandResult = { tag: 'CREATE SEQUENCE', rows: null };

function* execute(stmt: CreateSeqStmt, cx: CommandContext): Suspendable<CommandResult> {
  const target = yield* creationTarget(cx, stmt.sequence!);
  if (stmt.if_not_exists && cx.session.catalog.relationOid(target.name, target.namespace) !== 0) {
    cx.services.notice(pgError('DUPLICATE_TABLE', `relation "${target.name}" already exists, skipping`, { severity: 'NOTICE' }));
    return RESULT;
  }
  const parameters = sequenceParameters(stmt.options ?? [], false, null, null, (option) => optionType(cx, option));
  const oid = createSequence(cx, { ...target, owner: cx.session.currentUserOid }, parameters);
  if (parameters.ownedBy) setOwnedBy(cx, oid, parameters.ownedBy, false);
  return RESULT;
}

/** The type that AS names. */
export function optionType(cx: CommandContext, option: DefElem): Oid {
  return commandType(cx, bodyAs<TypeName>(bodyOf(option.arg!))).type;
}

/** Creates the sequence's relation, its pg_sequence row and its first state; returns its OID. */
export function createSequence(
  cx: CommandContext, target: { name: string; namespace: Oid; persistence: string; owner: Oid }, parameters: SequenceParameters,
): Oid {
  const { catalog } = cx.session;
  const columns = [plainColumn('last_value', INT8OID, -1, 0), plainColumn('log_cnt', INT8OID, -1, 0), plainColumn('is_called', BOOLOID, -1, 0)];
  const oid = createRelation(cx, {
    ...target, kind: 'S', columns: columns.map((column) => ({ ...column, notNull: true })), accessMethod: 0, tablespace: 0, options: [],
    ofType: 0, isPartition: false, partitionBound: null,
  });
  catalog.table('pg_sequence').insert({ seqrelid: oid, ...parameters.row });
  catalog.commandCounterIncrement();
  const relation = catalog.relation(oid);
  if (!relation || !parameters.restart) throw pgError('INTERNAL_ERROR', `sequence ${oid} was not made`);
  relation.openSequence().write({ ...parameters.restart, logCount: 0 });
  return oid;
}

/** Parameters of a column's sequence: of its type, with the options of the identity clause. */
export function columnSequenceParameters(cx: CommandContext, type: Oid, options: readonly Node[]): SequenceParameters {
  const ofColumn: Node = { DefElem: { defname: 'as' } };
  const resolve = (option: DefElem): Oid => (option.arg ? optionType(cx, option) : cx.session.catalog.baseType(type));
  return sequenceParameters([ofColumn, ...options], false, null, null, resolve);
}

/** Ties a sequence to a column: dropped with it. `internal` for identity columns, whose sequence cannot be dropped alone. */
export function ownSequence(cx: CommandContext, sequence: Oid, relation: Oid, attnum: number, internal: boolean): void {
  recordDependencyOn(cx.session.catalog, objectAddress(RelationRelationId, sequence),
    objectAddress(RelationRelationId, relation, attnum), internal ? 'i' : 'a');
}

/** OWNED BY table.column, or NONE. @throws 42601, 55000, 42703, 0A000 */
export function setOwnedBy(cx: CommandContext, sequence: Oid, names: readonly string[], identity: boolean): void {
  const { catalog } = cx.session;
  if (identity) throw pgError('FEATURE_NOT_SUPPORTED', 'cannot change ownership of identity sequence');
  let owner: { relation: Relation; attnum: number } | null = null;
  if (names.length === 1) {
    if (names[0] !== 'none') throw pgError('SYNTAX_ERROR', 'invalid OWNED BY option', { hint: 'Specify OWNED BY table.column or OWNED BY NONE.' });
  } else {
    owner = ownerColumn(cx, sequence, names);
  }
  for (const dependency of catalog.table('pg_depend').find({ classid: RelationRelationId, objid: sequence, objsubid: 0 })) {
    if (dependency.refclassid === RelationRelationId && dependency.deptype === 'a') catalog.table('pg_depend').delete(dependency);
  }
  if (owner) ownSequence(cx, sequence, owner.relation.oid, owner.attnum, false);
}

function ownerColumn(cx: CommandContext, sequence: Oid, names: readonly string[]): { relation: Relation; attnum: number } {
  const { catalog } = cx.session;
  const column = names[names.length - 1];
  const table = names[names.length - 2];
  const schema = names.length > 2 ? catalog.namespaceByName(names[names.length - 3]) : null;
  const oid = names.length > 2 ? catalog.relationOid(table, schema?.oid ?? 0) : catalog.lookupRelation(table);
  const relation = catalog.relation(oid);
  if (!relation) throw pgError('UNDEFINED_TABLE', `relation "${names.slice(0, -1).join('.')}" does not exist`);
  if (!['r', 'f', 'v', 'p'].includes(relation.kind)) {
    throw pgError('WRONG_OBJECT_TYPE', `sequence cannot be owned by relation "${relation.name}"`);
  }
  const self = catalog.relation(sequence);
  if (self && self.row.relowner !== relation.row.relowner) {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'sequence must have same owner as table it is linked to');
  }
  if (self && self.namespace !== relation.namespace) {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'sequence must be in same schema as table it is linked to');
  }
  const attribute = relation.attributes.find((candidate) => candidate.attname === column && !candidate.attisdropped);
  if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${column}" of relation "${relation.name}" does not exist`);
  return { relation, attnum: attribute.attnum };
}
