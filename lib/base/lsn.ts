/**
 * Log sequence numbers: byte positions in the log stream, carried as a branded `number` (exact up to 2^53).
 */
import { pgError } from './error.js';

declare const lsnBrand: unique symbol;
/** A byte position in the log. 0 is "none". */
export type Lsn = number & { readonly [lsnBrand]: true };

/** The LSN that means "none": before every record. */
export const INVALID_LSN = 0 as Lsn;
/** Later than every LSN: the commit LSN of what is not committed. */
export const MAX_LSN = Number.MAX_SAFE_INTEGER as Lsn;

/** Brands a byte position. */
export function lsn(position: number): Lsn {
  return position as Lsn;
}

/** As PostgreSQL prints it: `0/16B3748`. */
export function formatLsn(position: Lsn): string {
  const high = Math.floor(position / 0x1_0000_0000);
  const low = position % 0x1_0000_0000;
  return `${high.toString(16).toUpperCase()}/${low.toString(16).toUpperCase()}`;
}

/** Reads `X/Y`; throws 22P02 as pg_lsn's input does. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9a-fA-F]{1,8})\/([0-9a-fA-F]{1,8})$/.exec(text.trim());
  if (!match) throw pgError('INVALID_TEXT_REPRESENTATION', `invalid input syntax for type pg_lsn: "${text}"`);
  return (parseInt(match[1], 16) * 0x1_0000_0000 + parseInt(match[2], 16)) as Lsn;
}
