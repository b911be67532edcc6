/**
 * `pglitedb primary`: starts the server, says when it is ready, stops it on SIGTERM and SIGINT (a second signal: at once),
 * reads its configuration files again on SIGHUP.
 */
import { PgError } from '../../lib/base/error.js';
import { isEnvError } from '../../lib/env/env.js';
import { startPrimary, type Primary, type PrimaryOptions } from '../../server/main.js';
import { entryWriter, makeLogger, type Logger } from './logger.js';

/** What the command line gives. */
export type PrimaryArguments = Pick<PrimaryOptions, 'dataDirectory' | 'host' | 'port' | 'socketDirectory' | 'settings'>;

/** Runs a primary until it is told to stop. Sets the exit code. */
export async function runPrimary(given: PrimaryArguments): Promise<void> {
  const logger = makeLogger(levelOf(given.settings));
  process.on('uncaughtException', (error) => die(logger, error, 'uncaught exception'));
  process.on('unhandledRejection', (error) => die(logger, error, 'unhandled rejection'));
  let primary: Primary;
  try {
    primary = await startPrimary({
      ...given,
      log: entryWriter(logger),
      fatal: (error) => die(logger, error, 'the log could not be written'),
    });
  } catch (error) {
    report(logger, error);
    process.exitCode = 1;
    return;
  }
  stopOnSignals(primary, logger);
  reloadOnSignal(primary, logger);
  const host = primary.host.includes(':') ? `[${primary.host}]` : primary.host;
  process.stdout.write(`ready: postgres://postgres@${host}:${primary.port}/postgres\n`);
}

function levelOf(settings: PrimaryArguments['settings']): string {
  return settings.findLast(([name]) => name === 'log_min_messages')?.[1] ?? 'warning';
}

function stopOnSignals(primary: Primary, logger: Logger): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    primary.stop().then(() => process.exit(0), (error: unknown) => die(logger, error, 'the clean stop failed'));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

/** SIGHUP: the configuration files are read again. */
function reloadOnSignal({ engine }: Primary, logger: Logger): void {
  process.on('SIGHUP', () => {
    logger.info('received SIGHUP, reloading configuration files');
    engine.reloadSettings();
  });
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
