/**
 * How a session prints stored expressions and views: the analyzer's deparser over the session's catalog.
 */
import { deparseExpression, deparseQuery, type DeparseServices } from '../../analyzer/deparse/deparse.js';
import { ParseState } from '../../analyzer/state.js';
import { readStoredExprs, readStoredExpr } from '../../analyzer/stored.js';
import type { Oid } from '../../catalog/api.js';
import { builtinViewDefinition } from '../../catalog/builtin.js';
import { viewDefinition } from '../../rewriter/views.js';
import type { Session } from '../session.js';
import type { DefinitionContext } from './definitions.js';

/** The definitions' view of a session. */
export function definitionContext(session: Session): DefinitionContext {
  const services = (): DeparseServices => ({ catalog: session.catalog, services: session.services });
  const state = (): ParseState => new ParseState(null, { ...services(), sourceText: '' });
  return {
    get catalog() {
      return session.catalog;
    },
    get types() {
      return session.types;
    },
    relationByText: (name) => session.system.objectOid('regclass', name),
    deparseExpression: (text, relation, pretty) =>
      deparseExpression(services(), readStoredExpr(state(), text, 'other'), relation === 0 ? null : session.catalog.relation(relation), pretty),
    deparseExpressions: (text, relation, pretty) => {
      const table = relation === 0 ? null : session.catalog.relation(relation);
      return readStoredExprs(state(), text, 'other').map((expr) => deparseExpression(services(), expr, table, pretty));
    },
    deparseView: (oid, pretty) => deparseView(session, services(), oid, pretty),
    deparseRule: () => null,
  };
}

function deparseView(session: Session, services: DeparseServices, oid: Oid, pretty: boolean): string | null {
  const view = session.catalog.relation(oid);
  if (view === null || (view.kind !== 'v' && view.kind !== 'm')) return view === null ? null : 'Not a view';
  const text = builtinViewDefinition(oid);
  if (text !== null && !pretty) return text;
  const query = viewDefinition({ ...services, currentUserOid: session.currentUserOid }, view);
  return `${deparseQuery(services, query, view.attributes.map((attribute) => attribute.attname), pretty)};`;
}
