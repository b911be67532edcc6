/**
 * MERGE. Follows PostgreSQL's parser/parse_merge.c.
 */
import type { MergeStmt, MergeWhenClause, Node } from 'libpg-query';
import { pgError } from '../base/error.js';
import { unsupportedKindDetail } from '../catalog/relation-kind.js';
import { bodyAs, bodyOf } from '../parser/raw.js';
import { insertTargets, targetRelation, transformAssigned } from './assign.js';
import { assignQueryCollations } from './collate.js';
import { transformWith } from './cte.js';
import { transformItem } from './from.js';
import { overridingKind, setTarget } from './insert.js';
import { makeTarget } from './make.js';
import { exprLocation } from './node-functions.js';
import type { MergeAction, Query, TargetEntry } from './nodes.js';
import { emptyQuery, finishQuery } from './query.js';
import { transformReturning } from './returning.js';
import { transformCondition } from './select.js';
import { addPermissionColumn, requirePermissions, type NamespaceItem, type ParseState } from './state.js';
import { transformExpressionList } from './target.js';
import { transformUpdateTargets } from './update.js';

const KINDS = {
  MERGE_WHEN_MATCHED: 'matched', MERGE_WHEN_NOT_MATCHED_BY_SOURCE: 'notMatchedBySource', MERGE_WHEN_NOT_MATCHED_BY_TARGET: 'notMatchedByTarget',
} as const;
const COMMANDS = { CMD_UPDATE: 'update', CMD_DELETE: 'delete', CMD_INSERT: 'insert', CMD_NOTHING: 'nothing' } as const;
const LETTERS = { update: 'w', delete: 'd', insert: 'a', nothing: '' } as const;

/** Analyzes MERGE. @throws 42601, 42712, 0A000 ... */
export function transformMerge(state: ParseState, statement: MergeStmt): Query {
  const query = emptyQuery('merge');
  if (statement.withClause?.recursive) throw pgError('SYNTAX_ERROR', 'WITH RECURSIVE is not supported for MERGE statement');
  transformWith(state, statement.withClause, query);
  const clauses = (statement.mergeWhenClauses ?? []).map((node) => bodyAs<MergeWhenClause>(bodyOf(node)));
  const unconditional = new Set<string>();
  let permissions = '';
  for (const clause of clauses) {
    const kind = clause.matchKind ?? '';
    if (unconditional.has(kind)) throw pgError('SYNTAX_ERROR', 'unreachable WHEN clause specified after unconditional WHEN clause');
    if (clause.condition === undefined) unconditional.add(kind);
    const letter = LETTERS[COMMANDS[clause.commandType as keyof typeof COMMANDS]];
    if (!permissions.includes(letter)) permissions += letter;
  }
  const relation = statement.relation ?? {};
  query.resultRelation = setTarget(state, relation, relation.inh ?? false, false, permissions);
  const target = targetRelation(state);
  if (!['r', 'p', 'v'].includes(target.kind)) {
    throw pgError('FEATURE_NOT_SUPPORTED', `cannot execute MERGE on relation "${target.name}"`, { detail: unsupportedKindDetail(target.kind) });
  }
  const item = state.targetNsitem as NamespaceItem;
  const source = transformItem(state, statement.sourceRelation as Node);
  state.joinlist.push(source.tree);
  for (const visible of source.items) {
    visible.lateralOnly = false;
    visible.lateralOk = true;
  }
  if (source.top.names.aliasname === item.names.aliasname && source.top.relVisible) {
    throw pgError('DUPLICATE_ALIAS', `name "${item.names.aliasname}" specified more than once`, { detail: 'The name is used both as MERGE target table and data source.' });
  }
  if (item.rte.rtekind === 'relation') requirePermissions(item.rte.perm, 'r');
  setNamespace(state, [item, ...source.items]);
  query.mergeJoinCondition = transformCondition(state, statement.joinCondition, 'joinOn', 'JOIN/ON');
  query.mergeActionList = clauses.map((clause) => transformAction(state, clause, item, source.items));
  setNamespace(state, [item, ...source.items]);
  transformReturning(state, query, statement.returningClause, 'mergeReturning');
  finishQuery(state, query, null);
  assignQueryCollations(state, query);
  return query;
}

function setNamespace(state: ParseState, items: readonly NamespaceItem[]): void {
  state.namespace = [...items];
}

function transformAction(state: ParseState, clause: MergeWhenClause, target: NamespaceItem, source: readonly NamespaceItem[]): MergeAction {
  const matchKind = KINDS[clause.matchKind as keyof typeof KINDS];
  const commandType = COMMANDS[clause.commandType as keyof typeof COMMANDS];
  setNamespace(state, matchKind === 'matched' ? [target, ...source] : matchKind === 'notMatchedBySource' ? [target] : source);
  if (matchKind !== 'notMatchedByTarget') {
    target.relVisible = true;
    target.colsVisible = true;
  }
  const qual = clause.condition === undefined ? null : transformCondition(state, clause.condition, 'mergeWhen', 'WHEN');
  let targetList: TargetEntry[] = [];
  if (commandType === 'insert') targetList = insertAction(state, clause, target);
  else if (commandType === 'update') {
    state.isInsert = false;
    targetList = transformUpdateTargets(state, clause.targetList ?? []);
  }
  return { node: 'MergeAction', matchKind, commandType, override: overridingKind(clause.override), qual, targetList };
}

function insertAction(state: ParseState, clause: MergeWhenClause, target: NamespaceItem): TargetEntry[] {
  state.isInsert = true;
  const { columns, attnums } = insertTargets(state, clause.targetList);
  const values = clause.values ?? [];
  if (values.length === 0) return [];
  const exprs = transformExpressionList(state, values, 'valuesSingle', true);
  if (exprs.length > columns.length) throw state.error('SYNTAX_ERROR', 'INSERT has more expressions than target columns', exprLocation(exprs[columns.length]));
  if (clause.targetList?.length && exprs.length < columns.length) {
    throw state.error('SYNTAX_ERROR', 'INSERT has more target columns than expressions', columns[exprs.length].location ?? 0);
  }
  return exprs.map((expr, i) => {
    const column = columns[i];
    if (target.rte.rtekind === 'relation') addPermissionColumn(target.rte.perm.insertedCols, attnums[i]);
    return makeTarget(transformAssigned(state, expr, 'insertTarget', column.name ?? '', attnums[i], column.indirection ?? [], column.location ?? 0), attnums[i], column.name ?? '');
  });
}
