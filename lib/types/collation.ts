/**
 * Comparison of strings: by code point (equal to the order of UTF-8 bytes), and by ICU collations through `Intl.Collator`.
 */

/** OIDs of built-in collations that compare by code point: default, pg_c_utf8, C, POSIX, ucs_basic, pg_unicode_fast. */
const PLAIN = new Set([0, 100, 811, 950, 951, 962, 6411]);

/** Does this collation compare by code point? */
export function isPlainCollation(collation: number): boolean {
  return PLAIN.has(collation);
}

/** Order by code point: <0, 0, >0. UTF-16 code units agree with it except that surrogates stand above U+E000-U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const length = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x < 0xd800 || y < 0xd800) return x - y;
    return (x >= 0xe000 ? x - 0x800 : x + 0x2000) - (y >= 0xe000 ? y - 0x800 : y + 0x2000);
  }
  return a.length - b.length;
}

/** Order of byte strings: <0, 0, >0. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < length; i++) {
    const difference = a[i] - b[i];
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const collators = new Map<string, Intl.Collator>();

/** Strength of an ICU locale's `ks` key (or `colStrength`), as Intl's sensitivity. */
function sensitivity(locale: string): 'base' | 'accent' | 'variant' {
  const match = /(?:-ks-|colStrength=)(level1|level2|level3|primary|secondary|tertiary)/i.exec(locale);
  const level = match?.[1].toLowerCase();
  if (level === 'level1' || level === 'primary') return 'base';
  return level === 'level2' || level === 'secondary' ? 'accent' : 'variant';
}

/** The collator of an ICU locale as pg_collation.colllocale names it ("und", "en-US-u-kn-true"). */
export function collatorOf(locale: string): Intl.Collator {
  const known = collators.get(locale);
  if (known) return known;
  const tag = locale.split('@')[0].replaceAll('_', '-').replace(/^(und|root)?(?=-|$)/i, 'en');
  let built: Intl.Collator;
  try {
    built = new Intl.Collator(tag, { sensitivity: sensitivity(locale), ignorePunctuation: /-ka-shifted/i.test(locale) });
  } catch {
    built = new Intl.Collator('en', { sensitivity: sensitivity(locale) });
  }
  collators.set(locale, built);
  return built;
}
