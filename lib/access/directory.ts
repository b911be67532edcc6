/**
 * Directories and the root as bytes: which version of each chunk and leaf is the newest at rest. A heap's directory is
 * raw 32-bit numbers (a large table has many chunks), an index's is its low entries as a leaf of leaves, the root is msgpack.
 */
import { assert } from '../base/assert.js';
import { lsn, type Lsn } from '../base/lsn.js';
import { decodeParts, encodeParts, type Packable } from '../codec/row.js';
import type { FileKind, FilePersistence, LoggedSequence } from '../txn/changes.js';
import type { LogPosition } from '../wal/format.js';
import { HEAP_DIRECTORY_VERSION, INDEX_VALUE_VERSION, VALUE_VERSION } from './format.js';
import type { HeapDirectory } from './heap-file.js';
import type { IndexDirectory } from './index-file.js';

/** Bytes before the leaves of an index. */
const DIRECTORY_HEADER = 24;

/** Bytes before the chunks of a heap. */
const HEAP_HEADER = 24;
/** Stands for a number of rows that is not known: a chunk has 1,024 at most. */
const UNKNOWN_ROWS = 0xffff;

/**
 * version u8, 3 zero bytes, chunk count u32, next row id f64, row count f64, then base and delta version u32 per chunk, then rows u16 per
 * chunk (ffff: not known), which version 1 did not have.
 */
export function encodeHeapDirectory(directory: HeapDirectory, chunkCount: number): Buffer {
  const rowsAt = HEAP_HEADER + chunkCount * 8;
  const value = Buffer.alloc(rowsAt + chunkCount * 2);
  value[0] = HEAP_DIRECTORY_VERSION;
  value.writeUInt32LE(chunkCount, 4);
  value.writeDoubleLE(directory.nextRowId, 8);
  value.writeDoubleLE(directory.rowCount, 16);
  for (let number = 0; number < chunkCount; number++) {
    value.writeUInt32LE(directory.baseVersions[number] ?? 0, HEAP_HEADER + number * 8);
    value.writeUInt32LE(directory.deltaVersions[number] ?? 0, HEAP_HEADER + 4 + number * 8);
    value.writeUInt16LE(directory.chunkRows[number] ?? UNKNOWN_ROWS, rowsAt + number * 2);
  }
  return value;
}

/** Reads what `encodeHeapDirectory` made. */
export function decodeHeapDirectory(value: Uint8Array): HeapDirectory {
  assert(value[0] === HEAP_DIRECTORY_VERSION || value[0] === VALUE_VERSION, 'directory of a heap has an unknown version');
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const count = view.getUint32(4, true);
  const rowsAt = HEAP_HEADER + count * 8;
  const directory: HeapDirectory = {
    nextRowId: view.getFloat64(8, true), rowCount: view.getFloat64(16, true), baseVersions: [], deltaVersions: [], chunkRows: [],
  };
  for (let number = 0; number < count; number++) {
    directory.baseVersions.push(view.getUint32(HEAP_HEADER + number * 8, true));
    directory.deltaVersions.push(view.getUint32(HEAP_HEADER + 4 + number * 8, true));
    const rows = value[0] === VALUE_VERSION ? UNKNOWN_ROWS : view.getUint16(rowsAt + number * 2, true);
    directory.chunkRows.push(rows === UNKNOWN_ROWS ? null : rows);
  }
  return directory;
}

/**
 * version u8, 3 zero bytes, leaf count u32, next leaf id f64, entry count f64, then per leaf id u32 and version u32, then per
 * leaf (its low entry) row id f64, key length u32, then a byte per leaf (1: it has retired entries), key characters.
 */
export function encodeIndexDirectory(directory: IndexDirectory): Buffer {
  const { leafIds, versions, retired, lowKeys, lowRowIds } = directory;
  const leaves = leafIds.length;
  let characters = 0;
  for (const key of lowKeys) characters += key.length;
  const entriesAt = DIRECTORY_HEADER + leaves * 8;
  let at = entriesAt + leaves * 13;
  const value = Buffer.alloc(at + characters);
  value[0] = INDEX_VALUE_VERSION;
  value.writeUInt32LE(leaves, 4);
  value.writeDoubleLE(directory.nextLeafId, 8);
  value.writeDoubleLE(directory.entries, 16);
  for (let leaf = 0; leaf < leaves; leaf++) {
    value.writeUInt32LE(leafIds[leaf], DIRECTORY_HEADER + leaf * 8);
    value.writeUInt32LE(versions[leaf], DIRECTORY_HEADER + 4 + leaf * 8);
    value.writeDoubleLE(lowRowIds[leaf], entriesAt + leaf * 8);
    value.writeUInt32LE(lowKeys[leaf].length, entriesAt + leaves * 8 + leaf * 4);
    value[entriesAt + leaves * 12 + leaf] = retired[leaf] ? 1 : 0;
    at += value.write(lowKeys[leaf], at, 'latin1');
  }
  return value;
}

/** Reads what `encodeIndexDirectory` made. */
export function decodeIndexDirectory(value: Uint8Array): IndexDirectory {
  assert(value[0] === INDEX_VALUE_VERSION, 'directory of an index has an unknown version');
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const leaves = bytes.readUInt32LE(4);
  const entriesAt = DIRECTORY_HEADER + leaves * 8;
  const text = bytes.toString('latin1', entriesAt + leaves * 13);
  const directory: IndexDirectory = {
    lowKeys: [], lowRowIds: [], leafIds: [], versions: [], retired: [], nextLeafId: bytes.readDoubleLE(8), entries: bytes.readDoubleLE(16),
  };
  let at = 0;
  for (let leaf = 0; leaf < leaves; leaf++) {
    const end = at + bytes.readUInt32LE(entriesAt + leaves * 8 + leaf * 4);
    directory.lowKeys.push(text.slice(at, end));
    directory.lowRowIds.push(bytes.readDoubleLE(entriesAt + leaf * 8));
    directory.leafIds.push(bytes.readUInt32LE(DIRECTORY_HEADER + leaf * 8));
    directory.versions.push(bytes.readUInt32LE(DIRECTORY_HEADER + 4 + leaf * 8));
    directory.retired.push(bytes[entriesAt + leaves * 12 + leaf] === 1);
    at = end;
  }
  return directory;
}

/** A file as the root lists it. */
export interface RootFile {
  readonly file: number;
  readonly kind: FileKind;
  readonly persistence: FilePersistence;
  /** Version of its directory; 0 = empty. */
  readonly directory: number;
  /** State of a sequence. */
  readonly sequence: LoggedSequence | null;
}

/** The state that everything at rest of one checkpoint hangs on. */
export interface Root {
  /** The state is that of this LSN exactly. */
  readonly lsn: Lsn;
  /** Where the log stood there. */
  readonly log: LogPosition;
  /** Transactions that had records in the log before `lsn` and had not ended: replay takes their batches from before. */
  readonly inProgress: readonly number[];
  readonly nextXid: number;
  readonly nextFile: number;
  readonly nextOid: number;
  readonly files: readonly RootFile[];
  readonly meta: readonly (readonly [string, Uint8Array])[];
}

/** The root as a value. */
export function encodeRoot(root: Root): Uint8Array {
  const files = root.files.map((entry): Packable => {
    const { sequence } = entry;
    const state: Packable = sequence === null ? null : [sequence.lastValue, sequence.isCalled, sequence.logCount];
    return [entry.file, entry.kind, entry.persistence, entry.directory, state];
  });
  const { log } = root;
  return Uint8Array.from(encodeParts([
    VALUE_VERSION, root.lsn, [log.endLsn, log.lastRecordLsn, log.lastCrc], [...root.inProgress], root.nextXid, root.nextFile, root.nextOid, files,
    root.meta.map(([key, value]): Packable => [key, value]),
  ]));
}

type FileParts = [number, FileKind, FilePersistence, number, [number | bigint, boolean, number] | null];

/** Reads what `encodeRoot` made. */
export function decodeRoot(value: Uint8Array): Root {
  const [version, at, log, inProgress, nextXid, nextFile, nextOid, files, meta] = decodeParts(value) as [
    number, number, [number, number, number], number[], number, number, number, FileParts[], [string, Uint8Array][],
  ];
  assert(version === VALUE_VERSION, 'root has an unknown version');
  return {
    lsn: lsn(at),
    log: { endLsn: lsn(log[0]), lastRecordLsn: lsn(log[1]), lastCrc: log[2] },
    inProgress, nextXid, nextFile, nextOid, meta,
    files: files.map(([file, kind, persistence, directory, state]): RootFile => ({
      file, kind, persistence, directory,
      sequence: state === null ? null : { lastValue: state[0], isCalled: state[1], logCount: state[2] },
    })),
  };
}
