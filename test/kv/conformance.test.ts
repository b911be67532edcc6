/** Both backends of the key-value store keep the same contract. */
import { expect } from 'chai';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { PgError } from '../../lib/base/error.js';
import type { KeyValueStore, KvChange } from '../../lib/kv/kv.js';
import { sealValue, valueIn } from '../../lib/kv/stored-value.js';
import { openLevelStore } from '../../lib/kv/level.js';
import { openMemoryStore } from '../../lib/kv/memory.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const put = (key: Uint8Array, value: Uint8Array): KvChange => ({ type: 'put', key, value });

async function all(store: KeyValueStore, from: Uint8Array | null, to: Uint8Array | null, reverse = false): Promise<string[]> {
  const iterator = store.iterate({ from, to }, reverse);
  const found: string[] = [];
  for (;;) {
    const entries = await iterator.next(2);
    if (entries.length === 0) break;
    for (const [key, value] of entries) found.push(`${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`);
  }
  await iterator.close();
  return found;
}

function conformance(name: string, open: (directory: string) => Promise<KeyValueStore>): void {
  describe(`key-value store: ${name}`, () => {
    let directory: string;
    let store: KeyValueStore;
    beforeEach(async () => {
      directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pglitedb-kv-'));
      store = await open(path.join(directory, 'kv'));
    });
    afterEach(async () => {
      await store.close();
      fs.rmSync(directory, { recursive: true, force: true });
    });

    it('reads a snapshot as it was, whatever is written meanwhile', async () => {
      await store.batch([put(bytes(1), bytes(10)), put(bytes(2), bytes(20))], false);
      const snapshot = store.snapshot();
      await store.batch([put(bytes(1), bytes(11)), { type: 'delete', key: bytes(2) }, put(bytes(3), bytes(30))], false);
      const iterator = snapshot.iterate({ from: null, to: null });
      const entries = await iterator.next(10);
      expect(entries.map(([key, value]) => [key[0], value[0]])).to.deep.equal([[1, 10], [2, 20]]);
      await iterator.close();
      expect([...(await snapshot.get(bytes(1)) ?? [])]).to.deep.equal([10]);
      expect([...(await snapshot.get(bytes(2)) ?? [])]).to.deep.equal([20]);
      expect(await snapshot.get(bytes(3))).to.equal(undefined);
      await snapshot.close();
      expect(await all(store, null, null)).to.deep.equal(['01=0b', '03=1e']);
    });

    it('gets what was put, synchronously and not, and undefined for what is not there', async () => {
      await store.batch([put(bytes(1), bytes(10, 11)), put(bytes(2), bytes())], true);
      expect([...(store.getSync(bytes(1)) ?? [])]).to.deep.equal([10, 11]);
      expect([...((await store.get(bytes(2))) ?? [9])]).to.deep.equal([]);
      expect(store.getSync(bytes(3))).to.equal(undefined);
      expect(await store.get(bytes(3))).to.equal(undefined);
      expect((await store.readMany([bytes(3), bytes(2), bytes(1)])).map((read) => read && [...read.value])).to.deep.equal([undefined, [], [10, 11]]);
    });

    it('applies a batch in order, deletes included', async () => {
      await store.batch([put(bytes(1), bytes(1)), { type: 'delete', key: bytes(1) }, put(bytes(2), bytes(1)), put(bytes(2), bytes(2))], false);
      expect(await all(store, null, null)).to.deep.equal(['02=02']);
    });

    it('iterates ranges in memcmp order, both ways, over a fixed state', async () => {
      await store.batch([bytes(0xff), bytes(1, 0), bytes(1), bytes(0x7f), bytes(0x80), bytes()].filter((k) => k.length > 0).map((key) => put(key, bytes(key.length))), true);
      expect(await all(store, null, null)).to.deep.equal(['01=01', '0100=02', '7f=01', '80=01', 'ff=01']);
      expect(await all(store, bytes(1, 0), bytes(0x80))).to.deep.equal(['0100=02', '7f=01']);
      expect(await all(store, bytes(1, 0), bytes(0x80), true)).to.deep.equal(['7f=01', '0100=02']);
      const iterator = store.iterate({ from: null, to: null });
      await iterator.next(1);
      await store.batch([put(bytes(2), bytes(9))], false);
      expect((await iterator.next(10)).length).to.equal(4);
      await iterator.close();
    });

    it('clears a range only', async () => {
      await store.batch([1, 2, 3, 4].map((key) => put(bytes(key), bytes(key))), false);
      await store.clear({ from: bytes(2), to: bytes(4) });
      expect(await all(store, null, null)).to.deep.equal(['01=01', '04=04']);
    });
  });
}

conformance('level', (directory) => openLevelStore(directory));
conformance('memory', () => openMemoryStore());

describe('key-value store: damage', () => {
  it('seals a value with its CRC-32 (golden), notices every flipped bit, and reads what has CRC32C', () => {
    const sealed = sealValue(Buffer.from('123456789'));
    expect(sealed.toString('hex')).to.equal('3132333435363738392639f4cb');
    expect(String(valueIn(Buffer.from('313233343536373839839206e3', 'hex')))).to.equal('123456789');
    expect(String(valueIn(sealed))).to.equal('123456789');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const damaged = Buffer.from(sealed);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      expect(valueIn(damaged)).to.equal(null);
    }
  });

  it('raises XX001 through get, getSync and iterate, and 55006 for a second opening', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pglitedb-kv-'));
    const raw = new ClassicLevel<Buffer, Buffer>(path.join(directory, 'kv'), { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    await raw.put(Buffer.from([5]), Buffer.from('no checksum'));
    await raw.close();
    const store = await openLevelStore(path.join(directory, 'kv'));
    const codes: string[] = [];
    const note = (error: unknown): void => void codes.push(error instanceof PgError ? error.sqlstate : String(error));
    try {
      store.getSync(bytes(5));
    } catch (error) {
      note(error);
    }
    await store.get(bytes(5)).catch(note);
    expect(await store.readMany([bytes(5)])).to.deep.equal([null]);
    await all(store, null, null).catch(note);
    await openLevelStore(path.join(directory, 'kv')).catch(note);
    expect(codes).to.deep.equal(['XX001', 'XX001', 'XX001', '55006']);
    await store.close();
    fs.rmSync(directory, { recursive: true, force: true });
  });
});
