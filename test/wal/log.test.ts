/** The log: golden bytes, group commit, segments, and where a damaged log ends, at every byte offset. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { EMPTY_LOG, FIRST_LSN, parseSegmentName, SEGMENT_BYTES, SEGMENT_HEADER_BYTES, segmentName, type LogPosition } from '../../lib/wal/format.js';
import { LogReader } from '../../lib/wal/reader.js';
import { LogWriter } from '../../lib/wal/writer.js';

const IDENTITY = { systemIdentifier: 0x1122334455667788n, timeline: 1 };
const SEGMENT_ONE = `/wal/${segmentName(1, 1)}`;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function openWriter(env: SimEnv, position: LogPosition = EMPTY_LOG, fatal: (error: Error) => void = (error) => expect.fail(error.message)): LogWriter {
  return new LogWriter(env, '/wal', { ...IDENTITY, position, fatal, preallocate: false });
}

function readAll(env: SimEnv, start: Lsn = FIRST_LSN): { records: string[]; position: LogPosition; lsns: Lsn[] } {
  const reader = new LogReader(env, '/wal', { ...IDENTITY, start });
  const records: string[] = [];
  const lsns: Lsn[] = [];
  for (const record of reader) {
    records.push(`${record.type}:${Buffer.from(record.payload).toString('latin1').slice(0, 40)}`);
    lsns.push(record.endLsn);
  }
  const { position } = reader;
  reader.close();
  return { records, position, lsns };
}

/** A log of three records, synced as one group. */
async function smallLog(env: SimEnv): Promise<Lsn[]> {
  const writer = openWriter(env);
  const ends = ['alpha', 'beta-beta', 'gamma'].map((text) => writer.append(16, Buffer.from(text)));
  await writer.whenFlushed(ends[2]);
  await writer.close();
  return ends;
}

describe('log format', () => {
  it('has these bytes', async () => {
    const env = simEnv(1);
    const ends = await smallLog(env);
    const bytes = Buffer.from(env.files.readFile(SEGMENT_ONE));
    expect(bytes.subarray(0, 40).toString('hex')).to.equal(
      '50474c5457414c0001000000010000008877665544332211000000010000000000000001b52afd7a');
    expect(bytes.subarray(40, 80).toString('hex')).to.equal(
      '1e738ef805000000280000010000000000000000000000000000000010000000616c706861000000');
    expect(ends.map((end) => end - FIRST_LSN)).to.deep.equal([40, 88, 128]);
  });

  it('names segments as PostgreSQL does', () => {
    expect(segmentName(1, 1)).to.equal('000000010000000000000001');
    expect(segmentName(0x1f, 256 * 3 + 255)).to.equal('0000001F00000003000000FF');
    expect(parseSegmentName('0000001F00000003000000FF')).to.deep.equal({ timeline: 31, segment: 1023 });
    expect(parseSegmentName('0000001F0000000300000100')).to.equal(null);
    expect(parseSegmentName('control')).to.equal(null);
  });
});

describe('log writer', () => {
  it('shares one sync between all who ask in one turn, and calls back in LSN order', async () => {
    const env = simEnv(1);
    const writer = openWriter(env);
    const before = env.syncCount();
    const order: number[] = [];
    const ends = [1, 2, 3].map((value) => writer.append(16, Buffer.from([value])));
    writer.onFlushed(ends[2], () => order.push(3));
    writer.onFlushed(ends[0], () => order.push(1));
    writer.onFlushed(ends[1], () => order.push(2));
    expect(order).to.deep.equal([]);
    await writer.whenFlushed(ends[2]);
    expect(order).to.deep.equal([1, 2, 3]);
    expect(env.syncCount() - before).to.equal(1);
    expect(writer.flushedLsn).to.equal(writer.appendedLsn);
    let now = false;
    writer.onFlushed(ends[1], () => void (now = true));
    expect(now).to.equal(true);
    await writer.close();
  });

  it('syncs by itself what nobody waits for, proves it with one mark, and then rests', async () => {
    const env = simEnv(1);
    const writer = openWriter(env);
    writer.append(16, Buffer.from('x'));
    await env.advance(150);
    expect(writer.flushedLsn).to.equal(FIRST_LSN);
    await env.advance(100);
    await turn();
    const flushed = writer.flushedLsn;
    expect(flushed).to.be.greaterThan(FIRST_LSN);
    await env.advance(1000);
    expect(writer.flushedLsn - flushed).to.equal(32);
    await env.advance(10_000);
    expect(writer.flushedLsn - flushed).to.equal(32);
    await writer.close();
    expect(readAll(env).records).to.deep.equal(['16:x']);
  });

  it('calls fatal once for a failed sync, acknowledges nothing afterwards and never retries', async () => {
    const env = simEnv(1);
    const errors: string[] = [];
    const writer = openWriter(env, EMPTY_LOG, (error) => errors.push(error.message));
    env.failSync('/wal');
    let acknowledged = 0;
    writer.onFlushed(writer.append(16, Buffer.from('x')), () => acknowledged++);
    await env.advance(10);
    writer.onFlushed(writer.append(16, Buffer.from('y')), () => acknowledged++);
    await env.advance(1000);
    expect(errors).to.have.length(1);
    expect(errors[0]).to.contain('EIO');
    expect(acknowledged).to.equal(0);
  });

  it('calls fatal for a full disk', async () => {
    const env = simEnv(1);
    const errors: string[] = [];
    const writer = openWriter(env, EMPTY_LOG, (error) => errors.push(error.message));
    env.setCapacity(500);
    writer.requestFlush(writer.append(16, Buffer.alloc(2000)));
    await env.advance(10);
    expect(errors[0]).to.contain('ENOSPC');
  });

  it('calls fatal, and throws nothing at the caller, when a large append cannot be written', async () => {
    const env = simEnv(1);
    const errors: string[] = [];
    const writer = openWriter(env, EMPTY_LOG, (error) => errors.push(error.message));
    env.failWrite('/wal', 'EIO');
    for (let index = 0; index < 10; index++) writer.append(16, Buffer.alloc(1 << 20));
    await env.advance(1000);
    expect(errors).to.have.length(1);
    await writer.close();
  });

  it('never lets a record span segments, and reads over them', async () => {
    const env = simEnv(1);
    const writer = openWriter(env);
    const payload = Buffer.alloc(5 << 20, 'p');
    for (let index = 0; index < 7; index++) {
      payload[0] = 48 + index;
      const start = writer.nextRecordLsn(payload.length);
      const end = writer.append(17, payload);
      expect(end - start).to.equal(32 + payload.length);
      expect(Math.floor(start / SEGMENT_BYTES)).to.equal(Math.floor((end - 1) / SEGMENT_BYTES));
    }
    await writer.whenFlushed(writer.appendedLsn);
    const { records, position } = readAll(env);
    expect(records.map((record) => record[3])).to.deep.equal(['0', '1', '2', '3', '4', '5', '6']);
    expect(position).to.deep.equal(writer.position);
    expect(env.files.list('/wal')).to.deep.equal([1, 2, 3].map((segment) => segmentName(1, segment)));
    expect(writer.removeSegmentsBefore(lsn(3 * SEGMENT_BYTES))).to.equal(2);
    expect(env.files.list('/wal')).to.deep.equal([segmentName(1, 3)]);
    expect(() => readAll(env)).to.throw(PgError, 'has already been removed').with.property('sqlstate', '58P01');
    await writer.close();
  });

  it('fills a segment to its last byte, and goes on from there after a restart', async () => {
    for (const rest of [0, 8, 16, 24, 32, 40]) {
      const env = simEnv(1);
      const writer = openWriter(env);
      const filler = SEGMENT_BYTES - SEGMENT_HEADER_BYTES - rest - 2 * 32 - (8 << 20);
      writer.append(16, Buffer.alloc(8 << 20));
      const end = writer.append(16, Buffer.alloc(filler));
      expect(end % SEGMENT_BYTES).to.equal((SEGMENT_BYTES - rest) % SEGMENT_BYTES);
      await writer.close();
      const again = openWriter(env, readAll(env).position);
      again.append(18, Buffer.from('next segment, certainly'));
      await again.close();
      expect(readAll(env).records[2]).to.equal('18:next segment, certainly');
    }
  });

  it('prepares and recycles segments so that the next one lies ready', async () => {
    const env = simEnv(1);
    const writer = new LogWriter(env, '/wal', { ...IDENTITY, position: EMPTY_LOG, fatal: (error) => expect.fail(error.message) });
    const settle = async (): Promise<void> => {
      for (let index = 0; index < 40; index++) await turn();
    };
    await settle();
    expect(env.files.list('/wal'), 'a start writes no zeros').to.deep.equal([segmentName(1, 1)]);
    expect(env.files.readFile(SEGMENT_ONE).length).to.equal(SEGMENT_HEADER_BYTES);
    await env.advance(1000);
    await settle();
    expect(env.files.list('/wal')).to.deep.equal([1, 2].map((segment) => segmentName(1, segment)));
    for (const segment of [1, 2]) expect(env.files.readFile(`/wal/${segmentName(1, segment)}`).length).to.equal(SEGMENT_BYTES);
    for (let index = 0; index < 3; index++) writer.append(16, Buffer.alloc(7 << 20, 1));
    await writer.whenFlushed(writer.appendedLsn);
    await settle();
    writer.removeSegmentsBefore(lsn(2 * SEGMENT_BYTES));
    expect(env.files.list('/wal')).to.deep.equal([2, 3, 4].map((segment) => segmentName(1, segment)));
    for (let index = 0; index < 6; index++) writer.append(16, Buffer.alloc(7 << 20, 2));
    await writer.whenFlushed(writer.appendedLsn);
    expect(readAll(env, lsn(2 * SEGMENT_BYTES)).records).to.have.length(7);
    await writer.close();
  });
});

describe('going on with a log', () => {
  const BEHIND = 4096;
  let env: SimEnv;
  let position: LogPosition;
  beforeEach(async () => {
    env = simEnv(1);
    const ends = await smallLog(env);
    position = readAll(env).position;
    const bytes = new Uint8Array(SEGMENT_BYTES);
    bytes.set(env.files.readFile(SEGMENT_ONE));
    bytes[ends[2] - SEGMENT_BYTES + BEHIND] = 1;
    env.files.writeFile(SEGMENT_ONE, bytes);
    env.files.writeFile(`/wal/${segmentName(1, 2)}`, new Uint8Array(SEGMENT_BYTES));
    env.files.writeFile(`/wal/${segmentName(1, 3)}.prepare`, new Uint8Array(10));
  });

  const goOn = async (nothingBehind: boolean): Promise<number> => {
    const writer = new LogWriter(env, '/wal', { ...IDENTITY, position, nothingBehind, fatal: (error) => expect.fail(error.message) });
    const behind = env.files.readFile(SEGMENT_ONE)[position.endLsn - SEGMENT_BYTES + BEHIND];
    await writer.whenFlushed(writer.append(16, Buffer.from('delta')));
    await writer.close();
    expect(readAll(env).records.at(-1)).to.equal('16:delta');
    return behind;
  };

  it('wipes what an earlier life left behind its end, in this segment and the next', async () => {
    expect(await goOn(false)).to.equal(0);
    expect(env.files.list('/wal')).to.deep.equal([segmentName(1, 1)]);
  });

  it('looks at nothing behind its end after a clean stop, and keeps the segments that lie ready', async () => {
    expect(await goOn(true)).to.equal(1);
    expect(env.files.list('/wal')).to.deep.equal([1, 2].map((segment) => segmentName(1, segment)));
  });
});

describe('what stands behind the end', () => {
  const behindEnd = (env: SimEnv): boolean => {
    const reader = new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN as Lsn });
    while (reader.next() !== null);
    reader.close();
    return reader.isBlankBehind;
  };
  let env: SimEnv;
  let bytes: Uint8Array;
  beforeEach(async () => {
    env = simEnv(1);
    await smallLog(env);
    bytes = new Uint8Array(SEGMENT_BYTES);
    bytes.set(env.files.readFile(SEGMENT_ONE));
    env.files.writeFile(SEGMENT_ONE, bytes);
    env.files.writeFile(`/wal/${segmentName(1, 2)}`, new Uint8Array(SEGMENT_BYTES));
  });

  it('is blank where a segment has nothing else, and the next one that lies ready', () => {
    expect(behindEnd(env)).to.equal(true);
  });

  it('is not known before the end is found', () => {
    const reader = new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN as Lsn });
    reader.next();
    expect(reader.isBlankBehind).to.equal(false);
    reader.close();
  });

  for (const [what, name, at] of [['some place behind it', SEGMENT_ONE, 8192], ['the last byte', SEGMENT_ONE, SEGMENT_BYTES - 1], ['the next segment', `/wal/${segmentName(1, 2)}`, SEGMENT_BYTES / 2]] as const) {
    it(`is not blank with a byte at ${what}`, () => {
      env.flipBit(name, at, 3);
      expect(behindEnd(env)).to.equal(false);
    });
  }
});

describe('going on with a log that its process has left in the middle of a group', () => {
  it('makes durable what nobody knows to be, in all segments of it, so that a power cut afterwards takes nothing', async () => {
    for (let seed = 0; seed < 3; seed++) {
      const env = simEnv(seed);
      const before = openWriter(env, EMPTY_LOG, () => { /* its process is gone */ });
      await before.whenFlushed(before.append(16, Buffer.from('durable')));
      env.holdSyncs('/wal');
      for (let count = 0; count < 3; count++) before.append(16, Buffer.alloc(7 << 20, count));
      before.requestFlush(before.appendedLsn);
      await turn();
      expect(before.writtenLsn).to.equal(before.appendedLsn);
      const reader = new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN as Lsn });
      const records = [...reader].length;
      expect(records).to.equal(4);
      expect(before.appendedLsn).to.be.greaterThan(2 * SEGMENT_BYTES + SEGMENT_HEADER_BYTES);
      const writer = new LogWriter(env, '/wal', {
        ...IDENTITY, position: reader.position, durableLsn: reader.statedDurableLsn, nothingBehind: true, preallocate: false, fatal: (error) => expect.fail(error.message),
      });
      reader.close();
      expect(writer.flushedLsn).to.equal(writer.appendedLsn);
      env.powerCut();
      expect(readAll(env).records.length, `seed ${seed}`).to.equal(records);
    }
  });

  it('makes the names of segments that lie ready durable before it uses them', async () => {
    for (let seed = 0; seed < 3; seed++) {
      const env = simEnv(seed);
      await smallLog(env);
      const { position } = readAll(env);
      // The process has made it, and has ended before it could sync the directory.
      const ready = env.files.open(`/wal/${segmentName(1, 2)}`, 'create');
      ready.truncateSync(SEGMENT_BYTES);
      ready.datasyncSync();
      ready.closeSync();
      const writer = new LogWriter(env, '/wal', {
        ...IDENTITY, position, durableLsn: position.endLsn, nothingBehind: true, preallocate: false, fatal: () => { /* its files are gone */ },
      });
      for (let count = 0; count < 3; count++) await writer.whenFlushed(writer.append(16, Buffer.alloc(7 << 20, count)));
      env.powerCut();
      expect(readAll(env).records.length, `seed ${seed}`).to.equal(6);
    }
  });
});

describe('end of the log', () => {
  let env: SimEnv;
  let ends: Lsn[];
  let sound: Uint8Array;
  beforeEach(async () => {
    env = simEnv(1);
    ends = await smallLog(env);
    sound = env.files.readFile(SEGMENT_ONE);
  });
  /** How many records end at or before the offset. */
  const wholeBefore = (offset: number): number => ends.filter((end) => end - SEGMENT_BYTES <= offset).length;

  it('is the last whole record, truncated at every byte', () => {
    for (let length = SEGMENT_HEADER_BYTES; length < sound.length; length++) {
      env.files.writeFile(SEGMENT_ONE, sound.subarray(0, length));
      // Zero padding behind a payload belongs to the file, not to the record's content.
      const { records, position } = readAll(env);
      const padded = [5, 9, 5].filter((bytes, index) => ends[index] - SEGMENT_BYTES - (((32 + bytes + 7) & ~7) - 32 - bytes) <= length).length;
      expect(records.length, `length ${length}`).to.equal(padded);
      expect(position.endLsn).to.equal(padded === 0 ? FIRST_LSN : ends[padded - 1]);
    }
  });

  it('is the last record before a zero-filled tail, from every byte', () => {
    for (let from = SEGMENT_HEADER_BYTES; from < sound.length; from++) {
      const bytes = sound.slice();
      bytes.fill(0, from);
      if (Buffer.compare(bytes, sound) === 0) continue;
      env.files.writeFile(SEGMENT_ONE, bytes);
      const { records } = readAll(env);
      expect(records.length, `from ${from}`).to.be.oneOf([wholeBefore(from), wholeBefore(from + 7)]);
    }
  });

  it('is the last record before a flipped bit, at every bit', () => {
    const payloads = [5, 9, 5];
    for (let bit = SEGMENT_HEADER_BYTES * 8; bit < sound.length * 8; bit++) {
      const bytes = sound.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      env.files.writeFile(SEGMENT_ONE, bytes);
      const index = wholeBefore(bit >> 3);
      const inPadding = (bit >> 3) >= (ends[index - 1] ?? FIRST_LSN) - SEGMENT_BYTES + 32 + payloads[index];
      expect(readAll(env).records.length, `bit ${bit}`).to.equal(inPadding ? 3 : index);
    }
  });

  it('is before a duplicated tail, a stale record and torn garbage', () => {
    const last = sound.subarray(ends[1] - SEGMENT_BYTES);
    for (let cut = 0; cut <= last.length; cut++) {
      env.files.writeFile(SEGMENT_ONE, Buffer.concat([sound, last.subarray(0, cut), Buffer.alloc(100)]));
      expect(readAll(env).position.endLsn).to.equal(ends[2]);
      env.files.writeFile(SEGMENT_ONE, Buffer.concat([sound, env.random.bytes(cut + 50)]));
      expect(readAll(env).position.endLsn).to.equal(ends[2]);
    }
  });

  it('is before the whole of a segment without a sound header', () => {
    for (let byte = 0; byte < SEGMENT_HEADER_BYTES; byte++) {
      const bytes = sound.slice();
      bytes[byte] ^= 0x10;
      env.files.writeFile(SEGMENT_ONE, bytes);
      expect(readAll(env).records).to.deep.equal([]);
    }
  });

  it('refuses a log of another system', () => {
    const reader = new LogReader(env, '/wal', { systemIdentifier: 5n, timeline: 1, start: FIRST_LSN });
    expect(() => reader.next()).to.throw(PgError, 'different database system');
  });

  it('wipes what is behind the end before it appends', async () => {
    const bytes = sound.slice();
    bytes[ends[0] - SEGMENT_BYTES + 40] ^= 1; // in the second record: the third is sound but cut off
    env.files.writeFile(SEGMENT_ONE, bytes);
    const writer = openWriter(env, readAll(env).position);
    writer.append(16, Buffer.from('BETA-BETA')); // ends where the old third record starts
    await writer.close();
    expect(readAll(env).records).to.deep.equal(['16:alpha', '16:BETA-BETA']);
  });
});

describe('damage before the end of the log', () => {
  // A record is proof wherever it stands, also across the pieces that the search reads, and larger than one.
  for (const bytes of [3000, 250_000, 700_000]) {
    it(`is known by records of ${bytes} bytes, which are the same read in memory that is used again`, async () => {
      const env = simEnv(1);
      const writer = openWriter(env);
      const ends: Lsn[] = [];
      for (let count = 0; count < 3_000_000 / bytes; count++) {
        ends.push(writer.append(16, Buffer.alloc(bytes - (count % 9), count)));
        await writer.whenFlushed(ends[ends.length - 1]);
      }
      await writer.close();
      const kept = [...new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN })].map(({ payload, endLsn }) => [endLsn, Buffer.from(payload).toString('latin1')]);
      const again = new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN, reusesMemory: true });
      kept.forEach(([end, text]) => {
        const record = again.next();
        expect(record?.endLsn).to.equal(end);
        expect(Buffer.from(record?.payload ?? []).toString('latin1') === text).to.equal(true);
      });
      expect(again.next()).to.equal(null);
      const sound = env.files.readFile(SEGMENT_ONE);
      // One record is damaged, and all that stand between it and the last one are wiped.
      for (const damaged of [0, ends.length - 3]) {
        const torn = sound.slice();
        const start = damaged === 0 ? SEGMENT_HEADER_BYTES : ends[damaged - 1] - SEGMENT_BYTES;
        torn.fill(0, start, ends[ends.length - 2] - SEGMENT_BYTES);
        env.files.writeFile(SEGMENT_ONE, torn);
        expect(() => readAll(env), `record ${damaged}`).to.throw(PgError, 'invalid record in WAL segment');
      }
    });
  }

  it('is an error naming segment and offset when a later record proves it, at every byte of every proven record', async () => {
    const env = simEnv(1);
    const writer = openWriter(env);
    const ends: Lsn[] = [];
    for (const text of ['alpha', 'beta-beta', 'gamma', 'delta']) {
      ends.push(writer.append(16, Buffer.from(text)));
      await writer.whenFlushed(ends[ends.length - 1]);
    }
    await writer.close();
    const sound = env.files.readFile(SEGMENT_ONE);
    for (let byte = SEGMENT_HEADER_BYTES; byte < ends[2] - SEGMENT_BYTES; byte++) {
      const bytes = sound.slice();
      bytes[byte] ^= 0x41;
      env.files.writeFile(SEGMENT_ONE, bytes);
      const record = ends.findIndex((end) => byte < end - SEGMENT_BYTES);
      const start = (ends[record - 1] ?? FIRST_LSN) - SEGMENT_BYTES;
      if (byte - start >= 32 + [5, 9, 5][record]) continue;
      expect(() => readAll(env), `byte ${byte}`).to.throw(PgError, `in WAL segment 000000010000000000000001 at offset ${start}:`).with.property('sqlstate', 'XX001');
    }
  });

  it('is an error below the limit that the caller knows', async () => {
    const env = simEnv(1);
    const ends = await smallLog(env);
    env.flipBit(SEGMENT_ONE, ends[1] - SEGMENT_BYTES + 33, 0);
    expect(readAll(env).records).to.have.length(2);
    const reader = new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN, limit: ends[2] });
    expect(() => [...reader]).to.throw(PgError, 'invalid record checksum');
  });

  it('is an error below the durable LSN of the control file; above it the log goes on to its end', async () => {
    const env = simEnv(1);
    const ends = await smallLog(env);
    const count = (durableLsn: Lsn): number => [...new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN, durableLsn })].length;
    expect(count(ends[0])).to.equal(3);
    expect(() => count(lsn(ends[2] + 40))).to.throw(PgError, 'at offset 168');
    env.flipBit(SEGMENT_ONE, ends[1] - SEGMENT_BYTES + 33, 0);
    expect(count(ends[1])).to.equal(2);
    expect(() => count(ends[2])).to.throw(PgError, 'invalid record checksum');
  });

  it('is not searched for proof of more when the log was closed', async () => {
    const env = simEnv(1);
    const writer = openWriter(env);
    const first = writer.append(16, Buffer.from('first'));
    await writer.whenFlushed(first);
    await writer.whenFlushed(writer.append(16, Buffer.from('second')));
    await writer.close();
    env.flipBit(SEGMENT_ONE, SEGMENT_HEADER_BYTES + 33, 0);
    const count = (isClosed: boolean, durableLsn?: Lsn): number => [...new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN, isClosed, durableLsn })].length;
    expect(() => count(false)).to.throw(PgError, 'invalid record checksum');
    expect(count(true)).to.equal(0);
    expect(() => count(true, first)).to.throw(PgError, 'invalid record checksum');
  });

  it('is an error when a whole segment between others is gone', async () => {
    const env = simEnv(1);
    const writer = openWriter(env);
    for (let index = 0; index < 6; index++) {
      writer.append(16, Buffer.alloc(8_000_000, 1));
      await writer.whenFlushed(writer.appendedLsn);
    }
    await writer.close();
    env.files.remove(`/wal/${segmentName(1, 2)}`);
    expect(() => readAll(env)).to.throw(PgError, 'WAL segment 000000010000000000000002 at offset 0');
  });
});

describe('log over power cuts', () => {
  it('keeps every acknowledged record and ends soundly, from many seeds', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const env = simEnv(seed);
      let position = EMPTY_LOG;
      let expected: string[] = [];
      for (let life = 0; life < 4; life++) {
        const writer = openWriter(env, position, () => undefined);
        const appended = [...expected];
        let acknowledged = expected.length;
        const count = 1 + Math.floor(env.random.float() * 12);
        for (let index = 0; index < count; index++) {
          const text = `${life}.${index}.${'z'.repeat(Math.floor(env.random.float() * 1500))}`;
          appended.push(`16:${text.slice(0, 40)}`);
          const size = appended.length;
          writer.onFlushed(writer.append(16, Buffer.from(text)), () => void (acknowledged = size));
          if (env.random.float() < 0.4) await turn();
          if (env.random.float() < 0.2) await env.advance(250);
        }
        env.powerCut();
        const found = readAll(env);
        expect(found.records.length, `seed ${seed}`).to.be.at.least(acknowledged);
        expect(found.records).to.deep.equal(appended.slice(0, found.records.length));
        ({ position } = found);
        expected = found.records;
      }
    }
  });

  it('reads along a growing log up to the flushed LSN', async () => {
    const env = simEnv(3);
    const writer = openWriter(env);
    const reader = new LogReader(env, '/wal', { ...IDENTITY, start: FIRST_LSN, limit: FIRST_LSN });
    const seen: string[] = [];
    for (let index = 0; index < 50; index++) {
      const end = writer.append(16, Buffer.from(`record ${index}`));
      writer.append(16, Buffer.from('unflushed'));
      await writer.whenFlushed(end);
      reader.extend(writer.flushedLsn);
      for (const record of reader) if (record.endLsn === end) seen.push(Buffer.from(record.payload).toString());
    }
    expect(seen).to.deep.equal(Array.from({ length: 50 }, (_, index) => `record ${index}`));
    await writer.close();
  });
});
