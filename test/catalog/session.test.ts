/**
 * Look-ups and their caches: own and others' changes seen at the right time, rollbacks, conflicts.
 */
import { expect } from 'chai';
import { drive, type Suspendable } from '../../lib/base/suspend.js';
import { objectAddress, type ObjectAddress } from '../../lib/catalog/address.js';
import { recordDependencyOn } from '../../lib/catalog/depend.js';
import { performDeletion } from '../../lib/catalog/deletion.js';
import { copyDatabase, dropDatabaseFiles } from '../../lib/catalog/bootstrap.js';
import { createTable } from './tables.js';
import { openCluster, type TestSession } from './fixture.js';

function addSchema(session: TestSession, nspname: string): number {
  const oid = session.catalog.newOid();
  session.catalog.table('pg_namespace').insert({ oid, nspname, nspowner: 10, nspacl: null });
  return oid;
}

describe('session catalog', () => {
  it('answers for built-in objects', async () => {
    const { catalog } = (await openCluster()).session();
    expect(catalog.databaseName).to.equal('postgres');
    expect(catalog.type(23)?.typname).to.equal('int4');
    expect(catalog.lookupType('text')?.oid).to.equal(25);
    expect(catalog.cast(23, 20)?.castfunc).to.equal(481);
    expect(catalog.procsByName('lower').map((proc) => proc.oid)).to.include(870);
    expect(catalog.operatorsByName('=').length).to.be.greaterThan(50);
    expect(catalog.defaultOpclass(23, 403)).to.equal(1978);
    expect(catalog.defaultOpclass(1043, 403), 'varchar through text').to.equal(3126);
    expect(catalog.defaultOpclass(1007, 403), 'int4[] through anyarray').to.equal(catalog.opclassesByName('array_ops', 403)[0].oid);
    expect(catalog.defaultOpclass(114, 403), 'json has none').to.equal(0);
    expect(catalog.familyOperator(1976, 23, 20, 1)).to.equal(37);
    expect(catalog.familyProc(1976, 23, 23, 1)).to.equal(351);
    const pgClass = catalog.relation(catalog.lookupRelation('pg_class'))!;
    expect(pgClass.attributes[1].attname).to.equal('relname');
    expect(pgClass.isCatalog).to.equal(true);
    expect(catalog.searchPath).to.deep.equal([11, 2200]);
    expect(catalog.creationNamespace).to.equal(2200);
  });

  it('shows own changes after the command, others\' after the commit', async () => {
    const { session } = await openCluster();
    const a = session();
    const b = session();
    expect(a.catalog.namespaceByName('s')).to.equal(null);
    const oid = addSchema(a, 's');
    expect(a.catalog.namespaceByName('s'), 'same command').to.equal(null);
    a.catalog.commandCounterIncrement();
    expect(a.catalog.namespaceByName('s')?.oid).to.equal(oid);
    expect(a.catalog.namespace(oid)?.nspname).to.equal('s');
    expect(b.catalog.namespaceByName('s')).to.equal(null);
    a.commit();
    expect(b.catalog.namespaceByName('s')?.oid).to.equal(oid);
    expect(a.catalog.namespaceByName('s')?.oid).to.equal(oid);
  });

  it('forgets at rollback, also to a savepoint', async () => {
    const { session } = await openCluster();
    const a = session();
    addSchema(a, 'kept');
    a.catalog.commandCounterIncrement();
    const savepoint = a.transaction.beginSavepoint();
    addSchema(a, 'lost');
    a.catalog.commandCounterIncrement();
    expect(a.catalog.namespaceByName('lost')).to.not.equal(null);
    a.transaction.rollbackToSavepoint(savepoint);
    a.catalog.afterRollbackToSavepoint();
    expect(a.catalog.namespaceByName('lost')).to.equal(null);
    expect(a.catalog.namespaceByName('kept')).to.not.equal(null);
    a.abort();
    expect(a.catalog.namespaceByName('kept')).to.equal(null);
  });

  it('changes the epoch whenever something becomes visible, never back to a number used before', async () => {
    const { session } = await openCluster();
    const a = session();
    const b = session();
    const start = a.catalog.epoch;
    const seen = new Set([start]);
    const fresh = (epoch: number): void => {
      expect(seen.has(epoch), `epoch ${epoch} is new`).to.equal(false);
      seen.add(epoch);
    };
    addSchema(a, 's');
    a.catalog.commandCounterIncrement();
    fresh(a.catalog.epoch);
    expect(a.catalog.epoch, 'stable').to.equal(a.catalog.epoch);
    expect(b.catalog.epoch).to.equal(start);
    addSchema(b, 't');
    b.commit();
    fresh(b.catalog.epoch);
    fresh(a.catalog.epoch);
    a.abort();
    expect(a.catalog.epoch).to.equal(b.catalog.epoch);
  });

  it('updates and deletes rows, built-in ones included', async () => {
    const { session } = await openCluster();
    const a = session();
    const b = session();
    const roles = a.catalog.table('pg_authid');
    const postgres = a.catalog.role(10)!;
    roles.update(postgres, { rolconnlimit: 7 });
    a.catalog.commandCounterIncrement();
    expect(a.catalog.roleByName('postgres')?.rolconnlimit).to.equal(7);
    expect(b.catalog.roleByName('postgres')?.rolconnlimit).to.equal(-1);
    roles.update(a.catalog.role(10)!, { rolconnlimit: 8 });
    a.catalog.commandCounterIncrement();
    expect(a.catalog.role(10)?.rolconnlimit).to.equal(8);
    expect(a.catalog.role(10)?.rolsuper, 'other columns stay').to.equal(true);
    a.abort();
    expect(a.catalog.role(10)?.rolconnlimit).to.equal(-1);
    roles.update(a.catalog.role(10)!, { rolconnlimit: 9 });
    a.commit();
    expect(b.catalog.role(10)?.rolconnlimit).to.equal(9);
    expect([...b.catalog.table('pg_authid').all()].filter((row) => row.oid === 10).map((row) => row.rolconnlimit)).to.deep.equal([9]);
    const publicSchema = a.catalog.namespaceByName('public')!;
    a.catalog.table('pg_namespace').delete(publicSchema);
    a.commit();
    expect(b.catalog.namespaceByName('public')).to.equal(null);
    expect(b.catalog.creationNamespace).to.equal(0);
    addSchema(b, 'public');
    b.commit();
    expect(a.catalog.namespaceByName('public')?.oid).to.be.greaterThan(16383);
  });

  it('raises unique violations as PostgreSQL names them', async () => {
    const { session } = await openCluster();
    const a = session();
    expect(() => addSchema(a, 'public')).to.throw('duplicate key value violates unique constraint "pg_namespace_nspname_index"')
      .with.property('detail', 'Key (nspname)=(public) already exists.');
    addSchema(a, 's');
    expect(() => addSchema(a, 's')).to.throw('duplicate key value').with.property('sqlstate', '23505');
    const b = session();
    expect(() => addSchema(b, 's')).to.throw('duplicate key value');
    a.abort();
    addSchema(b, 's');
    b.commit();
    expect(a.catalog.namespaceByName('s')).to.not.equal(null);
  });

  it('detects concurrent updates of one row', async () => {
    const { session } = await openCluster();
    const a = session();
    const b = session();
    addSchema(a, 's');
    a.commit();
    a.catalog.table('pg_namespace').update(a.catalog.namespaceByName('s')!, { nspname: 'a' });
    expect(() => b.catalog.table('pg_namespace').update(b.catalog.namespaceByName('s')!, { nspname: 'b' })).to.throw('tuple concurrently updated');
    expect(() => b.catalog.table('pg_namespace').delete(b.catalog.namespaceByName('s')!)).to.throw('tuple concurrently deleted');
    b.abort();
    b.catalog.table('pg_authid').update(b.catalog.role(10)!, { rolconnlimit: 1 });
    expect(() => a.catalog.table('pg_authid').update(a.catalog.role(10)!, { rolconnlimit: 2 })).to.throw('tuple concurrently updated');
    b.abort();
    a.catalog.table('pg_authid').update(a.catalog.role(10)!, { rolconnlimit: 2 });
    a.commit();
    expect(b.catalog.role(10)?.rolconnlimit).to.equal(2);
  });

  it('composes relations and replaces exactly the entries that changed', async () => {
    const { session } = await openCluster();
    const a = session();
    const b = session();
    const t = createTable(a.catalog, 't', [['id', 23], ['name', 25]]);
    const u = createTable(a.catalog, 'u', [['x', 23]]);
    a.commit();
    const before = b.catalog.relation(t.oid)!;
    const other = b.catalog.relation(u.oid)!;
    expect(before.attributes.map((attribute) => attribute.attname)).to.deep.equal(['id', 'name']);
    expect(before.namespaceName).to.equal('public');
    expect(b.catalog.lookupRelation('t')).to.equal(t.oid);
    const attribute = a.catalog.table('pg_attribute').findOne({ attrelid: t.oid, attname: 'name' })!;
    a.catalog.table('pg_attribute').update(attribute, { attname: 'title' });
    a.catalog.commandCounterIncrement();
    expect(a.catalog.relation(t.oid)!.attributes[1].attname).to.equal('title');
    expect(a.catalog.relation(u.oid), 'not private').to.equal(other);
    expect(b.catalog.relation(t.oid)).to.equal(before);
    a.commit();
    expect(b.catalog.relation(t.oid)!.attributes[1].attname).to.equal('title');
    expect(b.catalog.relation(u.oid)).to.equal(other);
  });

  it('scans catalogs as heaps and through their indexes', async () => {
    const { session } = await openCluster();
    const a = session();
    createTable(a.catalog, 't', [['id', 23]]);
    a.catalog.table('pg_namespace').update(a.catalog.namespaceByName('public')!, { nspowner: 11 });
    a.commit();
    const names = (relationOid: number, column: number): unknown[] => {
      const found: unknown[] = [];
      for (const view of a.catalog.relation(relationOid)!.openHeap().scan(a.transaction.takeSnapshot())) {
        for (let at = 0; at < view.selected; at++) found.push(view.column(column).get(view.selection ? view.selection[at] : at));
        found.push(...view.changedRows.map((row) => row[column]));
      }
      return found;
    };
    expect(names(1259, 1)).to.include.members(['pg_class', 't']);
    expect(names(2615, 1).filter((name) => name === 'public').length, 'once, though overridden').to.equal(1);
    const pgClass = a.catalog.relation(1259)!;
    const byName = pgClass.indexes.find((index) => index.name === 'pg_class_relname_nsp_index')!;
    const heap = pgClass.openHeap();
    const rows = byName.open().lookup(byName.encodeKey(['t', 2200]), false).map((rowId) => heap.fetch(rowId, a.transaction.takeSnapshot())?.[1]);
    expect(rows).to.deep.equal(['t']);
    const cursor = byName.open().range(null, null, false);
    const keys: string[] = [];
    while (cursor.next()) keys.push(cursor.key);
    expect(keys).to.deep.equal([...keys].sort());
    expect(keys.length).to.equal(names(1259, 1).length);
  });

  it('may be written as any table: heap and index calls of a plain INSERT, UPDATE and DELETE', async () => {
    const { session, storage } = await openCluster();
    const a = session();
    const { catalog } = a;
    const relation = catalog.relation(2615)!;
    const heap = relation.openHeap();
    const index = relation.indexes.find((candidate) => candidate.name === 'pg_namespace_nspname_index')!;
    const probe = (name: string): string =>
      storage.probeUnique(a.transaction, heap, index.open(), index.encodeKey([name]), 0, (row) => index.encodeKey([row[1]])).kind;
    expect(probe('fresh')).to.equal('free');
    const rowId = heap.insert(a.transaction, [50000, 'fresh', 10, null]);
    index.open().insert(a.transaction, index.encodeKey(['fresh']), rowId);
    catalog.commandCounterIncrement();
    expect(catalog.namespaceByName('fresh')?.oid).to.equal(50000);
    expect(index.open().lookup(index.encodeKey(['fresh']), false)).to.deep.equal([rowId]);
    const snapshot = a.transaction.catalogSnapshot();
    expect(heap.update(a.transaction, rowId, [50000, 'renamed', 10, null], snapshot, true).kind).to.equal('ok');
    index.open().remove(a.transaction, index.encodeKey(['fresh']), rowId);
    index.open().insert(a.transaction, index.encodeKey(['renamed']), rowId);
    catalog.commandCounterIncrement();
    expect([catalog.namespaceByName('fresh'), catalog.namespaceByName('renamed')?.oid]).to.deep.equal([null, 50000]);
    const publicId = index.open().lookup(index.encodeKey(['public']), false)[0];
    expect(heap.delete(a.transaction, publicId, a.transaction.catalogSnapshot()).kind).to.equal('ok');
    catalog.commandCounterIncrement();
    expect(heap.fetch(publicId, a.transaction.catalogSnapshot())).to.equal(null);
    expect(() => heap.insert(a.transaction, [50001, 'renamed', 10, null])).to.throw('duplicate key value');
  });

  it('keeps databases apart and copies them', async () => {
    const { session, cluster } = await openCluster();
    const template = session(1);
    createTable(template.catalog, 'kept', [['id', 23], ['name', 25]], { index: ['id'] });
    template.commit();
    const relation = template.catalog.relation(template.catalog.lookupRelation('kept'))!;
    const index = relation.indexes[0];
    const rowId = relation.openHeap().insert(template.transaction, [1, 'one']);
    index.open().insert(template.transaction, index.encodeKey([1]), rowId);
    template.catalog.table('pg_namespace').update(template.catalog.namespaceByName('public')!, { nspowner: 11 });
    template.commit();
    const a = session();
    expect(a.catalog.lookupRelation('kept')).to.equal(0);
    copyDatabase(cluster, a.transaction, 1, 20000);
    a.commit();
    const copy = session(20000);
    const copied = copy.catalog.relation(copy.catalog.lookupRelation('kept'))!;
    expect(copied.row.relfilenode).to.not.equal(relation.row.relfilenode);
    const ids = copied.indexes[0].open().lookup(copied.indexes[0].encodeKey([1]), false);
    expect(ids.map((id) => copied.openHeap().fetch(id, copy.transaction.takeSnapshot()))).to.deep.equal([[1, 'one']]);
    expect(copy.catalog.namespaceByName('public')?.nspowner).to.equal(11);
    copied.openHeap().insert(copy.transaction, [2, 'two']);
    copy.commit();
    expect(relation.openHeap().estimateRows()).to.equal(1);
    dropDatabaseFiles(cluster, a.transaction, 20000);
    a.abort();
    expect(session(20000).catalog.lookupRelation('kept')).to.be.greaterThan(0);
    dropDatabaseFiles(cluster, a.transaction, 20000);
    a.commit();
    expect(() => session(20000)).to.throw('are not there');
  });

  it('drops thousands of objects with their schema in reasonable time', async () => {
    const a = (await openCluster()).session();
    const schema = addSchema(a, 'big');
    for (let number = 0; number < 1000; number++) {
      const { oid } = createTable(a.catalog, `t${number}`, [['a', 23]], { namespace: schema });
      recordDependencyOn(a.catalog, objectAddress(1259, oid), objectAddress(2615, schema), 'n');
    }
    a.commit();
    const notices: string[] = [];
    const hooks = {
      *drop(object: ObjectAddress): Suspendable<void> {
        if (object.classId === 1259) a.catalog.table('pg_class').delete(a.catalog.relation(object.objectId)!.row);
      },
      notice: (notice: Error): void => void notices.push(notice.message),
    };
    void drive(performDeletion(a.catalog, objectAddress(2615, schema), { cascade: true }, hooks));
    expect(notices).to.deep.equal(['drop cascades to 1000 other objects']);
    expect(a.catalog.relationOid('t7', schema)).to.equal(0);
  });
});
