/** When a sender sends: at once what a commit waits for, together what nobody waits for. */
import { expect } from 'chai';
import { MAX_LSN, lsn, type Lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { LOG_HEADER_BYTES, OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, type Awaited } from '../../replica/format.js';
import { decodeFrame } from '../../replica/frames.js';
import { NO_ARCHIVE } from '../../replica/handshake.js';
import { LogSender } from '../../replica/sender.js';
import { TestNode } from '../archive/support.js';

/** A sender that has caught up with a log; `sent` are the bytes of log in each frame since then, `awaited` what each says of who waits. */
async function streaming(version = PROTOCOL_VERSION): Promise<{ env: SimEnv; node: TestNode; sender: LogSender; sent: number[]; awaited: Awaited[] }> {
  const env = simEnv(1);
  const node = new TestNode(env, 'data/wal');
  const startLsn = node.durableLsn;
  const sent: number[] = [];
  const awaited: Awaited[] = [];
  const sender = new LogSender({
    origin: { env, source: node, archive: NO_ARCHIVE }, applicationName: 'one', version, startLsn, timeline: 1, reported: () => undefined,
    link: {
      queuedBytes: 0,
      send: (message) => expect.fail(`unexpected ${message.type}`),
      sendFrame: (frame) => {
        const { message } = decodeFrame(frame);
        if (message.type !== 'log') return expect.fail(`unexpected ${message.type}`);
        sent.push(frame.length - LOG_HEADER_BYTES);
        awaited.push(message.awaited);
      },
      fail: (error) => {
        throw error;
      },
    },
  });
  sender.credit(MAX_LSN);
  await node.write(100);
  await env.advance(10);
  expect(sender).to.include({ streaming: true, sentLsn: node.durableLsn });
  sent.length = awaited.length = 0;
  return { env, node, sender, sent, awaited };
}

describe('log sender', () => {
  it('sends log that nobody waits for together, the first at once after a rest', async () => {
    const { env, node, sender, sent } = await streaming();
    const from = node.durableLsn;
    const first = await node.write(50);
    expect(sent, 'the frame before was long ago').to.deep.equal([first - from]);
    for (let count = 0; count < 5; count++) await node.write(50);
    expect(sent).to.have.length(1);
    await env.advance(1);
    expect(sent).to.have.length(1);
    await env.advance(1);
    expect(sent).to.deep.equal([first - from, node.durableLsn - first]);
    await env.advance(100);
    expect(sent, 'nothing is sent twice').to.have.length(2);
    sender.stop();
  });

  it('sends at once what a commit waits for, with what rested before it', async () => {
    const { env, node, sender, sent } = await streaming();
    const first = await node.write(50);
    await node.write(50);
    expect(sent).to.have.length(1);
    node.awaitedLsn = lsn(node.durableLsn + 1);
    await node.write(50);
    expect(sent).to.have.length(2);
    expect(sent[1]).to.equal(node.durableLsn - first);
    await env.advance(100);
    expect(sent, 'what rested has gone with it').to.have.length(2);
    sender.stop();
  });

  it('says in each frame what is waited for, to those who know of it', async () => {
    for (const [version, said] of [[PROTOCOL_VERSION, ['nothing', 'flush', 'write', 'nothing']], [OLDEST_PROTOCOL_VERSION, Array<Awaited>(4).fill('nothing')]] as const) {
      const { env, node, sender, awaited } = await streaming(version);
      await node.write(50);
      node.awaitedLsn = lsn(node.durableLsn + 1);
      await node.write(50);
      node.awaitedLsn = node.writeAwaitedLsn = lsn(node.durableLsn + 1);
      await node.write(50);
      await node.write(50);
      await env.advance(10);
      expect(awaited, `version ${version}`).to.deep.equal(said);
      sender.stop();
    }
  });

  it('does not let much log rest, and sends none once it is stopped', async () => {
    const { env, node, sender, sent } = await streaming();
    await node.write(50);
    await node.write(100_000);
    expect(sent).to.have.length(2);
    await node.write(50);
    sender.stop();
    await env.advance(100);
    expect(sent).to.have.length(2);
  });

  it('takes what was applied before it was flushed, measures from when log is durable, and refuses what cannot be', async () => {
    const { env, node, sender } = await streaming();
    const report = (writtenLsn: Lsn, flushedLsn: Lsn, appliedLsn: Lsn): void => sender.report({
      type: 'report', writtenLsn, flushedLsn, appliedLsn, wallMicros: 0, commitMicros: 0, applyDelayMs: 0, paused: false,
    });
    const before = node.durableLsn;
    await node.write(50);
    const first = node.durableLsn;
    await env.advance(1);
    // It rests for a millisecond; that counts.
    await node.write(50);
    await env.advance(1);
    expect(sender.sentLsn).to.equal(node.durableLsn);
    await env.advance(4);
    report(first, before, node.durableLsn);
    expect([sender.lag.lag('write'), sender.lag.lag('apply')]).to.deep.equal([6, 5]);
    expect(sender).to.include({ writtenLsn: first, flushedLsn: before, appliedLsn: node.durableLsn });
    await env.advance(1);
    report(node.durableLsn, node.durableLsn, node.durableLsn);
    expect(sender.lag.lag('flush')).to.equal(6);
    expect(() => report(node.durableLsn, node.durableLsn, lsn(node.durableLsn + 1)), 'applied beyond what was sent').to.throw('invalid positions');
    expect(() => report(first, node.durableLsn, first), 'flushed beyond what is written').to.throw('invalid positions');
    sender.stop();
  });
});
