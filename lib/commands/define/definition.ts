/**
 * `CREATE AGGREGATE | OPERATOR ... (name = value, ...)`: the statement's kind decides, as DefineStmt covers them all.
 *
 * Idea: PostgreSQL's DefineStmt handling in ProcessUtilitySlow (tcop/utility.c) and defGet* (commands/define.c).
 */
import type { DefElem, DefineStmt, Node, TypeName } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid } from '../../catalog/api.js';
import { bodyAs, bodyOf, stringList, tagOf } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { optionText } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';
import { commandType } from '../expressions.js';
import { createAggregate } from './aggregate.js';
import { createOperator } from './operator.js';

registerCommand('DefineStmt', { execute: (statement, cx) => define(bodyAs<DefineStmt>(statement.body), cx) });

const WORDS: Readonly<Record<string, string>> = {
  OBJECT_TYPE: 'CREATE TYPE of a base type', OBJECT_TSPARSER: 'CREATE TEXT SEARCH PARSER', OBJECT_TSDICTIONARY: 'CREATE TEXT SEARCH DICTIONARY',
  OBJECT_TSTEMPLATE: 'CREATE TEXT SEARCH TEMPLATE', OBJECT_TSCONFIGURATION: 'CREATE TEXT SEARCH CONFIGURATION', OBJECT_COLLATION: 'CREATE COLLATION',
};

function* define(stmt: DefineStmt, cx: CommandContext): Suspendable<CommandResult> {
  yield* [];
  switch (stmt.kind) {
    case 'OBJECT_AGGREGATE':
      createAggregate(cx, stmt);
      return { tag: 'CREATE AGGREGATE', rows: null };
    case 'OBJECT_OPERATOR':
      createOperator(cx, stmt);
      return { tag: 'CREATE OPERATOR', rows: null };
    default:
      throw notSupported(WORDS[stmt.kind ?? ''] ?? 'CREATE');
  }
}

/** The `name = value` pairs; a name may stand once. */
export function definitionElements(list: readonly Node[] | undefined): Map<string, DefElem> {
  const found = new Map<string, DefElem>();
  for (const node of list ?? []) {
    const element = bodyAs<DefElem>(bodyOf(node));
    found.set(element.defname ?? '', element);
  }
  return found;
}

/** A possibly qualified name; null when the element is absent. */
export function elementName(element: DefElem | undefined): readonly string[] | null {
  if (!element) return null;
  if (!element.arg) throw pgError('SYNTAX_ERROR', `${element.defname ?? ''} requires a parameter`);
  const body = bodyOf(element.arg);
  if (tagOf(element.arg) === 'TypeName') return stringList(bodyAs<TypeName>(body).names);
  if (tagOf(element.arg) === 'List') return stringList(bodyAs<{ items?: Node[] }>(body).items);
  return [optionText(element)];
}

/** The type that an element names; 0 when it is absent. */
export function elementType(cx: CommandContext, element: DefElem | undefined): Oid {
  if (!element?.arg) return 0;
  if (tagOf(element.arg) === 'TypeName') return commandType(cx, bodyAs<TypeName>(bodyOf(element.arg))).type;
  return commandType(cx, { names: [{ String: { sval: optionText(element) } }], typemod: -1, location: -1 }).type;
}
