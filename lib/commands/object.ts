/**
 * What every command needs to name catalog objects: the OIDs of the catalogs that hold them ("class ids"), and identifiers.
 */

/** Class ids: which catalog an object address means. */
export const ClassId = {
  accessMethod: 2601, accessMethodOperator: 2602, accessMethodProcedure: 2603, attributeDefault: 2604, authId: 1260,
  cast: 2605, collation: 3456, constraint: 2606, conversion: 2607, database: 1262, defaultAcl: 826, eventTrigger: 3466,
  extension: 3079, foreignDataWrapper: 2328, foreignServer: 1417, language: 2612, largeObject: 2613, namespace: 2615,
  operator: 2617, operatorClass: 2616, operatorFamily: 2753, policy: 3256, procedure: 1255, publication: 6104, relation: 1259,
  rewrite: 2618, statisticExt: 3381, tablespace: 1213, textSearchConfig: 3602, textSearchDictionary: 3600,
  textSearchParser: 3601, textSearchTemplate: 3764, transform: 3576, trigger: 2620, type: 1247, userMapping: 1418,
} as const;

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
