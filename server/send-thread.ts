/**
 * The thread of sends: writes what it finds in the ring to the sockets, and gives back what the kernel did not take (the client does not read,
 * or is gone): what becomes of that is for the thread of SQL.
 */
import { writeSync } from 'node:fs';
import { workerData, type MessagePort } from 'node:worker_threads';
import { SendRing } from './send-ring.js';

/** What the thread is given. */
export interface SendThreadData {
  readonly memory: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** What is left of a send. */
export interface CutSend {
  readonly fd: number;
  readonly rest: Uint8Array;
}

const { memory, port } = workerData as SendThreadData;

new SendRing(memory).takeAll((fd, bytes) => {
  let sent = 0;
  try {
    while (sent < bytes.length) sent += writeSync(fd, bytes, sent);
    return true;
  } catch {
    // EAGAIN, EPIPE, ECONNRESET: whoever sends the rest as ever meets the same, and deals with it.
    const cut: CutSend = { fd, rest: Uint8Array.from(bytes.subarray(sent)) };
    port.postMessage(cut);
    return false;
  }
});
