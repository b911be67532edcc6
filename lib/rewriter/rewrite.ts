/**
 * Analyzed queries to what is planned: target lists with their defaults, statements on views as statements on tables, views
 * as their queries. Follows QueryRewrite of PostgreSQL's rewrite/rewriteHandler.c.
 */
import type { CommonTableExpr, MergeAction, Query } from '../analyzer/nodes.js';
import { notSupported, pgError } from '../base/error.js';
import type { Oid, Relation } from '../catalog/api.js';
import type { RewriteContext } from './context.js';
import { rewriteInsertTargets, rewriteTargets } from './defaults.js';
import { rewriteTargetView } from './updatable-view.js';
import { expandViews } from './views.js';

export type { RewriteContext } from './context.js';

/** Rewrites a query: one query becomes one (or, by rules, none or several). Utility statements stay as they are. */
export function rewriteQuery(query: Query, context: RewriteContext): readonly Query[] {
  if (query.commandType === 'utility') return [query];
  const prepared = query.commandType === 'select' && query.cteList.length === 0 ? query : rewriteModifying(context, query, []);
  return [expandViews(context, prepared)];
}

const EVENTS: Readonly<Record<string, string>> = { insert: '3', update: '2', delete: '4' };

/** The data-modifying part: the statement itself and those in its WITH list. */
function rewriteModifying(context: RewriteContext, query: Query, active: readonly Oid[]): Query {
  const withCtes = query.cteList.length === 0 ? query : { ...query, cteList: query.cteList.map((cte) => rewriteCte(context, cte)) };
  if (withCtes.commandType === 'select' || withCtes.commandType === 'utility') return withCtes;
  const rte = withCtes.rtable[withCtes.resultRelation - 1];
  const relation = rte.rtekind === 'relation' ? context.catalog.relation(rte.relid) : null;
  if (relation === null) throw pgError('UNDEFINED_TABLE', 'the target relation does not exist');
  checkTargetKind(relation, withCtes.commandType);
  rejectRules(relation, withCtes.commandType);
  const rewritten = rewriteStatementTargets(context, withCtes, relation);
  if (relation.kind !== 'v') return rewritten;
  if (hasInsteadTrigger(relation, rewritten)) throw notSupported('INSTEAD OF triggers');
  if (active.includes(relation.oid)) throw pgError('INVALID_OBJECT_DEFINITION', `infinite recursion detected in rules for relation "${relation.name}"`);
  return rewriteModifying(context, rewriteTargetView(context, rewritten, relation), [...active, relation.oid]);
}

function rewriteCte(context: RewriteContext, cte: CommonTableExpr): CommonTableExpr {
  const ctequery = rewriteModifying(context, cte.ctequery, []);
  return ctequery === cte.ctequery ? cte : { ...cte, ctequery };
}

const CHANGE_VERBS: Readonly<Record<string, string>> = { S: 'sequence', t: 'TOAST relation', m: 'materialized view', f: 'foreign table' };

/** Relations that cannot be changed by DML (CheckValidResultRel). @throws 42809 */
function checkTargetKind(relation: Relation, command: Query['commandType']): void {
  if (['r', 'p', 'v'].includes(relation.kind)) return;
  const what = CHANGE_VERBS[relation.kind];
  if (relation.kind === 'f') throw notSupported(`${command.toUpperCase()} on foreign tables`);
  throw pgError('WRONG_OBJECT_TYPE', what === undefined ? `cannot change relation "${relation.name}"` : `cannot change ${what} "${relation.name}"`);
}

function rejectRules(relation: Relation, command: Query['commandType']): void {
  const matching = relation.rules.some((rule) => rule.ev_type !== '1' && rule.ev_enabled !== 'D' && (command === 'merge' || rule.ev_type === EVENTS[command]));
  if (matching) throw notSupported(`${command.toUpperCase()} on a relation with rules`);
}

const TRIGGER_INSTEAD = 64;
const TRIGGER_EVENTS: Readonly<Record<string, number>> = { insert: 4, delete: 8, update: 16 };

function hasInsteadTrigger(view: Relation, query: Query): boolean {
  const commands = query.commandType === 'merge' ? query.mergeActionList.map((action) => action.commandType) : [query.commandType];
  return view.triggers.some((trigger) => (trigger.tgtype & TRIGGER_INSTEAD) !== 0 && commands.some((command) => (trigger.tgtype & (TRIGGER_EVENTS[command] ?? 0)) !== 0));
}

function rewriteStatementTargets(context: RewriteContext, query: Query, relation: Relation): Query {
  switch (query.commandType) {
    case 'insert': {
      const inserted = rewriteInsertTargets(context, query, relation);
      if (inserted.onConflict?.action !== 'update') return inserted;
      return { ...inserted, onConflict: { ...inserted.onConflict, onConflictSet: rewriteTargets(context, inserted.onConflict.onConflictSet, 'update', 'none', relation) } };
    }
    case 'update':
      return { ...query, targetList: rewriteTargets(context, query.targetList, 'update', 'none', relation) };
    case 'merge':
      return {
        ...query,
        mergeActionList: query.mergeActionList.map((action): MergeAction => (action.commandType === 'insert' || action.commandType === 'update'
          ? { ...action, targetList: rewriteTargets(context, action.targetList, action.commandType, action.override, relation) } : action)),
      };
    default:
      return query;
  }
}
