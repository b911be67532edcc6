/**
 * regclass, regtype and their kin: OIDs that read and print as names. The look-ups are the session's.
 */
import { PgError } from '../../base/error.js';
import type { CallContext, RegKind } from '../context.js';
import { pure, withContext } from '../registry.js';
import { sendInt32, viewOf } from '../wire.js';
import { parseUint32 } from '../scalar/int-text.js';

const KINDS: readonly RegKind[] = [
  'regclass', 'regtype', 'regproc', 'regprocedure', 'regoper', 'regoperator', 'regnamespace', 'regrole', 'regcollation',
  'regconfig', 'regdictionary',
];

/** Operators print as 0 and are not written "-" when there is none. */
const isOperator = (kind: RegKind): boolean => kind === 'regoper' || kind === 'regoperator';

/** Name or number → OID; errors as the look-up raises them. */
export function regIn(cx: CallContext, kind: RegKind, text: string): number {
  if (text === '-' && !isOperator(kind)) return 0;
  if (/^\d+$/.test(text)) return parseUint32(text, 'oid');
  return cx.services.system.objectOid(kind, text);
}

/** OID → name, or the number when there is no such object. */
export function regOut(cx: CallContext, kind: RegKind, oid: number): string {
  if (oid === 0) return isOperator(kind) ? '0' : '-';
  return cx.services.system.objectName(kind, oid) ?? String(oid);
}

/** SQLSTATEs that to_reg* turn into null. */
const NOT_FOUND = new Set(['42P01', '42704', '42883', '42725', '3F000', '3D000', '42601', '42602', '42P02']);

function lookupOrNull(cx: CallContext, kind: RegKind, text: string): number | null {
  try {
    return regIn(cx, kind, text);
  } catch (error) {
    if (error instanceof PgError && NOT_FOUND.has(error.sqlstate)) return null;
    throw error;
  }
}

for (const kind of KINDS) {
  withContext(`${kind}in`, (cx, text: string) => regIn(cx, kind, text));
  withContext(`${kind}out`, (cx, oid: number) => regOut(cx, kind, oid));
  pure(`${kind}send`, sendInt32);
  pure(`${kind}recv`, (bytes: Uint8Array) => viewOf(bytes, 4).getUint32(0));
  if (kind !== 'regconfig' && kind !== 'regdictionary') {
    withContext(`to_${kind}`, (cx, text: string) => lookupOrNull(cx, kind, text));
  }
}
withContext('text_regclass', (cx, text: string) => cx.services.system.objectOid('regclass', text));
