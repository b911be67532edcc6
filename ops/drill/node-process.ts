/** One node of a drill as a process: its command line, its ready line, its log, its signals. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const READY_MS = 60_000;

/** Where a node is. */
export interface NodePlace {
  readonly name: string;
  readonly dataDirectory: string;
  readonly port: number;
  readonly replicationPort: number;
  /** The port that other nodes use to reach it: of a proxy, where there is one. */
  readonly reachedAt: number;
}

/** See the file's comment. */
export class NodeProcess {
  private child: ChildProcess | null = null;
  private exited: Promise<void> = Promise.resolve();
  private tail = '';

  constructor(readonly place: NodePlace, private readonly logFile: string) {}

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The last of what it wrote to its log. */
  get lastWords(): string {
    return this.tail;
  }

  /** Starts it; resolves when it is ready, rejects with its log when it ends before. */
  async start(command: readonly string[]): Promise<void> {
    const child = spawn(process.execPath, [cli, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    const log = createWriteStream(this.logFile, { flags: 'a' });
    child.stderr.on('data', (bytes: Buffer) => {
      log.write(bytes);
      this.tail = (this.tail + bytes.toString()).slice(-4000);
    });
    this.exited = new Promise((resolve) => child.on('exit', () => {
      log.end();
      resolve();
    }));
    await new Promise<void>((resolve, reject) => {
      let text = '';
      const timer = setTimeout(() => reject(new Error(`${this.place.name} was not ready after ${READY_MS / 1000} s\n${this.tail}`)), READY_MS);
      child.stdout.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        if (!/^ready: /m.test(text)) return;
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`${this.place.name} ended (${signal ?? code}) before it was ready\n${this.tail}`));
      });
    });
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  /** Resolves when the process has ended. */
  whenEnded(): Promise<void> {
    return this.exited;
  }

  /** Ends it, whatever it takes. */
  async end(): Promise<void> {
    if (!this.isRunning) return;
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), 10_000);
    await this.exited;
    clearTimeout(timer);
  }
}
