/** Sends by another thread, or past the stream: each byte once and in order, on its own connection, whatever the client does. */
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Outbox } from '../../server/outbox.js';
import { SendQueue } from '../../server/send-queue.js';
import { SendRing } from '../../server/send-ring.js';
import { readShared } from '../../server/shared-reading.js';
import { ThreadedSends } from '../../server/threaded-sends.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('server/threaded-sends', () => {
  let server: Server;
  let sends: ThreadedSends;
  const ends: Socket[] = [];

  before(async () => {
    server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    sends = ThreadedSends.start() as ThreadedSends;
    while (!sends.isReady) await turn();
  });

  afterEach(() => {
    for (const socket of ends.splice(0)) socket.destroy();
  });

  after(() => {
    sends.close();
    server.close();
  });

  async function connected(): Promise<{ client: Socket; served: Socket; outbox: Outbox }> {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const served = readShared(accepted);
    served.on('error', () => undefined);
    client.on('error', () => undefined);
    ends.push(client, served);
    return { client, served, outbox: new Outbox(served, { tryPass: () => true, passed: () => undefined }) };
  }

  function say(outbox: Outbox, text: string, thread: ThreadedSends | null): void {
    outbox.writer.bytes(Buffer.from(text, 'latin1'));
    outbox.send(thread);
  }

  async function heard(client: Socket, length: number): Promise<string> {
    let text = '';
    for await (const bytes of client as AsyncIterable<Buffer>) {
      text += bytes.toString('latin1');
      if (text.length >= length) break;
    }
    return text;
  }

  it('has what either thread sends arrive in order, on the connection that it is for', async () => {
    const pairs = [];
    for (let count = 0; count < 20; count++) pairs.push(await connected());
    const expected = pairs.map(() => '');
    const hearing = Promise.all(pairs.map(({ client }) => heard(client, 200 * 6)));
    for (let round = 0; round < 200; round++) {
      for (const [number, { outbox }] of pairs.entries()) {
        const text = `${String(number).padStart(2)}:${String(round).padStart(3)}`;
        expected[number] += text;
        say(outbox, text, (round * 7 + number) % 5 === 0 ? null : sends);
      }
      if (round % 3 === 0) await turn();
    }
    expect(await hearing).to.deep.equal(expected);
  });

  it('sends what was given to it before the connection is ended or closed', async () => {
    for (const hangUp of [({ outbox }: { outbox: Outbox }) => outbox.end(() => undefined), ({ served }: { served: Socket }) => served.destroy()]) {
      for (let count = 0; count < 50; count++) {
        const pair = await connected();
        const hearing = heard(pair.client, 7);
        say(pair.outbox, 'goodbye', sends);
        hangUp(pair);
        expect(await hearing).to.equal('goodbye');
      }
    }
  });

  const ways = { 'by the thread': () => sends, 'at once': () => null };
  for (const way of Object.keys(ways) as (keyof typeof ways)[]) {
    it(`${way}: what a client that does not read leaves no room for waits, and is sent when there is`, async () => {
      const { client, served, outbox } = await connected();
      client.pause();
      let expected = '';
      for (let piece = 0; expected.length < 20_000_000; piece++) {
        const text = String.fromCharCode(65 + piece % 26).repeat(4000);
        say(outbox, text, ways[way]());
        expected += text;
      }
      expect(served.writableLength, 'what is left waits in the stream').to.be.greaterThan(0);
      expect(outbox.isFull(), 'and its session waits for the client').to.equal(true);
      const text = await heard(client, expected.length);
      expect(text === expected).to.equal(true);
    });

    it(`${way}: a send to a client that is gone is told of`, async () => {
      const { client, served, outbox } = await connected();
      const closed = new Promise((resolve) => served.once('close', resolve));
      client.resetAndDestroy();
      for (let count = 0; !served.destroyed && count < 1000; count++) {
        say(outbox, 'anybody there?', ways[way]());
        await turn();
      }
      await closed;
    });

    it(`${way}: nothing is written to what has taken the number of a closed descriptor`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'pglitedb-sends-'));
      for (let count = 0; count < 50; count++) {
        const { served, outbox } = await connected();
        say(outbox, 'not for a file', ways[way]());
        served.destroy();
        const path = join(directory, 'file');
        const files = Array.from({ length: 8 }, () => openSync(path, 'w+'));
        say(outbox, 'nor is this, before anybody knows', ways[way]());
        await once(served, 'close');
        say(outbox, 'nor afterwards', ways[way]());
        await turn();
        for (const fd of files) closeSync(fd);
        expect(readFileSync(path, 'latin1')).to.equal('');
      }
      rmSync(directory, { recursive: true });
    });
  }

  it('is asked where many answers leave together, and not where they are few', async () => {
    let started = 0;
    const queue = new SendQueue(() => {
      started++;
      return sends;
    });
    const asked: boolean[] = [];
    const outboxes = Array.from({ length: 40 }, () => ({ send: (thread: ThreadedSends | null) => { asked.push(thread !== null); } }));
    const answer = async (count: number): Promise<boolean[]> => {
      asked.length = 0;
      for (const outbox of outboxes.slice(0, count)) queue.send(outbox, false);
      await turn();
      return asked;
    };
    for (let count = 0; count < 20; count++) expect(await answer(10)).to.deep.equal(Array(10).fill(false));
    expect(started).to.equal(0);
    for (let count = 0; count < 20; count++) await answer(40);
    expect(started).to.equal(1);
    expect(await answer(40)).to.deep.equal(Array(40).fill(true));
    expect(await answer(5), 'a turn with few').to.deep.equal(Array(5).fill(false));
  });
});

describe('server/send-ring', () => {
  it('takes what fits, in order, and has room again when all is done', () => {
    const ring = new SendRing();
    const bytes = Buffer.alloc(4096, 'x');
    let pushed = 0;
    while (ring.push(pushed + 3, bytes.fill(pushed)) !== null) pushed++;
    expect(pushed).to.equal(64);
    const taken: number[] = [];
    expect(ring.hasTaker).to.equal(false);
    const taker = new SendRing(ring.memory);
    const stop = new Error('enough');
    expect(() => taker.takeAll((fd, sent) => {
      expect(sent.equals(Buffer.alloc(4096, taken.length))).to.equal(true);
      taken.push(fd);
      if (taken.length === pushed) throw stop;
      return true;
    })).to.throw(stop);
    expect(ring.hasTaker).to.equal(true);
    expect(taken).to.deep.equal(Array.from({ length: 64 }, (_, number) => number + 3));
  });

  it('takes as many small sends as it has slots, and counts those that were cut', () => {
    const ring = new SendRing();
    for (let count = 0; count < 1024; count++) expect(ring.push(count, Buffer.from('a'))).to.equal(count + 1);
    expect(ring.push(0, Buffer.from('a'))).to.equal(null);
    let taken = 0;
    const stop = new Error('enough');
    expect(() => new SendRing(ring.memory).takeAll(() => {
      if (++taken === 1024) throw stop;
      return taken % 2 === 0;
    })).to.throw(stop);
    expect(ring.cuts).to.equal(512);
    ring.wait(1023);
    expect(ring.push(0, Buffer.from('a')), 'one slot is free').to.equal(1025);
  });
});
