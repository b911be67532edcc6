/** A throw-away etcd on this machine, for drills and tests: Debian's `etcd-server`, on free ports, its data in a directory that goes with it. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

/** A running etcd. */
export interface RunningEtcd {
  readonly url: string;
  stop(): Promise<void>;
}

const READY_MS = 20_000;
const POLL_MS = 50;

/** True when there is an etcd to be started. */
export function hasEtcd(): boolean {
  return spawnSync('etcd', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Starts it; rejects when it does not answer in time. */
export async function startEtcd(): Promise<RunningEtcd> {
  const directory = mkdtempSync(join(tmpdir(), 'pglitedb-etcd-'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const peers = `http://127.0.0.1:${await freePort()}`;
  const child = spawn('etcd', [
    '--data-dir', directory, '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peers,
    '--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`,
  ], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const healthy = await fetch(`${url}/health`).then((answer) => answer.ok, () => false);
    if (healthy) return { url, stop };
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error('etcd does not start');
    }
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}
