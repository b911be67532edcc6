/**
 * A server that is measured: where it is, and how it is started, stopped and killed. Its port and its directory stay the same
 * over restarts, so that a workload can restart it without knowing which one it is.
 */
import { waitForAnswer } from './client.js';
import type { Side } from './statistics.js';

/** See the file's comment. */
export interface Contender {
  readonly side: Side;
  readonly title: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Of the first process; 0 when it does not run. */
  readonly pid: number;
  /** Starts the process and does not wait for it. */
  launch(): void;
  /** True from `launch` until the process ends, or is found not to come up. */
  readonly isRunning: boolean;
  /** Starts it and resolves when it answers; throws with its log when it does not come up. */
  start(): Promise<void>;
  /** A clean stop, checkpoint included. */
  stop(): Promise<void>;
  /** kill -9 of all its processes. */
  kill(): Promise<void>;
  /** A streaming standby beside it, named `standby1`, started and caught up with. */
  addReplica(): Promise<Contender>;
  /** Ends it and its replicas, and removes their directories. */
  remove(): Promise<void>;
}

/** What to start. */
export interface ContenderOptions {
  /** `name=value`, for both servers. */
  readonly settings?: readonly string[];
  /** For ours alone: more options of node. */
  readonly nodeOptions?: readonly string[];
}

/** Starts it and waits for the first answer that a client gets; milliseconds from the start of the process. */
export async function timeToFirstAnswer(contender: Contender): Promise<number> {
  const begin = performance.now();
  contender.launch();
  await waitForAnswer(contender.port, 'SELECT 1', '1', () => contender.isRunning);
  return performance.now() - begin;
}

/** Both, on new directories. */
export type Pair = Readonly<Record<Side, Contender>>;

/** What a streaming standby is called, also in synchronous_standby_names. */
export const STANDBY_NAME = 'standby1';
