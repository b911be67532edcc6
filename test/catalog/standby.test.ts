/**
 * A standby's caches: invalidated by the messages that commits carry in the log.
 */
import { expect } from 'chai';
import { ClusterCatalog } from '../../lib/catalog/cluster.js';
import { openCluster, TestSession } from './fixture.js';
import { createTable } from './tables.js';

describe('catalog of a standby', () => {
  it('follows the log', async () => {
    const { session, storage } = await openCluster();
    const standby = new ClusterCatalog(storage);
    standby.isStandby = true;
    const reader = new TestSession(storage, standby, 5);
    const writer = session();
    const epoch = reader.catalog.epoch;
    expect(reader.catalog.lookupRelation('t')).to.equal(0);
    expect(reader.catalog.role(10)?.rolconnlimit).to.equal(-1);
    const { oid } = createTable(writer.catalog, 't', [['a', 23]]);
    writer.catalog.table('pg_authid').update(writer.catalog.role(10)!, { rolconnlimit: 5 });
    writer.commit();
    await storage.whenFlushed(storage.appendedLsn());
    expect(reader.catalog.epoch).to.not.equal(epoch);
    expect(reader.catalog.lookupRelation('t')).to.equal(oid);
    expect(reader.catalog.role(10)?.rolconnlimit).to.equal(5);
    const relation = reader.catalog.relation(oid);
    writer.catalog.table('pg_attribute').update(writer.catalog.table('pg_attribute').findOne({ attrelid: oid })!, { attname: 'b' });
    writer.commit();
    await storage.whenFlushed(storage.appendedLsn());
    expect(relation?.attributes[0].attname).to.equal('a');
    expect(reader.catalog.relation(oid)?.attributes[0].attname).to.equal('b');
  });
});
