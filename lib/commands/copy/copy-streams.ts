/**
 * Where COPY reads and writes: the client, or a file of the server.
 */
import { pgError } from '../../base/error.js';
import type { Suspend, Suspendable } from '../../base/suspend.js';
import { isEnvError, type Env } from '../../env/env.js';
import type { CommandContext } from '../api.js';

/** A stream that COPY FROM reads. */
export interface CopySource {
  begin(binary: boolean, columns: number): void;
  /** The next piece; null at the end. */
  read(): Suspendable<Uint8Array | null>;
  /** Reads and forgets what follows the end-of-data mark. */
  skipRest(): Suspendable<void>;
}

/** A stream that COPY TO writes. */
export interface CopySink {
  begin(binary: boolean, columns: number): void;
  /** Yield the result when it is not null: the reader is slow. */
  write(bytes: Uint8Array): Suspend | null;
  /** One row's line. */
  writeText(text: string): Suspend | null;
  end(): Suspendable<void>;
}

const formats = (binary: boolean, columns: number): (0 | 1)[] => Array.from({ length: columns }, () => (binary ? 1 : 0));

/** The client's stream; 0A000 where there is none. */
export function clientSource(cx: CommandContext): CopySource {
  const input = cx.copyInput;
  if (!input) throw pgError('FEATURE_NOT_SUPPORTED', 'COPY FROM STDIN needs a client that sends the data');
  return {
    begin: (binary, columns) => input.begin(binary, formats(binary, columns)),
    read: () => input.read(),
    *skipRest() {
      while ((yield* input.read()) !== null);
    },
  };
}

/** The client's stream; 0A000 where there is none. */
export function clientSink(cx: CommandContext): CopySink {
  const output = cx.copyOutput;
  if (!output) throw pgError('FEATURE_NOT_SUPPORTED', 'COPY TO STDOUT needs a client that receives the data');
  return {
    begin: (binary, columns) => output.begin(binary, formats(binary, columns)),
    write: (bytes) => output.write(bytes),
    writeText: (text) => output.writeText(text),
    *end() {
      output.end();
    },
  };
}

const PIECE_BYTES = 256 * 1024;
/** Text gathered before it becomes bytes. */
const FLUSH_CHARACTERS = 32 * 1024;

/** A file of the server. @throws 58P01, 42809 */
export function fileSource(env: Env, path: string): CopySource {
  const bytes = reading(path, 'reading', () => env.files.readFile(path));
  let at = 0;
  return {
    begin() {},
    *read() {
      if (at >= bytes.length) return null;
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      at += piece.length;
      return piece;
    },
    *skipRest() {},
  };
}

/** A file of the server, replaced whole. @throws 42602 for relative paths */
export function fileSink(env: Env, path: string): CopySink {
  if (!path.startsWith('/')) throw pgError('INVALID_NAME', 'relative path not allowed for COPY to file');
  const pieces: Uint8Array[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') pieces.push(Buffer.from(text));
    text = '';
  };
  return {
    begin() {},
    write(bytes) {
      flush();
      pieces.push(Uint8Array.from(bytes));
      return null;
    },
    writeText(line) {
      text += line;
      if (text.length >= FLUSH_CHARACTERS) flush();
      return null;
    },
    *end() {
      flush();
      reading(path, 'writing', () => env.files.writeFile(path, Buffer.concat(pieces)));
    },
  };
}

/** Runs a file operation, its failure as PostgreSQL words it. */
function reading<T>(path: string, verb: 'reading' | 'writing', operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (!isEnvError(error)) throw error;
    const code = error.code === 'ENOENT' ? 'UNDEFINED_FILE' : error.code === 'EACCES' ? 'INSUFFICIENT_PRIVILEGE' : 'IO_ERROR';
    const reason = ({ ENOENT: 'No such file or directory', EACCES: 'Permission denied', EISDIR: 'Is a directory', ENOSPC: 'No space left on device' } as Record<string, string>)[error.code] ?? error.code;
    throw pgError(code, `could not open file "${path}" for ${verb}: ${reason}`, code === 'UNDEFINED_FILE' && verb === 'reading'
      ? { hint: 'COPY FROM instructs the PostgreSQL server process to read a file. You may want a client-side facility such as psql\'s \\copy.' } : {});
  }
}
