/**
 * Values beside the ordered store: appended to files of their own, read at their places. The ordered store keeps keys and places
 * only, so that it is small, compacts little, and finding a value costs no reading of others (the idea is WiscKey's, FAST '16; LevelDB
 * maps its files into memory, and for a store beyond the files that it keeps open nearly every read mapped and unmapped one).
 *
 * Promises: what `append` has resolved for can be read; what was appended before `sync` was called is durable when that resolves, with its file's name.
 * A file is never written again where something was written, and goes only when nobody reads who may have its places (`pin`).
 * After a crash a file may end in bytes that no place means; the next process appends behind them. A place that means bytes that were lost does not fit their checksum.
 */
import { crc32 } from 'node:zlib';
import { FRESH_MEMORY, type ByteMemory } from '../base/byte-memory.js';
import { ByteRooms } from '../base/byte-rooms.js';
import { pgError } from '../base/error.js';
import { isEnvError, type FileSystem, type OpenFile } from '../env/env.js';
import type { ValuePlace } from './stored-value.js';

/** Values begin at multiples of this, so that a packed chunk's arrays can lie over its bytes. */
const ALIGNMENT = 8;
/** A file that has reached this is not appended to. */
const FILE_BYTES = 64 << 20;
/** Files kept open. */
const MOST_OPEN = 64;
/** Values and bytes that are read with one call where they stand one behind the other. */
const MOST_TOGETHER = 256;
const BYTES_TOGETHER = 1 << 20;
const SUFFIX = '.values';
/** Bytes that wait for values to be appended. */
const MOST_WAITING = 4 << 20;

const aligned = (bytes: number): number => (bytes + ALIGNMENT - 1) & -ALIGNMENT;

/** Bytes that a value takes in its file. */
export function spaceOf({ length }: ValuePlace): number {
  return aligned(length);
}

/** An open file. */
interface ValueFile {
  readonly number: number;
  readonly handle: OpenFile;
  /** Reads and writes under way, and one while it is to be synced. */
  users: number;
}

/** A file without live values; who reads since an older generation may have places in it. */
interface RetiredFile {
  readonly number: number;
  readonly generation: number;
}

/** Values that were appended together. */
export interface Appended {
  readonly places: readonly ValuePlace[];
  /** Resolves when they can be read. */
  readonly written: Promise<void>;
}

/** See the file's comment. */
export class ValueFiles {
  /** Bytes of each file, by number. */
  private readonly sizes = new Map<number, number>();
  private readonly open = new Map<number, ValueFile>();
  private readonly dirty = new Set<ValueFile>();
  /** The number of the file that is appended to; 0 before the first. */
  private newest = 0;
  /** Names that are not durable. */
  private hasNewName = false;
  /** Goes up whenever files are retired. */
  private generation = 0;
  /** How many read since each generation. */
  private readonly readers = new Map<number, number>();
  private retired: RetiredFile[] = [];
  /** Memory that appended values are laid out in before they are written. */
  private readonly rooms = new ByteRooms(MOST_WAITING);
  /** Bytes appended so far. */
  appendedBytes = 0;

  /** `directory` is made with the first value. */
  constructor(private readonly files: FileSystem, private readonly directory: string, private readonly fileBytes = FILE_BYTES) {
    if (!files.exists(directory)) return;
    for (const name of files.list(directory)) {
      if (!name.endsWith(SUFFIX)) continue;
      const number = Number(name.slice(0, -SUFFIX.length));
      this.sizes.set(number, files.stat(`${directory}/${name}`)?.size ?? 0);
      if (number > this.newest) this.newest = number;
    }
  }

  private pathOf(number: number): string {
    return `${this.directory}/${String(number).padStart(8, '0')}${SUFFIX}`;
  }

  // ---------------------------------------------------------------- writing

  /** Appends values, which may be changed afterwards. `written` rejects with the file system's error. */
  append(values: readonly Uint8Array[]): Appended {
    const size = values.reduce((sum, value) => sum + aligned(value.length), 0);
    const file = this.fileFor(size);
    const start = this.sizes.get(file.number) as number;
    this.sizes.set(file.number, start + size);
    this.appendedBytes += size;
    const memory = this.rooms.takeRounded(size);
    const bytes = memory.subarray(0, size);
    const places: ValuePlace[] = [];
    let at = 0;
    for (const value of values) {
      bytes.set(value, at);
      places.push({ file: file.number, offset: start + at, length: value.length, checksum: crc32(value) });
      bytes.fill(0, at + value.length, (at += aligned(value.length)));
    }
    file.users++;
    const written = file.handle.write(bytes, start).then(() => {
      this.rooms.give(memory);
      if (!this.dirty.has(file)) this.dirty.add(file);
      else file.users--;
    });
    return { places, written };
  }

  /** The file that takes so many bytes more. */
  private fileFor(size: number): ValueFile {
    const used = this.sizes.get(this.newest);
    if (used !== undefined && (used === 0 || used + size <= this.fileBytes)) {
      // What an earlier process wrote may end anywhere.
      this.sizes.set(this.newest, aligned(used));
      return this.fileOf(this.newest);
    }
    if (this.newest === 0) this.files.makeDirectory(this.directory);
    this.newest++;
    this.sizes.set(this.newest, 0);
    this.hasNewName = true;
    return this.fileOf(this.newest);
  }

  /** Makes durable what was appended and has been written. Not to be called again before it has resolved. */
  async sync(): Promise<void> {
    if (this.hasNewName) {
      this.hasNewName = false;
      this.files.syncDirectory(this.directory);
      this.files.syncDirectory(this.directory.slice(0, this.directory.lastIndexOf('/')));
    }
    const dirty = [...this.dirty];
    this.dirty.clear();
    await Promise.all(dirty.map((file) => new Promise<void>((resolve, reject) => {
      file.handle.datasync((error) => {
        file.users--;
        if (error === null) resolve();
        else reject(error);
      });
    })));
  }

  // ---------------------------------------------------------------- reading

  /** Whether there is a file with this number. */
  has(file: number): boolean {
    return this.sizes.has(file);
  }

  /** The value at a place, put into `memory` if that is given; null when it is damaged or its file is not there. 58030 when it cannot be read. */
  readSync(place: ValuePlace, memory: ByteMemory = FRESH_MEMORY): Buffer | null {
    try {
      const target = memory.take(place.length);
      const { handle } = this.fileOf(place.file);
      return handle.readSync(target, place.offset) === place.length && crc32(target) === place.checksum ? target : null;
    } catch (error) {
      return this.refused(place, error);
    }
  }

  private refused({ file }: ValuePlace, error: unknown): null {
    if (isEnvError(error, 'ENOENT')) return null;
    if (!isEnvError(error)) throw error;
    throw pgError('IO_ERROR', `could not read file "${this.pathOf(file)}"`, { detail: error.message });
  }

  /** The values at several places, in their order, read off the thread. Null and errors as `readSync`. */
  async readMany(places: readonly ValuePlace[]): Promise<(Buffer | null)[]> {
    const found = await this.readUnchecked(places);
    return found.map((value, index) => (value !== null && crc32(value) === places[index].checksum ? value : null));
  }

  /**
   * The same, not checked; null for what is not there. Values that stand one behind the other are read with one call. `memories`: where each is
   * put.
   */
  async readUnchecked(places: readonly ValuePlace[], memories?: readonly ByteMemory[]): Promise<(Buffer | null)[]> {
    const found: (Buffer | null)[] = [];
    const reads: Promise<void>[] = [];
    for (let from = 0; from < places.length;) {
      const first = from;
      let end = places[first].offset;
      while (from < places.length && places[from].file === places[first].file && places[from].offset === end
        && from - first < MOST_TOGETHER && (from === first || end - places[first].offset < BYTES_TOGETHER)) {
        end += spaceOf(places[from++]);
      }
      reads.push(this.readTogether(places.slice(first, from), found, first, memories));
    }
    await Promise.all(reads);
    return found;
  }

  private async readTogether(places: readonly ValuePlace[], found: (Buffer | null)[], from: number, memories?: readonly ByteMemory[]): Promise<void> {
    const [first] = places;
    try {
      const file = this.fileOf(first.file);
      const targets = places.map((place, index) => (memories?.[from + index] ?? FRESH_MEMORY).take(spaceOf(place)));
      file.users++;
      let read: number;
      try {
        read = await file.handle.readMany(targets, first.offset);
      } finally {
        file.users--;
      }
      for (const [index, place] of places.entries()) {
        const target = targets[index];
        const isThere = place.offset - first.offset + place.length <= read;
        found[from + index] = !isThere ? null : place.length === target.length ? target : target.subarray(0, place.length);
      }
    } catch (error) {
      for (const index of places.keys()) found[from + index] = this.refused(first, error);
    }
  }

  private fileOf(number: number): ValueFile {
    let file = this.open.get(number);
    if (file === undefined) {
      if (this.open.size >= MOST_OPEN) this.closeOne();
      file = { number, handle: this.files.open(this.pathOf(number), number === this.newest ? 'create' : 'read'), users: 0 };
      this.open.set(number, file);
    }
    return file;
  }

  /** Closes the file that was opened first of those that nobody is at. */
  private closeOne(): void {
    for (const file of this.open.values()) {
      if (file.users > 0 || file.number === this.newest) continue;
      this.open.delete(file.number);
      file.handle.closeSync();
      return;
    }
  }

  // ---------------------------------------------------------------- files that go

  /** Files that are not appended to any more, with their sizes. */
  sealed(): Map<number, number> {
    const gone = new Set(this.retired.map(({ number }) => number));
    return new Map([...this.sizes].filter(([number]) => number !== this.newest && !gone.has(number)));
  }

  /** From now on a reader has places: none of their files goes before `unpin` is called with what this returns. */
  pin(): number {
    this.readers.set(this.generation, (this.readers.get(this.generation) ?? 0) + 1);
    return this.generation;
  }

  unpin(generation: number): void {
    const left = (this.readers.get(generation) as number) - 1;
    if (left > 0) this.readers.set(generation, left);
    else this.readers.delete(generation);
    if (this.retired.length > 0) this.removeRetired();
  }

  /** No place in the ordered store is in these files any more: they go when those who read now have ended. */
  retire(numbers: Iterable<number>): void {
    this.generation++;
    for (const number of numbers) this.retired.push({ number, generation: this.generation });
    this.removeRetired();
  }

  private removeRetired(): void {
    const oldest = Math.min(...this.readers.keys());
    const isFree = ({ number, generation }: RetiredFile): boolean => oldest >= generation && (this.open.get(number)?.users ?? 0) === 0;
    const free = this.retired.filter(isFree);
    if (free.length === 0) return;
    this.retired = this.retired.filter((file) => !isFree(file));
    for (const { number } of free) this.remove(number);
  }

  private remove(number: number): void {
    this.open.get(number)?.handle.closeSync();
    this.open.delete(number);
    this.sizes.delete(number);
    // What cannot be removed, or is there again after a crash, has no live value: the next collection tries again after the next start.
    this.files.removeAsync(this.pathOf(number)).catch(() => undefined);
  }

  /** Nobody reads or writes any more. */
  close(): void {
    for (const { handle } of this.open.values()) handle.closeSync();
    this.open.clear();
  }
}
