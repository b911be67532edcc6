/**
 * The thread of sends: writes what it finds in the ring to the sockets, and gives back what the kernel did not take (the client does not read,
 * or is gone): what becomes of that is for the thread of SQL.
 */
import { workerData, type MessagePort } from 'node:worker_threads';
import { SendRing } from './send-ring.js';
import { writeNow } from './write-now.js';

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
  const sent = writeNow(fd, bytes, bytes.length);
  if (sent === bytes.length) return true;
  const cut: CutSend = { fd, rest: Uint8Array.from(bytes.subarray(sent)) };
  port.postMessage(cut);
  return false;
});
