/**
 * CREATE [OR REPLACE] FUNCTION and PROCEDURE.
 *
 * Idea: PostgreSQL's CreateFunction (commands/functioncmds.c) and ProcedureCreate (catalog/pg_proc.c).
 */
import type { CreateFunctionStmt, TypeName } from 'libpg-query';
import type { Query } from '../../analyzer/nodes.js';
import { serialize } from '../../analyzer/serialize.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { initialAcl } from '../../catalog/acl.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { deleteDependenciesOf, recordDependencies, recordDependencyOnOwner } from '../../catalog/depend.js';
import { formatProcedure } from '../../catalog/description.js';
import { checkCreate, qualifiedCreation } from '../../catalog/namespace.js';
import { checkOwner, hasPrivilege } from '../../catalog/privileges.js';
import type { PgLanguage, PgProc } from '../../catalog/rows.js';
import { builtin } from '../../functions/registry.js';
import { bodyAs, stringList } from '../../parser/raw.js';
import { ArrayValue } from '../../types/datum.js';
import { CHAROID, LanguageRelationId, NamespaceRelationId, OIDOID, ProcedureRelationId, RECORDOID, TEXTOID, TypeRelationId, VOIDOID } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { commandType, recordExpressionDependencies } from '../expressions.js';
import { recordDependenciesOnQueries } from '../query-dependencies.js';
import { routineAttributes, type RoutineAttributes } from './attributes.js';
import { routineParameters, type RoutineParameters } from './parameters.js';
import { analyzeInlineBody, validateBodyText } from './validate-body.js';

registerCommand('CreateFunctionStmt', { execute: (statement, cx) => createFunction(bodyAs<CreateFunctionStmt>(statement.body), cx) });

const INTERNAL_LANGUAGE = 12;
const C_LANGUAGE = 13;
const SQL_LANGUAGE = 14;

function* createFunction(stmt: CreateFunctionStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const isProcedure = stmt.is_procedure ?? false;
  const place = qualifiedCreation(catalog, stringList(stmt.funcname));
  checkCreate(catalog, place.namespace);
  const attributes = routineAttributes(cx, stmt.options, isProcedure);
  const language = findLanguage(cx, attributes, stmt.sql_body !== undefined);
  if (attributes.leakproof && !cx.session.isSuperuser) throw pgError('INSUFFICIENT_PRIVILEGE', 'only superuser can define a leakproof function');
  const parameters = routineParameters(cx, stmt.parameters, isProcedure ? 'procedure' : 'function');
  const result = resultOf(cx, stmt, isProcedure, parameters);
  if (attributes.rows !== undefined && !result.set) throw pgError('INVALID_PARAMETER_VALUE', 'ROWS is not applicable when function does not return a set');
  const before = existing(cx, place, parameters.inputTypes);
  const source = sourceOf(stmt, attributes, language, place.name);
  const row = procRow(cx, { ...place, oid: before?.oid ?? catalog.newOid(), owner: before?.proowner ?? cx.session.currentUserOid, isProcedure }, attributes, language, parameters, result, source);
  if (before) checkReplaceable(cx, before, row, stmt.replace ?? false);
  const queries = stmt.sql_body ? analyzeInlineBody(cx, row, stmt.sql_body) : null;
  const stored: PgProc = queries ? { ...row, prosqlbody: serialize(queries) } : row;
  storeFunction(cx, before, stored, parameters, queries);
  if (language.oid === SQL_LANGUAGE && !queries && cx.services.getSetting('check_function_bodies') !== 'off') validateBodyText(cx, stored);
  yield* [];
  return { tag: isProcedure ? 'CREATE PROCEDURE' : 'CREATE FUNCTION', rows: null };
}

function findLanguage(cx: CommandContext, attributes: RoutineAttributes, inline: boolean): PgLanguage {
  const { catalog, currentUserOid } = cx.session;
  const name = attributes.language ?? (inline ? 'sql' : null);
  if (name === null) throw pgError('INVALID_FUNCTION_DEFINITION', 'no language specified');
  const row = catalog.table('pg_language').findOne({ lanname: name });
  if (!row) {
    throw pgError('UNDEFINED_OBJECT', `language "${name}" does not exist`,
      /^pl(perl|perlu|python3u|tcl|tclu)$/.test(name) ? { hint: 'Use CREATE EXTENSION to load the language into the database.' } : {});
  }
  const denied = (): Error => pgError('INSUFFICIENT_PRIVILEGE', `permission denied for language ${name}`);
  if (row.lanpltrusted || row.oid === SQL_LANGUAGE) {
    if (!hasPrivilege(catalog, 'language', row.oid, currentUserOid, 'USAGE')) throw denied();
  } else if (!cx.session.isSuperuser) throw denied();
  return row;
}

interface Result { readonly type: Oid; readonly set: boolean }

function resultOf(cx: CommandContext, stmt: CreateFunctionStmt, isProcedure: boolean, parameters: RoutineParameters): Result {
  if (isProcedure) return { type: parameters.requiredResult || VOIDOID, set: false };
  if (!stmt.returnType) {
    if (parameters.requiredResult === 0) throw pgError('INVALID_FUNCTION_DEFINITION', 'function result type must be specified');
    return { type: parameters.requiredResult, set: false };
  }
  const typeName: TypeName = stmt.returnType;
  const set = typeName.setof ?? false;
  const { type } = commandType(cx, { ...typeName, setof: false });
  if (parameters.requiredResult !== 0 && type !== parameters.requiredResult) {
    throw pgError('INVALID_FUNCTION_DEFINITION', `function result type must be ${cx.services.types.formatType(parameters.requiredResult)} because of OUT parameters`);
  }
  return { type, set };
}

function existing(cx: CommandContext, place: { namespace: Oid; name: string }, types: readonly Oid[]): PgProc | null {
  const row = cx.session.catalog.procsByName(place.name)
    .find((proc) => proc.pronamespace === place.namespace && String(proc.proargtypes.elements) === String(types));
  return row ?? null;
}

interface Source { readonly prosrc: string; readonly probin: string | null }

function sourceOf(stmt: CreateFunctionStmt, attributes: RoutineAttributes, language: PgLanguage, name: string): Source {
  const invalid = (message: string): Error => pgError('INVALID_FUNCTION_DEFINITION', message);
  const as = attributes.as ?? null;
  if (!as && !stmt.sql_body) throw invalid('no function body specified');
  if (as && stmt.sql_body) throw invalid('duplicate function body specified');
  if (stmt.sql_body) {
    if (language.oid !== SQL_LANGUAGE) throw invalid('inline SQL function body only valid for language SQL');
    return { prosrc: '', probin: null };
  }
  if (language.oid === C_LANGUAGE) {
    throw pgError('UNDEFINED_FILE', `could not access file "${as![0]}": No such file or directory`);
  }
  if (as!.length > 1) throw invalid(`only one AS item needed for language "${language.lanname}"`);
  const prosrc = language.oid === INTERNAL_LANGUAGE && as![0] === '' ? name : as![0];
  if (language.oid === INTERNAL_LANGUAGE && !builtin(prosrc)) throw pgError('UNDEFINED_FUNCTION', `there is no built-in function named "${prosrc}"`);
  return { prosrc, probin: null };
}

interface Identity { readonly oid: Oid; readonly namespace: Oid; readonly name: string; readonly owner: Oid; readonly isProcedure: boolean }

function procRow(
  cx: CommandContext, self: Identity, attributes: RoutineAttributes, language: PgLanguage, parameters: RoutineParameters, result: Result, source: Source,
): PgProc {
  const oids = (values: readonly Oid[]): ArrayValue => ArrayValue.of(OIDOID, values);
  const count = parameters.inputTypes.length;
  const usualCost = language.oid === INTERNAL_LANGUAGE || language.oid === C_LANGUAGE ? 1 : 100;
  return {
    oid: self.oid, proname: self.name, pronamespace: self.namespace, proowner: self.owner, prolang: language.oid, procost: attributes.cost ?? usualCost,
    prorows: result.set ? attributes.rows ?? 1000 : 0, provariadic: parameters.variadic, prosupport: 0,
    prokind: self.isProcedure ? 'p' : attributes.window ? 'w' : 'f', prosecdef: attributes.securityDefiner ?? false, proleakproof: attributes.leakproof ?? false,
    proisstrict: attributes.strict ?? false, proretset: result.set, provolatile: attributes.volatility ?? 'v', proparallel: attributes.parallel ?? 'u', pronargs: count,
    pronargdefaults: parameters.defaults.length, prorettype: result.type, proargtypes: new ArrayValue(OIDOID, [count], [0], parameters.inputTypes),
    proallargtypes: parameters.allTypes && oids(parameters.allTypes), proargmodes: parameters.modes && ArrayValue.of(CHAROID, parameters.modes),
    proargnames: parameters.names && ArrayValue.of(TEXTOID, parameters.names), proargdefaults: parameters.defaults.length > 0 ? serialize(parameters.defaults) : null,
    protrftypes: null, prosrc: source.prosrc, probin: source.probin, prosqlbody: null,
    proconfig: attributes.config && attributes.config.length > 0 ? ArrayValue.of(TEXTOID, attributes.config) : null,
    proacl: initialAcl(cx.session.catalog, 'function', self.owner, self.namespace),
  };
}

const KINDS: Readonly<Record<string, string>> = { a: 'an aggregate function', f: 'a function', p: 'a procedure', w: 'a window function' };

/** What CREATE OR REPLACE may not change. @throws 42723, 42501, 42809, 42P13 */
function checkReplaceable(cx: CommandContext, before: PgProc, after: PgProc, replace: boolean): void {
  if (!replace) throw pgError('DUPLICATE_FUNCTION', `function "${after.proname}" already exists with same argument types`);
  checkOwner(cx.session.catalog, before.proowner, cx.session.currentUserOid, 'function', after.proname);
  if (before.prokind !== after.prokind) {
    throw pgError('WRONG_OBJECT_TYPE', 'cannot change routine kind', { detail: `"${after.proname}" is ${KINDS[before.prokind] ?? 'a function'}.` });
  }
  const hint = `Use DROP ${after.prokind === 'p' ? 'PROCEDURE' : 'FUNCTION'} ${formatProcedure(cx.session.catalog, before)} first.`;
  const invalid = (message: string, detail?: string): Error => pgError('INVALID_FUNCTION_DEFINITION', message, detail ? { detail, hint } : { hint });
  if (before.prorettype !== after.prorettype || before.proretset !== after.proretset) {
    throw invalid(after.prokind === 'p' ? 'cannot change whether a procedure has output parameters' : 'cannot change return type of existing function');
  }
  if (after.prorettype === RECORDOID && outShape(before) !== outShape(after)) {
    throw invalid('cannot change return type of existing function', 'Row type defined by OUT parameters is different.');
  }
  inputNames(before).forEach((name, at) => {
    if (name !== '' && inputNames(after)[at] !== name) throw invalid(`cannot change name of input parameter "${name}"`);
  });
  if (after.pronargdefaults < before.pronargdefaults) throw invalid('cannot remove parameter defaults from existing function');
}

function outShape(proc: PgProc): string {
  const modes = (proc.proargmodes?.elements ?? []) as readonly string[];
  const names = (proc.proargnames?.elements ?? []) as readonly string[];
  const types = (proc.proallargtypes?.elements ?? []) as readonly Oid[];
  return types.flatMap((type, at) => ('obt'.includes(modes[at]) ? [`${type} ${names[at] ?? ''}`] : [])).join(',');
}

function inputNames(proc: PgProc): readonly string[] {
  const modes = (proc.proargmodes?.elements ?? []) as readonly string[];
  const names = (proc.proargnames?.elements ?? []) as readonly string[];
  return names.filter((_, at) => modes.length === 0 || (modes[at] !== 'o' && modes[at] !== 't'));
}

function storeFunction(cx: CommandContext, before: PgProc | null, row: PgProc, parameters: RoutineParameters, queries: readonly Query[] | null): void {
  const { catalog } = cx.session;
  const table = catalog.table('pg_proc');
  const self = objectAddress(ProcedureRelationId, row.oid);
  if (before) {
    table.update(before, { ...row, proacl: before.proacl });
    deleteDependenciesOf(catalog, ProcedureRelationId, row.oid, true);
  } else {
    table.insert(row);
    recordDependencyOnOwner(catalog, self, row.proowner);
  }
  const types = [row.prorettype, ...parameters.inputTypes, ...(parameters.allTypes ?? [])];
  recordDependencies(catalog, self, [
    objectAddress(NamespaceRelationId, row.pronamespace), objectAddress(LanguageRelationId, row.prolang), ...types.map((type) => objectAddress(TypeRelationId, type)),
  ], 'n');
  for (const expr of parameters.defaults) recordExpressionDependencies(catalog, self, expr, 0, 'n');
  if (queries) recordDependenciesOnQueries(catalog, self, queries);
  catalog.commandCounterIncrement();
}
