/**
 * The control file: the one anchor of recovery. It names the system, the timeline, the redo LSN that the checkpointed
 * state stands for, and whether the last stop was clean. Replaced atomically (temporary file, sync, rename, sync of the
 * directory), so after a power cut it is the old or the new one.
 *
 * Layout (64 bytes, little-endian): magic `PGLTCTL\0`, u32 format version, u32 timeline, u64 system identifier, u64 redo
 * LSN, u64 checkpoint number, u64 end LSN, u32 state, u64 time (wall microseconds), u32 CRC32C of what stands before.
 */
import { lsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import { crc32c } from '../codec/crc32c.js';
import { isEnvError, writeFileDurably, type Env } from '../env/env.js';

/** Name of the control file in the data directory. */
export const CONTROL_FILE = 'control';
/** Name of the file that says whose store a data directory has: 16 hexadecimal digits. */
export const STORE_ID_FILE = 'store-id';
/** Version of everything in a data directory; a directory of another version is refused. */
export const DATA_FORMAT_VERSION = 2;

const MAGIC = Buffer.from('PGLTCTL\0', 'latin1');
const CONTROL_BYTES = 64;
const STATES = ['clean', 'in production', 'standby'] as const;

/** How the directory was left: stopped cleanly, by a crash (or it is in use), or as a standby's, whose log is a copy of its upstream's. */
export type ControlState = (typeof STATES)[number];

/** What the control file says. */
export interface ControlData {
  readonly systemIdentifier: bigint;
  readonly timeline: number;
  /** Recovery replays from here. */
  readonly redoLsn: Lsn;
  /** Counts checkpoints, from 1. */
  readonly checkpointNumber: number;
  /** The log was durable at least up to here when this was written: damage below is damage, never a torn tail. */
  readonly endLsn: Lsn;
  readonly state: ControlState;
  /** When this was written: wall microseconds since 1970. */
  readonly writtenMicros: number;
}

/** Writes the control file of a data directory, durably. */
export function writeControl(env: Env, dataDirectory: string, data: ControlData): void {
  const bytes = Buffer.alloc(CONTROL_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(DATA_FORMAT_VERSION, 8);
  bytes.writeUInt32LE(data.timeline, 12);
  bytes.writeBigUInt64LE(data.systemIdentifier, 16);
  bytes.writeBigUInt64LE(BigInt(data.redoLsn), 24);
  bytes.writeUIntLE(data.checkpointNumber, 32, 6);
  bytes.writeBigUInt64LE(BigInt(data.endLsn), 40);
  bytes.writeUInt32LE(STATES.indexOf(data.state), 48);
  bytes.writeBigUInt64LE(BigInt(data.writtenMicros), 52);
  bytes.writeUInt32LE(crc32c(bytes, 0, 60), 60);
  writeFileDurably(env.files, `${dataDirectory}/${CONTROL_FILE}`, bytes);
}

/**
 * Reads the control file; null when there is none (a directory that is not initialised). Throws a FATAL 22023 for
 * another format version and XX001 for a damaged file.
 */
export function readControl(env: Env, dataDirectory: string): ControlData | null {
  const path = `${dataDirectory}/${CONTROL_FILE}`;
  let bytes: Buffer;
  try {
    bytes = Buffer.from(env.files.readFile(path));
  } catch (error) {
    if (isEnvError(error, 'ENOENT')) return null;
    throw error;
  }
  if (bytes.length < 12 || MAGIC.compare(bytes, 0, 8) !== 0) throw damaged(path, 'it is not a control file');
  const version = bytes.readUInt32LE(8);
  if (version !== DATA_FORMAT_VERSION) {
    throw pgError('INVALID_PARAMETER_VALUE', 'database files are incompatible with server', {
      severity: 'FATAL',
      detail: `The data directory "${dataDirectory}" has format version ${version}, which is not compatible with this program's version ${DATA_FORMAT_VERSION}.`,
    });
  }
  if (bytes.length !== CONTROL_BYTES || bytes.readUInt32LE(60) !== crc32c(bytes, 0, 60)) throw damaged(path, 'its checksum is wrong');
  const state = STATES[bytes.readUInt32LE(48)];
  if (state === undefined) throw damaged(path, 'its state is unknown');
  return {
    systemIdentifier: bytes.readBigUInt64LE(16),
    timeline: bytes.readUInt32LE(12),
    redoLsn: lsn(Number(bytes.readBigUInt64LE(24))),
    checkpointNumber: bytes.readUIntLE(32, 6),
    endLsn: lsn(Number(bytes.readBigUInt64LE(40))),
    state,
    writtenMicros: Number(bytes.readBigUInt64LE(52)),
  };
}

function damaged(path: string, why: string): Error {
  return pgError('DATA_CORRUPTED', `control file "${path}" is damaged: ${why}`, { severity: 'FATAL' });
}
