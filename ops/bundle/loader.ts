/**
 * Runs `engine.cjs`, the bundle of all modules, with V8's compiled code of an earlier run: compiling is most of what a start
 * costs otherwise. The code comes from beside the bundle (the build puts it there) or from the user's cache directory (a run
 * that found none writes it, once). It is V8's own format, good for one source, one V8 and one set of V8 flags; all three are
 * in the file's name and header, checksums guard source and code, and whatever does not fit is as good as absent.
 *
 * `PGLITEDB_CODE_CACHE`: a directory to use instead of both; `off` for none.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { underStartFlags } from './flags.js';

/** What the bundle exports (see `build.ts`). */
export interface EngineBundle {
  runCommandLine(): Promise<void>;
  library(): typeof import('../../lib/index.js');
}

/** The bundle's file name, in the directory of its entries. */
export const ENGINE_FILE = 'engine.cjs';

const MAGIC = 'PGLTCODE';
const HEADER_BYTES = 24;
/** Code is kept from a process that has run for this long (V8 drops code that stays unused), or ends before. */
const KEEP_AFTER_MS = 2000;
/** Code of a process that did next to nothing (printed a usage text) is not worth keeping: less than this share of the source. */
const LEAST_SHARE = 0.25;

/** Loads the bundle that lies in `directory`. */
export function loadEngine(directory: string): EngineBundle {
  const path = join(directory, ENGINE_FILE);
  const require = createRequire(path);
  // Node maps stack traces of the modules only that it loads itself.
  if (process.sourceMapsEnabled) return require(path) as EngineBundle;
  const wrapped = readBetween(HEAD, path, TAIL);
  const key = new CodeKey(crc32(wrapped), wrapped.length, cachedDataVersionTag());
  const cachedData = key.read(directory);
  const script = new Script(wrapped.toString('latin1'), { filename: path, cachedData });
  if (cachedData === undefined || script.cachedDataRejected === true) key.keepOnce(script);
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, path, directory);
  return module.exports as EngineBundle;
}

/** What Node puts around a module that it loads. */
const HEAD = '(function (exports, require, module, __filename, __dirname) {';
const TAIL = '\n})';

/** A file's bytes between two texts, in one piece: as a string it is V8's for good, a concatenation would be twice its size. */
function readBetween(head: string, path: string, tail: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.allocUnsafeSlow(head.length + size + tail.length);
    bytes.write(head, 'latin1');
    const read = readSync(file, bytes, head.length, size, 0);
    bytes.write(tail, head.length + read, 'latin1');
    return bytes.subarray(0, head.length + read + tail.length);
  } finally {
    closeSync(file);
  }
}

/** What compiled code is good for. */
class CodeKey {
  private readonly name: string;

  constructor(private readonly sourceCrc: number, private readonly sourceBytes: number, private readonly versionTag: number) {
    this.name = `engine-${hex(sourceCrc)}-${hex(versionTag)}.cache`;
  }

  /** Compiled code that fits, from the first place that has it. */
  read(bundleDirectory: string): Buffer | undefined {
    const own = cacheDirectory();
    const places = process.env.PGLITEDB_CODE_CACHE === undefined ? [bundleDirectory, own] : [own];
    for (const place of places) {
      const data = place === null ? null : this.readFrom(join(place, this.name), place !== bundleDirectory);
      if (data !== null) return data;
    }
    return undefined;
  }

  /** Compiled code is as good as a program: from a cache directory it is taken only when the file is this user's. */
  private readFrom(path: string, mustBeOurs: boolean): Buffer | null {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch {
      return null;
    }
    try {
      if (mustBeOurs && process.geteuid && fstatSync(file).uid !== process.geteuid()) return null;
      const bytes = readFileSync(file);
      if (bytes.length < HEADER_BYTES || !bytes.subarray(0, HEADER_BYTES).equals(this.header(bytes.subarray(HEADER_BYTES)))) return null;
      return bytes.subarray(HEADER_BYTES);
    } finally {
      closeSync(file);
    }
  }

  private header(code: Buffer): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.write(MAGIC, 'latin1');
    header.writeUInt32LE(this.sourceCrc, 8);
    header.writeUInt32LE(this.sourceBytes, 12);
    header.writeUInt32LE(this.versionTag, 16);
    header.writeUInt32LE(crc32(code), 20);
    return header;
  }

  /** Writes the code that the script has by then to the cache directory, a while from now or at the process's end. */
  keepOnce(script: Script): void {
    const directory = cacheDirectory();
    if (directory === null) return;
    const keep = (): void => {
      clearTimeout(timer);
      process.off('exit', keep);
      const code = underStartFlags(() => script.createCachedData());
      if (code.length >= this.sourceBytes * LEAST_SHARE) this.write(directory, code);
    };
    const timer = setTimeout(keep, KEEP_AFTER_MS).unref();
    process.once('exit', keep);
  }

  /** A cache that cannot be written is no error: the next start compiles again. */
  private write(directory: string, code: Buffer): void {
    const temporary = join(directory, `${this.name}.${process.pid}`);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(temporary, Buffer.concat([this.header(code), code]), { mode: 0o600, flag: 'wx' });
      renameSync(temporary, join(directory, this.name));
    } catch {
      if (existsSync(temporary)) rmSync(temporary);
    }
  }
}

/** Where compiled code is kept for this user; null for nowhere. */
function cacheDirectory(): string | null {
  const { PGLITEDB_CODE_CACHE: given, XDG_CACHE_HOME: caches, HOME: home } = process.env;
  if (given !== undefined) return given === 'off' || given === '' ? null : given;
  if (caches) return join(caches, 'pglitedb');
  return home ? join(home, '.cache', 'pglitedb') : null;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
