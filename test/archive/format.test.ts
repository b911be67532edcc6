/** Formats are law: names, headers, a whole object, a manifest and a history, as bytes; and progress and targets as text. */
import { expect } from 'chai';
import {
  backupPrefix, checkLabel, chunkName, historyKey, OBJECT_HEADER_BYTES, OBJECT_KIND, parseHistoryKey, parsePieceKey, pieceKey, readObjectHeader, writeObjectHeader,
} from '../../lib/archive/format.js';
import { encodeHistory } from '../../lib/archive/log-index.js';
import { decodeManifest, encodeBegun, encodeManifest, logStartOf, type Backup } from '../../lib/archive/manifest.js';
import { openObject, sealObject } from '../../lib/archive/object.js';
import { describeTarget, formatMicros } from '../../lib/archive/recovery-target.js';
import { ChunkWriter, readChunk } from '../../lib/archive/chunks.js';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { PgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv } from '../../lib/env/sim.js';
import { branchHistory, FIRST_HISTORY } from '../../lib/wal/history.js';
import { rejection, SYSTEM } from './support.js';

const DIGEST = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

describe('the archive format', () => {
  it('names objects by what they are', () => {
    const piece = { timeline: 2, start: lsn(0x1_0000_0028), end: lsn(0x1_00ab_0000), digest: DIGEST };
    const key = pieceKey(SYSTEM, piece);
    expect(key).to.equal(`7231549802342134/wal/00000002/0000000100000028-0000000100AB0000-${DIGEST}`);
    expect(parsePieceKey(key)).to.deep.equal(piece);
    for (const other of [key.slice(1).replace('wal', 'log'), `${key}0`, key.replace('-0000000100AB0000', '-0000000000AB0000')]) expect(parsePieceKey(other)).to.equal(null);
    expect(historyKey(SYSTEM, 31)).to.equal('7231549802342134/wal/0000001F.history');
    expect(parseHistoryKey(historyKey(SYSTEM, 31))).to.equal(31);
    expect(`${backupPrefix(SYSTEM, 'monday')}${chunkName('entries', 7, DIGEST)}`).to.equal(`7231549802342134/backup/monday/entries-000007-${DIGEST}`);
    for (const label of ['', '.', '-x', 'a/b', 'ä', 'x'.repeat(64)]) expect(() => checkLabel(label), label).to.throw(PgError);
  });

  it('has headers of these bytes', () => {
    const header = {
      kind: OBJECT_KIND.log, systemIdentifier: SYSTEM, timeline: 2, start: 0x1_0000_0028, end: 0x1_00ab_0000, contentBytes: 0x00aa_ffd8, storedBytes: 3,
      storedCrc: 0x0403_0201, digest: DIGEST,
    };
    const bytes = Buffer.alloc(OBJECT_HEADER_BYTES + 3);
    writeObjectHeader(bytes, header);
    expect(bytes.toString('hex', 0, OBJECT_HEADER_BYTES)).to.equal([
      '50474c5441524300', '01000000', '01000000', 'f6e624650eb11900', '02000000', 'd8ffaa00', '2800000001000000', '0000ab0001000000',
      DIGEST, '03000000', '01020304', '00000000', '326b4d5f',
    ].join(''));
    expect(readObjectHeader('x', bytes)).to.deep.equal(header);
  });

  it('reads objects of every kind as they were once written', async () => {
    const golden = Buffer.from('50474c544152430001000000030000000500000000000000000000001700000003000000000000000400000000000000eac13dc78da3f79858440011e4db4107e9301314511e6d0073320b14c535b8240a000000a5ccc9cc00000000bc4b529bcb48cdc9c957c8402701', 'hex');
    const { header, content } = await openObject('x', golden);
    expect(content.toString()).to.equal('hello hello hello hello');
    expect(header).to.include({ kind: OBJECT_KIND.keys, systemIdentifier: 5n, timeline: 0, start: 3, end: 4 });
    const sealed = await sealObject({ kind: OBJECT_KIND.keys, systemIdentifier: 5n, timeline: 0, start: 3, end: 4 }, content);
    expect((await openObject('x', sealed.bytes)).content.equals(content)).to.equal(true);
    for (let length = 0; length < golden.length; length++) expect(await rejection(openObject('x', golden.subarray(0, length)))).to.have.property('sqlstate', 'XX001');
  });

  it('keeps entries and keys as these bytes', async () => {
    const store = new DirectoryStore(simEnv(1), '/archive');
    for (const [kind, expected] of [['entries', '02000000030000006b3176313102000000000000006b32'], ['keys', '020000006b31020000006b32']] as const) {
      const writer = new ChunkWriter(store, { systemIdentifier: 5n, label: 'x', kind });
      writer.add(Buffer.from('k1'), kind === 'keys' ? null : Buffer.from('v11'));
      writer.add(Buffer.from('k2'), kind === 'keys' ? null : Buffer.alloc(0));
      await writer.flush();
      const [chunk] = writer.chunks;
      const { content } = await openObject('x', (await store.get(`5/backup/x/${chunk.name}`))!);
      expect(content.toString('hex')).to.equal(expected);
      expect((await readChunk(store, { systemIdentifier: 5n, label: 'x', kind, number: 0, chunk })).map(([key]) => Buffer.from(key).toString())).to.deep.equal(['k1', 'k2']);
      expect(() => writer.add(Buffer.from('k1'), null)).to.throw(PgError, 'do not ascend');
    }
  });

  it('has manifests and histories of these texts', async () => {
    const history = branchHistory(FIRST_HISTORY, 2, lsn(0x200_0000), 'promoted');
    const chunk = { name: 'entries-000000-ab', digest: 'ab', storedBytes: 5, contentBytes: 6, count: 1, firstKey: '00', lastKey: '00' };
    const backup: Backup = {
      label: 'monday', kind: 'incremental', parent: 'sunday', startedMicros: 1, finishedMicros: 2, entries: [chunk], keys: [],
      info: { systemIdentifier: SYSTEM, history, storeId: '0123456789abcdef', checkpointNumber: 9, stateLsn: lsn(0x300_0100), redoLsn: lsn(0x300_0080) },
    };
    expect(logStartOf(backup.info)).to.equal(0x300_0000);
    const bytes = await encodeManifest(backup);
    expect(bytes.toString()).to.equal([
      '{"version":1,"label":"monday","kind":"incremental","parent":"sunday","systemIdentifier":"7231549802342134","timeline":2,',
      '"history":[{"timeline":1,"switchLsn":"0/2000000","reason":"promoted"}],"storeId":"0123456789abcdef","checkpointNumber":9,',
      '"stateLsn":"0/3000100","redoLsn":"0/3000080","logStart":"0/3000000","stopLsn":"0/3000100","startedMicros":1,"finishedMicros":2,',
      '"entries":[{"name":"entries-000000-ab","digest":"ab","storedBytes":5,"contentBytes":6,"count":1,"firstKey":"00","lastKey":"00"}],"keys":[]}',
      '\nsha256 29ec5cd21c79c61e212c92f0215c64136670f3071ed8e5cd1174978ae2dadd08\n',
    ].join(''));
    expect(await decodeManifest('x', bytes)).to.deep.equal(backup);
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = Buffer.from(bytes);
      flipped[at] ^= 1;
      expect(await rejection(decodeManifest('x', flipped))).to.have.property('sqlstate', 'XX001');
    }
    expect(encodeBegun({ startedMicros: 7, logStart: lsn(0x300_0000) }).toString()).to.equal('{"startedMicros":7,"logStart":"0/3000000"}\n');
    expect((await encodeHistory(history)).toString()).to.equal('1\t0/2000000\tpromoted\n# sha256 5cd3a004664de1733d15d61cc710dd02ea641229f27067fbeeb062c8250c15db\n');
  });

  it('prints times and targets as PostgreSQL does', () => {
    expect(formatMicros(1_767_225_600_000_000)).to.equal('2026-01-01 00:00:00+00');
    expect(formatMicros(1_767_225_600_123_400)).to.equal('2026-01-01 00:00:00.1234+00');
    expect(describeTarget({ kind: 'time', micros: 1_767_225_600_000_001 }, false)).to.equal('before 2026-01-01 00:00:00.000001+00');
    expect(describeTarget({ kind: 'lsn', lsn: lsn(0x1_0000_0001) }, true)).to.equal('before LSN 1/1');
    expect(describeTarget({ kind: 'xid', xid: 7 }, false)).to.equal('after transaction 7');
    expect(describeTarget({ kind: 'name', name: 'x' }, true)).to.equal('at restore point "x"');
  });
});
