/** When garbage is to be collected, and that V8 then collects it; what a process does that is larger than it should be. */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { expect } from 'chai';
import { MemoryWatch, ThisProcess, type WatchedData, type WatchedProcess } from '../../ops/cli/memory-watch.js';

const MB = 1 << 20;

/** A process that does as it is told. */
class Told implements WatchedProcess {
  share = 0;
  asked = 0;
  collected = false;
  residentMb = 0;
  readonly tight: boolean[] = [];
  constructor(public usedMb: number) {}

  residentBytes(): number {
    return this.residentMb * MB;
  }

  setTight(tight: boolean): void {
    this.tight.push(tight);
  }

  busyShare(): number {
    return this.share;
  }

  usedBytes(): number {
    return this.usedMb * MB;
  }

  hasCollected(): boolean {
    const { collected } = this;
    this.collected = false;
    return collected;
  }

  collect(): void {
    this.asked++;
  }
}

/** Data that note by how much they are to give way. */
class Noted implements WatchedData {
  readonly memoryBudget = 128 * MB;
  readonly asked: number[] = [];

  giveWay(bytes: number): void {
    this.asked.push(bytes / MB);
  }
}

describe('ops/memory-watch', () => {
  it('asks once there is something to be had and nothing to do', () => {
    const told = new Told(30);
    const watch = new MemoryWatch(told, new Noted());
    watch.look();
    expect(told.asked, 'nothing has come since the start').to.equal(0);
    told.usedMb = 60;
    told.share = 0.5;
    watch.look();
    expect(told.asked, 'busy').to.equal(0);
    told.share = 0.001;
    watch.look();
    expect(told.asked).to.equal(1);
    told.collected = true;
    told.usedMb = 32;
    watch.look();
    told.usedMb = 47;
    watch.look();
    expect(told.asked, 'little since the last one').to.equal(1);
    told.usedMb = 48;
    watch.look();
    expect(told.asked).to.equal(2);
  });

  it('asks once more when nothing has been done for long, and not again until something was', () => {
    const told = new Told(30);
    const watch = new MemoryWatch(told, new Noted());
    for (let look = 0; look < 5; look++) watch.look();
    expect(told.asked).to.equal(0);
    for (let look = 0; look < 20; look++) watch.look();
    expect(told.asked).to.equal(1);
    told.share = 0.5;
    watch.look();
    told.share = 0;
    for (let look = 0; look < 20; look++) watch.look();
    expect(told.asked).to.equal(2);
  });

  it('asks a busy process where much has come together and V8 has not collected for a while', () => {
    const told = new Told(30);
    told.share = 0.9;
    const watch = new MemoryWatch(told, new Noted());
    told.usedMb = 30 + 15;
    for (let look = 0; look < 10; look++) watch.look();
    expect(told.asked, 'not much').to.equal(0);
    told.usedMb = 300;
    told.collected = true;
    watch.look();
    told.usedMb = 400;
    for (let look = 0; look < 3; look++) watch.look();
    expect(told.asked, 'V8 has collected').to.equal(0);
    watch.look();
    expect(told.asked).to.equal(1);
  });

  it('has V8 spare memory and the data give way while the process is too large, and for as long as it nearly is', () => {
    const told = new Told(30);
    const data = new Noted();
    const watch = new MemoryWatch(told, data);
    const lookAt = (residentMb: number): void => {
      told.residentMb = residentMb;
      watch.look();
    };
    lookAt(150);
    expect(data.asked.splice(0), 'with room, all of the budget is theirs').to.deep.equal([-30]);
    lookAt(190);
    lookAt(184);
    expect(data.asked.splice(0), '180 MB are allowed with a budget of 128').to.deep.equal([10, 4]);
    expect(told.tight).to.deep.equal([true]);
    lookAt(175);
    expect(data.asked.splice(0), 'neither too large nor with room to spare').to.deep.equal([]);
    lookAt(160);
    expect(data.asked).to.deep.equal([-20]);
    expect(told.tight).to.deep.equal([true, false]);
  });

  it('has this process collected, and hears of it', async () => {
    const real = new ThisProcess();
    expect(real.usedBytes()).to.be.greaterThan(MB);
    expect(real.busyShare()).to.be.within(0, 1);
    expect(real.residentBytes()).to.be.greaterThan(real.usedBytes());
    real.setTight(true);
    real.setTight(false);
    const garbage = new WeakRef({});
    const observed = new Promise<void>((resolve) => {
      new PerformanceObserver((list, observer) => {
        const isMajor = (entry: object): boolean => 'detail' in entry && (entry.detail as { kind: number }).kind === constants.NODE_PERFORMANCE_GC_MAJOR;
        if (!list.getEntries().some(isMajor)) return;
        observer.disconnect();
        resolve();
      }).observe({ entryTypes: ['gc'] });
    });
    real.collect();
    await observed;
    expect(garbage.deref()).to.equal(undefined);
    expect(real.hasCollected()).to.equal(true);
    expect(real.hasCollected(), 'once').to.equal(false);
  });
});
