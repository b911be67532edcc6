/**
 * Temporary space: files in one directory that vanish when they are closed; what a crash leaves behind is removed with the
 * directory at the next start. Everything that needs room beside memory (sorts, hash tables, index builds) takes it here.
 */
import type { FileSystem, OpenFile } from './env.js';

/** Bytes on their way through temporary space. */
export interface ScratchFile {
  /** Bytes appended so far. */
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** Fills `target` from `position` on; what is asked for must have been appended. */
  read(target: Uint8Array, position: number): void;
  /** Gives the space back; closing again does nothing. */
  close(): void;
}

/** Gives temporary space. */
export interface ScratchSpace {
  create(): ScratchFile;
}

/** Temporary space in one directory, made when first needed. */
export class ScratchDirectory implements ScratchSpace {
  private serial = 0;
  private ready = false;

  constructor(private readonly files: FileSystem, private readonly directory: string) {}

  create(): ScratchFile {
    if (!this.ready) this.files.makeDirectory(this.directory);
    this.ready = true;
    return new DirectoryFile(this.files, `${this.directory}/pgsql_tmp.${this.serial++}`);
  }

  /** Removes whatever an earlier process left. */
  clear(): void {
    this.files.removeTree(this.directory);
    this.ready = false;
  }
}

class DirectoryFile implements ScratchFile {
  length = 0;
  private readonly file: OpenFile;
  private closed = false;

  constructor(private readonly files: FileSystem, private readonly path: string) {
    this.file = files.open(path, 'create');
    this.file.truncateSync(0);
  }

  append(bytes: Uint8Array): void {
    this.file.writeSync(bytes, this.length);
    this.length += bytes.length;
  }

  read(target: Uint8Array, position: number): void {
    this.file.readSync(target, position);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.file.closeSync();
    this.files.remove(this.path);
  }
}
