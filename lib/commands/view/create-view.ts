/**
 * CREATE [OR REPLACE] VIEW.
 *
 * Idea: PostgreSQL's DefineView (commands/view.c).
 */
import type { DefElem, Node, ViewStmt } from 'libpg-query';
import { analyzeInner } from '../../analyzer/analyze.js';
import type { Query } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';
import { viewObstacle } from '../../rewriter/updatable-view.js';
import { ArrayValue } from '../../types/datum.js';
import { TEXTOID } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { optionText } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';
import { relationsOf } from '../query-dependencies.js';
import { checkTableOwner, lockRelation } from '../relation/access.js';
import { attributeRow, createRelation, recordColumnDependencies, type NewColumn } from '../relation/create-relation.js';
import { creationTarget } from '../relation/creation-target.js';
import { storeSelectRule } from './select-rule.js';
import { queryColumns, withColumnNames } from './view-columns.js';

registerCommand('ViewStmt', { execute: (statement, cx) => createView(bodyAs<ViewStmt>(statement.body), cx) });

/** Executes CREATE VIEW. */
export function* createView(stmt: ViewStmt, cx: CommandContext): Suspendable<CommandResult> {
  const aliases = stringList(stmt.aliases);
  const analyzed = analyzeView(cx, stmt.query!);
  const columns = queryColumns(cx, analyzed, aliases, true);
  const query = withColumnNames(analyzed, aliases);
  const name = stmt.view!;
  if (name.relpersistence === 'u') throw pgError('SYNTAX_ERROR', 'views cannot be unlogged because they do not have storage');
  const temporary = name.relpersistence === 'p' && usesTemporary(cx, query);
  const options = [...(stmt.options ?? []), ...checkOptionOf(stmt)];
  if (options.some((node) => bodyAs<DefElem>(bodyOf(node)).defname === 'check_option')) requireUpdatable(query);
  const target = yield* creationTarget(cx, temporary && !name.schemaname ? { ...name, relpersistence: 't' } : name);
  if (temporary && target.persistence !== 't') {
    throw pgError('INVALID_TABLE_DEFINITION', 'cannot create temporary relation in non-temporary schema');
  }
  if (temporary) {
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `view "${target.name}" will be a temporary view`, { severity: 'NOTICE' }));
  }
  const { catalog } = cx.session;
  const existing = stmt.replace ? catalog.relationOid(target.name, target.namespace) : 0;
  if (existing !== 0) {
    yield* replaceView(cx, existing, columns, query, viewOptions(options));
  } else {
    const oid = createRelation(cx, {
      ...target, kind: 'v', owner: cx.session.currentUserOid, columns, accessMethod: 0, tablespace: 0, options: viewOptions(options),
      ofType: 0, isPartition: false, partitionBound: null,
    });
    catalog.commandCounterIncrement();
    storeSelectRule(cx, oid, query);
  }
  return { tag: 'CREATE VIEW', rows: null };
}

function analyzeView(cx: CommandContext, node: Node): Query {
  const query = analyzeInner(node, { catalog: cx.session.catalog, services: cx.services, sourceText: cx.sourceText });
  if (query.commandType === 'utility') throw pgError('FEATURE_NOT_SUPPORTED', 'views must not contain SELECT INTO');
  if (query.hasModifyingCTE) throw pgError('FEATURE_NOT_SUPPORTED', 'views must not contain data-modifying statements in WITH');
  return query;
}

/** 0A000 unless the view can be written to automatically: WITH CHECK OPTION has no meaning otherwise. */
function requireUpdatable(query: Query): void {
  const hint = viewObstacle(query, true);
  if (hint !== null) throw pgError('FEATURE_NOT_SUPPORTED', 'WITH CHECK OPTION is supported only on automatically updatable views', { hint });
}

/** Does the query read a temporary relation? */
export function usesTemporary(cx: CommandContext, query: Query): boolean {
  return [...relationsOf(query)].some((oid) => cx.session.catalog.relation(oid)?.persistence === 't');
}

function checkOptionOf(stmt: ViewStmt): Node[] {
  const value = stmt.withCheckOption === 'LOCAL_CHECK_OPTION' ? 'local' : stmt.withCheckOption === 'CASCADED_CHECK_OPTION' ? 'cascaded' : null;
  return value === null ? [] : [{ DefElem: { defname: 'check_option', arg: { String: { sval: value } }, defaction: 'DEFELEM_UNSPEC', location: -1 } }];
}

const BOOLEAN_OPTIONS = new Set(['security_barrier', 'security_invoker']);

/** WITH (...) of a view as `name=value` texts. @throws 22023 */
export function viewOptions(list: readonly Node[]): string[] {
  const seen = new Set<string>();
  return list.map((node) => {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    if (option.defnamespace) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter namespace "${option.defnamespace}"`);
    if (!BOOLEAN_OPTIONS.has(name) && name !== 'check_option') throw pgError('INVALID_PARAMETER_VALUE', `unrecognized parameter "${name}"`);
    if (seen.has(name)) throw pgError('INVALID_PARAMETER_VALUE', `parameter "${name}" specified more than once`);
    seen.add(name);
    const value = option.arg ? optionText(option) : 'true';
    if (name === 'check_option' && value !== 'local' && value !== 'cascaded') {
      throw pgError('INVALID_PARAMETER_VALUE', `invalid value for enum option "check_option": ${value}`, { detail: 'Valid values are "local" and "cascaded".' });
    }
    if (name !== 'check_option' && !/^(true|false|on|off|yes|no|1|0|t|f|y|n)$/i.test(value)) {
      throw pgError('INVALID_PARAMETER_VALUE', `invalid value for boolean option "${name}": ${value}`);
    }
    return `${name}=${value}`;
  });
}

function* replaceView(cx: CommandContext, oid: Oid, columns: readonly NewColumn[], query: Query, options: readonly string[]): Suspendable<void> {
  const { catalog } = cx.session;
  yield* lockRelation(cx, oid, 'AccessExclusive');
  const relation = catalog.relation(oid);
  if (!relation) throw pgError('INTERNAL_ERROR', `cache lookup failed for relation ${oid}`);
  if (relation.kind !== 'v') throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is not a view`);
  checkTableOwner(cx, relation);
  checkSameColumns(cx, relation, columns);
  const added = columns.slice(relation.attributes.length);
  if (added.length > 0) {
    const first = relation.attributes.length + 1;
    added.forEach((column, at) => catalog.table('pg_attribute').insert(attributeRow(cx, oid, first + at, column)));
    recordColumnDependencies(cx, oid, added, first);
  }
  const row = catalog.table('pg_class').findOne({ oid });
  if (row) catalog.table('pg_class').update(row, { relnatts: columns.length, reloptions: options.length > 0 ? ArrayValue.of(TEXTOID, options) : null });
  catalog.commandCounterIncrement();
  storeSelectRule(cx, oid, query);
}

/** The old columns must be the first of the new ones. @throws 42P16 */
function checkSameColumns(cx: CommandContext, relation: Relation, columns: readonly NewColumn[]): void {
  const { catalog } = cx.session;
  const invalid = (message: string, hint?: string): Error => pgError('INVALID_TABLE_DEFINITION', message, hint ? { hint } : {});
  if (columns.length < relation.attributes.length) throw invalid('cannot drop columns from view');
  relation.attributes.forEach((old, at) => {
    const column = columns[at];
    if (old.attname !== column.name) {
      throw invalid(`cannot change name of view column "${old.attname}" to "${column.name}"`,
        'Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.');
    }
    if (old.atttypid !== column.type || old.atttypmod !== column.typmod) {
      const { types } = cx.services;
      throw invalid(`cannot change data type of view column "${old.attname}" from ${types.formatType(old.atttypid, old.atttypmod)} to ${types.formatType(column.type, column.typmod)}`);
    }
    if (old.attcollation !== column.collation) {
      const collation = (oid: Oid): string => catalog.collation(oid)?.collname ?? '';
      throw invalid(`cannot change collation of view column "${old.attname}" from "${collation(old.attcollation)}" to "${collation(column.collation)}"`);
    }
  });
}
