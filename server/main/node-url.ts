/** Addresses of nodes, `ws://[role[:password]@]host:port`, and who a node comes as. */
import { pgError } from '../../lib/base/error.js';
import type { NodeCredentials } from '../../replica/client.js';

/** Who to come as. */
export type Credentials = Pick<NodeCredentials, 'role' | 'password'>;

/** An address, and who to come as where it says so. */
export interface NodeUrl {
  /** Without credentials. */
  readonly url: string;
  readonly credentials: Credentials | null;
}

/** A node that is not told who to be comes as this role, without a password. */
export const DEFAULT_CREDENTIALS: Credentials = { role: 'postgres', password: '' };

/** Reads an address; 22023 when it is none. */
export function parseNodeUrl(text: string): NodeUrl {
  let parsed: URL;
  try {
    parsed = new URL(text);
  } catch {
    throw badUrl(text);
  }
  if (!['ws:', 'wss:'].includes(parsed.protocol) || parsed.hostname === '' || parsed.port === '' || !['', '/'].includes(parsed.pathname)) throw badUrl(text);
  const role = decodeURIComponent(parsed.username);
  const password = decodeURIComponent(parsed.password);
  return {
    url: `${parsed.protocol}//${parsed.host}`,
    credentials: role === '' && password === '' ? null : { role: role || DEFAULT_CREDENTIALS.role, password },
  };
}

/**
 * Who a node comes as at others: what the first of its addresses with a role says, else the setting primary_conninfo (`user` and `password`;
 * 0A000 for anything else in it, 42601 for what is no connection string), else the default.
 */
export function credentialsFor(addresses: readonly string[], conninfo: string): Credentials {
  for (const address of addresses) {
    const { credentials } = parseNodeUrl(address);
    if (credentials !== null) return credentials;
  }
  const given: { role?: string; password?: string } = {};
  for (const [name, value] of conninfoPairs(conninfo)) {
    if (name === 'user') given.role = value;
    else if (name === 'password') given.password = value;
    else throw pgError('FEATURE_NOT_SUPPORTED', `primary_conninfo with "${name}" is not supported`, { hint: 'It may have user and password; --primary says where upstreams are.' });
  }
  return { ...DEFAULT_CREDENTIALS, ...given };
}

/** The pairs of a connection string of libpq: `name = value`, a value with spaces or quotes in quotes, with backslashes. */
function conninfoPairs(text: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)\s*/y;
  while (pair.lastIndex < text.length) {
    const found = pair.exec(text);
    if (found === null) throw pgError('SYNTAX_ERROR', 'invalid connection string syntax in primary_conninfo');
    pairs.push([found[1], (found[2] ?? found[3]).replaceAll(/\\(.)/gs, '$1')]);
  }
  return pairs;
}

function badUrl(text: string): Error {
  return pgError('INVALID_PARAMETER_VALUE', `invalid address of a node: "${text.replace(/\/\/[^@/]*@/, '//')}"`, { hint: 'It is ws://HOST:PORT or wss://HOST:PORT, with the replication port of the node.' });
}
