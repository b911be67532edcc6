/**
 * Random work on a table with two indexes, beside a model that knows what every snapshot must see and what may be there
 * after a crash: the commits of some prefix of the log that has everything acknowledged.
 */
import { expect } from 'chai';
import { CHUNK_ROWS, type ColumnValues, type Heap, type Index, type Snapshot, type StorageEngine, type StoredPiece, type Transaction } from '../../lib/access/api.js';
import { decodeHeapDirectory, decodeIndexDirectory, decodeRoot } from '../../lib/access/directory.js';
import { KEY_SPACE, valueKey, type KeySpace } from '../../lib/access/format.js';
import type { OpenOptions } from '../../lib/access/storage.js';
import { openStorage } from '../../lib/access/storage.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import type { Row } from '../../lib/types/datum.js';
import { CrashDisk } from './crash-store.js';
import { begin, nextCommand, rows } from './support.js';

/** rowId → row; null: deleted. */
type Overlay = Map<number, Row | null>;

interface ModelTransaction {
  readonly transaction: Transaction;
  snapshot: Snapshot;
  unpin: () => void;
  overlay: Overlay;
  savepoints: { savepoint: ReturnType<Transaction['beginSavepoint']>; overlay: Overlay }[];
}

interface PinnedSnapshot {
  readonly snapshot: Snapshot;
  readonly reader: Transaction;
  readonly unpin: () => void;
}

/** Key of an integer, 6 bytes. */
function integerKey(value: number): string {
  return `i${String.fromCharCode((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)}`;
}

function textKey(value: string): string {
  return `t${value.slice(0, 12)}`;
}

/** One seeded run. */
export class ModelRun {
  readonly env: SimEnv;
  readonly disk: CrashDisk;
  engine!: StorageEngine;
  private heap!: Heap;
  private byId!: Index;
  private byText!: Index;
  private files: [number, number, number] = [0, 0, 0];
  private readonly commits: { lsn: number; overlay: Overlay }[] = [];
  private acknowledged = 0;
  private open: ModelTransaction[] = [];
  private pinned: PinnedSnapshot[] = [];
  private nextId = 1;
  private ticks = 0;
  private settings: OpenOptions['settings'];
  crashes = 0;

  constructor(seed: number, settings: OpenOptions['settings']) {
    this.env = simEnv(seed);
    this.settings = settings;
    this.disk = new CrashDisk(() => this.env.random.float());
  }

  private random(limit: number): number {
    return Math.floor(this.env.random.float() * limit);
  }

  async start(): Promise<void> {
    await this.openEngine();
    const transaction = begin(this.engine);
    const file = (kind: 'heap' | 'index'): number => this.engine.createFile(transaction, kind, 'permanent');
    this.files = [file('heap'), file('index'), file('index')];
    const lsn = transaction.commit();
    this.commits.push({ lsn, overlay: new Map() });
    await this.engine.whenFlushed(lsn);
    this.acknowledged = lsn;
    this.openFiles();
  }

  private async openEngine(): Promise<void> {
    // Every look at the clock is 5 ms later: each slice ends at once, everything interleaves.
    const env = { ...this.env, clock: { ...this.env.clock, monotonicMs: () => (this.ticks += 5) } };
    this.engine = await openStorage({
      dir: 'data', env, settings: this.settings, fatal: () => undefined, openStore: () => this.disk.open(),
    });
  }

  private openFiles(): void {
    this.heap = this.engine.openHeap(this.files[0], { attributeCount: 3, missing: [] });
    this.byId = this.engine.openIndex(this.files[1]);
    this.byText = this.engine.openIndex(this.files[2]);
  }

  /** What a snapshot at an LSN sees. */
  private stateAt(lsn: number): Map<number, Row> {
    const state = new Map<number, Row>();
    for (const commit of this.commits) if (commit.lsn <= lsn) applyOverlay(state, commit.overlay);
    return state;
  }

  private randomText(): string {
    const length = this.random(20) === 0 ? 2000 + this.random(20_000) : 1 + this.random(10);
    return String.fromCharCode(97 + this.random(5)).repeat(length);
  }

  private newRow(id: number): Row {
    return [id, this.randomText(), this.random(3) === 0 ? null : this.random(1000)];
  }

  /** One random step. */
  async step(): Promise<void> {
    const choice = this.random(100);
    if (this.open.length === 0 || (choice < 8 && this.open.length < 4)) this.beginTransaction();
    else {
      const own = this.open[this.random(this.open.length)];
      if (choice < 40) this.insertRows(own, this.random(12) === 0 ? this.random(2500) : 1 + this.random(5));
      else if (choice < 65) for (let count = 1 + this.random(20); count > 0; count--) this.changeRow(own);
      else if (choice < 70) this.savepoint(own);
      else if (choice < 75) this.rollbackToSavepoint(own);
      else if (choice < 88) this.commit(own);
      else if (choice < 91) this.abort(own);
      else if (choice < 93) void this.engine.checkpoint();
      else if (choice < 95) this.pinSnapshot();
      else if (choice < 97) this.checkPinned();
      else this.vacuum();
      own.unpin();
      if (this.open.includes(own)) {
        own.snapshot = nextCommand(own.transaction);
        own.unpin = own.transaction.pinSnapshot(own.snapshot);
      }
    }
    for (let turns = this.random(4); turns > 0; turns--) await turn();
    await this.engine.memoryPressure()?.until;
    this.acknowledged = Math.max(this.acknowledged, this.engine.flushedLsn());
  }

  private beginTransaction(): void {
    const transaction = begin(this.engine);
    const snapshot = transaction.takeSnapshot();
    this.open.push({ transaction, snapshot, unpin: transaction.pinSnapshot(snapshot), overlay: new Map(), savepoints: [] });
  }

  private insertRows(own: ModelTransaction, count: number): void {
    const inColumns = count > 100 && this.random(2) === 0;
    for (let index = 0; index < count; index++) {
      if (inColumns && this.heap.rowsToChunk === 0) index += this.insertColumns(own, Math.min(count - index, CHUNK_ROWS));
      if (index === count) return;
      const row = count > 100 ? [this.nextId++, 'bulk', index] : this.newRow(this.nextId++);
      const rowId = this.heap.insert(own.transaction, row);
      this.byId.insert(own.transaction, integerKey(row[0] as number), rowId);
      this.byText.insert(own.transaction, textKey(row[1] as string), rowId);
      own.overlay.set(rowId, row);
    }
  }

  /** Inserts so many rows that come as columns, if the heap takes them; returns how many. */
  private insertColumns(own: ModelTransaction, count: number): number {
    const added: Row[] = Array.from({ length: count }, (_, index) => [this.nextId + index, `bulk ${this.random(4)}`, index % 7 === 0 ? null : index]);
    if (this.random(2) === 0) added.sort((a, b) => Number(b[1] === 'bulk 1') - Number(a[1] === 'bulk 1'));
    const column = (at: number): ColumnValues => ({ kind: 'values', values: added.map((row) => row[at]) });
    const ids: ColumnValues = { kind: 'int32', data: Int32Array.from(added, (row) => row[0] as number), nulls: null };
    const byId = this.byId.prepare(added.map((row) => integerKey(row[0] as number)), true);
    const byText = this.byText.prepare(added.map((row) => textKey(row[1] as string)), false);
    if (byId === null || byText === null) return expect.fail('the keys are new');
    const first = this.heap.insertColumns(own.transaction, [ids, column(1), column(2)], count);
    if (first === 0) return 0;
    byId.insert(own.transaction, first);
    byText.insert(own.transaction, first);
    added.forEach((row, index) => own.overlay.set(first + index, row));
    this.nextId += count;
    expect(this.byId.prepare([integerKey(0x7fffffff), integerKey(added[0][0] as number)], true)).to.equal(null);
    return count;
  }

  private changeRow(own: ModelTransaction): void {
    const id = 1 + this.random(this.nextId);
    for (const rowId of this.byId.lookup(integerKey(id), false)) {
      const before = this.heap.fetch(rowId, own.snapshot);
      if (before === null || before[0] !== id) continue;
      if (this.random(4) === 0) {
        if (this.heap.delete(own.transaction, rowId, own.snapshot).kind !== 'ok') continue;
        this.byId.remove(own.transaction, integerKey(id), rowId);
        this.byText.remove(own.transaction, textKey(before[1] as string), rowId);
        own.overlay.set(rowId, null);
        continue;
      }
      const after: Row = [id, this.random(3) === 0 ? this.randomText() : before[1], this.random(1000)];
      const keyBefore = textKey(before[1] as string);
      const keyAfter = textKey(after[1] as string);
      if (this.heap.update(own.transaction, rowId, after, own.snapshot, keyBefore !== keyAfter).kind !== 'ok') continue;
      if (keyBefore !== keyAfter) {
        this.byText.remove(own.transaction, keyBefore, rowId);
        this.byText.insert(own.transaction, keyAfter, rowId);
      }
      own.overlay.set(rowId, after);
    }
  }

  private savepoint(own: ModelTransaction): void {
    own.savepoints.push({ savepoint: own.transaction.beginSavepoint(), overlay: new Map(own.overlay) });
  }

  private rollbackToSavepoint(own: ModelTransaction): void {
    if (own.savepoints.length === 0) return;
    const level = this.random(own.savepoints.length);
    own.savepoints.length = level + 1;
    const { savepoint, overlay } = own.savepoints[level];
    own.transaction.rollbackToSavepoint(savepoint);
    own.overlay = new Map(overlay);
  }

  private forget(own: ModelTransaction): void {
    this.open.splice(this.open.indexOf(own), 1);
  }

  private commit(own: ModelTransaction): void {
    this.forget(own);
    const lsn = own.transaction.commit();
    if (lsn > 0) this.commits.push({ lsn, overlay: own.overlay });
    else expect(own.overlay.size).to.equal(0);
    if (this.random(2) === 0) this.engine.onFlushed(lsn, () => undefined);
  }

  private abort(own: ModelTransaction): void {
    this.forget(own);
    own.transaction.abort();
  }

  private pinSnapshot(): void {
    if (this.pinned.length >= 3) this.unpin(this.pinned[0]);
    const reader = begin(this.engine);
    const snapshot = reader.takeSnapshot();
    this.pinned.push({ snapshot, reader, unpin: reader.pinSnapshot(snapshot) });
  }

  private unpin(pin: PinnedSnapshot): void {
    pin.unpin();
    pin.reader.commit();
    this.pinned.splice(this.pinned.indexOf(pin), 1);
  }

  private checkPinned(): void {
    for (const pin of [...this.pinned]) {
      this.checkSnapshot(pin.snapshot, this.stateAt(pin.snapshot.lsn));
      if (this.random(2) === 0) this.unpin(pin);
    }
    for (const own of this.open) {
      const state = this.stateAt(own.snapshot.lsn);
      applyOverlay(state, own.overlay);
      this.checkSnapshot(own.snapshot, state);
    }
  }

  /** The scan, and every row by its keys. */
  private checkSnapshot(snapshot: Snapshot, expected: ReadonlyMap<number, Row>): void {
    const found = rows(this.heap, snapshot);
    expectSame(summary(found), summary(expected.values()));
    for (const [rowId, row] of expected) {
      const fetched = this.heap.fetch(rowId, snapshot);
      if (fetched === null || row.some((value, index) => value !== fetched[index])) expect(fetched).to.deep.equal(row);
      if (!this.byId.lookup(integerKey(row[0] as number), false).includes(rowId)) expect.fail(`row ${rowId} is not under its id`);
      if (this.random(50) === 0) expect(this.byText.lookup(textKey(row[1] as string), false)).to.include(rowId);
    }
    this.checkTogether(snapshot, expected);
  }

  /** Rows fetched together are those fetched one by one: stretches of row ids, some of which are not there, and scattered ones. */
  private checkTogether(snapshot: Snapshot, expected: ReadonlyMap<number, Row>): void {
    const last = Math.max(0, ...expected.keys()) + 3;
    // Not by the run's random numbers: what it does is to be the same with and without checks.
    const stride = 1 + (expected.size % 3);
    const rowIds: number[] = [];
    for (let rowId = 1; rowId <= last; rowId += rowIds.length % 19 === 18 ? 1 + ((rowId * 7) % 1500) : stride) rowIds.push(rowId);
    const found: (Row | null)[] = [];
    this.heap.fetchMany(rowIds, rowIds.length, snapshot, found);
    const different = rowIds.findIndex((rowId, at) => {
      const [row, want] = [found[at], expected.get(rowId) ?? null];
      return row === null || want === null ? row !== want : want.length !== row.length || want.some((value, index) => value !== row[index]);
    });
    if (different >= 0) expect(found[different]).to.deep.equal(expected.get(rowIds[different]) ?? null);
    this.checkStored(snapshot, rowIds, found);
  }

  /** Rows fetched in columns are those fetched as arrays, whatever was fetched since; what is in columns is there. */
  private checkStored(snapshot: Snapshot, rowIds: readonly number[], rows: readonly (Row | null)[]): void {
    const portions: { from: number; pieces: readonly StoredPiece[] }[] = [];
    for (let from = 0; from < rowIds.length; from += 19) {
      const portion = rowIds.slice(from, from + 19);
      portions.push({ from, pieces: this.heap.fetchStored(portion, portion.length, snapshot) ?? [] });
    }
    for (const { from, pieces } of portions) {
      for (const piece of pieces) {
        for (let at = piece.from; at < piece.end; at++) {
          const row = rows[from + at];
          if (row === null) expect.fail(`row ${rowIds[from + at]} is in columns, but not there`);
          row.forEach((value, index) => {
            if (piece.column(index).get(piece.positions[at]) !== value) expect(piece.column(index).get(piece.positions[at])).to.deep.equal(value);
          });
        }
      }
    }
  }

  /** What another engine (a standby) shows is the state at the LSN that its snapshots read; returns that LSN. */
  checkOther(engine: StorageEngine): number {
    const [ownEngine, ownHeap, byId, byText] = [this.engine, this.heap, this.byId, this.byText];
    this.engine = engine;
    this.openFiles();
    const reader = begin(engine);
    const snapshot = reader.takeSnapshot();
    try {
      this.checkSnapshot(snapshot, this.stateAt(snapshot.lsn));
    } finally {
      reader.commit();
      [this.engine, this.heap, this.byId, this.byText] = [ownEngine, ownHeap, byId, byText];
    }
    return snapshot.lsn;
  }

  /** The engine is gone; its log went on to `lsn` on another one, which is written from now on. */
  moveTo(engine: StorageEngine, lsn: number): void {
    this.open = [];
    this.pinned = [];
    this.commits.splice(0, this.commits.length, ...this.commits.filter((commit) => commit.lsn <= lsn));
    this.engine = engine;
    this.openFiles();
  }

  private vacuum(): void {
    for (const _ of this.engine.vacuum());
  }

  /** Loses power, opens again, and checks what is there. */
  async crash(): Promise<void> {
    this.crashes++;
    this.open = [];
    this.pinned = [];
    await this.crashForGood();
    await this.openEngine();
    this.openFiles();
    this.checkRecovered();
  }

  /** Loses power, and stays away. */
  async crashForGood(): Promise<void> {
    this.env.powerCut();
    this.disk.powerCut();
    for (let turns = 0; turns < 5; turns++) await turn();
  }

  /** Stops cleanly, opens again, and checks that everything is there. */
  async restart(): Promise<void> {
    for (const own of [...this.open]) {
      own.unpin();
      this.abort(own);
    }
    for (const pin of [...this.pinned]) this.unpin(pin);
    await this.engine.close();
    this.checkNothingLeaked();
    this.acknowledged = this.commits[this.commits.length - 1].lsn;
    await this.openEngine();
    this.openFiles();
    this.checkRecovered();
  }

  /** After a clean stop the store has what hangs on the root, and nothing else. */
  private checkNothingLeaked(): void {
    const stored = this.disk.current;
    const value = (key: Buffer): Uint8Array => {
      const found = stored.get(key.toString('latin1'));
      if (found === undefined) expect.fail(`${key.toString('hex')} is missing`);
      return found as Uint8Array;
    };
    const number = Math.max(...[...stored.keys()].filter((key) => key.charCodeAt(0) === KEY_SPACE.root).map((key) => Buffer.from(key, 'latin1').readUInt32BE(11)));
    const reachable = new Set([valueKey(KEY_SPACE.root, 0, 0, number).toString('latin1')]);
    const add = (space: KeySpace, file: number, id: number, version: number): void => {
      if (version !== 0) reachable.add(valueKey(space, file, id, version).toString('latin1'));
    };
    for (const { file, kind, directory } of decodeRoot(value(valueKey(KEY_SPACE.root, 0, 0, number))).files) {
      if (directory === 0) continue;
      add(KEY_SPACE.directory, file, 0, directory);
      const bytes = value(valueKey(KEY_SPACE.directory, file, 0, directory));
      if (kind === 'heap') {
        const { baseVersions, deltaVersions } = decodeHeapDirectory(bytes);
        baseVersions.forEach((version, chunk) => add(KEY_SPACE.base, file, chunk, version));
        deltaVersions.forEach((version, chunk) => add(KEY_SPACE.delta, file, chunk, version));
      } else {
        const { leafIds, versions } = decodeIndexDirectory(bytes);
        versions.forEach((version, leaf) => add(KEY_SPACE.leaf, file, leafIds[leaf], version));
      }
    }
    const hex = (keys: Iterable<string>): string[] => [...keys].map((key) => Buffer.from(key, 'latin1').toString('hex')).sort();
    // Swapped-out values go at the next start.
    expectSame(hex([...stored.keys()].filter((key) => key.charCodeAt(0) !== KEY_SPACE.swap)), hex(reachable));
  }

  private checkRecovered(): void {
    const reader = begin(this.engine);
    const snapshot = reader.takeSnapshot();
    const recoveredTo = snapshot.lsn;
    const lost = this.commits.filter((commit) => commit.lsn > recoveredTo);
    for (const commit of lost) expect(commit.lsn, 'an acknowledged commit was lost').to.be.greaterThan(this.acknowledged);
    this.commits.length -= lost.length;
    const state = this.stateAt(recoveredTo);
    this.checkSnapshot(snapshot, state);
    reader.commit();
    this.vacuum();
    const entries = (index: Index): string[] => {
      const cursor = index.range(null, null, false);
      const found: string[] = [];
      while (cursor.next()) found.push(`${cursor.key}/${cursor.rowId}`);
      return found;
    };
    const expected = (keyOf: (row: Row) => string): string[] => [...state].map(([rowId, row]) => `${keyOf(row)}/${rowId}`).sort();
    expectSame(entries(this.byId).sort(), expected((row) => integerKey(row[0] as number)));
    expectSame(entries(this.byText).sort(), expected((row) => textKey(row[1] as string)));
    this.acknowledged = Math.min(this.acknowledged, recoveredTo);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function applyOverlay(state: Map<number, Row>, overlay: Overlay): void {
  for (const [rowId, row] of overlay) {
    if (row === null) state.delete(rowId);
    else state.set(rowId, row);
  }
}

/** Compares sorted lists; a failure shows the first few differences only. */
function expectSame(found: readonly string[], expected: readonly string[]): void {
  if (found.length === expected.length && found.every((text, index) => text === expected[index])) return;
  const foundSet = new Set(found);
  const expectedSet = new Set(expected);
  const extra = found.filter((text, index) => !expectedSet.has(text) || found[index - 1] === text).slice(0, 5);
  const missing = expected.filter((text) => !foundSet.has(text)).slice(0, 5);
  expect({ count: found.length, extra, missing }).to.deep.equal({ count: expected.length, extra: [], missing: [] });
}

/** Rows as comparable texts, in order. */
function summary(found: Iterable<Row>): string[] {
  return [...found].map((row) => `${String(row[0])}|${String(row[1]).slice(0, 8)}#${String(row[1]).length}|${String(row[2])}`).sort();
}
