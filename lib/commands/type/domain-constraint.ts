/**
 * Constraints of domains: their rows, and the check of the values that are stored already.
 *
 * Idea: PostgreSQL's domainAddCheckConstraint, validateDomainCheckConstraint, get_rels_with_domain (commands/typecmds.c).
 */
import type { Constraint } from 'libpg-query';
import { coerceToBoolean } from '../../analyzer/coerce.js';
import { assignExprCollations } from '../../analyzer/collate.js';
import { transformExpr } from '../../analyzer/expr.js';
import { mutateExpression } from '../../analyzer/walker.js';
import type { Expr } from '../../analyzer/nodes.js';
import { serialize } from '../../analyzer/serialize.js';
import { ParseState } from '../../analyzer/state.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { dependentsOn } from '../../catalog/depend.js';
import type { PgType } from '../../catalog/rows.js';
import { compileCondition, NO_ROW } from '../../executor/expression/compile.js';
import { childReader, scopeFor } from '../../executor/readers.js';
import { NO_STATEMENT } from '../../executor/relation-access.js';
import { storedExpression } from '../../executor/stored-expression.js';
import { stringList } from '../../parser/raw.js';
import { OUTER_VAR } from '../../planner/plan-nodes.js';
import type { Datum } from '../../types/datum.js';
import { ConstraintRelationId, RelationRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { chooseConstraintName, constraintNameTaken, createConstraint } from '../constraint/constraint-row.js';
import { recordExpressionDependencies } from '../expressions.js';
import { forEachVisibleRow } from '../relation/visible-rows.js';

/** A domain as its constraints need it. */
export interface DomainFacts {
  readonly oid: Oid;
  readonly name: string;
  readonly namespace: Oid;
  readonly baseType: Oid;
  readonly typmod: number;
  readonly collation: Oid;
}

/** The facts of a domain's row. */
export function domainFacts(row: PgType): DomainFacts {
  return { oid: row.oid, name: row.typname, namespace: row.typnamespace, baseType: row.typbasetype, typmod: row.typtypmod, collation: row.typcollation };
}

function constraintName(cx: CommandContext, domain: DomainFacts, given: string | undefined, label: string): string {
  const { catalog } = cx.session;
  if (given === undefined) return chooseConstraintName(catalog, domain.name, null, label, domain.namespace);
  if (constraintNameTaken(catalog, 0, given, domain.oid)) throw pgError('DUPLICATE_OBJECT', `constraint "${given}" for domain "${domain.name}" already exists`);
  return given;
}

/** Adds a CHECK constraint; returns its condition. @throws 42710, 42P10, and what analysis raises */
export function addDomainCheck(cx: CommandContext, domain: DomainFacts, constraint: Constraint): { name: string; text: string } {
  const { catalog } = cx.session;
  const name = constraintName(cx, domain, constraint.conname, 'check');
  const expr = cookDomainCheck(cx, domain, constraint);
  const text = serialize(expr);
  const oid = createConstraint(catalog, {
    name, namespace: domain.namespace, type: 'c', relation: 0, domain: domain.oid, columns: [], expression: text,
    validated: (constraint.initially_valid ?? false) && !(constraint.skip_validation ?? false),
  });
  recordExpressionDependencies(catalog, objectAddress(ConstraintRelationId, oid), expr, 0, 'n');
  catalog.commandCounterIncrement();
  return { name, text };
}

function cookDomainCheck(cx: CommandContext, domain: DomainFacts, constraint: Constraint): Expr {
  const value: Expr = { node: 'CoerceToDomainValue', typeId: domain.baseType, typeMod: domain.typmod, collation: domain.collation, location: -1 };
  const state = new ParseState(null, {
    catalog: cx.session.catalog, services: cx.services, sourceText: cx.sourceText,
    hooks: {
      preColumnRef: (_state, reference) => {
        const fields = reference.fields ?? [];
        return fields.length === 1 && 'String' in fields[0] && stringList(fields)[0] === 'value' ? value : null;
      },
    },
  });
  const expr = coerceToBoolean(state, transformExpr(state, constraint.raw_expr!, 'domainCheck'), 'CHECK');
  if (state.rtable.length > 0) throw pgError('INVALID_COLUMN_REFERENCE', 'cannot use table references in domain check constraint');
  return assignExprCollations(state, expr);
}

/** Adds the NOT NULL constraint's row. The type's mark is the caller's affair. */
export function addDomainNotNull(cx: CommandContext, domain: DomainFacts, given: string | undefined): void {
  const { catalog } = cx.session;
  createConstraint(catalog, { name: constraintName(cx, domain, given, 'not_null'), namespace: domain.namespace, type: 'n', relation: 0, domain: domain.oid, columns: [] });
  catalog.commandCounterIncrement();
}

/** Columns of stored tables that have the domain as their type, or a domain over it. @throws 0A000 inside containers */
export function columnsOfDomain(cx: CommandContext, domain: Oid): { relation: Relation; attnum: number }[] {
  const { catalog } = cx.session;
  const found: { relation: Relation; attnum: number }[] = [];
  for (const dependency of dependentsOn(catalog, objectAddress(TypeRelationId, domain))) {
    if (dependency.classid === TypeRelationId) {
      if (catalog.type(dependency.objid)?.typtype === 'd') found.push(...columnsOfDomain(cx, dependency.objid));
      else checkNoContainer(cx, dependency.objid, domain);
    }
    if (dependency.classid !== RelationRelationId || dependency.objsubid === 0) continue;
    const relation = catalog.relation(dependency.objid);
    const attribute = relation?.attributes[dependency.objsubid - 1];
    if (!relation || !attribute || attribute.attisdropped || attribute.atttypid !== domain) continue;
    if (relation.kind === 'c') checkNoContainer(cx, relation.row.reltype, domain);
    else if ('rm'.includes(relation.kind)) found.push({ relation, attnum: attribute.attnum });
  }
  return found;
}

/** Values inside arrays and composites are not looked into: 0A000 when a table stores such. */
function checkNoContainer(cx: CommandContext, container: Oid, domain: Oid): void {
  const { catalog } = cx.session;
  for (const dependency of dependentsOn(catalog, objectAddress(TypeRelationId, container))) {
    const relation = dependency.classid === RelationRelationId && dependency.objsubid > 0 ? catalog.relation(dependency.objid) : null;
    const attribute = relation?.attributes[dependency.objsubid - 1];
    if (!relation || !attribute || attribute.attisdropped || attribute.atttypid !== container) continue;
    if (relation.kind === 'c') {
      checkNoContainer(cx, relation.row.reltype, domain);
      continue;
    }
    if (!'rmp'.includes(relation.kind)) continue;
    throw pgError('FEATURE_NOT_SUPPORTED',
      `cannot alter type "${cx.services.types.formatType(domain)}" because column "${relation.name}.${attribute.attname}" uses it`);
  }
}

/** Checks stored values against a new condition. @throws 23514 */
export function* validateDomainCheck(cx: CommandContext, domain: Oid, text: string): Suspendable<void> {
  for (const { relation, attnum } of columnsOfDomain(cx, domain)) {
    const check = replaceValue(storedExpression(text), attnum);
    const holds = compileCondition(scopeFor(cx.session.catalog, NO_STATEMENT, childReader), [{ node: 'BooleanTest', arg: check, booltesttype: 'isNotFalse', location: -1 }])!;
    const state = cx.executionState();
    yield* forEachVisibleRow(cx, relation, (_rowId, read) => {
      if (holds.evaluate(state, read(), NO_ROW, NO_ROW)) return;
      throw pgError('CHECK_VIOLATION', `column "${relation.attributes[attnum - 1].attname}" of table "${relation.name}" contains values that violate the new constraint`,
        { schema: relation.namespaceName, table: relation.name, column: relation.attributes[attnum - 1].attname });
    });
  }
}

/** The condition over a column of a scanned row instead of VALUE. */
function replaceValue(expr: Expr, attnum: number): Expr {
  return mutateExpression(expr, (node) => (node.node !== 'CoerceToDomainValue' ? null
    : { node: 'Var', varno: OUTER_VAR, varattno: attnum, vartype: node.typeId, vartypmod: node.typeMod, varcollid: node.collation, varlevelsup: 0, location: -1 }));
}

/** Checks that no stored value is null. @throws 23502 */
export function* validateDomainNotNull(cx: CommandContext, domain: Oid): Suspendable<void> {
  for (const { relation, attnum } of columnsOfDomain(cx, domain)) {
    const column = relation.attributes[attnum - 1].attname;
    const isNull = (value: Datum): boolean => value === null;
    yield* forEachVisibleRow(cx, relation, (_rowId, read) => {
      if (!isNull(read()[attnum - 1])) return;
      throw pgError('NOT_NULL_VIOLATION', `column "${column}" of table "${relation.name}" contains null values`, {
        schema: relation.namespaceName, table: relation.name, column,
      });
    });
  }
}

