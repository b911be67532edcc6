/** `pglitedb drill` */
import { runDrill, type DrillOptions } from '../drill/drill.js';
import { startEtcd, type RunningEtcd } from '../drill/etcd.js';
import { formatReport } from '../drill/report.js';

/** Runs drills and prints what came of them; exit code 1 when a promise was broken or a drill could not be finished. */
export async function runDrillCommand(options: {
  fault: DrillOptions['fault']; rounds: number; async: boolean; etcd?: string | true; clients: number; commits: number; directory?: string; json: boolean;
}): Promise<void> {
  let etcd: RunningEtcd | null = null;
  try {
    if (options.etcd === true) etcd = await startEtcd();
    const report = await runDrill({
      rounds: options.rounds, fault: options.fault, quorum: !options.async, etcd: etcd?.url ?? (typeof options.etcd === 'string' ? options.etcd : null), clients: options.clients, warmUp: options.commits,
      directory: options.directory ?? null, progress: (message) => process.stderr.write(`${message}\n`),
    });
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatReport(report)}\n`);
    process.exitCode = report.allWell ? 0 : 1;
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await etcd?.stop();
  }
}
