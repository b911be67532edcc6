/**
 * Names of catalog objects, for the reg* types: OID → name as the search path shows it, and name → OID with PostgreSQL's
 * errors (utils/adt/regproc.c).
 */
import { pgError, type PgError } from '../base/error.js';
import { quoteIdentifier, quoteQualified } from '../base/identifier.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { PgOperator, PgProc } from '../catalog/rows.js';
import type { RegKind, TypeServices } from '../functions/context.js';

/** What name look-ups need beside the catalog. */
export interface NameContext {
  readonly catalog: Catalog;
  readonly types: TypeServices;
  /** `parseTypeString`: a type's OID by its SQL spelling. */
  typeByText(text: string): Oid;
}

/** Takes `a.b."C"` apart (stringToQualifiedNameList); 42602 when it is no name. */
export function splitQualifiedName(text: string): string[] {
  const names: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^\s".]+))\s*(\.|$)/y;
  const source = text.trim();
  for (;;) {
    const match = source === '' ? null : pattern.exec(source);
    if (!match || match[1] === '') throw pgError('INVALID_NAME', 'invalid name syntax');
    names.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2].toLowerCase());
    if (match[3] === '') return names;
  }
}

interface QualifiedName { readonly schema: string | null; readonly name: string }

function qualified(context: NameContext, text: string): QualifiedName {
  const names = splitQualifiedName(text);
  if (names.length > 3) throw pgError('SYNTAX_ERROR', `improper qualified name (too many dotted names): ${names.join('.')}`);
  if (names.length === 3 && names[0] !== context.catalog.databaseName) {
    throw pgError('FEATURE_NOT_SUPPORTED', `cross-database references are not implemented: ${names.map(quoteIdentifier).join('.')}`);
  }
  return { schema: names.at(-2) ?? null, name: names.at(-1)! };
}

function schemaOid(catalog: Catalog, schema: string): Oid {
  const oid = schema === 'pg_temp' ? catalog.tempNamespace : catalog.namespaceByName(schema)?.oid ?? 0;
  if (oid === 0) throw pgError('UNDEFINED_SCHEMA', `schema "${schema}" does not exist`);
  return oid;
}

/** The first match in the search path, or in the named schema. */
function bySearchPath<T>(catalog: Catalog, { schema, name }: QualifiedName, find: (name: string, namespace: Oid) => T | null): T | null {
  if (schema !== null) return find(name, schemaOid(catalog, schema));
  for (const namespace of catalog.searchPath) {
    const found = find(name, namespace);
    if (found !== null) return found;
  }
  return null;
}

/** Name → OID. */
export function objectOid(context: NameContext, kind: RegKind, text: string): Oid {
  const { catalog } = context;
  switch (kind) {
    case 'regclass': {
      const name = qualified(context, text);
      const oid = bySearchPath(catalog, name, (relation, namespace) => catalog.relationOid(relation, namespace) || null);
      if (oid === null) throw pgError('UNDEFINED_TABLE', `relation "${dotted(name)}" does not exist`);
      return oid;
    }
    case 'regtype': return context.typeByText(text);
    case 'regproc': return procOid(context, text);
    case 'regprocedure': return procedureOid(context, text);
    case 'regoper': return operatorOid(context, text);
    case 'regoperator': return operatorWithArgumentsOid(context, text);
    case 'regnamespace': return schemaOid(catalog, single(text));
    case 'regrole': {
      const name = single(text);
      const role = catalog.roleByName(name);
      if (role === null) throw pgError('UNDEFINED_OBJECT', `role "${name}" does not exist`);
      return role.oid;
    }
    case 'regcollation': {
      const name = qualified(context, text);
      const found = bySearchPath(catalog, name, (collation, namespace) => catalog.collationsByName(collation).find((row) => row.collnamespace === namespace) ?? null);
      if (found === null) throw pgError('UNDEFINED_OBJECT', `collation "${dotted(name)}" for encoding "UTF8" does not exist`);
      return found.oid;
    }
    case 'regconfig': {
      const name = qualified(context, text);
      const found = bySearchPath(catalog, name, (config, namespace) => catalog.table('pg_ts_config').findOne({ cfgname: config, cfgnamespace: namespace }));
      if (found === null) throw pgError('UNDEFINED_OBJECT', `text search configuration "${dotted(name)}" does not exist`);
      return found.oid;
    }
    case 'regdictionary': {
      const name = qualified(context, text);
      const found = bySearchPath(catalog, name, (dictionary, namespace) => catalog.table('pg_ts_dict').findOne({ dictname: dictionary, dictnamespace: namespace }));
      if (found === null) throw pgError('UNDEFINED_OBJECT', `text search dictionary "${dotted(name)}" does not exist`);
      return found.oid;
    }
  }
}

function single(text: string): string {
  const names = splitQualifiedName(text);
  if (names.length !== 1) throw pgError('INVALID_NAME', 'invalid name syntax');
  return names[0];
}

function dotted({ schema, name }: QualifiedName): string {
  return schema === null ? name : `${schema}.${name}`;
}

/** Rows of that name in the search path (or schema), nearest schema first; a row hidden by an equal one is left out. */
function visibleRows<T>(catalog: Catalog, name: QualifiedName, rows: readonly T[], namespaceOf: (row: T) => Oid, sameArguments: (a: T, b: T) => boolean): T[] {
  const path = name.schema === null ? catalog.searchPath : [schemaOid(catalog, name.schema)];
  const found: T[] = [];
  for (const namespace of path) {
    for (const row of rows) {
      if (namespaceOf(row) === namespace && !found.some((other) => sameArguments(other, row))) found.push(row);
    }
  }
  return found;
}

function argumentTypes(row: PgProc): readonly number[] {
  return row.proargtypes.elements as readonly number[];
}

function sameProcArguments(a: PgProc, b: PgProc): boolean {
  const left = argumentTypes(a);
  const right = argumentTypes(b);
  return left.length === right.length && left.every((type, index) => type === right[index]);
}

function visibleProcs(catalog: Catalog, name: QualifiedName): PgProc[] {
  return visibleRows(catalog, name, catalog.procsByName(name.name), (row) => row.pronamespace, sameProcArguments);
}

function visibleOperators(catalog: Catalog, name: QualifiedName): PgOperator[] {
  return visibleRows(catalog, name, catalog.operatorsByName(name.name), (row) => row.oprnamespace,
    (a, b) => a.oprleft === b.oprleft && a.oprright === b.oprright);
}

function onlyOne<T extends { readonly oid: Oid }>(rows: readonly T[], missing: () => PgError, ambiguous: () => PgError): Oid {
  if (rows.length === 0) throw missing();
  if (rows.length > 1) throw ambiguous();
  return rows[0].oid;
}

function procOid(context: NameContext, text: string): Oid {
  return onlyOne(visibleProcs(context.catalog, qualified(context, text)),
    () => pgError('UNDEFINED_FUNCTION', `function "${text}" does not exist`),
    () => pgError('AMBIGUOUS_FUNCTION', `more than one function named "${text}"`));
}

/** Splits `name(type, type)`. */
function nameAndArguments(context: NameContext, text: string, allowNone: boolean): { name: QualifiedName | null; nameText: string; types: Oid[] } {
  const open = text.indexOf('(');
  if (open < 0) throw pgError('INVALID_TEXT_REPRESENTATION', 'expected a left parenthesis');
  const close = text.lastIndexOf(')');
  if (close < open || text.slice(close + 1).trim() !== '') throw pgError('INVALID_TEXT_REPRESENTATION', 'expected a right parenthesis');
  const inner = text.slice(open + 1, close).trim();
  const parts = inner === '' ? [] : inner.match(/(?:"(?:[^"]|"")*"|\([^)]*\)|\[[^\]]*\]|[^,"([])+/g) ?? [];
  const types = parts.map((part) => (allowNone && part.trim().toLowerCase() === 'none' ? 0 : context.typeByText(part.trim())));
  const nameText = text.slice(0, open).trim();
  return { name: allowNone ? null : qualified(context, nameText), nameText, types };
}

function procedureOid(context: NameContext, text: string): Oid {
  const { name, types } = nameAndArguments(context, text, false);
  const found = visibleProcs(context.catalog, name!).find((row) => {
    const declared = argumentTypes(row);
    return declared.length === types.length && declared.every((type, index) => type === types[index]);
  });
  if (found === undefined) throw pgError('UNDEFINED_FUNCTION', `function "${text}" does not exist`);
  return found.oid;
}

/** Operators' names are not identifiers: only the schema is. */
function operatorName(context: NameContext, text: string): QualifiedName {
  const match = /^(?:(.*)\.)?([^\w\s".]+)$/s.exec(text.trim());
  if (!match) throw pgError('INVALID_NAME', 'invalid name syntax');
  return { schema: match[1] === undefined ? null : qualified(context, match[1]).name, name: match[2] };
}

function operatorOid(context: NameContext, text: string): Oid {
  return onlyOne(visibleOperators(context.catalog, operatorName(context, text)),
    () => pgError('UNDEFINED_FUNCTION', `operator does not exist: ${text}`),
    () => pgError('AMBIGUOUS_FUNCTION', `more than one operator named ${text}`));
}

function operatorWithArgumentsOid(context: NameContext, text: string): Oid {
  const { nameText, types } = nameAndArguments(context, text, true);
  if (types.length === 1) {
    throw pgError('UNDEFINED_PARAMETER', 'missing argument', { hint: 'Use NONE to denote the missing argument of a unary operator.' });
  }
  if (types.length !== 2) throw pgError('TOO_MANY_ARGUMENTS', 'too many arguments', { hint: 'Provide two argument types for operator.' });
  const found = visibleOperators(context.catalog, operatorName(context, nameText)).find((row) => row.oprleft === types[0] && row.oprright === types[1]);
  if (found === undefined) throw pgError('UNDEFINED_FUNCTION', `operator does not exist: ${text}`);
  return found.oid;
}

/** OID → name; null when there is no such object. */
export function objectName(context: NameContext, kind: RegKind, oid: Oid): string | null {
  const { catalog } = context;
  const schemaName = (namespace: Oid): string => catalog.namespace(namespace)?.nspname ?? '';
  const named = (name: string, namespace: Oid, visible: boolean): string => quoteQualified(visible ? null : schemaName(namespace), name);
  switch (kind) {
    case 'regclass': {
      const relation = catalog.relation(oid);
      return relation === null ? null : named(relation.name, relation.namespace, catalog.lookupRelation(relation.name) === oid);
    }
    case 'regtype': return catalog.type(oid) === null ? null : context.types.formatType(oid);
    case 'regproc': {
      const proc = catalog.proc(oid);
      if (proc === null) return null;
      const visible = visibleProcs(catalog, { schema: null, name: proc.proname });
      return named(proc.proname, proc.pronamespace, visible.length === 1 && visible[0].oid === oid);
    }
    case 'regprocedure': {
      const proc = catalog.proc(oid);
      if (proc === null) return null;
      const visible = visibleProcs(catalog, { schema: null, name: proc.proname }).some((row) => row.oid === oid);
      return `${named(proc.proname, proc.pronamespace, visible)}(${argumentTypes(proc).map((type) => context.types.formatType(type)).join(',')})`;
    }
    case 'regoper': case 'regoperator': return operatorText(context, kind, oid);
    case 'regnamespace': {
      const namespace = catalog.namespace(oid);
      return namespace === null ? null : quoteIdentifier(namespace.nspname);
    }
    case 'regrole': {
      const role = catalog.role(oid);
      return role === null ? null : quoteIdentifier(role.rolname);
    }
    case 'regcollation': {
      const collation = catalog.collation(oid);
      if (collation === null) return null;
      const first = bySearchPath(catalog, { schema: null, name: collation.collname },
        (name, namespace) => catalog.collationsByName(name).find((row) => row.collnamespace === namespace) ?? null);
      return named(collation.collname, collation.collnamespace, first?.oid === oid);
    }
    case 'regconfig': {
      const config = catalog.table('pg_ts_config').findOne({ oid });
      return config === null ? null : named(config.cfgname, config.cfgnamespace, catalog.searchPath.includes(config.cfgnamespace));
    }
    case 'regdictionary': {
      const dictionary = catalog.table('pg_ts_dict').findOne({ oid });
      return dictionary === null ? null : named(dictionary.dictname, dictionary.dictnamespace, catalog.searchPath.includes(dictionary.dictnamespace));
    }
  }
}

function operatorText(context: NameContext, kind: 'regoper' | 'regoperator', oid: Oid): string | null {
  const { catalog } = context;
  const operator = catalog.operator(oid);
  if (operator === null) return null;
  const rows = visibleOperators(catalog, { schema: null, name: operator.oprname });
  const visible = kind === 'regoper' ? rows.length === 1 && rows[0].oid === oid : rows.some((row) => row.oid === oid);
  const schema = visible ? '' : `${quoteIdentifier(catalog.namespace(operator.oprnamespace)?.nspname ?? '')}.`;
  if (kind === 'regoper') return schema + operator.oprname;
  const type = (typeOid: Oid): string => (typeOid === 0 ? 'NONE' : context.types.formatType(typeOid));
  return `${schema}${operator.oprname}(${type(operator.oprleft)},${type(operator.oprright)})`;
}
