/** What the command line decides of a node. */
import type { TlsOptions } from '../../lib/env/network.js';
import type { LogWriter } from '../../lib/session/server-log.js';

/** A node's part in automatic failover. */
export interface ConsensusOptions {
  /** etcd: `http://host:2379`. */
  readonly endpoints: readonly string[];
  /** Name of the cluster: its keys stand below it. */
  readonly cluster: string;
  /** The leader's lease, in seconds. */
  readonly ttlSeconds: number;
}

/** See the file's comment. */
export interface NodeOptions {
  readonly dataDirectory: string;
  /** Null: the setting listen_addresses. */
  readonly host: string | null;
  /** Null: the setting port. */
  readonly port: number | null;
  readonly socketDirectory: string | null;
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** What other nodes know this one by. */
  readonly name: string;
  /** Port for replicas, backups and commands; null: none. */
  readonly replicationPort: number | null;
  /** How other nodes reach the replication port (`ws://host:port`); null: by this machine's loopback address. */
  readonly advertise: string | null;
  /** A standby's upstreams (`ws://[role[:password]@]host:port`); null: a primary. */
  readonly upstreams: readonly string[] | null;
  /** Directory or `s3://bucket/prefix`; null: no archive. */
  readonly archive: string | null;
  /** Null: failover by command. */
  readonly consensus: ConsensusOptions | null;
  /** For connections to other nodes. */
  readonly tls: TlsOptions | undefined;
  /** The process's environment: credentials of the archive. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes the server log. */
  readonly log: LogWriter;
  /** Long work before the node is ready, for people: a clone's progress. */
  readonly progress: (text: string) => void;
  /** Aborted: a start that waits for other nodes gives up. */
  readonly signal?: AbortSignal;
  /** The log cannot be written, or the directory not be opened again for another role: must end the process. */
  readonly fatal: (error: Error) => void;
}
