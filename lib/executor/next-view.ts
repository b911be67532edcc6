/** Reading a table chunk by chunk where the reader can wait. */
import type { ChunkScan, ChunkView } from '../access/api.js';
import { Suspend, type Suspendable } from '../base/suspend.js';

/** The scan's next view; null at the end. Waits, without holding anybody else up, while it comes from disk. */
export function* nextView(scan: ChunkScan): Suspendable<ChunkView | null> {
  const ready = scan.ready?.() ?? null;
  if (ready !== null) yield new Suspend(ready);
  const step = scan.next();
  return step.done === true ? null : step.value;
}
