/**
 * Names of types, resolution through the search path, access control lists: against what PostgreSQL 18 answers.
 */
import { expect } from 'chai';
import type { PgError } from '../../lib/base/error.js';
import {
  AclPrivilege, ALL_RIGHTS, bestGrantor, changeAclOwner, defaultAcl, formatAclItem, grantTo, initialAcl, parseAclItem, revokeFrom, type Acl,
} from '../../lib/catalog/acl.js';
import { collationByNames, isRelationVisible, relationDisplayName, relationOidOf, typeByNames } from '../../lib/catalog/namespace.js';
import { aclArray } from '../../lib/catalog/acl.js';
import { checkOwner, checkPrivilege, hasPrivilege } from '../../lib/catalog/privileges.js';
import { formatType } from '../../lib/catalog/format-type.js';
import { splitIdentifiers } from '../../lib/catalog/search-path.js';
import { AclItem } from '../../lib/types/aclitem.js';
import { openCluster, type TestSession } from './fixture.js';
import { createTable, likeBuiltin } from './tables.js';

function addRole(session: TestSession, rolname: string): number {
  return likeBuiltin(session.catalog, 'pg_authid', { rolname, rolsuper: false, rolinherit: true });
}

function addMember(session: TestSession, roleid: number, member: number, inherit = true): void {
  const oid = session.catalog.newOid();
  session.catalog.table('pg_auth_members').insert({ oid, roleid, member, grantor: 10, admin_option: false, inherit_option: inherit, set_option: true });
  session.catalog.commandCounterIncrement();
}

function fails(run: () => unknown): PgError {
  try {
    run();
  } catch (error) {
    return error as PgError;
  }
  throw new Error('it did not fail');
}

describe('names of types', () => {
  it('are spelled as format_type does', async () => {
    const { catalog } = (await openCluster()).session();
    const cases: [number, number | undefined, string][] = [
      [1042, undefined, 'character'], [1042, -1, 'bpchar'], [1042, 14, 'character(10)'], [1043, 14, 'character varying(10)'], [1043, 4, 'character varying'],
      [1700, 655366 + 4, 'numeric(10,6)'], [1700, ((5 << 16) | (-2 & 2047)) + 4, 'numeric(5,-2)'], [1560, -1, '"bit"'], [1560, 8, 'bit(8)'],
      [1560, undefined, 'bit'], [1562, 8, 'bit varying(8)'], [1114, 3, 'timestamp(3) without time zone'], [1184, undefined, 'timestamp with time zone'],
      [1266, 2, 'time(2) with time zone'], [1186, (0x400 << 16) | 65535, 'interval hour'], [1186, (0x1c08 << 16) | 3, 'interval day to second(3)'],
      [1186, (32767 << 16) | 3, 'interval(3)'], [1015, 14, 'character varying(10)[]'], [18, undefined, '"char"'], [19, undefined, 'name'],
      [2950, undefined, 'uuid'], [16, undefined, 'boolean'], [0, undefined, '-'], [99999, undefined, '???'], [1028, undefined, 'oid[]'], [30, undefined, 'oidvector'],
    ];
    for (const [oid, typmod, text] of cases) expect(formatType(catalog, oid, typmod), `${oid} ${typmod}`).to.equal(text);
  });
});

describe('search path', () => {
  it('splits lists of identifiers', () => {
    expect(splitIdentifiers('"$user", public')).to.deep.equal(['$user', 'public']);
    expect(splitIdentifiers(' A , "B ""x"""')).to.deep.equal(['a', 'B "x"']);
    expect(splitIdentifiers('')).to.deep.equal([]);
    expect(splitIdentifiers('a,,b')).to.equal(null);
    expect(splitIdentifiers('""')).to.equal(null);
  });

  it('puts pg_catalog first unless it is named, the user\'s schema for "$user", and leaves out what may not be used', async () => {
    const session = (await openCluster()).session();
    const role = addRole(session, 'alice');
    const own = likeBuiltin(session.catalog, 'pg_namespace', { nspname: 'alice', nspowner: role, nspacl: null });
    likeBuiltin(session.catalog, 'pg_namespace', { nspname: 'closed', nspowner: 10, nspacl: null });
    session.user = role;
    expect(session.catalog.searchPath).to.deep.equal([11, own, 2200]);
    expect(session.catalog.creationNamespace).to.equal(own);
    session.searchPath = 'closed, public, pg_catalog, nowhere';
    expect(session.catalog.searchPath).to.deep.equal([2200, 11]);
    session.user = 10;
    expect(session.catalog.searchPath.length).to.equal(3);
  });

  it('makes the temporary schema at need and searches it first', async () => {
    const session = (await openCluster()).session();
    session.searchPath = 'pg_temp, public';
    expect(session.catalog.createsTempFirst).to.equal(true);
    expect(session.catalog.tempNamespace).to.equal(0);
    const temp = session.catalog.ensureTempNamespace();
    expect(session.catalog.namespace(temp)?.nspname).to.equal('pg_temp_3');
    expect(session.catalog.creationNamespace).to.equal(temp);
    session.searchPath = 'public';
    expect(session.catalog.searchPath).to.deep.equal([temp, 11, 2200]);
    const shadow = createTable(session.catalog, 'pg_class', [['a', 23]], { namespace: temp });
    expect(session.catalog.lookupRelation('pg_class')).to.equal(shadow.oid);
    expect(isRelationVisible(session.catalog, 1259)).to.equal(false);
    expect(relationDisplayName(session.catalog, 1259)).to.equal('pg_catalog.pg_class');
    session.abort();
    expect(session.catalog.tempNamespace).to.equal(0);
    expect(session.catalog.searchPath).to.deep.equal([11, 2200]);
  });

  it('resolves qualified names with PostgreSQL\'s errors', async () => {
    const session = (await openCluster()).session();
    const { catalog } = session;
    expect(relationOidOf(catalog, { schemaname: 'pg_catalog', relname: 'pg_class' })).to.equal(1259);
    expect(relationOidOf(catalog, { catalogname: 'postgres', schemaname: 'pg_catalog', relname: 'pg_class' })).to.equal(1259);
    expect(relationOidOf(catalog, { schemaname: 'nowhere', relname: 't' }, true)).to.equal(0);
    const messages = [
      fails(() => relationOidOf(catalog, { relname: 't' })), fails(() => relationOidOf(catalog, { schemaname: 'public', relname: 'T' })),
      fails(() => relationOidOf(catalog, { schemaname: 'nowhere', relname: 't' })),
      fails(() => relationOidOf(catalog, { catalogname: 'other', schemaname: 'public', relname: 't' })),
      fails(() => typeByNames(catalog, ['a', 'b', 'c', 'd'])), fails(() => collationByNames(catalog, ['nope'])),
    ].map((error) => `${error.sqlstate} ${error.message}`);
    expect(messages).to.deep.equal([
      '42P01 relation "t" does not exist', '42P01 relation "public.T" does not exist', '3F000 schema "nowhere" does not exist',
      '0A000 cross-database references are not implemented: "other.public.t"',
      '42601 improper qualified name (too many dotted names): a.b.c.d', '42704 collation "nope" for encoding "UTF8" does not exist',
    ]);
    expect(collationByNames(catalog, ['C']).oid).to.equal(950);
  });
});

describe('access control lists', () => {
  interface Cast { session: TestSession; rr: number; tt: number; odd: number; show: (acl: Acl) => string }
  async function cast(): Promise<Cast> {
    const session = (await openCluster()).session();
    const [rr, tt, odd] = ['rr', 'tt', 'Odd name'].map((name) => addRole(session, name));
    return { session, rr, tt, odd, show: (acl) => acl.map((item) => formatAclItem(session.catalog, item)).join(',') };
  }
  const P = AclPrivilege;

  it('grant and revoke as PostgreSQL does', async () => {
    const { rr, tt, odd, show } = await cast();
    let acl: Acl = defaultAcl('table', 10);
    acl = grantTo(acl, 10, new AclItem(rr, 10, P.SELECT | P.UPDATE, P.SELECT | P.UPDATE));
    acl = grantTo(acl, 10, new AclItem(0, 10, P.INSERT, 0));
    acl = grantTo(acl, 10, new AclItem(odd, 10, ALL_RIGHTS.table, 0));
    acl = grantTo(acl, 10, new AclItem(tt, rr, P.SELECT, 0));
    expect(show(acl)).to.equal('postgres=arwdDxtm/postgres,rr=r*w*/postgres,=a/postgres,"Odd name"=arwdDxtm/postgres,tt=r/rr');
    const error = fails(() => revokeFrom(acl, 10, new AclItem(rr, 10, P.SELECT, P.SELECT), false, false));
    expect([error.message, error.hint]).to.deep.equal(['dependent privileges exist', 'Use CASCADE to revoke them too.']);
    acl = revokeFrom(acl, 10, new AclItem(rr, 10, P.SELECT, P.SELECT), true, true);
    expect(show(acl)).to.equal('postgres=arwdDxtm/postgres,rr=rw*/postgres,=a/postgres,"Odd name"=arwdDxtm/postgres');
    expect(show(changeAclOwner(acl, 10, rr))).to.equal('rr=arw*dDxtm/rr,=a/rr,"Odd name"=arwdDxtm/rr');
  });

  it('have the defaults and text forms of PostgreSQL', async () => {
    const { session, show } = await cast();
    expect(['table', 'function', 'database', 'column', 'schema'].map((kind) => show(defaultAcl(kind as 'table', 10)))).to.deep.equal([
      'postgres=arwdDxtm/postgres', '=X/postgres,postgres=X/postgres', '=Tc/postgres,postgres=CTc/postgres', '', 'postgres=UC/postgres']);
    const quiet = (): void => undefined;
    for (const text of ['"Odd name"=r*w/postgres', '=a/postgres', 'rr=arwdDxtXUCTcsAm/tt']) {
      expect(formatAclItem(session.catalog, parseAclItem(session.catalog, text, quiet))).to.equal(text);
    }
    expect(fails(() => parseAclItem(session.catalog, 'rr=q/tt', quiet)).message).to.equal('invalid mode character: must be one of "arwdDxtXUCTcsAm"');
    expect(fails(() => parseAclItem(session.catalog, 'nobody=r/tt', quiet)).message).to.equal('role "nobody" does not exist');
  });

  it('start from ALTER DEFAULT PRIVILEGES', async () => {
    const { session, rr, show } = await cast();
    const { catalog } = session;
    const initial = (): string | null => {
      const acl = initialAcl(catalog, 'table', 10, 2200);
      return acl && show(acl.elements as Acl);
    };
    expect(initial()).to.equal(null);
    const add = (defaclnamespace: number, items: Acl): void => {
      catalog.table('pg_default_acl').insert({ oid: catalog.newOid(), defaclrole: 10, defaclnamespace, defaclobjtype: 'r', defaclacl: aclArray(items) });
      catalog.commandCounterIncrement();
    };
    add(2200, [new AclItem(rr, 10, P.SELECT, 0)]);
    expect(initial()).to.equal('postgres=arwdDxtm/postgres,rr=r/postgres');
    add(0, []);
    expect(initial()).to.equal('rr=r/postgres');
    expect(initialAcl(catalog, 'function', 10, 2200)).to.equal(null);
  });

  it('count through memberships that inherit', async () => {
    const { session, rr, tt } = await cast();
    const ss = addRole(session, 'ss');
    addMember(session, rr, ss);
    addMember(session, rr, tt, false);
    const { oid } = createTable(session.catalog, 'acltest', [['a', 23]]);
    const { catalog } = session;
    const acl = [...defaultAcl('table', 10), new AclItem(rr, 10, P.UPDATE, 0), new AclItem(0, 10, P.INSERT, 0)];
    catalog.table('pg_class').update(catalog.relation(oid)!.row, { relacl: aclArray(acl) });
    catalog.commandCounterIncrement();
    const has = (role: number, privilege: 'UPDATE' | 'INSERT' | 'DELETE'): boolean => hasPrivilege(catalog, 'table', oid, role, privilege);
    expect([has(ss, 'UPDATE'), has(ss, 'INSERT'), has(tt, 'UPDATE'), has(tt, 'INSERT'), has(tt, 'DELETE'), has(10, 'DELETE')]).to.deep.equal([true, true, false, true, false, true]);
    const denied = fails(() => checkPrivilege(catalog, 'table', oid, tt, 'DELETE', 'acltest'));
    expect(`${denied.sqlstate} ${denied.message}`).to.equal('42501 permission denied for table acltest');
    expect(fails(() => checkOwner(catalog, 10, tt, 'table', 'acltest')).message).to.equal('must be owner of table acltest');
    expect(hasPrivilege(catalog, 'table', 1260, tt, 'SELECT'), 'pg_authid').to.equal(false);
    expect(hasPrivilege(catalog, 'table', 1259, tt, 'SELECT'), 'pg_class').to.equal(true);
    addMember(session, 6181, tt);
    expect(hasPrivilege(catalog, 'table', 1260, tt, 'SELECT'), 'pg_read_all_data').to.equal(true);
    expect(bestGrantor(catalog, ss, P.UPDATE, acl, 10)).to.deep.equal({ grantor: ss, options: 0 });
    expect(bestGrantor(catalog, 10, P.UPDATE, acl, 10)).to.deep.equal({ grantor: 10, options: P.UPDATE });
  });
});
