/**
 * I/O of pseudo-types: void has a value, the others refuse (PostgreSQL's pseudotypes.c). Domains check their constraints
 * through the session.
 */
import { pgError } from '../../base/error.js';
import type { Datum } from '../../types/datum.js';
import { pure, withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    /** Checks a value (or null) against a domain's constraints, its base domains' too; throws 23502, 23514. */
    checkDomain(domainOid: number, value: Datum): void;
  }
}

pure('void_in', () => '');
pure('void_out', () => '');
pure('void_recv', () => '');
pure('void_send', () => new Uint8Array(0));

const REFUSED: readonly (readonly [prefix: string, type: string])[] = [
  ['any', 'any'], ['anyarray', 'anyarray'], ['anycompatible', 'anycompatible'], ['anycompatiblearray', 'anycompatiblearray'],
  ['anycompatiblemultirange', 'anycompatiblemultirange'], ['anycompatiblenonarray', 'anycompatiblenonarray'],
  ['anycompatiblerange', 'anycompatiblerange'], ['anyelement', 'anyelement'], ['anyenum', 'anyenum'],
  ['anymultirange', 'anymultirange'], ['anynonarray', 'anynonarray'], ['anyrange', 'anyrange'], ['internal', 'internal'],
  ['trigger', 'trigger'], ['event_trigger', 'event_trigger'], ['language_handler', 'language_handler'],
  ['fdw_handler', 'fdw_handler'], ['index_am_handler', 'index_am_handler'], ['table_am_handler', 'table_am_handler'],
  ['tsm_handler', 'tsm_handler'],
];

/** Output of these goes through the real type's function. */
const OUTPUT_WORKS = new Set([
  'anyarray', 'anycompatiblearray', 'anyenum', 'anyrange', 'anymultirange', 'anycompatiblerange', 'anycompatiblemultirange',
]);

for (const [prefix, type] of REFUSED) {
  pure(`${prefix}_in`, () => {
    throw pgError('FEATURE_NOT_SUPPORTED', `cannot accept a value of type ${type}`);
  });
  if (!OUTPUT_WORKS.has(prefix)) {
    pure(`${prefix}_out`, () => {
      throw pgError('FEATURE_NOT_SUPPORTED', `cannot display a value of type ${type}`);
    });
  }
}
pure('shell_in', () => {
  throw pgError('FEATURE_NOT_SUPPORTED', 'cannot accept a value of a shell type');
});
pure('shell_out', () => {
  throw pgError('FEATURE_NOT_SUPPORTED', 'cannot display a value of a shell type');
});

withContext('domain_in', (cx, text: string | null, domainOid: number) => {
  const { value, typmod } = cx.services.types.domainBase(domainOid);
  const result = text === null ? null : cx.services.types.input(value, text, typmod);
  cx.services.system.checkDomain(domainOid, result);
  return result;
});
withContext('domain_recv', (cx, bytes: Uint8Array | null, domainOid: number) => {
  const { value, typmod } = cx.services.types.domainBase(domainOid);
  const result = bytes === null ? null : cx.services.types.receive(value, bytes, typmod);
  cx.services.system.checkDomain(domainOid, result);
  return result;
});
