/**
 * kill -9 of a process that writes through the storage engine, again and again: everything that was acknowledged is there,
 * nothing is half there.
 */
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStorage } from '../../lib/access/storage.js';
import { rowsNow } from '../access/support.js';

const WORKER = fileURLToPath(new URL('./storage-worker.js', import.meta.url));
const SHAPE = { attributeCount: 2, missing: [] };
const ROUNDS = 4;

/** Runs the worker and kills it some time after its first acknowledgement; returns the last number acknowledged. */
function runAndKill(dir: string, from: number, afterMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = spawn(process.execPath, [WORKER, dir, String(from)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    let armed = false;
    worker.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (!armed) setTimeout(() => worker.kill('SIGKILL'), afterMs);
      armed = true;
    });
    worker.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    worker.on('exit', (_code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the worker ended by itself: ${errors}`));
      // The last line may be cut off.
      else resolve(Math.max(from, ...output.slice(0, output.lastIndexOf('\n')).split('\n').map(Number)));
    });
  });
}

describe('killing the process', function () {
  this.timeout(120_000);

  it(`loses nothing acknowledged, ${ROUNDS} times in a row`, async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pglitedb-kill-'));
    try {
      let last = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const acknowledged = await runAndKill(dir, last, 150 + round * 130);
        const engine = await openStorage({ dir });
        const [accountsFile, historyFile] = engine.getMeta('files') as Uint8Array;
        const balances = rowsNow(engine, engine.openHeap(accountsFile, SHAPE));
        expect(balances).to.have.length(3000);
        expect(balances.reduce((sum, row) => sum + (row[1] as number), 0)).to.equal(0);
        const numbers = rowsNow(engine, engine.openHeap(historyFile, SHAPE)).map((row) => row[0] as number).sort((a, b) => a - b);
        expect(numbers).to.have.length.greaterThanOrEqual(acknowledged);
        expect(numbers.every((number, index) => number === index + 1), 'numbers without a gap').to.equal(true);
        expect(acknowledged).to.be.greaterThan(last);
        last = numbers.length;
        await engine.close();
      }
    } finally {
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
});
