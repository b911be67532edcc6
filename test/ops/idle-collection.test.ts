/** Collecting garbage when there is nothing to do: when it is due, and that V8 then collects. */
import { expect } from 'chai';
import { IdleCollection, ThisProcess, type IdleProcess } from '../../ops/bundle/idle-collection.js';

const MB = 1 << 20;

/** A process that does what it is told; a collection leaves `keptMb`. */
class Told implements IdleProcess {
  share = 0;
  collections = 0;
  constructor(public usedMb: number, public keptMb: number) {}

  busyShare(): number {
    return this.share;
  }

  usedBytes(): number {
    return this.usedMb * MB;
  }

  collect(): void {
    this.collections++;
    this.usedMb = this.keptMb;
  }
}

describe('ops/idle-collection', () => {
  it('collects once there is something to be had and nothing to do', () => {
    const told = new Told(30, 32);
    const collection = new IdleCollection(told);
    collection.look();
    expect(told.collections, 'nothing has come since the start').to.equal(0);
    told.usedMb = 60;
    told.share = 0.5;
    collection.look();
    expect(told.collections, 'busy').to.equal(0);
    told.share = 0.001;
    collection.look();
    expect(told.collections).to.equal(1);
    collection.look();
    told.usedMb = 45;
    collection.look();
    expect(told.collections, 'little since the last one').to.equal(1);
    told.usedMb = 49;
    collection.look();
    expect(told.collections).to.equal(2);
  });

  it('counts from what V8 left, where V8 has collected meanwhile', () => {
    const told = new Told(60, 30);
    const collection = new IdleCollection(told);
    told.usedMb = 35;
    collection.look();
    told.usedMb = 52;
    collection.look();
    expect(told.collections).to.equal(1);
  });

  it('leaves a large heap to V8', () => {
    const told = new Told(30, 30);
    const collection = new IdleCollection(told);
    told.usedMb = 200;
    collection.look();
    expect(told.collections).to.equal(0);
  });

  it('collects all garbage of this process', async () => {
    const gone = new WeakRef({});
    // What was looked at in a job is kept to its end.
    await new Promise((resolve) => setImmediate(resolve));
    const real = new ThisProcess();
    expect(real.usedBytes()).to.be.greaterThan(MB);
    expect(real.busyShare()).to.be.within(0, 1);
    real.collect();
    expect(gone.deref()).to.equal(undefined);
  });
});
