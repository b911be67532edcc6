/**
 * How text compares under a collation: by code point (C and its kin) or by an ICU locale (`Intl.Collator`).
 */
import { notSupported } from '../base/error.js';
import { collatorOf as localeCollator } from '../types/collation.js';
import type { PgCollation } from './rows.js';

/** Locales of the libc and builtin providers that order by UTF-8 bytes. */
const BYTE_ORDER = new Set(['C', 'POSIX', 'C.UTF-8', 'C.utf8', 'PG_UNICODE_FAST', 'ucs_basic']);

/** The collator of a collation, null when it orders by UTF-8 bytes. 0A000 for locales of the operating system. */
export function collatorOf(row: Pick<PgCollation, 'collname' | 'collprovider' | 'collcollate' | 'colllocale'>): Intl.Collator | null {
  if (row.collprovider === 'd') return null;
  const locale = row.collprovider === 'c' ? row.collcollate : row.colllocale;
  if (locale === null || BYTE_ORDER.has(locale)) return null;
  if (row.collprovider !== 'i') throw notSupported(`collation "${row.collname}" of the operating system`);
  return localeCollator(locale);
}
