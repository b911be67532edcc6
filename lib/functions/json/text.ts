/** What json and jsonb share of text: string literals, and steps of paths. */

/** A string as a JSON literal. */
export function escapeJson(text: string): string {
  return JSON.stringify(text);
}

const INTEGER = /^[ \t\n\v\f\r]*[+-]?[0-9]+$/;

/** An integer as strtol reads it (white space and a sign before it), to the end; undefined for other text or beyond 32 bits. */
export function pathIndex(text: string): number | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = Number(text);
  return value >= -2147483648 && value <= 2147483647 ? value : undefined;
}
