/**
 * synchronous_standby_names: its grammar and its errors, as PostgreSQL's (replication/syncrep_gram.y, syncrep_scanner.l).
 *
 *     list | n (list) | FIRST n (list) | ANY n (list)       list: name [, name ...]
 *
 * A name is an identifier, a number, a quoted identifier, or * for every standby. It stands here because settings and replication read it.
 */
import { pgError, type PgError } from '../base/error.js';

/** Who must confirm. */
export interface SyncConfig {
  /** FIRST: the standbys earliest in the list; ANY: as many as it takes, whichever. */
  readonly method: 'first' | 'any';
  readonly required: number;
  /** Lower-cased; '*' for every standby. */
  readonly names: readonly string[];
}

const PARAMETER = 'synchronous_standby_names';

interface Token {
  readonly kind: 'name' | 'number' | 'first' | 'any' | 'sign' | 'end';
  readonly text: string;
}

function syntaxError(value: string, detail: string): PgError {
  return pgError('SYNTAX_ERROR', `invalid value for parameter "${PARAMETER}": "${value}"`, { detail });
}

function tokens(value: string): Token[] {
  const found: Token[] = [];
  const pattern = /[ \t\n\r\f\v]+|"((?:[^"]|"")*)"|([A-Za-z_\u0080-\uffff][A-Za-z_\u0080-\uffff0-9$]*)|([0-9]+)|\*|([^])/gy;
  for (const match of value.matchAll(pattern)) {
    const [text, quoted, word, number, sign] = match;
    if (sign === '"') throw syntaxError(value, 'unterminated quoted identifier at end of input');
    if (quoted !== undefined) found.push({ kind: 'name', text: quoted.replaceAll('""', '"') });
    else if (word !== undefined) found.push({ kind: keyword(word), text: word });
    else if (number !== undefined) found.push({ kind: 'number', text: number });
    else if (text === '*') found.push({ kind: 'name', text });
    else if (sign !== undefined) found.push({ kind: 'sign', text: sign });
  }
  found.push({ kind: 'end', text: '' });
  return found;
}

function keyword(word: string): Token['kind'] {
  const upper = word.toUpperCase();
  if (upper === 'FIRST') return 'first';
  return upper === 'ANY' ? 'any' : 'name';
}

/** Reads the setting; null when it is empty. 42601 for what the grammar does not have, 22023 for a number below 1. */
export function parseStandbyNames(value: string): SyncConfig | null {
  if (value === '') return null;
  const all = tokens(value);
  let at = 0;
  const wrong = (): PgError => syntaxError(value, all[at].kind === 'end' ? 'syntax error at end of input' : `syntax error at or near "${all[at].text}"`);
  const take = (...kinds: Token['kind'][]): string => {
    if (!kinds.includes(all[at].kind)) throw wrong();
    return all[at++].text;
  };
  const sign = (text: string): void => {
    if (all[at].kind !== 'sign' || all[at].text !== text) throw wrong();
    at++;
  };
  const list = (): string[] => {
    const names = [take('name', 'number')];
    while (all[at].kind === 'sign' && all[at].text === ',') {
      at++;
      names.push(take('name', 'number'));
    }
    return names;
  };
  const { kind } = all[0];
  let config: { method: SyncConfig['method']; required: number; names: string[] };
  if (kind === 'first' || kind === 'any' || (kind === 'number' && all[1].kind === 'sign' && all[1].text === '(')) {
    if (kind !== 'number') at++;
    const required = Number(take('number'));
    sign('(');
    config = { method: kind === 'any' ? 'any' : 'first', required, names: list() };
    sign(')');
  } else config = { method: 'first', required: 1, names: list() };
  take('end');
  if (config.required < 1) throw pgError('INVALID_PARAMETER_VALUE', `number of synchronous standbys (${config.required}) must be greater than zero`);
  return { ...config, names: config.names.map((name) => name.toLowerCase()) };
}

/** Place of a standby in the list, from 1; 0 when it is not in it. With ANY all places are 1. */
export function standbyPriority(config: SyncConfig, applicationName: string): number {
  const name = applicationName.toLowerCase();
  const index = config.names.findIndex((candidate) => candidate === '*' || candidate === name);
  if (index < 0) return 0;
  return config.method === 'any' ? 1 : index + 1;
}
