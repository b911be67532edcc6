/**
 * LIKE in CREATE TABLE: columns of another relation, and what INCLUDING asks for.
 *
 * Idea: PostgreSQL's transformTableLikeClause and expandTableLikeClause (parser/parse_utilcmd.c).
 */
import type { TableLikeClause } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { checkPrivilege } from '../../catalog/privileges.js';
import type { CommandContext } from '../api.js';
import { openNamed } from '../expressions.js';
import { lockRelation } from '../relation/access.js';
import { adoptedFrom } from './adopt.js';
import type { MakeSequence } from './column-definition.js';
import type { TableDefinition } from './definition.js';
import { at } from './transform-constraint.js';

/** Bits of TableLikeClause.options. */
const LikeOption = { comments: 1, compression: 2, constraints: 4, defaults: 8, generated: 16, identity: 32, indexes: 64, statistics: 128, storage: 256 } as const;

/** Adds the source's columns to the definition. @throws 42809, 42501 */
export function* copyLike(
  cx: CommandContext, definition: TableDefinition, clause: TableLikeClause, makeSequence: MakeSequence,
): Suspendable<void> {
  const source = openNamed(cx, clause.relation!);
  if (!['r', 'v', 'm', 'c', 'f', 'p'].includes(source.kind)) {
    throw pgError('WRONG_OBJECT_TYPE', `relation "${source.name}" is invalid in LIKE clause`, at(clause.relation?.location));
  }
  yield* lockRelation(cx, source.oid, 'AccessShare');
  checkPrivilege(cx.session.catalog, 'table', source.oid, cx.session.currentUserOid, 'SELECT', source.name);
  const options = clause.options ?? 0;
  const has = (option: keyof typeof LikeOption): boolean => (options & LikeOption[option]) !== 0;
  copyColumns(definition, source, has, makeSequence);
  copyConstraints(definition, source, has('constraints'));
  if (has('indexes')) copyIndexes(definition, source);
}

function copyColumns(definition: TableDefinition, source: Relation, has: (option: keyof typeof LikeOption) => boolean, makeSequence: MakeSequence): void {
  for (const attribute of source.attributes) {
    if (attribute.attisdropped) continue;
    const generated = attribute.attgenerated !== '' && has('generated') ? attribute.attgenerated : '';
    const identity = attribute.attidentity !== '' && has('identity') ? attribute.attidentity : '';
    if (identity !== '') makeSequence({ column: attribute.attname, type: attribute.atttypid, identity: true, options: [] });
    const wantsDefault = attribute.attgenerated !== '' ? generated !== '' : has('defaults');
    definition.columns.push({
      name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, collation: attribute.attcollation, dimensions: attribute.attndims,
      notNull: false, identity, generated, hasDefault: false, isLocal: true, inheritCount: 0,
      storage: has('storage') ? attribute.attstorage : '', compression: has('compression') ? attribute.attcompression : '',
      rawDefault: null, adoptedDefault: wantsDefault ? adoptedFrom(source, source.defaults[attribute.attnum - 1] ?? null) : null, location: -1,
    });
  }
}

/** NOT NULL constraints always come along, CHECK constraints when asked for. */
function copyConstraints(definition: TableDefinition, source: Relation, checks: boolean): void {
  for (const row of source.constraints) {
    if (row.contype === 'n') {
      const column = source.attributes[(row.conkey?.elements[0] as number) - 1].attname;
      definition.notNulls.push({ name: row.conname, column, noInherit: row.connoinherit, isLocal: true, inheritCount: 0, validated: true });
    }
    if (row.contype === 'c' && checks) {
      definition.checks.push({
        name: row.conname, rawExpression: null, adoptedExpression: adoptedFrom(source, row.conbin), noInherit: row.connoinherit, isLocal: true, inheritCount: 0,
        enforced: row.conenforced, validated: row.convalidated, column: null,
      });
    }
  }
}

/** PRIMARY KEY and UNIQUE constraints of plain columns; other indexes are not copied yet. */
function copyIndexes(definition: TableDefinition, source: Relation): void {
  for (const index of source.indexes) {
    const constraint = source.constraints.find((row) => row.conindid === index.oid && (row.contype === 'p' || row.contype === 'u'));
    if (!constraint || index.expressions !== null || index.predicate !== null) throw notSupported('LIKE ... INCLUDING INDEXES with indexes that are not constraints');
    const names = index.attributes.map((attnum) => source.attributes[attnum - 1].attname);
    definition.indexes.push({
      kind: constraint.contype === 'p' ? 'p' : 'u', name: null, columns: names.slice(0, index.keyCount), including: names.slice(index.keyCount),
      nullsNotDistinct: index.nullsNotDistinct, withoutOverlaps: false, deferrable: constraint.condeferrable, initiallyDeferred: constraint.condeferred,
      exclusions: [], accessMethod: 'btree', where: null, options: [], usingIndex: null, location: -1,
    });
  }
}
