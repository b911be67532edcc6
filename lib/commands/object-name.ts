/**
 * Identifiers that commands make up: cut to size, joined, unique.
 */

/** PostgreSQL's NAMEDATALEN - 1: bytes of an identifier. */
const MAX_IDENTIFIER_BYTES = 63;

/** Cuts an identifier to 63 bytes of UTF-8 without splitting a character. */
export function truncateIdentifier(name: string, limit = MAX_IDENTIFIER_BYTES): string {
  if (Buffer.byteLength(name) <= limit) return name;
  let cut = '';
  let bytes = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > limit) break;
    cut += character;
  }
  return cut;
}

/** PostgreSQL's makeObjectName: `name1_name2_label`, shortening the longer of the names to fit. */
export function makeObjectName(name1: string, name2: string | null, label: string | null): string {
  const overhead = (label ? Buffer.byteLength(label) + 1 : 0) + (name2 ? 1 : 0);
  const room = MAX_IDENTIFIER_BYTES - overhead;
  let length1 = Buffer.byteLength(name1);
  let length2 = name2 ? Buffer.byteLength(name2) : 0;
  while (length1 + length2 > room) {
    if (length1 > length2) length1--;
    else length2--;
  }
  const parts = [truncateIdentifier(name1, length1)];
  if (name2) parts.push(truncateIdentifier(name2, length2));
  if (label) parts.push(label);
  return parts.join('_');
}
