/**
 * The object that a statement names: COMMENT ON, ALTER ... RENAME, SET SCHEMA, OWNER TO, and DROP of the rarer classes.
 *
 * Idea: PostgreSQL's get_object_address (catalog/objectaddress.c).
 */
import type { Node, ObjectWithArgs, TypeName } from 'libpg-query';
import { operatorSignature } from '../../analyzer/names.js';
import { exactOperator } from '../../analyzer/operators.js';
import { lookupTypeName, typeNameToString } from '../../analyzer/type-name.js';
import { notSupported, pgError } from '../../base/error.js';
import { objectAddress, type ObjectAddress } from '../../catalog/address.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { deconstructName, explicitNamespace, relationOidOf, undefinedRelation } from '../../catalog/namespace.js';
import type { PgType } from '../../catalog/rows.js';
import { bodyAs, bodyOf, stringList, stringValue, tagOf } from '../../parser/raw.js';
import * as ids from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { commandType, expressionState } from '../expressions.js';
import { findFunction } from '../function/find-function.js';
import { columnOf, findRows, METHOD_CLASSES, NAMED_CLASSES, SCHEMA_CLASSES, type ObjectClass } from './object-classes.js';

/** An object with what its class's commands look at. */
export interface FoundObject {
  readonly address: ObjectAddress;
  /** The relation itself, or the one that the object belongs to. */
  readonly relation: Relation | null;
  readonly type: PgType | null;
  /** The last part of its name. */
  readonly name: string;
}

const RELATION_KINDS: Readonly<Record<string, { readonly kinds: string; readonly word: string }>> = {
  OBJECT_TABLE: { kinds: 'rp', word: 'a table' }, OBJECT_INDEX: { kinds: 'iI', word: 'an index' }, OBJECT_SEQUENCE: { kinds: 'S', word: 'a sequence' },
  OBJECT_VIEW: { kinds: 'v', word: 'a view' }, OBJECT_MATVIEW: { kinds: 'm', word: 'a materialized view' }, OBJECT_FOREIGN_TABLE: { kinds: 'f', word: 'a foreign table' },
};

/** The parts of an object's name: a list of strings, or a single one. */
export function nameParts(node: Node): string[] {
  if ('String' in node) return [stringValue(node)];
  return stringList(listItems(node));
}

function listItems(node: Node): Node[] {
  return bodyAs<{ items?: Node[] }>(bodyOf(node)).items ?? [];
}

function found(classId: Oid, oid: Oid, name: string, more: { relation?: Relation | null; type?: PgType | null; subId?: number } = {}): FoundObject {
  return { address: objectAddress(classId, oid, more.subId ?? 0), name, relation: more.relation ?? null, type: more.type ?? null };
}

/** Finds the object. @throws 42P01, 42704, 42883, 42703, 3F000, 3D000, 42809 with PostgreSQL's texts */
export function findObject(cx: CommandContext, objectType: string, node: Node): FoundObject {
  if (RELATION_KINDS[objectType]) return findRelationObject(cx, objectType, nameParts(node));
  if (NAMED_CLASSES[objectType]) return findNamed(cx, NAMED_CLASSES[objectType], nameParts(node)[0]);
  if (SCHEMA_CLASSES[objectType]) return findInSchema(cx, SCHEMA_CLASSES[objectType], nameParts(node));
  if (METHOD_CLASSES[objectType]) return findForMethod(cx, METHOD_CLASSES[objectType], nameParts(node));
  switch (objectType) {
    case 'OBJECT_COLUMN': return findColumnObject(cx, nameParts(node));
    case 'OBJECT_TABCONSTRAINT': case 'OBJECT_RULE': case 'OBJECT_TRIGGER': case 'OBJECT_POLICY': return findOnTable(cx, objectType, nameParts(node));
    case 'OBJECT_TYPE': case 'OBJECT_DOMAIN': return findTypeObject(cx, typeNameOf(node), objectType === 'OBJECT_DOMAIN');
    case 'OBJECT_DOMCONSTRAINT': return findDomainConstraint(cx, listItems(node));
    case 'OBJECT_FUNCTION': case 'OBJECT_PROCEDURE': case 'OBJECT_ROUTINE': case 'OBJECT_AGGREGATE': {
      const oid = findFunction(cx, bodyAs<ObjectWithArgs>(bodyOf(node)), objectType, false);
      return found(ids.ProcedureRelationId, oid, cx.session.catalog.proc(oid)?.proname ?? '');
    }
    case 'OBJECT_OPERATOR': return findOperatorObject(cx, bodyAs<ObjectWithArgs>(bodyOf(node)));
    case 'OBJECT_CAST': return findCastObject(cx, listItems(node));
    case 'OBJECT_LARGEOBJECT': return findLargeObject(cx, node);
    default: throw notSupported(objectType.replace('OBJECT_', '').replace(/_/g, ' '));
  }
}

/** A type's name may come as TypeName or (ALTER ... RENAME) as a list of strings. */
export function typeNameOf(node: Node): TypeName {
  if (tagOf(node) === 'TypeName') return bodyAs<TypeName>(bodyOf(node));
  return { names: listItems(node), typemod: -1, location: -1 };
}

/** The relation of a qualified name. @throws 42P01, 3F000 */
export function openByParts(cx: CommandContext, parts: readonly string[]): Relation {
  const [relname, schemaname, catalogname] = parts.toReversed();
  const name = { relname, schemaname, catalogname };
  const relation = cx.session.catalog.relation(relationOidOf(cx.session.catalog, name));
  if (!relation) throw undefinedRelation(name);
  return relation;
}

function findRelationObject(cx: CommandContext, objectType: string, parts: readonly string[]): FoundObject {
  const relation = openByParts(cx, parts);
  const { kinds, word } = RELATION_KINDS[objectType];
  if (!kinds.includes(relation.kind)) throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is not ${word}`);
  return found(ids.RelationRelationId, relation.oid, relation.name, { relation });
}

function findColumnObject(cx: CommandContext, parts: readonly string[]): FoundObject {
  const name = parts[parts.length - 1];
  if (parts.length < 2) throw pgError('SYNTAX_ERROR', 'column name must be qualified');
  const relation = openByParts(cx, parts.slice(0, -1));
  const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped)
    ?? cx.session.catalog.table('pg_attribute').findOne({ attrelid: relation.oid, attname: name });
  if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
  return found(ids.RelationRelationId, relation.oid, name, { relation, subId: attribute.attnum });
}

function findOnTable(cx: CommandContext, objectType: string, parts: readonly string[]): FoundObject {
  const name = parts[parts.length - 1];
  const relation = openByParts(cx, parts.slice(0, -1));
  const { catalog } = cx.session;
  const missing = (what: string): Error => pgError('UNDEFINED_OBJECT', `${what} "${name}" for ${what === 'rule' ? 'relation' : 'table'} "${relation.name}" does not exist`);
  switch (objectType) {
    case 'OBJECT_RULE': {
      const row = catalog.table('pg_rewrite').findOne({ ev_class: relation.oid, rulename: name });
      if (!row) throw missing('rule');
      return found(ids.RewriteRelationId, row.oid, name, { relation });
    }
    case 'OBJECT_TRIGGER': {
      const row = catalog.table('pg_trigger').findOne({ tgrelid: relation.oid, tgname: name });
      if (!row) throw missing('trigger');
      return found(ids.TriggerRelationId, row.oid, name, { relation });
    }
    case 'OBJECT_POLICY': {
      const row = catalog.table('pg_policy').findOne({ polrelid: relation.oid, polname: name });
      if (!row) throw missing('policy');
      return found(ids.PolicyRelationId, row.oid, name, { relation });
    }
    default: {
      const row = relation.constraints.find((candidate) => candidate.conname === name);
      if (!row) throw missing('constraint');
      return found(ids.ConstraintRelationId, row.oid, name, { relation });
    }
  }
}

function findTypeObject(cx: CommandContext, typeName: TypeName, domain: boolean): FoundObject {
  const type = lookupTypeName(expressionState(cx, null), typeName);
  if (!type) throw pgError('UNDEFINED_OBJECT', `type "${typeNameToString(typeName)}" does not exist`);
  if (domain && type.row.typtype !== 'd') throw pgError('WRONG_OBJECT_TYPE', `"${typeNameToString(typeName)}" is not a domain`);
  return found(ids.TypeRelationId, type.type, type.row.typname, { type: type.row });
}

function findDomainConstraint(cx: CommandContext, items: readonly Node[]): FoundObject {
  const domain = findTypeObject(cx, typeNameOf(items[0]), false);
  const name = stringValue(items[1]);
  const row = cx.session.catalog.table('pg_constraint').findOne({ conrelid: 0, contypid: domain.address.objectId, conname: name });
  if (!row) throw pgError('UNDEFINED_OBJECT', `constraint "${name}" for domain ${cx.services.types.formatType(domain.address.objectId)} does not exist`);
  return found(ids.ConstraintRelationId, row.oid, name, { type: domain.type });
}

function findNamed(cx: CommandContext, facts: ObjectClass, name: string): FoundObject {
  const [row] = findRows(cx.session.catalog, facts.table, { [facts.nameColumn]: name });
  if (!row) throw pgError(facts.missing, `${facts.word} "${name}" does not exist`);
  return found(facts.classId, columnOf(row, 'oid') as Oid, name);
}

/** Schemas in which a name is looked for. */
function namespacesOf(cx: CommandContext, schema: string | null): readonly Oid[] {
  const { catalog } = cx.session;
  return schema === null ? catalog.searchPath.filter((oid) => oid !== catalog.tempNamespace) : [explicitNamespace(catalog, schema)];
}

function findInSchema(cx: CommandContext, facts: ObjectClass, parts: readonly string[]): FoundObject {
  const { catalog } = cx.session;
  const { schema, name } = deconstructName(catalog, parts);
  const rows = findRows(catalog, facts.table, { [facts.nameColumn]: name });
  for (const namespace of namespacesOf(cx, schema)) {
    const row = rows.find((candidate) => columnOf(candidate, facts.namespaceColumn) === namespace && [undefined, -1, 6].includes(columnOf(candidate, 'collencoding') as number | undefined));
    if (row) return found(facts.classId, columnOf(row, 'oid') as Oid, name);
  }
  throw pgError(facts.missing, `${facts.word} "${parts.join('.')}"${facts.word === 'collation' ? ' for encoding "UTF8"' : ''} does not exist`);
}

function findForMethod(cx: CommandContext, facts: (typeof METHOD_CLASSES)[string], parts: readonly string[]): FoundObject {
  const { catalog } = cx.session;
  const method = catalog.table('pg_am').findOne({ amname: parts[0] });
  if (!method) throw pgError('UNDEFINED_OBJECT', `access method "${parts[0]}" does not exist`);
  const { schema, name } = deconstructName(catalog, parts.slice(1));
  const rows = findRows(catalog, facts.table, { [facts.methodColumn]: method.oid, [facts.nameColumn]: name });
  for (const namespace of namespacesOf(cx, schema)) {
    const row = rows.find((candidate) => columnOf(candidate, facts.namespaceColumn) === namespace);
    if (row) return found(facts.classId, columnOf(row, 'oid') as Oid, name);
  }
  throw pgError('UNDEFINED_OBJECT', `${facts.word} "${parts.slice(1).join('.')}" does not exist for access method "${parts[0]}"`);
}

/** The type of an operator's operand; 0 for NONE. */
function operandType(cx: CommandContext, node: Node | undefined): Oid {
  return node && tagOf(node) === 'TypeName' ? commandType(cx, bodyAs<TypeName>(bodyOf(node))).type : 0;
}

function findOperatorObject(cx: CommandContext, object: ObjectWithArgs): FoundObject {
  const names = stringList(object.objname);
  const [left, right] = [operandType(cx, object.objargs?.[0]), operandType(cx, object.objargs?.[1])];
  const state = expressionState(cx, null);
  const operator = exactOperator(state, names, left, right);
  if (!operator) throw pgError('UNDEFINED_FUNCTION', `operator does not exist: ${operatorSignature(state, names.join('.'), left, right)}`);
  return found(ids.OperatorRelationId, operator.oid, operator.oprname);
}

function findCastObject(cx: CommandContext, items: readonly Node[]): FoundObject {
  const [source, target] = items.map((node) => commandType(cx, bodyAs<TypeName>(bodyOf(node))).type);
  const cast = cx.session.catalog.cast(source, target);
  const { types } = cx.services;
  if (!cast) throw pgError('UNDEFINED_OBJECT', `cast from type ${types.formatType(source)} to type ${types.formatType(target)} does not exist`);
  return found(ids.CastRelationId, cast.oid, '');
}

function findLargeObject(cx: CommandContext, node: Node): FoundObject {
  const body = bodyOf(node);
  const oid = Number(body.ival ?? body.fval ?? 0);
  if (!cx.session.catalog.table('pg_largeobject_metadata').findOne({ oid })) throw pgError('UNDEFINED_OBJECT', `large object ${oid} does not exist`);
  return found(ids.LargeObjectRelationId, oid, String(oid));
}
