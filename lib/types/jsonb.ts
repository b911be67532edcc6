/**
 * The jsonb type's value. Objects are `Map`s whose keys stand in jsonb's order (by UTF-8 length, then bytes); numbers
 * are `Numeric` so that nothing is lost; the wrapper tells JSON null from SQL NULL.
 */
import { DatumObject } from './datum.js';
import type { Numeric } from './numeric.js';

/** A JSON value inside a `Jsonb`. */
export type JsonbNode = null | boolean | string | Numeric | readonly JsonbNode[] | ReadonlyMap<string, JsonbNode>;

/** A jsonb value; immutable. */
export class Jsonb extends DatumObject {
  readonly kind = 'jsonb';
  constructor(readonly root: JsonbNode) {
    super();
  }
}
