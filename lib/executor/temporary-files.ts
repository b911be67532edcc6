/**
 * Rows in temporary space, for sorts, materialised rows and hash tables beyond work_mem: one file per spill, of frames (length,
 * rows packed by the row codec). Files vanish when their execution ends.
 */
import { decodeRow, encodeRow } from '../codec/row.js';
import type { ScratchFile, ScratchSpace } from '../env/scratch.js';
import type { Datum, Row } from '../types/datum.js';
import type { TemporaryFile, TemporaryStore } from './context.js';

/** Bytes gathered before they are written. */
const WRITE_BYTES = 256 * 1024;
/** Rows in one batch read back. */
const READ_ROWS = 1024;
/** A row's frame: its length as four bytes. */
const FRAME_BYTES = 4;

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
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;

  constructor(private readonly store: TemporaryFiles, private readonly file: ScratchFile) {}

  write(rows: readonly Row[]): void {
    for (const row of rows) {
      const bytes = encodeRow(row);
      const frame = new Uint8Array(FRAME_BYTES + bytes.length);
      new DataView(frame.buffer).setUint32(0, bytes.length);
      frame.set(bytes, FRAME_BYTES);
      this.pending.push(frame);
      this.pendingBytes += frame.length;
    }
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
    this.flush();
    let position = 0;
    let rest: Uint8Array = new Uint8Array(0);
    let batch: Row[] = [];
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
        // The codec may refer to the bytes it was given: each row has its own.
        batch.push(decodeRow(chunk.slice(at + FRAME_BYTES, end)) as Datum[]);
        at = end;
        if (batch.length < READ_ROWS) continue;
        yield batch;
        batch = [];
      }
      rest = chunk.subarray(at);
    }
    if (batch.length > 0) yield batch;
  }

  close(): void {
    this.file.close();
  }
}
