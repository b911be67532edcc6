/**
 * The PostgreSQL frontend/backend protocol's numbers: message types, request codes, limits. Reader and writer share them.
 * Source of the facts: PostgreSQL 18 documentation, "Frontend/Backend Protocol" (protocol versions 3.0 and 3.2).
 */

/** Codes in place of a protocol version in the first packet. */
export const CANCEL_REQUEST_CODE = 80877102;
export const SSL_REQUEST_CODE = 80877103;
export const GSSENC_REQUEST_CODE = 80877104;

/** Protocol versions as the start-up packet carries them: major << 16 | minor. */
export const PROTOCOL_3_0 = 3 << 16;
export const PROTOCOL_3_2 = (3 << 16) | 2;

/** Messages from the client, by their type byte. */
export const FRONTEND = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
  password: 0x70, // p: PasswordMessage, SASLInitialResponse, SASLResponse
} as const;

/** Messages to the client, by their type byte. */
export const BACKEND = {
  parseComplete: 0x31, // 1
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  notificationResponse: 0x41, // A
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  errorResponse: 0x45, // E
  copyInResponse: 0x47, // G
  copyOutResponse: 0x48, // H
  emptyQueryResponse: 0x49, // I
  backendKeyData: 0x4b, // K
  noticeResponse: 0x4e, // N
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  rowDescription: 0x54, // T
  readyForQuery: 0x5a, // Z
  copyDone: 0x63, // c
  copyData: 0x64, // d
  noData: 0x6e, // n
  portalSuspended: 0x73, // s
  parameterDescription: 0x74, // t
  negotiateProtocolVersion: 0x76, // v
} as const;

/** Kinds of the Authentication message. */
export const AUTHENTICATION = { ok: 0, cleartextPassword: 3, md5Password: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

/** ReadyForQuery's transaction status. */
export const TRANSACTION_STATUS = { idle: 0x49, inTransaction: 0x54, failed: 0x45 } as const;

/** Longest start-up packet, bytes with its length word. */
export const MAX_STARTUP_PACKET_BYTES = 10_000;
/** Longest message that carries no user data (Execute, Sync ...), without type and length word. */
export const SMALL_MESSAGE_LIMIT_BYTES = 10_000;
/** Longest authentication message. */
export const PASSWORD_MESSAGE_LIMIT_BYTES = 65_535;
/** Longest message that carries user data. */
export const LARGE_MESSAGE_LIMIT_BYTES = 0x3fff_fffe;

/** Longest body of a client's message type; 0 for a type that does not exist. */
export function messageLimit(type: number): number {
  switch (type) {
    case FRONTEND.query: case FRONTEND.parse: case FRONTEND.bind: case FRONTEND.functionCall: case FRONTEND.copyData:
      return LARGE_MESSAGE_LIMIT_BYTES;
    case FRONTEND.close: case FRONTEND.describe: case FRONTEND.execute: case FRONTEND.flush: case FRONTEND.sync:
    case FRONTEND.terminate: case FRONTEND.copyDone: case FRONTEND.copyFail:
      return SMALL_MESSAGE_LIMIT_BYTES;
    case FRONTEND.password:
      return PASSWORD_MESSAGE_LIMIT_BYTES;
    default:
      return 0;
  }
}
