/** When input is handled: after all of a turn is read, at once where others wait or nobody else is heard; and always before the connection is over. */
import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { openEngine } from '../../lib/session/engine.js';
import { Connection } from '../../server/connection.js';
import { InputQueue, type InputHandler } from '../../server/input-queue.js';
import { FrameReader } from '../../server/protocol/reader.js';
import { SendQueue } from '../../server/send-queue.js';
import { cstring, message } from './wire.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('server/input-queue', () => {
  let done: string[];
  let sends: SendQueue;
  let queue: InputQueue;

  beforeEach(() => {
    done = [];
    sends = new SendQueue();
    queue = new InputQueue(sends);
  });

  /** Answers when its input is handled. */
  const handler = (name: string): InputHandler => ({
    handleInput: () => {
      done.push(`handle ${name}`);
      sends.send({ send: () => { done.push(`answer ${name}`); } }, false);
    },
  });

  it('has all of a turn handled, then answered, at its end', async () => {
    for (const name of ['a', 'b', 'c']) queue.add(handler(name), false);
    expect(done).to.deep.equal([]);
    await turn();
    expect(done).to.deep.equal(['handle a', 'handle b', 'handle c', 'answer a', 'answer b', 'answer c']);
    await turn();
    expect(done).to.have.lengthOf(6);
  });

  it('has input handled at once that others wait for', async () => {
    queue.add(handler('a'), false);
    queue.add(handler('b'), true);
    expect(done).to.deep.equal(['handle b']);
    await turn();
    expect(done).to.deep.equal(['handle b', 'handle a', 'answer b', 'answer a']);
  });

  it('has input of a lone client handled at once', async () => {
    const alone = handler('a');
    queue.add(alone, false);
    await turn();
    done.length = 0;
    queue.add(alone, false);
    expect(done[0]).to.equal('handle a');
  });

  it('has input handled at once where it comes one by one, but for a probe now and then', async () => {
    const [a, b] = [handler('a'), handler('b')];
    const kept: number[] = [];
    for (let count = 0; count < 60; count++) {
      done.length = 0;
      queue.add(count % 2 === 0 ? a : b, false);
      if (done.length === 0) kept.push(count);
      await turn();
      await turn();
    }
    expect(kept[0], 'at first it is thought to come together').to.equal(0);
    expect(kept.length).to.be.within(3, 8);
  });

  it('has what a client sent before it hung up handled, though it waits for the end of the turn', async () => {
    const engine = await openEngine({ dir: 'memory://' });
    for (const end of ['end', 'close']) {
      let answer = '';
      const socket = new Duplex({
        read: () => undefined,
        write: (chunk: Buffer, _encoding, written) => {
          answer += chunk.toString('latin1');
          written();
        },
      });
      const connection = new Connection(socket, new FrameReader(), { inputQueue: new InputQueue(sends), sendQueue: sends, connectionClosed: () => undefined });
      const processId = engine.nextProcessId();
      connection.serve(engine.connect({
        role: engine.findRole('postgres')!, database: 'postgres', address: { address: null, port: -1 }, client: connection, settings: [], processId,
      }));
      socket.emit('data', message('Q', cstring("select 'handled'")));
      expect(answer).not.to.include('handled');
      socket.emit(end);
      expect(answer).to.include('handled');
      expect(engine.session(processId), 'it is over').to.equal(undefined);
      await turn();
    }
    await engine.close();
  });
});
