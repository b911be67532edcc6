/**
 * A simulated environment: an in-memory file system that can lose power, tear writes, flip bits, run full and fail to
 * sync; a clock that moves only when told; randomness from a seed. The same seed and calls give the same run.
 *
 * What a power cut keeps: what was synced (of what was written by the time that the sync was asked for), plus an arbitrary subset of the 512-byte
 * sectors written since, plus a prefix of the directory operations since the directory was synced.
 */
import { pgError } from '../base/error.js';
import { directoryOf, type Completion, type Env, type FileLock, type FileStatus, type FileSystem, type OpenFile, type OpenMode, type Syncer, type SyncsEnded, type TimerHandle } from './env.js';
import { PooledSyncer } from './pooled-syncer.js';
import { SimNetwork } from './sim-network.js';

const SECTOR = 512;

/** An error as Node's file system would throw it. */
class SimError extends Error {
  constructor(readonly code: string, what: string) {
    super(`${code}: simulated, ${what}`);
    this.name = 'SimError';
  }
}

/** Small fast seeded generator (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** What a sync makes durable: the file as it was when the sync was asked for. */
interface Captured {
  /** How often the file had changed. */
  readonly changes: number;
  readonly size: number;
  readonly sectors: readonly { readonly sector: number; readonly serial: number; readonly bytes: Uint8Array }[];
}

/** A file's bytes: as written, and as a power cut would surely keep them. */
class Inode {
  bytes = new Uint8Array(0);
  size = 0;
  durable = new Uint8Array(0);
  /** Sectors that changed since the last sync, each with the number of its last change. */
  private readonly dirty = new Map<number, number>();
  private changes = 0;
  /** The state that was kept last. */
  private kept = 0;

  resize(size: number): void {
    if (size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    } else if (size < this.size) {
      this.bytes.fill(0, size, this.size);
      this.touch(size, this.size);
    }
    this.size = size;
  }

  /** The bytes from `start` to `end`, at least one, have changed. */
  private touch(start: number, end: number): void {
    this.changes++;
    for (let sector = Math.floor(start / SECTOR); sector * SECTOR < end; sector++) this.dirty.set(sector, this.changes);
  }

  write(bytes: Uint8Array, position: number): void {
    if (position + bytes.length > this.size) this.resize(position + bytes.length);
    this.bytes.set(bytes, position);
    this.touch(position, position + bytes.length);
  }

  capture(): Captured {
    const { changes, size } = this;
    const bytesOf = (sector: number): Uint8Array => this.bytes.slice(sector * SECTOR, Math.min((sector + 1) * SECTOR, size));
    return { changes, size, sectors: [...this.dirty].map(([sector, serial]) => ({ sector, serial, bytes: bytesOf(sector) })) };
  }

  keep({ changes, size, sectors }: Captured): void {
    // A sync that was asked for later and ended before this one has kept all of it.
    if (changes < this.kept) return;
    this.kept = changes;
    if (size !== this.durable.length) {
      const resized = new Uint8Array(size);
      resized.set(this.durable.subarray(0, size));
      this.durable = resized;
    }
    for (const { sector, serial, bytes } of sectors) {
      if (bytes.length > 0) this.durable.set(bytes, sector * SECTOR);
      if (this.dirty.get(sector) === serial) this.dirty.delete(sector);
    }
  }

  powerCut(random: () => number): void {
    const kept = this.durable.slice();
    const result = new Inode();
    result.write(kept, 0);
    for (const sector of [...this.dirty.keys()].sort((a, b) => a - b)) {
      if (random() < 0.5) continue;
      const from = sector * SECTOR;
      const to = Math.min(from + SECTOR, this.size);
      const torn = random() < 0.2 ? from + Math.floor(random() * (to - from)) : to;
      if (torn > from) result.write(this.bytes.subarray(from, torn), from);
    }
    this.bytes = result.bytes;
    this.size = result.size;
    this.keepAll();
  }

  /** Everything is durable. */
  keepAll(): void {
    this.durable = this.bytes.slice(0, this.size);
    this.dirty.clear();
    this.kept = this.changes;
  }
}

/** The simulated environment's controls beside `Env`. */
export interface SimEnv extends Env {
  readonly network: SimNetwork;
  /** Moves the clock, firing timers in order; lets asynchronous completions run in between. */
  advance(milliseconds: number): Promise<void>;
  /** Loses everything that is not durable; open files become unusable and locks are gone. */
  powerCut(): void;
  /** The next `count` syncs of files whose path contains `part` fail with EIO (and make nothing durable). */
  failSync(part: string, count?: number): void;
  /** Asynchronous syncs of files whose path contains `part` take until the hold ends (null). */
  holdSyncs(part: string | null): void;
  /** Writes of files whose path contains `part` fail with `code` from now on; null ends it. */
  failWrite(part: string, code: string | null): void;
  /** Total bytes that all files may hold; beyond it writes fail with ENOSPC. */
  setCapacity(bytes: number): void;
  /** Flips one bit of a file, durably. */
  flipBit(path: string, byte: number, bit: number): void;
  /** Number of successful file syncs so far. */
  syncCount(): number;
}

/** One pending directory change, undone in reverse by a power cut. */
interface NameChange {
  directory: string;
  undo(): void;
}

/** The in-memory file system. */
class SimFiles implements FileSystem {
  names = new Map<string, Inode>();
  readonly directories = new Set<string>(['/', '.']);
  readonly locks = new Set<string>();
  changes: NameChange[] = [];
  heldPart: string | null = null;
  heldSyncs: (() => void)[] = [];
  syncFailures: { part: string; count: number }[] = [];
  writeFailures = new Map<string, string>();
  capacity = Infinity;
  used = 0;
  syncs = 0;
  /** Raised by a power cut: files opened before it are dead. */
  epoch = 0;

  constructor(readonly random: () => number, readonly later: (callback: () => void) => void) {}

  find(path: string): Inode {
    const inode = this.names.get(path);
    if (!inode) throw new SimError('ENOENT', `no such file '${path}'`);
    return inode;
  }

  private setName(path: string, inode: Inode | undefined): void {
    const previous = this.names.get(path);
    if (inode) this.names.set(path, inode);
    else this.names.delete(path);
    this.changes.push({
      directory: directoryOf(path),
      undo: () => {
        if (previous) this.names.set(path, previous);
        else this.names.delete(path);
      },
    });
  }

  open(path: string, mode: OpenMode): OpenFile {
    if (!this.names.has(path) && mode === 'create') {
      if (!this.directories.has(directoryOf(path))) throw new SimError('ENOENT', `no such directory for '${path}'`);
      this.setName(path, new Inode());
    }
    return new SimFile(this, path, this.find(path));
  }

  checkWrite(path: string, growth: number): void {
    for (const [part, code] of this.writeFailures) if (path.includes(part)) throw new SimError(code, `write of '${path}'`);
    if (growth > 0 && this.used + growth > this.capacity) throw new SimError('ENOSPC', `no space left for '${path}'`);
    this.used += Math.max(growth, 0);
  }

  sync(path: string, inode: Inode, captured: Captured): void {
    for (const failure of this.syncFailures) {
      if (failure.count > 0 && path.includes(failure.part)) {
        failure.count--;
        throw new SimError('EIO', `sync of '${path}'`);
      }
    }
    this.syncs++;
    inode.keep(captured);
  }

  exists(path: string): boolean {
    return this.names.has(path) || this.directories.has(path);
  }

  list(directory: string): string[] {
    if (!this.directories.has(directory)) throw new SimError('ENOENT', `no such directory '${directory}'`);
    const prefix = `${directory}/`;
    const found = new Set<string>();
    for (const path of [...this.names.keys(), ...this.directories]) {
      if (path.startsWith(prefix)) found.add(path.slice(prefix.length).split('/')[0]);
    }
    return [...found].sort();
  }

  makeDirectory(path: string): void {
    for (let at = path; !this.directories.has(at); at = directoryOf(at)) this.directories.add(at);
  }

  rename(from: string, to: string): void {
    const inode = this.find(from);
    this.setName(to, inode);
    this.setName(from, undefined);
  }

  link(from: string, to: string): void {
    if (this.exists(to)) throw new SimError('EEXIST', `'${to}' is there`);
    this.setName(to, this.find(from));
  }

  stat(path: string): FileStatus | null {
    const inode = this.names.get(path);
    if (inode !== undefined) return { isDirectory: false, size: inode.size };
    return this.directories.has(path) ? { isDirectory: true, size: 0 } : null;
  }

  remove(path: string): void {
    const inode = this.find(path);
    this.setName(path, undefined);
    for (const other of this.names.values()) if (other === inode) return;
    this.used -= inode.size;
  }

  removeAsync(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.later(() => {
        try {
          this.remove(path);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  removeTree(path: string): void {
    for (const name of [...this.names.keys()]) if (name === path || name.startsWith(`${path}/`)) this.remove(name);
    for (const name of [...this.directories]) if (name === path || name.startsWith(`${path}/`)) this.directories.delete(name);
  }

  readFile(path: string): Uint8Array {
    const inode = this.find(path);
    return inode.bytes.slice(0, inode.size);
  }

  readFileAsync(path: string): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.later(() => {
        try {
          resolve(this.readFile(path));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  writeFile(path: string, bytes: Uint8Array): void {
    const file = this.open(path, 'create');
    file.truncateSync(0);
    file.writeSync(bytes, 0);
  }

  syncer(ended: SyncsEnded): Syncer {
    return new PooledSyncer(ended);
  }

  syncDirectory(path: string): void {
    this.changes = this.changes.filter((change) => change.directory !== path);
  }

  lock(path: string): FileLock {
    if (this.locks.has(path)) {
      throw pgError('LOCK_FILE_EXISTS', `lock file "${path}" already exists`, { severity: 'FATAL' });
    }
    this.locks.add(path);
    return { release: () => void this.locks.delete(path) };
  }

  powerCut(): void {
    const kept = Math.floor(this.random() * (this.changes.length + 1));
    for (let index = this.changes.length - 1; index >= kept; index--) this.changes[index].undo();
    this.changes = [];
    for (const inode of new Set(this.names.values())) inode.powerCut(this.random);
    this.locks.clear();
    this.epoch++;
  }
}

/** A simulated open file. */
class SimFile implements OpenFile {
  private readonly epoch: number;
  private closed = false;

  constructor(private readonly files: SimFiles, readonly path: string, private readonly inode: Inode) {
    this.epoch = files.epoch;
  }

  private check(): void {
    if (this.closed || this.epoch !== this.files.epoch) throw new SimError('EBADF', `'${this.path}' is closed`);
  }

  readSync(target: Uint8Array, position: number): number {
    this.check();
    const count = Math.max(0, Math.min(target.length, this.inode.size - position));
    target.set(this.inode.bytes.subarray(position, position + count));
    return count;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.files.later(() => {
        try {
          resolve(this.readSync(target, position));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async readMany(targets: readonly Uint8Array[], position: number): Promise<number> {
    let done = 0;
    for (const target of targets) done += await this.read(target, position + done);
    return done;
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.check();
    this.files.checkWrite(this.path, position + bytes.length - this.inode.size);
    if (bytes.length > 0) this.inode.write(bytes, position);
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.files.later(() => {
        try {
          this.writeSync(bytes, position);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  datasyncSync(): void {
    this.sync(this.inode.capture());
  }

  private sync(captured: Captured): void {
    this.check();
    this.files.sync(this.path, this.inode, captured);
  }

  datasync(done: Completion): void {
    const captured = this.inode.capture();
    const sync = (): void => {
      try {
        this.sync(captured);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      done(null);
    };
    const { heldPart, heldSyncs } = this.files;
    if (heldPart !== null && this.path.includes(heldPart)) heldSyncs.push(sync);
    else this.files.later(sync);
  }

  truncateSync(length: number): void {
    this.check();
    this.files.checkWrite(this.path, length - this.inode.size);
    this.inode.resize(length);
  }

  sizeSync(): number {
    this.check();
    return this.inode.size;
  }

  closeSync(): void {
    this.closed = true;
  }
}

/** One timer of the simulated clock. */
interface SimTimer {
  due: number;
  serial: number;
  callback: () => void;
}

/** The simulated clock's timers. */
class SimTimers {
  now = 0;
  private serial = 0;
  private pending: SimTimer[] = [];

  after(delayMs: number, callback: () => void): TimerHandle {
    const timer = { due: this.now + Math.max(0, delayMs), serial: this.serial++, callback };
    this.pending.push(timer);
    return { cancel: () => void (this.pending = this.pending.filter((other) => other !== timer)) };
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds;
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const next = this.pending.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due || a.serial - b.serial)[0];
      if (!next) break;
      this.now = next.due;
      this.pending = this.pending.filter((other) => other !== next);
      next.callback();
    }
    this.now = end;
  }
}

/** A fresh simulated environment, its wall clock at 2026-01-01 00:00 UTC. */
export function simEnv(seed: number): SimEnv {
  const random = generator(seed);
  const timers = new SimTimers();
  const soon = (callback: () => void): void => void setImmediate(callback);
  const files = new SimFiles(random, soon);
  return {
    files,
    clock: {
      wallMicros: () => 1_767_225_600_000_000 + Math.floor(timers.now * 1000),
      monotonicMs: () => timers.now,
    },
    random: {
      bytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
      float: random,
    },
    timers: { after: (delayMs, callback) => timers.after(delayMs, callback), soon },
    network: new SimNetwork(soon),
    advance: (milliseconds) => timers.advance(milliseconds),
    powerCut: () => files.powerCut(),
    failSync: (part, count = 1) => void files.syncFailures.push({ part, count }),
    holdSyncs(part) {
      files.heldPart = part;
      for (const sync of files.heldSyncs.splice(0)) files.later(sync);
    },
    failWrite: (part, code) => {
      if (code === null) files.writeFailures.delete(part);
      else files.writeFailures.set(part, code);
    },
    setCapacity: (bytes) => void (files.capacity = bytes),
    flipBit: (path, byte, bit) => {
      const inode = files.find(path);
      inode.bytes[byte] ^= 1 << bit;
      inode.keepAll();
    },
    syncCount: () => files.syncs,
  };
}
