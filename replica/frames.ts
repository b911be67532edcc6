/**
 * Messages into frames and back. A frame carries its checksum, its type and the epoch of its sender (the number of its timeline), so that
 * damage and voices from the past are told at once. Decoding never trusts: what does not fit raises 08P01.
 */
import { assert } from '../lib/base/assert.js';
import { PgError, type PgErrorFields } from '../lib/base/error.js';
import { formatLsn, lsn, type Lsn } from '../lib/base/lsn.js';
import { SQLSTATE, type SqlStateName } from '../lib/base/sqlstate.js';
import { crc32c } from '../lib/codec/crc32c.js';
import type { TimelineHistory, TimelineSwitch } from '../lib/wal/history.js';
import { FieldReader, FieldWriter, protocolViolation } from './fields.js';
import { AWAITED, FRAME, FRAME_HEADER_BYTES, FRAME_TYPE, LOG_FIELDS, MAX_FRAME_BYTES, ROLE, WANTS, type Awaited, type FrameType } from './format.js';
import type { LogData, Message, RemoteError } from './messages.js';

/** A message with the epoch of who sent it. */
export interface Frame {
  readonly epoch: number;
  readonly message: Message;
}

const TYPE_NAMES = new Map<number, FrameType>(Object.entries(FRAME_TYPE).map(([name, number]) => [number, name as FrameType]));
/** By number. */
const AWAITED_NAMES = Object.keys(AWAITED) as Awaited[];
const DIGEST_BYTES = 32;
const MAX_TIMELINES = 10_000;

/** Writes type, epoch and checksum into a frame whose fields stand behind `FRAME_HEADER_BYTES`; `awaited`: of log. */
export function sealFrame(frame: Buffer, type: FrameType, epoch: number, awaited: Awaited = 'nothing'): Buffer {
  assert(frame.length <= MAX_FRAME_BYTES, 'a frame is at most 1 MiB');
  frame.writeUInt32LE(FRAME_TYPE[type], FRAME.type);
  frame[FRAME.awaited] = AWAITED[awaited];
  frame.writeUInt32LE(epoch, FRAME.epoch);
  frame.writeUInt32LE(crc32c(frame, FRAME.type), FRAME.crc);
  return frame;
}

/** Makes a frame of log whose bytes stand behind `LOG_HEADER_BYTES` of room, without copying them. */
export function sealLog(frame: Buffer, epoch: number, fields: Omit<LogData, 'type' | 'bytes'>): Buffer {
  writeU64(frame, LOG_FIELDS.startLsn, fields.startLsn);
  writeU64(frame, LOG_FIELDS.durableLsn, fields.durableLsn);
  writeU64(frame, LOG_FIELDS.wallMicros, fields.wallMicros);
  return sealFrame(frame, 'log', epoch, fields.awaited);
}

function writeU64(frame: Buffer, at: number, value: number): void {
  frame.writeUInt32LE(value % 0x1_0000_0000, at);
  frame.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

/** A message as a frame. */
export function encodeFrame(epoch: number, message: Message): Buffer {
  const writer = new FieldWriter();
  writer.bytes(HEADER_ROOM);
  writeFields(writer, message);
  return sealFrame(writer.finish(), message.type, epoch, message.type === 'log' ? message.awaited : 'nothing');
}
const HEADER_ROOM = Buffer.alloc(FRAME_HEADER_BYTES);

function writeFields(writer: FieldWriter, message: Message): void {
  switch (message.type) {
    case 'start': writer.u32(message.version).big(message.systemIdentifier).text(message.role).text(message.clientFirst); break;
    case 'serverFirst':
    case 'clientFinal': writer.text(message.text); break;
    case 'authenticated': writer.text(message.serverFinal).u8(ROLE[message.role]).big(message.systemIdentifier).u64(message.durableLsn); break;
    case 'handshake': {
      writer.text(message.nodeName).text(message.applicationName).text(message.slot).u8(WANTS[message.wants]).big(message.systemIdentifier);
      writeHistoryFields(writer, message.history);
      writer.u64(message.received.endLsn).u64(message.received.lastRecordLsn).u32(message.received.lastCrc).u64(message.appliedLsn);
      break;
    }
    case 'resume': writeHistoryFields(writer.u64(message.startLsn), message.history); break;
    case 'diverged': writeHistoryFields(writer.u64(message.forkLsn), message.history); break;
    case 'logRemoved': writer.u64(message.oldestLsn).text(message.text); break;
    case 'log': writer.u64(message.startLsn).u64(message.durableLsn).u64(message.wallMicros).bytes(message.bytes); break;
    case 'credit': writer.u64(message.limit); break;
    case 'report':
      writer.u64(message.writtenLsn).u64(message.flushedLsn).u64(message.appliedLsn).u64(message.wallMicros).u64(message.commitMicros)
        .u64(message.applyDelayMs).u8(message.paused ? 1 : 0);
      break;
    case 'heartbeat': writer.u64(message.sentMicros).u64(message.echoMicros).u8(ROLE[message.role]).u64(message.durableLsn).u64(message.wallMicros); break;
    case 'timelineChange': writeHistoryFields(writer, message.history); break;
    case 'cloneInfo': {
      const { info } = message;
      writer.big(info.systemIdentifier).text(info.storeId).u32(info.checkpointNumber).u64(info.stateLsn).u64(info.redoLsn).u64(message.approximateBytes);
      writeHistoryFields(writer, info.history);
      break;
    }
    case 'changes': writer.text(message.nodeName).text(message.since.storeId).u32(message.since.checkpointNumber); break;
    case 'cloneData':
    case 'cloneKeys': writer.bytes(message.bytes); break;
    case 'cloneEnd': writer.u64(message.entries).bytes(message.digest); break;
    case 'request': writer.u32(message.id).text(message.name).text(message.json); break;
    case 'response': writer.u32(message.id).text(message.json); break;
    case 'failure': writeError(writer.u32(message.id), message.error); break;
    case 'error': writeError(writer, message.error); break;
    case 'bye': writer.text(message.reason); break;
    default: message satisfies never;
  }
}

function writeHistoryFields(writer: FieldWriter, history: TimelineHistory): void {
  writer.u32(history.timeline).u32(history.ancestors.length);
  for (const { timeline, switchLsn, reason } of history.ancestors) writer.u32(timeline).u64(switchLsn).text(reason);
}

function writeError(writer: FieldWriter, error: RemoteError): void {
  writer.text(error.sqlstate).text(error.message).text(error.detail).text(error.hint);
}

/** Reads a frame; 08P01 for anything that is not one. Bytes of log and clone are views of it. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (frame.length < FRAME_HEADER_BYTES || frame.length > MAX_FRAME_BYTES) throw protocolViolation(`invalid length ${frame.length} of a replication message`);
  if (frame.readUInt32LE(FRAME.crc) !== crc32c(frame, FRAME.type)) throw protocolViolation('invalid checksum of a replication message');
  const type = TYPE_NAMES.get(frame[FRAME.type]);
  const awaited = AWAITED_NAMES.at(frame[FRAME.awaited]);
  const isSound = awaited !== undefined && (awaited === 'nothing' || type === 'log') && frame.readUInt16LE(FRAME.awaited + 1) === 0;
  if (type === undefined || !isSound) throw protocolViolation(`invalid replication message type ${frame.readUInt32LE(FRAME.type)}`);
  const reader = new FieldReader(frame, FRAME_HEADER_BYTES, type);
  const message = readFields(reader, type, awaited);
  reader.end();
  return { epoch: frame.readUInt32LE(FRAME.epoch), message };
}

function readFields(reader: FieldReader, type: FrameType, awaited: Awaited): Message {
  switch (type) {
    case 'start': return { type, version: reader.u32(), systemIdentifier: reader.big(), role: reader.text(), clientFirst: reader.text() };
    case 'serverFirst':
    case 'clientFinal': return { type, text: reader.text() };
    case 'authenticated':
      return { type, serverFinal: reader.text(), role: reader.oneOf(ROLE), systemIdentifier: reader.big(), durableLsn: readLsn(reader) };
    case 'handshake':
      return {
        type, nodeName: reader.text(), applicationName: reader.text(), slot: reader.text(), wants: reader.oneOf(WANTS),
        systemIdentifier: reader.big(), history: readHistoryFields(reader),
        received: { endLsn: readLsn(reader), lastRecordLsn: readLsn(reader), lastCrc: reader.u32() }, appliedLsn: readLsn(reader),
      };
    case 'resume': return { type, startLsn: readLsn(reader), history: readHistoryFields(reader) };
    case 'diverged': return { type, forkLsn: readLsn(reader), history: readHistoryFields(reader) };
    case 'logRemoved': return { type, oldestLsn: readLsn(reader), text: reader.text() };
    case 'log': return { type, startLsn: readLsn(reader), durableLsn: readLsn(reader), wallMicros: reader.u64(), awaited, bytes: reader.rest() };
    case 'credit': return { type, limit: reader.u64() };
    case 'report':
      return {
        type, writtenLsn: readLsn(reader), flushedLsn: readLsn(reader), appliedLsn: readLsn(reader), wallMicros: reader.u64(),
        commitMicros: reader.u64(), applyDelayMs: reader.u64(), paused: reader.u8() === 1,
      };
    case 'heartbeat':
      return { type, sentMicros: reader.u64(), echoMicros: reader.u64(), role: reader.oneOf(ROLE), durableLsn: readLsn(reader), wallMicros: reader.u64() };
    case 'timelineChange': return { type, history: readHistoryFields(reader) };
    case 'cloneInfo': return readCloneInfo(reader);
    case 'changes': return { type, nodeName: reader.text(), since: { storeId: reader.text(), checkpointNumber: reader.u32() } };
    case 'cloneData':
    case 'cloneKeys': return { type, bytes: reader.rest() };
    case 'cloneEnd': return { type, entries: reader.u64(), digest: reader.bytes(DIGEST_BYTES) };
    case 'request': return { type, id: reader.u32(), name: reader.text(), json: reader.text() };
    case 'response': return { type, id: reader.u32(), json: reader.text() };
    case 'failure': return { type, id: reader.u32(), error: readError(reader) };
    case 'error': return { type, error: readError(reader) };
    case 'bye': return { type, reason: reader.text() };
    default: return type satisfies never;
  }
}

function readLsn(reader: FieldReader): Lsn {
  return lsn(reader.u64());
}

function readCloneInfo(reader: FieldReader): Message {
  const fixed = {
    systemIdentifier: reader.big(), storeId: reader.text(), checkpointNumber: reader.u32(), stateLsn: readLsn(reader), redoLsn: readLsn(reader),
  };
  const approximateBytes = reader.u64();
  return { type: 'cloneInfo', info: { ...fixed, history: readHistoryFields(reader) }, approximateBytes };
}

/** A history whose timelines ascend and whose switches never go back. */
function readHistoryFields(reader: FieldReader): TimelineHistory {
  const timeline = reader.u32();
  const count = reader.u32();
  if (count > MAX_TIMELINES) throw reader.invalid(`${count} timelines`);
  const ancestors: TimelineSwitch[] = [];
  for (let index = 0; index < count; index++) {
    const found = { timeline: reader.u32(), switchLsn: readLsn(reader), reason: reader.text() };
    const before = ancestors.at(-1);
    const follows = before === undefined || (found.timeline > before.timeline && found.switchLsn >= before.switchLsn);
    if (!follows || found.timeline >= timeline || found.timeline === 0) throw reader.invalid(`timeline ${found.timeline} at ${formatLsn(found.switchLsn)}`);
    ancestors.push(found);
  }
  return { timeline, ancestors };
}

function readError(reader: FieldReader): RemoteError {
  return { sqlstate: reader.text(), message: reader.text(), detail: reader.text(), hint: reader.text() };
}

const NAMES = new Map<string, SqlStateName>(Object.entries(SQLSTATE).map(([name, code]) => [code, name as SqlStateName]));

/** An error that the other side told of, as one of ours. */
export function errorFrom(remote: RemoteError): PgError {
  const fields: PgErrorFields = {};
  if (remote.detail !== '') fields.detail = remote.detail;
  if (remote.hint !== '') fields.hint = remote.hint;
  return new PgError(NAMES.get(remote.sqlstate) ?? 'INTERNAL_ERROR', remote.message, fields);
}

/** An error to tell the other side of. What is not a `PgError` is XX000 with its message. */
export function toRemoteError(error: unknown): RemoteError {
  if (error instanceof PgError) return { sqlstate: error.sqlstate, message: error.message, detail: error.detail ?? '', hint: error.hint ?? '' };
  return { sqlstate: SQLSTATE.INTERNAL_ERROR, message: error instanceof Error ? error.message : String(error), detail: '', hint: '' };
}

