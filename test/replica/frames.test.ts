/** Frames: golden bytes of every message, and every message cut at every byte, bent at every byte, and of unknown type refused cleanly. */
import { expect } from 'chai';
import { PgError, pgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import { crc32c } from '../../lib/codec/crc32c.js';
import { KEY_SPACE, valueKey } from '../../lib/access/format.js';
import { decodeKeys, KeyFrame } from '../../replica/clone-keys.js';
import { FRAME_HEADER_BYTES, FRAME_TYPE, LOG_HEADER_BYTES, MAX_FRAME_BYTES } from '../../replica/format.js';
import { decodeFrame, encodeFrame, errorFrom, sealLog, toRemoteError } from '../../replica/frames.js';
import type { Message } from '../../replica/messages.js';

const HISTORY = { timeline: 3, ancestors: [{ timeline: 1, switchLsn: lsn(0x1000028), reason: 'one' }, { timeline: 2, switchLsn: lsn(0x1_0000_0010), reason: 'two' }] };
const ERROR = { sqlstate: '55000', message: 'no', detail: 'why', hint: '' };
const EPOCH = 3;

/** Every message with its bytes. */
const GOLDEN: readonly (readonly [Message, string])[] = [
  [
    { type: 'start', version: 1, systemIdentifier: 9n, role: 'repl', clientFirst: 'n,,n=,r=abc' },
    'dc502df10100000003000000010000000900000000000000040000007265706c0b0000006e2c2c6e3d2c723d616263',
  ],
  [
    { type: 'serverFirst', text: 'r=abc,s=AA==,i=1' },
    '6cff309d020000000300000010000000723d6162632c733d41413d3d2c693d31',
  ],
  [
    { type: 'clientFinal', text: 'c=biws' },
    'ba4d667d030000000300000006000000633d62697773',
  ],
  [
    { type: 'authenticated', serverFinal: 'v=AA==', role: 'primary', systemIdentifier: 0x0102030405060708n, durableLsn: lsn(0x1_0000_0100) },
    'df240479040000000300000006000000763d41413d3d0108070605040302010001000001000000',
  ],
  [
    {
      type: 'handshake', nodeName: 'é', applicationName: 'app', slot: 's1', wants: 'stream', systemIdentifier: 9n, history: HISTORY,
      received: { endLsn: lsn(0x1000100), lastRecordLsn: lsn(0x1000080), lastCrc: 0xdeadbeef }, appliedLsn: lsn(0x1000080),
    },
    'd8420566080000000300000002000000c3a9030000006170700200000073310109000000000000000300000002000000010000002800000100000000030000006f6e650200000010000000010000000300000074776f00010001000000008000000100000000efbeadde8000000100000000',
  ],
  [
    { type: 'resume', startLsn: lsn(0x1000100), history: HISTORY },
    '01b51f60090000000300000000010001000000000300000002000000010000002800000100000000030000006f6e650200000010000000010000000300000074776f',
  ],
  [
    { type: 'diverged', forkLsn: lsn(0), history: { timeline: 1, ancestors: [] } },
    'a6c353250a0000000300000000000000000000000100000000000000',
  ],
  [
    { type: 'logRemoved', oldestLsn: lsn(0x2000000), text: 'gone' },
    '9d6ceab90b00000003000000000000020000000004000000676f6e65',
  ],
  [
    { type: 'log', startLsn: lsn(0x1000100), durableLsn: lsn(0x1000200), wallMicros: 1_767_225_600_000_000, awaited: 'flush', bytes: Buffer.from('log') },
    'adb162af10010000030000000001000100000000000200010000000000402046484706006c6f67',
  ],
  [
    { type: 'credit', limit: 0x2000100 },
    '6b30e9ed11000000030000000001000200000000',
  ],
  [
    {
      type: 'report', writtenLsn: lsn(3), flushedLsn: lsn(2), appliedLsn: lsn(1), wallMicros: 4, commitMicros: 5, applyDelayMs: 6, paused: true,
    },
    'b3141e76120000000300000003000000000000000200000000000000010000000000000004000000000000000500000000000000060000000000000001',
  ],
  [
    { type: 'heartbeat', sentMicros: 1, echoMicros: 2, role: 'standby', durableLsn: lsn(3), wallMicros: 4 },
    'c688ffc11300000003000000010000000000000002000000000000000203000000000000000400000000000000',
  ],
  [
    { type: 'timelineChange', history: HISTORY },
    'e69030b214000000030000000300000002000000010000002800000100000000030000006f6e650200000010000000010000000300000074776f',
  ],
  [
    {
      type: 'cloneInfo', approximateBytes: 4096,
      info: { systemIdentifier: 9n, history: HISTORY, storeId: '0011223344556677', checkpointNumber: 5, stateLsn: lsn(0x1000100), redoLsn: lsn(0x1000080) },
    },
    'b3bac13c180000000300000009000000000000001000000030303131323233333434353536363737050000000001000100000000800000010000000000100000000000000300000002000000010000002800000100000000030000006f6e650200000010000000010000000300000074776f',
  ],
  [
    { type: 'cloneData', bytes: Buffer.from('entries') },
    'f508e8bb1900000003000000656e7472696573',
  ],
  [
    { type: 'changes', nodeName: 'backup', since: { storeId: '0011223344556677', checkpointNumber: 5 } },
    '6aeeb7d70c00000003000000060000006261636b7570100000003030313132323333343435353636373705000000',
  ],
  [
    // The keys 03 00 01 and 03 00 02.
    { type: 'cloneKeys', bytes: Buffer.from('0003030001020102', 'hex') },
    '662fd3711b000000030000000003030001020102',
  ],
  [
    { type: 'cloneEnd', entries: 2, digest: Buffer.alloc(32, 7) },
    '5d1e80741a0000000300000002000000000000000707070707070707070707070707070707070707070707070707070707070707',
  ],
  [
    { type: 'request', id: 1, name: 'status', json: '{}' },
    'd21f721b20000000030000000100000006000000737461747573020000007b7d',
  ],
  [
    { type: 'response', id: 1, json: '[1]' },
    '160a3d33210000000300000001000000030000005b315d',
  ],
  [
    { type: 'failure', id: 1, error: ERROR },
    '5614657c220000000300000001000000050000003535303030020000006e6f0300000077687900000000',
  ],
  [
    { type: 'error', error: ERROR },
    'fc11722e2800000003000000050000003535303030020000006e6f0300000077687900000000',
  ],
  [
    { type: 'bye', reason: 'done' },
    '7c7c0b2a290000000300000004000000646f6e65',
  ],
];

/** Seals changed bytes anew, so that what is tested is not the checksum. */
function resealed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(crc32c(copy, 4), 0);
  return copy;
}

describe('replication frames', () => {
  it('has golden bytes for every type', () => {
    expect(new Set(GOLDEN.map(([message]) => message.type))).to.deep.equal(new Set(Object.keys(FRAME_TYPE)));
    for (const [message, hex] of GOLDEN) expect(encodeFrame(EPOCH, message).toString('hex'), message.type).to.equal(hex);
  });

  for (const [message] of GOLDEN) {
    it(`reads back ${message.type}, and refuses it cut at every byte, bent at every byte, or with more behind it`, () => {
      const frame = encodeFrame(EPOCH, message);
      expect(decodeFrame(frame)).to.deep.equal({ epoch: EPOCH, message });
      const takesTheRest = ['log', 'cloneData', 'cloneKeys'].includes(message.type);
      for (let length = 0; length < frame.length; length++) {
        expect(() => decodeFrame(frame.subarray(0, length)), `cut at ${length}`).to.throw(PgError).that.has.property('sqlstate', '08P01');
        const bytes = takesTheRest && 'bytes' in message ? message.bytes.length : 0;
        if (length < 12 || length >= frame.length - bytes) continue;
        expect(() => decodeFrame(resealed(frame.subarray(0, length))), `cut at ${length} and resealed`).to.throw(PgError).that.has.property('sqlstate', '08P01');
      }
      for (let at = 0; at < frame.length; at++) {
        const bent = Buffer.from(frame);
        bent[at] ^= 0x40;
        expect(() => decodeFrame(bent), `bent at ${at}`).to.throw(PgError, 'invalid checksum of a replication message');
      }
      if (!takesTheRest) {
        expect(() => decodeFrame(resealed(Buffer.concat([frame, Buffer.alloc(1)])))).to.throw(PgError, `extra data at end of replication message "${message.type}"`);
      }
    });
  }

  it('refuses types and numbers that nobody gave, text that is none, and histories that go back', () => {
    const frame = encodeFrame(EPOCH, { type: 'bye', reason: 'x' });
    for (let type = 0; type < 256; type++) {
      if (Object.values<number>(FRAME_TYPE).includes(type)) continue;
      const unknown = Buffer.from(frame);
      unknown[4] = type;
      expect(() => decodeFrame(resealed(unknown))).to.throw(PgError, `invalid replication message type ${type}`);
    }
    const log = encodeFrame(EPOCH, { type: 'log', startLsn: lsn(1), durableLsn: lsn(1), wallMicros: 1, awaited: 'write', bytes: Buffer.alloc(0) });
    for (const [of, at, value] of [[log, 5, 3], [log, 6, 1], [log, 7, 1], [frame, 5, 1]] as const) {
      const unknown = Buffer.from(of);
      unknown[at] = value;
      expect(() => decodeFrame(resealed(unknown)), `${value} at ${at}`).to.throw(PgError, 'invalid replication message type');
    }
    const text = Buffer.from(frame);
    text[text.length - 1] = 0xff;
    expect(() => decodeFrame(resealed(text))).to.throw(PgError, 'text is not UTF-8');
    const back = { timeline: 3, ancestors: [{ timeline: 2, switchLsn: lsn(50), reason: '' }, { timeline: 2, switchLsn: lsn(60), reason: '' }] };
    expect(() => decodeFrame(encodeFrame(EPOCH, { type: 'timelineChange', history: back }))).to.throw(PgError, 'invalid replication message "timelineChange"');
    const huge = encodeFrame(EPOCH, { type: 'credit', limit: 1 });
    huge.fill(0xff, 12, 20);
    expect(() => decodeFrame(resealed(huge))).to.throw(PgError, 'number out of range');
    expect(() => decodeFrame(Buffer.alloc(MAX_FRAME_BYTES + 1))).to.throw(PgError, 'invalid length');
  });

  it('packs keys that ascend, as many as there is room for, and refuses bytes that are none', () => {
    const keys = Array.from({ length: 300_000 }, (_, number) => valueKey(KEY_SPACE.leaf, 7, number, 1 + number % 3));
    const frame = new KeyFrame();
    const fitting = keys.findIndex((key) => !frame.add(key));
    expect(fitting, '7 bytes a key').to.be.within(149_000, 150_000);
    const bytes = frame.finish().subarray(FRAME_HEADER_BYTES);
    expect(decodeKeys(bytes)).to.deep.equal(keys.slice(0, fitting));
    const few = new KeyFrame();
    for (const key of keys.slice(0, 3)) few.add(key);
    const whole = few.finish().subarray(FRAME_HEADER_BYTES);
    const ends = new Set([0, 17, 24, 31]);
    for (let length = 0; length <= whole.length; length++) {
      if (ends.has(length)) expect(decodeKeys(whole.subarray(0, length))).to.have.length([...ends].indexOf(length));
      else expect(() => decodeKeys(whole.subarray(0, length)), `cut at ${length}`).to.throw(PgError).that.has.property('sqlstate', '08P01');
    }
    expect(() => decodeKeys(Buffer.from([1, 1, 1])), 'shares with nothing').to.throw(PgError, 'invalid key in a clone');
  });

  it('makes a frame of log around bytes in place, the same as the slow way', () => {
    const bytes = Buffer.from('some log');
    const frame = Buffer.concat([Buffer.alloc(LOG_HEADER_BYTES), bytes]);
    for (const awaited of ['nothing', 'flush', 'write'] as const) {
      const fields = { startLsn: lsn(0x1_0000_0028), durableLsn: lsn(0x1_0000_0100), wallMicros: 1_767_225_600_000_000, awaited };
      expect(sealLog(frame, 7, fields)).to.deep.equal(encodeFrame(7, { type: 'log', ...fields, bytes }));
    }
  });

  it('tells errors with all that matters of them', () => {
    const error = errorFrom(toRemoteError(pgError('UNDEFINED_FILE', 'gone', { detail: 'long ago', hint: 'clone' })));
    expect(error).to.include({ sqlstate: '58P01', message: 'gone', detail: 'long ago', hint: 'clone' });
    expect(errorFrom(toRemoteError(new Error('boom')))).to.include({ sqlstate: 'XX000', message: 'boom', detail: undefined });
    expect(errorFrom({ ...ERROR, sqlstate: 'ZZZZZ' }).sqlstate).to.equal('XX000');
  });
});
