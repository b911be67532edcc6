/** What clients were told, held against what the nodes have. */
import { createHash } from 'node:crypto';
import { ACCOUNTS, connectTo, OPENING_BALANCE } from './bank.js';
import type { NodePlace } from './node-process.js';
import type { Told } from './ledger.js';

/** What the checks found. */
export interface Findings {
  readonly acknowledged: number;
  readonly unknown: number;
  /** Transfers that were acknowledged and are not there. */
  readonly lost: readonly string[];
  /** Transfers that failed and are there all the same. */
  readonly phantoms: readonly string[];
  /** The sum of balances, and balances against transfers, hold. */
  readonly balanced: boolean;
  /** Node → checksum of all rows. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly identical: boolean;
}

interface Transfer { readonly id: string; readonly source: number; readonly target: number; readonly amount: number }

/** Everything that a node has. */
interface Books {
  readonly balances: ReadonlyMap<number, number>;
  readonly transfers: readonly Transfer[];
  readonly checksum: string;
}

async function readBooks(place: NodePlace): Promise<Books> {
  const client = await connectTo(place, 60_000);
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const accounts = await client.query<{ id: number; balance: string }>('SELECT id, balance FROM account ORDER BY id');
    const transfers = await client.query<Transfer>('SELECT id, source, target, amount FROM transfer ORDER BY id');
    await client.query('COMMIT');
    const digest = createHash('sha256').update(JSON.stringify(accounts.rows)).update(JSON.stringify(transfers.rows)).digest('hex').slice(0, 16);
    return { balances: new Map(accounts.rows.map((row) => [row.id, Number(row.balance)])), transfers: transfers.rows, checksum: digest };
  } finally {
    await client.end();
  }
}

function isBalanced({ balances, transfers }: Books): boolean {
  const expected = new Map<number, number>();
  for (let id = 1; id <= ACCOUNTS; id++) expected.set(id, OPENING_BALANCE);
  for (const { source, target, amount } of transfers) {
    expected.set(source, (expected.get(source) ?? 0) - amount);
    expected.set(target, (expected.get(target) ?? 0) + amount);
  }
  let sum = 0;
  for (const balance of balances.values()) sum += balance;
  return sum === ACCOUNTS * OPENING_BALANCE && balances.size === ACCOUNTS && [...balances].every(([id, balance]) => expected.get(id) === balance);
}

/** Checks the primary's books against what was told, and all nodes' against each other. */
export async function checkBooks(primary: NodePlace, all: readonly NodePlace[], told: Told): Promise<Findings> {
  const books = await readBooks(primary);
  const present = new Set(books.transfers.map((transfer) => transfer.id));
  const checksums: Record<string, string> = { [primary.name]: books.checksum };
  for (const place of all) if (place !== primary) checksums[place.name] = (await readBooks(place)).checksum;
  return {
    acknowledged: told.acknowledged.size,
    unknown: told.unknown.size,
    lost: [...told.acknowledged].filter((id) => !present.has(id)),
    phantoms: [...told.failed].filter((id) => present.has(id)),
    balanced: isBalanced(books),
    checksums,
    identical: new Set(Object.values(checksums)).size === 1,
  };
}
