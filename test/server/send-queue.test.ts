/** When answers leave: together at the end of a turn, at once where nobody else is answered or others wait. */
import { expect } from 'chai';
import { SendQueue } from '../../server/send-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('server/send-queue', () => {
  let sent: string[];
  const outbox = (name: string): { send(): void } => ({ send: () => { sent.push(name); } });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => outbox(name));

  beforeEach(() => {
    sent = [];
  });

  it('sends answers of several connections together, at the end of the turn', async () => {
    const queue = new SendQueue();
    for (const box of [a, b, c]) queue.send(box, false);
    expect(sent).to.deep.equal([]);
    await turn();
    expect(sent).to.deep.equal(['a', 'b', 'c']);
  });

  it('does not keep an answer that others wait for', async () => {
    const queue = new SendQueue();
    queue.send(a, false);
    queue.send(b, true);
    expect(sent).to.deep.equal(['b']);
    await turn();
    expect(sent).to.deep.equal(['b', 'a']);
  });

  it('sends at once what one connection says alone', async () => {
    const queue = new SendQueue();
    queue.send(a, false);
    await turn();
    queue.send(a, false);
    expect(sent).to.deep.equal(['a', 'a']);
  });

  it('sends at once where answers come one by one, but for a probe now and then', async () => {
    const queue = new SendQueue();
    const kept: number[] = [];
    for (let count = 0; count < 60; count++) {
      queue.send(count % 2 === 0 ? a : b, false);
      if (sent.length <= count) kept.push(count);
      await turn();
    }
    expect(sent).to.have.lengthOf(60);
    expect(kept[0], 'at first they are thought to come together').to.equal(0);
    expect(kept.length).to.be.within(3, 8);
  });
});
