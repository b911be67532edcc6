/**
 * Functions about the session and the server: process ids, waiting, advisory locks, notifications, transaction ids, log
 * positions.
 */
import type { Suspendable } from '../../base/suspend.js';
import { ArrayValue, type Int8 } from '../../types/datum.js';
import { INT4OID } from '../../types/oids.js';
import type { CallContext } from '../context.js';
import { rowsReturning, setReturning, suspending, withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    readonly backend: BackendServices;
  }
}

/** An advisory lock asked for. `second` null: one 64-bit key. */
export interface AdvisoryRequest {
  readonly first: Int8;
  readonly second: number | null;
  readonly shared: boolean;
  /** Held until the transaction's end instead of the session's. */
  readonly transaction: boolean;
}

/** What the functions ask of the session. */
export interface BackendServices {
  readonly processId: number;
  /** Start of the server, microseconds since 2000-01-01 UTC. */
  readonly serverStart: Int8;
  readonly configurationLoad: Int8;
  sleep(seconds: number): Suspendable<void>;
  lockAdvisory(request: AdvisoryRequest): Suspendable<void>;
  tryLockAdvisory(request: AdvisoryRequest): boolean;
  /** False (with a warning) when it was not held. */
  unlockAdvisory(request: AdvisoryRequest): boolean;
  unlockAllAdvisory(): void;
  cancelBackend(processId: number): boolean;
  terminateBackend(processId: number): boolean;
  notify(channel: string, payload: string): void;
  listeningChannels(): Iterable<string>;
  /** The transaction's id, assigned when there is none (or null under `ifAssigned`). */
  transactionId(ifAssigned: boolean): Int8 | null;
  /** Positions in the log as byte counts. */
  logPosition(which: 'insert' | 'write' | 'flush'): Int8;
  /** Process ids of the sessions that a session waits for. */
  blockingPids(processId: number): readonly number[];
  /** Rows of pg_lock_status, in its column order. */
  locks(): Iterable<(null | boolean | number | string | bigint)[]>;
  clientAddress(): { address: string | null; port: number | null };
}

withContext('pg_backend_pid', (cx) => cx.services.system.backend.processId);
withContext('pg_postmaster_start_time', (cx) => cx.services.system.backend.serverStart);
withContext('pg_conf_load_time', (cx) => cx.services.system.backend.configurationLoad);
withContext('pg_cancel_backend', (cx, pid: number) => cx.services.system.backend.cancelBackend(pid));
withContext('pg_terminate_backend', (cx, pid: number, _timeout: Int8) => cx.services.system.backend.terminateBackend(pid));
withContext('pg_current_xact_id', (cx) => cx.services.system.backend.transactionId(false));
withContext('pg_current_xact_id_if_assigned', (cx) => cx.services.system.backend.transactionId(true));
withContext('pg_blocking_pids', (cx, pid: number) => ArrayValue.of(INT4OID, cx.services.system.backend.blockingPids(pid)));
// SERIALIZABLE is not there: nobody waits for a safe snapshot.
withContext('pg_safe_snapshot_blocking_pids', (_cx, _pid: number) => ArrayValue.of(INT4OID, []));
withContext('pg_isolation_test_session_is_blocked', (cx, pid: number, interesting: ArrayValue) =>
  cx.services.system.backend.blockingPids(pid).some((blocker) => interesting.elements.includes(blocker)));
setReturning('pg_listening_channels', (cx) => cx.services.system.backend.listeningChannels());
rowsReturning('pg_lock_status', (cx) => cx.services.system.backend.locks());

suspending('pg_sleep', function* (cx, seconds: number) {
  yield* cx.services.system.backend.sleep(seconds);
  return '';
});
withContext('pg_notify', (cx, channel: string | null, payload: string | null) => {
  cx.services.system.backend.notify(channel ?? '', payload ?? '');
  return '';
});

for (const shared of [false, true]) {
  for (const transaction of [false, true]) {
    for (const keys of ['int8', 'int4'] as const) {
      const request = (first: Int8, second?: number): AdvisoryRequest => ({ first, second: keys === 'int4' ? second ?? 0 : null, shared, transaction });
      const name = `${transaction ? 'xact_' : ''}lock_${shared ? 'shared_' : ''}${keys}`;
      suspending(`pg_advisory_${name}`, function* (cx, first: Int8, second: number) {
        yield* cx.services.system.backend.lockAdvisory(request(first, second));
        return '';
      });
      withContext(`pg_try_advisory_${name}`, (cx, first: Int8, second: number) => cx.services.system.backend.tryLockAdvisory(request(first, second)));
    }
  }
  for (const keys of ['int8', 'int4'] as const) {
    withContext(`pg_advisory_unlock_${shared ? 'shared_' : ''}${keys}`, (cx, first: Int8, second: number) =>
      cx.services.system.backend.unlockAdvisory({ first, second: keys === 'int4' ? second : null, shared, transaction: false }));
  }
}
withContext('pg_advisory_unlock_all', (cx) => {
  cx.services.system.backend.unlockAllAdvisory();
  return '';
});

/** An inet text for a client's address; null for Unix sockets. */
function clientAddress(cx: CallContext): string | null {
  return cx.services.system.backend.clientAddress().address;
}
withContext('inet_client_addr', clientAddress);
withContext('inet_client_port', (cx) => cx.services.system.backend.clientAddress().port);
