/**
 * `pglitedb primary` and `pglitedb replica`: starts a node, says when it is ready, stops it on SIGTERM and SIGINT (a second signal: at
 * once), reads its configuration files again on SIGHUP.
 */
import { PgError } from '../../lib/base/error.js';
import { isEnvError } from '../../lib/env/env.js';
import { startNode, type RunningNode } from '../../server/main.js';
import type { NodeOptions } from '../../server/main/options.js';
import { entryWriter, makeLogger, type Logger } from './logger.js';
import { readTls, type TlsFiles } from './tls.js';

/** What the command line gives. */
export type NodeArguments = Omit<NodeOptions, 'log' | 'fatal' | 'progress' | 'environment' | 'tls'> & { readonly tlsFiles: TlsFiles };

/** Runs a node until it is told to stop. Sets the exit code. */
export async function runNode(given: NodeArguments): Promise<void> {
  const logger = makeLogger(levelOf(given.settings));
  process.on('uncaughtException', (error) => die(logger, error, 'uncaught exception'));
  process.on('unhandledRejection', (error) => die(logger, error, 'unhandled rejection'));
  const signals = new SignalHandling(logger);
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
  if (signals.whileStarting.aborted) {
    signals.stop(node);
    return;
  }
  signals.started(node);
  const host = node.host.includes(':') ? `[${node.host}]` : node.host;
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  process.stdout.write(`ready: postgres://postgres@${host}:${node.port}/postgres\n`);
}

function levelOf(settings: NodeArguments['settings']): string {
  return settings.findLast(([name]) => name === 'log_min_messages')?.[1] ?? 'warning';
}

/** SIGTERM and SIGINT stop the node cleanly, at every stage of its life; a second one ends the process at once. */
class SignalHandling {
  private readonly abort = new AbortController();
  private node: RunningNode | null = null;
  private stopping = false;

  constructor(private readonly logger: Logger) {
    process.on('SIGTERM', () => this.received('SIGTERM'));
    process.on('SIGINT', () => this.received('SIGINT'));
    process.on('SIGHUP', () => this.node?.reloadSettings());
  }

  /** Aborted when the node is told to stop before it is ready. */
  get whileStarting(): AbortSignal {
    return this.abort.signal;
  }

  /** The node is ready. */
  started(node: RunningNode): void {
    this.node = node;
  }

  private received(signal: string): void {
    if (this.stopping) process.exit(1);
    this.stopping = true;
    this.logger.info({ signal }, 'stopping');
    if (this.node === null) this.abort.abort();
    else this.stop(this.node);
  }

  /** Stops the node and ends the process. */
  stop(node: RunningNode): void {
    node.stop().then(() => process.exit(0), (error: unknown) => die(this.logger, error, 'the clean stop failed'));
  }
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
