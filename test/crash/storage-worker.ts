/**
 * The process that the kill test kills: moves amounts between accounts for ever, each transaction adding a row of history,
 * and prints a transaction's number once it is acknowledged.
 */
import { openStorage } from '../../lib/access/storage.js';
import { begin, inTransaction } from '../access/support.js';

const ACCOUNTS = 3000;
const SHAPE = { attributeCount: 2, missing: [] };

const engine = await openStorage({ dir: process.argv[2], settings: { maxWalSize: 1 << 20, sharedBuffers: 1 << 20 } });
if (engine.getMeta('files') === null) {
  inTransaction(engine, (transaction) => {
    const files = [engine.createFile(transaction, 'heap', 'permanent'), engine.createFile(transaction, 'heap', 'permanent')];
    engine.putMeta(transaction, 'files', Uint8Array.from(files));
    const accounts = engine.openHeap(files[0], SHAPE);
    for (let id = 1; id <= ACCOUNTS; id++) accounts.insert(transaction, [id, 0]);
  });
}
const [accountsFile, historyFile] = engine.getMeta('files') as Uint8Array;
const accounts = engine.openHeap(accountsFile, SHAPE);
const history = engine.openHeap(historyFile, SHAPE);
let last = Number(process.argv[3]);

function move(): void {
  const transaction = begin(engine);
  const snapshot = transaction.catalogSnapshot();
  const amount = Math.floor(Math.random() * 1000);
  for (const delta of [amount, -amount]) {
    const rowId = 1 + Math.floor(Math.random() * ACCOUNTS);
    const newest = accounts.fetchNewest(rowId);
    if (newest === null) throw new Error(`account ${rowId} is gone`);
    if (accounts.update(transaction, rowId, [rowId, (newest[1] as number) + delta], snapshot, false).kind === 'ok') continue;
    transaction.abort();
    return;
  }
  const number = ++last;
  history.insert(transaction, [number, 'x'.repeat(number % 97)]);
  engine.onFlushed(transaction.commit(), () => process.stdout.write(`${number}\n`));
}

function turn(): void {
  for (let count = 0; count < 20; count++) move();
  setImmediate(turn);
}
turn();
