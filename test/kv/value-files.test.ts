/** Values in files of their own: read as any other, durable before their places are, collected once they are dead. */
import { expect } from 'chai';
import { MemoryLevel } from 'memory-level';
import { PgError } from '../../lib/base/error.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import type { KeyValueStore, KvChange } from '../../lib/kv/kv.js';
import { LevelStore } from '../../lib/kv/level-store.js';
import { checkedValue, placeIn, sealPlace, sealValue } from '../../lib/kv/stored-value.js';
import { ValueFiles } from '../../lib/kv/value-files.js';

const DIRECTORY = 'data/store/values';
const FILE_BYTES = 16 << 10;
const COLLECT_AFTER = 64 << 10;
type Memory = MemoryLevel<Buffer, Buffer>;

/** A store whose ordered part outlives every crash, so that a place may outlive its value. */
class Machine {
  readonly env: SimEnv;
  readonly level: Memory = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer', storeEncoding: 'buffer' });

  constructor(seed: number) {
    this.env = simEnv(seed);
    this.env.files.makeDirectory('data/store');
  }

  async open(): Promise<KeyValueStore> {
    const { level, env } = this;
    await level.open();
    return new LevelStore({
      level, writeBatch: (changes) => level.batch(changes), sizeOf: async () => 0, values: new ValueFiles(env.files, DIRECTORY, FILE_BYTES), collectAfterBytes: COLLECT_AFTER,
    });
  }

  get files(): string[] {
    return this.env.files.exists(DIRECTORY) ? this.env.files.list(DIRECTORY) : [];
  }

  /** Bytes of all value files. */
  get bytes(): number {
    return this.files.reduce((sum, name) => sum + (this.env.files.stat(`${DIRECTORY}/${name}`)?.size ?? 0), 0);
  }
}

const key = (number: number): Buffer => Buffer.from(`key ${String(number).padStart(11, '0')}`);
const put = (number: number, value: Uint8Array): KvChange => ({ type: 'put', key: key(number), value });

/** Bytes that say whose they are; `length` from 0 on. */
function valueOf(number: number, serial: number, length: number): Buffer {
  return Buffer.alloc(length, `${number}/${serial} `);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A value in few words: what it repeats, and its length. */
function brief(value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined;
  const repeated = Buffer.from(value).toString().split(' ')[0];
  expect(Buffer.compare(value, Buffer.alloc(value.length, `${repeated} `)), 'bytes of one value').to.equal(0);
  return `${repeated} x ${value.length}`;
}

/** What every way of reading says of a key: all must agree. 'XX001' for a damaged value. */
async function read(store: KeyValueStore, number: number): Promise<string | undefined> {
  const codeOf = (error: unknown): string => (error instanceof PgError ? error.sqlstate : String(error));
  let found: string | undefined;
  try {
    found = brief(store.getSync(key(number)));
  } catch (error) {
    found = codeOf(error);
  }
  expect(await store.get(key(number)).then(brief, codeOf)).to.equal(found);
  const [many] = await store.readMany([key(number)]);
  const checked = many && checkedValue(many);
  expect(checked === null ? 'XX001' : brief(checked)).to.equal(found);
  const iterator = store.iterate({ from: key(number), to: key(number + 1) });
  const entries = await iterator.next(2).catch(codeOf);
  await iterator.close();
  expect(typeof entries === 'string' ? entries : brief(entries[0]?.[1])).to.equal(found);
  return found;
}

describe('value files', () => {
  it('hold what is not small; places are told from values (golden)', async () => {
    const machine = new Machine(1);
    const store = await machine.open();
    await store.batch([put(1, valueOf(1, 0, 127)), put(2, valueOf(2, 0, 0))], true);
    expect(machine.files).to.deep.equal([]);
    await store.batch([put(3, valueOf(3, 0, 512)), put(4, valueOf(4, 0, 40_001)), put(3, valueOf(3, 1, 600)), { type: 'delete', key: key(1) }], true);
    expect(machine.files).to.deep.equal(['00000001.values']);
    const stored = await machine.level.get(key(4)) as Buffer;
    expect(placeIn(stored)).to.include({ file: 1, offset: 512, length: 40_001 });
    expect(await Promise.all([1, 2, 3, 4].map((number) => read(store, number)))).to.deep.equal([undefined, ' x 0', '3/1 x 600', '4/0 x 40001']);
    expect(await store.approximateSize({ from: key(3), to: key(4) })).to.equal(600);
    await store.close();
    const place = { file: 7, offset: 2 ** 40 + 8, length: 35_000, checksum: 0xdeadbeef };
    expect(sealPlace(place).toString('hex')).to.equal('07000000080000000001b8880000efbeadde27e61cd8');
    expect(placeIn(sealPlace(place))).to.deep.equal(place);
    expect(placeIn(sealValue(sealPlace(place).subarray(0, 18))), 'a value of the same bytes').to.equal(null);
  });

  it('says XX001, whoever asks, for damaged values and for files that are not there', async () => {
    const machine = new Machine(2);
    const store = await machine.open();
    for (const number of [1, 2, 3]) await store.batch([put(number, valueOf(number, 0, FILE_BYTES - 100))], true);
    expect(machine.files).to.have.length(3);
    await store.close();
    machine.env.flipBit(`${DIRECTORY}/00000001.values`, 100, 3);
    machine.env.files.remove(`${DIRECTORY}/00000002.values`);
    const again = await machine.open();
    expect(await read(again, 1)).to.equal('XX001');
    expect(await read(again, 2)).to.equal('XX001');
    expect(await read(again, 3)).to.equal(`3/0 x ${FILE_BYTES - 100}`);
  });

  it('reads many values that stand together, and apart, in the order asked for', async () => {
    const machine = new Machine(3);
    const store = await machine.open();
    const numbers = Array.from({ length: 700 }, (_, number) => number);
    await store.batch(numbers.map((number) => put(number, valueOf(number, 0, 500 + (number % 40)))), true);
    const wanted = [...numbers.filter((number) => number % 7 !== 3), 5, 3, 4, 99_999];
    const found = await store.readMany(wanted.map(key));
    expect(found.map((read) => brief((read && checkedValue(read)) ?? undefined))).to.deep.equal(wanted.map((number) => (number > 1000 ? undefined : `${number}/0 x ${500 + (number % 40)}`)));
    await store.close();
  });

  it('does not acknowledge what could not be synced or written', async () => {
    const machine = new Machine(4);
    const store = await machine.open();
    await store.batch([put(1, valueOf(1, 0, 1000))], true);
    machine.env.failSync('values');
    const codes: string[] = [];
    const note = (error: unknown): void => void codes.push(error instanceof Error && 'code' in error ? String(error.code) : String(error));
    await store.batch([put(2, valueOf(2, 0, 1000))], true).catch(note);
    machine.env.failWrite('values', 'ENOSPC');
    const first = store.batch([put(3, valueOf(3, 0, 1000))], false);
    await turns(20);
    await first.catch(note);
    expect(codes).to.deep.equal(['EIO', 'ENOSPC']);
    expect(await read(store, 2)).to.equal(undefined);
    expect(await read(store, 3)).to.equal(undefined);
  });

  it('is closed even where what is left cannot be synced', async () => {
    const machine = new Machine(6);
    const store = await machine.open();
    await store.batch([put(1, valueOf(1, 0, 1000))], false);
    machine.env.failSync('values');
    const failure: unknown = await store.close().then(() => null, (error: unknown) => error);
    expect(failure).to.have.property('code', 'EIO');
    expect(machine.level.status).to.equal('closed');
  });

  it('applies batches in the order in which they were asked for', async () => {
    const machine = new Machine(5);
    const store = await machine.open();
    const large = store.batch([put(1, valueOf(1, 0, 9000))], true);
    const small = store.batch([{ type: 'delete', key: key(1) }], false);
    const cleared = store.clear({ from: key(2), to: key(3) });
    await Promise.all([large, small, cleared]);
    expect(await read(store, 1)).to.equal(undefined);
    await store.close();
  });

  for (let seed = 1; seed <= 12; seed++) {
    it(`keep what was synced through power cuts, and never give other bytes, seed ${seed}`, async () => {
      const machine = new Machine(seed);
      const random = (limit: number): number => Math.floor(machine.env.random.float() * limit);
      const durable = new Map<number, string>();
      let unsynced = new Map<number, string>();
      let serial = 0;
      for (let life = 0; life < 6; life++) {
        const store = await machine.open();
        for (const [number, value] of durable) expect(await read(store, number), `key ${number} in life ${life}`).to.equal(value);
        for (const [number, value] of unsynced) if (!durable.has(number)) expect(await read(store, number)).to.be.oneOf([value, 'XX001']);
        unsynced = new Map();
        for (let step = 0; step < 12; step++) {
          const changes: KvChange[] = [];
          for (let count = random(4); count >= 0; count--) {
            const number = serial++;
            const value = valueOf(number, life, random(3) === 0 ? random(500) : random(6000));
            changes.push(put(number, value));
            unsynced.set(number, brief(value) as string);
          }
          const sync = random(3) === 0;
          await store.batch(changes, sync);
          if (!sync) continue;
          for (const [number, value] of unsynced) durable.set(number, value);
          unsynced.clear();
        }
        if (life % 2 === 0) machine.env.powerCut();
        else {
          await store.close();
          for (const [number, value] of unsynced) durable.set(number, value);
        }
      }
    });

    it(`are collected while others read and write, seed ${seed}`, async () => {
      const machine = new Machine(100 + seed);
      const random = (limit: number): number => Math.floor(machine.env.random.float() * limit);
      const store = await machine.open();
      const model = new Map<number, string>();
      let held: { snapshot: ReturnType<KeyValueStore['snapshot']>; model: Map<number, string> } | null = null;
      for (let step = 0; step < 400; step++) {
        const changes: KvChange[] = [];
        for (let count = random(4); count >= 0; count--) {
          const number = random(60);
          const value = valueOf(number, step, random(4) === 0 ? random(500) : random(3000));
          if (random(4) === 0) {
            model.delete(number);
            changes.push({ type: 'delete', key: key(number) });
          } else {
            model.set(number, brief(value) as string);
            changes.push(put(number, value));
          }
        }
        const done = store.batch(changes, random(5) === 0);
        if (random(3) > 0) await done;
        if (random(80) === 0) {
          await store.clear({ from: key(10), to: key(20) });
          for (let number = 10; number < 20; number++) model.delete(number);
        }
        if (step % 100 === 50) {
          await done;
          held = { snapshot: store.snapshot(), model: new Map(model) };
        }
        if (step % 100 === 99 && held !== null) {
          const { snapshot, model: then } = held;
          for (let number = 0; number < 60; number++) expect(brief(await snapshot.get(key(number))), `key ${number} of the snapshot`).to.equal(then.get(number));
          await snapshot.close();
          held = null;
        }
        if (step % 20 !== 19) continue;
        await done;
        const number = random(60);
        expect(await read(store, number)).to.equal(model.get(number));
      }
      await store.batch([], true);
      await turns(200);
      for (let number = 0; number < 60; number++) expect(await read(store, number), `key ${number}`).to.equal(model.get(number));
      const alive = [...model.values()].reduce((sum, value) => sum + Number(value.split(' x ')[1]), 0);
      // Some 700 kB were written: what is there is what lives, what may gather until the next collection, and files that are half alive.
      expect(machine.bytes).to.be.lessThan(2 * alive + 2 * COLLECT_AFTER + 3 * FILE_BYTES);
      await store.close();
      const again = await machine.open();
      for (let number = 0; number < 60; number++) expect(await read(again, number), `key ${number}, opened again`).to.equal(model.get(number));
      await again.close();
    });
  }
});
