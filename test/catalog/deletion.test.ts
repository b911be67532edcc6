/**
 * What DROP reports: the same objects as in a session of PostgreSQL 18, whose messages these are.
 *
 *   create schema s;
 *   create table a(x int primary key, y text);
 *   create view v1 as select x from a;
 *   create view s.v2 as select * from v1;
 *   create table b(x int references a);
 *   create function f(a) returns int language sql as 'select 1';
 *   create table c(z serial, q a);
 */
import { expect } from 'chai';
import { drive, type Suspendable } from '../../lib/base/suspend.js';
import type { PgError } from '../../lib/base/error.js';
import { objectAddress, type ObjectAddress } from '../../lib/catalog/address.js';
import { oidvector } from '../../lib/catalog/builtin.js';
import { performDeletion, performDeletions } from '../../lib/catalog/deletion.js';
import { recordDependencyOn, sequenceOwner, sequencesOf } from '../../lib/catalog/depend.js';
import { objectDescription } from '../../lib/catalog/description.js';
import { recordDependencyOnOwner, sharedDependents } from '../../lib/catalog/shared-depend.js';
import {
  AttrDefaultRelationId, AuthIdRelationId, ConstraintRelationId, NamespaceRelationId, ProcedureRelationId, RelationRelationId, RewriteRelationId,
  TypeRelationId,
} from '../../lib/types/oids.js';
import { openCluster, type TestSession } from './fixture.js';
import { createTable, likeBuiltin } from './tables.js';

const relation = (oid: number, column = 0): ObjectAddress => objectAddress(RelationRelationId, oid, column);

interface Scene {
  session: TestSession;
  a: number;
  aType: number;
  aPkey: number;
  v1: number;
  c: number;
  sequence: number;
  f: number;
  namespace: number;
}

function link(scene: { session: TestSession }, depender: ObjectAddress, referenced: ObjectAddress, type: 'n' | 'a' | 'i'): void {
  recordDependencyOn(scene.session.catalog, depender, referenced, type);
}

/** A relation with its row type. */
function makeRelation(session: TestSession, name: string, columns: [string, number][], options: { kind?: string; namespace?: number; index?: string[] } = {}): { oid: number; type: number; indexOid: number } {
  const { catalog } = session;
  const made = createTable(catalog, name, columns, options);
  const type = likeBuiltin(catalog, 'pg_type', { typname: name, typnamespace: options.namespace ?? 2200, typtype: 'c', typrelid: made.oid, typelem: 0, typarray: 0 });
  link({ session }, objectAddress(TypeRelationId, type), relation(made.oid), 'i');
  link({ session }, relation(made.oid), objectAddress(NamespaceRelationId, options.namespace ?? 2200), 'n');
  return { oid: made.oid, type, indexOid: made.indexOid };
}

function makeView(session: TestSession, name: string, on: ObjectAddress, namespace?: number): number {
  const view = makeRelation(session, name, [['x', 23]], { kind: 'v', namespace }).oid;
  const rule = likeBuiltin(session.catalog, 'pg_rewrite', { rulename: '_RETURN', ev_class: view });
  link({ session }, objectAddress(RewriteRelationId, rule), relation(view), 'i');
  link({ session }, objectAddress(RewriteRelationId, rule), on, 'n');
  return view;
}

function makeConstraint(session: TestSession, conname: string, conrelid: number, contype: string, confrelid = 0): ObjectAddress {
  return objectAddress(ConstraintRelationId, likeBuiltin(session.catalog, 'pg_constraint', { conname, conrelid, contype, confrelid, contypid: 0 }));
}

async function scene(): Promise<Scene> {
  const session = (await openCluster()).session();
  const { catalog } = session;
  const namespace = catalog.newOid();
  catalog.table('pg_namespace').insert({ oid: namespace, nspname: 's', nspowner: 10, nspacl: null });
  const a = makeRelation(session, 'a', [['x', 23], ['y', 25]], { index: ['x'] });
  const key = makeConstraint(session, 'a_pkey', a.oid, 'p');
  link({ session }, key, relation(a.oid, 1), 'a');
  link({ session }, relation(a.indexOid), key, 'i');
  const v1 = makeView(session, 'v1', relation(a.oid, 1));
  makeView(session, 'v2', relation(v1, 1), namespace);
  const b = makeRelation(session, 'b', [['x', 23]]);
  const foreign = makeConstraint(session, 'b_x_fkey', b.oid, 'f', a.oid);
  for (const [on, type] of [[relation(a.indexOid), 'n'], [relation(b.oid, 1), 'a'], [relation(a.oid, 1), 'n']] as const) link({ session }, foreign, on, type);
  const f = likeBuiltin(catalog, 'pg_proc', { proname: 'f', pronamespace: 2200, pronargs: 1, proargtypes: oidvector([a.type]) });
  link({ session }, objectAddress(ProcedureRelationId, f), objectAddress(TypeRelationId, a.type), 'n');
  const sequence = makeRelation(session, 'c_z_seq', [], { kind: 'S' }).oid;
  const c = makeRelation(session, 'c', [['z', 23], ['q', a.type]]).oid;
  link({ session }, relation(sequence), relation(c, 1), 'a');
  link({ session }, relation(c, 2), objectAddress(TypeRelationId, a.type), 'n');
  const value = objectAddress(AttrDefaultRelationId, likeBuiltinDefault(session, c));
  link({ session }, value, relation(sequence), 'n');
  link({ session }, value, relation(c, 1), 'a');
  session.commit();
  return { session, a: a.oid, aType: a.type, aPkey: a.indexOid, v1, c, sequence, f, namespace };
}

function likeBuiltinDefault(session: TestSession, table: number): number {
  const oid = session.catalog.newOid();
  session.catalog.table('pg_attrdef').insert({ oid, adrelid: table, adnum: 1, adbin: '' });
  session.catalog.commandCounterIncrement();
  return oid;
}

interface Outcome {
  error: PgError | null;
  notices: PgError[];
  dropped: string[];
}

/** Drops, noting what is dropped instead of doing it. */
function drop({ session }: Scene, objects: ObjectAddress[], cascade: boolean): Outcome {
  const outcome: Outcome = { error: null, notices: [], dropped: [] };
  const hooks = {
    *drop(object: ObjectAddress): Suspendable<void> {
      outcome.dropped.push(objectDescription(session.catalog, object) ?? '?');
    },
    notice: (notice: PgError): void => void outcome.notices.push(notice),
  };
  try {
    void drive(objects.length === 1 ? performDeletion(session.catalog, objects[0], { cascade }, hooks) : performDeletions(session.catalog, objects, { cascade }, hooks));
  } catch (error) {
    outcome.error = error as PgError;
  }
  session.abort();
  return outcome;
}

describe('deletion', () => {
  it('refuses to drop what others depend on, listing them as PostgreSQL does', async () => {
    const here = await scene();
    const { error } = drop(here, [relation(here.a)], false);
    expect(error?.message).to.equal('cannot drop table a because other objects depend on it');
    expect(error?.sqlstate).to.equal('2BP01');
    expect(error?.detail?.split('\n')).to.deep.equal([
      'function f(a) depends on type a', 'column q of table c depends on type a', 'view v1 depends on table a', 'view s.v2 depends on view v1',
      'constraint b_x_fkey on table b depends on table a',
    ]);
    expect(error?.hint).to.equal('Use DROP ... CASCADE to drop the dependent objects too.');
  });

  it('cascades with one notice, dependents first', async () => {
    const here = await scene();
    const { error, notices, dropped } = drop(here, [relation(here.a)], true);
    expect(error).to.equal(null);
    expect(notices.map((notice) => [notice.severity, notice.message, notice.detail])).to.deep.equal([['NOTICE', 'drop cascades to 5 other objects', [
      'drop cascades to function f(a)', 'drop cascades to column q of table c', 'drop cascades to view v1', 'drop cascades to view s.v2',
      'drop cascades to constraint b_x_fkey on table b',
    ].join('\n')]]);
    expect(dropped.at(-1)).to.equal('table a');
    expect(dropped.indexOf('view s.v2')).to.be.lessThan(dropped.indexOf('view v1'));
    expect(dropped.indexOf('index a_idx')).to.be.lessThan(dropped.indexOf('constraint a_pkey on table a'));
    expect(new Set(dropped).size).to.equal(dropped.length);
  });

  it('names the one object in the notice itself', async () => {
    const here = await scene();
    const { notices } = drop(here, [relation(here.v1)], true);
    expect(notices.map((notice) => [notice.message, notice.detail])).to.deep.equal([['drop cascades to view s.v2', undefined]]);
  });

  it('refuses to drop a part without its whole', async () => {
    const here = await scene();
    const index = drop(here, [relation(here.aPkey)], false).error;
    expect([index?.message, index?.hint]).to.deep.equal([
      'cannot drop index a_idx because constraint a_pkey on table a requires it', 'You can drop constraint a_pkey on table a instead.']);
    const type = drop(here, [objectAddress(TypeRelationId, here.aType)], true).error;
    expect([type?.message, type?.hint]).to.deep.equal(['cannot drop type a because table a requires it', 'You can drop table a instead.']);
  });

  it('lists what depends on a sequence, a schema, and refuses built-in objects', async () => {
    const here = await scene();
    expect(drop(here, [relation(here.sequence)], false).error?.detail).to.equal('default value for column z of table c depends on sequence c_z_seq');
    expect(drop(here, [objectAddress(NamespaceRelationId, here.namespace)], false).error?.detail).to.equal('view s.v2 depends on schema s');
    expect(drop(here, [relation(1259)], true).error?.message).to.equal('cannot drop table pg_class because it is required by the database system');
  });

  it('drops several objects together', async () => {
    const here = await scene();
    const both = [relation(here.a), relation(here.c)];
    expect(drop(here, both, false).error?.message).to.equal('cannot drop desired object(s) because other objects depend on them');
    expect(drop(here, both, true).notices[0].message).to.equal('drop cascades to 4 other objects');
  });

  it('removes the records of what was dropped', async () => {
    const here = await scene();
    const { catalog } = here.session;
    const hooks = {
      *drop(object: ObjectAddress): Suspendable<void> {
        const row = object.classId === ProcedureRelationId ? catalog.proc(object.objectId) : null;
        if (row) catalog.table('pg_proc').delete(row);
      },
      notice: (): void => undefined,
    };
    void drive(performDeletion(catalog, objectAddress(ProcedureRelationId, here.f), { cascade: false }, hooks));
    expect(catalog.table('pg_depend').find({ classid: ProcedureRelationId, objid: here.f })).to.deep.equal([]);
    expect(catalog.procsByName('f')).to.deep.equal([]);
    here.session.abort();
    expect(catalog.procsByName('f').length).to.equal(1);
  });

  it('finds the owners of sequences', async () => {
    const here = await scene();
    const { catalog } = here.session;
    expect(sequencesOf(catalog, here.c)).to.deep.equal([here.sequence]);
    expect(sequenceOwner(catalog, here.sequence, 'a')).to.deep.equal({ relation: here.c, attnum: 1 });
    expect(sequenceOwner(catalog, here.sequence, 'i')).to.equal(null);
  });

  it('tells what hinders dropping a role', async () => {
    const here = await scene();
    const { catalog } = here.session;
    const role = likeBuiltin(catalog, 'pg_authid', { rolname: 'r1' });
    expect(sharedDependents(catalog, AuthIdRelationId, role)).to.equal(null);
    recordDependencyOnOwner(catalog, relation(here.c), role);
    recordDependencyOnOwner(catalog, objectAddress(NamespaceRelationId, here.namespace), role);
    catalog.commandCounterIncrement();
    expect(sharedDependents(catalog, AuthIdRelationId, role)).to.equal('owner of schema s\nowner of table c');
  });
});
