/**
 * What stands in a segment behind the place where the log seems to end: nothing but zeros, as a segment that was made ready has, or bytes among which a
 * sound record may prove that the log was durable beyond that place.
 */
import { crc32c } from '../codec/crc32c.js';
import type { OpenFile } from '../env/env.js';
import { RECORD, RECORD_HEADER_BYTES, SEGMENT_BYTES } from './format.js';
import { checkedBytes, statedLsn } from './record.js';

/** As many bytes as stay in the processors' caches. */
const PIECE_BYTES = 1 << 18;

/** See the file's comment. */
export interface BehindEnd {
  /** The highest durable LSN that a sound record states; 0: there is none. */
  readonly proof: number;
  /** Nothing but zeros, to the end of the file. */
  readonly isBlank: boolean;
}

/** Looks at what stands at or behind `begin` of a segment that starts at LSN `start`, at every place where a record could. */
export function lookBehind(file: OpenFile, begin: number, start: number): BehindEnd {
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const words = new Uint32Array(piece.buffer);
  const zeros = Buffer.alloc(PIECE_BYTES);
  let proof = 0;
  let isBlank = true;
  let read = piece.length;
  for (let from = (begin + 7) & ~7; read === piece.length; from += piece.length - RECORD_HEADER_BYTES) {
    read = file.readSync(piece, from);
    if (piece.compare(zeros, 0, read, 0, read) === 0) continue;
    isBlank = false;
    proof = Math.max(proof, highestProof(file, piece, words, read, from, start));
  }
  return { proof, isBlank };
}

function highestProof(file: OpenFile, piece: Buffer, words: Uint32Array, read: number, from: number, start: number): number {
  const startLow = start % 0x1_0000_0000;
  let proof = 0;
  for (let offset = 0; offset + RECORD_HEADER_BYTES <= read; offset += 8) {
    // A record's LSN is at word 2, so nearly every place is dismissed by one comparison: 5 ms per segment.
    if (words[(offset + RECORD.lsn) >> 2] !== startLow + from + offset || statedLsn(piece, offset) !== start + from + offset) continue;
    proof = Math.max(proof, proofOf(wholeRecord(file, piece.subarray(offset, read), from + offset), start + from + offset));
  }
  return proof;
}

/** The bytes of what may be a record and begins with `part`, which has a header, at an offset of its segment: as many as it says, or fewer. */
function wholeRecord(file: OpenFile, part: Buffer, offset: number): Buffer {
  const bytes = checkedBytes(part, 0, part.readUInt32LE(RECORD.length));
  if (bytes <= part.length) return part.subarray(0, bytes);
  if (offset + bytes > SEGMENT_BYTES) return part;
  const whole = Buffer.allocUnsafeSlow(bytes);
  return whole.subarray(0, file.readSync(whole, offset));
}

/** The synced LSN that a record at LSN `at` states; 0 when it is none. */
function proofOf(record: Buffer, at: number): number {
  const bytes = checkedBytes(record, 0, record.readUInt32LE(RECORD.length));
  if (bytes !== record.length || record.readUInt32LE(RECORD.crc) !== crc32c(record, 4)) return 0;
  return durableBefore(at, record.readUInt32LE(RECORD.unsyncedBytes));
}

/** The durable LSN that a record at LSN `at` states, which so many unsynced bytes stood before; 0: it says nothing. */
export function durableBefore(at: number, unsyncedBytes: number): number {
  return unsyncedBytes === 0xffff_ffff ? 0 : at - unsyncedBytes;
}
