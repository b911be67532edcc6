/**
 * What rewriting needs from outside.
 */
import type { Catalog, Oid } from '../catalog/api.js';
import type { FunctionServices } from '../functions/context.js';
import { ParseState } from '../analyzer/state.js';

export interface RewriteContext {
  readonly catalog: Catalog;
  readonly services: FunctionServices;
  /** Whose row security applies. */
  readonly currentUserOid: Oid;
}

/** A parse state for coercions and look-ups outside any statement text. */
export function scratchState(context: RewriteContext): ParseState {
  return new ParseState(null, { catalog: context.catalog, services: context.services, sourceText: '' });
}
