/** Errors of any kind as clients see them. */
import { AssertionFailure } from '../base/assert.js';
import { PgError, pgError } from '../base/error.js';
import { isEnvError } from '../env/env.js';

/** What a client is told of an error of any kind. */
export function clientError(error: unknown): PgError {
  if (error instanceof PgError) return error;
  if (error instanceof RangeError && /call stack/.test(error.message)) {
    return pgError('STATEMENT_TOO_COMPLEX', 'stack depth limit exceeded', {
      hint: 'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the platform\'s stack depth limit is adequate.',
    });
  }
  if (isEnvError(error, 'ENOSPC')) return pgError('DISK_FULL', `could not write to file: No space left on device`, { hint: 'Check free disk space.' });
  if (isEnvError(error)) return pgError('IO_ERROR', error.message);
  const message = error instanceof Error ? error.message : String(error);
  const shown = pgError('INTERNAL_ERROR', error instanceof AssertionFailure ? message : `unexpected error: ${message}`);
  if (error instanceof Error) shown.stack = error.stack;
  return shown;
}
