/**
 * Rows in temporary space, for sorts, materialised rows and hash tables beyond work_mem: one file per spill, of frames: the values
 * of a batch of rows, packed by the row codec as one row. Files vanish when their execution ends.
 */
import { decodeRow, encodeRow } from '../codec/row.js';
import type { ScratchFile, ScratchSpace } from '../env/scratch.js';
import type { Datum, Row } from '../types/datum.js';
import type { TemporaryFile, TemporaryStore } from './context.js';
import { rowBytes } from './shared-rows.js';

/** Bytes gathered before they are written. */
const WRITE_BYTES = 256 * 1024;
/** A batch is packed when it has so many rows, or about so many bytes. */
const BATCH_ROWS = 1024;
const BATCH_BYTES = 64 * 1024;
/** A batch's frame: bytes of its packed values, and its rows, as four bytes each. */
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
  /** The values of rows that are not packed yet, one row behind the other. */
  private values: Datum[] = [];
  private rows = 0;
  private rowBytes = 0;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;

  constructor(private readonly store: TemporaryFiles, private readonly file: ScratchFile) {}

  write(rows: readonly Row[]): void {
    for (const row of rows) {
      for (let index = 0; index < row.length; index++) this.values.push(row[index]);
      this.rows++;
      this.rowBytes += rowBytes(row);
      if (this.rows >= BATCH_ROWS || this.rowBytes >= BATCH_BYTES) this.pack();
    }
  }

  private pack(): void {
    if (this.rows === 0) return;
    const bytes = encodeRow(this.values);
    const frame = new Uint8Array(FRAME_BYTES + bytes.length);
    const view = new DataView(frame.buffer);
    view.setUint32(0, bytes.length);
    view.setUint32(4, this.rows);
    frame.set(bytes, FRAME_BYTES);
    this.values = [];
    this.rows = 0;
    this.rowBytes = 0;
    this.pending.push(frame);
    this.pendingBytes += frame.length;
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
        // The codec may refer to the bytes it was given: each batch has its own.
        yield rowsOf(decodeRow(chunk.slice(at + FRAME_BYTES, end)) as Datum[], view.getUint32(at + 4));
        at = end;
      }
      rest = chunk.subarray(at);
    }
  }

  close(): void {
    this.file.close();
  }
}

function rowsOf(values: readonly Datum[], count: number): Row[] {
  const width = values.length / count;
  return Array.from({ length: count }, (_, index) => values.slice(index * width, (index + 1) * width));
}
