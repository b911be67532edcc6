/**
 * `SystemServices` of a session: what functions may ask of catalogs, sequences, locks and other sessions.
 */
import { notSupported, pgError } from '../base/error.js';
import type { CollationFacts, RegKind, SystemServices } from '../functions/context.js';
import type { Datum } from '../types/datum.js';
import { objectName, objectOid, type NameContext } from './object-names.js';
import type { Session } from './session.js';

/** See the file's comment. */
export class SessionSystemServices implements SystemServices {
  private readonly names: NameContext;

  constructor(private readonly session: Session) {
    this.names = {
      catalog: session.catalog, types: session.types,
      typeByText: (text) => session.planning.typeByText(text),
    };
  }

  objectName(kind: RegKind, oid: number): string | null {
    return objectName(this.names, kind, oid);
  }

  objectOid(kind: RegKind, name: string): number {
    return objectOid(this.names, kind, name);
  }

  collation(oid: number): CollationFacts {
    const row = this.session.catalog.collation(oid);
    if (row === null) throw pgError('UNDEFINED_OBJECT', `collation with OID ${oid} does not exist`);
    return { provider: row.collprovider, locale: row.colllocale ?? row.collcollate, deterministic: row.collisdeterministic };
  }

  checkDomain(_domainOid: number, _value: Datum): void {
    throw notSupported('input of domains');
  }

  /** DISCARD SEQUENCES: currval and lastval are undefined again. */
  forgetSequences(): void {}

  /** The transaction is over. */
  transactionEnded(_committed: boolean): void {}
}
