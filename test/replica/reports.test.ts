/** What a standby says, and when: to an upstream that tells it who waits, and to one of the protocol before, which does not. */
import { expect } from 'chai';
import { pgError } from '../../lib/base/error.js';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import type { FrameSocket } from '../../lib/env/network.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { FIRST_HISTORY } from '../../lib/wal/history.js';
import type { LogSink } from '../../lib/wal/shipping.js';
import type { Awaited } from '../../replica/format.js';
import { decodeFrame, encodeFrame, toRemoteError } from '../../replica/frames.js';
import type { Message, Report } from '../../replica/messages.js';
import { Receiver } from '../../replica/receiver.js';
import { turn, until } from './support.js';

const START = lsn(1000);

/** A sink that stands where the test puts it. */
class PlacedSink implements LogSink {
  readonly pendingBytes = 0;
  writtenLsn = START;
  flushedLsn = START;
  appliedLsn = START;
  /** Whether each piece was awaited. */
  readonly received: boolean[] = [];
  private end = START;
  private listener = (): void => undefined;

  get receivedPosition() { return { endLsn: this.end, lastRecordLsn: lsn(0), lastCrc: 0 }; }

  receive(bytes: Uint8Array, isAwaited: boolean): void {
    this.end = lsn(this.end + bytes.length);
    this.received.push(isAwaited);
  }

  reach(stage: 'writtenLsn' | 'flushedLsn' | 'appliedLsn'): void {
    this[stage] = this.end;
    this.listener();
  }

  streamEnded(): void { /* Nothing is partial. */ }
  followTimeline(): Promise<void> { return Promise.resolve(); }
  watchProgress(listener: () => void): () => void {
    this.listener = listener;
    return () => undefined;
  }
}

/** A node that knows the protocol up to this version, and what it has heard. */
class Upstream {
  readonly heard: Message[] = [];
  port = 0;
  private socket: FrameSocket | null = null;
  private end = START;

  constructor(private readonly newest: number) {}

  async listen(env: SimEnv): Promise<void> {
    const { port } = await env.network.listen({ host: '127.0.0.1', port: 0, maxFrameBytes: 1 << 20 }, (socket) => {
      socket.onFrame = (bytes) => {
        const { message } = decodeFrame(bytes);
        this.heard.push(message);
        this.answer(socket, message);
      };
    });
    this.port = port;
  }

  private answer(socket: FrameSocket, message: Message): void {
    const send = (answer: Message): void => socket.send(encodeFrame(1, answer));
    if (message.type === 'start' && message.version > this.newest) {
      send({ type: 'error', error: toRemoteError(pgError('FEATURE_NOT_SUPPORTED', `unsupported replication protocol version ${message.version}: server supports ${this.newest}`)) });
      socket.close('');
    } else if (message.type === 'start') send({ type: 'authenticated', serverFinal: '', role: 'primary', systemIdentifier: 1n, durableLsn: START });
    else if (message.type === 'handshake') {
      this.socket = socket;
      send({ type: 'resume', startLsn: START, history: FIRST_HISTORY });
    }
  }

  get isStreaming(): boolean {
    return this.socket !== null;
  }

  /** Eight bytes more. */
  sendLog(awaited: Awaited): void {
    const startLsn = this.end;
    this.end = lsn(startLsn + 8);
    this.socket?.send(encodeFrame(1, { type: 'log', startLsn, durableLsn: this.end, wallMicros: 0, awaited, bytes: Buffer.alloc(8) }));
  }

  get reports(): (readonly [written: Lsn, flushed: Lsn, applied: Lsn])[] {
    return this.heard.flatMap((message) => (message.type === 'report' ? [position(message)] : []));
  }

  get versions(): number[] {
    return this.heard.flatMap((message) => (message.type === 'start' ? [message.version] : []));
  }
}

function position({ writtenLsn, flushedLsn, appliedLsn }: Report): readonly [Lsn, Lsn, Lsn] {
  return [writtenLsn, flushedLsn, appliedLsn];
}

/** A standby of such a node, streaming; `told` gives the reports since it was asked last, as bytes behind START. */
async function standbyOf(newest: number): Promise<{ upstream: Upstream; sink: PlacedSink; told: () => Promise<number[][]>; stop: () => Promise<void> }> {
  const env = simEnv(newest);
  const upstream = new Upstream(newest);
  await upstream.listen(env);
  const sink = new PlacedSink();
  const receiver = new Receiver({
    env, upstreams: [`ws://127.0.0.1:${upstream.port}`], sink, identity: { systemIdentifier: 1n, history: FIRST_HISTORY }, role: 'repl', password: '',
    applyState: () => ({ commitMicros: 0, applyDelayMs: 0, paused: false }), nodeName: 'one', applicationName: 'one', slot: '', timeoutMs: 0, retryMs: 50,
    handler: { diverged: () => undefined, logRemoved: () => undefined, disconnected: () => undefined, connected: () => undefined },
  });
  receiver.start();
  await until(env, 'the stream has begun', () => upstream.isStreaming && upstream.reports.length === 1);
  let seen = 1;
  const told = async (): Promise<number[][]> => {
    for (let count = 0; count < 2; count++) {
      for (let turns = 0; turns < 8; turns++) await turn();
      await env.advance(20);
    }
    const news = upstream.reports.slice(seen).map((positions) => positions.map((each) => each - START));
    seen = upstream.reports.length;
    return news;
  };
  return { upstream, sink, told, stop: () => receiver.stop() };
}

describe('reports of a standby', () => {
  it('tell of what is applied while nobody waits for the flush, and of the flush when it comes', async () => {
    const { upstream, sink, told, stop } = await standbyOf(3);
    expect(upstream.versions).to.deep.equal([3]);
    upstream.sendLog('nothing');
    expect(await told()).to.deep.equal([]);
    expect(sink.received).to.deep.equal([false]);
    sink.reach('writtenLsn');
    expect(await told(), 'nobody waits for what is written').to.deep.equal([]);
    sink.reach('appliedLsn');
    expect(await told()).to.deep.equal([[8, 0, 8]]);
    sink.reach('flushedLsn');
    expect(await told()).to.deep.equal([[8, 8, 8]]);
    await stop();
  });

  it('are one for the flush that is waited for and what was applied meanwhile', async () => {
    const { upstream, sink, told, stop } = await standbyOf(3);
    upstream.sendLog('flush');
    expect(await told()).to.deep.equal([]);
    expect(sink.received).to.deep.equal([true]);
    sink.reach('writtenLsn');
    sink.reach('appliedLsn');
    expect(await told()).to.deep.equal([]);
    sink.reach('flushedLsn');
    expect(await told()).to.deep.equal([[8, 8, 8]]);
    upstream.sendLog('flush');
    await told();
    sink.reach('writtenLsn');
    sink.reach('flushedLsn');
    expect(await told(), 'the flush does not wait for what is applied').to.deep.equal([[16, 16, 8]]);
    sink.reach('appliedLsn');
    expect(await told()).to.deep.equal([[16, 16, 16]]);
    await stop();
  });

  it('tell of what is written where somebody waits for that', async () => {
    const { upstream, sink, told, stop } = await standbyOf(3);
    upstream.sendLog('write');
    await told();
    sink.reach('writtenLsn');
    expect(await told()).to.deep.equal([[8, 0, 0]]);
    sink.reach('flushedLsn');
    expect(await told()).to.deep.equal([[8, 8, 0]]);
    await stop();
  });

  it('tell an upstream of the protocol before, which does not say who waits, of everything, and all is flushed at once', async () => {
    const { upstream, sink, told, stop } = await standbyOf(2);
    expect(upstream.versions).to.deep.equal([3, 2]);
    upstream.sendLog('nothing');
    await told();
    expect(sink.received).to.deep.equal([true]);
    sink.reach('writtenLsn');
    expect(await told()).to.deep.equal([[8, 0, 0]]);
    sink.reach('flushedLsn');
    sink.reach('appliedLsn');
    expect(await told()).to.deep.equal([[8, 8, 8]]);
    await stop();
  });
});
