/**
 * What the replication tests share: a world of nodes with disks of their own on one simulated network, engines and all, and links that
 * are cut or bent after a number of frames.
 */
import { expect } from 'chai';
import type { StorageEngine } from '../../lib/access/api.js';
import { installState } from '../../lib/access/clone.js';
import type { Standby } from '../../lib/access/standby.js';
import { openStandby } from '../../lib/access/storage.js';
import type { PgError } from '../../lib/base/error.js';
import type { Lsn } from '../../lib/base/lsn.js';
import { makeVerifier, parseVerifier, type ScramVerifier } from '../../lib/base/passwords.js';
import type { Env } from '../../lib/env/env.js';
import type { ConnectOptions, FrameServer, FrameSocket, ListenOptions, Network } from '../../lib/env/network.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import type { TimelineHistory } from '../../lib/wal/history.js';
import type { LogSource, StateSource } from '../../lib/wal/shipping.js';
import { Clone, type CloneProgress } from '../../replica/clone.js';
import type { NodeRole } from '../../replica/format.js';
import { NO_ARCHIVE, type ArchivedLog } from '../../replica/handshake.js';
import { Receiver, type ReceiverOptions } from '../../replica/receiver.js';
import { ReplicationServer, type Authenticator, type ReplicationServerOptions, type RequestHandler } from '../../replica/server.js';
import { ReplicationSlots, type SlotSettings } from '../../replica/slots.js';
import { CrashDisk } from '../access/crash-store.js';
import type { ModelRun } from '../access/model.js';

export const TIGHT = { sharedBuffers: 300_000, maxWalSize: 400_000, checkpointTimeoutMs: 1_000_000 };
const ITERATIONS = 16;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets the world go on until something holds; fails when it does not for long. */
export async function until(world: SimEnv, what: string, holds: () => boolean, advanceMs = 20): Promise<void> {
  for (let turns = 0; turns < 4000; turns++) {
    if (holds()) return;
    await turn();
    if (turns % 8 === 7) await world.advance(advanceMs);
  }
  expect.fail(`not within reason: ${what}`);
}

/** Roles: `repl` may replicate and has a password, `reader` may not, `trusted` needs no password. */
export function roles(): Authenticator {
  const verifier = (password: string): ScramVerifier => parseVerifier(makeVerifier(password, ITERATIONS)) as ScramVerifier;
  const known = new Map([
    ['repl', { verifier: verifier('secret'), mayReplicate: true }],
    ['reader', { verifier: verifier('secret'), mayReplicate: false }],
    ['trusted', { verifier: null, mayReplicate: true }],
  ]);
  return { lookup: (role) => Promise.resolve(known.get(role) ?? null), trusts: (role) => role === 'trusted' };
}

/** The source of an engine on disk. */
export function sourceOf(engine: StorageEngine): LogSource & StateSource {
  const { source } = engine;
  if (source === null) throw new Error('an engine on disk has a source');
  return source;
}

/** A replication server and what it is made of. */
export interface Served {
  readonly server: ReplicationServer;
  readonly slots: ReplicationSlots;
  readonly port: number;
  /** Why connections ended, in order. */
  readonly ended: PgError[];
  readonly slotLog: PgError[];
  /** Newer epochs heard of. */
  readonly epochs: number[];
}

/** How a test's server differs from the usual one. */
export interface ServeOptions {
  readonly role?: () => NodeRole;
  readonly archive?: ArchivedLog;
  readonly requests?: ReadonlyMap<string, RequestHandler>;
  readonly onChange?: () => void;
  readonly slotSettings?: SlotSettings;
  readonly options?: Partial<ReplicationServerOptions>;
  readonly listen?: Partial<ListenOptions>;
}

/** Opens a node's replication port. */
export async function serve(env: Env, source: LogSource & StateSource, served: ServeOptions = {}): Promise<Served> {
  const slotLog: PgError[] = [];
  const ended: PgError[] = [];
  const epochs: number[] = [];
  const slots = new ReplicationSlots({
    env, dataDirectory: 'data', source, settings: served.slotSettings ?? { maxSlotWalKeepBytes: -1, maxWalBytes: 1 << 30, idleTimeoutMs: 0, maxSlots: 10 }, log: (error) => slotLog.push(error),
  });
  const server = new ReplicationServer({
    origin: { env, source, archive: served.archive ?? NO_ARCHIVE }, state: source, authenticator: roles(), slots, requests: served.requests ?? new Map(),
    role: served.role ?? (() => 'primary'), timeoutMs: 10_000, cloneBytesPerSecond: 0, onNewerEpoch: (epoch) => epochs.push(epoch),
    onChange: served.onChange ?? (() => undefined), log: (_peer, reason) => ended.push(reason), ...served.options,
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0, ...served.listen });
  return { server, slots, port, ended, slotLog, epochs };
}

/** The world as another machine sees it: a disk of its own, the same clock and network. */
export function machine(world: SimEnv, seed: number, network: Network = world.network): SimEnv {
  return { ...simEnv(seed), clock: world.clock, timers: world.timers, advance: (ms) => world.advance(ms), network: network as SimEnv['network'] };
}

/** A standby's machine: its disk, the standby and its receiver while they run, and what the receiver told. */
export class ReplicaNode {
  readonly env: SimEnv;
  readonly disk: CrashDisk;
  standby!: Standby;
  receiver: Receiver | null = null;
  readonly disconnects: PgError[] = [];
  readonly connects: string[] = [];
  readonly diverged: { fork: Lsn; history: TimelineHistory }[] = [];
  readonly removed: PgError[] = [];
  readonly progress: CloneProgress[] = [];

  constructor(readonly world: SimEnv, seed: number, readonly name: string, network?: Network) {
    this.env = machine(world, seed, network);
    this.disk = new CrashDisk(() => this.env.random.float());
  }

  get directory(): { env: SimEnv; dir: string; openStore: () => ReturnType<CrashDisk['open']> } {
    return { env: this.env, dir: 'data', openStore: () => this.disk.open() };
  }

  /** Clones from one of the ports and opens the standby. */
  async clone(ports: readonly number[], slot = this.name): Promise<Clone> {
    const clone = await Clone.start({
      env: this.env, urls: urls(ports), role: 'repl', password: 'secret', timeoutMs: 10_000, nodeName: this.name, slot, progress: (progress) => this.progress.push(progress),
    });
    await installState(this.directory, clone.info, clone.entries());
    if (slot !== '') clone.close();
    await this.open();
    return clone;
  }

  async open(): Promise<void> {
    this.standby = await openStandby({ ...this.directory, settings: TIGHT, fatal: () => undefined, standby: { applyDelayMs: 0, conflictDelayMs: 30_000 } });
  }

  get source(): LogSource & StateSource {
    return sourceOf(this.standby.engine);
  }

  /** Receives from one of the ports. */
  receive(ports: readonly number[], options: Partial<ReceiverOptions> = {}): Receiver {
    const { standby } = this;
    this.receiver = new Receiver({
      env: this.env, upstreams: urls(ports), role: 'repl', password: 'secret', sink: standby, identity: this.source, nodeName: this.name,
      applyState: () => ({ commitMicros: standby.lastCommitMicros, applyDelayMs: standby.settings.applyDelayMs, paused: standby.isPaused }),
      applicationName: this.name, slot: this.name, timeoutMs: 10_000, retryMs: 1000,
      handler: {
        diverged: (fork, history) => this.diverged.push({ fork, history }),
        logRemoved: (error) => this.removed.push(error),
        disconnected: (error) => this.disconnects.push(error),
        connected: (url) => this.connects.push(url),
      },
      ...options,
    });
    this.receiver.start();
    return this.receiver;
  }

  async stopReceiving(): Promise<void> {
    await this.receiver?.stop();
    this.receiver = null;
  }

  /** Waits until the standby shows everything that is durable at `source`. */
  async caughtUp(source: LogSource): Promise<void> {
    await until(this.world, `${this.name} has applied everything`, () => this.standby.appliedLsn >= source.durableLsn);
  }

  async powerCut(): Promise<void> {
    const { receiver } = this;
    this.receiver = null;
    await receiver?.stop();
    this.env.powerCut();
    this.disk.powerCut();
    for (let turns = 0; turns < 5; turns++) await turn();
  }
}

export function urls(ports: readonly number[]): string[] {
  return ports.map((port) => `ws://127.0.0.1:${port}`);
}

/** Everything that the run has done is durable. */
export async function settle(run: ModelRun): Promise<void> {
  await run.engine.whenFlushed(run.engine.appendedLsn());
}

/** Does random work until all of it is durable. */
export async function work(run: ModelRun, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await run.step();
  await settle(run);
}

/** The same until the log has grown: a few steps may write nothing that is committed. */
export async function workThatStays(run: ModelRun, steps: number): Promise<void> {
  const before = sourceOf(run.engine).durableLsn;
  while (sourceOf(run.engine).durableLsn <= before) await work(run, steps);
}

/** What happens to frames that pass a `BentNetwork`. */
export type Bend = (bytes: Uint8Array, count: number, direction: 'in' | 'out') => Uint8Array | 'cut';

/** One end of a link that is bent. */
class BentSocket implements FrameSocket {
  onFrame: FrameSocket['onFrame'] = null;
  onDrain: FrameSocket['onDrain'] = null;
  onClose: FrameSocket['onClose'] = null;

  constructor(private readonly inner: FrameSocket, private readonly pass: (bytes: Uint8Array, direction: 'in' | 'out') => Uint8Array | null) {
    inner.onFrame = (bytes) => {
      const passed = pass(bytes, 'in');
      if (passed === null) inner.destroy();
      else this.onFrame?.(passed);
    };
    inner.onDrain = () => this.onDrain?.();
    inner.onClose = (reason) => this.onClose?.(reason);
  }

  get peer(): string {
    return this.inner.peer;
  }

  get queuedBytes(): number {
    return this.inner.queuedBytes;
  }

  send(bytes: Uint8Array): void {
    const passed = this.pass(bytes, 'out');
    if (passed === null) this.inner.destroy();
    else this.inner.send(passed);
  }

  close(reason: string): void {
    this.inner.close(reason);
  }

  destroy(): void {
    this.inner.destroy();
  }
}

/** A network whose connections (as seen by who connects) pass every frame through `bend`. */
export class BentNetwork implements Network {
  count = 0;
  bend: Bend | null = null;

  constructor(private readonly inner: Network) {}

  async connect(url: string, options: ConnectOptions): Promise<FrameSocket> {
    return new BentSocket(await this.inner.connect(url, options), (bytes, direction) => {
      const bent = this.bend === null ? bytes : this.bend(bytes, ++this.count, direction);
      return bent === 'cut' ? null : bent;
    });
  }

  listen(options: ListenOptions, accepted: (socket: FrameSocket) => void): Promise<FrameServer> {
    return this.inner.listen(options, accepted);
  }

  request(request: Parameters<Network['request']>[0]): ReturnType<Network['request']> {
    return this.inner.request(request);
  }
}
