/**
 * Writes to a socket's descriptor without its stream. What Node's stream does around the system call (its states, a request, a callback in a
 * later job) is a tenth to a fifth of what an answer costs, and for nothing where the kernel takes it at once, as it nearly always does.
 */
import { writeSync } from 'node:fs';

/**
 * Has the kernel take the first `length` bytes; how many it took. Fewer where the client does not read, or is gone: whoever sends the rest by the stream
 * meets the same (EAGAIN, EPIPE, ECONNRESET), and deals with it.
 */
export function writeNow(fd: number, bytes: Buffer, length: number): number {
  let written = 0;
  try {
    while (written < length) written += writeSync(fd, bytes, written, length - written);
  } catch {
    // Not lost: the rest is written by the stream, which meets the same error and tells of it.
  }
  return written;
}
