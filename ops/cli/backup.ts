/** `pglitedb backup`: clones a node's state into an archive, with the log that the backup needs. */
import { ensureLog, writeBackup } from '../../lib/archive/backup.js';
import { readBackup, storedBytesOf } from '../../lib/archive/manifest.js';
import { openObjectStore } from '../../lib/archive/store.js';
import { formatLsn } from '../../lib/base/lsn.js';
import { realEnv } from '../../lib/env/real.js';
import type { KvEntry } from '../../lib/kv/kv.js';
import type { StateSnapshot } from '../../lib/wal/shipping.js';
import { Clone } from '../../replica/clone.js';
import { DEFAULT_CREDENTIALS, parseNodeUrl } from '../../server/main/node-url.js';
import { command, withNode } from './cluster.js';
import { formatBytes, showProgress } from './progress.js';
import { readTls, type TlsFiles } from './tls.js';

const TIMEOUT_MS = 60_000;

/** A clone that is being taken, as a state: what it was asked for can be read once, entries first. */
export class ClonedState implements StateSnapshot {
  readonly approximateBytes = 0;

  constructor(private readonly clone: Clone) {}

  get info(): StateSnapshot['info'] {
    return this.clone.info;
  }

  entries(): AsyncIterableIterator<readonly KvEntry[]> {
    return this.clone.entries();
  }

  keys(): AsyncIterableIterator<readonly Uint8Array[]> {
    return this.clone.keys();
  }

  close(): Promise<void> {
    this.clone.close();
    return Promise.resolve();
  }
}

/** Backs a node up. */
export function runBackup(options: TlsFiles & { from: string; archive: string; label?: string; incremental?: string; maxRate?: number }): Promise<void> {
  return command(async () => {
    const env = realEnv();
    const { url, credentials } = parseNodeUrl(options.from);
    const store = await openObjectStore(env, options.archive, process.env);
    const shown = showProgress(process.stderr, () => performance.now());
    const { incremental } = options;
    const since = incremental === undefined ? undefined
      : (await withNode(options.from, options, (client) => readBackup(store, client.systemIdentifier, incremental))).info;
    const clone = await Clone.start({
      env, urls: [url], ...credentials ?? DEFAULT_CREDENTIALS, tls: readTls(options), timeoutMs: TIMEOUT_MS, nodeName: 'backup', slot: '', since, progress: () => undefined,
    });
    const state = new ClonedState(clone);
    try {
      // While the clone is being sent the node keeps the log that it needs.
      await withNode(options.from, options, (client) => ensureLog(store, env, state.info, async ({ from, to }) => {
        const pieces: Buffer[] = [];
        for (let at: number = from; at < to;) {
          const { bytes } = await client.request('log', { from: formatLsn(at as typeof from), to: formatLsn(to) }) as { bytes: string };
          const piece = Buffer.from(bytes, 'base64');
          pieces.push(piece);
          at += piece.length;
        }
        return Buffer.concat(pieces);
      }, shown.progress));
      const backup = await writeBackup(store, state, { env, label: options.label, parent: incremental, bytesPerSecond: options.maxRate, progress: shown.progress });
      shown.end();
      process.stdout.write(`backup ${backup.label}: ${formatBytes(storedBytesOf(backup))} of ${formatBytes(clone.receivedBytes)} received, state at ${formatLsn(backup.info.stateLsn)}, timeline ${backup.info.history.timeline}\n`);
    } finally {
      shown.end();
      await state.close();
    }
  });
}
