/** The thread of syncs: `fdatasync` of the files that it finds in the ring. The first error is told, and ends it. */
import { fdatasyncSync } from 'node:fs';
import { workerData, type MessagePort } from 'node:worker_threads';
import { isEnvError } from './env.js';
import { SyncRing } from './sync-ring.js';

/** What the thread is given. */
export interface SyncThreadData {
  readonly memory: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** What it tells of an error; an error that goes from thread to thread loses its code. */
export interface SyncFailure {
  readonly error: unknown;
  readonly code?: string;
}

const { memory, port } = workerData as SyncThreadData;

try {
  new SyncRing(memory).takeAll(fdatasyncSync, () => port.postMessage(null));
} catch (error) {
  const failure: SyncFailure = isEnvError(error) ? { error, code: error.code } : { error };
  port.postMessage(failure);
}
