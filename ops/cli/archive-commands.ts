/** The command line of `verify`, `restore` and `archive`: options and their checks; `archive.ts` does the work, loaded when it is to. */
import type { Command } from 'commander';
import type { TargetOptions } from './archive.js';

/** Raises a usage error: exit code 2. */
export type UsageError = (message: string) => Error;

/** Adds the commands to the program. */
export function addArchiveCommands(program: Command, usageError: UsageError): void {
  const positive = (name: string, isWhole: boolean) => (text: string): number => {
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value > 0 && (!isWhole || Number.isInteger(value))) return value;
    throw usageError(`error: ${name} ${text}: expected a ${isWhole ? 'whole ' : ''}number above 0`);
  };
  const system = (text: string): bigint => {
    if (/^\d+$/.test(text)) return BigInt(text);
    throw usageError(`error: --system ${text}: expected a system identifier`);
  };
  const within = (command: Command): Command => command
    .requiredOption('--archive <place>', 'directory, or s3://bucket/prefix (endpoint, region and credentials from AWS_* variables)')
    .option('--system <id>', 'system identifier, where the archive has several', system)
    .exitOverride();

  within(program.command('verify').description('prove an archive restorable: every backup and piece of log present, contiguous and sound'))
    .option('--all', 'read everything, also what was found sound before', false)
    .option('--json', 'report as JSON', false)
    .action(async (options: { archive: string; system?: bigint; all: boolean; json: boolean }) => {
      const { runVerify } = await import('./archive.js');
      await runVerify({ ...options, everything: options.all });
    });

  within(program.command('restore').description('restore a data directory from an archive, to its end or to a target'))
    .requiredOption('--data <dir>', 'data directory to make: empty or missing')
    .option('--target-time <time>', 'up to this time: 2026-01-31 12:34:56.123456+00')
    .option('--target-lsn <lsn>', 'up to this LSN')
    .option('--target-xid <xid>', 'up to this transaction')
    .option('--target-name <name>', 'up to this restore point (pg_create_restore_point)')
    .option('--target-immediate', 'the newest backup, as soon as it is consistent')
    .option('--target-exclusive', 'stop before the target (time, LSN, xid), not behind it', false)
    .option('--target-timeline <number>', 'timeline to follow (default: the newest that has log)', positive('--target-timeline', true))
    .action(async (options: TargetOptions & { archive: string; system?: bigint; data: string; targetExclusive: boolean; targetTimeline?: number }) => {
      const { parseTarget, runRestore } = await import('./archive.js');
      let target;
      try {
        target = parseTarget(options);
      } catch (error) {
        throw usageError(`error: ${error instanceof Error ? error.message : String(error)}`);
      }
      await runRestore({ ...options, target, exclusive: options.targetExclusive, timeline: options.targetTimeline });
    });

  const archive = program.command('archive').description('look into an archive, prune it').exitOverride();
  within(archive.command('list').description('systems, backups, timelines, what can be restored'))
    .option('--json', 'as JSON', false)
    .action(async (options: { archive: string; system?: bigint; json: boolean }) => {
      const { runList } = await import('./archive.js');
      await runList(options);
    });
  within(archive.command('prune').description('remove backups that are not to be kept, and the log that no kept backup needs'))
    .option('--keep-full <n>', 'keep the newest n full backups with those that continue them', positive('--keep-full', true))
    .option('--keep-days <days>', 'keep what is needed to restore any moment of the last days', positive('--keep-days', false))
    .option('--dry-run', 'only tell what would be removed', false)
    .action(async (options: { archive: string; system?: bigint; keepFull?: number; keepDays?: number; dryRun: boolean }) => {
      if (options.keepFull === undefined && options.keepDays === undefined) throw usageError('error: archive prune: give --keep-full, --keep-days or both');
      const { runPrune } = await import('./archive.js');
      await runPrune(options);
    });
}
