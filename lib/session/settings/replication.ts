/**
 * Settings of replication whose values have a syntax of their own: synchronous_standby_names (PostgreSQL's syncrep_gram.y) and
 * names of slots.
 */
import { pgError, type PgError } from '../../base/error.js';
import type { SettingValue } from './values.js';

/** Which standbys must confirm a commit. */
export interface SynchronousStandbys {
  /** FIRST: the first `count` of `names` that are connected; ANY: any `count` of them. */
  readonly method: 'first' | 'any';
  readonly count: number;
  /** Names of standbys; `*` for every one. */
  readonly names: readonly string[];
}

const TOKEN = /\s*(?:("(?:[^"]|"")*")|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(\d+)|(\S)|$)/uy;

interface Token {
  readonly kind: 'name' | 'keyword' | 'number' | 'symbol' | 'end';
  readonly text: string;
}

function tokensOf(value: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const match = TOKEN.exec(value);
    if (match === null || match[0].trim() === '') return [...tokens, { kind: 'end', text: '' }];
    const [, quoted, word, digits, symbol] = match;
    if (quoted !== undefined) tokens.push({ kind: 'name', text: quoted.slice(1, -1).replaceAll('""', '"') });
    else if (word !== undefined) tokens.push({ kind: /^(first|any)$/i.test(word) ? 'keyword' : 'name', text: word });
    else if (digits !== undefined) tokens.push({ kind: 'number', text: digits });
    else if (symbol === '"') throw syntaxError(value, 'unterminated quoted identifier at end of input');
    else tokens.push(symbol === '*' ? { kind: 'name', text: symbol } : { kind: 'symbol', text: symbol });
  }
}

function syntaxError(value: string, detail: string): PgError {
  return pgError('SYNTAX_ERROR', `invalid value for parameter "synchronous_standby_names": "${value}"`, { detail });
}

/** Reads synchronous_standby_names; null when it is empty. @throws 42601; 22023 for a count of 0. */
export function parseSynchronousStandbys(value: string): SynchronousStandbys | null {
  if (value === '') return null;
  const tokens = tokensOf(value);
  let at = 0;
  const expected = (): PgError => syntaxError(value, tokens[at].kind === 'end' ? 'syntax error at end of input' : `syntax error at or near "${tokens[at].text}"`);
  const takeSymbol = (text: string): void => {
    if (tokens[at].kind !== 'symbol' || tokens[at].text !== text) throw expected();
    at++;
  };
  const takeName = (): string => {
    if (tokens[at].kind !== 'name' && tokens[at].kind !== 'number') throw expected();
    return tokens[at++].text;
  };
  const takeNames = (): string[] => {
    const names = [takeName()];
    while (tokens[at].text === ',' && tokens[at].kind === 'symbol') {
      at++;
      names.push(takeName());
    }
    return names;
  };
  let method: SynchronousStandbys['method'] = 'first';
  let count = 1;
  let names: string[];
  const isKeyword = tokens[0].kind === 'keyword';
  if (isKeyword || (tokens[0].kind === 'number' && tokens[1].text === '(')) {
    if (isKeyword) {
      method = tokens[at++].text.toLowerCase() as SynchronousStandbys['method'];
      if (tokens[at].kind !== 'number') throw expected();
    }
    count = Number(tokens[at++].text);
    takeSymbol('(');
    names = takeNames();
    takeSymbol(')');
  } else {
    names = takeNames();
  }
  if (tokens[at].kind !== 'end') throw expected();
  if (count === 0) throw pgError('INVALID_PARAMETER_VALUE', `number of synchronous standbys (${count}) must be greater than zero`);
  return { method, count, names };
}

const MAX_NAME_BYTES = 63;

/** @throws 42602 for a name that no slot may have. */
export function checkSlotName(name: string): void {
  const problem = slotNameProblem(name);
  if (problem !== null) throw problem;
}

function slotNameProblem(name: string): PgError | null {
  if (name === '') return pgError('INVALID_NAME', `replication slot name "${name}" is too short`);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return pgError('NAME_TOO_LONG', `replication slot name "${name}" is too long`);
  if (/^[a-z0-9_]+$/.test(name)) return null;
  return pgError('INVALID_NAME', `replication slot name "${name}" contains invalid character`, {
    hint: 'Replication slot names may only contain lower case letters, numbers, and the underscore character.',
  });
}

/** @throws 42601, 22023, 42602 for a value of a setting of replication that cannot be. */
export function checkReplicationValue(key: string, value: SettingValue): void {
  if (key === 'synchronous_standby_names') parseSynchronousStandbys(String(value));
  if (key !== 'primary_slot_name' || value === '') return;
  const problem = slotNameProblem(String(value));
  if (problem !== null) {
    throw pgError('INVALID_NAME', `invalid value for parameter "primary_slot_name": "${value}"`, { detail: problem.message, hint: problem.hint });
  }
}
