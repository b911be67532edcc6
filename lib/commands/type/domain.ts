/**
 * CREATE DOMAIN and ALTER DOMAIN.
 *
 * Idea: PostgreSQL's DefineDomain, AlterDomainDefault, AlterDomainNotNull, AlterDomainAddConstraint (commands/typecmds.c).
 */
import type { AlterDomainStmt, Constraint, CreateDomainStmt, Node } from 'libpg-query';
import { deparseExpression } from '../../analyzer/deparse/deparse.js';
import type { Expr } from '../../analyzer/nodes.js';
import { serialize } from '../../analyzer/serialize.js';
import { typeNameToString } from '../../analyzer/type-name.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { deleteDependenciesOf, recordDependencyOn } from '../../catalog/depend.js';
import { checkOwner, hasPrivilege } from '../../catalog/privileges.js';
import type { PgType } from '../../catalog/rows.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';
import { CollationRelationId, ConstraintRelationId, NamespaceRelationId, TypeRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { dropObjects } from '../drop/drop-object.js';
import { commandCollation, commandType, cookDefault, recordExpressionDependencies } from '../expressions.js';
import { at } from '../table/transform-constraint.js';
import { createTypeWithArray, newTypeName } from './create-type.js';
import { addDomainCheck, addDomainNotNull, domainFacts, validateDomainCheck, validateDomainNotNull } from './domain-constraint.js';

registerCommand('CreateDomainStmt', { execute: (statement, cx) => createDomain(bodyAs<CreateDomainStmt>(statement.body), cx) });
registerCommand('AlterDomainStmt', { execute: (statement, cx) => alterDomain(bodyAs<AlterDomainStmt>(statement.body), cx) });

const DOMAIN_IN = 2597;
const DOMAIN_RECV = 2598;

function* createDomain(stmt: CreateDomainStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const place = newTypeName(cx, stringList(stmt.domainname));
  const { type: baseType, typmod, row: base } = commandType(cx, stmt.typeName!);
  if (!'bcderm'.includes(base.typtype)) {
    throw pgError('DATATYPE_MISMATCH', `"${typeNameToString(stmt.typeName!)}" is not a valid base type for a domain`, at(stmt.typeName?.location));
  }
  if (!hasPrivilege(catalog, 'type', baseType, cx.session.currentUserOid, 'USAGE')) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for type ${cx.services.types.formatType(baseType)}`);
  }
  const collation = commandCollation(cx, stmt.collClause, baseType);
  const constraints = (stmt.constraints ?? []).map((node) => bodyAs<Constraint>(bodyOf(node)));
  const notNull = checkConstraints(constraints);
  const defaults = constraints.filter((constraint) => constraint.contype === 'CONSTR_DEFAULT');
  if (defaults.length > 1) throw pgError('SYNTAX_ERROR', 'multiple default expressions', at(defaults[1].location));
  const expr = defaults.length > 0 ? domainDefault(cx, place.name, baseType, typmod, defaults[0].raw_expr) : null;
  const oid = createTypeWithArray(cx, {
    ...place, kind: 'd', category: base.typcategory, length: base.typlen, byValue: base.typbyval, delimiter: base.typdelim, input: DOMAIN_IN, output: base.typoutput,
    receive: DOMAIN_RECV, send: base.typsend, analyze: base.typanalyze, alignment: base.typalign, storage: base.typstorage, notNull, baseType, typmod,
    dimensions: stmt.typeName?.arrayBounds?.length ?? 0, collation,
    defaultExpression: defaults.length > 0 ? expr && serialize(expr) : base.typdefaultbin, defaultText: defaults.length > 0 ? expr && defaultText(cx, expr) : base.typdefault,
  });
  if (expr) recordExpressionDependencies(catalog, objectAddress(TypeRelationId, oid), expr, 0, 'n');
  const facts = domainFacts(catalog.type(oid)!);
  for (const constraint of constraints) {
    if (constraint.contype === 'CONSTR_CHECK') addDomainCheck(cx, facts, constraint);
    else if (constraint.contype === 'CONSTR_NOTNULL') addDomainNotNull(cx, facts, constraint.conname);
  }
  yield* [];
  return { tag: 'CREATE DOMAIN', rows: null };
}

/** What stands where no domain can have it; true when the domain is NOT NULL. @throws 42601, 42P17, 0A000 */
function checkConstraints(constraints: readonly Constraint[]): boolean {
  let notNull: boolean | null = null;
  for (const constraint of constraints) {
    const where = at(constraint.location);
    const impossible = (what: string): Error => pgError('SYNTAX_ERROR', `${what} constraints not possible for domains`, where);
    switch (constraint.contype) {
      case 'CONSTR_DEFAULT': break;
      case 'CONSTR_NOTNULL':
        if (notNull === false) throw pgError('SYNTAX_ERROR', 'conflicting NULL/NOT NULL constraints', where);
        if (notNull === true) throw pgError('INVALID_OBJECT_DEFINITION', 'redundant NOT NULL constraint definition', where);
        if (constraint.is_no_inherit) throw pgError('INVALID_OBJECT_DEFINITION', 'not-null constraints for domains cannot be marked NO INHERIT', where);
        notNull = true;
        break;
      case 'CONSTR_NULL':
        if (notNull === true) throw pgError('SYNTAX_ERROR', 'conflicting NULL/NOT NULL constraints', where);
        notNull = false;
        break;
      case 'CONSTR_CHECK':
        if (constraint.is_no_inherit) throw pgError('INVALID_OBJECT_DEFINITION', 'check constraints for domains cannot be marked NO INHERIT', where);
        break;
      case 'CONSTR_UNIQUE': throw impossible('unique');
      case 'CONSTR_PRIMARY': throw impossible('primary key');
      case 'CONSTR_EXCLUSION': throw impossible('exclusion');
      case 'CONSTR_FOREIGN': throw impossible('foreign key');
      case 'CONSTR_GENERATED': case 'CONSTR_IDENTITY': throw pgError('FEATURE_NOT_SUPPORTED', 'specifying GENERATED not supported for domains', where);
      case 'CONSTR_ATTR_ENFORCED': case 'CONSTR_ATTR_NOT_ENFORCED':
        throw pgError('INVALID_OBJECT_DEFINITION', 'specifying constraint enforceability not supported for domains', where);
      default: throw pgError('FEATURE_NOT_SUPPORTED', 'specifying constraint deferrability not supported for domains', where);
    }
  }
  return notNull ?? false;
}

/** The default's expression; null for none and for NULL. */
function domainDefault(cx: CommandContext, name: string, type: Oid, typmod: number, raw: Node | undefined): Expr | null {
  if (!raw) return null;
  const expr = cookDefault(cx, null, raw, { name, type, typmod, generated: '' });
  return expr.node === 'Const' && expr.value === null ? null : expr;
}

function defaultText(cx: CommandContext, expr: Expr): string {
  return deparseExpression({ catalog: cx.session.catalog, services: cx.services }, expr, null, false);
}

function* alterDomain(stmt: AlterDomainStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const typeName = { names: stmt.typeName, typemod: -1, location: -1 };
  const { row } = commandType(cx, typeName);
  if (row.typtype !== 'd') throw pgError('WRONG_OBJECT_TYPE', `${cx.services.types.formatType(row.oid)} is not a domain`);
  checkOwner(catalog, row.typowner, cx.session.currentUserOid, 'type', cx.services.types.formatType(row.oid));
  switch (stmt.subtype) {
    case 'T': alterDefault(cx, row, stmt.def); break;
    case 'N': yield* dropNotNull(cx, row); break;
    case 'O': yield* setNotNull(cx, row, undefined); break;
    case 'C': yield* addConstraint(cx, row, bodyAs<Constraint>(bodyOf(stmt.def!))); break;
    case 'X': yield* dropConstraint(cx, row, stmt); break;
    default: yield* validateConstraint(cx, row, stmt.name ?? '');
  }
  return { tag: 'ALTER DOMAIN', rows: null };
}

function typeRowNow(cx: CommandContext, oid: Oid): PgType {
  const row = cx.session.catalog.table('pg_type').findOne({ oid });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for type ${oid}`);
  return row;
}

function alterDefault(cx: CommandContext, row: PgType, raw: Node | undefined): void {
  const { catalog } = cx.session;
  const expr = domainDefault(cx, row.typname, row.typbasetype, row.typtypmod, raw);
  catalog.table('pg_type').update(typeRowNow(cx, row.oid), { typdefaultbin: expr && serialize(expr), typdefault: expr && defaultText(cx, expr) });
  const self = objectAddress(TypeRelationId, row.oid);
  deleteDependenciesOf(catalog, TypeRelationId, row.oid, true);
  recordDependencyOn(catalog, self, objectAddress(NamespaceRelationId, row.typnamespace), 'n');
  recordDependencyOn(catalog, self, objectAddress(TypeRelationId, row.typbasetype), 'n');
  if (row.typcollation !== 0) recordDependencyOn(catalog, self, objectAddress(CollationRelationId, row.typcollation), 'n');
  if (expr) recordExpressionDependencies(catalog, self, expr, 0, 'n');
}

function* setNotNull(cx: CommandContext, row: PgType, name: string | undefined): Suspendable<void> {
  if (row.typnotnull) return;
  addDomainNotNull(cx, domainFacts(row), name);
  yield* validateDomainNotNull(cx, row.oid);
  cx.session.catalog.table('pg_type').update(typeRowNow(cx, row.oid), { typnotnull: true });
}

function* dropNotNull(cx: CommandContext, row: PgType): Suspendable<void> {
  if (!row.typnotnull) return;
  const { catalog } = cx.session;
  const constraint = catalog.table('pg_constraint').find({ contypid: row.oid }).find((candidate) => candidate.contype === 'n');
  if (constraint) yield* dropObjects(cx, [objectAddress(ConstraintRelationId, constraint.oid)], { cascade: false });
  catalog.table('pg_type').update(typeRowNow(cx, row.oid), { typnotnull: false });
}

function* addConstraint(cx: CommandContext, row: PgType, constraint: Constraint): Suspendable<void> {
  checkConstraints([constraint]);
  if (constraint.contype === 'CONSTR_NOTNULL') {
    yield* setNotNull(cx, row, constraint.conname);
    return;
  }
  const { text } = addDomainCheck(cx, domainFacts(row), constraint);
  if (!constraint.skip_validation) yield* validateDomainCheck(cx, row.oid, text);
}

function* dropConstraint(cx: CommandContext, row: PgType, stmt: AlterDomainStmt): Suspendable<void> {
  const { catalog } = cx.session;
  const name = stmt.name ?? '';
  const constraint = catalog.table('pg_constraint').find({ contypid: row.oid }).find((candidate) => candidate.conname === name);
  if (!constraint) {
    const message = `constraint "${name}" of domain "${row.typname}" does not exist`;
    if (!stmt.missing_ok) throw pgError('UNDEFINED_OBJECT', message);
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `${message}, skipping`, { severity: 'NOTICE' }));
    return;
  }
  yield* dropObjects(cx, [objectAddress(ConstraintRelationId, constraint.oid)], { cascade: stmt.behavior === 'DROP_CASCADE' });
  if (constraint.contype === 'n') catalog.table('pg_type').update(typeRowNow(cx, row.oid), { typnotnull: false });
}

function* validateConstraint(cx: CommandContext, row: PgType, name: string): Suspendable<void> {
  const { catalog } = cx.session;
  const constraint = catalog.table('pg_constraint').find({ contypid: row.oid }).find((candidate) => candidate.conname === name);
  if (!constraint) throw pgError('UNDEFINED_OBJECT', `constraint "${name}" of domain "${row.typname}" does not exist`);
  if (constraint.contype !== 'c' || constraint.conbin === null) throw pgError('WRONG_OBJECT_TYPE', `constraint "${name}" of domain "${row.typname}" is not a check constraint`);
  yield* validateDomainCheck(cx, row.oid, constraint.conbin);
  catalog.table('pg_constraint').update(constraint, { convalidated: true });
}
