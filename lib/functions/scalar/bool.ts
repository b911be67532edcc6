/**
 * bool: input, output, comparison, hashing-free basics (PostgreSQL's bool.c).
 */
import { pure } from '../registry.js';
import { invalidSyntax } from '../errors.js';
import { viewOf } from '../wire.js';
import { compareNumbers } from './compare.js';

/** parse_bool: unique prefixes of true/false/yes/no, on/off, 1/0; undefined when it is none. */
export function parseBool(text: string): boolean | undefined {
  const value = text.toLowerCase();
  if (value.length === 0) return undefined;
  if (value === '1' || 'true'.startsWith(value) || 'yes'.startsWith(value)) return true;
  if (value === '0' || 'false'.startsWith(value) || 'no'.startsWith(value)) return false;
  if (value === 'on') return true;
  if (value === 'of' || value === 'off') return false;
  return undefined;
}

/** boolin. */
export function boolIn(text: string): boolean {
  const value = parseBool(text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, ''));
  if (value === undefined) throw invalidSyntax('boolean', text);
  return value;
}

pure('boolin', boolIn);
pure('boolout', (a: boolean) => (a ? 't' : 'f'));
pure('boolrecv', (bytes: Uint8Array) => viewOf(bytes, 1).getUint8(0) !== 0);
pure('boolsend', (a: boolean) => Uint8Array.of(a ? 1 : 0));
pure('booltext', (a: boolean) => (a ? 'true' : 'false'), (a) => `(${a} ? 'true' : 'false')`);
pure('booleq', (a: boolean, b: boolean) => a === b, (a, b) => `(${a} === ${b})`);
pure('boolne', (a: boolean, b: boolean) => a !== b, (a, b) => `(${a} !== ${b})`);
pure('boollt', (a: boolean, b: boolean) => a < b, (a, b) => `(${a} < ${b})`);
pure('boolgt', (a: boolean, b: boolean) => a > b, (a, b) => `(${a} > ${b})`);
pure('boolle', (a: boolean, b: boolean) => a <= b, (a, b) => `(${a} <= ${b})`);
pure('boolge', (a: boolean, b: boolean) => a >= b, (a, b) => `(${a} >= ${b})`);
pure('btboolcmp', (a: boolean, b: boolean) => compareNumbers(Number(a), Number(b)));
pure('bool_int4', (a: boolean) => (a ? 1 : 0), (a) => `(${a} ? 1 : 0)`);
pure('int4_bool', (a: number) => a !== 0, (a) => `(${a} !== 0)`);
