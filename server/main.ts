/**
 * The composition root of a primary server: opens the engine on a data directory, listens, and stops cleanly.
 */
import { pgError } from '../lib/base/error.js';
import { openEngine, type Engine } from '../lib/session/engine.js';
import type { LogWriter } from '../lib/session/server-log.js';
import { Listener } from './listener.js';

/** What the command line decides. */
export interface PrimaryOptions {
  readonly dataDirectory: string;
  /** Null: the setting listen_addresses. */
  readonly host: string | null;
  /** Null: the setting port. */
  readonly port: number | null;
  readonly socketDirectory: string | null;
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Writes the server log. */
  readonly log: LogWriter;
  /** The log cannot be written: must end the process. */
  readonly fatal: (error: Error) => void;
}

/** A running primary. */
export interface Primary {
  readonly engine: Engine;
  readonly host: string;
  readonly port: number;
  /** Stops accepting, ends sessions, writes a checkpoint, closes the data directory. */
  stop(): Promise<void>;
}

/** Starts a primary; FATAL `PgError`s for what keeps it from starting. */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const settings: (readonly [string, string])[] = [...options.settings];
  if (options.host !== null) settings.push(['listen_addresses', options.host]);
  if (options.port !== null && options.port !== 0) settings.push(['port', String(options.port)]);
  const engine = await openEngine({ dir: options.dataDirectory, settings, fatal: options.fatal, log: options.log });
  try {
    return await listenOn(engine, options);
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function listenOn(engine: Engine, options: PrimaryOptions): Promise<Primary> {
  const { settings } = engine;
  const host = settings.string('listen_addresses') === '*' ? '0.0.0.0' : settings.string('listen_addresses');
  if (host.includes(',')) throw pgError('FEATURE_NOT_SUPPORTED', 'listen_addresses with several addresses is not supported', { severity: 'FATAL' });
  const file = (name: string): string => {
    const path = settings.string(name);
    return path.startsWith('/') ? path : `${options.dataDirectory}/${path}`;
  };
  const listener = new Listener(engine, {
    host, port: options.port ?? settings.number('port'),
    socketDirectory: options.socketDirectory ?? (settings.string('unix_socket_directories') || null),
    tls: settings.boolean('ssl') ? { certificateFile: file('ssl_cert_file'), keyFile: file('ssl_key_file') } : null,
  });
  const port = await listener.open();
  settings.preset('port', port);
  return {
    engine, host, port,
    async stop() {
      listener.stopAccepting();
      await engine.close();
      listener.destroySockets();
    },
  };
}
