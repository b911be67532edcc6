/**
 * `SystemServices` of a session: what functions may ask of catalogs, sequences, locks and other sessions, by capability.
 */
import { pgError } from '../base/error.js';
import { defaultAcl, formatAclItem, parseAclItem, type AclKind } from '../catalog/acl.js';
import { checkPrivilege, hasPrivilege } from '../catalog/privileges.js';
import type { Relation } from '../catalog/api.js';
import { SequenceAccess } from '../commands/sequence/sequence-access.js';
import type { CollationFacts, RegKind, SystemServices } from '../functions/context.js';
import type { AclItemServices } from '../functions/system/aclitem.js';
import type { Datum } from '../types/datum.js';
import { SessionBackendServices } from './backend-services.js';
import { SessionCatalogInfo } from './catalog-info.js';
import { objectName, objectOid, type NameContext } from './object-names.js';
import { SessionPrivilegeServices } from './privilege-services.js';
import { SessionRecoveryServices } from './recovery-services.js';
import { SessionReplicationServices } from './replication-services.js';
import { SessionLists } from './session-lists.js';
import type { Session } from './session.js';

/** See the file's comment. */
export class SessionSystemServices implements SystemServices {
  readonly backend: SessionBackendServices;
  readonly catalogInfo: SessionCatalogInfo;
  readonly privileges: SessionPrivilegeServices;
  readonly sequences: SequenceAccess;
  readonly sessions: SessionLists;
  readonly recovery: SessionRecoveryServices;
  readonly replication: SessionReplicationServices;
  readonly aclItems: AclItemServices;
  private readonly names: NameContext;

  constructor(private readonly session: Session) {
    const { catalog } = session;
    this.names = { catalog, types: session.types, typeByText: (text) => session.planning.typeByText(text) };
    this.backend = new SessionBackendServices(session);
    this.sessions = new SessionLists(session);
    this.recovery = new SessionRecoveryServices(session);
    this.replication = new SessionReplicationServices(session);
    this.aclItems = {
      parse: (text, warn) => parseAclItem(catalog, text, warn),
      format: (item) => formatAclItem(catalog, item),
      defaultsOf: (kind, owner) => (ACL_LETTERS[kind] ? defaultAcl(ACL_LETTERS[kind], owner) : null),
    };
    this.catalogInfo = new SessionCatalogInfo(session);
    this.privileges = new SessionPrivilegeServices({
      catalog, get currentUserOid() { return session.currentUserOid; }, objectOid: (kind, name) => this.objectOid(kind, name),
    });
    this.sequences = new SequenceAccess({
      catalog,
      get transaction() { return session.block.transaction; },
      preventIfReadOnly: (command) => session.preventIfReadOnly(command),
      checkSequencePrivilege: (relation, letters) => this.checkSequencePrivilege(relation, letters),
    });
  }

  private checkSequencePrivilege(relation: Relation, letters: string): void {
    const { catalog, currentUserOid } = this.session;
    const names = { U: 'USAGE', r: 'SELECT', w: 'UPDATE' } as const;
    for (const letter of letters) {
      if (hasPrivilege(catalog, 'sequence', relation.oid, currentUserOid, names[letter as keyof typeof names])) return;
    }
    checkPrivilege(catalog, 'sequence', relation.oid, currentUserOid, names[letters[0] as keyof typeof names], relation.name);
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

  checkDomain(domainOid: number, value: Datum): void {
    this.session.runner.checkDomain(domainOid, value);
  }

  /** DISCARD SEQUENCES: currval and lastval are undefined again. */
  forgetSequences(): void {
    this.sequences.discard();
  }
}

/** acldefault's letters. */
const ACL_LETTERS: Readonly<Record<string, AclKind>> = {
  c: 'column', r: 'table', s: 'sequence', d: 'database', f: 'function', l: 'language', L: 'large object', n: 'schema', p: 'parameter',
  t: 'tablespace', F: 'foreign-data wrapper', S: 'foreign server', T: 'type',
};
