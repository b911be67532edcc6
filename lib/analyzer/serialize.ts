/**
 * Analyzed trees as text for the catalog (pg_node_tree columns: defaults, check constraints, index expressions and
 * predicates, view queries, SQL function bodies), and back. JSON; values that JSON cannot carry (big integers, byte
 * strings, infinities, objects) are the row codec's bytes in base64 under one reserved key.
 */
import { assert } from '../base/assert.js';
import { decodeDatum, encodeDatum } from '../codec/row.js';
import { DatumObject, type Datum } from '../types/datum.js';
import type { Expr, Query } from './nodes.js';

/** The reserved key; no node has a field of this name. */
const ENCODED = '$datum';

function isPlainJson(value: Datum): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  return typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0);
}

function encoded(value: unknown): unknown {
  if (typeof value !== 'bigint' && typeof value !== 'number' && !(value instanceof Uint8Array) && !(value instanceof DatumObject)) return value;
  return isPlainJson(value) ? value : { [ENCODED]: Buffer.from(encodeDatum(value)).toString('base64') };
}

/** A tree as text. */
export function serialize(tree: Expr | Query | readonly Expr[] | readonly Query[]): string {
  // A replacer sees byte strings only after Buffer's toJSON, so the tree is copied with its values encoded first.
  const copy = (value: unknown): unknown => {
    const out = encoded(value);
    if (out !== value || out === null || typeof out !== 'object') return out;
    if (Array.isArray(out)) return out.map(copy);
    return Object.fromEntries(Object.entries(out).map(([key, field]) => [key, copy(field)]));
  };
  return JSON.stringify(copy(tree));
}

function parse(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !(ENCODED in value)) return value;
    return decodeDatum(Buffer.from(String(value[ENCODED]), 'base64'));
  });
}

function isNode(value: unknown): value is Expr | Query {
  return typeof value === 'object' && value !== null && 'node' in value;
}

function isQuery(value: unknown): value is Query {
  return isNode(value) && value.node === 'Query';
}

function isExpr(value: unknown): value is Expr {
  return isNode(value) && value.node !== 'Query';
}

/** An expression back from text. */
export function deserializeExpr(text: string): Expr {
  const tree = parse(text);
  assert(isExpr(tree), 'a stored expression is an expression');
  return tree;
}

/** A list of expressions back from text (index expressions). */
export function deserializeExprs(text: string): readonly Expr[] {
  const tree = parse(text);
  assert(Array.isArray(tree) && tree.every(isExpr), 'stored expressions are a list');
  return tree;
}

/** A query back from text (views). */
export function deserializeQuery(text: string): Query {
  const tree = parse(text);
  assert(isQuery(tree), 'a stored query is a query');
  return tree;
}

/** Queries back from text (rule actions, SQL function bodies). */
export function deserializeQueries(text: string): readonly Query[] {
  const tree = parse(text);
  assert(Array.isArray(tree) && tree.every(isQuery), 'stored queries are a list');
  return tree;
}
