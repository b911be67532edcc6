/**
 * Byte orders of types whose values are objects of their own classes (network addresses, bit strings, ranges ...): the
 * file that implements such a type registers how its values become bytes that order as the type's btree comparison does.
 */
import type { DatumObject } from './datum.js';

/** A value as bytes (one character each) in btree order. */
export type KeyOrder = (value: DatumObject) => string;

const orders = new Map<number, KeyOrder>();

/** Registers the order of a built-in type. */
export function registerKeyOrder(typeOid: number, order: KeyOrder): void {
  orders.set(typeOid, order);
}

/** The order of a type; undefined when nobody registered one. */
export function keyOrder(typeOid: number): KeyOrder | undefined {
  return orders.get(typeOid);
}
