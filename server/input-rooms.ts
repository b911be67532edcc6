/**
 * Memory for large pieces of clients' input, as COPY sends it: what a socket read, and the frames put together of it. Of the process, since few read
 * much at a time.
 */
import { ByteRooms } from '../lib/base/byte-rooms.js';

/** Pieces from this size on come in rooms. */
export const LARGE_INPUT_BYTES = 16 << 10;

/** See the file's comment. */
export const inputRooms = new ByteRooms(2 << 20);
