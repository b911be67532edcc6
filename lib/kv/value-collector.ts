/**
 * Collects value files: those without a live value go, those with few give theirs to the newest file and go, too.
 *
 * Which values live is not kept anywhere: a collection reads the keys, twice, in pieces between which the event loop turns. It begins when
 * as much was appended as there was alive at the last one (at least `collectAfterBytes`): so dead values take about as much room as live ones, and each byte
 * that is written costs about one byte's share of a collection.
 *
 * A value is given a new place only if its key was not changed since the collection began; later changes come after it. A damaged value keeps its file.
 * An error is raised by the next batch (`check`).
 */
import type { ValuePlace } from './stored-value.js';
import { spaceOf, type ValueFiles } from './value-files.js';

/** A key whose value is in a value file. */
export interface PlacedKey {
  readonly key: Buffer;
  readonly place: ValuePlace;
}

/** What collecting needs of the store. */
export interface CollectedStore {
  readonly values: ValueFiles;
  readonly collectAfterBytes?: number;
  /** Resolves when all changes asked for so far are applied. */
  settled(): Promise<unknown>;
  /** All keys with places, in pieces, as they are when this is called. */
  places(): AsyncIterable<readonly PlacedKey[]>;
  /** Gives values new places, durably. */
  move(moved: readonly { readonly key: Buffer; readonly value: Buffer }[]): Promise<void>;
}

const COLLECT_AFTER_BYTES = 256 << 20;
/** Values of a file with less than this share alive are moved. */
const LEAST_ALIVE = 1 / 2;
/** Bytes moved at a time. */
const MOVE_BYTES = 1 << 20;

/** See the file's comment. */
export class ValueCollector {
  private readonly least: number;
  /** A collection begins when so much has been appended in all. */
  private due: number;
  private running: Promise<void> | null = null;
  /** Keys changed since the collection began. */
  private changed: Set<string> | null = null;
  /** A range was cleared, or the store is closed: nothing is moved any more. */
  private stopped = false;
  private failure: unknown = null;

  constructor(private readonly store: CollectedStore) {
    this.least = store.collectAfterBytes ?? COLLECT_AFTER_BYTES;
    this.due = this.least;
  }

  /** Changes of these keys have been asked for. */
  changing(changes: readonly { readonly key: Buffer }[]): void {
    if (this.changed !== null) for (const { key } of changes) this.changed.add(key.toString('latin1'));
    else if (this.store.values.appendedBytes >= this.due) this.start();
  }

  /** It has been asked to clear a range of keys. */
  clearing(): void {
    if (this.running !== null) this.stopped = true;
  }

  private start(): void {
    this.stopped = false;
    this.changed = new Set();
    this.due = Infinity;
    this.running = this.collect().then((alive) => {
      this.due = this.store.values.appendedBytes + Math.max(this.least, alive);
    }, (error: unknown) => {
      this.failure = error;
    }).finally(() => {
      this.changed = null;
      this.running = null;
    });
  }

  /** @throws what the last collection failed with */
  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** Returns how many bytes are alive. */
  private async collect(): Promise<number> {
    const { store } = this;
    const sizes = store.values.sealed();
    // What was appended to these files was asked for before: from then on it has its places, or none.
    await store.settled();
    const alive = new Map<number, number>();
    let bytes = 0;
    for await (const found of store.places()) {
      for (const { place } of found) {
        bytes += spaceOf(place);
        alive.set(place.file, (alive.get(place.file) ?? 0) + spaceOf(place));
      }
    }
    const dead = [...sizes.keys()].filter((number) => !alive.has(number));
    if (dead.length > 0) store.values.retire(dead);
    const sparse = new Set([...sizes].filter(([number, size]) => (alive.get(number) ?? size) < size * LEAST_ALIVE).map(([number]) => number));
    if (sparse.size > 0) await this.empty(sparse);
    return bytes;
  }

  /** Moves what lives in these files, and lets them go. */
  private async empty(files: Set<number>): Promise<void> {
    const { store } = this;
    let moving: PlacedKey[] = [];
    let bytes = 0;
    for await (const found of store.places()) {
      for (const entry of found) {
        if (!files.has(entry.place.file)) continue;
        moving.push(entry);
        bytes += entry.place.length;
        if (bytes < MOVE_BYTES) continue;
        await this.move(moving, files);
        moving = [];
        bytes = 0;
      }
      if (this.stopped) return;
    }
    await this.move(moving, files);
    if (!this.stopped) store.values.retire(files);
  }

  private async move(entries: readonly PlacedKey[], files: Set<number>): Promise<void> {
    const values = await this.store.values.readMany(entries.map(({ place }) => place));
    const moved: { key: Buffer; value: Buffer }[] = [];
    for (const [index, { key, place }] of entries.entries()) {
      const value = values[index];
      if (this.changed?.has(key.toString('latin1')) === true) continue;
      if (value === null) files.delete(place.file);
      else moved.push({ key, value });
    }
    if (moved.length > 0 && !this.stopped) await this.store.move(moved);
  }

  /** Resolves when no collection runs any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.due = Infinity;
    await this.running;
  }
}
