/**
 * Parameters of the extended protocol: text or binary bytes to values, with PostgreSQL's CONTEXT line for what cannot be read.
 */
import { PgError, pgError } from '../base/error.js';
import type { TypeServices } from '../functions/context.js';
import type { Datum } from '../types/datum.js';
import type { Statement } from './statement.js';

/** A parameter as it came: null, text, or bytes in the type's binary format. Embedded callers give values as they are. */
export type BoundParameter = null | string | Uint8Array | { readonly value: Datum };

const TEXT = 25;
const VARCHAR = 1043;

/** Reads the parameters of a statement; errors are those of the types' input functions. */
export function bindParameters(types: TypeServices, statement: Statement, parameters: readonly BoundParameter[], portalName: string): Datum[] {
  return parameters.map((parameter, index) => {
    if (parameter === null) return null;
    const type = statement.parameterTypes[index];
    try {
      if (typeof parameter === 'string') return type === TEXT || type === VARCHAR ? checkedText(parameter) : types.input(type, parameter, -1);
      if (parameter instanceof Uint8Array) return types.receive(type, parameter, -1);
      return parameter.value;
    } catch (error) {
      if (error instanceof PgError && error.where === undefined) {
        const portal = portalName === '' ? 'unnamed portal' : `portal "${portalName}"`;
        error.where = `${portal} parameter $${index + 1}${typeof parameter === 'string' ? ` = '${shorten(parameter)}'` : ''}`;
      }
      throw error;
    }
  });
}

function checkedText(text: string): string {
  if (text.includes('\0')) throw pgError('CHARACTER_NOT_IN_REPERTOIRE', 'invalid byte sequence for encoding "UTF8": 0x00');
  return text;
}

function shorten(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}...` : text;
}
