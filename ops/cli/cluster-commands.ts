/** The command line of a cluster's upkeep: `status`, `promote`, `switchover`, `backup`, `drill`; `cluster.ts` and `backup.ts` do the work. */
import { Option, type Command } from 'commander';
import type { UsageError } from './archive-commands.js';
import { withTls } from './node-commands.js';
import type { TlsFiles } from './tls.js';

/** Adds the commands to the program. */
export function addClusterCommands(program: Command, usageError: UsageError): void {
  const whole = (name: string, least: number) => (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least) return value;
    throw usageError(`error: ${name} ${text}: expected a whole number from ${least} on`);
  };
  const url = 'replication address of the node: ws://[role[:password]@]host:port';

  withTls(program.command('status').description('what a node is: role, timeline, LSNs, lag, replicas, slots, archive'))
    .requiredOption('--url <url>', url)
    .option('--json', 'as JSON', false)
    .exitOverride()
    .action(async (options: TlsFiles & { url: string; json: boolean }) => {
      const { runStatus } = await import('./cluster.js');
      await runStatus(options);
    });

  withTls(program.command('promote').description('make a standby the primary, in a new timeline'))
    .requiredOption('--url <url>', url)
    .exitOverride()
    .action(async (options: TlsFiles & { url: string }) => {
      const { runPromote } = await import('./cluster.js');
      await runPromote(options);
    });

  withTls(program.command('switchover').description('hand the primary\'s role to a standby: no commit is lost, the old primary follows the new one'))
    .requiredOption('--from <url>', 'replication address of the primary')
    .requiredOption('--to <url>', 'replication address of the standby')
    .exitOverride()
    .action(async (options: TlsFiles & { from: string; to: string }) => {
      const { runSwitchover } = await import('./cluster.js');
      await runSwitchover(options);
    });

  withTls(program.command('backup').description('back a running node up into an archive'))
    .requiredOption('--from <url>', 'replication address of a node, primary or standby')
    .requiredOption('--archive <place>', 'directory, or s3://bucket/prefix')
    .option('--label <label>', 'name of the backup (default: the time)')
    .option('--incremental <label>', 'continue this backup: store only what changed since')
    .option('--max-rate <bytes>', 'most bytes a second', whole('--max-rate', 1))
    .exitOverride()
    .action(async (options: TlsFiles & { from: string; archive: string; label?: string; incremental?: string; maxRate?: number }) => {
      const { runBackup } = await import('./backup.js');
      await runBackup(options);
    });

  program.command('drill').description('break a primary and see that nothing is lost: a primary and two replicas on this machine, a bank, a fault, a failover')
    .addOption(new Option('--fault <kind>', 'what happens to the primary').choices(['kill', 'stop', 'cut', 'disk', 'mixed']).default('kill'))
    .option('--rounds <n>', 'drills in a row', whole('--rounds', 1), 1)
    .option('--async', 'asynchronous replicas: the last commits may be lost, and are counted', false)
    .option('--etcd [url]', 'automatic failover by a lease in etcd: in this one, or in one that is started for it (default: the drill promotes)')
    .option('--clients <n>', 'clients of the bank', whole('--clients', 1), 8)
    .option('--commits <n>', 'commits before the fault', whole('--commits', 1), 500)
    .option('--directory <dir>', 'where everything goes (default: a temporary directory that is removed when all is well)')
    .option('--json', 'report as JSON', false)
    .exitOverride()
    .action(async (options: { fault: 'kill' | 'stop' | 'cut' | 'disk' | 'mixed'; rounds: number; async: boolean; etcd?: string | true; clients: number; commits: number; directory?: string; json: boolean }) => {
      const { runDrillCommand } = await import('./drill.js');
      await runDrillCommand(options);
    });
}
