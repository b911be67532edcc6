/**
 * RETURNING, with the OLD and NEW rows. Follows transformReturningClause of PostgreSQL's parser/analyze.c.
 */
import type { ReturningClause, ReturningOption } from 'libpg-query';
import { bodyAs, bodyOf } from '../parser/raw.js';
import { itemByName } from './namespace.js';
import type { Query } from './nodes.js';
import type { ExprKind, Mutable, NamespaceItem, ParseState } from './state.js';
import { markTargetOrigins, resolveUnknownTargets, transformTargetList } from './target.js';

/** Fills the query's RETURNING list. @throws 42601, 42712 */
export function transformReturning(state: ParseState, query: Mutable<Query>, clause: ReturningClause | undefined, kind: ExprKind): void {
  if (clause === undefined) return;
  const savedNamespace = state.namespace.length;
  const names = { old: null as string | null, new: null as string | null };
  for (const node of clause.options ?? []) {
    const option = bodyAs<ReturningOption>(bodyOf(node));
    const which = option.option === 'RETURNING_OPTION_OLD' ? 'old' : 'new';
    const location = option.location ?? 0;
    const name = option.value ?? '';
    if (names[which] !== null) throw state.error('SYNTAX_ERROR', `${which.toUpperCase()} cannot be specified multiple times`, location);
    if (itemByName(state, null, name, -1) !== null) throw state.error('DUPLICATE_ALIAS', `table name "${name}" specified more than once`, location);
    names[which] = name;
    addRow(state, name, which);
  }
  for (const which of ['old', 'new'] as const) {
    if (names[which] === null && itemByName(state, null, which, -1) === null) addRow(state, which, which);
  }
  const savedResno = state.nextResno;
  state.nextResno = 1;
  const exprs = clause.exprs ?? [];
  const targets = transformTargetList(state, exprs, kind);
  if (targets.length === 0) {
    const location = exprs.length === 0 ? undefined : bodyOf(exprs[0]).location;
    throw state.error('SYNTAX_ERROR', 'RETURNING must have at least one column', typeof location === 'number' ? location : 0);
  }
  markTargetOrigins(state, targets);
  if (state.resolveUnknowns) resolveUnknownTargets(state, targets);
  query.returningList = targets;
  state.namespace.length = savedNamespace;
  state.nextResno = savedResno;
}

function addRow(state: ParseState, name: string, returningType: NamespaceItem['returningType']): void {
  const target = state.targetNsitem;
  if (target === null) return;
  state.namespace.push({
    names: { aliasname: name, colnames: target.rte.eref.colnames }, rte: target.rte, rtindex: target.rtindex, columns: target.columns,
    relVisible: true, colsVisible: false, lateralOnly: false, lateralOk: true, returningType,
  });
}
