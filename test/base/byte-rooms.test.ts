/** Buffers that are used again. */
import { expect } from 'chai';
import { BatchMemory, ByteRooms } from '../../lib/base/byte-rooms.js';

const KB = 1 << 10;

describe('base/byte-rooms', () => {
  it('gives a buffer out again once it was given back, to one at a time', () => {
    const rooms = new ByteRooms(1000 * KB);
    const first = rooms.take(30_000);
    expect(first.length).to.be.within(30_000, 34_000);
    expect(rooms.take(30_000)).not.to.equal(first);
    rooms.give(first);
    expect(rooms.take(29_000), 'as large').to.equal(first);
    expect(rooms.take(29_000)).not.to.equal(first);
    rooms.give(first);
    expect(rooms.take(60_000), 'larger').not.to.equal(first);
  });

  it('keeps no more than it may', () => {
    const rooms = new ByteRooms(64 * KB);
    const taken = Array.from({ length: 4 }, () => rooms.take(32 * KB));
    for (const buffer of taken) rooms.give(buffer);
    const again = Array.from({ length: 4 }, () => rooms.take(32 * KB));
    expect(again.filter((buffer) => taken.includes(buffer)).length).to.equal(2);
  });

  it('lets go of what waits when it may keep less', () => {
    const rooms = new ByteRooms(64 * KB);
    const taken = Array.from({ length: 16 }, () => rooms.take(4 * KB));
    for (const buffer of taken) rooms.give(buffer);
    rooms.keepAtMost(16 * KB);
    expect(Array.from({ length: 16 }, () => rooms.take(4 * KB)).filter((buffer) => taken.includes(buffer)).length).to.equal(4);
    for (const buffer of taken) rooms.give(buffer);
    expect(Array.from({ length: 16 }, () => rooms.take(4 * KB)).filter((buffer) => taken.includes(buffer)).length).to.equal(4);
  });

  it('lets go of other sizes where much waits', () => {
    const rooms = new ByteRooms(64 * KB);
    const small = Array.from({ length: 16 }, () => rooms.take(4 * KB));
    for (const buffer of small) rooms.give(buffer);
    const large = rooms.take(32 * KB);
    rooms.give(large);
    expect(rooms.take(32 * KB), 'there was room for it').to.equal(large);
    expect(Array.from({ length: 16 }, () => rooms.take(4 * KB)).filter((buffer) => small.includes(buffer)).length).to.equal(8);
  });

  it('makes few sizes of many', () => {
    const rooms = new ByteRooms(1000 * KB);
    const first = rooms.takeRounded(70_000);
    rooms.give(first);
    expect(rooms.takeRounded(120_000)).to.equal(first);
    expect(rooms.takeRounded(5_000_000).length, 'too large to be used again').to.be.within(5_000_000, 5_010_000);
  });

  it('has batches cut many pieces of few, which do not touch, and gives them back together', () => {
    const rooms = new ByteRooms(1000 * KB);
    const batch = new BatchMemory(rooms);
    for (let round = 0; round < 3; round++) {
      const lengths = Array.from({ length: 300 }, (_, index) => (index * 7919) % (index % 50 === 0 ? 50_000 : 700));
      const pieces = lengths.map((length, index) => batch.take(length).fill(index & 0xff));
      pieces.forEach((piece, index) => {
        expect(piece.length).to.equal(lengths[index]);
        expect(piece.byteOffset % 8).to.equal(0);
        expect(piece.every((byte) => byte === (index & 0xff))).to.equal(true);
      });
      expect(new Set(pieces.map(({ buffer }) => buffer)).size).to.be.lessThan(20);
      batch.release();
    }
    const place = batch.take(10).buffer;
    batch.release();
    expect(new BatchMemory(rooms).take(10).buffer).to.equal(place);
  });
});
