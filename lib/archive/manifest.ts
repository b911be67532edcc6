/**
 * A backup's manifest: what it is of, which chunks it has, what of the log it needs. Two lines of text: JSON, then `sha256 ` and the
 * SHA-256 of the first line without its end. A backup counts once its manifest is there.
 */
import { lsn, formatLsn, parseLsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import { SEGMENT_BYTES, segmentOf } from '../wal/format.js';
import type { TimelineHistory } from '../wal/history.js';
import type { StateInfo } from '../wal/shipping.js';
import { ARCHIVE_FORMAT_VERSION, BEGUN_NAME, backupPrefix, backupsPrefix, damagedObject, MANIFEST_NAME } from './format.js';
import { digestOf } from './object.js';
import { listAll, type ObjectStore } from './store.js';

/** A chunk of a backup. */
export interface BackupChunk {
  /** Within the backup. */
  readonly name: string;
  /** SHA-256 of the content, 64 hexadecimal digits; the object's own header says the same. */
  readonly digest: string;
  readonly storedBytes: number;
  readonly contentBytes: number;
  /** Entries, or keys. */
  readonly count: number;
  /** Hexadecimal. */
  readonly firstKey: string;
  readonly lastKey: string;
}

/** A backup as its manifest has it. */
export interface Backup {
  readonly label: string;
  readonly kind: 'full' | 'incremental';
  /** Label of the backup that an incremental one continues. */
  readonly parent: string | null;
  readonly info: StateInfo;
  /** Wall microseconds; the state is no newer than `startedMicros`. */
  readonly startedMicros: number;
  readonly finishedMicros: number;
  readonly entries: readonly BackupChunk[];
  /** Of an incremental backup: every key of its state. */
  readonly keys: readonly BackupChunk[];
}

/** The manifest's first line. LSNs as people read them. */
interface ManifestJson {
  readonly version: number;
  readonly label: string;
  readonly kind: 'full' | 'incremental';
  readonly parent: string | null;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly history: readonly { readonly timeline: number; readonly switchLsn: string; readonly reason: string }[];
  readonly storeId: string;
  readonly checkpointNumber: number;
  readonly stateLsn: string;
  readonly redoLsn: string;
  /** The log that a restore needs at least: from the start of the redo point's segment to where the state stands. */
  readonly logStart: string;
  readonly stopLsn: string;
  readonly startedMicros: number;
  readonly finishedMicros: number;
  readonly entries: readonly BackupChunk[];
  readonly keys: readonly BackupChunk[];
}

/** Where the log that a restore needs begins: at the start of the redo point's segment. */
export function logStartOf(info: StateInfo): Lsn {
  return lsn(segmentOf(info.redoLsn) * SEGMENT_BYTES);
}

/** The log's end that a backup needs to be consistent: no target before it can be reached from this backup. */
export function stopLsnOf(info: StateInfo): Lsn {
  return info.stateLsn;
}

/** Bytes of a backup's objects. */
export function storedBytesOf(backup: Backup): number {
  return [...backup.entries, ...backup.keys].reduce((sum, chunk) => sum + chunk.storedBytes, 0);
}

/** A manifest as it is stored. */
export async function encodeManifest(backup: Backup): Promise<Buffer> {
  const { info } = backup;
  const json: ManifestJson = {
    version: ARCHIVE_FORMAT_VERSION, label: backup.label, kind: backup.kind, parent: backup.parent,
    systemIdentifier: String(info.systemIdentifier), timeline: info.history.timeline,
    history: info.history.ancestors.map(({ timeline, switchLsn, reason }) => ({ timeline, switchLsn: formatLsn(switchLsn), reason })),
    storeId: info.storeId, checkpointNumber: info.checkpointNumber, stateLsn: formatLsn(info.stateLsn), redoLsn: formatLsn(info.redoLsn),
    logStart: formatLsn(logStartOf(info)), stopLsn: formatLsn(stopLsnOf(info)),
    startedMicros: backup.startedMicros, finishedMicros: backup.finishedMicros, entries: backup.entries, keys: backup.keys,
  };
  const line = Buffer.from(JSON.stringify(json));
  return Buffer.concat([line, Buffer.from(`\nsha256 ${await digestOf(line)}\n`)]);
}

/** Reads a manifest; XX001, naming the object, for damage of any kind. */
export async function decodeManifest(key: string, bytes: Uint8Array): Promise<Backup> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = text.indexOf('\n');
  const line = text.subarray(0, Math.max(0, end));
  if (end < 0 || text.toString('latin1', end) !== `\nsha256 ${await digestOf(line)}\n`) throw damagedObject(key, 'its digest is wrong');
  const json = JSON.parse(line.toString('utf8')) as ManifestJson;
  if (json.version !== ARCHIVE_FORMAT_VERSION) throw damagedObject(key, `its format version is ${json.version}, expected ${ARCHIVE_FORMAT_VERSION}`);
  const history: TimelineHistory = {
    timeline: json.timeline, ancestors: json.history.map(({ timeline, switchLsn, reason }) => ({ timeline, switchLsn: parseLsn(switchLsn), reason })),
  };
  return {
    label: json.label, kind: json.kind, parent: json.parent,
    info: {
      systemIdentifier: BigInt(json.systemIdentifier), history, storeId: json.storeId, checkpointNumber: json.checkpointNumber,
      stateLsn: parseLsn(json.stateLsn), redoLsn: parseLsn(json.redoLsn),
    },
    startedMicros: json.startedMicros, finishedMicros: json.finishedMicros, entries: json.entries, keys: json.keys,
  };
}

/** A backup's manifest from the archive; 42704 when there is none. */
export async function readBackup(store: ObjectStore, systemIdentifier: bigint, label: string): Promise<Backup> {
  const key = `${backupPrefix(systemIdentifier, label)}${MANIFEST_NAME}`;
  const bytes = await store.get(key);
  if (bytes === null) throw pgError('UNDEFINED_OBJECT', `backup "${label}" does not exist in archive "${store.name}"`);
  const backup = await decodeManifest(key, bytes);
  if (backup.label !== label || backup.info.systemIdentifier !== systemIdentifier) throw damagedObject(key, 'it is the manifest of another backup');
  return backup;
}

/** What is written first: the label is taken, and this is needed meanwhile. */
export interface BegunBackup {
  readonly startedMicros: number;
  readonly logStart: Lsn;
}

/** The marker of a backup that has begun. */
export function encodeBegun(begun: BegunBackup): Buffer {
  return Buffer.from(`${JSON.stringify({ startedMicros: begun.startedMicros, logStart: formatLsn(begun.logStart) })}\n`);
}

/** What an archive has below `backup/`, by labels. */
export interface BackupListing {
  /** Backups with a sound manifest, oldest state first. */
  readonly backups: readonly Backup[];
  /** Labels with a damaged manifest, and why. */
  readonly damaged: readonly { readonly label: string; readonly error: Error }[];
  /** Labels without a manifest: being written, or interrupted. */
  readonly unfinished: readonly { readonly label: string; readonly begun: BegunBackup | null }[];
  /** Every object by its backup's label: name within the backup → size. */
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Lists a system's backups and reads their manifests. */
export async function listBackups(store: ObjectStore, systemIdentifier: bigint): Promise<BackupListing> {
  const prefix = backupsPrefix(systemIdentifier);
  const objects = new Map<string, Map<string, number>>();
  for await (const { key, size } of listAll(store, prefix)) {
    const [label, ...rest] = key.slice(prefix.length).split('/');
    const of = objects.get(label) ?? new Map<string, number>();
    objects.set(label, of.set(rest.join('/'), size));
  }
  const backups: Backup[] = [];
  const damaged: { label: string; error: Error }[] = [];
  const unfinished: { label: string; begun: BegunBackup | null }[] = [];
  for (const [label, names] of objects) {
    if (!names.has(MANIFEST_NAME)) {
      unfinished.push({ label, begun: await readBegun(store, systemIdentifier, label) });
      continue;
    }
    try {
      backups.push(await readBackup(store, systemIdentifier, label));
    } catch (error) {
      damaged.push({ label, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  backups.sort((a, b) => a.info.stateLsn - b.info.stateLsn || a.startedMicros - b.startedMicros);
  return { backups, damaged, unfinished, objects };
}

async function readBegun(store: ObjectStore, systemIdentifier: bigint, label: string): Promise<BegunBackup | null> {
  const bytes = await store.get(`${backupPrefix(systemIdentifier, label)}${BEGUN_NAME}`);
  if (bytes === null) return null;
  const match = /^\{"startedMicros":(\d+),"logStart":"([0-9A-F]+\/[0-9A-F]+)"\}\n$/.exec(Buffer.from(bytes).toString('latin1'));
  return match === null ? null : { startedMicros: Number(match[1]), logStart: parseLsn(match[2]) };
}

/** A backup with those that it continues, the full one first; null when one of them is missing. */
export function chainOf(backup: Backup, backups: readonly Backup[]): Backup[] | null {
  const chain = [backup];
  for (let at = backup; at.kind === 'incremental';) {
    const parent = backups.find((other) => other.label === at.parent);
    if (parent === undefined || chain.includes(parent)) return null;
    chain.unshift(parent);
    at = parent;
  }
  return chain;
}
