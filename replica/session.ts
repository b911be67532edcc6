/**
 * The server's side of one connection: who it is, what it wants, and then a stream, a clone, or requests.
 *
 * Nothing is said to a stranger but how to prove himself. A message out of turn ends the connection (08P01).
 */
import { pgError, type PgError } from '../lib/base/error.js';
import type { Lsn } from '../lib/base/lsn.js';
import { ScramExchange, SCRAM_SHA_256 } from '../lib/base/scram.js';
import { CloneSender } from './clone-sender.js';
import type { StateSnapshot } from '../lib/wal/shipping.js';
import { protocolViolation } from './fields.js';
import { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from './format.js';
import { errorFrom, toRemoteError } from './frames.js';
import { answerHandshake } from './handshake.js';
import { Link } from './link.js';
import type { Changes, Handshake, Message, Report, Request, Start } from './messages.js';
import { LogSender } from './sender.js';
import type { ReplicationService } from './server.js';
import type { SlotUse } from './slots.js';

/** pg_stat_replication.state */
export type SessionState = 'startup' | 'backup' | 'catchup' | 'streaming';
type Phase = 'start' | 'proof' | 'ready' | 'busy' | 'stream' | 'clone';

/** See the file's comment. */
export class ServerSession {
  readonly link: Link;
  readonly startedMicros: number;
  role = '';
  applicationName = '';
  nodeName = '';
  sender: LogSender | null = null;
  slot: SlotUse | null = null;
  private phase: Phase = 'start';
  /** It is a node of our database system: its epoch means something to us. */
  private isOurSystem = false;
  private version = PROTOCOL_VERSION;
  private exchange: ScramExchange | null = null;
  private clone: CloneSender | null = null;

  constructor(private readonly service: ReplicationService, link: Link, private readonly over: (session: ServerSession, reason: PgError) => void) {
    this.link = link;
    this.startedMicros = service.env.clock.wallMicros();
    link.onMessage = (message) => this.take(message);
    link.onEpoch = (epoch) => {
      if (link.speaking && this.isOurSystem) service.heardEpoch(epoch);
    };
    link.whenClosed((reason) => this.closed(reason));
  }

  get state(): SessionState {
    if (this.clone !== null) return 'backup';
    if (this.sender === null) return 'startup';
    return this.sender.streaming ? 'streaming' : 'catchup';
  }

  get slotName(): string | null {
    return this.slot?.name ?? null;
  }

  private take(message: Message): void {
    const { phase } = this;
    if (phase === 'start' && message.type === 'start') this.background(this.start(message));
    else if (phase === 'proof' && message.type === 'clientFinal') this.prove(message.text);
    else if (phase === 'ready' && message.type === 'handshake') this.background(message.wants === 'stream' ? this.stream(message) : this.sendClone(message));
    else if (phase === 'ready' && message.type === 'changes') this.background(this.sendChanges(message));
    else if (phase === 'ready' && message.type === 'request') void this.answer(message);
    else if (phase === 'stream' && message.type === 'report') this.sender?.report(message);
    else if (phase === 'stream' && message.type === 'credit') this.sender?.credit(message.limit);
    else if (phase === 'clone' && message.type === 'credit') this.clone?.credit(message.limit);
    else throw protocolViolation(`unexpected replication message "${message.type}"`);
  }

  /** Work that takes more than this turn; no message may come meanwhile. */
  private background(work: Promise<void>): void {
    work.catch((error: unknown) => this.link.fail(error));
  }

  // ---------------------------------------------------------------- who it is

  private async start(message: Start): Promise<void> {
    this.phase = 'busy';
    const { authenticator } = this.service;
    if (message.version < OLDEST_PROTOCOL_VERSION || message.version > PROTOCOL_VERSION) {
      throw pgError('FEATURE_NOT_SUPPORTED', `unsupported replication protocol version ${message.version}: server supports ${PROTOCOL_VERSION}`, { severity: 'FATAL' });
    }
    this.version = message.version;
    this.role = message.role;
    this.isOurSystem = message.systemIdentifier === this.service.origin.source.systemIdentifier;
    const known = await authenticator.lookup(message.role);
    if (message.clientFirst === '') {
      if (!authenticator.trusts(message.role, this.link.peer)) throw this.passwordFailed();
      if (known === null) throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', `role "${message.role}" does not exist`, { severity: 'FATAL' });
      this.letIn('', known.mayReplicate);
      return;
    }
    this.exchange = new ScramExchange(message.role, known?.verifier ?? null, null, SCRAM_SHA_256);
    this.mayReplicate = known?.mayReplicate === true;
    this.link.send({ type: 'serverFirst', text: this.exchange.start(message.clientFirst) });
    this.phase = 'proof';
  }
  private mayReplicate = false;

  private passwordFailed(): PgError {
    return pgError('INVALID_PASSWORD', `password authentication failed for user "${this.role}"`, { severity: 'FATAL' });
  }

  private prove(clientFinal: string): void {
    const serverFinal = this.exchange?.finish(clientFinal) ?? null;
    if (serverFinal === null) throw this.passwordFailed();
    this.letIn(serverFinal, this.mayReplicate);
  }

  private letIn(serverFinal: string, mayReplicate: boolean): void {
    if (!mayReplicate) {
      throw pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to start WAL sender', {
        severity: 'FATAL', detail: 'Only roles with the REPLICATION attribute may start a WAL sender process.',
      });
    }
    const { source } = this.service.origin;
    this.link.send({
      type: 'authenticated', serverFinal, role: this.service.role(), systemIdentifier: source.systemIdentifier, durableLsn: source.durableLsn,
    });
    this.link.speaking = true;
    this.phase = 'ready';
  }

  // ---------------------------------------------------------------- what it wants

  private async stream(request: Handshake): Promise<void> {
    this.phase = 'busy';
    this.introduce(request);
    const answer = await answerHandshake(this.service.origin, request);
    if (this.link.isOver) return;
    if (answer.type !== 'resume') {
      const refusal = answer.type === 'error' ? errorFrom(answer.error)
        : pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', answer.type === 'diverged' ? 'the standby\'s history has diverged from this server\'s' : answer.text);
      if (answer.type !== 'error') this.link.send(answer);
      this.link.fail(refusal);
      return;
    }
    // What is not on disk any more comes from the archive: no slot can keep it, and a slot that has lost it begins anew.
    const { slots, origin } = this.service;
    const oldest = origin.source.oldestLsn();
    this.takeSlot(request.slot, answer.startLsn > oldest ? answer.startLsn : oldest, slots.isLost(request.slot));
    this.link.send(answer);
    this.phase = 'stream';
    this.sender = new LogSender({
      origin: this.service.origin, link: this.link, applicationName: this.applicationName, version: this.version, startLsn: answer.startLsn,
      timeline: request.history.timeline, reported: (report) => this.reported(report),
    });
    this.link.onDrain = this.sender.pump;
    this.service.changed();
  }

  private introduce(request: Pick<Handshake, 'nodeName' | 'applicationName'>): void {
    this.nodeName = request.nodeName;
    this.applicationName = request.applicationName;
  }

  private takeSlot(name: string, from: Lsn, renew: boolean): void {
    if (name !== '') this.slot = this.service.slots.acquire(name, from, renew, (reason) => this.link.fail(reason));
  }

  private reported(report: Report): void {
    this.slot?.confirm(report.flushedLsn);
    this.service.changed();
  }

  private async sendState(state: StateSnapshot, since: number): Promise<void> {
    const { env, cloneBytesPerSecond } = this.service;
    this.clone = new CloneSender({ env, link: this.link, epoch: () => this.service.origin.source.history.timeline, state, since, bytesPerSecond: cloneBytesPerSecond });
    this.phase = 'clone';
    await this.clone.run();
  }

  /** What has changed since a state of this node's own store; its log is kept until the other side ends the connection. */
  private async sendChanges({ nodeName, since }: Changes): Promise<void> {
    this.phase = 'busy';
    this.introduce({ nodeName, applicationName: nodeName });
    const snapshot = await this.service.state.takeState();
    try {
      const { storeId, checkpointNumber } = snapshot.info;
      if (since.storeId !== storeId || since.checkpointNumber < 1 || since.checkpointNumber > checkpointNumber) {
        throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'requested changes are not those of this node\'s store', {
          detail: `They begin at checkpoint ${since.checkpointNumber} of store ${since.storeId}; this is checkpoint ${checkpointNumber} of store ${storeId}.`,
          hint: 'Take a full backup.',
        });
      }
      if (this.link.isOver) return;
      await this.sendState(snapshot, since.checkpointNumber);
      if (!this.link.isOver) await new Promise<void>((resolve) => (this.released = resolve));
    } finally {
      await snapshot.close();
    }
  }

  private async sendClone(request: Handshake): Promise<void> {
    this.phase = 'busy';
    this.introduce(request);
    const snapshot = await this.service.state.takeState();
    try {
      if (this.link.isOver) return;
      this.takeSlot(request.slot, snapshot.info.redoLsn, true);
      await this.sendState(snapshot, 0);
      // The slot keeps its log from now on, whoever takes it.
      this.slot?.release();
      this.slot = null;
      // Without one, the log from the redo point on is kept until the other side has begun to stream, and ends this connection.
      if (!this.link.isOver) await new Promise<void>((resolve) => (this.released = resolve));
    } finally {
      await snapshot.close();
    }
  }
  private released: () => void = () => undefined;

  private async answer(request: Request): Promise<void> {
    try {
      const handler = this.service.requests.get(request.name);
      if (handler === undefined) throw pgError('FEATURE_NOT_SUPPORTED', `request "${request.name}" is not supported by this node`);
      let argument: unknown;
      try {
        argument = JSON.parse(request.json);
      } catch {
        throw protocolViolation(`the argument of request "${request.name}" is not JSON`);
      }
      const result = await handler(argument, { role: this.role, peer: this.link.peer });
      this.link.send({ type: 'response', id: request.id, json: JSON.stringify(result ?? null) });
    } catch (error) {
      this.link.send({ type: 'failure', id: request.id, error: toRemoteError(error) });
    }
  }

  private closed(reason: PgError): void {
    this.sender?.stop();
    this.clone?.stop();
    this.released();
    this.slot?.release();
    this.over(this, reason);
  }
}
