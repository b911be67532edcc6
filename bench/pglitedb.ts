/**
 * This project's server as it is measured: as `npm start` runs it, plus the settings of the workload.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../ops/drill/free-port.js';
import { startServer, type RunningServer, type ServerOptions } from '../regress/server.js';
import { waitForAnswer } from './client.js';
import { STANDBY_NAME, type Contender, type ContenderOptions } from './contender.js';

/** See the file's comment. */
export class OwnServer implements Contender {
  readonly side = 'ours';
  readonly title = 'PGLiteDB';
  private starting: Promise<RunningServer> | null = null;
  private running: RunningServer | null = null;
  private failed = false;
  private readonly replicas: OwnServer[] = [];

  private constructor(
    readonly port: number, private readonly replicationPort: number, readonly dataDirectory: string,
    private readonly options: ContenderOptions, private readonly role: Pick<ServerOptions, 'command' | 'arguments'>,
  ) {}

  /** On a new directory; not started. */
  static async create(options: ContenderOptions = {}, upstreamPort: number | null = null): Promise<OwnServer> {
    const replicationPort = await freePort();
    const role: Pick<ServerOptions, 'command' | 'arguments'> = upstreamPort === null
      ? { command: 'primary', arguments: ['--replication-port', String(replicationPort)] }
      : { command: 'replica', arguments: ['--primary', `ws://127.0.0.1:${upstreamPort}`, '--name', STANDBY_NAME] };
    return new OwnServer(await freePort(), replicationPort, mkdtempSync(join(tmpdir(), 'pglitedb-bench-')), options, role);
  }

  get pid(): number {
    return this.running === null || this.running.ended() ? 0 : this.running.process.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.starting !== null && !this.failed && this.running?.ended() !== true;
  }

  launch(): void {
    const { port, dataDirectory, options, role } = this;
    this.running = null;
    this.starting = startServer({ ...role, port, dataDirectory, settings: options.settings, nodeOptions: options.nodeOptions, bundled: true, timeoutMs: 600_000 });
    this.failed = false;
    // Whoever stops it is told of the failure as well.
    this.starting.then((running) => { this.running = running; }, () => { this.failed = true; });
  }

  async start(): Promise<void> {
    this.launch();
    await this.whenRunning();
  }

  private async whenRunning(): Promise<RunningServer | null> {
    return this.starting;
  }

  async stop(): Promise<void> {
    await (await this.whenRunning())?.stop();
  }

  async kill(): Promise<void> {
    await (await this.whenRunning())?.kill();
  }

  async addReplica(): Promise<Contender> {
    const replica = await OwnServer.create({ nodeOptions: this.options.nodeOptions }, this.replicationPort);
    this.replicas.push(replica);
    await replica.start();
    await waitForAnswer(this.port, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", '1');
    return replica;
  }

  async remove(): Promise<void> {
    for (const replica of this.replicas) await replica.remove();
    await this.kill().catch(() => undefined);
    rmSync(this.dataDirectory, { recursive: true, force: true });
  }
}
