/**
 * A throw-away PostgreSQL 18 beside which this server is measured: durable settings as installed (fsync and
 * synchronous_commit on), its own data directory, a free port.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../ops/drill/free-port.js';

/** A running PostgreSQL. */
export interface PostgresServer {
  readonly port: number;
  readonly version: string;
  /** Process id of the postmaster. */
  readonly pid: number;
  stop(): void;
}

/** The user that the server may run as: PostgreSQL refuses root. */
function serverUser(): { prefix: string[]; uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    const uid = spawnSync('id', ['-u', name], { encoding: 'utf8' });
    const gid = spawnSync('id', ['-g', name], { encoding: 'utf8' });
    if (uid.status !== 0 || gid.status !== 0) continue;
    return {
      prefix: ['setpriv', `--reuid=${name}`, `--regid=${gid.stdout.trim()}`, '--clear-groups'],
      uid: Number(uid.stdout), gid: Number(gid.stdout),
    };
  }
  throw new Error('running as root, and neither user postgres nor nobody exists to run PostgreSQL as');
}

/** Initialises a new directory and starts a server on it; throws with its output when it does not come up. */
export async function startPostgres(binDirectory: string): Promise<PostgresServer> {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), 'pg18-bench-'));
  const user = serverUser();
  if (user) chownSync(data, user.uid, user.gid);
  chmodSync(data, 0o700);
  const run = (program: string, args: readonly string[]): void => {
    const command = [...(user?.prefix ?? []), join(binDirectory, program), ...args];
    execFileSync(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], cwd: data });
  };
  const share = join(dirname(dirname(dirname(dirname(binDirectory)))), 'share', 'postgresql', '18');
  run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-locale', '-E', 'UTF8', '-L', share]);
  const options = `-p ${port} -k ${data} -c listen_addresses=127.0.0.1 -c max_connections=1100`;
  run('pg_ctl', ['-D', data, '-w', '-l', join(data, 'log'), '-o', options, 'start']);
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const version = execFileSync(join(binDirectory, 'postgres'), ['--version'], { encoding: 'utf8' }).trim();
  return {
    port, version, pid,
    stop() {
      run('pg_ctl', ['-D', data, '-m', 'immediate', '-w', 'stop']);
      rmSync(data, { recursive: true, force: true });
    },
  };
}
