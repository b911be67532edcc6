/**
 * COPY's options: reads the statement's list, checks it as PostgreSQL does, fills the defaults of the format.
 *
 * Idea: ProcessCopyOptions (commands/copy.c); the texts of its errors are what clients know.
 */
import type { DefElem, Node } from 'libpg-query';
import { notSupported, pgError, type PgErrorFields } from '../../base/error.js';
import { bodyAs, bodyOf, stringList, tagOf } from '../../parser/raw.js';
import { optionBoolean, optionText } from '../definition-options.js';

/** Everything that decides how COPY reads or writes. */
export interface CopyOptions {
  readonly format: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly nullString: string;
  /** How an explicit default is written in the data; null when the option was not given. */
  readonly defaultString: string | null;
  readonly header: 'none' | 'present' | 'match';
  readonly quote: string;
  readonly escape: string;
  /** Column names, or '*'. */
  readonly forceQuote: readonly string[] | '*';
  readonly forceNotNull: readonly string[] | '*';
  readonly forceNull: readonly string[] | '*';
  readonly freeze: boolean;
  readonly onError: 'stop' | 'ignore';
  /** With ON_ERROR ignore: how many rows may be skipped; 0 = any number. */
  readonly rejectLimit: number;
  readonly logVerbosity: 'default' | 'verbose' | 'silent';
}

/** The values as written, before defaults and cross-checks. */
interface RawOptions {
  format?: CopyOptions['format']; delimiter?: string; nullString?: string; defaultString?: string; header?: CopyOptions['header'];
  quote?: string; escape?: string; forceQuote?: readonly string[] | '*'; forceNotNull?: readonly string[] | '*';
  forceNull?: readonly string[] | '*'; freeze?: boolean; onError?: CopyOptions['onError']; rejectLimit?: number;
  logVerbosity?: CopyOptions['logVerbosity']; encoding?: string;
}

/** Reads the options of a COPY statement. @throws 42601, 22023, 0A000 with PostgreSQL's texts and positions */
export function copyOptions(list: readonly Node[] | undefined, isFrom: boolean): CopyOptions {
  const raw: RawOptions = {};
  const seen = new Set<string>();
  for (const node of list ?? []) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    if (seen.has(name)) throw pgError('SYNTAX_ERROR', 'conflicting or redundant options', where(option));
    seen.add(name);
    readOption(raw, name, option, isFrom);
  }
  return checked(raw, isFrom);
}

function where(option: DefElem): PgErrorFields {
  return option.location === undefined ? {} : { position: option.location + 1 };
}

function readOption(raw: RawOptions, name: string, option: DefElem, isFrom: boolean): void {
  switch (name) {
    case 'format': {
      const format = optionText(option);
      if (format !== 'text' && format !== 'csv' && format !== 'binary') {
        throw pgError('INVALID_PARAMETER_VALUE', `COPY format "${format}" not recognized`, where(option));
      }
      raw.format = format;
      return;
    }
    case 'freeze': raw.freeze = optionBoolean(option); return;
    case 'delimiter': raw.delimiter = optionText(option); return;
    case 'null': raw.nullString = optionText(option); return;
    case 'default': raw.defaultString = optionText(option); return;
    case 'header': raw.header = headerChoice(option, isFrom); return;
    case 'quote': raw.quote = optionText(option); return;
    case 'escape': raw.escape = optionText(option); return;
    case 'force_quote': raw.forceQuote = columnList(option); return;
    case 'force_not_null': raw.forceNotNull = columnList(option); return;
    case 'force_null': raw.forceNull = columnList(option); return;
    case 'encoding': raw.encoding = optionText(option); return;
    case 'on_error': raw.onError = onErrorChoice(option, isFrom); return;
    case 'reject_limit': raw.rejectLimit = rejectLimit(option); return;
    case 'log_verbosity': raw.logVerbosity = logVerbosity(option); return;
    default: throw pgError('SYNTAX_ERROR', `option "${name}" not recognized`, where(option));
  }
}

function headerChoice(option: DefElem, isFrom: boolean): CopyOptions['header'] {
  if (!option.arg) return 'present';
  const text = optionText(option).toLowerCase();
  if (text === 'match') {
    if (!isFrom) throw pgError('FEATURE_NOT_SUPPORTED', `cannot use "${optionText(option)}" with HEADER in COPY TO`);
    return 'match';
  }
  if (text === 'true' || text === 'on' || text === '1') return 'present';
  if (text === 'false' || text === 'off' || text === '0') return 'none';
  throw pgError('SYNTAX_ERROR', `${option.defname ?? ''} requires a Boolean value or "match"`);
}

function columnList(option: DefElem): readonly string[] | '*' {
  if (option.arg && tagOf(option.arg) === 'A_Star') return '*';
  if (option.arg && tagOf(option.arg) === 'List') return stringList(bodyAs<{ items?: Node[] }>(bodyOf(option.arg)).items);
  throw pgError('INVALID_PARAMETER_VALUE', `argument to option "${option.defname ?? ''}" must be a list of column names`, where(option));
}

function onErrorChoice(option: DefElem, isFrom: boolean): CopyOptions['onError'] {
  if (!isFrom) throw pgError('INVALID_PARAMETER_VALUE', 'COPY ON_ERROR cannot be used with COPY TO', where(option));
  const text = optionText(option).toLowerCase();
  if (text === 'stop' || text === 'ignore') return text;
  throw pgError('INVALID_PARAMETER_VALUE', `COPY ON_ERROR "${optionText(option)}" not recognized`, where(option));
}

function rejectLimit(option: DefElem): number {
  const value = Number(optionText(option));
  if (!Number.isInteger(value)) throw pgError('SYNTAX_ERROR', `reject_limit requires a numeric value`);
  if (value <= 0) throw pgError('INVALID_PARAMETER_VALUE', `REJECT_LIMIT (${value}) must be greater than zero`);
  return value;
}

function logVerbosity(option: DefElem): CopyOptions['logVerbosity'] {
  const text = optionText(option).toLowerCase();
  if (text === 'default' || text === 'verbose' || text === 'silent') return text;
  throw pgError('INVALID_PARAMETER_VALUE', `COPY LOG_VERBOSITY "${optionText(option)}" not recognized`, where(option));
}

const fail = (code: 'SYNTAX_ERROR' | 'INVALID_PARAMETER_VALUE' | 'FEATURE_NOT_SUPPORTED', text: string): never => {
  throw pgError(code, text);
};

/** Fills defaults and applies the rules between options, in PostgreSQL's order. */
function checked(raw: RawOptions, isFrom: boolean): CopyOptions {
  const format = raw.format ?? 'text';
  checkBinary(raw, format);
  checkEncoding(raw.encoding);
  const csv = format === 'csv';
  const delimiter = raw.delimiter ?? (csv ? ',' : '\t');
  const nullString = raw.nullString ?? (csv ? '' : '\\N');
  const quote = raw.quote ?? '"';
  const escape = raw.escape ?? quote;
  checkDelimiter(delimiter, nullString, csv);
  if (raw.defaultString !== undefined) checkDefault(raw.defaultString, isFrom);
  if (format === 'binary' && raw.header !== undefined && raw.header !== 'none') fail('FEATURE_NOT_SUPPORTED', 'cannot specify HEADER in BINARY mode');
  checkCsvOnly(raw, csv, isFrom);
  if (csv) checkQuote(quote, escape, delimiter, nullString);
  checkDelimiterApart(delimiter, quote, csv, raw.defaultString, nullString);
  if (raw.freeze && !isFrom) fail('FEATURE_NOT_SUPPORTED', 'COPY FREEZE cannot be used with COPY TO');
  // FREEZE has nothing to do here: a committed row needs no later freezing, and everybody sees it at once.
  if (raw.onError === 'ignore' && format === 'binary') fail('SYNTAX_ERROR', 'only ON_ERROR STOP is allowed in BINARY mode');
  if (raw.rejectLimit !== undefined && raw.onError !== 'ignore') fail('INVALID_PARAMETER_VALUE', 'COPY REJECT_LIMIT requires ON_ERROR to be set to IGNORE');
  return {
    format, delimiter, nullString, defaultString: raw.defaultString ?? null, header: raw.header ?? 'none', quote, escape,
    forceQuote: raw.forceQuote ?? [], forceNotNull: raw.forceNotNull ?? [], forceNull: raw.forceNull ?? [], freeze: false,
    onError: raw.onError ?? 'stop', rejectLimit: raw.rejectLimit ?? 0, logVerbosity: raw.logVerbosity ?? 'default',
  };
}

function checkBinary(raw: RawOptions, format: string): void {
  if (format !== 'binary') return;
  if (raw.delimiter !== undefined) fail('SYNTAX_ERROR', 'cannot specify DELIMITER in BINARY mode');
  if (raw.nullString !== undefined) fail('SYNTAX_ERROR', 'cannot specify NULL in BINARY mode');
  if (raw.defaultString !== undefined) fail('SYNTAX_ERROR', 'cannot specify DEFAULT in BINARY mode');
}

function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined || /^(utf-?8|unicode|sql_ascii)$/i.test(encoding)) return;
  if (!/^[A-Za-z0-9_-]+$/.test(encoding)) fail('INVALID_PARAMETER_VALUE', `argument to option "encoding" must be a valid encoding name`);
  throw notSupported(`COPY with encoding "${encoding}"`);
}

function checkDelimiter(delimiter: string, nullString: string, csv: boolean): void {
  if (Buffer.byteLength(delimiter) !== 1) fail('FEATURE_NOT_SUPPORTED', 'COPY delimiter must be a single one-byte character');
  if (/[\r\n]/.test(delimiter)) fail('INVALID_PARAMETER_VALUE', 'COPY delimiter cannot be newline or carriage return');
  if (/[\r\n]/.test(nullString)) fail('INVALID_PARAMETER_VALUE', 'COPY null representation cannot use newline or carriage return');
  if (!csv && '\\.abcdefghijklmnopqrstuvwxyz0123456789'.includes(delimiter)) {
    fail('INVALID_PARAMETER_VALUE', `COPY delimiter cannot be "${delimiter}"`);
  }
}

function checkDefault(defaultString: string, isFrom: boolean): void {
  if (/[\r\n]/.test(defaultString)) fail('INVALID_PARAMETER_VALUE', 'COPY default representation cannot use newline or carriage return');
  if (!isFrom) fail('FEATURE_NOT_SUPPORTED', 'COPY DEFAULT cannot be used with COPY TO');
}

function checkCsvOnly(raw: RawOptions, csv: boolean, isFrom: boolean): void {
  if (!csv && raw.quote !== undefined) fail('FEATURE_NOT_SUPPORTED', 'COPY QUOTE requires CSV mode');
  if (!csv && raw.escape !== undefined) fail('FEATURE_NOT_SUPPORTED', 'COPY ESCAPE requires CSV mode');
  if (raw.forceQuote !== undefined) {
    if (!csv) fail('FEATURE_NOT_SUPPORTED', 'COPY FORCE_QUOTE requires CSV mode');
    if (isFrom) fail('FEATURE_NOT_SUPPORTED', 'COPY FORCE_QUOTE cannot be used with COPY FROM');
  }
  if (raw.forceNotNull !== undefined) {
    if (!csv) fail('FEATURE_NOT_SUPPORTED', 'COPY FORCE_NOT_NULL requires CSV mode');
    if (!isFrom) fail('INVALID_PARAMETER_VALUE', 'COPY FORCE_NOT_NULL cannot be used with COPY TO');
  }
  if (raw.forceNull !== undefined) {
    if (!csv) fail('FEATURE_NOT_SUPPORTED', 'COPY FORCE_NULL requires CSV mode');
    if (!isFrom) fail('INVALID_PARAMETER_VALUE', 'COPY FORCE_NULL cannot be used with COPY TO');
  }
}

function checkQuote(quote: string, escape: string, delimiter: string, nullString: string): void {
  if (Buffer.byteLength(quote) !== 1) fail('FEATURE_NOT_SUPPORTED', 'COPY quote must be a single one-byte character');
  if (delimiter === quote) fail('INVALID_PARAMETER_VALUE', 'COPY delimiter and quote must be different');
  if (Buffer.byteLength(escape) !== 1) fail('FEATURE_NOT_SUPPORTED', 'COPY escape must be a single one-byte character');
  if (nullString.includes(quote)) fail('INVALID_PARAMETER_VALUE', 'CSV quote character must not appear in the NULL specification');
}

function checkDelimiterApart(delimiter: string, quote: string, csv: boolean, defaultString: string | undefined, nullString: string): void {
  if (nullString.includes(delimiter)) fail('INVALID_PARAMETER_VALUE', 'COPY delimiter character must not appear in the NULL specification');
  if (defaultString === undefined) return;
  if (defaultString.includes(delimiter)) fail('INVALID_PARAMETER_VALUE', 'COPY delimiter character must not appear in the DEFAULT specification');
  if (csv && defaultString.includes(quote)) fail('INVALID_PARAMETER_VALUE', 'CSV quote character must not appear in the DEFAULT specification');
  if (defaultString === nullString) fail('INVALID_PARAMETER_VALUE', 'NULL specification and DEFAULT specification cannot be the same');
}

