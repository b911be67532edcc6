/**
 * `pglitedb primary` and `pglitedb replica`: starts a node, says when it is ready, stops it on SIGTERM and SIGINT (a second signal: at
 * once), reads its configuration files again on SIGHUP.
 */
import { PgError } from '../../lib/base/error.js';
import { isEnvError } from '../../lib/env/env.js';
import { startNode, type RunningNode } from '../../server/main.js';
import type { NodeOptions } from '../../server/main/options.js';
import { entryWriter, makeLogger, type Logger } from './logger.js';
import { watchMemory } from './memory-watch.js';
import type { SignalHandling } from './signals.js';
import { readTls, type TlsFiles } from './tls.js';

/** What the command line gives. */
export type NodeArguments = Omit<NodeOptions, 'log' | 'fatal' | 'progress' | 'environment' | 'tls'> & { readonly tlsFiles: TlsFiles };

/** Runs a node until it is told to stop. Sets the exit code. */
export async function runNode(given: NodeArguments, signals: SignalHandling): Promise<void> {
  const logger = makeLogger(levelOf(given.settings));
  process.on('uncaughtException', (error) => die(logger, error, 'uncaught exception'));
  process.on('unhandledRejection', (error) => die(logger, error, 'unhandled rejection'));
  signals.starting((error) => die(logger, error, 'the clean stop failed'));
  let node: RunningNode;
  try {
    node = await startNode({
      ...given,
      signal: signals.whileStarting,
      tls: readTls(given.tlsFiles),
      environment: process.env,
      log: entryWriter(logger),
      progress: (text) => process.stderr.isTTY && process.stderr.write(`\r\u001B[K${text}`),
      fatal: (error) => die(logger, error, 'the log could not be written'),
    });
  } catch (error) {
    if (signals.whileStarting.aborted) process.exit(0);
    report(logger, error);
    process.exit(1);
  }
  const stopped = signals.whileStarting.aborted;
  signals.started(node);
  if (stopped) return;
  const host = node.host.includes(':') ? `[${node.host}]` : node.host;
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  process.stdout.write(`ready: postgres://postgres@${host}:${node.port}/postgres\n`);
  watchMemory(node);
}

function levelOf(settings: NodeArguments['settings']): string {
  return settings.findLast(([name]) => name === 'log_min_messages')?.[1] ?? 'warning';
}

/** Tells why the server does not start, with detail and hint. */
function report(logger: Logger, error: unknown): void {
  if (error instanceof PgError) logger.fatal({ sqlstate: error.sqlstate, detail: error.detail, hint: error.hint }, error.message);
  else if (isEnvError(error, 'ENOSPC')) logger.fatal({ code: error.code }, `No space left on device: ${error.message}`);
  else if (isEnvError(error)) logger.fatal({ code: error.code }, error.message);
  else logger.fatal({ err: error }, 'could not start');
}

function die(logger: Logger, error: unknown, what: string): never {
  logger.fatal({ err: error }, what);
  process.exit(1);
}
