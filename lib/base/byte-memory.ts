/** Where bytes are put that are read or made: memory of the one who asks for them, used again and again, or fresh. */

/** See the file's comment. */
export interface ByteMemory {
  /** So many bytes, from an 8-aligned place on, with anything in them. */
  take(length: number): Buffer;
}

/** So short pieces are cut from Node's pool: one by one each would cost malloc and V8 200 bytes on top. */
const SHORT_BYTES = 2 << 10;

/** Memory that V8 collects. */
export const FRESH_MEMORY: ByteMemory = { take: (length) => (length < SHORT_BYTES ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)) };
