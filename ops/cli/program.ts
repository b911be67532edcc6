/**
 * The command line's commands and options. What only a running server needs is loaded when one is started, so that --help and
 * --version answer at once.
 */
import { Command, CommanderError } from 'commander';
import { addArchiveCommands } from './archive-commands.js';
import { addClusterCommands } from './cluster-commands.js';
import { addNodeCommands } from './node-commands.js';
import { version } from './version.js';

/** Runs the command line of this process; sets the exit code. A server is ready, or known not to start, when it resolves. */
export async function runCommandLine(): Promise<void> {
  const program = new Command('pglitedb')
    .description('A durable, concurrent, replicated database that speaks PostgreSQL.')
    .version(version(), '--version')
    .exitOverride()
    .showHelpAfterError('(see pglitedb --help)');

  const usageError = (message: string): Error => new CommanderError(2, 'pglitedb.usage', message);
  addNodeCommands(program, usageError);
  addClusterCommands(program, usageError);
  addArchiveCommands(program, usageError);

  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code.startsWith('pglitedb.')) process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
