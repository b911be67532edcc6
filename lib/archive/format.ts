/**
 * The archive's layout: names and headers that writer and reader share. `README.md` draws it; `test/archive` holds golden bytes.
 * Numbers are never reused. All numbers in headers are little-endian.
 */
import { pgError } from '../base/error.js';
import { lsn, type Lsn } from '../base/lsn.js';
import { crc32c } from '../codec/crc32c.js';
import { historyFileName, parseHistoryFileName } from '../wal/history.js';

/** First bytes of every sealed object. */
export const OBJECT_MAGIC = Buffer.from('PGLTARC\0', 'latin1');
export const ARCHIVE_FORMAT_VERSION = 1;
/** A sealed object is this header, then its content compressed by raw deflate (RFC 1951). */
export const OBJECT_HEADER_BYTES = 96;
/** Entries and keys are cut into chunks of about this many bytes before compression. */
export const CHUNK_BYTES = 4 << 20;
/** Largest content of an object: a chunk may exceed CHUNK_BYTES by one entry. */
export const MAX_CONTENT_BYTES = 1 << 30;

/** What a sealed object holds. */
export const OBJECT_KIND = {
  /** A range of the log; `start`, `end`: its LSNs, `timeline`: whose bytes they are. */
  log: 1,
  /** Entries of a backup: (key length u32, value length u32, key, value) each; `start`: the chunk's number, `end`: entries. */
  entries: 2,
  /** Keys of a backup's state: (key length u32, key) each; `start`: the chunk's number, `end`: keys. */
  keys: 3,
} as const;
export type ObjectKind = (typeof OBJECT_KIND)[keyof typeof OBJECT_KIND];

/** Byte offsets in the header of a sealed object. */
export const HEADER = {
  /** u32 */
  version: 8,
  /** u8, then three zero bytes. */
  kind: 12,
  /** u64 */
  systemIdentifier: 16,
  /** u32; 0 where it says nothing. */
  timeline: 24,
  /** u32: bytes of the content. */
  contentBytes: 28,
  /** u64: see `OBJECT_KIND`. */
  start: 32,
  /** u64 */
  end: 40,
  /** 32 bytes: SHA-256 of the content. */
  digest: 48,
  /** u32: bytes of the compressed content. */
  storedBytes: 80,
  /** u32: CRC32C of the compressed content, then four zero bytes. (Other compressed bytes may have the same content.) */
  storedCrc: 84,
  /** u32: CRC32C of the 92 bytes before. */
  crc: 92,
} as const;

/** What a sealed object says of itself. */
export interface ObjectHeader {
  readonly kind: ObjectKind;
  readonly systemIdentifier: bigint;
  readonly timeline: number;
  readonly start: number;
  readonly end: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly storedCrc: number;
  /** SHA-256 of the content, 64 hexadecimal digits. */
  readonly digest: string;
}

/** Writes the header of a sealed object into the first bytes of `target`. */
export function writeObjectHeader(target: Buffer, header: ObjectHeader): void {
  target.fill(0, 0, OBJECT_HEADER_BYTES);
  OBJECT_MAGIC.copy(target);
  target.writeUInt32LE(ARCHIVE_FORMAT_VERSION, HEADER.version);
  target[HEADER.kind] = header.kind;
  target.writeBigUInt64LE(header.systemIdentifier, HEADER.systemIdentifier);
  target.writeUInt32LE(header.timeline, HEADER.timeline);
  target.writeUInt32LE(header.contentBytes, HEADER.contentBytes);
  target.writeBigUInt64LE(BigInt(header.start), HEADER.start);
  target.writeBigUInt64LE(BigInt(header.end), HEADER.end);
  target.write(header.digest, HEADER.digest, 'hex');
  target.writeUInt32LE(header.storedBytes, HEADER.storedBytes);
  target.writeUInt32LE(header.storedCrc, HEADER.storedCrc);
  target.writeUInt32LE(crc32c(target, 0, HEADER.crc), HEADER.crc);
}

/** Reads the header of a sealed object; XX001, naming the object, when it is not one or its length does not fit. */
export function readObjectHeader(name: string, bytes: Buffer): ObjectHeader {
  if (bytes.length < OBJECT_HEADER_BYTES) throw damagedObject(name, `it has ${bytes.length} bytes, which is less than a header`);
  if (OBJECT_MAGIC.compare(bytes, 0, OBJECT_MAGIC.length) !== 0) throw damagedObject(name, 'it does not begin as one');
  if (bytes.readUInt32LE(HEADER.crc) !== crc32c(bytes, 0, HEADER.crc)) throw damagedObject(name, "its header's checksum is wrong");
  const version = bytes.readUInt32LE(HEADER.version);
  if (version !== ARCHIVE_FORMAT_VERSION) throw damagedObject(name, `its format version is ${version}, expected ${ARCHIVE_FORMAT_VERSION}`);
  const kind = Object.values(OBJECT_KIND).find((known) => known === bytes[HEADER.kind]);
  if (kind === undefined) throw damagedObject(name, `its kind ${bytes[HEADER.kind]} is unknown`);
  const storedBytes = bytes.readUInt32LE(HEADER.storedBytes);
  if (bytes.length !== OBJECT_HEADER_BYTES + storedBytes) {
    throw damagedObject(name, `it has ${bytes.length} bytes, expected ${OBJECT_HEADER_BYTES + storedBytes}`);
  }
  return {
    kind,
    systemIdentifier: bytes.readBigUInt64LE(HEADER.systemIdentifier),
    timeline: bytes.readUInt32LE(HEADER.timeline),
    start: Number(bytes.readBigUInt64LE(HEADER.start)),
    end: Number(bytes.readBigUInt64LE(HEADER.end)),
    contentBytes: bytes.readUInt32LE(HEADER.contentBytes),
    storedBytes,
    storedCrc: bytes.readUInt32LE(HEADER.storedCrc),
    digest: bytes.toString('hex', HEADER.digest, HEADER.digest + 32),
  };
}

/** The XX001 of an object of the archive. */
export function damagedObject(name: string, why: string): Error {
  return pgError('DATA_CORRUPTED', `archive object "${name}" is damaged: ${why}`);
}

/** A piece of log as its name tells: bytes [start, end) of the stream, all in one segment. */
export interface PieceName {
  readonly timeline: number;
  readonly start: Lsn;
  readonly end: Lsn;
  readonly digest: string;
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');

/** Everything of one system: `7231549802342134`. */
export function systemPrefix(systemIdentifier: bigint): string {
  return `${systemIdentifier}/`;
}

/** Log and history files of one system. */
export function logPrefix(systemIdentifier: bigint): string {
  return `${systemPrefix(systemIdentifier)}wal/`;
}

/** Log of one timeline. */
export function timelinePrefix(systemIdentifier: bigint, timeline: number): string {
  return `${logPrefix(systemIdentifier)}${hex(timeline, 8)}/`;
}

/** The key of a piece of log. */
export function pieceKey(systemIdentifier: bigint, piece: PieceName): string {
  return `${timelinePrefix(systemIdentifier, piece.timeline)}${hex(piece.start, 16)}-${hex(piece.end, 16)}-${piece.digest}`;
}

/** What the pieces that begin at `start` have in front. */
export function pieceStartPrefix(systemIdentifier: bigint, timeline: number, start: Lsn): string {
  return `${timelinePrefix(systemIdentifier, timeline)}${hex(start, 16)}-`;
}

/** Reads the key of a piece of log; null for other keys. */
export function parsePieceKey(key: string): PieceName | null {
  const match = /^\d+\/wal\/([0-9A-F]{8})\/([0-9A-F]{16})-([0-9A-F]{16})-([0-9a-f]{64})$/.exec(key);
  if (match === null) return null;
  const [start, end] = [parseInt(match[2], 16), parseInt(match[3], 16)];
  return start < end ? { timeline: parseInt(match[1], 16), start: lsn(start), end: lsn(end), digest: match[4] } : null;
}

/** The key of a timeline's history file. */
export function historyKey(systemIdentifier: bigint, timeline: number): string {
  return `${logPrefix(systemIdentifier)}${historyFileName(timeline)}`;
}

/** The timeline of a history file's key; null for other keys. */
export function parseHistoryKey(key: string): number | null {
  const match = /^\d+\/wal\/([^/]+)$/.exec(key);
  return match === null ? null : parseHistoryFileName(match[1]);
}

/** Begins the last line of an archived history file: a comment to its readers. */
export const DIGEST_COMMENT = '# sha256 ';

/** All backups of one system. */
export function backupsPrefix(systemIdentifier: bigint): string {
  return `${systemPrefix(systemIdentifier)}backup/`;
}

/** Everything of one backup. */
export function backupPrefix(systemIdentifier: bigint, label: string): string {
  return `${backupsPrefix(systemIdentifier)}${label}/`;
}

/** Written last: a backup counts once it has one. */
export const MANIFEST_NAME = 'manifest';
/** Written first: takes the label, and tells prune what an unfinished backup still needs. */
export const BEGUN_NAME = 'begun';

/** Name, within its backup, of a chunk. */
export function chunkName(kind: 'entries' | 'keys', number: number, digest: string): string {
  return `${kind}-${String(number).padStart(6, '0')}-${digest}`;
}

/** What the last verification has seen, so that the next need not read it again. */
export function verifiedKey(systemIdentifier: bigint): string {
  return `${systemPrefix(systemIdentifier)}verified`;
}

/** 22023 unless a label can be part of a key and of a command line. */
export function checkLabel(label: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(label)) return;
  throw pgError('INVALID_PARAMETER_VALUE', `invalid backup label "${label}"`, {
    detail: 'A label is 1 to 63 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit.',
  });
}
