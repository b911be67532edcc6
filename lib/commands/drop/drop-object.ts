/**
 * How an object of each class is dropped: its own catalog rows and its files. What depends on it, and what is said about
 * it, is `catalog/deletion.ts`'s affair.
 *
 * Idea: PostgreSQL's doDeletion (catalog/dependency.c).
 */
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress, type ObjectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { performDeletions, type DeletionHooks, type DeletionOptions } from '../../catalog/deletion.js';
import type { CatalogRows } from '../../catalog/rows.js';
import * as ids from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { lockObject } from '../object/object-lock.js';
import { dropConstraintTraces } from './drop-constraint.js';

/** Drops objects with everything that must go with them. @throws 2BP01 */
export function dropObjects(cx: CommandContext, objects: readonly ObjectAddress[], options: DeletionOptions): Suspendable<void> {
  return performDeletions(cx.session.catalog, objects, options, deletionHooks(cx));
}

/** The hooks of this session. */
export function deletionHooks(cx: CommandContext): DeletionHooks {
  return {
    lock: (object) => lockObject(cx, object, object.subId === 0 || object.classId !== ids.RelationRelationId ? 'AccessExclusive' : 'AccessShare'),
    drop: (object) => dropOne(cx, object),
    notice: (notice) => cx.services.notice(notice),
  };
}


/** Catalogs whose objects are one row and nothing else. */
const SINGLE_ROW: Partial<Record<number, keyof CatalogRows>> = {
  [ids.CastRelationId]: 'pg_cast', [ids.CollationRelationId]: 'pg_collation', [ids.ConversionRelationId]: 'pg_conversion',
  [ids.NamespaceRelationId]: 'pg_namespace', [ids.OperatorClassRelationId]: 'pg_opclass', [ids.LanguageRelationId]: 'pg_language',
  [ids.StatisticExtRelationId]: 'pg_statistic_ext', [ids.TransformRelationId]: 'pg_transform', [ids.PolicyRelationId]: 'pg_policy',
  [ids.DefaultAclRelationId]: 'pg_default_acl', [ids.TriggerRelationId]: 'pg_trigger', [ids.EventTriggerRelationId]: 'pg_event_trigger',
  [ids.AccessMethodOperatorRelationId]: 'pg_amop', [ids.AccessMethodProcedureRelationId]: 'pg_amproc', [ids.OperatorRelationId]: 'pg_operator',
};

function* dropOne(cx: CommandContext, object: ObjectAddress): Suspendable<void> {
  switch (object.classId) {
    case ids.RelationRelationId:
      if (object.subId === 0) dropRelation(cx, object.objectId);
      else dropColumn(cx, object.objectId, object.subId);
      return;
    case ids.TypeRelationId: dropType(cx, object.objectId); return;
    case ids.AttrDefaultRelationId: dropDefault(cx, object.objectId); return;
    case ids.ConstraintRelationId: dropConstraintTraces(cx, object.objectId); return;
    case ids.RewriteRelationId: dropRule(cx, object.objectId); return;
    case ids.ProcedureRelationId: dropProcedure(cx, object.objectId); return;
    case ids.OperatorFamilyRelationId: dropOperatorFamily(cx, object.objectId); return;
    default: {
      const catalogName = SINGLE_ROW[object.classId];
      if (!catalogName) throw notSupported(`dropping an object of catalog ${object.classId}`);
      deleteByOid(cx, catalogName, object.objectId);
    }
  }
}

/** Deletes the row of an OID from a catalog. @throws XX000 when it is not there */
function deleteByOid(cx: CommandContext, name: keyof CatalogRows, oid: Oid): void {
  const table = cx.session.catalog.table(name);
  const row = table.findOne({ oid } as Partial<CatalogRows[keyof CatalogRows]>);
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for object ${oid} of catalog ${name}`);
  table.delete(row);
}

/** Drops a relation's rows in every catalog, and its file. */
function dropRelation(cx: CommandContext, oid: Oid): void {
  const { catalog, transaction } = cx.session;
  const row = catalog.table('pg_class').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for relation ${oid}`);
  if (row.relfilenode !== 0) cx.storage.dropFile(transaction, row.relfilenode);
  if (row.relkind === 'i' || row.relkind === 'I') {
    const index = catalog.table('pg_index').findOne({ indexrelid: oid });
    if (index) catalog.table('pg_index').delete(index);
  }
  if (row.relkind === 'S') {
    const sequence = catalog.table('pg_sequence').findOne({ seqrelid: oid });
    if (sequence) catalog.table('pg_sequence').delete(sequence);
  }
  if (row.relkind === 'p') {
    const partitioned = catalog.table('pg_partitioned_table').findOne({ partrelid: oid });
    if (partitioned) catalog.table('pg_partitioned_table').delete(partitioned);
  }
  for (const link of catalog.table('pg_inherits').find({ inhrelid: oid })) catalog.table('pg_inherits').delete(link);
  for (const statistic of catalog.table('pg_statistic').find({ starelid: oid })) catalog.table('pg_statistic').delete(statistic);
  for (const attribute of catalog.table('pg_attribute').find({ attrelid: oid })) catalog.table('pg_attribute').delete(attribute);
  catalog.table('pg_class').delete(row);
}

/** ALTER TABLE DROP COLUMN's work: the column stays in the rows' shape, marked dropped, its name and type made unusable. */
function dropColumn(cx: CommandContext, relation: Oid, attnum: number): void {
  const { catalog } = cx.session;
  const attributes = catalog.table('pg_attribute');
  const attribute = attributes.findOne({ attrelid: relation, attnum });
  if (!attribute) throw pgError('INTERNAL_ERROR', `cache lookup failed for attribute ${attnum} of relation ${relation}`);
  attributes.update(attribute, {
    attisdropped: true, attnotnull: false, atthasdef: false, attidentity: '', attgenerated: '', atthasmissing: false, attmissingval: null,
    atttypid: 0, attstattarget: null, attacl: null, attoptions: null, attfdwoptions: null,
    attname: `........pg.dropped.${attnum}........`,
  });
  for (const statistic of catalog.table('pg_statistic').find({ starelid: relation, staattnum: attnum })) catalog.table('pg_statistic').delete(statistic);
}

function dropType(cx: CommandContext, oid: Oid): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_type').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for type ${oid}`);
  catalog.table('pg_type').delete(row);
  if (row.typtype === 'e') for (const label of catalog.table('pg_enum').find({ enumtypid: oid })) catalog.table('pg_enum').delete(label);
  if (row.typtype === 'r') for (const range of catalog.table('pg_range').find({ rngtypid: oid })) catalog.table('pg_range').delete(range);
}

function dropDefault(cx: CommandContext, oid: Oid): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_attrdef').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `could not find tuple for attrdef ${oid}`);
  catalog.table('pg_attrdef').delete(row);
  const attribute = catalog.table('pg_attribute').findOne({ attrelid: row.adrelid, attnum: row.adnum });
  if (attribute) catalog.table('pg_attribute').update(attribute, { atthasdef: false });
}

function dropRule(cx: CommandContext, oid: Oid): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_rewrite').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `could not find tuple for rule ${oid}`);
  catalog.table('pg_rewrite').delete(row);
}

function dropProcedure(cx: CommandContext, oid: Oid): void {
  const { catalog } = cx.session;
  deleteByOid(cx, 'pg_proc', oid);
  const aggregate = catalog.table('pg_aggregate').findOne({ aggfnoid: oid });
  if (aggregate) catalog.table('pg_aggregate').delete(aggregate);
}

function dropOperatorFamily(cx: CommandContext, oid: Oid): void {
  deleteByOid(cx, 'pg_opfamily', oid);
}

/** The address of a whole relation. */
export function relationAddress(oid: Oid): ObjectAddress {
  return objectAddress(ids.RelationRelationId, oid);
}
