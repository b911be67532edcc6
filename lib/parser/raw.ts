/**
 * Shapes of libpg-query's JSON parse tree: `{ NodeName: { field: value } }`; fields with default values (0, false, '',
 * empty list, absent node) are left out; enum values are their C names as strings; locations are byte offsets in UTF-8.
 */

/** Any JSON value of the tree. */
export type RawValue = string | number | boolean | null | RawNode | readonly RawValue[];
/** A JSON object of the tree. */
export interface RawNode { readonly [field: string]: RawValue | undefined }
