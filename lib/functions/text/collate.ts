/**
 * Comparison under the call's collation: what `collated` functions use when the order is not the plain one.
 */
import { pgError } from '../../base/error.js';
import { collatorOf, compareCodePoints, isPlainCollation } from '../../types/collation.js';
import type { CallContext } from '../context.js';

/** 42P22: the collation of a comparison could not be determined. */
export function indeterminateCollation(): Error {
  return pgError('INDETERMINATE_COLLATION', 'could not determine which collation to use for string comparison', {
    hint: 'Use the COLLATE clause to set the collation explicitly.',
  });
}

/** <0, 0, >0 under a collation; ties of deterministic collations are broken by code point. */
export function compareWith(cx: CallContext, collation: number, a: string, b: string): number {
  if (isPlainCollation(collation)) return compareCodePoints(a, b);
  const facts = cx.services.system.collation(collation);
  if (facts.provider !== 'i') return compareCodePoints(a, b);
  const order = collatorOf(facts.locale ?? 'und').compare(a, b);
  return order === 0 && facts.deterministic ? compareCodePoints(a, b) : order;
}

/** Comparison under the call's input collation. */
export function compareText(cx: CallContext, a: string, b: string): number {
  return compareWith(cx, cx.call.collation, a, b);
}

/** Equality under the call's input collation: equal bytes unless the collation is not deterministic. */
export function equalText(cx: CallContext, a: string, b: string): boolean {
  if (a === b) return true;
  if (isPlainCollation(cx.call.collation) || cx.services.system.collation(cx.call.collation).deterministic) return false;
  return compareText(cx, a, b) === 0;
}

/** May strings of different bytes be equal under the call's collation? */
export function isNondeterministic(cx: CallContext): boolean {
  return !isPlainCollation(cx.call.collation) && !cx.services.system.collation(cx.call.collation).deterministic;
}
