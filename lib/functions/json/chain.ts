/**
 * Chains of `->` and `->>`, and a chain's end as a number, as one step: without the values in between, and without the text of
 * a number that is one already. What the expression compiler calls for `doc -> 'a' ->> 'b'` and `(doc ->> 'a')::numeric`; a single
 * arrow is a chain of one. The slow twins are arrows one by one and numeric's input, a test compares them.
 *
 * Earned by: `(doc ->> 'amount')::numeric` 175 ns instead of 275; `doc -> 'user' ->> 'city'` 147 ns instead of 159, and one object less.
 */
import { Jsonb, type JsonbNode } from '../../types/jsonb.js';
import { JSONB_KIND, kindAt, numberAt } from '../../types/jsonb-bytes.js';
import { Numeric } from '../../types/numeric.js';
import { parseNumeric } from '../numeric/core.js';
import { stepPlace, textAt } from './in-place.js';
import { nodeAsText, treeElement, treeField } from './jsonb.js';

/** A key, or the number of an element. */
export type ChainStep = string | number;

/** Most steps of one chain. */
export const MAX_CHAIN_STEPS = 3;

function placeOf({ bytes, start }: Jsonb, first: ChainStep, second?: ChainStep, third?: ChainStep): number {
  let place = stepPlace(bytes, start, first);
  if (second !== undefined && place >= 0) place = stepPlace(bytes, place, second);
  if (third !== undefined && place >= 0) place = stepPlace(bytes, place, third);
  return place;
}

function treeStep(node: JsonbNode, step: ChainStep): JsonbNode | undefined {
  return typeof step === 'string' ? treeField(node, step) : treeElement(node, step);
}

function nodeOf(root: JsonbNode, first: ChainStep, second?: ChainStep, third?: ChainStep): JsonbNode | undefined {
  let node = treeStep(root, first);
  if (second !== undefined && node !== undefined) node = treeStep(node, second);
  if (third !== undefined && node !== undefined) node = treeStep(node, third);
  return node;
}

/** `value -> first -> second -> third` */
export function jsonbChain(value: Jsonb, first: ChainStep, second?: ChainStep, third?: ChainStep): Jsonb | null {
  if (value.isEncoded) {
    const place = placeOf(value, first, second, third);
    return place < 0 ? null : Jsonb.at(value.bytes, place);
  }
  const node = nodeOf(value.root, first, second, third);
  return node === undefined ? null : new Jsonb(node);
}

/** `value -> first -> second ->> third` */
export function jsonbChainText(value: Jsonb, first: ChainStep, second?: ChainStep, third?: ChainStep): string | null {
  if (!value.isEncoded) return nodeAsText(nodeOf(value.root, first, second, third) ?? null);
  const place = placeOf(value, first, second, third);
  return place < 0 ? null : textAt(value.bytes, place);
}

/** `(value -> first -> second ->> third)::numeric`; 22P02, 22003. */
export function jsonbChainNumeric(value: Jsonb, first: ChainStep, second?: ChainStep, third?: ChainStep): Numeric | null {
  if (value.isEncoded) {
    const place = placeOf(value, first, second, third);
    if (place < 0) return null;
    if (kindAt(value.bytes, place) === JSONB_KIND.number) return numberAt(value.bytes, place);
    const text = textAt(value.bytes, place);
    return text === null ? null : parseNumeric(text);
  }
  const node = nodeOf(value.root, first, second, third) ?? null;
  if (node instanceof Numeric) return node;
  const text = nodeAsText(node);
  return text === null ? null : parseNumeric(text);
}
