/**
 * Sealing and opening objects: compression and digests, both off the main thread (zlib's and Web Crypto's pool threads).
 */
import { webcrypto } from 'node:crypto';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { crc32c } from '../codec/crc32c.js';
import { damagedObject, MAX_CONTENT_BYTES, OBJECT_HEADER_BYTES, readObjectHeader, writeObjectHeader, type ObjectHeader } from './format.js';

/**
 * Log and packed rows shrink to nearly the same size at the fastest level, at a third of the time of the default one. Not part of
 * the format.
 */
const LEVEL = 1;

/** SHA-256 as 64 hexadecimal digits. */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
}

function compress(content: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflateRaw(content, { level: LEVEL, chunkSize: 1 << 18 }, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function decompress(stored: Uint8Array, contentBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // One output chunk, so that nothing is copied together afterwards; one byte more shows what is too long.
    inflateRaw(stored, { chunkSize: Math.max(contentBytes + 1, 64), maxOutputLength: contentBytes + 1 }, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

/** An object ready to be put, and its content's digest. */
export interface SealedObject {
  readonly bytes: Buffer;
  readonly digest: string;
}

/** Compresses content behind a header. */
export async function sealObject(about: Omit<ObjectHeader, 'contentBytes' | 'storedBytes' | 'storedCrc' | 'digest'>, content: Uint8Array): Promise<SealedObject> {
  const [digest, stored] = await Promise.all([digestOf(content), compress(content)]);
  const bytes = Buffer.allocUnsafeSlow(OBJECT_HEADER_BYTES + stored.length);
  writeObjectHeader(bytes, { ...about, contentBytes: content.length, storedBytes: stored.length, storedCrc: crc32c(stored), digest });
  stored.copy(bytes, OBJECT_HEADER_BYTES);
  return { bytes, digest };
}

/** Opens a sealed object: its header and its content, whose digest was compared. XX001, naming the object, for damage of any kind. */
export async function openObject(name: string, bytes: Uint8Array): Promise<{ header: ObjectHeader; content: Buffer }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = readObjectHeader(name, buffer);
  if (header.contentBytes > MAX_CONTENT_BYTES) throw damagedObject(name, `its content would have ${header.contentBytes} bytes`);
  if (crc32c(buffer, OBJECT_HEADER_BYTES) !== header.storedCrc) throw damagedObject(name, 'its checksum is wrong');
  let content: Buffer;
  try {
    content = await decompress(buffer.subarray(OBJECT_HEADER_BYTES), header.contentBytes);
  } catch (error) {
    throw damagedObject(name, `it cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (content.length !== header.contentBytes) throw damagedObject(name, `its content has ${content.length} bytes, expected ${header.contentBytes}`);
  if (await digestOf(content) !== header.digest) throw damagedObject(name, "its content's digest is wrong");
  return { header, content };
}
