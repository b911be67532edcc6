/**
 * Rows in temporary space, for sorts, materialised rows and hash tables beyond work_mem: one file per spill, of frames: a batch of
 * rows, packed by columns as a chunk of a table is. Files vanish when their execution ends.
 */
import { encodeChunk, PackedChunk } from '../codec/chunk.js';
import { MAX_CHUNK_POSITIONS } from '../codec/format.js';
import type { ScratchFile, ScratchSpace } from '../env/scratch.js';
import type { Row } from '../types/datum.js';
import { rowsOfColumns } from './column-rows.js';
import type { TemporaryFile, TemporaryStore } from './context.js';
import { rowBytes } from './shared-rows.js';

/** Bytes gathered before they are written. */
const WRITE_BYTES = 256 * 1024;
/** A batch is packed when it has so many rows, or about so many bytes. */
const BATCH_ROWS = MAX_CHUNK_POSITIONS;
const BATCH_BYTES = 64 * 1024;
/** A batch's frame: bytes of the packed rows (a multiple of eight, as they are read where they lie) in four bytes, and four of zero. */
const FRAME_BYTES = 8;

/** Rows in temporary space. */
export class TemporaryFiles implements TemporaryStore {
  bytesRead = 0;
  bytesWritten = 0;

  constructor(readonly space: ScratchSpace) {}

  create(): TemporaryFile {
    return new RowFile(this, this.space.create());
  }
}

class RowFile implements TemporaryFile {
  /** Rows that are not packed yet. */
  private rows: Row[] = [];
  private rowBytes = 0;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;

  constructor(private readonly store: TemporaryFiles, private readonly file: ScratchFile) {}

  write(rows: readonly Row[]): void {
    for (const row of rows) {
      this.rows.push(row);
      this.rowBytes += rowBytes(row);
      if (this.rows.length >= BATCH_ROWS || this.rowBytes >= BATCH_BYTES) this.pack();
    }
  }

  private pack(): void {
    if (this.rows.length === 0) return;
    const bytes = encodeChunk(this.rows);
    const head = new Uint8Array(FRAME_BYTES);
    new DataView(head.buffer).setUint32(0, bytes.length);
    this.rows = [];
    this.rowBytes = 0;
    this.pending.push(head, bytes);
    this.pendingBytes += FRAME_BYTES + bytes.length;
    if (this.pendingBytes >= WRITE_BYTES) this.flush();
  }

  private flush(): void {
    if (this.pendingBytes === 0) return;
    this.file.append(Buffer.concat(this.pending));
    this.store.bytesWritten += this.pendingBytes;
    this.pending = [];
    this.pendingBytes = 0;
  }

  *read(): Generator<Row[], void, void> {
    this.pack();
    this.flush();
    let position = 0;
    let rest: Uint8Array = new Uint8Array(0);
    const { length } = this.file;
    while (position < length || rest.length >= FRAME_BYTES) {
      const size = Math.min(WRITE_BYTES, length - position);
      const chunk = new Uint8Array(rest.length + size);
      chunk.set(rest);
      if (size > 0) this.file.read(chunk.subarray(rest.length), position);
      position += size;
      this.store.bytesRead += size;
      const view = new DataView(chunk.buffer);
      let at = 0;
      while (at + FRAME_BYTES <= chunk.length) {
        const end = at + FRAME_BYTES + view.getUint32(at);
        if (end > chunk.length) break;
        // Values are made of the bytes at once, and refer to none of them.
        yield rowsOfColumns(new PackedChunk(chunk.subarray(at + FRAME_BYTES, end)));
        at = end;
      }
      rest = chunk.subarray(at);
    }
  }

  close(): void {
    this.file.close();
  }
}
