/**
 * What stands inside log records: golden bytes of every change, the way back, cut-off records, batches and savepoints.
 */
import { expect } from 'chai';
import { AssertionFailure } from '../../lib/base/assert.js';
import { ChangeWriter, readChanges, readRecordHeader, wholePayload, type ChangeTarget, type LoggedRow } from '../../lib/txn/changes.js';
import { BATCH_BYTES, RECORD_HEADER } from '../../lib/txn/format.js';

/** Writes every change down. */
class Recorder implements ChangeTarget {
  readonly seen: unknown[][] = [];
  insert(file: number, rowId: number, row: LoggedRow, position: number): void { this.seen.push(['insert', file, rowId, row.decode(), position]); }
  update(file: number, rowId: number, row: LoggedRow, ...parts: unknown[]): void { this.seen.push(['update', file, rowId, row.decode(), ...parts]); }
  delete(...parts: unknown[]): void { this.seen.push(['delete', ...parts]); }
  indexAdd(...parts: unknown[]): void { this.seen.push(['indexAdd', ...parts]); }
  indexRemove(...parts: unknown[]): void { this.seen.push(['indexRemove', ...parts]); }
  createFile(...parts: unknown[]): void { this.seen.push(['createFile', ...parts]); }
  dropFile(...parts: unknown[]): void { this.seen.push(['dropFile', ...parts]); }
  sequence(...parts: unknown[]): void { this.seen.push(['sequence', ...parts]); }
  counter(...parts: unknown[]): void { this.seen.push(['counter', ...parts]); }
  putMeta(...parts: unknown[]): void { this.seen.push(['putMeta', ...parts]); }
  bulkChunk(...parts: unknown[]): void { this.seen.push(['bulkChunk', ...parts]); }
  message(...parts: unknown[]): void { this.seen.push(['message', ...parts]); }
  rollbackTo(...parts: unknown[]): void { this.seen.push(['rollbackTo', ...parts]); }
}

interface Golden {
  readonly write: (writer: ChangeWriter) => void;
  readonly bytes: string;
  readonly read: unknown[];
}

const GOLDEN: Golden[] = [
  { write: (w) => w.insert(1, 2, [1, 'a', null]), bytes: '010102059301a161c0', read: ['insert', 1, 2, [1, 'a', null], 0] },
  { write: (w) => w.update(300, 70_000, [true], true), bytes: '02ac02f0a204010291c3', read: ['update', 300, 70_000, [true], true, 0] },
  { write: (w) => w.delete(3, 2 ** 40), bytes: '0303808080808020', read: ['delete', 3, 2 ** 40, 0] },
  { write: (w) => w.indexEntry(true, 4, 5, '\x01\xffk'), bytes: '0404050301ff6b', read: ['indexAdd', 4, '\x01\xffk', 5, 0] },
  { write: (w) => w.indexEntry(false, 4, 5, 'z'.repeat(40)), bytes: '050405287a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a', read: ['indexRemove', 4, 'z'.repeat(40), 5, 0] },
  { write: (w) => w.createFile(6, 'index', 'unlogged'), bytes: '06060101', read: ['createFile', 6, 'index', 'unlogged', 0] },
  { write: (w) => w.dropFile(6), bytes: '0706', read: ['dropFile', 6, 0] },
  { write: (w) => w.sequence(7, { lastValue: 33, isCalled: true, logCount: 0 }), bytes: '0807049321c300', read: ['sequence', 7, { lastValue: 33, isCalled: true, logCount: 0 }] },
  { write: (w) => w.counter('oid', 24_576), bytes: '0d036f696480c001', read: ['counter', 'oid', 24_576] },
  { write: (w) => w.putMeta('map', Uint8Array.of(9)), bytes: '09036d61700209', read: ['putMeta', 'map', Uint8Array.of(9), 0] },
  { write: (w) => w.putMeta('map', null), bytes: '09036d617000', read: ['putMeta', 'map', null, 0] },
  { write: (w) => w.bulkChunk(8, 1, Uint8Array.of(1, 2)), bytes: '0a0801020102', read: ['bulkChunk', 8, 1, Uint8Array.of(1, 2), 0] },
  { write: (w) => w.message('notify', Uint8Array.of(5)), bytes: '0b066e6f746966790105', read: ['message', 'notify', Uint8Array.of(5), 0] },
];

function payloadOf(write: (writer: ChangeWriter) => void): Uint8Array {
  const writer = new ChangeWriter(null);
  write(writer);
  return Uint8Array.from(writer.take(7, 1.5));
}

describe('log changes', () => {
  for (const { write, bytes, read } of GOLDEN) {
    it(`${String(read[0])} keeps its bytes`, () => {
      const payload = payloadOf(write);
      expect(Buffer.from(payload).toString('hex')).to.equal(`07000000000000000000f83f${bytes}`);
      expect(readRecordHeader(wholePayload(payload))).to.deep.equal({ xid: 7, field: 1.5 });
      const recorder = new Recorder();
      readChanges(wholePayload(payload), 0, recorder);
      expect(recorder.seen).to.deep.equal([read]);
    });

    it(`${String(read[0])} that is cut off is noticed at every byte`, () => {
      const payload = payloadOf(write);
      for (let length = RECORD_HEADER + 1; length < payload.length; length++) {
        expect(() => readChanges(wholePayload(payload.subarray(0, length)), 0, new Recorder()), `${length} bytes`).to.throw(AssertionFailure);
      }
    });
  }

  it('a savepoint cuts what is not sent, and says so of what is', () => {
    const sent: Uint8Array[] = [];
    const writer = new ChangeWriter((full) => sent.push(Uint8Array.from(full.take(7, full.sentBytes))));
    writer.insert(1, 1, ['kept']);
    const mark = writer.mark();
    writer.insert(1, 2, ['cut']);
    writer.rollbackTo(mark);
    writer.insert(1, 3, ['large'.repeat(BATCH_BYTES / 5)]);
    expect(sent).to.have.length(1);
    writer.insert(1, 4, ['behind']);
    writer.rollbackTo(mark);
    writer.insert(1, 5, ['last']);
    const recorder = new Recorder();
    readChanges(wholePayload(sent[0]), readRecordHeader(wholePayload(sent[0])).field, recorder);
    const end = writer.sentBytes;
    readChanges(wholePayload(writer.take(7, 0)), end, recorder);
    expect(recorder.seen.map(([kind, , rowId]) => [kind, rowId])).to.deep.equal([
      ['insert', 1], ['insert', 3], ['rollbackTo', undefined], ['insert', 5],
    ]);
    expect(recorder.seen[2]).to.deep.equal(['rollbackTo', mark]);
    expect(recorder.seen[1][4], 'the large row stands at the mark').to.equal(mark);
  });
});
