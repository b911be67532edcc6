/** The contents of a backup's chunks as bytes: entries and keys in order, cut where a chunk is full. */
import type { KvEntry } from '../kv/kv.js';
import { CHUNK_BYTES, chunkName, damagedObject, OBJECT_KIND, backupPrefix } from './format.js';
import type { BackupChunk } from './manifest.js';
import { openObject, sealObject } from './object.js';
import type { ObjectStore } from './store.js';
import { pgError } from '../base/error.js';

/** Gathers items (an entry, or a key alone) and puts a chunk whenever one is full. */
export class ChunkWriter {
  readonly chunks: BackupChunk[] = [];
  private parts: Buffer[] = [];
  private bytes = 0;
  private count = 0;
  private first: Uint8Array | null = null;
  private last: Uint8Array | null = null;

  constructor(
    private readonly store: ObjectStore,
    private readonly about: { systemIdentifier: bigint; label: string; kind: 'entries' | 'keys' },
  ) {}

  /** Adds the next item; keys ascend. `value` null: a key alone. True: a chunk is full, `flush` it. */
  add(key: Uint8Array, value: Uint8Array | null): boolean {
    if (this.last !== null && Buffer.compare(this.last, key) >= 0) {
      throw pgError('INTERNAL_ERROR', `keys of a backup do not ascend: ${Buffer.from(key).toString('hex')} follows ${Buffer.from(this.last).toString('hex')}`);
    }
    const lengths = Buffer.allocUnsafe(value === null ? 4 : 8);
    lengths.writeUInt32LE(key.length, 0);
    if (value !== null) lengths.writeUInt32LE(value.length, 4);
    this.parts.push(lengths, asBuffer(key));
    if (value !== null) this.parts.push(asBuffer(value));
    this.bytes += lengths.length + key.length + (value?.length ?? 0);
    this.count++;
    this.first ??= key;
    this.last = key;
    return this.bytes >= CHUNK_BYTES;
  }

  /** Puts what has been gathered as a chunk; returns its stored bytes. */
  async flush(): Promise<number> {
    const { first, last, count, about } = this;
    if (first === null || last === null) return 0;
    const content = Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    this.count = 0;
    this.first = null;
    const number = this.chunks.length;
    const { systemIdentifier, label, kind } = about;
    const { bytes, digest } = await sealObject({ kind: OBJECT_KIND[kind], systemIdentifier, timeline: 0, start: number, end: count }, content);
    const name = chunkName(kind, number, digest);
    await this.store.put(`${backupPrefix(systemIdentifier, label)}${name}`, bytes);
    this.chunks.push({
      name, digest, storedBytes: bytes.length, contentBytes: content.length, count,
      firstKey: asBuffer(first).toString('hex'), lastKey: asBuffer(last).toString('hex'),
    });
    return bytes.length;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where a chunk is and what it should be. */
export interface ChunkPlace {
  readonly systemIdentifier: bigint;
  readonly label: string;
  readonly kind: 'entries' | 'keys';
  readonly number: number;
  readonly chunk: BackupChunk;
}

/**
 * Reads a chunk: its entries, or keys with empty values. 58P01 when it is missing; XX001, naming the object, when it is not what the
 * manifest says in every respect.
 */
export async function readChunk(store: ObjectStore, place: ChunkPlace): Promise<KvEntry[]> {
  const key = `${backupPrefix(place.systemIdentifier, place.label)}${place.chunk.name}`;
  const bytes = await store.get(key);
  if (bytes === null) throw pgError('UNDEFINED_FILE', `object "${key}" is missing in archive "${store.name}"`);
  const { header, content } = await openObject(key, bytes);
  const { chunk } = place;
  if (header.kind !== OBJECT_KIND[place.kind] || header.systemIdentifier !== place.systemIdentifier || header.start !== place.number
    || header.end !== chunk.count || header.digest !== chunk.digest || bytes.length !== chunk.storedBytes) {
    throw damagedObject(key, 'it is not the chunk that the manifest names');
  }
  const items = decodeItems(key, content, place.kind === 'entries');
  const isWhole = items.length === chunk.count && Buffer.from(items[0][0]).toString('hex') === chunk.firstKey
    && Buffer.from(items[items.length - 1][0]).toString('hex') === chunk.lastKey;
  if (!isWhole) throw damagedObject(key, 'its content is not what the manifest says');
  return items;
}

function decodeItems(key: string, content: Buffer, withValues: boolean): KvEntry[] {
  const items: KvEntry[] = [];
  const lengthBytes = withValues ? 8 : 4;
  for (let at = 0; at < content.length;) {
    if (at + lengthBytes > content.length) throw damagedObject(key, 'it ends within a length');
    const keyEnd = at + lengthBytes + content.readUInt32LE(at);
    const end = keyEnd + (withValues ? content.readUInt32LE(at + 4) : 0);
    if (end > content.length) throw damagedObject(key, 'it ends within an entry');
    const item: KvEntry = [content.subarray(at + lengthBytes, keyEnd), content.subarray(keyEnd, end)];
    const previous = items.at(-1);
    if (previous !== undefined && Buffer.compare(previous[0], item[0]) >= 0) throw damagedObject(key, 'its keys do not ascend');
    items.push(item);
    at = end;
  }
  return items;
}
