/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it: the server's side of the exchange, against a stored verifier, and the
 * client's, which nodes use among themselves.
 * The cryptography is node:crypto's; comparisons take the same time whatever they find.
 */
import { pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { pgError, type PgError } from './error.js';
import { hmac, KEY_BYTES, prepare, SALT_BYTES, sha256, type ScramVerifier } from './passwords.js';

/** The mechanism's name. */
export const SCRAM_SHA_256 = 'SCRAM-SHA-256';
/** The same bound to the TLS channel. */
export const SCRAM_SHA_256_PLUS = 'SCRAM-SHA-256-PLUS';

const NONCE_BYTES = 18;

/** True when `password` is the one behind the verifier (a password given in clear text). */
export function verifyPassword(password: string, verifier: ScramVerifier): boolean {
  const salted = pbkdf2Sync(prepare(password), verifier.salt, verifier.iterations, KEY_BYTES, 'sha256');
  return timingSafeEqual(sha256(hmac(salted, 'Client Key')), verifier.storedKey);
}

/** A verifier nobody's password fits, always the same for a role: unknown roles answer as known ones do. */
function mockVerifier(role: string): ScramVerifier {
  const salt = hmac(mockSecret, role).subarray(0, SALT_BYTES);
  return { iterations: 4096, salt, storedKey: randomBytes(KEY_BYTES), serverKey: randomBytes(KEY_BYTES) };
}
const mockSecret = randomBytes(KEY_BYTES);

function malformed(detail: string): PgError {
  return pgError('PROTOCOL_VIOLATION', 'malformed SCRAM message', { severity: 'FATAL', detail });
}

/** The server's side of one authentication: `start` with the client's first message, `finish` with its last. */
export class ScramExchange {
  private readonly verifier: ScramVerifier;
  private readonly known: boolean;
  private clientFirstBare = '';
  private gs2Header = '';
  private serverFirst = '';
  private nonce = '';

  /**
   * @param role name, for the salt shown for roles without a verifier
   * @param verifier null when the role has none: every password is then wrong
   * @param certificateHash of the server's certificate where the channel can be bound (TLS), else null
   * @param mechanism what the client chose
   */
  constructor(role: string, verifier: ScramVerifier | null, private readonly certificateHash: Buffer | null,
    private readonly mechanism: string, private readonly serverNonce = randomBytes(NONCE_BYTES).toString('base64')) {
    this.known = verifier !== null;
    this.verifier = verifier ?? mockVerifier(role);
  }

  /** client-first-message → server-first-message. Throws a FATAL 08P01 for what is malformed. */
  start(message: string): string {
    const match = /^((?:n|y|p=([^,]*)),(?:a=[^,]*)?,)(?:(m=)|n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)/.exec(message);
    if (!match) throw malformed('Expected attribute "n" or "r" was not found.');
    if (match[3] !== undefined) throw pgError('FEATURE_NOT_SUPPORTED', 'client requires an unsupported SCRAM extension', { severity: 'FATAL' });
    this.gs2Header = match[1];
    this.checkBinding(match[1][0], match[2]);
    this.clientFirstBare = message.slice(match[1].length);
    this.nonce = match[5] + this.serverNonce;
    this.serverFirst = `r=${this.nonce},s=${this.verifier.salt.toString('base64')},i=${this.verifier.iterations}`;
    return this.serverFirst;
  }

  private checkBinding(flag: string, type: string | undefined): void {
    const bound = this.mechanism === SCRAM_SHA_256_PLUS;
    if (flag === 'p') {
      if (!bound) throw malformed('The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.');
      if (type !== 'tls-server-end-point') {
        throw pgError('PROTOCOL_VIOLATION', `unsupported SCRAM channel-binding type "${type}"`, { severity: 'FATAL' });
      }
    } else if (bound) {
      throw malformed('The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.');
    } else if (flag === 'y' && this.certificateHash !== null) {
      throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', 'SCRAM channel binding negotiation error', {
        severity: 'FATAL', detail: 'The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.',
      });
    }
  }

  /** client-final-message → server-final-message, or null when the proof is wrong. */
  finish(message: string): string | null {
    const match = /^(c=([A-Za-z0-9+/=]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(message);
    if (!match) throw malformed('Malformed client-final-message.');
    const binding = this.gs2Header[0] === 'p' && this.certificateHash !== null
      ? Buffer.concat([Buffer.from(this.gs2Header), this.certificateHash])
      : Buffer.from(this.gs2Header);
    if (!safeEqual(Buffer.from(match[2], 'base64'), binding)) {
      throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', 'SCRAM channel binding check failed', { severity: 'FATAL' });
    }
    if (!safeEqual(Buffer.from(match[3]), Buffer.from(this.nonce))) {
      throw pgError('PROTOCOL_VIOLATION', 'invalid SCRAM response', { severity: 'FATAL', detail: 'Nonce does not match.' });
    }
    const proof = Buffer.from(match[4], 'base64');
    if (proof.length !== KEY_BYTES) throw malformed('Malformed proof in client-final-message.');
    const authMessage = `${this.clientFirstBare},${this.serverFirst},${match[1]}`;
    const signature = hmac(this.verifier.storedKey, authMessage);
    const clientKey = Buffer.alloc(KEY_BYTES);
    for (let i = 0; i < KEY_BYTES; i++) clientKey[i] = proof[i] ^ signature[i];
    if (!safeEqual(sha256(clientKey), this.verifier.storedKey) || !this.known) return null;
    return `v=${hmac(this.verifier.serverKey, authMessage).toString('base64')}`;
  }
}

/** More iterations than this are an attack on the client's processor. */
const MAX_ITERATIONS = 10_000_000;

/** The client's side of one authentication, without channel binding. */
export class ScramClient {
  /** client-first-message. */
  readonly first: string;
  private readonly nonce: string;
  private serverSignature: Buffer | null = null;

  constructor(private readonly password: string, nonce = randomBytes(NONCE_BYTES).toString('base64')) {
    this.nonce = nonce;
    this.first = `n,,${this.bare}`;
  }

  /** As libpq, without a user's name: the server knows the role already. */
  private get bare(): string {
    return `n=,r=${this.nonce}`;
  }

  /** server-first-message → client-final-message. 08P01 for what is malformed or not an answer to us. */
  answer(serverFirst: string): string {
    const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=(\d+)$/.exec(serverFirst);
    if (!match) throw malformed('Malformed server-first-message.');
    const iterations = Number(match[3]);
    if (!match[1].startsWith(this.nonce) || match[1].length === this.nonce.length || iterations < 1 || iterations > MAX_ITERATIONS) {
      throw pgError('PROTOCOL_VIOLATION', 'invalid SCRAM response', { severity: 'FATAL', detail: 'Nonce or iteration count is not acceptable.' });
    }
    const salted = pbkdf2Sync(prepare(this.password), Buffer.from(match[2], 'base64'), iterations, KEY_BYTES, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const withoutProof = `c=biws,r=${match[1]}`;
    const authMessage = `${this.bare},${serverFirst},${withoutProof}`;
    const signature = hmac(sha256(clientKey), authMessage);
    for (let i = 0; i < KEY_BYTES; i++) clientKey[i] ^= signature[i];
    this.serverSignature = hmac(hmac(salted, 'Server Key'), authMessage);
    return `${withoutProof},p=${clientKey.toString('base64')}`;
  }

  /** True when the server-final-message proves that the server knows the password's verifier. */
  isProvenBy(serverFinal: string): boolean {
    const match = /^v=([A-Za-z0-9+/=]+)$/.exec(serverFinal);
    return match !== null && this.serverSignature !== null && safeEqual(Buffer.from(match[1], 'base64'), this.serverSignature);
  }
}

function safeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
