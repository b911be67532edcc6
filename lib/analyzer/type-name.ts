/**
 * Type names to type OIDs and typmods. Follows PostgreSQL's parser/parse_type.c.
 */
import type { A_Const, ColumnRef, CollateClause, Node, TypeName } from 'libpg-query';
import { PgError, pgError } from '../base/error.js';
import type { PgCollation, PgType } from '../catalog/rows.js';
import { builtin } from '../functions/registry.js';
import { parse } from '../parser/parse.js';
import { bodyAs, bodyOf, stringList, tagOf, type RawNode } from '../parser/raw.js';
import { ArrayValue } from '../types/datum.js';
import { CSTRINGOID, INT4OID } from '../types/oids.js';
import { deconstructName } from './names.js';
import { ParseState, type AnalyzeContext, type Oid } from './state.js';

/** A type with its typmod. */
export interface TypeWithTypmod { readonly type: Oid; readonly typmod: number }

/** The array type of a type, 0 when it has none. */
export function arrayTypeOf(state: ParseState, type: Oid): Oid {
  return state.catalog.type(type)?.typarray ?? 0;
}

/** The array type over an element type; an array type stays itself (get_promoted_array_type). */
export function promotedArrayType(state: ParseState, type: Oid): Oid {
  const array = arrayTypeOf(state, type);
  if (array !== 0) return array;
  return elementTypeOf(state, type) !== 0 ? type : 0;
}

/** The element type of a true array type, else 0 (get_element_type). */
export function elementTypeOf(state: ParseState, type: Oid): Oid {
  const row = state.catalog.type(type);
  return row !== null && isTrueArray(row) ? row.typelem : 0;
}

const ARRAY_SUBSCRIPT_HANDLER = 6179;

/** A true (variable-length, generically subscripted) array type. */
export function isTrueArray(type: PgType): boolean {
  return type.typelem !== 0 && type.typsubscript === ARRAY_SUBSCRIPT_HANDLER;
}

/** The type row of an OID that must exist. @throws XX000 */
export function typeRow(state: ParseState, type: Oid): PgType {
  const row = state.catalog.type(type);
  if (row === null) throw pgError('INTERNAL_ERROR', `cache lookup failed for type ${type}`);
  return row;
}

/** The collation of a type's values by default, 0 when it has none. */
export function typeCollation(state: ParseState, type: Oid): Oid {
  return state.catalog.type(type)?.typcollation ?? 0;
}

/** Schema OID by name for an explicit qualification; null when it does not exist. */
export function schemaOid(state: ParseState, schema: string): Oid | null {
  if (schema === 'pg_temp') return state.catalog.tempNamespace === 0 ? null : state.catalog.tempNamespace;
  return state.catalog.namespaceByName(schema)?.oid ?? null;
}

/** Schema OID by name. @throws 3F000 */
export function requireSchema(state: ParseState, schema: string): Oid {
  const oid = schemaOid(state, schema);
  if (oid === null) throw pgError('INVALID_SCHEMA_NAME', `schema "${schema}" does not exist`);
  return oid;
}

/** A type name as messages show it (TypeNameToString). */
export function typeNameToString(typeName: TypeName): string {
  const name = stringList(typeName.names).join('.');
  return name + (typeName.pct_type ? '%TYPE' : '') + (typeName.arrayBounds?.length ? '[]' : '');
}

/** Looks a type name up; null when there is no such type. @throws 42601, 42703, 42P01, 3F000 */
export function lookupTypeName(state: ParseState, typeName: TypeName, missingOk = false): (TypeWithTypmod & { readonly row: PgType }) | null {
  const location = typeName.location ?? 0;
  let oid: Oid;
  if (!typeName.names?.length) {
    oid = typeName.typeOid ?? 0;
  } else if (typeName.pct_type) {
    oid = percentType(state, typeName, location);
  } else {
    const { schema, name } = deconstructName(state, stringList(typeName.names));
    if (schema !== null) {
      const namespace = missingOk ? schemaOid(state, schema) : state.at(location, () => requireSchema(state, schema));
      oid = namespace === null ? 0 : state.catalog.typeByName(name, namespace)?.oid ?? 0;
    } else {
      oid = state.catalog.lookupType(name)?.oid ?? 0;
    }
    if (oid !== 0 && typeName.arrayBounds?.length) oid = arrayTypeOf(state, oid);
  }
  const row = oid === 0 ? null : state.catalog.type(oid);
  if (row === null) return null;
  return { type: row.oid, typmod: typeNameTypmod(state, typeName, row), row };
}

function percentType(state: ParseState, typeName: TypeName, location: number): Oid {
  const names = stringList(typeName.names);
  const text = names.join('.');
  if (names.length < 2) throw state.error('SYNTAX_ERROR', `improper %TYPE reference (too few dotted names): ${text}`, location);
  if (names.length > 4) throw state.error('SYNTAX_ERROR', `improper %TYPE reference (too many dotted names): ${text}`, location);
  const column = names[names.length - 1];
  const relationNames = names.slice(0, -1);
  const { schema, name } = deconstructName(state, relationNames);
  const relid = state.at(location, () => (schema === null ? state.catalog.lookupRelation(name) : state.catalog.relationOid(name, requireSchema(state, schema))));
  const relation = relid === 0 ? null : state.catalog.relation(relid);
  if (relation === null) throw state.error('UNDEFINED_TABLE', `relation "${relationNames.join('.')}" does not exist`, location);
  const attribute = relation.attributes.find((a) => a.attname === column && !a.attisdropped);
  if (attribute === undefined) throw state.error('UNDEFINED_COLUMN', `column "${column}" of relation "${name}" does not exist`, location);
  state.context.services.notice(new PgError('SUCCESSFUL_COMPLETION', `type reference ${typeNameToString(typeName)} converted to ${state.formatType(attribute.atttypid)}`, { severity: 'NOTICE' }));
  return typeName.arrayBounds?.length ? arrayTypeOf(state, attribute.atttypid) : attribute.atttypid;
}

/** Looks a type name up. @throws 42704 when it does not exist or is only a shell */
export function typeNameType(state: ParseState, typeName: TypeName): TypeWithTypmod & { readonly row: PgType } {
  const location = typeName.location ?? 0;
  const found = lookupTypeName(state, typeName);
  if (found === null) throw state.error('UNDEFINED_OBJECT', `type "${typeNameToString(typeName)}" does not exist`, location);
  if (!found.row.typisdefined) throw state.error('UNDEFINED_OBJECT', `type "${typeNameToString(typeName)}" is only a shell`, location);
  return found;
}

function typeNameTypmod(state: ParseState, typeName: TypeName, row: PgType): number {
  if (!typeName.typmods?.length) return typeName.typemod ?? -1;
  const location = typeName.location ?? 0;
  if (!row.typisdefined) throw state.error('SYNTAX_ERROR', `type modifier cannot be specified for shell type "${typeNameToString(typeName)}"`, location);
  if (row.typmodin === 0) throw state.error('SYNTAX_ERROR', `type modifier is not allowed for type "${typeNameToString(typeName)}"`, location);
  const texts = typeName.typmods.map((node) => {
    const text = typmodText(node);
    if (text === null) throw state.error('SYNTAX_ERROR', 'type modifiers must be simple constants or identifiers', location);
    return text;
  });
  return state.at(location, () => callTypmodin(state, row, texts));
}

function typmodText(node: Node): string | null {
  const body = bodyOf(node);
  switch (tagOf(node)) {
    case 'A_Const': {
      const constant = bodyAs<A_Const>(body);
      if (constant.ival !== undefined) return String(constant.ival.ival ?? 0);
      if (constant.fval !== undefined) return constant.fval.fval ?? '';
      return constant.sval === undefined ? null : constant.sval.sval ?? '';
    }
    case 'ColumnRef': {
      const fields = bodyAs<ColumnRef>(body).fields ?? [];
      return fields.length === 1 && tagOf(fields[0]) === 'String' ? stringList(fields)[0] : null;
    }
    default:
      return null;
  }
}

function callTypmodin(state: ParseState, row: PgType, texts: readonly string[]): number {
  const proc = state.catalog.proc(row.typmodin);
  const entry = proc === null ? undefined : builtin(proc.prosrc);
  if (proc === null || entry === undefined) throw pgError('FEATURE_NOT_SUPPORTED', `type modifiers of type ${row.typname} are not supported yet`);
  const argument = ArrayValue.of(CSTRINGOID, texts);
  const call = { functionOid: proc.oid, argTypes: [CSTRINGOID], resultType: INT4OID, collation: 0, variadic: false };
  if (entry.kind === 'pure') return entry.fn(argument) as number;
  if (entry.kind === 'context') return entry.fn({ services: state.context.services, call }, argument) as number;
  throw pgError('INTERNAL_ERROR', `typmod input function ${proc.proname} has the wrong kind`);
}

/** Parses a type's name as text (`regtype` input, `SELECT 'numeric(10,2)'::regtype`). @throws 42601, 42704 */
export function parseTypeString(context: AnalyzeContext, text: string): TypeWithTypmod {
  const invalid = (): PgError => pgError('SYNTAX_ERROR', `invalid type name "${text}"`);
  if (/^\s*$/.test(text)) throw invalid();
  let target: RawNode;
  try {
    const [statement, ...others] = parse(`SELECT (NULL::${text})`);
    if (statement === undefined || others.length > 0 || statement.tag !== 'SelectStmt') throw invalid();
    const targets = statement.body.targetList as readonly RawNode[];
    target = bodyOf(targets[0]).val as RawNode;
    if (targets.length !== 1 || tagOf(target) !== 'TypeCast' || Object.keys(statement.body).some((key) => !['targetList', 'limitOption', 'op'].includes(key))) throw invalid();
  } catch (error) {
    if (error instanceof PgError && error.sqlstate === '42601') {
      error.position = undefined;
      error.where ??= `invalid type name "${text}"`;
    }
    throw error;
  }
  const typeName = { ...bodyAs<TypeName>(bodyOf(target).typeName as RawNode), location: -1 };
  if (typeName.setof) throw invalid();
  const { type, typmod } = typeNameType(new ParseState(null, { ...context, sourceText: text }), typeName);
  return { type, typmod };
}

/** The collation a (possibly qualified) name means in this database's encoding. @throws 42704 */
export function lookupCollation(state: ParseState, names: readonly string[], location: number): Oid {
  const { schema, name } = deconstructName(state, names);
  const namespaces = schema === null ? state.catalog.searchPath : [state.at(location, () => requireSchema(state, schema))];
  const candidates = state.catalog.collationsByName(name);
  for (const namespace of namespaces) {
    const matches = (row: PgCollation): boolean => row.collnamespace === namespace && (row.collencoding === -1 || row.collencoding === 6);
    const found = candidates.find(matches);
    if (found !== undefined) return found.oid;
  }
  throw state.error('UNDEFINED_OBJECT', `collation "${names.join('.')}" for encoding "UTF8" does not exist`, location);
}

/** The collation of a column definition: its COLLATE clause, else the type's. @throws 42804 when the type has none */
export function columnCollation(state: ParseState, clause: CollateClause | undefined, type: Oid): Oid {
  const typeDefault = typeCollation(state, type);
  if (clause === undefined) return typeDefault;
  const location = clause.location ?? 0;
  const collation = lookupCollation(state, stringList(clause.collname), location);
  if (typeDefault === 0) throw state.error('DATATYPE_MISMATCH', `collations are not supported by type ${state.formatType(type)}`, location);
  return collation;
}
