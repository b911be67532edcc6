/**
 * What a server costs the machine, read from /proc: CPU time and resident memory of a process and all its descendants.
 * Linux only, as the harness.
 */
import { readFileSync } from 'node:fs';

/** Clock ticks per second of /proc: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

function children(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // It has ended since it was listed.
  }
}

function tree(pid: number): number[] {
  return [pid, ...children(pid).flatMap(tree)];
}

/** Resident memory in MB: private pages, and of shared ones each process's part. */
export function residentMegabytes(pid: number): number {
  let kilobytes = 0;
  for (const id of tree(pid)) {
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // The process has ended since it was listed.
    }
  }
  return kilobytes / 1024;
}

/** Milliseconds of CPU time so far: of the processes that live, and of those that the first has waited for. */
export function cpuMilliseconds(pid: number): number {
  let ticks = 0;
  for (const id of tree(pid)) {
    try {
      // The name in parentheses may hold anything; utime, stime, cutime and cstime are the 14th to 17th fields.
      const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
      if (id === pid) ticks += Number(fields[13]) + Number(fields[14]);
    } catch {
      // As above.
    }
  }
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** Samples resident memory until it is stopped; answers the most that it saw, in MB. */
export function watchResident(pid: number): () => number {
  let most = residentMegabytes(pid);
  const timer = setInterval(() => { most = Math.max(most, residentMegabytes(pid)); }, 500);
  return () => {
    clearInterval(timer);
    return Math.max(most, residentMegabytes(pid));
  };
}
