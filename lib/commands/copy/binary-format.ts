/**
 * COPY's binary format: a header (signature, flags, extension length), then per row the number of fields and each
 * field's length and bytes (-1 for NULL), then a trailer of -1.
 */
import { pgError } from '../../base/error.js';

const SIGNATURE = Uint8Array.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00]);
const HEADER_BYTES = SIGNATURE.length + 8;
/** Flag bits 16 to 31 are critical: a reader must know them. */
const CRITICAL_FLAGS = 0xffff0000;

/** The file header. */
export function binaryHeader(): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(SIGNATURE);
  return header;
}

/** The file trailer. */
export function binaryTrailer(): Uint8Array {
  return Uint8Array.of(0xff, 0xff);
}

/** One row. */
export function binaryRow(fields: readonly (Uint8Array | null)[]): Uint8Array {
  let size = 2;
  for (const field of fields) size += 4 + (field?.length ?? 0);
  const row = Buffer.allocUnsafe(size);
  let at = row.writeInt16BE(fields.length, 0);
  for (const field of fields) {
    at = row.writeInt32BE(field === null ? -1 : field.length, at);
    if (field === null) continue;
    row.set(field, at);
    at += field.length;
  }
  return row;
}

/** Turns pieces of a binary stream, cut anywhere, into rows of fields. */
export class BinaryReader {
  private pending = Buffer.alloc(0);
  private headerDone = false;
  private done = false;
  /** Rows returned so far. */
  rowNumber = 0;

  constructor(private readonly fieldCount: number) {}

  push(bytes: Uint8Array): void {
    this.pending = this.pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.pending, bytes]);
  }

  /** The end of the stream. @throws 22P04 when a row or the trailer is missing */
  finish(): void {
    if (!this.done) throw pgError('BAD_COPY_FILE_FORMAT', this.headerDone ? 'unexpected EOF in COPY data' : 'COPY file signature not recognized');
  }

  /** Calls `receive` with each complete row. False once the trailer was seen. @throws 22P04 */
  drain(receive: (fields: (Uint8Array | null)[]) => void): boolean {
    if (!this.headerDone && !this.readHeader()) return true;
    while (!this.done) {
      const row = this.readRow();
      if (row === null) return true;
      if (row === 'end') {
        this.done = true;
        break;
      }
      this.rowNumber++;
      receive(row);
    }
    if (this.pending.length > 0) throw pgError('BAD_COPY_FILE_FORMAT', 'received copy data after EOF marker');
    return false;
  }

  private readHeader(): boolean {
    if (this.pending.length < HEADER_BYTES) return false;
    if (!SIGNATURE.every((byte, index) => this.pending[index] === byte)) throw pgError('BAD_COPY_FILE_FORMAT', 'COPY file signature not recognized');
    const flags = this.pending.readUInt32BE(SIGNATURE.length);
    if ((flags & 0x10000) !== 0) throw pgError('BAD_COPY_FILE_FORMAT', 'invalid COPY file header (WITH OIDS)');
    if ((flags & CRITICAL_FLAGS) !== 0) throw pgError('BAD_COPY_FILE_FORMAT', 'unrecognized critical flags in COPY file header');
    const extension = this.pending.readInt32BE(SIGNATURE.length + 4);
    if (extension < 0) throw pgError('BAD_COPY_FILE_FORMAT', 'invalid COPY file header (missing length)');
    if (this.pending.length < HEADER_BYTES + extension) return false;
    this.pending = this.pending.subarray(HEADER_BYTES + extension);
    this.headerDone = true;
    return true;
  }

  /** The next row, 'end' at the trailer, null when it is not all here yet. */
  private readRow(): (Uint8Array | null)[] | 'end' | null {
    const { pending } = this;
    if (pending.length < 2) return null;
    const count = pending.readInt16BE(0);
    if (count === -1) {
      this.pending = pending.subarray(2);
      return 'end';
    }
    if (count !== this.fieldCount) throw pgError('BAD_COPY_FILE_FORMAT', `row field count is ${count}, expected ${this.fieldCount}`);
    const fields: (Uint8Array | null)[] = [];
    let at = 2;
    for (let i = 0; i < count; i++) {
      if (pending.length < at + 4) return null;
      const length = pending.readInt32BE(at);
      at += 4;
      if (length < -1) throw pgError('BAD_COPY_FILE_FORMAT', 'invalid field size');
      if (length === -1) {
        fields.push(null);
        continue;
      }
      if (pending.length < at + length) return null;
      fields.push(pending.subarray(at, at + length));
      at += length;
    }
    this.pending = pending.subarray(at);
    return fields;
  }
}
