import { expect } from 'chai';
import { decodeRow, encodeRow } from '../../lib/codec/row.js';
import { readSimpleRow, simpleRowBytes, writeSimpleRow } from '../../lib/codec/simple-row.js';
import { simEnv } from '../../lib/env/sim.js';
import type { Datum, Row } from '../../lib/types/datum.js';
import { Values } from './values.js';

describe('plain rows', () => {
  const plain = (row: Row): Buffer | null => {
    const bytes = simpleRowBytes(row);
    if (bytes < 0) return null;
    const buffer = Buffer.alloc(bytes + 4, 0xee);
    writeSimpleRow(row, buffer, 2);
    expect([buffer[0], buffer[1], buffer[bytes + 2], buffer[bytes + 3]]).to.deep.equal([0xee, 0xee, 0xee, 0xee]);
    return buffer.subarray(2, bytes + 2);
  };

  it('have the bytes that encodeRow gives them', () => {
    const values = new Values(7);
    const { random } = simEnv(8);
    const text = (): string => Array.from({ length: Math.floor(random.float() * 70) }, () => String.fromCharCode(random.float() < 0.005 ? 0xe4 : Math.floor(random.float() * 128))).join('');
    const sources: (() => Datum)[] = [
      () => null, () => values.boolean(), () => values.integer(), () => values.int8(), () => values.float(), text,
      () => values.pick([0, -0, 31, 32, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, 1n << 60n]),
    ];
    let found = 0;
    for (let round = 0; round < 20_000; round++) {
      const row = Array.from({ length: Math.floor(random.float() * 18) }, () => values.pick(sources)());
      const bytes = plain(row);
      if (bytes === null) continue;
      found++;
      expect(bytes.toString('hex')).to.equal(Buffer.from(encodeRow(row)).toString('hex'));
      expect(decodeRow(bytes)).to.deep.equal(row);
      expect(readSimpleRow(Buffer.concat([Buffer.of(0x93), bytes, Buffer.of(1)]), 1, bytes.length + 1)).to.deep.equal(row);
    }
    expect(found).to.be.greaterThan(5000);
  });

  it('are read as decodeRow reads them, or not at all', () => {
    const values = new Values(9);
    let found = 0;
    for (let round = 0; round < 5000; round++) {
      const row = Array.from({ length: values.pick([0, 1, 3, 15, 16]) }, () => values.datum());
      const bytes = Buffer.from(encodeRow(row));
      const read = readSimpleRow(bytes, 0, bytes.length);
      if (read === null) continue;
      found++;
      expect(read).to.deep.equal(decodeRow(bytes));
      for (let end = 0; end < bytes.length; end++) expect(readSimpleRow(bytes, 0, end), `cut off after ${end} bytes`).to.equal(null);
    }
    expect(found).to.be.greaterThan(500);
  });

  it('are those of a few columns, without -0, bigints, objects and long or other strings', () => {
    expect(plain([1, null, true, 'a'.repeat(63), 1.5])).not.to.equal(null);
    for (const row of [[-0], [1n], ['ä'], ['a'.repeat(64)], [new Uint8Array(1)], new Array<null>(16).fill(null)]) expect(plain(row)).to.equal(null);
  });
});
