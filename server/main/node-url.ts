/** Addresses of nodes with credentials: `ws://role:password@host:port`. */
import { pgError } from '../../lib/base/error.js';
import type { NodeCredentials } from '../../replica/client.js';

/** An address and who to come as. */
export interface NodeUrl {
  /** Without credentials. */
  readonly url: string;
  readonly credentials: Pick<NodeCredentials, 'role' | 'password'>;
}

const DEFAULT_ROLE = 'postgres';

/** Reads an address; 22023 when it is none. */
export function parseNodeUrl(text: string): NodeUrl {
  let parsed: URL;
  try {
    parsed = new URL(text);
  } catch {
    throw badUrl(text);
  }
  if (!['ws:', 'wss:'].includes(parsed.protocol) || parsed.hostname === '' || parsed.port === '' || !['', '/'].includes(parsed.pathname)) throw badUrl(text);
  return {
    url: `${parsed.protocol}//${parsed.host}`,
    credentials: { role: decodeURIComponent(parsed.username) || DEFAULT_ROLE, password: decodeURIComponent(parsed.password) },
  };
}

function badUrl(text: string): Error {
  return pgError('INVALID_PARAMETER_VALUE', `invalid address of a node: "${text.replace(/\/\/[^@/]*@/, '//')}"`, { hint: 'It is ws://HOST:PORT or wss://HOST:PORT, with the replication port of the node.' });
}
