/** `pglitedb status`, `promote` and `switchover`: asks nodes on their replication ports. Exit code 1 with the reason when it cannot be done. */
import { PgError, pgError } from '../../lib/base/error.js';
import { realEnv } from '../../lib/env/real.js';
import { ReplicationClient } from '../../replica/client.js';
import { DEFAULT_CREDENTIALS, parseNodeUrl } from '../../server/main/node-url.js';
import type { NodeStatus } from '../../server/main/status.js';
import { formatBytes } from './progress.js';
import { readTls, type TlsFiles } from './tls.js';

const TIMEOUT_MS = 10_000;
/** A promotion may have much log to apply. */
const PROMOTION_MS = 60_000;
const POLL_MS = 50;

/** Connects to a node, works with it, lets go of it. */
export async function withNode<T>(text: string, files: TlsFiles, work: (client: ReplicationClient) => Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
  const { url, credentials } = parseNodeUrl(text);
  const client = await ReplicationClient.connect({ env: realEnv(), url, ...credentials ?? DEFAULT_CREDENTIALS, tls: readTls(files), timeoutMs });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** Runs a command; tells what went wrong and sets the exit code. */
export async function command(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const hint = error instanceof PgError && error.hint !== undefined ? `\nhint: ${error.hint}` : '';
    const detail = error instanceof PgError && error.detail !== undefined ? `\ndetail: ${error.detail}` : '';
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}${detail}${hint}\n`);
    process.exitCode = 1;
  }
}

/** Prints what a node is. */
export function runStatus(options: TlsFiles & { url: string; json: boolean }): Promise<void> {
  return command(async () => {
    const status = await withNode(options.url, options, (client) => client.request('status')) as NodeStatus;
    process.stdout.write(options.json ? `${JSON.stringify(status, null, 2)}\n` : `${formatStatus(status)}\n`);
  });
}

/** A node's status for people. */
export function formatStatus(status: NodeStatus): string {
  const seconds = (value: number | null): string => (value === null ? 'unknown' : `${value.toFixed(3)} s`);
  const bytes = (value: number | null): string => (value === null ? 'unknown' : formatBytes(value));
  const lines = [
    `${status.name}: ${status.role}, timeline ${status.timeline}, system ${status.systemIdentifier}`,
    `log: durable to ${status.flushedLsn}${status.role === 'standby' ? `, applied to ${status.appliedLsn}` : ''}`,
  ];
  if (status.role === 'standby') lines.push(`upstream: ${status.upstream ?? 'none'} (${status.upstreamState ?? 'not receiving'}), lag ${bytes(status.lagBytes)}, ${seconds(status.lagSeconds)}`);
  if (status.leader !== null) lines.push(`leader: ${status.leader}`);
  for (const replica of status.replicas) {
    lines.push(`replica ${replica.name}: ${replica.state}, ${replica.sync}, flushed ${replica.flushedLsn ?? '-'}, applied ${replica.appliedLsn ?? '-'}, lag ${bytes(replica.lagBytes)}, ${seconds(replica.lagSeconds)}`);
  }
  for (const slot of status.slots) lines.push(`slot ${slot.name}: ${slot.active ? 'active' : 'inactive'}, log kept from ${slot.restartLsn ?? '-'} (${slot.walStatus ?? 'nothing reserved'})`);
  if (status.archivedThroughLsn !== null) lines.push(`archive: complete to ${status.archivedThroughLsn}, ${status.archiveFailures ?? 0} failures`);
  return lines.join('\n');
}

/** Promotes a standby. */
export function runPromote(options: TlsFiles & { url: string }): Promise<void> {
  return command(async () => {
    const { timeline } = await withNode(options.url, options, (client) => client.request('promote'), PROMOTION_MS) as { timeline: number };
    process.stdout.write(`promoted: timeline ${timeline}\n`);
  });
}

/** Hands the primary's role over; the old primary serves again when the standby cannot take it. */
export function runSwitchover(options: TlsFiles & { from: string; to: string }): Promise<void> {
  return command(async () => {
    const target = await withNode(options.to, options, (client) => client.request('status')) as NodeStatus;
    if (target.role !== 'standby') throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `${target.name} is not a standby`);
    const started = performance.now();
    await withNode(options.from, options, async (from) => {
      const { end, ticket } = await from.request('freeze', { to: target.url }) as { end: string; ticket: string };
      try {
        const { automatic } = await from.request('handOver', { to: target.name }) as { automatic: boolean };
        if (automatic) await becomesPrimary(options);
        else {
          const { url } = await withNode(options.to, options, (to) => to.request('promote', { from: end, ticket }), PROMOTION_MS) as { url: string };
          // The new primary tells it as well, which may be sooner and end this connection.
          await from.request('demote', { upstream: url }).catch(() => undefined);
        }
      } catch (error) {
        // It asks the other node what became of it, now and until it knows.
        await from.request('thaw').catch(() => undefined);
        throw error;
      }
    }, PROMOTION_MS);
    process.stdout.write(`${target.name} is the primary, after ${((performance.now() - started) / 1000).toFixed(2)} s\n`);
  });
}

async function becomesPrimary(options: TlsFiles & { to: string }): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const status = await withNode(options.to, options, (client) => client.request('status')) as NodeStatus;
    if (status.role === 'primary') return;
    if (performance.now() > deadline) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `${status.name} has not taken the lead`);
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}
