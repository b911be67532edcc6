/**
 * Temporary files of sorts, hashes and shared results beyond work_mem: batches of rows, each behind its length, in a folder
 * of the data directory that is emptied at start.
 */
import { decodeParts, encodeParts } from '../codec/row.js';
import type { FileSystem, OpenFile } from '../env/env.js';
import type { TemporaryFile, TemporaryStore } from '../executor/executor.js';
import type { Row } from '../types/datum.js';

const LENGTH_BYTES = 4;

/** See the file's comment. */
export class DirectoryTemporaryStore implements TemporaryStore {
  private lastNumber = 0;

  /** Empties the folder. */
  constructor(private readonly files: FileSystem, private readonly directory: string) {
    files.removeTree(directory);
    files.makeDirectory(directory);
  }

  create(): TemporaryFile {
    const path = `${this.directory}/${++this.lastNumber}`;
    return new RowFile(this.files, path, this.files.open(path, 'create'));
  }
}

class RowFile implements TemporaryFile {
  private size = 0;
  private closed = false;

  constructor(private readonly files: FileSystem, private readonly path: string, private readonly file: OpenFile) {}

  write(rows: readonly Row[]): void {
    const body = encodeParts(rows);
    const record = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
    record.writeUInt32LE(body.length, 0);
    record.set(body, LENGTH_BYTES);
    this.file.writeSync(record, this.size);
    this.size += record.length;
  }

  *read(): Iterable<Row[]> {
    const header = Buffer.alloc(LENGTH_BYTES);
    for (let at = 0; at < this.size;) {
      this.file.readSync(header, at);
      const body = Buffer.alloc(header.readUInt32LE(0));
      this.file.readSync(body, at + LENGTH_BYTES);
      at += LENGTH_BYTES + body.length;
      yield decodeParts(body) as Row[];
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.file.closeSync();
    this.files.remove(this.path);
  }
}
