/** Switchover back and forth under a bank whose clients keep a ledger of what they were told. */
import { mkdirSync } from 'node:fs';
import { expect } from 'chai';
import { Bank, openBank } from '../../ops/drill/bank.js';
import { checkBooks } from '../../ops/drill/checks.js';
import type { Told } from '../../ops/drill/ledger.js';
import type { NodePlace } from '../../ops/drill/node-process.js';
import { TestCluster, type TestNode } from './support.js';

const ROUNDS = Number(process.env.PGLITEDB_SWITCHOVERS ?? 4);
const LONGEST_SILENCE_MS = 2000;

describe('switchover', function () {
  this.timeout(120_000);
  const cluster = new TestCluster();
  after(() => cluster.end());

  it('loses no acknowledged commit, over and over, and is over soon', async () => {
    const settings = [['synchronous_standby_names', 'ANY 1 (one, two)']] as const;
    const one = await cluster.start('one', { settings });
    const two = await cluster.start('two', { settings, upstreams: [one.url] });
    const three = await cluster.start('three', { settings, upstreams: [one.url, two.url] });
    const place = ({ node }: TestNode): NodePlace => ({
      name: node.options.name, dataDirectory: node.options.dataDirectory, port: node.engine.settings.number('port'), replicationPort: Number(new URL(node.replicationUrl).port), reachedAt: 0,
    });
    const places = [one, two, three].map(place);
    await openBank(places[0]);
    mkdirSync(cluster.dataOf('ledgers'));
    const told: Told = { acknowledged: new Set(), failed: new Set(), unknown: new Set() };
    const bank = new Bank(places, cluster.dataOf('ledgers'), 1, 4);
    let [from, to] = [one, two];
    try {
      expect(await bank.moreCommits(50, 20_000)).to.equal(true);
      for (let round = 0; round < ROUNDS; round++) {
        const begun = performance.now();
        const { code, err } = await cluster.run('switchover', '--from', from.url, '--to', to.url);
        expect({ code, err }).to.deep.equal({ code: 0, err: '' });
        expect(await bank.moreCommits(50, 20_000)).to.equal(true);
        expect(bank.longestSilence(begun), `round ${round}`).to.be.below(LONGEST_SILENCE_MS);
        [from, to] = [to, from];
      }
    } finally {
      await bank.stop(told);
    }
    await to.caughtUp(from);
    await three.caughtUp(from);
    const findings = await checkBooks(place(from), [place(to), place(three)], told);
    expect(findings).to.deep.include({ lost: [], phantoms: [], balanced: true, identical: true });
    expect(findings.acknowledged).to.be.above(50 * ROUNDS);
    expect(from.status.timeline).to.equal(1 + ROUNDS);
    // A former primary keeps no log for those who followed it.
    expect(to.status.slots).to.deep.equal([]);
  });
});
