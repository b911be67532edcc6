/**
 * The outside world as one value: files, clock, randomness, timers, network. Nothing else in `lib` or `replica` touches
 * `node:fs`, `Date.now` or `Math.random`, so that faults can be injected (`simEnv`) and a run can be replayed from a seed.
 *
 * File errors are `EnvError`s with Node's `code` (`ENOENT`, `ENOSPC`, `EIO`, ...), the same from the real and the
 * simulated file system. Sync calls are meant for the hot path and for start-up; `...Async` variants leave the thread.
 */

import type { Network } from './network.js';

/** An error from the outside world; `code` is the errno name (`ENOSPC`, ...). Node's system errors have this shape. */
export interface EnvError extends Error {
  readonly code: string;
}

/** True for errors of the file system, with the given errno name if one is asked for. */
export function isEnvError(error: unknown, code?: string): error is EnvError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return code === undefined || error.code === code;
}

/** 'read': must exist, read only. 'write': must exist, read and write. 'create': as 'write', made empty when missing. */
export type OpenMode = 'read' | 'write' | 'create';

/** Called once when an asynchronous file operation has ended; null for success. */
export type Completion = (error: Error | null) => void;

/** An open file. Positions and lengths are bytes from the start; there is no file pointer. */
export interface OpenFile {
  readonly path: string;
  /** Reads up to `target.length` bytes at `position`; returns how many (fewer only at the end of the file). */
  readSync(target: Uint8Array, position: number): number;
  read(target: Uint8Array, position: number): Promise<number>;
  /** Fills the targets one after the other from what stands at `position`; returns how many bytes that were. */
  readMany(targets: readonly Uint8Array[], position: number): Promise<number>;
  /** Writes all of `bytes` at `position`, extending the file when needed. Throws ENOSPC, EIO. Not durable by itself. */
  writeSync(bytes: Uint8Array, position: number): void;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes everything written so far durable (data, and the size if it changed). */
  datasyncSync(): void;
  /** The same off the main thread. What is written after the call is not covered. */
  datasync(done: Completion): void;
  truncateSync(length: number): void;
  sizeSync(): number;
  closeSync(): void;
}

/**
 * Syncs off the thread, one after the other, of which several may be asked for at a time: what is asked for while a sync is under way is synced
 * together when that ends, without this thread's help where the environment can do that.
 */
export interface Syncer {
  /** Makes everything written to the files so far durable. They stay open until it is told that they are. */
  sync(files: readonly OpenFile[]): void;
  /** Nothing is under way. Ends what it has. */
  close(): void;
}

/** Called when the oldest `count` of the syncs asked for have ended, in order. With an error: none of them, and nothing is ever synced again. */
export type SyncsEnded = (error: Error | null, count: number) => void;

/** A held lock on a directory; released by `release` or by the end of the process. */
export interface FileLock {
  release(): void;
}

/** What stands at a path. */
export interface FileStatus {
  readonly isDirectory: boolean;
  /** Bytes of a file. */
  readonly size: number;
}

/** Files and directories. Paths are absolute or relative to the process, `/` between the parts. */
export interface FileSystem {
  open(path: string, mode: OpenMode): OpenFile;
  exists(path: string): boolean;
  /** Names (not paths) in a directory, sorted. */
  list(directory: string): string[];
  /** Makes a directory and its parents; no error when it is there. */
  makeDirectory(path: string): void;
  /** Renames, replacing the target atomically; durable only after `syncDirectory` of the parent. */
  rename(from: string, to: string): void;
  /** Gives a file a second name, atomically; EEXIST when the name is taken. Durable as `rename` is. */
  link(from: string, to: string): void;
  /** What a path is; null when there is nothing. */
  stat(path: string): FileStatus | null;
  /** Removes a file; ENOENT when missing. */
  remove(path: string): void;
  removeAsync(path: string): Promise<void>;
  /** Removes a directory with all below it; no error when missing. */
  removeTree(path: string): void;
  readFile(path: string): Uint8Array;
  readFileAsync(path: string): Promise<Uint8Array>;
  /** Creates or replaces a file; not durable (see `writeFileDurably`). */
  writeFile(path: string, bytes: Uint8Array): void;
  /** Who syncs files of this file system for one caller. */
  syncer(ended: SyncsEnded): Syncer;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): void;
  /**
   * Takes the lock file at `path`, which names this process. Throws a FATAL F0001 ("lock file ... already exists")
   * when a living process has it; a lock left by a dead process is taken over.
   */
  lock(path: string): FileLock;
}

/** Time. */
export interface Clock {
  /** Wall clock: microseconds since 1970-01-01 UTC (an exact integer below 2^53). */
  wallMicros(): number;
  /** Monotonic milliseconds from an arbitrary origin, with a fraction. */
  monotonicMs(): number;
}

/** Randomness. */
export interface Randomness {
  /** Cryptographically strong on the real environment. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1); not for secrets. */
  float(): number;
}

/** A pending timer. */
export interface TimerHandle {
  cancel(): void;
}

/** Timers. */
export interface Timers {
  /** Calls once after `delayMs` milliseconds. `background`: does not keep the process alive. */
  after(delayMs: number, callback: () => void, background?: boolean): TimerHandle;
  /** Calls back after the I/O of this turn of the event loop. */
  soon(callback: () => void): void;
}

/** The outside world. */
export interface Env {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly timers: Timers;
  readonly network: Network;
}

/**
 * Creates or replaces `path` so that after a power cut it is either the old or the new content: a temporary file beside
 * it is written, synced, renamed, and the directory synced.
 */
export function writeFileDurably(files: FileSystem, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  const file = files.open(temporary, 'create');
  try {
    file.truncateSync(0);
    file.writeSync(bytes, 0);
    file.datasyncSync();
  } finally {
    file.closeSync();
  }
  files.rename(temporary, path);
  files.syncDirectory(directoryOf(path));
}

/** The directory part of a path ('.' when there is none). */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : path.slice(0, slash);
}
