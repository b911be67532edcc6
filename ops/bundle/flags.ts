/**
 * V8's flags in a server's process.
 *
 * At start they are the defaults: Node's own modules come with compiled code that V8 takes only under the flags that code was made with, and
 * any other makes each of them be compiled when it is first loaded, 20 ms of a start, measured for what a server loads.
 *
 * Once the server runs there are two more:
 * - No pretenuring: V8 would make objects of chunks old from the beginning once many of them stayed, and then keep the bytes of every chunk
 *   that only passes by until the next large collection. Point reads beyond the budget: a third of the large collections, a fifth less CPU.
 * - The young generation, 16 MB at most, is collected by the thread it belongs to: V8 would share that work with threads which a busy
 *   machine has no processor for, and wait for them. TPC-B with 64 clients on 2 processors: a tenth less CPU.
 */
import { setFlagsFromString } from 'node:v8';

/** Flags that are on at the start and off once the server runs. */
const OFF_WHILE_RUNNING = ['allocation-site-pretenuring', 'parallel-scavenge'];

let running = false;

/** Sets those of a server that runs. */
export function setRunningFlags(): void {
  running = true;
  for (const flag of OFF_WHILE_RUNNING) setFlagsFromString(`--no-${flag}`);
}

/** Makes something under the flags of the start that is to be used under them. */
export function underStartFlags<T>(make: () => T): T {
  if (!running) return make();
  for (const flag of OFF_WHILE_RUNNING) setFlagsFromString(`--${flag}`);
  try {
    return make();
  } finally {
    setRunningFlags();
  }
}
