/**
 * The first packets of a connection: what they ask for, taken apart and checked. Options of the start-up packet follow
 * PostgreSQL's `ProcessStartupPacket` and `pg_split_opts`.
 */
import { pgError } from '../lib/base/error.js';
import { parseBool } from '../lib/session/settings/values.js';
import { CANCEL_REQUEST_CODE, GSSENC_REQUEST_CODE, PROTOCOL_3_0, PROTOCOL_3_2, SSL_REQUEST_CODE } from './protocol/format.js';
import { readStartupParameters } from './protocol/messages.js';
import type { MessageBody } from './protocol/reader.js';

/** What a first packet asks for. */
export type StartupRequest =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly key: Buffer }
  | StartupMessage;

/** A session is wanted. */
export interface StartupMessage {
  readonly kind: 'startup';
  readonly user: string;
  readonly database: string;
  /** min(what the client asked for, 3.2). */
  readonly protocolVersion: number;
  /** True when NegotiateProtocolVersion must be sent. */
  readonly negotiate: boolean;
  /** `_pq_.` options, none of which is known. */
  readonly unknownOptions: readonly string[];
  /** Settings in order: those of `options` first, then those given by name. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** Reads a first packet; FATAL 08P01, 0A000, 28000 for what cannot be served. */
export function readStartup(body: MessageBody): StartupRequest {
  const code = body.uint32();
  if (code === SSL_REQUEST_CODE) return { kind: 'ssl' };
  if (code === GSSENC_REQUEST_CODE) return { kind: 'gss' };
  if (code === CANCEL_REQUEST_CODE) return { kind: 'cancel', processId: body.int32(), key: body.bytes(body.remaining) };
  const major = code >>> 16;
  const minor = code & 0xffff;
  if (major !== 3) {
    throw pgError('FEATURE_NOT_SUPPORTED', `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.2`, { severity: 'FATAL' });
  }
  const version = Math.min(code, PROTOCOL_3_2);
  return startupMessage(readStartupParameters(body), version, code > PROTOCOL_3_2);
}

function startupMessage(parameters: Map<string, string>, protocolVersion: number, tooNew: boolean): StartupMessage {
  const unknownOptions: string[] = [];
  const settings: (readonly [string, string])[] = [];
  const named: (readonly [string, string])[] = [];
  for (const [name, value] of parameters) {
    if (name === 'user' || name === 'database') continue;
    if (name === 'options') settings.push(...parseOptions(value));
    else if (name === 'replication') refuseReplication(value);
    else if (name.startsWith('_pq_.')) unknownOptions.push(name);
    else named.push([name, value]);
  }
  const user = parameters.get('user') ?? '';
  if (user === '') throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', 'no PostgreSQL user name specified in startup packet', { severity: 'FATAL' });
  return {
    kind: 'startup', user, database: parameters.get('database') || user, protocolVersion: Math.max(protocolVersion, PROTOCOL_3_0),
    negotiate: tooNew || unknownOptions.length > 0, unknownOptions, settings: [...settings, ...named],
  };
}

function refuseReplication(value: string): void {
  if (value !== 'database' && parseBool(value) === false) return;
  if (value !== 'database' && parseBool(value) === null) {
    throw pgError('INVALID_PARAMETER_VALUE', `invalid value for parameter "replication": "${value}"`, {
      severity: 'FATAL', hint: 'Valid values are: "false", 0, "true", 1, "database".',
    });
  }
  throw pgError('FEATURE_NOT_SUPPORTED', 'the replication protocol of PostgreSQL is not supported', { severity: 'FATAL' });
}

/** The `options` parameter: `-c name=value` and `--name=value`, words split at blanks, `\` quotes the next character. */
export function parseOptions(text: string): (readonly [string, string])[] {
  const words = Array.from(text.matchAll(/(?:\\.|[^\s\\])+/gs), (match) => match[0].replace(/\\(.)/gs, '$1'));
  const settings: (readonly [string, string])[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    let assignment: string;
    if (word === '-c') assignment = words[++i] ?? '';
    else if (word.startsWith('-c') || word.startsWith('--')) assignment = word.slice(2);
    else throw pgError('SYNTAX_ERROR', `invalid command-line argument for server process: ${word}`, { severity: 'FATAL' });
    const equals = assignment.indexOf('=');
    if (equals <= 0) {
      throw pgError('SYNTAX_ERROR', word.startsWith('--') ? `--${assignment} requires a value` : `-c ${assignment} requires a value`, { severity: 'FATAL' });
    }
    settings.push([assignment.slice(0, equals).replaceAll('-', '_'), assignment.slice(equals + 1)]);
  }
  return settings;
}
