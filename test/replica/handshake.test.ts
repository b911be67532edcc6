/** What a node answers to each kind of standby, decided over a real engine's log. */
import { expect } from 'chai';
import { openStorage } from '../../lib/access/storage.js';
import { PgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv } from '../../lib/env/sim.js';
import type { TimelineHistory } from '../../lib/wal/history.js';
import { answerHandshake, NO_ARCHIVE, type HandshakeAnswer, type LogOrigin } from '../../replica/handshake.js';
import type { Handshake } from '../../replica/messages.js';
import { CrashDisk } from '../access/crash-store.js';
import { makeHeap } from '../access/support.js';
import { sourceOf } from './support.js';

/** A node with some log, and a handshake that it resumes. */
async function node(): Promise<{ origin: LogOrigin; ask: (changes: Partial<Handshake>) => Promise<HandshakeAnswer>; end: number }> {
  const env = simEnv(1);
  const disk = new CrashDisk(() => env.random.float());
  const engine = await openStorage({ dir: 'data', env, fatal: () => undefined, openStore: () => disk.open() });
  makeHeap(engine, [[1, 'a'], [2, 'b']]);
  await engine.whenFlushed(engine.appendedLsn());
  const source = sourceOf(engine);
  const origin: LogOrigin = { env, source, archive: NO_ARCHIVE };
  const sound: Handshake = {
    type: 'handshake', nodeName: 'n', applicationName: 'n', slot: '', wants: 'stream', systemIdentifier: source.systemIdentifier, history: source.history,
    received: source.durablePosition, appliedLsn: source.durableLsn,
  };
  return { origin, ask: (changes) => answerHandshake(origin, { ...sound, ...changes }), end: source.durableLsn };
}

const successor = (switchLsn: number): TimelineHistory => ({ timeline: 2, ancestors: [{ timeline: 1, switchLsn: lsn(switchLsn), reason: 'test' }] });

describe('the answer to a handshake', () => {
  it('is to resume for a prefix of the log, also where only a segment\'s start is known', async () => {
    const { ask, end } = await node();
    expect(await ask({})).to.deep.include({ type: 'resume', startLsn: end });
    const start = lsn(end - (end % (16 << 20)));
    expect(await ask({ received: { endLsn: start, lastRecordLsn: lsn(0), lastCrc: 0 } })).to.deep.include({ type: 'resume', startLsn: start });
  });

  it('is an error, and never "diverged", for a standby of a newer timeline: it may be this node that was left behind', async () => {
    const { ask, end } = await node();
    for (const switchLsn of [end, end - 8]) {
      const answer = await ask({ history: successor(switchLsn) });
      if (answer.type !== 'error') expect.fail(`answered ${answer.type}`);
      expect(answer.error.sqlstate).to.equal('55000');
      expect(answer.error.message).to.match(/^requested starting point 0\/\w+ on timeline 2 is not in this server's history$/);
      expect(answer.error.detail).to.match(/^This server is on timeline 1, which shares the log up to 0\/\w+\.$/);
    }
  });

  it('is "diverged" for log, or a state, beyond the fork of our history, and for another history of the same number', async () => {
    const { origin, ask, end } = await node();
    const fork = end - 8;
    const promoted: LogOrigin = { ...origin, source: Object.create(origin.source, { history: { value: successor(fork) } }) as LogOrigin['source'] };
    const old: Handshake = {
      type: 'handshake', nodeName: 'n', applicationName: 'n', slot: '', wants: 'stream', systemIdentifier: origin.source.systemIdentifier,
      history: { timeline: 1, ancestors: [] }, received: { endLsn: lsn(end), lastRecordLsn: lsn(0), lastCrc: 0 }, appliedLsn: lsn(0),
    };
    expect(await answerHandshake(promoted, old)).to.deep.include({ type: 'diverged', forkLsn: fork });
    const start = { endLsn: lsn(end - (end % (16 << 20))), lastRecordLsn: lsn(0), lastCrc: 0 };
    expect(await answerHandshake(promoted, { ...old, received: start, appliedLsn: lsn(end) })).to.deep.include({ type: 'diverged', forkLsn: fork });
    expect(await answerHandshake(promoted, { ...old, received: start })).to.include({ type: 'resume' });
    expect(await answerHandshake(promoted, { ...old, history: successor(fork - 8), received: { ...old.received, endLsn: lsn(fork) } }))
      .to.deep.include({ type: 'diverged', forkLsn: fork - 8 });
    expect((await ask({})).type).to.equal('resume');
  });

  it('is "diverged" from nobody knows where for other bytes, and a violation for a position that cannot be', async () => {
    const { origin, ask } = await node();
    const { durablePosition } = origin.source;
    expect(await ask({ received: { ...durablePosition, lastCrc: 1 } })).to.deep.include({ type: 'diverged', forkLsn: 0 });
    expect(await ask({ received: { ...durablePosition, lastRecordLsn: lsn(durablePosition.lastRecordLsn - 8) } })).to.deep.include({ type: 'diverged', forkLsn: 0 });
    const refusal: unknown = await ask({ received: { ...durablePosition, lastRecordLsn: lsn(durablePosition.endLsn + 8) } }).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(PgError).that.has.property('sqlstate', '08P01');
  });
});
