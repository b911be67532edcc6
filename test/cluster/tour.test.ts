/**
 * The README's tour of a cluster, run as printed: every command of its blocks, in order, in a directory of its own. Ports are mapped to free
 * ones, `psql` is a client of ours, `kill -9 n2` kills the node of that name.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { freePort } from '../../ops/drill/free-port.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const cli = join(root, 'dist/ops/cli/main.js');
const DEADLINE_MS = 30_000;

/** Words of a shell line: quotes, no expansion. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]);
}

describe('the tour of a cluster in the README', function () {
  this.timeout(180_000);
  const directory = mkdtempSync(join(tmpdir(), 'pglitedb-tour-'));
  const ports = new Map<string, number>();
  const nodes = new Map<string, ChildProcess>();

  after(async () => {
    for (const node of nodes.values()) node.kill('SIGKILL');
    await Promise.all([...nodes.values()].map((node) => (node.exitCode === null && node.signalCode === null ? new Promise((resolve) => node.once('exit', resolve)) : null)));
    rmSync(directory, { recursive: true, force: true });
  });

  async function mapped(line: string): Promise<string> {
    for (const [port] of line.matchAll(/\b54\d\d\b/g)) if (!ports.has(port)) ports.set(port, await freePort());
    return line.replaceAll(/\b54\d\d\b/g, (port) => String(ports.get(port)));
  }

  async function startNode(args: string[]): Promise<void> {
    const child = spawn(process.execPath, [cli, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    nodes.set(args[args.indexOf('--data') + 1], child);
    let output = '';
    child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (bytes: Buffer) => /^ready: /m.test(bytes.toString()) && resolve());
      child.once('exit', (code) => reject(new Error(`pglitedb ${args.join(' ')} ended with ${code}\n${output}`)));
    });
  }

  function run(args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [cli, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      let errors = '';
      child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
      child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
      child.once('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`pglitedb ${args.join(' ')} ended with ${code}\n${output}${errors}`))));
    });
  }

  async function query(port: number, sql: string): Promise<string> {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query({ text: sql, rowMode: 'array' });
      return rows.map((row: unknown[]) => row.join('|')).join('\n');
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** A reader may be a moment behind: asks until the answer is there. */
  async function eventually(port: number, sql: string, expected: string): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const answer = await query(port, sql).catch((error: unknown) => String(error));
      if (answer === expected) return;
      if (Date.now() > deadline) expect(answer, sql).to.equal(expected);
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
  }

  it('works, command by command', async () => {
    const text = readFileSync(join(root, 'README.md'), 'utf8');
    const lines = [...text.matchAll(/```sh tour\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split('\n'));
    expect(lines.length).to.be.above(20);
    const expected = ['1000', '1000', 'written on the new primary', '2'];
    for (const line of lines) {
      const [program, ...args] = words(await mapped(line));
      if (program === 'kill') {
        nodes.get(args[1])?.kill('SIGKILL');
        await new Promise((resolve) => nodes.get(args[1])?.once('exit', resolve));
      } else if (program === 'psql') {
        const sql = args[args.indexOf('-c') + 1];
        const port = Number(args[args.indexOf('-p') + 1]);
        if (/^SELECT (count|body)/.test(sql)) await eventually(port, sql, expected.shift() ?? '');
        else await query(port, sql);
      } else if (args.at(-1) === '&') await startNode(args.slice(1, -1));
      else {
        const output = await run(args.slice(1));
        expect(output, line).to.not.equal('');
      }
    }
    expect(expected).to.deep.equal([]);
  });
});
