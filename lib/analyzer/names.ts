/**
 * Names in messages and SQL text: quoting, qualified names, signatures. Follows PostgreSQL's quote_identifier
 * (utils/adt/ruleutils.c), NameListToString and func_signature_string.
 */
import type { Node } from 'libpg-query';
import { pgError } from '../base/error.js';
import { tagOf, stringValue, type RawNode } from '../parser/raw.js';
import type { Oid, ParseState } from './state.js';

/** A list of names (and `*`) joined by dots, unquoted: how messages name columns and functions. */
export function nameListToString(names: readonly (Node | RawNode)[] | undefined): string {
  return (names ?? []).map((name) => (tagOf(name) === 'A_Star' ? '*' : stringValue(name))).join('.');
}

/** Splits a possibly qualified name into schema (null: search path) and object. @throws 42601, 0A000 */
export function deconstructName(state: ParseState, names: readonly string[]): { schema: string | null; name: string } {
  switch (names.length) {
    case 1: return { schema: null, name: names[0] };
    case 2: return { schema: names[0], name: names[1] };
    case 3:
      if (names[0] !== state.catalog.databaseName) throw pgError('FEATURE_NOT_SUPPORTED', `cross-database references are not implemented: ${names.join('.')}`);
      return { schema: names[1], name: names[2] };
    default:
      throw pgError('SYNTAX_ERROR', `improper qualified name (too many dotted names): ${names.join('.')}`);
  }
}

/** `name(type, argname => type)` as messages show it. */
export function functionSignature(state: ParseState, name: string, argTypes: readonly Oid[], argNames: readonly string[] = []): string {
  const firstNamed = argTypes.length - argNames.length;
  const args = argTypes.map((type, i) => (i >= firstNamed ? `${argNames[i - firstNamed]} => ` : '') + state.formatType(type));
  return `${name}(${args.join(', ')})`;
}

/** `left op right` as messages show it; left 0 for a prefix operator. */
export function operatorSignature(state: ParseState, name: string, left: Oid, right: Oid): string {
  return `${left === 0 ? '' : `${state.formatType(left)} `}${name} ${state.formatType(right)}`;
}
