/** Slots over a real engine's log: what they keep, over restarts, up to the limit, and what they say when it is lost. */
import { expect } from 'chai';
import type { StorageEngine } from '../../lib/access/api.js';
import { openStorage } from '../../lib/access/storage.js';
import { PgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { SEGMENT_BYTES } from '../../lib/wal/format.js';
import { formatSlots, parseSlots, ReplicationSlots, type SlotSettings } from '../../replica/slots.js';
import { CrashDisk } from '../access/crash-store.js';
import { inTransaction, makeHeap } from '../access/support.js';
import { sourceOf } from './support.js';

/** An engine whose log a test lets grow. */
class Grower {
  readonly env: SimEnv = simEnv(1);
  private readonly disk = new CrashDisk(() => this.env.random.float());
  engine!: StorageEngine;
  readonly log: PgError[] = [];
  private grow!: () => void;

  async open(): Promise<void> {
    this.engine = await openStorage({ dir: 'data', env: this.env, fatal: () => undefined, openStore: () => this.disk.open(), settings: { walKeepSize: 0, maxWalSize: 1 << 30 } });
    const { heap } = makeHeap(this.engine, []);
    const text = 'x'.repeat(1 << 20);
    this.grow = () => inTransaction(this.engine, (transaction) => void heap.insert(transaction, [1, text]));
  }

  slots(settings: Partial<SlotSettings> = {}): ReplicationSlots {
    return new ReplicationSlots({
      env: this.env, dataDirectory: 'data', source: sourceOf(this.engine), log: (error) => this.log.push(error),
      settings: { maxSlotWalKeepBytes: -1, maxWalBytes: 2 * SEGMENT_BYTES, idleTimeoutMs: 0, maxSlots: 3, ...settings },
    });
  }

  /** So many segments of log, and a checkpoint that removes what nobody keeps. */
  async segments(count: number): Promise<void> {
    const target = this.engine.appendedLsn() + count * SEGMENT_BYTES;
    while (this.engine.appendedLsn() < target) this.grow();
    await this.engine.whenFlushed(this.engine.appendedLsn());
    await this.engine.checkpoint();
    inTransaction(this.engine, () => this.grow());
    await this.engine.whenFlushed(this.engine.appendedLsn());
  }
}

async function grower(): Promise<Grower> {
  const made = new Grower();
  await made.open();
  return made;
}

describe('replication slots', function () {
  this.timeout(60_000);

  it('keep the log from where they stand, over a restart, and let it go when they move or are dropped', async () => {
    const node = await grower();
    const source = sourceOf(node.engine);
    const slots = node.slots();
    const start = source.durableLsn;
    expect(slots.create('one', start)).to.include({ name: 'one', active: false, restartLsn: start, walStatus: 'reserved', safeWalSize: null });
    await node.segments(3);
    expect(source.oldestLsn()).to.be.at.most(start);
    expect(slots.list()[0].walStatus).to.equal('extended');
    slots.close();
    const again = node.slots();
    expect(again.list()[0]).to.include({ name: 'one', restartLsn: start, walStatus: 'extended' });
    const use = again.acquire('one', start, false, () => undefined);
    expect(() => again.acquire('one', start, false, () => undefined)).to.throw(PgError, 'replication slot "one" is active').that.has.property('sqlstate', '55006');
    expect(() => again.drop('one')).to.throw(PgError, 'is active');
    use.confirm(source.durableLsn);
    await node.segments(1);
    expect(source.oldestLsn()).to.be.greaterThan(start);
    expect(again.list()[0].walStatus).to.equal('reserved');
    use.release();
    const stands = again.list()[0].restartLsn ?? 0;
    expect(() => again.advance('one', lsn(stands - 1))).to.throw(PgError, /^cannot advance replication slot to .*, minimum is/);
    expect(again.advance('one', lsn(Number.MAX_SAFE_INTEGER))).to.equal(source.durableLsn);
    again.drop('one');
    expect(() => again.drop('one')).to.throw(PgError, 'replication slot "one" does not exist').that.has.property('sqlstate', '42704');
    expect(again.list()).to.deep.equal([]);
    again.close();
    await node.engine.close();
  });

  it('are lost beyond max_slot_wal_keep_size, say so, end their user, and begin anew with a clone', async () => {
    const node = await grower();
    const source = sourceOf(node.engine);
    const slots = node.slots({ maxSlotWalKeepBytes: 2 * SEGMENT_BYTES });
    const reasons: PgError[] = [];
    const start = source.durableLsn;
    slots.acquire('slow', start, false, (reason) => reasons.push(reason));
    expect(slots.list()[0]).to.include({ active: true, safeWalSize: 2 * SEGMENT_BYTES });
    await node.segments(1);
    expect(slots.list()[0].walStatus).to.equal('reserved');
    await node.segments(3);
    expect(slots.list()[0]).to.include({ walStatus: 'lost', restartLsn: null, safeWalSize: null, invalidationReason: 'wal_removed' });
    expect(reasons).to.have.length(1);
    expect(reasons[0]).to.include({ sqlstate: '55000', message: 'can no longer access replication slot "slow"' });
    expect(node.log.map((error) => error.message)).to.deep.equal(['invalidating obsolete replication slot "slow"']);
    expect(node.log[0].detail).to.match(/^The slot's restart_lsn 0\/\w+ exceeds the limit by \d+ bytes\.$/);
    slots.close();
    const again = node.slots({ maxSlotWalKeepBytes: 2 * SEGMENT_BYTES });
    expect(() => again.acquire('slow', source.durableLsn, false, () => undefined)).to.throw(PgError, 'can no longer access replication slot "slow"');
    again.acquire('slow', source.durableLsn, true, () => undefined);
    expect(again.list()[0]).to.include({ walStatus: 'reserved', invalidationReason: null });
    again.close();
    await node.engine.close();
  });

  it('are invalidated when nobody uses them for idle_replication_slot_timeout, and begin anew with their replica', async () => {
    const node = await grower();
    const source = sourceOf(node.engine);
    const slots = node.slots({ idleTimeoutMs: 60_000 });
    const use = slots.acquire('used', source.durableLsn, false, () => expect.fail('it is in use'));
    slots.acquire('idle', source.durableLsn, false, () => expect.fail('nobody uses it')).release();
    await node.env.advance(59_000);
    await node.segments(1);
    expect(slots.list().map(({ walStatus }) => walStatus)).to.deep.equal(['reserved', 'reserved']);
    await node.env.advance(2000);
    await node.segments(1);
    expect(slots.list().map(({ name, invalidationReason }) => [name, invalidationReason])).to.deep.equal([['idle', 'idle_timeout'], ['used', null]]);
    expect(slots.list()[0]).to.include({ walStatus: 'lost', restartLsn: null });
    expect(node.log.map(({ message, detail, hint }) => [message, detail, hint])).to.deep.equal([[
      'invalidating obsolete replication slot "idle"', 'The slot\'s idle time of 61s exceeds the configured "idle_replication_slot_timeout" duration of 60s.',
      'You might need to increase "idle_replication_slot_timeout".',
    ]]);
    expect(slots.isLost('idle')).to.equal(true);
    expect(() => slots.acquire('idle', source.durableLsn, false, () => undefined)).to.throw(PgError).with.property('detail', 'This replication slot has been invalidated due to "idle_timeout".');
    use.release();
    slots.close();
    const again = node.slots({ idleTimeoutMs: 60_000 });
    expect(again.list().map(({ invalidationReason }) => invalidationReason)).to.deep.equal(['idle_timeout', null]);
    again.acquire('idle', source.durableLsn, true, () => undefined);
    expect(again.list()[0].invalidationReason).to.equal(null);
    again.close();
    await node.engine.close();
  });

  it('take only names that PostgreSQL takes, and only so many', async () => {
    const node = await grower();
    const slots = node.slots();
    const refusal = (name: string): PgError => {
      try {
        slots.create(name, null);
      } catch (error) {
        if (error instanceof PgError) return error;
      }
      return expect.fail(`${name} was taken`);
    };
    expect(refusal('')).to.include({ sqlstate: '42602', message: 'replication slot name "" is too short' });
    expect(refusal('No')).to.include({ sqlstate: '42602', message: 'replication slot name "No" contains invalid character' });
    expect(refusal('x'.repeat(64)).sqlstate).to.equal('42622');
    for (const name of ['a', 'b', 'c']) slots.create(name, null);
    expect(refusal('a')).to.include({ sqlstate: '42710', message: 'replication slot "a" already exists' });
    expect(refusal('d')).to.include({ sqlstate: '53400', message: 'all replication slots are in use' });
    expect(slots.list()[0]).to.include({ restartLsn: null, walStatus: null });
    expect(() => slots.advance('a', lsn(1))).to.throw(PgError, 'replication slot "a" cannot be advanced');
    slots.close();
    await node.engine.close();
  });

  it('have a file with golden bytes, and refuse it cut or bent anywhere', () => {
    const text = formatSlots([{ name: 'one', restartLsn: 0x1_0000_0028, lost: null }, { name: 'two', restartLsn: 0, lost: 'wal_removed' }, { name: 'three', restartLsn: 0, lost: 'idle_timeout' }]);
    expect(text).to.equal('pglitedb replication slots 1\none\t1/28\tkept\ntwo\t0/0\tlost\nthree\t0/0\tidle\nef3b30f8\n');
    expect(parseSlots('x', text)).to.deep.equal([{ name: 'one', restartLsn: 0x1_0000_0028, lost: null }, { name: 'two', restartLsn: 0, lost: 'wal_removed' }, { name: 'three', restartLsn: 0, lost: 'idle_timeout' }]);
    for (let length = 0; length < text.length; length++) expect(() => parseSlots('x', text.slice(0, length)), `cut at ${length}`).to.throw(PgError);
    for (let at = 0; at < text.length; at++) {
      const bent = Buffer.from(text);
      bent[at] ^= 1;
      expect(() => parseSlots('x', bent.toString('latin1')), `bent at ${at}`).to.throw(PgError);
    }
  });
});
