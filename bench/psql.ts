/**
 * Drives the real psql: bulk loads, and the time that it reports for a command.
 */
import { spawn } from 'node:child_process';

/** See the file's comment. */
export class Psql {
  constructor(private readonly program: string) {}

  /** Runs commands (also psql's own) on one connection; answers the milliseconds that the last one took. Throws with psql's output. */
  async time(port: number, ...commands: readonly string[]): Promise<number> {
    const args = ['-X', '-q', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-c', '\\timing on'];
    const child = spawn(this.program, [...args, ...commands.flatMap((command) => ['-c', command])], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (data: Buffer) => { text += data.toString(); });
    child.stderr.on('data', (data: Buffer) => { text += data.toString(); });
    const code = await new Promise<number | null>((done) => child.on('close', done));
    if (code !== 0) throw new Error(`psql ended with ${code}\n${text.slice(-1000)}`);
    const times = [...text.matchAll(/^Time: ([\d.]+) ms/gm)];
    return Number(times.at(-1)?.[1] ?? Number.NaN);
  }

  /** Loads a file in COPY's text format; milliseconds. */
  copy(port: number, table: string, file: string): Promise<number> {
    return this.time(port, `\\copy ${table} from '${file}'`);
  }
}
