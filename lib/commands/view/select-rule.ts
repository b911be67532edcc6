/**
 * The `_RETURN` rule behind a view: its row in pg_rewrite with the query (not rewritten) as a one-element list of
 * serialized queries, and what that query depends on.
 *
 * Idea: PostgreSQL's DefineQueryRewrite and InsertRule (rewrite/rewriteDefine.c).
 */
import type { Query } from '../../analyzer/nodes.js';
import { serialize } from '../../analyzer/serialize.js';
import { pgError } from '../../base/error.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { deleteDependenciesOf, recordDependencyOn } from '../../catalog/depend.js';
import { RelationRelationId, RewriteRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { recordDependenciesOnQueries } from '../query-dependencies.js';

/** Name of the rule that makes a relation a view. */
export const SELECT_RULE = '_RETURN';
/** pg_rewrite.ev_qual of a rule without a condition, as PostgreSQL writes an empty tree. */
export const NO_CONDITION = '<>';

/** Stores (or replaces) the view's query. */
export function storeSelectRule(cx: CommandContext, relation: Oid, query: Query): void {
  const { catalog } = cx.session;
  const rules = catalog.table('pg_rewrite');
  const before = rules.findOne({ ev_class: relation, rulename: SELECT_RULE });
  const oid = before?.oid ?? catalog.newOid();
  const action = serialize([query]);
  if (before) {
    rules.update(before, { ev_action: action });
    deleteDependenciesOf(catalog, RewriteRelationId, oid);
    catalog.commandCounterIncrement();
  } else {
    rules.insert({ oid, rulename: SELECT_RULE, ev_class: relation, ev_type: '1', ev_enabled: 'O', is_instead: true, ev_qual: NO_CONDITION, ev_action: action });
    markRules(cx, relation);
  }
  const self = objectAddress(RewriteRelationId, oid);
  recordDependencyOn(catalog, self, objectAddress(RelationRelationId, relation), 'i');
  recordDependenciesOnQueries(catalog, self, [query]);
}

/** pg_class.relhasrules of a relation that got its first rule. */
export function markRules(cx: CommandContext, relation: Oid): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_class').findOne({ oid: relation });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for relation ${relation}`);
  if (!row.relhasrules) catalog.table('pg_class').update(row, { relhasrules: true });
}
