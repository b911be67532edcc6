/**
 * V8's flags (`NODE_OPTIONS`) while a server starts. Node's own modules come with compiled code that V8 takes only under the flags that code
 * was made with, the default ones: any other makes each of them be compiled when it is first loaded, 20 ms of a start, measured for what a
 * server loads. So flags are set back for the start: `--max-semi-space-size` has done its work by then (the heap is laid out before any
 * program runs), `--no-allocation-site-pretenuring` is set again once the server runs.
 */
import { setFlagsFromString } from 'node:v8';

const NO_PRETENURING = '--no-allocation-site-pretenuring';
const PRETENURING = '--allocation-site-pretenuring';

let running = false;

/** Sets the flags back to their defaults. For processes of our own, before anything else is loaded. */
export function setStartFlags(): void {
  setFlagsFromString('--max-semi-space-size=0');
  setFlagsFromString(PRETENURING);
}

/** Sets those again that matter to a program that runs, as far as they were given. */
export function setRunningFlags(): void {
  running = process.execArgv.includes(NO_PRETENURING);
  if (running) setFlagsFromString(NO_PRETENURING);
}

/** Makes something under the flags of the start that is to be used under them. */
export function underStartFlags<T>(make: () => T): T {
  if (!running) return make();
  setFlagsFromString(PRETENURING);
  try {
    return make();
  } finally {
    setFlagsFromString(NO_PRETENURING);
  }
}
