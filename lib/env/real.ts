/**
 * The real environment on Node: `node:fs`, the system clock, `node:crypto`, Node's timers. Errors are Node's own
 * system errors, which have `EnvError`'s shape.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { pgError } from '../base/error.js';
import { isEnvError, type Completion, type Env, type FileLock, type FileSystem, type OpenFile, type OpenMode, type TimerHandle } from './env.js';
import type { Network } from './network.js';
import { ThreadedSyncer } from './threaded-syncer.js';

const OPEN_FLAGS: Record<OpenMode, number> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
};

/** An open file descriptor. */
class RealFile implements OpenFile {
  constructor(readonly path: string, readonly descriptor: number) {}

  readSync(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = fs.readSync(this.descriptor, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const step = (done: number): void => {
        fs.read(this.descriptor, target, done, target.length - done, position + done, (error, count) => {
          if (error) reject(error);
          else if (count === 0 || done + count === target.length) resolve(done + count);
          else step(done + count);
        });
      };
      if (target.length === 0) resolve(0);
      else step(0);
    });
  }

  readMany(targets: readonly Uint8Array[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      // Fewer bytes than were asked for: only at the end of the file.
      fs.readv(this.descriptor, targets, position, (error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
  }

  writeSync(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length) done += fs.writeSync(this.descriptor, bytes, done, bytes.length - done, position + done);
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (done: number): void => {
        fs.write(this.descriptor, bytes, done, bytes.length - done, position + done, (error, count) => {
          if (error) reject(error);
          else if (done + count === bytes.length) resolve();
          else step(done + count);
        });
      };
      step(0);
    });
  }

  datasyncSync(): void {
    fs.fdatasyncSync(this.descriptor);
  }

  datasync(done: Completion): void {
    fs.fdatasync(this.descriptor, done);
  }

  truncateSync(length: number): void {
    fs.ftruncateSync(this.descriptor, length);
  }

  sizeSync(): number {
    return fs.fstatSync(this.descriptor).size;
  }

  closeSync(): void {
    fs.closeSync(this.descriptor);
  }
}

/** When a process started, in clock ticks since boot (Linux), so that a recycled process id is told from the old one. */
function processStart(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return '';
  }
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isEnvError(error, 'ESRCH')) return false;
  }
  const now = processStart(pid);
  return now === '' || start === '' || now === start;
}

/** Lock paths held by this process: a second taker in the same process is refused as any other. */
const heldHere = new Set<string>();

function refuseIfHeld(path: string): void {
  const [pidText, start = ''] = fs.readFileSync(path, 'latin1').split('\n');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const held = pid === process.pid ? heldHere.has(path) : isAlive(pid, start);
  if (!held) return;
  throw pgError('LOCK_FILE_EXISTS', `lock file "${path}" already exists`, {
    severity: 'FATAL',
    hint: `Is another pglitedb process (PID ${pid}) running in the same data directory?`,
  });
}

function takeLock(path: string): FileLock {
  const absolute = fs.realpathSync(path.slice(0, path.lastIndexOf('/') + 1) || '.') + '/' + path.slice(path.lastIndexOf('/') + 1);
  const content = `${process.pid}\n${processStart(process.pid)}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      fs.writeFileSync(absolute, content, { flag: 'wx' });
      break;
    } catch (error) {
      if (!isEnvError(error, 'EEXIST') || attempt === 10) throw error;
    }
    try {
      refuseIfHeld(absolute);
      fs.unlinkSync(absolute);
    } catch (error) {
      if (!isEnvError(error, 'ENOENT')) throw error;
    }
  }
  heldHere.add(absolute);
  return {
    release() {
      if (heldHere.delete(absolute)) fs.unlinkSync(absolute);
    },
  };
}

const realFiles: FileSystem = {
  open: (path, mode) => new RealFile(path, fs.openSync(path, OPEN_FLAGS[mode], 0o600)),
  exists: (path) => fs.existsSync(path),
  list: (directory) => fs.readdirSync(directory).sort(),
  makeDirectory: (path) => {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
  },
  rename: (from, to) => fs.renameSync(from, to),
  link: (from, to) => fs.linkSync(from, to),
  stat: (path) => {
    const found = fs.statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : { isDirectory: found.isDirectory(), size: found.size };
  },
  remove: (path) => fs.unlinkSync(path),
  removeAsync: (path) => fs.promises.unlink(path),
  removeTree: (path) => fs.rmSync(path, { recursive: true, force: true }),
  readFile: (path) => fs.readFileSync(path),
  readFileAsync: (path) => fs.promises.readFile(path),
  writeFile: (path, bytes) => fs.writeFileSync(path, bytes, { mode: 0o600 }),
  syncer: (ended) => new ThreadedSyncer(ended, (file) => (file as RealFile).descriptor),
  syncDirectory: (path) => {
    const descriptor = fs.openSync(path, 'r');
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },
  lock: takeLock,
};

function after(delayMs: number, callback: () => void, background = false): TimerHandle {
  const timer = setTimeout(callback, delayMs);
  if (background) timer.unref();
  return { cancel: () => clearTimeout(timer) };
}

/** The wall clock advances by the monotonic one within a process, so microseconds do not repeat the coarse `Date.now`. */
const wallOrigin = performance.timeOrigin;
/** How far it has been set meanwhile, as of the last look at it: each costs as much as the rest of a reading. */
let drift = 0;
let driftReadAt = -Infinity;
const DRIFT_READ_MS = 1;

/** Loaded at first use: a server without replicas has none. */
const network: Network = {
  connect: async (url, options) => (await import('./network-real.js')).realNetwork.connect(url, options),
  listen: async (options, accepted) => (await import('./network-real.js')).realNetwork.listen(options, accepted),
  request: async (request) => (await import('./network-real.js')).realNetwork.request(request),
};

const real: Env = {
  files: realFiles,
  clock: {
    wallMicros: () => {
      const now = performance.now();
      if (now - driftReadAt > DRIFT_READ_MS) {
        const read = Date.now() - (wallOrigin + now);
        drift = read > 1 || read < -2 ? read : 0;
        driftReadAt = now;
      }
      return Math.floor((wallOrigin + now + drift) * 1000);
    },
    monotonicMs: () => performance.now(),
  },
  random: { bytes: (length) => randomBytes(length), float: Math.random },
  timers: { after, soon: (callback) => void setImmediate(callback) },
  network,
};

/** The environment of a Node process. */
export function realEnv(): Env {
  return real;
}
