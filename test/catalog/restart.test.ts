/**
 * Catalogs over a restart: what was committed is there, built-in rows that were changed included.
 */
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStorage } from '../../lib/access/storage.js';
import { initializeCluster, isInitialized } from '../../lib/catalog/bootstrap.js';
import { CATALOG_VERSION_KEY, ClusterCatalog } from '../../lib/catalog/cluster.js';
import { INVALID_LSN } from '../../lib/base/lsn.js';
import { TestSession } from './fixture.js';
import { createTable } from './tables.js';

describe('catalogs over a restart', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pglitedb-catalog-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('come back', async () => {
    let storage = await openStorage({ dir: directory });
    expect(isInitialized(storage)).to.equal(false);
    initializeCluster(storage);
    expect(() => initializeCluster(storage)).to.throw('initialized already');
    let session = new TestSession(storage, new ClusterCatalog(storage), 5);
    const { oid } = createTable(session.catalog, 't', [['a', 23], ['b', 25]], { index: ['b'] });
    const relation = session.catalog.relation(oid)!;
    const rowId = relation.openHeap().insert(session.transaction, [1, 'x']);
    relation.indexes[0].open().insert(session.transaction, relation.indexes[0].encodeKey(['x']), rowId);
    session.catalog.table('pg_authid').update(session.catalog.role(10)!, { rolconnlimit: 3 });
    session.commit();
    createTable(session.catalog, 'lost', [['a', 23]]);
    session.abort();
    session.transaction.abort();
    await storage.close();

    storage = await openStorage({ dir: directory });
    session = new TestSession(storage, new ClusterCatalog(storage), 5);
    const { catalog } = session;
    expect([catalog.lookupRelation('t'), catalog.lookupRelation('lost')]).to.deep.equal([oid, 0]);
    expect(catalog.role(10)?.rolconnlimit).to.equal(3);
    expect([...catalog.table('pg_authid').all()].filter((row) => row.rolname === 'postgres').length).to.equal(1);
    const again = catalog.relation(oid)!;
    const [found] = again.indexes[0].open().lookup(again.indexes[0].encodeKey(['x']), false);
    expect(again.openHeap().fetch(found, session.transaction.takeSnapshot())).to.deep.equal([1, 'x']);
    expect(catalog.newOid()).to.be.greaterThan(oid);
    session.transaction.abort();
    await storage.close();
  });

  it('refuse a directory made with other built-in data', async () => {
    const storage = await openStorage({ dir: directory });
    const transaction = storage.begin({ isolation: 'read committed', readOnly: false, sessionLsn: INVALID_LSN, sessionId: 0 });
    storage.putMeta(transaction, CATALOG_VERSION_KEY, Buffer.from('0123456789abcdef'));
    transaction.commit();
    expect(() => new ClusterCatalog(storage)).to.throw('database files are incompatible with server')
      .with.property('detail').that.matches(/initialized with catalog version 0123456789abcdef/);
    await storage.close();
  });
});
