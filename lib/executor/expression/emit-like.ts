/**
 * `column LIKE '%text%'` in a loop over the columns of a chunk: the column looks for the text in all of its values at once, where LIKE of
 * value by value would first make a string of each. Other patterns, and values that do not lie in a column of strings, go the usual way.
 */
import type { ColumnVector } from '../../access/api.js';
import type { Oid } from '../../catalog/api.js';
import { likeInner, likeMatcher } from '../../functions/text/like.js';
import { C_COLLATION_OID, DEFAULT_COLLATION_OID } from '../../types/oids.js';
import { strictCondition, type Code, type Emitter } from './emitter.js';

type StringColumn = Extract<ColumnVector, { kind: 'string' }>;

/** The condition of a call of LIKE, given its function's source name and its arguments; null: not one of this kind. */
export function emitColumnSearch(emitter: Emitter, prosrc: string, collation: Oid, [text, pattern]: readonly Code[]): string | null {
  // Under a nondeterministic collation LIKE is another thing.
  if (prosrc !== 'textlike' || text.strings === undefined || (collation !== DEFAULT_COLLATION_OID && collation !== C_COLLATION_OID)) return null;
  const { strings } = text;
  const [sought, found] = [emitter.temp(), emitter.temp()];
  return strictCondition(emitter, [pattern], ([name]) => `(${sought} === ${name} || (${found} = ${emitter.constant(foundIn)}(${strings}, ${name}), ${sought} = ${name}, true))`
    + ` && (${found} === null ? ${emitter.constant(matchesAt)}(${strings}, k, ${name}) : ${found}[k] === 1)`);
}

/** Where the values of a column match, as `StringColumn.found`: what a loop looks up once for all rows of a chunk. */
function foundIn(column: StringColumn, pattern: string): Uint8Array | null {
  const inner = likeInner(pattern);
  return inner === null ? null : column.found(inner);
}

function matchesAt(column: StringColumn, position: number, pattern: string): boolean {
  const inner = likeInner(pattern);
  if (inner !== null) return column.contains(position, inner);
  const text = column.get(position);
  return text !== null && likeMatcher(pattern)(text as string);
}
