/** The log as a stream: verified at every cut, copied by a follower byte for byte, and going on in another timeline. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { EMPTY_LOG, FIRST_LSN, SEGMENT_BYTES, segmentName, type LogPosition } from '../../lib/wal/format.js';
import { LogReader } from '../../lib/wal/reader.js';
import { StreamReader, StreamVerifier } from '../../lib/wal/stream.js';
import { LogWriter } from '../../lib/wal/writer.js';

const SYSTEM = 0x1122334455667788n;
const START: LogPosition = { endLsn: lsn(SEGMENT_BYTES), lastRecordLsn: lsn(0), lastCrc: 0 };

function writer(env: SimEnv, directory: string, position: LogPosition, follow: boolean, fatal: (error: Error) => void = (error) => expect.fail(error.message)): LogWriter {
  return new LogWriter(env, directory, { systemIdentifier: SYSTEM, timeline: 1, position, follow, preallocate: false, fatal });
}

function texts(env: SimEnv, directory: string, timeline = 1, start: Lsn = FIRST_LSN): string[] {
  const reader = new LogReader(env, directory, { systemIdentifier: SYSTEM, timeline, start, isCopy: true });
  const found = [...reader].map((record) => Buffer.from(record.payload).toString('latin1').slice(0, 20));
  reader.close();
  return found;
}

async function upstream(env: SimEnv, payloads: readonly (string | Buffer)[]): Promise<{ log: LogWriter; bytes: (to?: number) => Buffer }> {
  const log = writer(env, '/up', EMPTY_LOG, false);
  for (const payload of payloads) log.append(16, Buffer.from(payload));
  await log.whenFlushed(log.appendedLsn);
  const bytes = (to: number = log.flushedLsn): Buffer => {
    const reader = new StreamReader(env, '/up', 1);
    const pieces: Buffer[] = [];
    for (let at = SEGMENT_BYTES; at < to;) {
      const piece = reader.read(lsn(at), lsn(to), 1 << 20);
      pieces.push(piece);
      at += piece.length;
    }
    reader.close();
    return Buffer.concat(pieces);
  };
  return { log, bytes };
}

describe('log stream', () => {
  it('gives out exactly the whole records, cut at every byte', async () => {
    const env = simEnv(1);
    const { log, bytes } = await upstream(env, ['alpha', 'beta-beta', '', 'gamma']);
    const stream = bytes();
    for (let cut = 0; cut <= stream.length; cut++) {
      const verifier = new StreamVerifier(SYSTEM, START);
      const first = verifier.push(stream.subarray(0, cut))?.bytes ?? Buffer.alloc(0);
      expect(first.length + verifier.partialBytes).to.equal(cut);
      const second = verifier.push(stream.subarray(cut))?.bytes ?? Buffer.alloc(0);
      expect(Buffer.concat([first, second]).equals(stream), `cut at ${cut}`).to.equal(true);
      expect(verifier.position).to.deep.equal(log.durablePosition);
    }
    await log.close();
  });

  it('refuses a flipped bit anywhere, and a stream of another system or place', async () => {
    const env = simEnv(1);
    const { log, bytes } = await upstream(env, ['alpha', 'beta']);
    const stream = bytes();
    for (let at = 0; at < stream.length; at++) {
      const damaged = Buffer.from(stream);
      damaged[at] ^= 4;
      const verifier = new StreamVerifier(SYSTEM, START);
      let refused = false;
      try {
        verifier.push(damaged);
      } catch (error) {
        refused = error instanceof PgError && error.sqlstate === 'XX001';
      }
      const passed = !refused && verifier.position.endLsn === log.flushedLsn;
      expect(passed, `byte ${at}`).to.equal(isPadding(stream, at));
    }
    expect(() => new StreamVerifier(SYSTEM + 1n, START).push(stream)).to.throw(PgError, 'different database system');
    expect(() => new StreamVerifier(SYSTEM, { ...START, endLsn: lsn(2 * SEGMENT_BYTES) }).push(stream)).to.throw(PgError, 'invalid segment header');
    const diverged: LogPosition = { ...log.durablePosition, lastCrc: log.durablePosition.lastCrc ^ 1 };
    log.append(16, Buffer.from('next'));
    await log.whenFlushed(log.appendedLsn);
    expect(() => new StreamVerifier(SYSTEM, diverged).push(bytes().subarray(stream.length))).to.throw(PgError, 'does not follow its predecessor');
    await log.close();
  });

  it('is copied byte for byte, over segments, and goes on after a restart of the copy', async () => {
    const env = simEnv(2);
    const big = Buffer.alloc(5 << 20, 7);
    const { log, bytes } = await upstream(env, ['alpha', big, big, big, 'omega', big]);
    const stream = bytes();
    let copy = writer(env, '/copy', START, true);
    const verifier = new StreamVerifier(SYSTEM, START);
    const half = stream.length >> 1;
    for (let at = 0; at < stream.length; at += 700_001) {
      const whole = verifier.push(stream.subarray(at, Math.min(at + 700_001, stream.length)));
      if (whole === null) continue;
      copy.receive(whole.bytes, whole.position);
      if (at < half) continue;
      await copy.whenFlushed(copy.appendedLsn);
      if (copy.appendedLsn % 3 === 0) continue;
      const { position } = copy;
      await copy.close();
      copy = writer(env, '/copy', position, true);
    }
    await copy.whenFlushed(copy.appendedLsn);
    expect(copy.durablePosition).to.deep.equal(log.durablePosition);
    await copy.close();
    await log.close();
    expect(texts(env, '/copy')).to.deep.equal(texts(env, '/up'));
    for (let segment = 1; segment <= 2; segment++) {
      expect(Buffer.from(env.files.readFile(`/copy/${segmentName(1, segment)}`)).equals(Buffer.from(env.files.readFile(`/up/${segmentName(1, segment)}`)))).to.equal(true);
    }
  });

  it('goes on in another timeline: the segment is copied, the old one stays', async () => {
    const env = simEnv(3);
    const { log, bytes } = await upstream(env, ['alpha', 'beta']);
    const copy = writer(env, '/copy', START, true);
    const whole = new StreamVerifier(SYSTEM, START).push(bytes());
    copy.receive(whole?.bytes ?? Buffer.alloc(0), whole?.position ?? START);
    await copy.startTimeline(2, false);
    const switchLsn = copy.appendedLsn;
    expect(switchLsn).to.equal(log.flushedLsn);
    copy.append(16, Buffer.from('of the second'));
    await copy.whenFlushed(copy.appendedLsn);
    log.append(16, Buffer.from('lost'));
    await log.whenFlushed(log.appendedLsn);
    await copy.close();
    await log.close();
    expect(texts(env, '/copy', 2)).to.deep.equal(['alpha', 'beta', 'of the second']);
    expect(texts(env, '/copy', 1)).to.deep.equal(['alpha', 'beta']);
    // Of a segment in which one timeline after the other begins, two files stay.
    const often = writer(env, '/often', copy.position, true);
    for (let timeline = 2; timeline < 6; timeline++) await often.startTimeline(timeline, true);
    await often.close();
    expect(env.files.list('/often')).to.deep.equal([segmentName(4, 1), segmentName(5, 1)]);
    // A log that begins a segment in its new timeline names it in that segment's header.
    const exact = writer(env, '/exact', { endLsn: lsn(3 * SEGMENT_BYTES), lastRecordLsn: lsn(3 * SEGMENT_BYTES - 64), lastCrc: 9 }, true);
    await exact.startTimeline(3, false);
    exact.append(16, Buffer.from('first'));
    await exact.close();
    expect(texts(env, '/exact', 3, lsn(3 * SEGMENT_BYTES))).to.deep.equal(['first']);
    expect(env.files.list('/exact')).to.deep.equal([segmentName(3, 3)]);
  });

  it('has a copy end soundly after any power cut, whatever its records state of the primary', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const env = simEnv(seed);
      const { log, bytes } = await upstream(env, []);
      for (let index = 0; index < 12; index++) {
        log.append(16, Buffer.from(`record ${index}`.padEnd(600 + index * 37, '.')));
        await log.whenFlushed(log.appendedLsn);
      }
      const stream = bytes();
      const copy = writer(env, '/copy', START, true, () => undefined);
      const verifier = new StreamVerifier(SYSTEM, START);
      let durable = 0;
      for (let at = 0; at < stream.length; at += 1500) {
        const whole = verifier.push(stream.subarray(at, at + 1500));
        if (whole !== null) copy.receive(whole.bytes, whole.position);
        if (at === 3000) {
          await copy.whenFlushed(copy.appendedLsn);
          durable = texts(env, '/copy').length;
        }
      }
      copy.requestFlush(copy.appendedLsn);
      await new Promise<void>((resolve) => setImmediate(resolve));
      env.powerCut();
      const left = texts(env, '/copy');
      expect(left.length, `seed ${seed}`).to.be.at.least(durable);
      left.forEach((text, index) => expect(text.startsWith(`record ${index}.`)).to.equal(true));
    }
  });
});

/** Bytes that no checksum covers: what fills a record up to a multiple of 8. */
function isPadding(stream: Buffer, at: number): boolean {
  let offset = 40;
  while (offset < stream.length) {
    const end = offset + 32 + stream.readUInt32LE(offset + 4);
    const next = (end + 7) & ~7;
    if (at >= end && at < next) return true;
    offset = next;
  }
  return false;
}
