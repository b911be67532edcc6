/**
 * What every session is doing, for pg_stat_activity, cancel requests and the limits on connections.
 */
import type { ClientAddress } from './client.js';

/** pg_stat_activity's states. */
export type ActivityState = 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)';

/** One session's row. Times are microseconds since 2000-01-01 UTC; 0 for none. */
export interface SessionActivity {
  readonly processId: number;
  readonly databaseOid: number;
  readonly databaseName: string;
  readonly userOid: number;
  readonly userName: string;
  readonly applicationName: string;
  readonly client: ClientAddress;
  readonly backendStart: number;
  readonly transactionStart: number;
  readonly queryStart: number;
  readonly stateChange: number;
  readonly state: ActivityState;
  readonly query: string;
  /** Event type and event that it waits for; null while it runs. */
  readonly waitEvent: readonly [type: string, event: string] | null;
}
