/** A primary and a standby in one process, without a network: the log is carried over by hand. */
import { installState } from '../../lib/access/clone.js';
import { lsn } from '../../lib/base/lsn.js';
import type { PgError } from '../../lib/base/error.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { Engine, openEngine } from '../../lib/session/engine.js';
import { EmbeddedSession } from '../../lib/session/embedded/database.js';
import type { Standby } from '../../lib/access/standby.js';
import type { LogSource, StateSource } from '../../lib/wal/shipping.js';
import { StreamReader } from '../../lib/wal/stream.js';
import { CrashDisk } from '../access/crash-store.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
type Settings = readonly (readonly [string, string])[];

/** A machine with a data directory. */
export class Node {
  readonly env: SimEnv;
  readonly errors: string[] = [];
  engine!: Engine;
  private readonly disk: CrashDisk;
  private settings: Settings = [];

  constructor(seed: number) {
    this.env = simEnv(seed);
    this.disk = new CrashDisk(() => this.env.random.float());
  }

  private get directory(): { env: SimEnv; dir: string; openStore: () => ReturnType<CrashDisk['open']> } {
    return { env: this.env, dir: 'data', openStore: () => this.disk.open() };
  }

  async start(settings: Settings = [], standby = false): Promise<this> {
    this.settings = settings;
    this.engine = await openEngine({ ...this.directory, settings, standby, fatal: (error) => this.errors.push(error.message) });
    this.engine.onError = (error) => this.errors.push(error instanceof Error ? error.message : String(error));
    return this;
  }

  async clone(source: StateSource): Promise<void> {
    const state = await source.takeState();
    await installState(this.directory, state.info, state.entries());
    await state.close();
  }

  /** Runs statements in a session of their own. */
  async exec(sql: string): Promise<void> {
    const session = this.session();
    await session.exec(sql);
    await session.close();
  }

  /** A power cut, and the next start: as a standby or a primary, with the settings of before. */
  async crash(standby = false): Promise<void> {
    this.env.powerCut();
    this.disk.powerCut();
    await turns();
    await this.start(this.settings, standby);
  }

  get source(): LogSource & StateSource {
    const { source } = this.engine.storage;
    if (source === null) throw new Error('an engine on disk has a source');
    return source;
  }

  get standby(): Standby {
    const { standby } = this.engine;
    if (standby === null) throw new Error('this node is no standby');
    return standby;
  }

  session(username = 'postgres', database = 'postgres'): EmbeddedSession {
    return new EmbeddedSession(this.engine, { username, database });
  }
}

/** See the file's comment. */
export class Pair {
  readonly primary = new Node(1);
  readonly replica = new Node(2);
  writer!: EmbeddedSession;
  reader!: EmbeddedSession;

  /** Starts both, with what `prepare` makes on the primary before the standby is cloned. */
  static async start(prepare = '', settings: Settings = []): Promise<Pair> {
    const pair = new Pair();
    await pair.primary.start(settings);
    pair.writer = pair.primary.session();
    if (prepare !== '') await pair.writer.exec(prepare);
    pair.primary.source.holdLog('test', lsn(0));
    await pair.replica.clone(pair.primary.source);
    await pair.replica.start(settings, true);
    await pair.ship();
    pair.reader = pair.replica.session();
    return pair;
  }

  /** Carries over what the primary has flushed. */
  async send(): Promise<void> {
    const { engine, env, source } = this.primary;
    await engine.storage.whenFlushed(engine.storage.appendedLsn());
    const reader = new StreamReader(env, source.logDirectory, source.history.timeline);
    const { standby } = this.replica;
    for (let at = standby.receivedPosition.endLsn; at < source.durableLsn;) {
      const bytes = reader.read(at, source.durableLsn, 100_000);
      standby.receive(bytes, true);
      at = lsn(at + bytes.length);
    }
    reader.close();
    while (standby.flushedLsn < standby.end) await turn();
  }

  /** The same, and waits until it is applied. */
  async ship(): Promise<void> {
    await this.send();
    const { standby } = this.replica;
    while (standby.appliedLsn < standby.flushedLsn) await turn();
  }

  /** Runs on the primary and carries it over. */
  async write(sql: string): Promise<void> {
    await this.writer.exec(sql);
    await this.ship();
  }

  /** Rows that the standby shows, as arrays. */
  async read(sql: string, session = this.reader): Promise<unknown[]> {
    return (await session.query<unknown[]>(sql, [], { rowMode: 'array' })).rows;
  }

  /** Makes the standby the primary of a new timeline. */
  async promote(): Promise<void> {
    await this.replica.standby.promote(2, 'a test');
    await this.replica.engine.promoted();
  }

  async stop(): Promise<void> {
    await this.replica.engine.close();
    await this.primary.engine.close();
  }
}

/** The error that a statement ends with. */
export async function failure(work: Promise<unknown>): Promise<PgError> {
  let result: unknown;
  try {
    result = await work;
  } catch (error) {
    return error as PgError;
  }
  throw new Error(`expected an error, got ${JSON.stringify(result)}`);
}

/** Gives everything that is due a chance. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}
