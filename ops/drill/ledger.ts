/** What one client was told of its transfers, fsynced line by line: the truth that a failover is held against. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';

/** What became of a transfer, as far as its client knows. */
export type Outcome = 'ok' | 'failed' | 'unknown';

/** The outcomes of all clients. */
export interface Told {
  readonly acknowledged: Set<string>;
  readonly failed: Set<string>;
  readonly unknown: Set<string>;
}

/** One client's ledger. */
export class Ledger {
  private readonly descriptor: number;
  private readonly outcomes = new Map<string, Outcome>();

  constructor(path: string) {
    this.descriptor = openSync(path, 'a', 0o600);
  }

  private line(text: string): void {
    writeSync(this.descriptor, `${text}\n`);
    fdatasyncSync(this.descriptor);
  }

  /** The transfer is about to be tried. Until more is known its outcome is unknown. */
  begin(id: string): void {
    this.outcomes.set(id, 'unknown');
    this.line(`begin ${id}`);
  }

  /** The client was told. */
  end(id: string, outcome: Outcome): void {
    this.line(`${outcome} ${id}`);
    this.outcomes.set(id, outcome);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  /** Adds what this client was told to what all were. */
  collect(told: Told): void {
    for (const [id, outcome] of this.outcomes) (outcome === 'ok' ? told.acknowledged : told[outcome]).add(id);
  }
}
