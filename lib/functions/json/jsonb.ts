/**
 * jsonb values: reading from text, writing, order of keys, comparison, containment, hashing (PostgreSQL's jsonb_util.c).
 */
import { pgError } from '../../base/error.js';
import { compareCodePoints } from '../../types/collation.js';
import { normalizeInt8, type ArrayValue, type Int8 } from '../../types/datum.js';
import { Jsonb, type JsonbNode } from '../../types/jsonb.js';
import { utf8Length } from '../../types/jsonb-bytes.js';
import { Numeric } from '../../types/numeric.js';
import { hashBytes, hashBytesExtended, hashUint32Extended } from '../hash/lookup3.js';
import { compareNumeric, formatNumeric, parseNumeric } from '../numeric/core.js';
import { baseDigits } from '../numeric/casts.js';
import { utf8 } from '../wire.js';
import { compareEncoded, encodedContains, formatAt } from './in-place.js';
import { JsonLexer, MAX_DEPTH, stackDepthExceeded } from './lexer.js';
import { escapeJson, pathIndex } from './text.js';

export type JsonbArray = readonly JsonbNode[];
export type JsonbObject = ReadonlyMap<string, JsonbNode>;

export const isArray = (node: JsonbNode): node is JsonbArray => Array.isArray(node);
export const isObject = (node: JsonbNode): node is JsonbObject => node instanceof Map;
export const isScalar = (node: JsonbNode): boolean => !isArray(node) && !isObject(node);

/** Order of keys: shorter first (in UTF-8), then bytewise. */
export function compareKeys(a: string, b: string): number {
  const difference = utf8Length(a) - utf8Length(b);
  return difference !== 0 ? difference : compareCodePoints(a, b);
}

/** An object from members in any order; of equal keys the last wins. */
export function makeObject(entries: [string, JsonbNode][]): JsonbObject {
  let sorted = true;
  for (let i = 1; i < entries.length && sorted; i++) sorted = compareKeys(entries[i - 1][0], entries[i][0]) < 0;
  if (sorted) return new Map(entries);
  const last = new Map(entries);
  return new Map([...last].sort((a, b) => compareKeys(a[0], b[0])));
}

const MAX_STRING_BYTES = 0x0fffffff;

/** 54000 for strings beyond what jsonb can hold. */
export function checkString(text: string): string {
  if (text.length > MAX_STRING_BYTES / 4 && Buffer.byteLength(text) > MAX_STRING_BYTES) {
    throw pgError('PROGRAM_LIMIT_EXCEEDED', 'string too long to represent as jsonb string', {
      detail: `Due to an implementation restriction, jsonb strings cannot exceed ${MAX_STRING_BYTES} bytes.`,
    });
  }
  return text;
}

/** A JSON number's value, exactly. */
export function parseNumber(text: string): Numeric {
  if (text.length <= 15) {
    const value = Number(text);
    if (Number.isInteger(value) && !/[.eE]/.test(text)) return new Numeric(BigInt(value), 0);
  }
  return parseNumeric(text);
}

function parseNode(lexer: JsonLexer, depth: number): JsonbNode {
  let node: JsonbNode;
  switch (lexer.kind) {
    case '{': return parseObjectNode(lexer, depth);
    case '[': return parseArrayNode(lexer, depth);
    case 'string': node = checkString(lexer.value); break;
    case 'number': node = parseNumber(lexer.text.slice(lexer.start, lexer.end)); break;
    case 'true': node = true; break;
    case 'false': node = false; break;
    case 'null': node = null; break;
    default: throw lexer.unexpected('JSON value');
  }
  lexer.next();
  return node;
}

function parseObjectNode(lexer: JsonLexer, depth: number): JsonbNode {
  if (depth > MAX_DEPTH) throw stackDepthExceeded();
  const entries: [string, JsonbNode][] = [];
  lexer.next();
  if (!lexer.is('}')) {
    if (!lexer.is('string')) throw lexer.unexpected('string or "}"');
    for (;;) {
      if (!lexer.is('string')) throw lexer.unexpected('string');
      const key = checkString(lexer.value);
      if (lexer.next() !== ':') throw lexer.unexpected('":"');
      lexer.next();
      entries.push([key, parseNode(lexer, depth + 1)]);
      if (!lexer.is(',')) break;
      lexer.next();
    }
    if (!lexer.is('}')) throw lexer.unexpected('"," or "}"');
  }
  lexer.next();
  return makeObject(entries);
}

function parseArrayNode(lexer: JsonLexer, depth: number): JsonbNode {
  if (depth > MAX_DEPTH) throw stackDepthExceeded();
  const items: JsonbNode[] = [];
  lexer.next();
  if (!lexer.is(']')) {
    for (;;) {
      items.push(parseNode(lexer, depth + 1));
      if (!lexer.is(',')) break;
      lexer.next();
    }
    if (!lexer.is(']')) throw lexer.unexpected('"," or "]"');
  }
  lexer.next();
  return items;
}

/** Reads a value; 22P02, 22P05, 54001. */
export function parseJsonbNode(text: string): JsonbNode {
  const lexer = new JsonLexer(text, true);
  lexer.next();
  const node = parseNode(lexer, 0);
  if (!lexer.is('end')) throw lexer.unexpected('end of input');
  return node;
}

/** jsonb_in. */
export function parseJsonb(text: string): Jsonb {
  return new Jsonb(parseJsonbNode(text));
}

/** jsonb_out. */
export function formatJsonb(value: Jsonb): string {
  return value.isEncoded ? formatAt(value.bytes, value.start) : formatNode(value.root);
}

/** Text of a tree. */
export function formatNode(node: JsonbNode): string {
  if (node === null) return 'null';
  if (typeof node === 'string') return escapeJson(node);
  if (typeof node === 'boolean') return node ? 'true' : 'false';
  if (node instanceof Numeric) return formatNumeric(node);
  if (isArray(node)) return `[${node.map(formatNode).join(', ')}]`;
  const members: string[] = [];
  for (const [key, value] of node as JsonbObject) members.push(`${escapeJson(key)}: ${formatNode(value)}`);
  return `{${members.join(', ')}}`;
}

/** jsonb_pretty. */
export function formatPretty(node: JsonbNode, indent = ''): string {
  if (isScalar(node)) return formatNode(node);
  const inner = `${indent}    `;
  const parts = isArray(node)
    ? node.map((item) => inner + formatPretty(item, inner))
    : Array.from(node as JsonbObject, ([key, value]) => `${inner}${escapeJson(key)}: ${formatPretty(value, inner)}`);
  const [open, close] = isArray(node) ? '[]' : '{}';
  return parts.length === 0 ? `${open}\n${indent}${close}` : `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

/** A value as text: strings without quotes, null as SQL NULL. */
export function nodeAsText(node: JsonbNode): string | null {
  if (node === null) return null;
  return typeof node === 'string' ? node : formatNode(node);
}

/** jsonb_typeof. */
export function typeName(node: JsonbNode): string {
  if (node === null) return 'null';
  if (typeof node === 'string' || typeof node === 'boolean') return typeof node;
  if (node instanceof Numeric) return 'number';
  return isArray(node) ? 'array' : 'object';
}

/** Rank of types in jsonb's order. */
function typeRank(node: JsonbNode): number {
  if (node === null) return 0;
  if (typeof node === 'string') return 1;
  if (node instanceof Numeric) return 2;
  if (typeof node === 'boolean') return 3;
  return isArray(node) ? 4 : 5;
}

function compareArrays(a: JsonbArray, b: JsonbArray): number {
  if (a.length !== b.length) return a.length > b.length ? 1 : -1;
  for (let i = 0; i < a.length; i++) {
    const order = compareNodes(a[i], b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareObjects(a: JsonbObject, b: JsonbObject): number {
  if (a.size !== b.size) return a.size > b.size ? 1 : -1;
  const others = b.entries();
  for (const [key, value] of a) {
    const [otherKey, otherValue] = others.next().value!;
    const order = compareCodePoints(key, otherKey) || compareNodes(value, otherValue);
    if (order !== 0) return order;
  }
  return 0;
}

/** Order of values inside a jsonb. */
export function compareNodes(a: JsonbNode, b: JsonbNode): number {
  const rank = typeRank(a);
  const other = typeRank(b);
  if (rank !== other) return rank > other ? 1 : -1;
  if (a === null || b === null) return 0;
  if (typeof a === 'string') return compareCodePoints(a, b as string);
  if (typeof a === 'boolean') return a === b ? 0 : a ? 1 : -1;
  if (a instanceof Numeric) return compareNumeric(a, b as Numeric);
  return isArray(a) ? compareArrays(a, b as JsonbArray) : compareObjects(a as JsonbObject, b as JsonbObject);
}

/** Order of jsonb values: at the top a scalar counts as an array of one, so that an empty array stands before it. */
export function compareJsonb(a: Jsonb, b: Jsonb): number {
  return a.isEncoded || b.isEncoded ? compareEncoded(a, b) : compareTrees(a, b);
}

/** The slow twin of `compareEncoded`. */
export function compareTrees(a: Jsonb, b: Jsonb): number {
  const x = a.root;
  const y = b.root;
  if (isObject(x) || isObject(y) || isArray(x) === isArray(y)) return compareNodes(x, y);
  const lengthOf = (node: JsonbNode): number => (isArray(node) ? node.length : 1);
  if (lengthOf(x) !== lengthOf(y)) return lengthOf(x) > lengthOf(y) ? 1 : -1;
  return isArray(x) ? 1 : -1;
}

const equalScalars = (a: JsonbNode, b: JsonbNode): boolean => typeRank(a) === typeRank(b) && compareNodes(a, b) === 0;

function arrayContains(value: JsonbArray, part: JsonbArray): boolean {
  return part.every((wanted) =>
    isScalar(wanted) ? value.some((item) => isScalar(item) && equalScalars(item, wanted)) : value.some((item) => !isScalar(item) && nodeContains(item, wanted)));
}

function nodeContains(value: JsonbNode, part: JsonbNode): boolean {
  if (isArray(value) && isArray(part)) return arrayContains(value, part);
  if (!isObject(value) || !isObject(part)) return isScalar(value) && isScalar(part) && equalScalars(value, part);
  if (value.size < part.size) return false;
  for (const [key, wanted] of part) {
    const found = value.get(key);
    if (found === undefined || !nodeContains(found, wanted)) return false;
  }
  return true;
}

/** `@>`; an array contains a scalar that is one of its elements. */
export function jsonbContains(value: Jsonb, part: Jsonb): boolean {
  return value.isEncoded ? encodedContains(value, part) : treeContains(value.root, part.root);
}

/** The slow twin of `encodedContains`. */
export function treeContains(value: JsonbNode, part: JsonbNode): boolean {
  if (isObject(value) !== isObject(part)) return false;
  if (isArray(value) && isScalar(part)) return arrayContains(value, [part]);
  return nodeContains(value, part);
}

/** `?`: whether a key of an object, a string of an array, or the string itself. */
export function treeHas(root: JsonbNode, key: string): boolean {
  if (isObject(root)) return root.has(key);
  return isArray(root) ? root.includes(key) : root === key;
}

/** A member; undefined when there is none or the value is no object. */
export function treeField(root: JsonbNode, key: string): JsonbNode | undefined {
  return isObject(root) ? root.get(key) : undefined;
}

/** An element, counted from the end when negative; a scalar counts as an array of one. */
export function treeElement(root: JsonbNode, index: number): JsonbNode | undefined {
  if (isObject(root)) return undefined;
  return isArray(root) ? root.at(index) : [root].at(index);
}

/** The node at a path; undefined when there is none or the path holds a null. */
export function treePath(root: JsonbNode, path: ArrayValue): JsonbNode | undefined {
  if (path.elements.includes(null)) return undefined;
  let node: JsonbNode | undefined = root;
  for (const step of path.elements as string[]) {
    if (node === undefined) return undefined;
    if (isObject(node)) node = node.get(step);
    else {
      const index = pathIndex(step);
      node = isArray(node) && index !== undefined ? node.at(index) : undefined;
    }
  }
  return node;
}

const FLAG_ARRAY = 0x40000000;
const FLAG_OBJECT = 0x20000000;

function hashNumeric(value: Numeric): number {
  if (value.unscaled === 0n) return -1;
  const { digits, weight } = baseDigits(value);
  return hashBytes(new Uint8Array(Int16Array.from(digits).buffer)) ^ weight;
}

function scalarHash(node: JsonbNode): number {
  if (node === null) return 1;
  if (typeof node === 'string') return hashBytes(utf8(node));
  return typeof node === 'boolean' ? (node ? 2 : 4) : hashNumeric(node as Numeric);
}

function hashInto(node: JsonbNode, hash: number): number {
  const mix = (value: number, into: number): number => ((into << 1) | (into >>> 31)) ^ value;
  if (isArray(node)) return node.reduce<number>((into, item) => hashInto(item, into), hash ^ FLAG_ARRAY);
  if (!isObject(node)) return mix(scalarHash(node), hash);
  let into = hash ^ FLAG_OBJECT;
  for (const [key, value] of node) into = hashInto(value, mix(scalarHash(key), into));
  return into;
}

const isEmpty = (node: JsonbNode): boolean => (isArray(node) ? node.length === 0 : isObject(node) && node.size === 0);

/** jsonb_hash. */
export function hashJsonb({ root }: Jsonb): number {
  if (isEmpty(root)) return 0;
  return hashInto(root, isScalar(root) ? FLAG_ARRAY : 0) | 0;
}

function scalarHashExtended(node: JsonbNode, seed: bigint): bigint {
  if (node === null) return BigInt.asUintN(64, seed + 1n);
  if (typeof node === 'string') return hashBytesExtended(utf8(node), seed);
  if (typeof node === 'boolean') return seed !== 0n ? hashUint32Extended(node ? 1 : 0, seed) : node ? 2n : 4n;
  const numeric = node as Numeric;
  if (numeric.unscaled === 0n) return BigInt.asUintN(64, seed - 1n);
  const { digits, weight } = baseDigits(numeric);
  return hashBytesExtended(new Uint8Array(Int16Array.from(digits).buffer), seed) ^ BigInt.asUintN(64, BigInt(weight));
}

function hashExtendedInto(node: JsonbNode, hash: bigint, seed: bigint): bigint {
  const both = (flag: number): bigint => (BigInt(flag) << 32n) | BigInt(flag);
  const mix = (value: bigint, into: bigint): bigint => (((into << 1n) & 0xfffffffefffffffen) | ((into >> 31n) & 0x100000001n)) ^ value;
  if (isArray(node)) return node.reduce<bigint>((into, item) => hashExtendedInto(item, into, seed), hash ^ both(FLAG_ARRAY));
  if (!isObject(node)) return mix(scalarHashExtended(node, seed), hash);
  let into = hash ^ both(FLAG_OBJECT);
  for (const [key, value] of node) into = hashExtendedInto(value, mix(scalarHashExtended(key, seed), into), seed);
  return into;
}

/** jsonb_hash_extended. */
export function hashJsonbExtended({ root }: Jsonb, seed: Int8): Int8 {
  if (isEmpty(root)) return seed;
  const wide = BigInt.asUintN(64, BigInt(seed));
  const start = isScalar(root) ? (BigInt(FLAG_ARRAY) << 32n) | BigInt(FLAG_ARRAY) : 0n;
  return normalizeInt8(BigInt.asIntN(64, hashExtendedInto(root, start, wide)));
}
