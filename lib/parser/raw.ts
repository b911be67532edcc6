/**
 * Shapes of libpg-query's JSON parse tree: `{ NodeName: { field: value } }`; fields with default values (0, false, '',
 * empty list, absent node) are left out; enum values are their C names as strings. The exact shape of each node is typed
 * by libpg-query itself (`import type { SelectStmt } from 'libpg-query'`); `bodyAs` gives a body that type.
 *
 * After `parse`, every `location` is a character offset into the source text (libpg-query reports UTF-8 bytes).
 */
import type { Node } from 'libpg-query';
import { assert } from '../base/assert.js';

/** Any JSON value of the tree. */
export type RawValue = string | number | boolean | null | RawNode | readonly RawValue[];
/** A JSON object of the tree. */
export interface RawNode { readonly [field: string]: RawValue | undefined }

/** One statement of a source text. */
export interface RawStatement {
  /** The node's name: "SelectStmt", "CreateStmt", ... */
  readonly tag: string;
  /** The node's fields. */
  readonly body: RawNode;
  /** Where the statement starts in the source text (offset for `String.slice`). */
  readonly location: number;
  /** Its length; 0 means up to the end of the text. */
  readonly length: number;
}

/** The name of a tree node: the single key of its wrapping object. */
export function tagOf(node: Node | RawNode): string {
  for (const key in node) return key;
  return '';
}

/** The fields of a wrapped node `{ Tag: fields }`. */
export function bodyOf(node: Node | RawNode): RawNode {
  const wrapped = node as RawNode;
  for (const key in wrapped) return wrapped[key] as RawNode;
  return {};
}

/** A body seen as the node type that its tag promises: `bodyAs<CreateStmt>(statement.body)`. */
export function bodyAs<T extends object>(body: RawNode): T {
  return body as RawNode & T;
}

/** The string of a `String` node. */
export function stringValue(node: Node | RawNode | undefined): string {
  assert(node !== undefined && 'String' in node, 'parse tree: String expected');
  return ((node as RawNode).String as RawNode).sval as string ?? '';
}

/** The strings of a list of `String` nodes (a qualified name, for example); `[]` for an absent list. */
export function stringList(list: readonly (Node | RawNode)[] | undefined): string[] {
  return list === undefined ? [] : list.map(stringValue);
}
