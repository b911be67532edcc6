/**
 * Golden bytes of what is stored: a change here is a change of format.
 */
import { expect } from 'chai';
import { lsn } from '../../lib/base/lsn.js';
import { decodeBase, decodeDelta, encodeBase, encodeDelta } from '../../lib/access/chunk-values.js';
import {
  decodeHeapDirectory, decodeIndexDirectory, decodeRoot, encodeHeapDirectory, encodeIndexDirectory, encodeRoot, type Root,
} from '../../lib/access/directory.js';
import { fileRange, KEY_SPACE, valueKey } from '../../lib/access/format.js';
import { decodeLeaf, encodeEntries, PackedEntries } from '../../lib/access/leaf-values.js';
import { SettledRows } from '../../lib/access/settled.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('formats at rest', () => {
  it('keys stand by space, file, number, version', () => {
    expect(hex(valueKey(KEY_SPACE.base, 0x010203, 4, 5))).to.equal('030000000102030000000400000005');
    const { from, to } = fileRange(KEY_SPACE.leaf, 7);
    const inside = valueKey(KEY_SPACE.leaf, 7, 0xffff_ffff, 0xffff_ffff);
    expect(Buffer.compare(from, inside)).to.equal(-1);
    expect(Buffer.compare(inside, to)).to.equal(-1);
  });

  it('a base keeps its header, and the widths of rows that differ', () => {
    const uniform = encodeBase(SettledRows.pack([[1, 'a'], null, [2, 'b']]), lsn(0x1234));
    expect(hex(uniform.subarray(0, 16))).to.equal('0100000070000000000000000034b240');
    expect(decodeBase(uniform).settled.row(2)).to.deep.equal([2, 'b']);
    const mixed = encodeBase(SettledRows.pack([[1], [2, 'b']]), lsn(0x1234));
    expect(hex(mixed.subarray(mixed.length - 4))).to.equal('01000200');
    const { settled, settledLsn } = decodeBase(mixed);
    expect(settledLsn).to.equal(0x1234);
    expect(settled.row(0)).to.deep.equal([1]);
    const column = settled.column(1, 'missing');
    expect([column.get(0), column.get(1), column.nulls]).to.deep.equal(['missing', 'b', null]);
    expect(settled.column(1, null).get(0)).to.equal(null);
  });

  it('a delta', () => {
    const entries = [{ offset: 3, lsn: lsn(16), values: [1, 'x'] }, { offset: 0, lsn: lsn(24), values: null }];
    const value = encodeDelta(entries);
    expect(hex(value)).to.equal('0103000000000000003040040000009201a17800000000000000003840ffffffff');
    expect(decodeDelta(value)).to.deep.equal(entries);
  });

  it('a leaf', () => {
    const shape = { entries: [] as [string, number][], marks: null as number[] | null };
    const decoded = (value: Uint8Array): typeof shape => {
      const { entries, marks } = decodeLeaf(value);
      const { keys, rowIds } = entries instanceof PackedEntries ? entries.unpack() : entries;
      return { entries: keys.map((key, index) => [key, rowIds[index]]), marks };
    };
    const check = (keys: string[], rowIds: number[], marks: number[] | null, bytes: string): void => {
      const value = encodeEntries(keys, rowIds, marks);
      expect(hex(value)).to.equal(bytes);
      expect(decoded(value)).to.deep.equal({ entries: keys.map((key, index) => [key, rowIds[index]]), marks });
    };
    check([], [], null, '0300000000000000000000000000000000000000000000000000');
    check(['k1', 'k2'], [7, 8], null, '03000000020000000000000001000000010000000700000000006b3132');
    check(['a', 'b\xff'], [1, 2 ** 33], null, '0306010002000000000000000000000000000000010000000000000000000000ffffffff010001036162ff');
    check(['a', 'b\xff'], [1, 2 ** 33], [0, 64], '0306010002000000010000000000000000000000010000000000000000000000ffffffff0100010301000000000000000000504'
      + '06162ff');
    // What was written before.
    expect(decoded(Buffer.from('020000000200000001000000000000000000f03f000000000000004201000000020000000100000000000000000050406162ff', 'hex')))
      .to.deep.equal({ entries: [['a', 1], ['b\xff', 2 ** 33]], marks: [0, 64] });
  });

  it('directories', () => {
    const heap = { nextRowId: 1025, rowCount: 3, baseVersions: [1], deltaVersions: [2], chunkRows: [1024] };
    const heapValue = encodeHeapDirectory(heap, 2);
    expect(hex(heapValue)).to.equal('020000000200000000000000000490400000000000000840010000000200000000000000000000000004ffff');
    expect(decodeHeapDirectory(heapValue)).to.deep.equal({ ...heap, baseVersions: [1, 0], deltaVersions: [2, 0], chunkRows: [1024, null] });
    const first = Buffer.from('01000000020000000000000000049040000000000000084001000000020000000000000000000000', 'hex');
    expect(decodeHeapDirectory(first), 'version 1').to.deep.equal({ ...heap, baseVersions: [1, 0], deltaVersions: [2, 0], chunkRows: [null, null] });
    const index = { lowKeys: ['', 'm'], lowRowIds: [0, 9], leafIds: [0, 4], versions: [1, 2], nextLeafId: 5, entries: 600, retired: [false, true] };
    const indexValue = encodeIndexDirectory(index);
    expect(hex(indexValue)).to.equal('020000000200000000000000000014400000000000c082400000000001000000040000000200000000000000000000000000000000002240000000000100000000016d');
    expect(decodeIndexDirectory(indexValue)).to.deep.equal(index);
  });

  it('the root', () => {
    const root: Root = {
      lsn: lsn(100), log: { endLsn: lsn(100), lastRecordLsn: lsn(60), lastCrc: 7 }, inProgress: [5], nextXid: 6, nextFile: 3, nextOid: 16_384,
      files: [
        { file: 1, kind: 'heap', persistence: 'permanent', directory: 2, sequence: null },
        { file: 2, kind: 'sequence', persistence: 'permanent', directory: 0, sequence: { lastValue: 9n ** 20n, isCalled: true, logCount: 0 } },
      ],
      meta: [['map', Uint8Array.of(1)]],
    };
    const value = encodeRoot(root);
    expect(hex(value)).to.equal('99016493643c0791050603cd4000929501a468656170a97065726d616e656e7402c09502a873657175656e6365a97065726d616e656e740093cfa8b8b452291fe821c3009192a36d6170c40101');
    const read = decodeRoot(value);
    expect({ ...read, meta: read.meta.map(([key, bytes]) => [key, hex(bytes)]) }).to.deep.equal({ ...root, meta: [['map', '01']] });
  });
});
