/** Nodes of a cluster in one process, with real files, sockets and clocks; and the command line as a process beside them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Env } from '../../lib/env/env.js';
import { EmbeddedSession } from '../../lib/session/embedded/database.js';
import type { LogEntry } from '../../lib/session/server-log.js';
import { freePort } from '../../ops/drill/free-port.js';
import { DatabaseNode } from '../../server/main/node.js';
import type { NodeOptions } from '../../server/main/options.js';
import { nodeStatus, type NodeStatus } from '../../server/main/status.js';

/** The command line, as one module after the other. */
export const cli = fileURLToPath(new URL('../../ops/cli/main.js', import.meta.url));
const DEADLINE_MS = 20_000;

/** Waits until something holds; fails when it does not for long. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!await holds()) {
    if (performance.now() > deadline) expect.fail(`not within reason: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

/** A node with what it said. */
export class TestNode {
  readonly said: LogEntry[] = [];
  readonly fatal: Error[] = [];
  readonly progress: string[] = [];
  readonly node: DatabaseNode;

  constructor(options: Partial<NodeOptions> & Pick<NodeOptions, 'dataDirectory' | 'name'>, env?: Env) {
    this.node = new DatabaseNode({
      host: null, port: 0, socketDirectory: null, settings: [], replicationPort: 0, advertise: null, upstreams: null, archive: null, consensus: null, tls: undefined,
      environment: {}, log: (entry) => this.said.push(entry), progress: (text) => this.progress.push(text), fatal: (error) => this.fatal.push(error), ...options,
    }, env);
  }

  get url(): string {
    return this.node.replicationUrl;
  }

  /** Whether it has said something like this. */
  hasSaid(what: RegExp): boolean {
    return this.said.some(({ message }) => what.test(message));
  }

  /** Runs statements in a session of their own; rows of the last one. */
  async query(sql: string, database = 'postgres'): Promise<unknown[][]> {
    const session = new EmbeddedSession(this.node.engine, { username: 'postgres', database });
    try {
      const results = await session.exec(sql, { rowMode: 'array' });
      const rows: readonly unknown[] = results.at(-1)?.rows ?? [];
      return rows.map((row) => row as unknown[]);
    } finally {
      await session.close();
    }
  }

  get status(): NodeStatus {
    return nodeStatus(this.node);
  }

  /** Waits until this standby shows all that another node has. */
  async caughtUp(upstream: TestNode): Promise<void> {
    const { source } = upstream.node.engine.storage;
    // A standby applies beside the sync of its own log: either may come first.
    await until(`${this.node.options.name} has applied and keeps what ${upstream.node.options.name} has`, () => {
      const { standby } = this.node.engine;
      return standby !== null && Math.min(standby.appliedLsn, standby.flushedLsn) >= (source?.durableLsn ?? 0);
    });
  }
}

/** A place for nodes; everything goes with it. */
export class TestCluster {
  readonly directory = mkdtempSync(join(tmpdir(), 'pglitedb-cluster-'));
  readonly nodes: TestNode[] = [];
  readonly processes: ChildProcess[] = [];

  dataOf(name: string): string {
    return join(this.directory, name);
  }

  /** Starts a node: a standby where `upstreams` are given. */
  async start(name: string, options: Partial<NodeOptions> = {}, env?: Env): Promise<TestNode> {
    const started = await this.prepare(name, options, env);
    await started.node.start(started.node.options.upstreams !== null);
    return started;
  }

  /** A node that is not started yet. */
  async prepare(name: string, options: Partial<NodeOptions> = {}, env?: Env): Promise<TestNode> {
    const made = new TestNode({ dataDirectory: this.dataOf(name), name, replicationPort: await freePort(), ...options }, env);
    this.nodes.push(made);
    return made;
  }

  /** Runs the command line; never rejects. */
  run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
    const child = this.spawn(...args);
    let out = '';
    let err = '';
    child.stdout?.on('data', (bytes: Buffer) => (out += bytes.toString()));
    child.stderr?.on('data', (bytes: Buffer) => (err += bytes.toString()));
    return new Promise((resolve) => {
      child.once('close', (code) => resolve({ code, out, err }));
    });
  }

  /** Starts the command line. */
  spawn(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, [cli, ...args], { cwd: this.directory, stdio: ['ignore', 'pipe', 'pipe'] });
    this.processes.push(child);
    return child;
  }

  /** Starts a node by the command line; resolves when it is ready. */
  async startProcess(...args: string[]): Promise<ChildProcess> {
    const child = this.spawn(...args);
    let out = '';
    let err = '';
    child.stderr?.on('data', (bytes: Buffer) => (err += bytes.toString()));
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(err)));
      child.stdout?.on('data', (bytes: Buffer) => {
        out += bytes.toString();
        if (/^ready: /m.test(out)) resolve();
      });
    });
    return child;
  }

  /** Ends everything, in reverse order of its start; what did not come up has nothing to end. */
  async end(): Promise<void> {
    for (const child of this.processes) child.kill('SIGKILL');
    for (const { node } of [...this.nodes].reverse()) if ((node.listener as unknown) !== undefined) await node.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
