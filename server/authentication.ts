/**
 * Who may come in, and how they prove who they are: trust on loopback and Unix sockets (unless `require_password` is on),
 * SCRAM-SHA-256 from anywhere else. Design decision 18: closed by default.
 */
import { createHash } from 'node:crypto';
import { pgError, type PgError } from '../lib/base/error.js';
import { parseVerifier } from '../lib/base/passwords.js';
import { ScramExchange, SCRAM_SHA_256, SCRAM_SHA_256_PLUS } from '../lib/base/scram.js';
import { protocolViolation, type MessageBody } from './protocol/reader.js';
import { writeAuthenticationSasl, writeAuthenticationSaslData } from './protocol/messages.js';
import type { MessageWriter } from './protocol/writer.js';

/** True for an address of this machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}

/** `28P01`. */
export function passwordFailed(user: string): PgError {
  return pgError('INVALID_PASSWORD', `password authentication failed for user "${user}"`, { severity: 'FATAL' });
}

/** What the exchange must know. */
export interface PasswordRequest {
  readonly user: string;
  /** pg_authid.rolpassword; null when the role has none or does not exist. */
  readonly stored: string | null;
  /** rolvaliduntil has passed. */
  readonly expired: boolean;
  /** The server's certificate (DER) on a TLS connection, else null. */
  readonly certificate: Uint8Array | null;
}

/** The server's side of SASL on one connection: `begin`, then each password message to `next` until it says true. */
export class PasswordAuthentication {
  private exchange: ScramExchange | null = null;

  constructor(private readonly request: PasswordRequest, private readonly writer: MessageWriter) {}

  /** Offers the mechanisms. Throws for a role whose password is kept as MD5. */
  begin(): void {
    if (this.request.stored?.startsWith('md5')) {
      throw pgError('INVALID_PASSWORD', `password authentication failed for user "${this.request.user}"`, {
        severity: 'FATAL', detail: 'The password is stored as an MD5 hash, which is not supported.', hint: 'Set the password again with ALTER ROLE.',
      });
    }
    writeAuthenticationSasl(this.writer, this.request.certificate === null ? [SCRAM_SHA_256] : [SCRAM_SHA_256_PLUS, SCRAM_SHA_256]);
  }

  /** Takes the client's next message; true when the client has proven itself. FATAL 28P01, 08P01. */
  next(body: MessageBody): boolean {
    if (this.exchange === null) {
      const mechanism = body.string();
      const length = body.int32();
      if (mechanism !== SCRAM_SHA_256 && !(mechanism === SCRAM_SHA_256_PLUS && this.request.certificate !== null)) {
        throw protocolViolation('client selected an invalid SASL authentication mechanism');
      }
      const { certificate, stored, user } = this.request;
      this.exchange = new ScramExchange(user, stored === null ? null : parseVerifier(stored),
        certificate === null ? null : createHash('sha256').update(certificate).digest(), mechanism);
      writeAuthenticationSaslData(this.writer, false, this.exchange.start(length < 0 ? '' : body.text(length)));
      return false;
    }
    const final = this.exchange.finish(body.text(body.remaining));
    if (final === null || this.request.expired) throw passwordFailed(this.request.user);
    writeAuthenticationSaslData(this.writer, true, final);
    return true;
  }
}
