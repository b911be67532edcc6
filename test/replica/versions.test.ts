/** Nodes of the protocol before this one: what a standby says to an older upstream. */
import { expect } from 'chai';
import { pgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import type { FrameSocket } from '../../lib/env/network.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { FIRST_HISTORY } from '../../lib/wal/history.js';
import type { LogSink } from '../../lib/wal/shipping.js';
import { decodeFrame, encodeFrame, toRemoteError } from '../../replica/frames.js';
import type { Message, Report } from '../../replica/messages.js';
import { Receiver } from '../../replica/receiver.js';
import { until } from './support.js';

const START = lsn(1000);

/** A sink that has applied all that it has received, and flushed nothing of it. */
class AheadSink implements LogSink {
  private end = START;
  private listener = (): void => undefined;
  readonly pendingBytes = 0;
  readonly flushedLsn = START;

  get writtenLsn() { return this.end; }
  get appliedLsn() { return this.end; }
  get receivedPosition() { return { endLsn: this.end, lastRecordLsn: lsn(0), lastCrc: 0 }; }

  receive(bytes: Uint8Array): void {
    this.end = lsn(this.end + bytes.length);
    this.listener();
  }

  dropPartial(): void { /* Nothing is partial. */ }
  followTimeline(): Promise<void> { return Promise.resolve(); }
  watchProgress(listener: () => void): () => void {
    this.listener = listener;
    return () => undefined;
  }
}

/** A node that knows the protocol up to this version; what it has heard. */
async function upstream(env: SimEnv, newest: number): Promise<{ port: number; heard: Message[] }> {
  const heard: Message[] = [];
  const answers = (socket: FrameSocket, message: Message): void => {
    const send = (answer: Message): void => socket.send(encodeFrame(1, answer));
    if (message.type === 'start' && message.version > newest) {
      send({ type: 'error', error: toRemoteError(pgError('FEATURE_NOT_SUPPORTED', `unsupported replication protocol version ${message.version}: server supports ${newest}`)) });
      socket.close('');
    } else if (message.type === 'start') send({ type: 'authenticated', serverFinal: '', role: 'primary', systemIdentifier: 1n, durableLsn: START });
    else if (message.type === 'handshake') {
      send({ type: 'resume', startLsn: START, history: FIRST_HISTORY });
      send({ type: 'log', startLsn: START, durableLsn: lsn(START + 8), wallMicros: 0, bytes: Buffer.alloc(8) });
    }
  };
  const { port } = await env.network.listen({ host: '127.0.0.1', port: 0, maxFrameBytes: 1 << 20 }, (socket) => {
    socket.onFrame = (bytes) => {
      const { message } = decodeFrame(bytes);
      heard.push(message);
      answers(socket, message);
    };
  });
  return { port, heard };
}

async function reportsTo(newest: number): Promise<{ starts: number[]; last: Report }> {
  const env = simEnv(newest);
  const { port, heard } = await upstream(env, newest);
  const receiver = new Receiver({
    env, upstreams: [`ws://127.0.0.1:${port}`], sink: new AheadSink(), identity: { systemIdentifier: 1n, history: FIRST_HISTORY }, role: 'repl', password: '',
    applyState: () => ({ commitMicros: 0, applyDelayMs: 0, paused: false }), nodeName: 'one', applicationName: 'one', slot: '', timeoutMs: 0, retryMs: 50,
    handler: { diverged: () => undefined, logRemoved: () => undefined, disconnected: () => undefined, connected: () => undefined },
  });
  receiver.start();
  const reports = (): Report[] => heard.flatMap((message) => (message.type === 'report' ? [message] : []));
  await until(env, 'what was received is reported', () => reports().at(-1)?.writtenLsn === START + 8);
  await receiver.stop();
  return { starts: heard.flatMap((message) => (message.type === 'start' ? [message.version] : [])), last: reports().at(-1) as Report };
}

describe('versions of the replication protocol', () => {
  it('tells of what is applied before it is flushed', async () => {
    const { starts, last } = await reportsTo(2);
    expect(starts).to.deep.equal([2]);
    expect(last).to.include({ writtenLsn: START + 8, flushedLsn: START, appliedLsn: START + 8 });
  });

  it('speaks as an older upstream does, which takes that for an error', async () => {
    const { starts, last } = await reportsTo(1);
    expect(starts).to.deep.equal([2, 1]);
    expect(last).to.include({ writtenLsn: START + 8, flushedLsn: START, appliedLsn: START });
  });
});
