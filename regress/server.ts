/**
 * Starts this project's own server for a run, in a new directory on a free port, and stops it afterwards. Shared by the
 * regression runner, the benchmarks and the tests that need a real process.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENVIRONMENT } from '../ops/bundle/environment.js';
import { freePort } from '../ops/drill/free-port.js';

/** A running server process. */
export interface RunningServer {
  readonly port: number;
  readonly dataDirectory: string;
  readonly process: ChildProcess;
  /** Everything the process wrote to stderr so far. */
  log(): string;
  /** True once the process has ended. */
  ended(): boolean;
  /** SIGTERM, then waits for the end; `remove` deletes the data directory. */
  stop(remove?: boolean): Promise<void>;
  /** SIGKILL, then waits for the end. */
  kill(): Promise<void>;
}

/** How to start it. */
export interface ServerOptions {
  /** An existing or new directory; a new temporary one by default. */
  readonly dataDirectory?: string;
  readonly port?: number;
  /** The command of the command line: a primary by default. */
  readonly command?: 'primary' | 'replica';
  /** More of its arguments, e.g. `--replication-port`. */
  readonly arguments?: readonly string[];
  /** Settings, `name=value`. */
  readonly settings?: readonly string[];
  /** A port for replicas, with an archive beside the data directory. */
  readonly replication?: { readonly port: number; readonly archive: string };
  /** Replication address of the node that it is a replica of; by default it is a primary. */
  readonly upstream?: string;
  /** Extra node options, e.g. `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
  /** Run `npm run bundle`'s program, as an installed one is; else the modules, which a coverage tool and a profile can tell apart. */
  readonly bundled?: boolean;
  /** How long to wait for the ready line. */
  readonly timeoutMs?: number;
}

/** Of the file that this names Node makes a store of certificates before anything else at each start, in 20 to 40 ms. */
const NO_CERTIFICATES = { NODE_EXTRA_CA_CERTS: '' };

const modules = fileURLToPath(new URL('../ops/cli/main.js', import.meta.url));
const bundle = fileURLToPath(new URL('../bundle/pglitedb.cjs', import.meta.url));

/** Starts a node (a primary by default) and resolves when it has printed its ready line; rejects with its log when it ends before. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const port = options.port ?? (await freePort());
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'pglitedb-'));
  const settings = (options.settings ?? []).flatMap((setting) => ['-c', setting]);
  const child = spawn(
    process.execPath,
    [
      ...(options.nodeOptions ?? []), options.bundled === true ? bundle : modules,
      ...role(options), '--data', dataDirectory, '--port', String(port), ...(options.arguments ?? []), ...settings,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...ENVIRONMENT, ...NO_CERTIFICATES } },
  );
  let log = '';
  let over = false;
  child.stderr.on('data', (data: Buffer) => { log = (log + data.toString()).slice(-1_000_000); });
  const exited = new Promise<void>((done) => child.on('exit', () => { over = true; done(); }));
  await waitForReady(child, options.timeoutMs ?? 30_000, () => log);
  return {
    port, dataDirectory, process: child,
    log: () => log,
    ended: () => over,
    async stop(remove = false) {
      if (!over) child.kill('SIGTERM');
      await exited;
      if (remove) rmSync(dataDirectory, { recursive: true, force: true });
    },
    async kill() {
      if (!over) child.kill('SIGKILL');
      await exited;
    },
  };
}

function role({ command: given, upstream, replication }: ServerOptions): string[] {
  const command: string[] = upstream === undefined ? [given ?? 'primary'] : ['replica', '--primary', upstream];
  if (replication !== undefined) command.push('--replication-port', String(replication.port), '--archive', replication.archive);
  return command;
}

async function waitForReady(child: ChildProcess, timeoutMs: number, log: () => string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`the server was not ready after ${timeoutMs} ms\n${log()}`)), timeoutMs);
    child.stdout?.on('data', (data: Buffer) => {
      text += data.toString();
      if (!/^ready: /m.test(text)) return;
      clearTimeout(timer);
      resolve();
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`the server ended (${signal ?? code}) before it was ready\n${text}${log()}`));
    });
  });
}
