/** Who is looked after when: the watch rings for each wait at its time, whatever came and went before. */
import { expect } from 'chai';
import { simEnv } from '../../lib/env/sim.js';
import { DeadlockWatch, type Watched } from '../../lib/txn/deadlock-watch.js';

describe('deadlock watch', () => {
  it('checks each wait once, in order, when it is due, and none that ended before', async () => {
    const env = simEnv(1);
    const watch = new DeadlockWatch(env.timers, env.clock);
    const start = env.clock.monotonicMs();
    const rang: string[] = [];
    const add = (name: string, afterMs: number): Watched => watch.add(afterMs, () => rang.push(`${name} ${Math.round(env.clock.monotonicMs() - start)}`));
    add('a', 1000);
    const gone = add('b', 1000);
    await env.advance(100);
    add('c', 1000);
    add('d', 50);
    watch.remove(gone);
    watch.remove(gone);
    await env.advance(2000);
    add('e', 1000);
    await env.advance(2000);
    expect(rang).to.deep.equal(['d 150', 'a 1000', 'c 1100', 'e 3100']);
  });

  it('goes on for the others when a check ends one wait and begins another', async () => {
    const env = simEnv(1);
    const watch = new DeadlockWatch(env.timers, env.clock);
    const rang: string[] = [];
    const entries: Watched[] = [];
    watch.add(1000, () => {
      rang.push('first');
      watch.remove(entries[0]);
      watch.add(5000, () => rang.push('long'));
    });
    entries.push(watch.add(1000, () => rang.push('ended')));
    await env.advance(10);
    watch.add(1000, () => rang.push('second'));
    await env.advance(1100);
    expect(rang).to.deep.equal(['first', 'second']);
    await env.advance(5000);
    expect(rang).to.deep.equal(['first', 'second', 'long']);
  });
});
