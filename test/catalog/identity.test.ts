/**
 * Descriptions and identities of built-in objects: what pg_describe_object and pg_identify_object of PostgreSQL 18 answer under
 * search_path public.
 */
import { expect } from 'chai';
import { objectDescription } from '../../lib/catalog/description.js';
import { objectIdentity } from '../../lib/catalog/identity.js';
import { openCluster } from './fixture.js';

/** class, object, column; description; type, schema, name, identity. */
const CASES: readonly (readonly [[number, number, number], string, string, string | null, string | null, string])[] = [
  [[1255, 870, 0], 'function lower(text)', 'function', 'pg_catalog', null, 'pg_catalog.lower(pg_catalog.text)'],
  [[2617, 96, 0], 'operator =(integer,integer)', 'operator', 'pg_catalog', null, 'pg_catalog.=(integer,integer)'],
  [[1247, 1015, 0], 'type character varying[]', 'type', 'pg_catalog', '_varchar', 'character varying[]'],
  [[2605, 10035, 0], 'cast from boolean to integer', 'cast', null, null, '(boolean AS integer)'],
  [[2616, 1978, 0], 'operator class int4_ops for access method btree', 'operator class', 'pg_catalog', 'int4_ops', 'pg_catalog.int4_ops USING btree'],
  [[2753, 1976, 0], 'operator family integer_ops for access method btree', 'operator family', 'pg_catalog', 'integer_ops', 'pg_catalog.integer_ops USING btree'],
  [[2602, 10001, 0], 'operator 2 (smallint, smallint) of operator family integer_ops for access method btree: <=(smallint,smallint)',
    'operator of access method', null, null, 'operator 2 (smallint, smallint) of pg_catalog.integer_ops USING btree'],
  [[2603, 10001, 0], 'function 1 (bit, bit) of operator family bit_ops for access method btree: bitcmp(bit,bit)',
    'function of access method', null, null, 'function 1 (bit, bit) of pg_catalog.bit_ops USING btree'],
  [[1259, 1259, 2], 'column relname of table pg_class', 'table column', 'pg_catalog', 'pg_class', 'pg_catalog.pg_class.relname'],
  [[1259, 2662, 0], 'index pg_class_oid_index', 'index', 'pg_catalog', 'pg_class_oid_index', 'pg_catalog.pg_class_oid_index'],
  [[2606, 10115, 0], 'constraint pg_proc_oid_not_null on table pg_proc', 'table constraint', 'pg_catalog', null, 'pg_proc_oid_not_null on pg_catalog.pg_proc'],
  [[3456, 950, 0], 'collation "C"', 'collation', 'pg_catalog', '"C"', 'pg_catalog."C"'],
  [[2615, 2200, 0], 'schema public', 'schema', null, 'public', 'public'],
  [[1260, 10, 0], 'role postgres', 'role', null, 'postgres', 'postgres'],
];

describe('object identity', () => {
  it('is PostgreSQL\'s', async () => {
    const session = (await openCluster()).session();
    session.searchPath = 'public';
    for (const [[classId, objectId, subId], description, type, schema, name, identity] of CASES) {
      const object = { classId, objectId, subId };
      expect(objectDescription(session.catalog, object)).to.equal(description);
      expect(objectIdentity(session.catalog, object)).to.deep.equal({ type, schema, name, identity });
    }
    const missing = { classId: 1259, objectId: 99999, subId: 0 };
    expect([objectDescription(session.catalog, missing), objectIdentity(session.catalog, missing)]).to.deep.equal([null, null]);
  });
});
