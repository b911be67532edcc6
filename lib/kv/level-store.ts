/**
 * The contract over an abstract-level database, which both backends are, and, on disk, over value files: values of some size go there,
 * and their places stand in the database (`value-files.ts`). What no place means any more is collected (`value-collector.ts`).
 *
 * Batches are applied one after the other, in the order of the calls; a place is in the database only once its value can be read, and
 * durable only once its value is.
 */
import type { AbstractIterator, AbstractLevel, AbstractSnapshot } from 'abstract-level';
import type { ByteMemory } from '../base/byte-memory.js';
import type { KeyRange, KeyValueStore, KvChange, KvEntry, KvIterator, KvSnapshot, ReadValue } from './kv.js';
import { KnownPlaces } from './known-places.js';
import { checkedValue, damagedValue, placeIn, sealPlace, sealValue, valueIn, type ValuePlace } from './stored-value.js';
import { ValueCollector, type PlacedKey } from './value-collector.js';
import type { ValueFiles } from './value-files.js';

/** What both backends are underneath. */
export type ByteLevel = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>;

/** One operation as abstract-level takes it. */
export type LevelChange = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

/** What differs between the backends. */
export interface LevelParts {
  readonly level: ByteLevel;
  readonly writeBatch: (changes: LevelChange[], sync: boolean) => Promise<void>;
  /** Bytes of a range in the database, roughly. */
  readonly sizeOf: (from: Buffer, to: Buffer) => Promise<number>;
  /** Where larger values go; null: nowhere else. */
  readonly values: ValueFiles | null;
  /** Bytes appended to value files until they are looked through for what can go; by default a quarter of a gigabyte. */
  readonly collectAfterBytes?: number;
}

/**
 * Values from this size on go to value files: a place takes 22 bytes. Leaves of an index, some hundred bytes each, are among them: LevelDB maps its
 * files, so that what was read of them counts as the process's memory (40 MB, with leaves of 20 M rows in them).
 */
const SEPARATE_BYTES = 128;
/** Entries of the database that are read at a time where only places are looked for. */
const PLACES_AT_ONCE = 1000;

/** abstract-level's options for a range. */
function bounds(range: KeyRange): { gte?: Buffer; lt?: Buffer } {
  const options: { gte?: Buffer; lt?: Buffer } = {};
  if (range.from) options.gte = asBuffer(range.from);
  if (range.to) options.lt = asBuffer(range.to);
  return options;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** See the file's comment. */
export class LevelStore implements KeyValueStore {
  private readonly level: ByteLevel;
  private readonly values: ValueFiles | null;
  private readonly collector: ValueCollector | null;
  private readonly known = new KnownPlaces();
  /** Settles when every change asked for so far has been applied, or failed. */
  private applied: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: LevelParts) {
    const { level, values, collectAfterBytes } = parts;
    this.level = level;
    this.values = values;
    this.collector = values === null ? null : new ValueCollector({
      values, collectAfterBytes,
      settled: () => this.applied,
      places: () => this.places({ from: null, to: null }),
      move: (moved) => this.move(moved),
    });
  }

  // ---------------------------------------------------------------- reading

  getSync(key: Uint8Array, memory?: ByteMemory): Uint8Array | undefined {
    return this.readKnown(key, memory) ?? this.look(key, memory);
  }

  /** The value at the place that is known for it; null: ask the ordered store. */
  private readKnown(key: Uint8Array, memory: ByteMemory | undefined): Uint8Array | null {
    const place = this.values === null ? null : this.known.find(key);
    return place !== null && this.values?.has(place.file) === true ? this.values.readSync(place, memory) : null;
  }

  private look(key: Uint8Array, memory: ByteMemory | undefined): Uint8Array | undefined {
    const { values } = this;
    const stored = this.level.getSync(asBuffer(key));
    if (stored === undefined) return undefined;
    const place = values === null ? null : placeIn(stored);
    const value = place === null ? valueIn(stored) : (values as ValueFiles).readSync(place, memory);
    if (value === null) throw damagedValue(key);
    if (place !== null) this.known.set(key, place);
    return value;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.pinned(async () => this.whole(key, await this.level.get(asBuffer(key))));
  }

  readMany(keys: readonly Uint8Array[], memories?: readonly ByteMemory[]): Promise<(ReadValue | null | undefined)[]> {
    return this.pinned(async () => this.read(await this.level.getMany(keys.map(asBuffer)), memories));
  }

  /** Files with values stay for as long as this takes. */
  private async pinned<T>(read: () => Promise<T>): Promise<T> {
    const { values } = this;
    if (values === null) return read();
    const pin = values.pin();
    try {
      return await read();
    } finally {
      values.unpin(pin);
    }
  }

  private async whole(key: Uint8Array, stored: Buffer | undefined): Promise<Uint8Array | undefined> {
    const [value] = await this.valuesOf([stored]);
    if (value === null) throw damagedValue(key);
    return value;
  }

  /** The values behind what is stored; null for damaged ones. */
  private async valuesOf(stored: readonly (Buffer | undefined)[]): Promise<(Uint8Array | null | undefined)[]> {
    return (await this.read(stored)).map((found) => (found ? checkedValue(found) : found));
  }

  /** The same, those in value files not checked. */
  private async read(stored: readonly (Buffer | undefined)[], memories?: readonly ByteMemory[]): Promise<(ReadValue | null | undefined)[]> {
    const { values } = this;
    const places: ValuePlace[] = [];
    const indexes: number[] = [];
    const found = stored.map((bytes, index): ReadValue | null | undefined => {
      if (bytes === undefined) return undefined;
      const place = values === null ? null : placeIn(bytes);
      if (place !== null) {
        places.push(place);
        indexes.push(index);
        return null;
      }
      const value = valueIn(bytes);
      return value === null ? null : { value, checksum: null };
    });
    if (values === null || places.length === 0) return found;
    const placed = await values.readUnchecked(places, memories && indexes.map((index) => memories[index]));
    for (const [at, value] of placed.entries()) if (value !== null) found[indexes[at]] = { value, checksum: places[at].checksum };
    return found;
  }

  iterate(range: KeyRange, reverse = false): KvIterator {
    return this.opened(this.level.iterator({ ...bounds(range), reverse }));
  }

  /** An iterator that gives values. */
  private opened(iterator: AbstractIterator<ByteLevel, Buffer, Buffer>): KvIterator {
    const pin = this.values?.pin();
    return {
      next: async (count) => {
        const entries = await iterator.nextv(count);
        const values = await this.valuesOf(entries.map(([, stored]) => stored));
        return entries.map(([key], index): KvEntry => {
          const value = values[index];
          if (!value) throw damagedValue(key);
          return [key, value];
        });
      },
      close: async () => {
        await iterator.close();
        if (pin !== undefined) this.values?.unpin(pin);
      },
    };
  }

  snapshot(): KvSnapshot {
    const snapshot: AbstractSnapshot = this.level.snapshot();
    const pin = this.values?.pin();
    return {
      get: async (key) => this.whole(key, await this.level.get(asBuffer(key), { snapshot })),
      iterate: (range) => this.opened(this.level.iterator({ ...bounds(range), snapshot })),
      close: async () => {
        await snapshot.close();
        if (pin !== undefined) this.values?.unpin(pin);
      },
    };
  }

  async approximateSize(range: KeyRange): Promise<number> {
    let bytes = await this.parts.sizeOf(asBuffer(range.from ?? new Uint8Array(0)), asBuffer(range.to ?? new Uint8Array(64).fill(0xff)));
    if (this.values !== null) for await (const found of this.places(range)) for (const { place } of found) bytes += place.length;
    return bytes;
  }

  /** Keys whose values are in value files, with their places, as they are when this is called. */
  private async *places(range: KeyRange): AsyncGenerator<PlacedKey[], void, void> {
    const iterator = this.level.iterator(bounds(range));
    try {
      for (let entries = await iterator.nextv(PLACES_AT_ONCE); entries.length > 0; entries = await iterator.nextv(PLACES_AT_ONCE)) {
        yield entries.flatMap(([key, stored]): PlacedKey[] => {
          const place = placeIn(stored);
          return place === null ? [] : [{ key, place }];
        });
      }
    } finally {
      await iterator.close();
    }
  }

  // ---------------------------------------------------------------- writing

  batch(changes: readonly KvChange[], sync: boolean): Promise<void> {
    const { values, collector } = this;
    const isApart = (value: Uint8Array): boolean => values !== null && value.length >= SEPARATE_BYTES;
    const apart = changes.flatMap((change) => (change.type === 'put' && isApart(change.value) ? [change.value] : []));
    const appended = values === null || apart.length === 0 ? null : values.append(apart);
    let next = 0;
    const operations: LevelChange[] = changes.map((change) => {
      const key = asBuffer(change.key);
      if (change.type === 'delete') return { type: 'del', key };
      return { type: 'put', key, value: appended !== null && isApart(change.value) ? sealPlace(appended.places[next++]) : sealValue(change.value) };
    });
    const applied = this.apply(operations, sync, appended?.written);
    collector?.changing(operations);
    return applied;
  }

  /** Applies operations once what they refer to is written, and after all that was asked for before. */
  private apply(operations: LevelChange[], sync: boolean, written: Promise<void> | undefined): Promise<void> {
    // It may fail before its turn: then that is when it is told.
    written?.catch(() => undefined);
    return this.inTurn(async () => {
      this.collector?.check();
      await written;
      if (sync) await this.values?.sync();
      await this.parts.writeBatch(operations, sync);
      for (const { key } of operations) this.known.remove(key);
    });
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.applied.then(work);
    this.applied = done.catch(() => undefined);
    return done;
  }

  clear(range: KeyRange): Promise<void> {
    const cleared = this.inTurn(async () => {
      await this.level.clear(bounds(range));
      this.known.clear();
    });
    this.collector?.clearing();
    return cleared;
  }

  /** Gives values new places, durably. */
  private async move(moved: readonly { readonly key: Buffer; readonly value: Buffer }[]): Promise<void> {
    const { places, written } = (this.values as ValueFiles).append(moved.map(({ value }) => value));
    await this.apply(moved.map(({ key }, index) => ({ type: 'put', key, value: sealPlace(places[index]) })), true, written);
  }

  async close(): Promise<void> {
    await this.collector?.stop();
    await this.applied;
    try {
      await this.values?.sync();
    } finally {
      await this.level.close();
      this.values?.close();
    }
  }
}
