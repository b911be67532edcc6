/**
 * UPDATE and DELETE. Follows transformUpdateStmt and transformDeleteStmt of PostgreSQL's parser/analyze.c.
 */
import type { DeleteStmt, Node, ResTarget, UpdateStmt } from 'libpg-query';
import { bodyAs, bodyOf } from '../parser/raw.js';
import { findAttribute, targetRelation, transformAssigned } from './assign.js';
import { checkAggregates } from './check-aggregates.js';
import { assignQueryCollations } from './collate.js';
import { transformWith } from './cte.js';
import { transformFrom } from './from.js';
import { setTarget } from './insert.js';
import type { Query, TargetEntry } from './nodes.js';
import { emptyQuery, finishQuery } from './query.js';
import { transformReturning } from './returning.js';
import { transformCondition } from './select.js';
import { addPermissionColumn, type Mutable, type NamespaceItem, type ParseState } from './state.js';
import { transformTargetList } from './target.js';

/** Analyzes FROM / USING: it sees the target only where LATERAL would, and may not use it there. */
function transformSource(state: ParseState, list: readonly Node[] | undefined): void {
  const target = state.targetNsitem as NamespaceItem;
  target.lateralOnly = true;
  target.lateralOk = false;
  transformFrom(state, list ?? []);
  target.lateralOnly = false;
  target.lateralOk = true;
}

/** Analyzes UPDATE. @throws 42703, 42804, 42601 ... */
export function transformUpdate(state: ParseState, statement: UpdateStmt): Query {
  const query = emptyQuery('update');
  transformWith(state, statement.withClause, query);
  const relation = statement.relation ?? {};
  query.resultRelation = setTarget(state, relation, relation.inh ?? false, true, 'w');
  transformSource(state, statement.fromClause);
  const where = transformCondition(state, statement.whereClause, 'where', 'WHERE');
  transformReturning(state, query, statement.returningClause, 'returning');
  query.targetList = transformUpdateTargets(state, statement.targetList ?? []);
  finishQuery(state, query, where);
  assignQueryCollations(state, query);
  return query;
}

/** SET: the new values by attribute number. @throws 42703, 42804, 0A000 */
export function transformUpdateTargets(state: ParseState, list: readonly Node[]): TargetEntry[] {
  const relation = targetRelation(state);
  const target = state.targetNsitem as NamespaceItem;
  state.nextResno = 1;
  const entries = transformTargetList(state, list, 'updateSource');
  entries.forEach((entry: Mutable<TargetEntry>, i) => {
    const raw = bodyAs<ResTarget>(bodyOf(list[i]));
    const name = raw.name ?? '';
    const location = raw.location ?? 0;
    const found = findAttribute(relation, name);
    if (found === null) {
      throw state.error('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`, location,
        raw.indirection?.length && name === target.names.aliasname ? { hint: 'SET target columns cannot be qualified with the relation name.' } : undefined);
    }
    entry.expr = transformAssigned(state, entry.expr, 'updateTarget', name, found.attnum, raw.indirection ?? [], location);
    entry.resno = found.attnum;
    entry.resname = name;
    if (target.rte.rtekind === 'relation') addPermissionColumn(target.rte.perm.updatedCols, found.attnum);
  });
  return entries;
}

/** Analyzes DELETE. @throws 42P01, 42703 ... */
export function transformDelete(state: ParseState, statement: DeleteStmt): Query {
  const query = emptyQuery('delete');
  transformWith(state, statement.withClause, query);
  const relation = statement.relation ?? {};
  query.resultRelation = setTarget(state, relation, relation.inh ?? false, true, 'd');
  transformSource(state, statement.usingClause);
  const where = transformCondition(state, statement.whereClause, 'where', 'WHERE');
  transformReturning(state, query, statement.returningClause, 'returning');
  finishQuery(state, query, where);
  assignQueryCollations(state, query);
  if (state.hasAggs) checkAggregates(state, query);
  return query;
}
