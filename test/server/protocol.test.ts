/** The protocol's frames: cut at every byte, limits, malformed input; messages written and read back. */
import { expect } from 'chai';
import { PgError, pgError } from '../../lib/base/error.js';
import { formatFloat8 } from '../../lib/functions/scalar/float-text.js';
import { ResultShape } from '../../lib/session/client.js';
import { rowEncoder, type OutputTypes } from '../../server/encode.js';
import { inputRooms, LARGE_INPUT_BYTES } from '../../server/input-rooms.js';
import { FRONTEND, LARGE_MESSAGE_LIMIT_BYTES, PROTOCOL_3_2 } from '../../server/protocol/format.js';
import { readBind, readExecute, readParse, writeErrorOrNotice, writeRowDescription } from '../../server/protocol/messages.js';
import { checkUtf8, FrameReader } from '../../server/protocol/reader.js';
import { MessageWriter } from '../../server/protocol/writer.js';
import { parseOptions, readStartup } from '../../server/startup.js';

function frame(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header[0] = type;
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

function drain(reader: FrameReader): [number, string][] {
  const frames: [number, string][] = [];
  while (reader.next()) frames.push([reader.type, reader.body.rest().toString('latin1')]);
  return frames;
}

function startupPacket(code: number, text: string): Buffer {
  const body = Buffer.from(text, 'latin1');
  const packet = Buffer.alloc(8 + body.length);
  packet.writeInt32BE(packet.length, 0);
  packet.writeInt32BE(code, 4);
  body.copy(packet, 8);
  return packet;
}

function startupOf(code: number, text: string): ReturnType<typeof readStartup> {
  const reader = new FrameReader();
  reader.feed(startupPacket(code, text));
  expect(reader.nextStartup()).to.equal(true);
  return readStartup(reader.body);
}

describe('FrameReader', () => {
  const stream = Buffer.concat([
    frame(FRONTEND.query, Buffer.from('select 1\0')), frame(FRONTEND.sync, Buffer.alloc(0)), frame(FRONTEND.copyData, Buffer.alloc(300, 7)),
    frame(FRONTEND.execute, Buffer.from('\0\0\0\0\0')), frame(FRONTEND.terminate, Buffer.alloc(0)),
  ]);

  it('gives the same frames wherever the stream is cut', () => {
    const whole = new FrameReader();
    whole.feed(stream);
    const expected = drain(whole);
    expect(expected.length).to.equal(5);
    for (let cut = 0; cut <= stream.length; cut++) {
      const reader = new FrameReader();
      reader.feed(Buffer.from(stream.subarray(0, cut)));
      const frames = drain(reader);
      reader.feed(Buffer.from(stream.subarray(cut)));
      expect([...frames, ...drain(reader)], `cut at ${cut}`).to.deep.equal(expected);
    }
  });

  it('gives the same frames of large pieces in rooms, each good until the next is asked for', () => {
    const bodies = Array.from({ length: 400 }, (_, index) => Buffer.alloc(1 + ((index * 7919) % (index % 40 === 0 ? 90_000 : 9000)), index));
    const large = Buffer.concat(bodies.map((body) => frame(FRONTEND.copyData, body)));
    const reader = new FrameReader();
    const rooms = new Set<Buffer>();
    let read = 0;
    for (let at = 0, piece = 0; at < large.length; piece++) {
      const length = [65_536, 20_000, 300, 65_536, 40_000][piece % 5];
      const bytes = large.subarray(at, (at += length));
      const room = length < LARGE_INPUT_BYTES ? undefined : inputRooms.take(65_536);
      if (room !== undefined) rooms.add(room);
      room?.set(bytes);
      const wasRead = read;
      let rest: Buffer | null = null;
      // What was handed out last is good beside what arrives.
      if (read > 0 && piece % 3 === 0 && reader.next()) rest = reader.body.rest();
      reader.feed(room === undefined ? Buffer.from(bytes) : room.subarray(0, bytes.length), room);
      if (rest !== null) expect(rest.equals(bodies[read++]), `frame ${wasRead}`).to.equal(true);
      if (piece % 3 === 2) continue;
      while (reader.next()) expect(reader.body.rest().equals(bodies[read++]), `frame ${read}`).to.equal(true);
    }
    while (reader.next()) expect(reader.body.rest().equals(bodies[read++]), `frame ${read}`).to.equal(true);
    expect(read).to.equal(bodies.length);
    expect(rooms.size, 'rooms that were used again').to.be.lessThan(30);
  });

  it('gives the same frames byte by byte', () => {
    const whole = new FrameReader();
    whole.feed(stream);
    const expected = drain(whole);
    const reader = new FrameReader();
    const frames: [number, string][] = [];
    for (const byte of stream) {
      reader.feed(Buffer.of(byte));
      frames.push(...drain(reader));
    }
    expect(frames).to.deep.equal(expected);
    expect(reader.buffered).to.equal(0);
  });

  const refusals: readonly [string, Buffer, RegExp][] = [
    ['an unknown message type', frame(0x21, Buffer.alloc(0)), /invalid frontend message type 33/],
    ['a length below 4', Buffer.from([FRONTEND.query, 0, 0, 0, 3]), /invalid message length/],
    ['a negative length', Buffer.from([FRONTEND.query, 0xff, 0xff, 0xff, 0xff]), /invalid message length/],
    ['a Sync that is too long', frame(FRONTEND.sync, Buffer.alloc(20_000)), /invalid message length/],
    ['a Query of over a gigabyte', Buffer.concat([Buffer.from([FRONTEND.query]), int32(LARGE_MESSAGE_LIMIT_BYTES + 5)]), /invalid message length/],
  ];
  for (const [name, bytes, message] of refusals) {
    it(`refuses ${name} with a FATAL 08P01`, () => {
      const reader = new FrameReader();
      reader.feed(bytes);
      expect(() => reader.next()).to.throw(PgError, message).that.includes({ severity: 'FATAL', sqlstate: '08P01' });
    });
  }

  it('refuses a first byte that starts no message before the rest is there', () => {
    const reader = new FrameReader();
    reader.feed(Buffer.from([0x21]));
    expect(() => reader.next()).to.throw(PgError, /invalid frontend message type/);
  });

  it('refuses start-up packets of impossible lengths', () => {
    for (const length of [0, 4, 7, 10_001, 0xffffffff]) {
      const reader = new FrameReader();
      reader.feed(Buffer.concat([int32(length), Buffer.alloc(8)]));
      expect(() => reader.nextStartup(), String(length)).to.throw(PgError, /invalid length of startup packet/);
    }
  });
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0, 0);
  return bytes;
}

describe('messages', () => {
  it('refuses a Parse body cut at any byte', () => {
    const body = Buffer.concat([Buffer.from('s\0select $1\0'), Buffer.from([0, 1, 0, 0, 0, 23])]);
    for (let length = 0; length < body.length; length++) {
      const reader = new FrameReader();
      reader.feed(frame(FRONTEND.parse, body.subarray(0, length)));
      expect(reader.next()).to.equal(true);
      expect(() => readParse(reader.body), `length ${length}`).to.throw(PgError).that.includes({ sqlstate: '08P01' });
    }
    const reader = new FrameReader();
    reader.feed(frame(FRONTEND.parse, body));
    reader.next();
    expect(readParse(reader.body)).to.deep.equal({ statementName: 's', query: 'select $1', parameterTypes: [23] });
  });

  it('reads a Bind with null, text and binary parameters', () => {
    const body = Buffer.concat([
      Buffer.from('p\0s\0'), Buffer.from([0, 3, 0, 0, 0, 1, 0, 0]), Buffer.from([0, 3]), int32(2), Buffer.from('hi'), int32(2), Buffer.from([1, 2]),
      int32(0xffffffff), Buffer.from([0, 1, 0, 1]),
    ]);
    const reader = new FrameReader();
    reader.feed(frame(FRONTEND.bind, body));
    reader.next();
    const bind = readBind(reader.body);
    expect(bind.parameters).to.deep.equal(['hi', Buffer.from([1, 2]), null]);
    expect(bind.resultFormats).to.deep.equal([1]);
  });

  it('reads names of any length and character, and none beyond the message', () => {
    for (const name of ['', 'P0_1', 'é', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(33), 'ü'.repeat(40), 'x'.repeat(300)]) {
      const reader = new FrameReader();
      reader.feed(Buffer.concat([frame(FRONTEND.execute, Buffer.concat([Buffer.from(`${name}\0`), int32(7)])), frame(FRONTEND.execute, Buffer.from(name)), Buffer.of(0)]));
      reader.next();
      expect(readExecute(reader.body)).to.deep.equal({ portalName: name, maxRows: 7 });
      reader.next();
      expect(() => readExecute(reader.body), name).to.throw(PgError).that.includes({ sqlstate: '08P01' });
    }
  });

  it('reads numbers with their sign', () => {
    const body = (format: number): Buffer => Buffer.concat([Buffer.from('\0\0'), Buffer.from([0, 1]), Buffer.from([format >> 8 & 255, format & 255]), Buffer.from([0, 0, 0, 0])]);
    for (const format of [-1, -32768, 32767, 258]) {
      const reader = new FrameReader();
      reader.feed(frame(FRONTEND.bind, body(format)));
      reader.next();
      expect(() => readBind(reader.body)).to.throw(PgError, `unsupported format code: ${format}`);
    }
    for (const rows of [-1, 0, 1, 0x01020304, 0x7fffffff]) {
      const reader = new FrameReader();
      reader.feed(frame(FRONTEND.execute, Buffer.concat([Buffer.of(0), int32(rows >>> 0)])));
      reader.next();
      expect(readExecute(reader.body).maxRows).to.equal(Math.max(0, rows));
    }
  });

  it('says which bytes are not UTF-8', () => {
    expect(() => checkUtf8(Buffer.from('aä'))).not.to.throw();
    expect(() => checkUtf8(Buffer.from([0x61, 0xff]))).to.throw(PgError, 'invalid byte sequence for encoding "UTF8": 0xff');
    expect(() => checkUtf8(Buffer.from([0xc3, 0x28]))).to.throw(PgError, 'invalid byte sequence for encoding "UTF8": 0xc3 0x28');
  });

  it('writes integers as their decimal digits', () => {
    for (const value of [0, 7, -1, 10, 99, 100, -12345, 2147483647, -2147483648, 4294967295, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]) {
      expect(written(value, 0)).to.equal(String(value));
    }
    for (const [value, decimals, text] of [[5, 1, '0.5'], [-5, 3, '-0.005'], [123456, 3, '123.456'], [100, 2, '1.00'], [999999999999999, 4, '99999999999.9999']] as const) {
      expect(written(value, decimals)).to.equal(text);
    }
  });

  /** What `lengthAndDecimal` writes behind the length, which must be right. */
  function written(value: number, decimals: number): string {
    const writer = new MessageWriter();
    writer.lengthAndDecimal(value, decimals);
    const bytes = writer.pending();
    expect(bytes.readInt32BE(0)).to.equal(bytes.length - 4);
    return bytes.subarray(4).toString();
  }

  it('writes floats as their output function does', () => {
    const shape = new ResultShape([{ name: 'f', tableOid: 0, attributeNumber: 0, typeOid: 701, typeLength: 8, typmod: -1 }]);
    const encoder = rowEncoder(shape);
    for (const extraFloatDigits of [1, 0]) {
      const settings = { extraFloatDigits } as OutputTypes['settings'];
      const types: OutputTypes = { settings, output: (_type, value) => formatFloat8(value as number, extraFloatDigits), send: () => expect.fail('text only') };
      const values = [0, -0, 0.1, -0.1, 0.3, 0.1 + 0.2, 1 / 3, 1e-4, 1e-5, 123456.789, 1e15, 999999999999999, 1e22, NaN, Infinity, -Infinity, 5e-324, 2 ** 53, 99999999999.9999];
      for (let n = 1; n < 2000; n++) values.push(n / 1000, -n / 7, n * 1e9 + n / 10_000, n / 64);
      for (const value of values) {
        const writer = new MessageWriter();
        encoder.write(writer, [value], types);
        expect(writer.pending().subarray(11).toString()).to.equal(formatFloat8(value, extraFloatDigits));
      }
    }
  });

  it('grows its buffer and keeps what was written', () => {
    const writer = new MessageWriter();
    const text = 'ü'.repeat(50_000);
    writer.begin(0x44);
    writer.lengthAndText('first');
    writer.lengthAndText(text);
    writer.end();
    const bytes = writer.pending();
    expect(bytes.readInt32BE(1)).to.equal(bytes.length - 1);
    expect(bytes.subarray(9, 14).toString()).to.equal('first');
    expect(bytes.subarray(18).toString()).to.equal(text);
  });

  it('takes back a message that failed', () => {
    const writer = new MessageWriter();
    writer.begin(0x44);
    writer.end();
    const before = writer.position;
    writer.begin(0x44);
    writer.text('half');
    writer.rollback();
    expect(writer.position).to.equal(before);
  });

  it('writes errors with their fields, notices by their severity', () => {
    const writer = new MessageWriter();
    writeErrorOrNotice(writer, pgError('UNIQUE_VIOLATION', 'duplicate', { detail: 'Key', position: 3, constraint: 'c' }));
    expect(writer.pending().toString('latin1').slice(5)).to.equal('SERROR\0VERROR\0C23505\0Mduplicate\0DKey\0P3\0nc\0\0');
    const notices = new MessageWriter();
    writeErrorOrNotice(notices, pgError('WARNING', 'careful', { severity: 'WARNING' }));
    expect(notices.pending()[0]).to.equal(0x4e);
  });

  it('writes a RowDescription', () => {
    const writer = new MessageWriter();
    writeRowDescription(writer, [{ name: 'a', typeOid: 23, typmod: -1, typeLength: 4, tableOid: 16384, attributeNumber: 2 }], [1]);
    expect(writer.pending().toString('hex')).to.equal('540000001a00016100000040000002000000170004ffffffff0001');
  });
});

describe('start-up packets', () => {
  it('reads user, database, options and settings', () => {
    const startup = startupOf(PROTOCOL_3_2, 'user\0me\0database\0db\0options\0-c a=1 --work-mem=2\\ MB\0application_name\0app\0\0');
    expect(startup).to.deep.include({ kind: 'startup', user: 'me', database: 'db', protocolVersion: PROTOCOL_3_2, negotiate: false });
    expect(startup.kind === 'startup' && startup.settings).to.deep.equal([['a', '1'], ['work_mem', '2 MB'], ['application_name', 'app']]);
  });

  it('negotiates newer minor versions and unknown protocol options', () => {
    expect(startupOf(PROTOCOL_3_2 + 7, 'user\0me\0\0')).to.deep.include({ protocolVersion: PROTOCOL_3_2, negotiate: true });
    expect(startupOf(3 << 16, 'user\0me\0_pq_.x\0y\0\0')).to.deep.include({ negotiate: true, unknownOptions: ['_pq_.x'] });
    expect(startupOf(3 << 16, 'user\0me\0\0')).to.deep.include({ negotiate: false, database: 'me' });
  });

  const refusals: readonly [number, string, string][] = [
    [2 << 16, 'user\0me\0\0', '0A000'], [3 << 16, '\0', '28000'], [3 << 16, 'user\0me\0', '08P01'], [3 << 16, 'user\0me\0\0x', '08P01'],
    [3 << 16, 'user\0me\0replication\0database\0\0', '0A000'], [3 << 16, 'user\0me\0replication\0maybe\0\0', '22023'],
    [3 << 16, 'user\0me\0options\0-x\0\0', '42601'],
  ];
  for (const [code, text, sqlstate] of refusals) {
    it(`refuses ${JSON.stringify(text)} of ${code >> 16} with ${sqlstate}`, () => {
      expect(() => startupOf(code, text)).to.throw(PgError).that.includes({ severity: 'FATAL', sqlstate });
    });
  }

  it('reads -c in both spellings', () => {
    expect(parseOptions('-c a=b -cc=d')).to.deep.equal([['a', 'b'], ['c', 'd']]);
  });
});
