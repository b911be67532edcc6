/**
 * V8's flags, once the process runs: Node's own modules come with compiled code that V8 takes only under the flags that code was made
 * with, so that any flag on the command line makes each of them be compiled when it is first loaded: 20 ms of a start, measured for
 * what a server loads. `--max-semi-space-size` has done its work by then (the heap is laid out before any program runs).
 */
import { setFlagsFromString } from 'node:v8';

/** Sets flags that have no further effect back to their defaults. For processes of our own, before anything else is loaded. */
export function resetSpentFlags(): void {
  setFlagsFromString('--max-semi-space-size=0');
}
