/** Runs one of this program's own commands to its end. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const TIMEOUT_MS = 60_000;

/** Its standard output; rejects with its standard error when it fails. */
export function runCommand(command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [cli, ...command], { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) reject(new Error(`pglitedb ${command.join(' ')} failed: ${stderr.trim() || error.message}`));
      else resolve(stdout);
    });
  });
}
