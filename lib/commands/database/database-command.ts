/**
 * CREATE, ALTER and DROP DATABASE.
 *
 * Idea: PostgreSQL's createdb, AlterDatabase, dropdb (commands/dbcommands.c). A database is its own copies of the catalogs:
 * `lib/catalog` copies and drops them as part of the transaction.
 */
import type { AlterDatabaseStmt, CreatedbStmt, DefElem, DropdbStmt, Node } from 'libpg-query';
import { assert } from '../../base/assert.js';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { copyDatabase, dropDatabaseFiles } from '../../catalog/bootstrap.js';
import type { ClusterCatalog } from '../../catalog/cluster.js';
import { deleteTraces } from '../../catalog/deletion.js';
import { checkOwner } from '../../catalog/privileges.js';
import { hasPrivilegesOfRole, roleOid } from '../../catalog/roles.js';
import type { PgDatabase } from '../../catalog/rows.js';
import { SessionCatalog } from '../../catalog/session.js';
import { copyTemplateDependencies, deleteDatabaseDependencies, recordDependencyOnOwner } from '../../catalog/shared-depend.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import { DatabaseRelationId } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { optionBoolean, optionText } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';
import { otherSessions } from '../object/rename-shared.js';
import { forgetRoleSettings } from '../role/role-settings.js';
import { checkCanSetRole } from '../role/role-spec.js';

registerCommand('CreatedbStmt', { execute: (statement, cx) => createDatabase(bodyAs<CreatedbStmt>(statement.body), cx) });
registerCommand('AlterDatabaseStmt', { execute: (statement, cx) => alterDatabase(bodyAs<AlterDatabaseStmt>(statement.body), cx) });
registerCommand('DropdbStmt', { execute: (statement, cx) => dropDatabase(bodyAs<DropdbStmt>(statement.body), cx) });

function clusterOf(cx: CommandContext): ClusterCatalog {
  const { catalog } = cx.session;
  assert(catalog instanceof SessionCatalog, 'a session has a session catalog');
  return catalog.shared.cluster;
}

const KNOWN = new Set([
  'owner', 'template', 'encoding', 'locale', 'lc_collate', 'lc_ctype', 'locale_provider', 'icu_locale', 'icu_rules', 'builtin_locale', 'collation_version',
  'is_template', 'allow_connections', 'connection_limit', 'tablespace', 'oid', 'strategy',
]);
const ALTERABLE = new Set(['is_template', 'allow_connections', 'connection_limit', 'tablespace']);

function optionsOf(list: readonly Node[] | undefined, known: ReadonlySet<string>): Map<string, DefElem> {
  const options = new Map<string, DefElem>();
  for (const node of list ?? []) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    const position = option.location === undefined ? {} : { position: option.location + 1 };
    if (name === 'location') throw pgError('FEATURE_NOT_SUPPORTED', 'LOCATION is not supported anymore', { hint: 'Consider using tablespaces instead.' });
    if (!known.has(name)) throw pgError('SYNTAX_ERROR', `option "${name}" not recognized`, position);
    if (options.has(name)) throw pgError('SYNTAX_ERROR', 'conflicting or redundant options', position);
    options.set(name, option);
  }
  return options;
}

/** An option's text; undefined when it is absent or DEFAULT. */
function textOf(options: ReadonlyMap<string, DefElem>, name: string): string | undefined {
  const option = options.get(name);
  return option?.arg ? optionText(option) : undefined;
}

function connectionLimit(options: ReadonlyMap<string, DefElem>): number | undefined {
  const text = textOf(options, 'connection_limit');
  if (text === undefined) return undefined;
  if (Number(text) < -1) throw pgError('INVALID_PARAMETER_VALUE', `invalid connection limit: ${text}`);
  return Number(text);
}

function booleanOf(options: ReadonlyMap<string, DefElem>, name: string): boolean | undefined {
  const option = options.get(name);
  return option?.arg ? optionBoolean(option) : undefined;
}

function* createDatabase(stmt: CreatedbStmt, cx: CommandContext): Suspendable<CommandResult> {
  cx.session.preventInTransactionBlock('CREATE DATABASE');
  const { catalog, currentUserOid } = cx.session;
  const name = stmt.dbname ?? '';
  const options = optionsOf(stmt.options, KNOWN);
  refuseUnsupported(options);
  const ownerName = textOf(options, 'owner');
  const owner = ownerName === undefined ? currentUserOid : roleOid(catalog, ownerName);
  if (!cx.session.isSuperuser && !catalog.role(currentUserOid)?.rolcreatedb) throw pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to create database');
  checkCanSetRole(cx, owner);
  const templateName = textOf(options, 'template') ?? 'template1';
  const template = catalog.databaseByName(templateName);
  if (!template) throw pgError('UNDEFINED_DATABASE', `template database "${templateName}" does not exist`);
  if (!template.datistemplate && !hasPrivilegesOfRole(catalog, currentUserOid, template.datdba)) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to copy database "${templateName}"`);
  }
  const locale = localeOf(options, template);
  if (catalog.databaseByName(name)) throw pgError('DUPLICATE_DATABASE', `database "${name}" already exists`);
  yield* lockDatabase(cx, template.oid, 'Share');
  const others = cx.session.countOtherSessions(template.oid);
  if (others > 0) throw pgError('OBJECT_IN_USE', `source database "${templateName}" is being accessed by other users`, { detail: otherSessions(others) });
  const oid = catalog.newOid();
  catalog.table('pg_database').insert({
    ...template, ...locale, oid, datname: name, datdba: owner, datistemplate: booleanOf(options, 'is_template') ?? false,
    datallowconn: booleanOf(options, 'allow_connections') ?? true, datconnlimit: connectionLimit(options) ?? -1, datacl: null,
  });
  recordDependencyOnOwner(catalog, objectAddress(DatabaseRelationId, oid), owner);
  copyTemplateDependencies(catalog, template.oid, oid);
  copyDatabase(clusterOf(cx), cx.session.transaction, template.oid, oid);
  catalog.commandCounterIncrement();
  return { tag: 'CREATE DATABASE', rows: null };
}

function refuseUnsupported(options: ReadonlyMap<string, DefElem>): void {
  const tablespace = textOf(options, 'tablespace');
  if (tablespace !== undefined && tablespace !== 'pg_default') throw notSupported('CREATE DATABASE ... TABLESPACE');
  if (options.has('oid')) throw notSupported('CREATE DATABASE ... OID');
  for (const name of ['icu_locale', 'icu_rules', 'builtin_locale'] as const) {
    if (textOf(options, name) !== undefined && textOf(options, 'locale_provider') === undefined) {
      throw pgError('INVALID_OBJECT_DEFINITION', name === 'icu_rules' ? 'ICU rules cannot be specified unless locale provider is ICU'
        : name === 'icu_locale' ? 'ICU locale cannot be specified unless locale provider is ICU' : 'BUILTIN_LOCALE cannot be specified unless locale provider is builtin');
    }
    if (textOf(options, name) !== undefined) throw notSupported(`CREATE DATABASE ... ${name.toUpperCase()}`);
  }
  const strategy = textOf(options, 'strategy');
  if (strategy !== undefined && !/^(wal_log|file_copy)$/i.test(strategy)) {
    throw pgError('INVALID_PARAMETER_VALUE', `invalid create database strategy "${strategy}"`, { hint: 'Valid strategies are "wal_log" and "file_copy".' });
  }
}

/** Encoding and locale: UTF8, and the locales that this server compares by. */
function localeOf(options: ReadonlyMap<string, DefElem>, template: PgDatabase): Partial<PgDatabase> {
  const encoding = textOf(options, 'encoding');
  if (encoding !== undefined && encoding !== '-1' && encoding !== '6') {
    if (!/^[A-Za-z0-9_-]+$/.test(encoding)) throw pgError('UNDEFINED_OBJECT', `${encoding} is not a valid encoding name`);
    if (!/^(utf-?8|unicode)$/i.test(encoding)) throw notSupported(`CREATE DATABASE ... ENCODING '${encoding}'`);
  }
  const collate = textOf(options, 'lc_collate') ?? textOf(options, 'locale') ?? template.datcollate;
  const ctype = textOf(options, 'lc_ctype') ?? textOf(options, 'locale') ?? template.datctype;
  for (const [which, text] of [['LC_COLLATE', collate], ['LC_CTYPE', ctype]]) {
    if (!/^(C|POSIX|C\.UTF-?8|[a-z]{2,3}(_[A-Z]{2})?(\.(UTF-?8))?)$/i.test(text)) throw pgError('WRONG_OBJECT_TYPE', `invalid ${which} locale name: "${text}"`);
  }
  if (template.datname !== 'template0') {
    if (collate !== template.datcollate) {
      throw pgError('INVALID_PARAMETER_VALUE', `new collation (${collate}) is incompatible with the collation of the template database (${template.datcollate})`, {
        hint: 'Use the same collation as in the template database, or use template0 as template.',
      });
    }
    if (ctype !== template.datctype) {
      throw pgError('INVALID_PARAMETER_VALUE', `new LC_CTYPE (${ctype}) is incompatible with the LC_CTYPE of the template database (${template.datctype})`, {
        hint: 'Use the same LC_CTYPE as in the template database, or use template0 as template.',
      });
    }
  } else if (collate !== template.datcollate || ctype !== template.datctype) {
    throw notSupported(`CREATE DATABASE ... LOCALE '${collate}'`);
  }
  return { datcollate: collate, datctype: ctype };
}

function lockDatabase(cx: CommandContext, oid: Oid, mode: 'Share' | 'AccessExclusive'): Suspendable<void> {
  return cx.storage.locks.lock(cx.session.transaction, { kind: 'object', database: 0, classId: DatabaseRelationId, objectId: oid }, mode, cx.waitOptions());
}

function* alterDatabase(stmt: AlterDatabaseStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const name = stmt.dbname ?? '';
  const options = optionsOf(stmt.options, ALTERABLE);
  const tablespace = textOf(options, 'tablespace');
  if (tablespace !== undefined && tablespace !== 'pg_default') throw notSupported('ALTER DATABASE ... SET TABLESPACE');
  const row = catalog.table('pg_database').findOne({ datname: name });
  if (!row) throw pgError('UNDEFINED_DATABASE', `database "${name}" does not exist`);
  checkOwner(catalog, row.datdba, cx.session.currentUserOid, 'database', name);
  const allow = booleanOf(options, 'allow_connections');
  if (allow === false && row.oid === catalog.databaseOid) throw pgError('INVALID_PARAMETER_VALUE', 'cannot disallow connections for current database');
  catalog.table('pg_database').update(row, {
    datistemplate: booleanOf(options, 'is_template') ?? row.datistemplate, datallowconn: allow ?? row.datallowconn,
    datconnlimit: connectionLimit(options) ?? row.datconnlimit,
  });
  yield* [];
  return { tag: 'ALTER DATABASE', rows: null };
}

function* dropDatabase(stmt: DropdbStmt, cx: CommandContext): Suspendable<CommandResult> {
  cx.session.preventInTransactionBlock('DROP DATABASE');
  const { catalog } = cx.session;
  const name = stmt.dbname ?? '';
  let force = false;
  for (const node of stmt.options ?? []) {
    const option = bodyAs<DefElem>(bodyOf(node));
    if (option.defname !== 'force') throw pgError('SYNTAX_ERROR', `unrecognized DROP DATABASE option "${option.defname ?? ''}"`);
    force = true;
  }
  const row = catalog.table('pg_database').findOne({ datname: name });
  if (!row) {
    if (!stmt.missing_ok) throw pgError('UNDEFINED_DATABASE', `database "${name}" does not exist`);
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `database "${name}" does not exist, skipping`, { severity: 'NOTICE' }));
    return { tag: 'DROP DATABASE', rows: null };
  }
  yield* lockDatabase(cx, row.oid, 'AccessExclusive');
  checkOwner(catalog, row.datdba, cx.session.currentUserOid, 'database', name);
  if (row.datistemplate) throw pgError('WRONG_OBJECT_TYPE', 'cannot drop a template database');
  if (row.oid === catalog.databaseOid) throw pgError('OBJECT_IN_USE', 'cannot drop the currently open database');
  if (force) cx.session.terminateOtherSessions(row.oid);
  const others = cx.session.countOtherSessions(row.oid);
  if (others > 0 && !force) throw pgError('OBJECT_IN_USE', `database "${name}" is being accessed by other users`, { detail: otherSessions(others) });
  catalog.table('pg_database').delete(row);
  deleteTraces(catalog, objectAddress(DatabaseRelationId, row.oid));
  deleteDatabaseDependencies(catalog, row.oid);
  forgetRoleSettings(catalog, row.oid, 0);
  dropDatabaseFiles(clusterOf(cx), cx.session.transaction, row.oid);
  return { tag: 'DROP DATABASE', rows: null };
}
