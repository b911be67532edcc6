/**
 * ALTER TABLE's properties of the whole relation: storage parameters, persistence, replica identity, clustering, row
 * security; and what PostgreSQL's own pages would need.
 *
 * Idea: PostgreSQL's ATExecSetRelOptions, ATPrepChangePersistence, ATExecReplicaIdentity, ATExecClusterOn (commands/tablecmds.c).
 */
import type { DefElem, Node, ReplicaIdentityStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { IndexDescriptor, Relation } from '../../catalog/api.js';
import type { PgClass } from '../../catalog/rows.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { ArrayValue } from '../../types/datum.js';
import { TEXTOID } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { optionText } from '../definition-options.js';
import { storageOptions } from '../table/create-table.js';
import { viewOptions } from '../view/create-view.js';
import { viewDefinition } from '../../rewriter/views.js';
import { viewObstacle } from '../../rewriter/updatable-view.js';
import { Pass, registerAlter, type AlterTarget } from './alter-table.js';
import { findColumn, updateAttribute } from './columns.js';
import { rewriteTable } from './rewrite-table.js';

registerAlter('AT_SetRelOptions', { pass: Pass.misc, lock: 'ShareUpdateExclusive', kinds: 'rpvmiI', execute: (target) => setOptions(target, false) });
registerAlter('AT_ResetRelOptions', { pass: Pass.misc, lock: 'ShareUpdateExclusive', kinds: 'rpvmiI', execute: (target) => setOptions(target, true) });
registerAlter('AT_SetOptions', { pass: Pass.misc, lock: 'ShareUpdateExclusive', kinds: 'rpmf', execute: (target) => setColumnOptions(target, false) });
registerAlter('AT_ResetOptions', { pass: Pass.misc, lock: 'ShareUpdateExclusive', kinds: 'rpmf', execute: (target) => setColumnOptions(target, true) });
registerAlter('AT_SetLogged', { pass: Pass.misc, kinds: 'rpS', execute: (target) => setPersistence(target, 'p') });
registerAlter('AT_SetUnLogged', { pass: Pass.misc, kinds: 'rpS', execute: (target) => setPersistence(target, 'u') });
registerAlter('AT_ReplicaIdentity', { pass: Pass.misc, kinds: 'rpm', execute: replicaIdentity });
registerAlter('AT_ClusterOn', { pass: Pass.misc, lock: 'ShareUpdateExclusive', kinds: 'rpm', execute: clusterOn });
registerAlter('AT_DropCluster', { pass: Pass.misc, lock: 'ShareUpdateExclusive', kinds: 'rpm', execute: dropCluster });
registerAlter('AT_DropOids', { pass: Pass.drop, kinds: 'rpf', execute: nothing });
registerAlter('AT_SetAccessMethod', { pass: Pass.misc, kinds: 'rpm', execute: setAccessMethod });
registerAlter('AT_SetTableSpace', { pass: Pass.misc, kinds: 'rpmiI', execute: setTablespace });
registerAlter('AT_EnableRowSecurity', { pass: Pass.misc, execute: (target) => setFlags(target, { relrowsecurity: true }) });
registerAlter('AT_DisableRowSecurity', { pass: Pass.misc, execute: (target) => setFlags(target, { relrowsecurity: false }) });
registerAlter('AT_ForceRowSecurity', { pass: Pass.misc, execute: (target) => setFlags(target, { relforcerowsecurity: true }) });
registerAlter('AT_NoForceRowSecurity', { pass: Pass.misc, execute: (target) => setFlags(target, { relforcerowsecurity: false }) });

function* nothing(): Suspendable<void> {
  yield* [];
}

function changeClass(cx: CommandContext, relation: Relation, changes: Partial<PgClass>): void {
  const table = cx.session.catalog.table('pg_class');
  const row = table.findOne({ oid: relation.oid });
  if (row) table.update(row, changes);
}

function* setFlags({ cx, relation }: AlterTarget, changes: Partial<PgClass>): Suspendable<void> {
  changeClass(cx, relation, changes);
  yield* [];
}

function optionNodes(command: AlterTarget['command']): Node[] {
  return bodyAs<{ items?: Node[] }>(bodyOf(command.def!)).items ?? [];
}

/** `name=value` texts after a change; options of a `toast.` table are left out, as there is none. */
function changedOptions(before: readonly string[], changes: readonly string[], reset: boolean): string[] {
  const names = new Set(changes.map((text) => text.slice(0, text.indexOf('='))));
  const kept = before.filter((text) => !names.has(text.slice(0, text.indexOf('='))));
  return reset ? kept : [...kept, ...changes];
}

function* setOptions({ cx, relation, command }: AlterTarget, reset: boolean): Suspendable<void> {
  const nodes = optionNodes(command);
  const changes = relation.kind === 'v' ? viewOptions(nodes) : relation.kind === 'i' || relation.kind === 'I' ? indexOptions(nodes) : storageOptions(nodes);
  const before = (relation.row.reloptions?.elements ?? []) as readonly string[];
  const after = changedOptions(before, changes, reset);
  if (relation.kind === 'v' && after.some((text) => text.startsWith('check_option='))) {
    const hint = viewObstacle(viewDefinition({ catalog: cx.session.catalog, services: cx.services, currentUserOid: cx.session.currentUserOid }, relation), true);
    if (hint !== null) throw pgError('FEATURE_NOT_SUPPORTED', 'WITH CHECK OPTION is supported only on automatically updatable views', { hint });
  }
  changeClass(cx, relation, { reloptions: after.length > 0 ? ArrayValue.of(TEXTOID, after) : null });
  yield* [];
}

const INDEX_OPTIONS = new Set(['fillfactor', 'deduplicate_items', 'buffering', 'fastupdate', 'gin_pending_list_limit', 'pages_per_range', 'autosummarize']);

function indexOptions(nodes: readonly Node[]): string[] {
  return nodes.map((node) => {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    if (!INDEX_OPTIONS.has(name)) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter "${name}"`);
    return `${name}=${option.arg ? optionText(option) : 'true'}`;
  });
}

function* setColumnOptions({ cx, relation, command }: AlterTarget, reset: boolean): Suspendable<void> {
  const attribute = findColumn(relation, command.name ?? '');
  const changes = optionNodes(command).map((node) => {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    if (name !== 'n_distinct' && name !== 'n_distinct_inherited') throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter "${name}"`);
    return `${name}=${option.arg ? optionText(option) : ''}`;
  });
  const after = changedOptions((attribute.attoptions?.elements ?? []) as readonly string[], changes, reset);
  updateAttribute(cx, relation, attribute.attnum, { attoptions: after.length > 0 ? ArrayValue.of(TEXTOID, after) : null });
  yield* [];
}

function* setPersistence({ cx, relation }: AlterTarget, persistence: 'p' | 'u'): Suspendable<void> {
  if (relation.persistence === 't') {
    throw pgError('INVALID_TABLE_DEFINITION', `cannot change logged status of table "${relation.name}" because it is temporary`);
  }
  if (relation.persistence === persistence) return;
  const { catalog } = cx.session;
  const keys = persistence === 'p' ? relation.constraints.filter((row) => row.contype === 'f').map((row) => row.confrelid) : relation.referencedBy.map((row) => row.conrelid);
  for (const oid of keys) {
    const other = catalog.relation(oid);
    if (!other || other.oid === relation.oid || other.persistence === persistence) continue;
    throw pgError('INVALID_TABLE_DEFINITION', persistence === 'p'
      ? `could not change table "${relation.name}" to logged because it references unlogged table "${other.name}"`
      : `could not change table "${relation.name}" to unlogged because it references logged table "${other.name}"`);
  }
  if (relation.kind === 'S') throw notSupported('ALTER SEQUENCE ... SET LOGGED');
  yield* rewriteTable(cx, relation, relation, [], persistence);
}

function indexNamed(relation: Relation, name: string): IndexDescriptor {
  const index = relation.indexes.find((candidate) => candidate.name === name);
  if (!index) throw pgError('UNDEFINED_OBJECT', `index "${name}" for table "${relation.name}" does not exist`);
  return index;
}

function* replicaIdentity({ cx, relation, command }: AlterTarget): Suspendable<void> {
  const stmt = bodyAs<ReplicaIdentityStmt>(bodyOf(command.def!));
  const chosen = stmt.identity_type === 'i' ? indexNamed(relation, stmt.name ?? '') : null;
  if (chosen) checkReplicaIndex(relation, chosen);
  const table = cx.session.catalog.table('pg_index');
  for (const index of relation.indexes) {
    const row = table.findOne({ indexrelid: index.oid });
    if (row && row.indisreplident !== (index === chosen)) table.update(row, { indisreplident: index === chosen });
  }
  changeClass(cx, relation, { relreplident: stmt.identity_type ?? 'd' });
  yield* [];
}

function checkReplicaIndex(relation: Relation, index: IndexDescriptor): void {
  const wrong = (message: string): Error => pgError('WRONG_OBJECT_TYPE', message);
  if (!index.unique) throw wrong(`cannot use non-unique index "${index.name}" as replica identity`);
  if (!index.immediate) throw wrong(`cannot use non-immediate index "${index.name}" as replica identity`);
  if (index.expressions !== null) throw wrong(`cannot use expression index "${index.name}" as replica identity`);
  if (index.predicate !== null) throw wrong(`cannot use partial index "${index.name}" as replica identity`);
  for (const attnum of index.attributes.slice(0, index.keyCount)) {
    const attribute = relation.attributes[attnum - 1];
    if (!attribute.attnotnull) throw wrong(`index "${index.name}" cannot be used as replica identity because column "${attribute.attname}" is nullable`);
  }
}

function* clusterOn({ cx, relation, command }: AlterTarget): Suspendable<void> {
  markClustered(cx, relation, indexNamed(relation, command.name ?? ''));
  yield* [];
}

function* dropCluster({ cx, relation }: AlterTarget): Suspendable<void> {
  markClustered(cx, relation, null);
  yield* [];
}

/** pg_index.indisclustered of the one index, or of none. */
export function markClustered(cx: CommandContext, relation: Relation, chosen: IndexDescriptor | null): void {
  if (chosen !== null && !chosen.valid) throw pgError('FEATURE_NOT_SUPPORTED', `cannot cluster on invalid index "${chosen.name}"`);
  const table = cx.session.catalog.table('pg_index');
  for (const index of relation.indexes) {
    const row = table.findOne({ indexrelid: index.oid });
    if (row && row.indisclustered !== (index === chosen)) table.update(row, { indisclustered: index === chosen });
  }
}

function* setAccessMethod({ command }: AlterTarget): Suspendable<void> {
  if (command.name && command.name !== 'heap') throw pgError('UNDEFINED_OBJECT', `access method "${command.name}" does not exist`);
  yield* [];
}

function* setTablespace({ command }: AlterTarget): Suspendable<void> {
  if (command.name !== 'pg_default') throw notSupported('ALTER TABLE ... SET TABLESPACE');
  yield* [];
}
