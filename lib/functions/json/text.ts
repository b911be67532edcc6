/** What json and jsonb share of text: string literals, and steps of paths. */

/** Strings up to this are looked through here. */
const SHORT_STRING = 48;

/** A string as a JSON literal. Most short strings have nothing to escape, and finding that out takes less than the call. */
export function escapeJson(text: string): string {
  if (text.length > SHORT_STRING) return JSON.stringify(text);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Control characters, quote, backslash; surrogates, of which a single one is escaped.
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || (unit >= 0xd800 && unit <= 0xdfff)) return JSON.stringify(text);
  }
  return `"${text}"`;
}

const INTEGER = /^[ \t\n\v\f\r]*[+-]?[0-9]+$/;

/** An integer as strtol reads it (white space and a sign before it), to the end; undefined for other text or beyond 32 bits. */
export function pathIndex(text: string): number | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = Number(text);
  return value >= -2147483648 && value <= 2147483647 ? value : undefined;
}
