/**
 * The constant prefix of a LIKE pattern (like_fixed_prefix of like_support.c).
 */

/**
 * Splits a LIKE pattern into its fixed prefix and the rest. `exact`: the pattern has no wildcard at all. `restAt`: index of
 * the first character of the pattern after the prefix. With `caseless`, letters end the prefix.
 */
export function likePrefix(pattern: string, caseless = false): { prefix: string; exact: boolean; restAt: number } {
  let prefix = '';
  let i = 0;
  for (; i < pattern.length; i++) {
    let character = pattern[i];
    if (character === '%' || character === '_') break;
    if (character === '\\') {
      i++;
      if (i >= pattern.length) break;
      character = pattern[i];
    }
    if (caseless && character.toLowerCase() !== character.toUpperCase()) break;
    prefix += character;
  }
  return { prefix, exact: i >= pattern.length, restAt: i };
}
