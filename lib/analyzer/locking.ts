/**
 * FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE. Follows transformLockingClause of PostgreSQL's parser/analyze.c.
 */
import type { LockingClause, RangeVar } from 'libpg-query';
import { bodyAs, bodyOf } from '../parser/raw.js';
import type { Query, RangeTblEntry, RowMarkClause, SubqueryRte } from './nodes.js';
import { addPermissionColumn, requirePermissions, type Mutable, type ParseState } from './state.js';

const STRENGTHS: Readonly<Record<string, RowMarkClause['strength']>> = {
  LCS_FORKEYSHARE: 'keyShare', LCS_FORSHARE: 'share', LCS_FORNOKEYUPDATE: 'noKeyUpdate', LCS_FORUPDATE: 'update',
};
const NAMES: Readonly<Record<RowMarkClause['strength'], string>> = {
  keyShare: 'FOR KEY SHARE', share: 'FOR SHARE', noKeyUpdate: 'FOR NO KEY UPDATE', update: 'FOR UPDATE',
};
const ORDER: readonly RowMarkClause['strength'][] = ['keyShare', 'share', 'noKeyUpdate', 'update'];
const WAITS: readonly RowMarkClause['waitPolicy'][] = ['block', 'skip', 'error'];

/** A clause as messages name it. */
export function lockStrengthName(clause: LockingClause): string {
  return NAMES[STRENGTHS[clause.strength ?? ''] ?? 'update'];
}

/** Queries whose rows cannot be locked. @throws 0A000 */
export function checkSelectLocking(state: ParseState, query: Query, name: string): void {
  const reject = (condition: boolean, what: string): void => {
    if (condition) throw state.error('FEATURE_NOT_SUPPORTED', `${name} is not allowed with ${what}`, -1);
  };
  reject(query.setOperations !== null, 'UNION/INTERSECT/EXCEPT');
  reject(query.distinctClause.length > 0, 'DISTINCT clause');
  reject(query.groupClause.length > 0 || query.groupingSets.length > 0, 'GROUP BY clause');
  reject(query.havingQual !== null, 'HAVING clause');
  reject(query.hasAggs, 'aggregate functions');
  reject(query.hasWindowFuncs, 'window functions');
  reject(query.hasTargetSRFs, 'set-returning functions in the target list');
}

/** Applies one clause to a query: marks its relations, and those of its sub-queries. @throws 0A000, 42601, 42P01 */
export function transformLocking(state: ParseState, query: Mutable<Query>, clause: LockingClause, pushedDown: boolean): void {
  const strength = STRENGTHS[clause.strength ?? ''] ?? 'update';
  const waitPolicy = clause.waitPolicy === 'LockWaitSkip' ? 'skip' : clause.waitPolicy === 'LockWaitError' ? 'error' : 'block';
  const name = NAMES[strength];
  checkSelectLocking(state, query, name);
  const lockAll: LockingClause = { strength: clause.strength, waitPolicy: clause.waitPolicy };
  const mark = (rte: RangeTblEntry, rti: number): void => {
    if (rte.rtekind === 'relation') {
      applyMark(query, rti, strength, waitPolicy, pushedDown);
      requirePermissions(rte.perm, 'rw');
      addPermissionColumn(rte.perm.selectedCols, 0);
    } else if (rte.rtekind === 'subquery') {
      applyMark(query, rti, strength, waitPolicy, pushedDown);
      const inner: Mutable<Query> = { ...rte.subquery };
      transformLocking(state, inner, lockAll, true);
      (rte as Mutable<SubqueryRte>).subquery = inner;
    }
  };
  if (!clause.lockedRels?.length) {
    query.rtable.forEach((rte, i) => {
      if (rte.inFromCl) mark(rte, i + 1);
    });
    return;
  }
  for (const node of clause.lockedRels) {
    const relation = bodyAs<RangeVar>(bodyOf(node));
    const location = relation.location ?? 0;
    if (relation.catalogname || relation.schemaname) throw state.error('SYNTAX_ERROR', `${name} must specify unqualified relation names`, location);
    const index = query.rtable.findIndex((rte) => rte.inFromCl && rte.eref.aliasname === relation.relname && !(rte.rtekind === 'join' && rte.alias === null && rte.joinUsingAlias === null));
    if (index < 0) throw state.error('UNDEFINED_TABLE', `relation "${relation.relname}" in ${name} clause not found in FROM clause`, location);
    const rte = query.rtable[index];
    const kinds: Readonly<Partial<Record<RangeTblEntry['rtekind'], string>>> = { join: 'a join', function: 'a function', values: 'VALUES', cte: 'a WITH query' };
    const what = kinds[rte.rtekind];
    if (what !== undefined) throw state.error('FEATURE_NOT_SUPPORTED', `${name} cannot be applied to ${what}`, location);
    mark(rte, index + 1);
  }
}

function applyMark(query: Mutable<Query>, rti: number, strength: RowMarkClause['strength'], waitPolicy: RowMarkClause['waitPolicy'], pushedDown: boolean): void {
  if (!pushedDown) query.hasForUpdate = true;
  const stronger = <T>(order: readonly T[], a: T, b: T): T => (order.indexOf(a) >= order.indexOf(b) ? a : b);
  const existing = query.rowMarks.find((rowMark) => rowMark.rti === rti);
  if (existing === undefined) {
    query.rowMarks = [...query.rowMarks, { node: 'RowMarkClause', rti, strength, waitPolicy, pushedDown }];
    return;
  }
  const merged: RowMarkClause = {
    ...existing, strength: stronger(ORDER, existing.strength, strength), waitPolicy: stronger(WAITS, existing.waitPolicy, waitPolicy),
    pushedDown: existing.pushedDown && pushedDown,
  };
  query.rowMarks = query.rowMarks.map((rowMark) => (rowMark === existing ? merged : rowMark));
}
