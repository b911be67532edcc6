/**
 * Password verifiers as PostgreSQL keeps them in pg_authid.rolpassword: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`
 * (RFC 5802). CREATE and ALTER ROLE make them; `scram.ts` checks against them. The cryptography is node:crypto's.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Length of SCRAM-SHA-256's keys. */
export const KEY_BYTES = 32;
/** Length of a salt. */
export const SALT_BYTES = 16;

/** A stored verifier, taken apart. */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** HMAC-SHA-256. */
export function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** SHA-256. */
export function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** Brings a password into the form that is hashed: SASLprep as far as it matters: compatibility normalisation; bytes that are not valid stay as they are. */
export function prepare(password: string): string {
  const mapped = password.replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ').replace(/\u00ad|\u034f|\u1806|\u180b|\u180c|\u180d|\u200c|\u200d|\u2060|\ufeff|\p{Variation_Selector}/gu, '');
  return mapped.normalize('NFKC');
}

/** Makes the verifier of a password as PostgreSQL writes it. */
export function makeVerifier(password: string, iterations = 4096, salt: Uint8Array = randomBytes(SALT_BYTES)): string {
  const salted = pbkdf2Sync(prepare(password), salt, iterations, KEY_BYTES, 'sha256');
  const storedKey = sha256(hmac(salted, 'Client Key'));
  const serverKey = hmac(salted, 'Server Key');
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey.toString('base64')}:${serverKey.toString('base64')}`;
}

/** Reads a verifier; null when the text is none. */
export function parseVerifier(text: string): ScramVerifier | null {
  const match = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/.exec(text);
  if (!match) return null;
  const verifier = {
    iterations: Number(match[1]), salt: Buffer.from(match[2], 'base64'),
    storedKey: Buffer.from(match[3], 'base64'), serverKey: Buffer.from(match[4], 'base64'),
  };
  return verifier.storedKey.length === KEY_BYTES && verifier.serverKey.length === KEY_BYTES && verifier.iterations > 0 ? verifier : null;
}

/** The form in which a password is kept: what is a SCRAM verifier already stays; null for an MD5 hash, which is not served. */
export function storedPassword(password: string, iterations: number): string | null {
  if (parseVerifier(password) !== null) return password;
  return /^md5[0-9a-f]{32}$/.test(password) ? null : makeVerifier(password, iterations);
}
