/**
 * Loaded into our server by `--import`: watches its event loop from inside and, on SIGUSR2, writes the longest delay since the
 * last time, in ms, to the file named by BENCH_LOOP_DELAY_FILE.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const file = process.env.BENCH_LOOP_DELAY_FILE;
if (file !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  process.on('SIGUSR2', () => {
    // The timer that measures is due every millisecond: what is beyond that is delay.
    writeFileSync(file, String(Math.max(0, delays.max / 1e6 - 1)));
    delays.reset();
  });
}
