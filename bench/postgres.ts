/**
 * A throw-away PostgreSQL 18 beside which this server is measured: durable settings as installed (fsync and
 * synchronous_commit on), its own data directory, a free port.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../ops/drill/free-port.js';
import { waitForAnswer } from './client.js';
import { STANDBY_NAME, type Contender, type ContenderOptions } from './contender.js';

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

/** See the file's comment. */
export class PostgresServer implements Contender {
  readonly side = 'postgres';
  readonly title = 'PostgreSQL 18';
  private child: ChildProcess | null = null;
  private exited: Promise<void> = Promise.resolve();
  private readonly replicas: PostgresServer[] = [];
  private readonly user = serverUser();

  private constructor(private readonly bin: string, readonly port: number, readonly dataDirectory: string, private readonly settings: readonly string[]) {}

  /** With a new directory of the right owner, still empty. */
  private static async prepare(bin: string, settings: readonly string[]): Promise<PostgresServer> {
    const server = new PostgresServer(bin, await freePort(), mkdtempSync(join(tmpdir(), 'pg18-bench-')), settings);
    if (server.user) chownSync(server.dataDirectory, server.user.uid, server.user.gid);
    chmodSync(server.dataDirectory, 0o700);
    return server;
  }

  /** On a new directory, initialised; not started. */
  static async create(bin: string, options: ContenderOptions = {}): Promise<PostgresServer> {
    const server = await PostgresServer.prepare(bin, options.settings ?? []);
    const share = join(dirname(dirname(dirname(dirname(bin)))), 'share', 'postgresql', '18');
    server.run('initdb', ['-D', server.dataDirectory, '-U', 'postgres', '-A', 'trust', '--no-locale', '-E', 'UTF8', '-L', share]);
    return server;
  }

  get pid(): number {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null ? this.child.pid ?? 0 : 0;
  }

  get isRunning(): boolean {
    return this.pid !== 0;
  }

  private command(program: string, args: readonly string[]): string[] {
    return [...(this.user?.prefix ?? []), join(this.bin, program), ...args];
  }

  private run(program: string, args: readonly string[]): void {
    const command = this.command(program, args);
    execFileSync(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.dataDirectory });
  }

  launch(): void {
    const { dataDirectory, port } = this;
    const settings = ['listen_addresses=127.0.0.1', ...this.settings].flatMap((setting) => ['-c', setting]);
    const command = this.command('postgres', ['-D', dataDirectory, '-p', String(port), '-k', dataDirectory, ...settings]);
    const log = openSync(join(dataDirectory, 'log'), 'a');
    const child = spawn(command[0], command.slice(1), { stdio: ['ignore', log, log], cwd: dataDirectory });
    closeSync(log);
    this.child = child;
    this.exited = new Promise((done) => child.on('exit', () => done()));
  }

  async start(): Promise<void> {
    this.launch();
    try {
      await waitForAnswer(this.port, 'SELECT 1', '1', () => this.isRunning);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${readFileSync(join(this.dataDirectory, 'log'), 'utf8').slice(-2000)}`, { cause: error });
    }
  }

  async stop(): Promise<void> {
    if (this.pid !== 0) process.kill(this.pid, 'SIGINT'); // A fast shutdown.
    await this.exited;
  }

  async kill(): Promise<void> {
    const { pid } = this;
    if (pid !== 0) {
      const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
      for (const id of [pid, ...workers]) {
        try {
          process.kill(id, 'SIGKILL');
        } catch {
          // It has followed the first one already.
        }
      }
    }
    await this.exited;
  }

  async addReplica(): Promise<Contender> {
    const replica = await PostgresServer.prepare(this.bin, this.settings);
    this.replicas.push(replica);
    const source = `host=127.0.0.1 port=${this.port} user=postgres application_name=${STANDBY_NAME}`;
    replica.run('pg_basebackup', ['-R', '-X', 'stream', '-c', 'fast', '-D', replica.dataDirectory, '-d', source]);
    // -R does not write the name that synchronous_standby_names goes by.
    appendFileSync(join(replica.dataDirectory, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\nsynchronous_standby_names = ''\n`);
    await replica.start();
    await waitForAnswer(this.port, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", '1');
    return replica;
  }

  async remove(): Promise<void> {
    for (const replica of this.replicas) await replica.remove();
    await this.kill();
    rmSync(this.dataDirectory, { recursive: true, force: true });
  }
}
