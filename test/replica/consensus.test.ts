/** Both consensus stores keep the same contract: etcd (where it is installed, as in CI), and the one in memory that simulations use. */
import { expect } from 'chai';
import { realEnv } from '../../lib/env/real.js';
import { hasEtcd, startEtcd, type RunningEtcd } from '../../ops/drill/etcd.js';
import type { ConsensusStore } from '../../replica/failover/consensus.js';
import { EtcdStore } from '../../replica/failover/etcd.js';
import { Lease } from '../../replica/failover/lease.js';
import { MemoryConsensus } from './memory-consensus.js';

function conformance(name: string, open: () => Promise<ConsensusStore | null>): void {
  describe(`consensus: ${name}`, function () {
    this.timeout(30_000);
    let store: ConsensusStore;

    before(async function () {
      const opened = await open();
      if (opened === null) this.skip();
      else store = opened;
    });

    it('changes keys only under conditions that hold, all at once', async () => {
      expect((await store.read()).size).to.equal(0);
      expect(await store.change([{ key: 'a', revision: 0 }], [{ type: 'put', key: 'a', value: 'one' }, { type: 'put', key: 'b/c', value: 'täglich' }])).to.equal(true);
      expect(await store.change([{ key: 'a', revision: 0 }], [{ type: 'delete', key: 'b/c' }])).to.equal(false);
      const entries = await store.read();
      expect([...entries].map(([key, { value }]) => `${key}=${value}`).sort()).to.deep.equal(['a=one', 'b/c=täglich']);
      const revision = entries.get('a')?.revision ?? 0;
      expect(await store.change([{ key: 'a', revision }, { key: 'x', revision: 0 }], [{ type: 'put', key: 'a', value: 'two' }, { type: 'delete', key: 'b/c' }])).to.equal(true);
      expect(await store.change([{ key: 'a', revision }], [{ type: 'put', key: 'a', value: 'three' }])).to.equal(false);
      expect([...(await store.read())].map(([key, { value }]) => `${key}=${value}`)).to.deep.equal(['a=two']);
      await store.change([], [{ type: 'delete', key: 'a' }]);
    });

    it('drops the keys of a lease with it, and renews one that lives', async () => {
      const lease = await store.grantLease(5);
      await store.change([], [{ type: 'put', key: 'leased', value: 'x', lease }, { type: 'put', key: 'stays', value: 'y' }]);
      expect(await store.renewLease(lease)).to.equal(true);
      expect((await store.read()).has('leased')).to.equal(true);
      await store.revokeLease(lease);
      expect([...(await store.read()).keys()]).to.deep.equal(['stays']);
      expect(await store.renewLease(lease)).to.equal(false);
      await store.change([], [{ type: 'delete', key: 'stays' }]);
    });

    it('gives leases that say for how long they hold', async () => {
      const lease = new Lease(realEnv(), store, 5);
      expect(lease.holds).to.equal(false);
      await lease.grant();
      expect(lease.holds).to.equal(true);
      expect(lease.remainingMs).to.be.within(1000, 4500);
      expect(await lease.renew()).to.equal(true);
      await lease.revoke();
      expect(lease.holds).to.equal(false);
      expect(await lease.renew()).to.equal(false);
    });
  });
}

let etcd: RunningEtcd | null = null;
conformance('in memory', () => Promise.resolve(new MemoryConsensus(realEnv().clock).client(() => 'answers')));
conformance('etcd', async () => {
  if (!hasEtcd()) return null;
  etcd = await startEtcd();
  return new EtcdStore(realEnv(), ['http://127.0.0.1:1', etcd.url], '/pglitedb/test/', 2000);
});
after(() => etcd?.stop());
