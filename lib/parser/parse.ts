/**
 * SQL text → raw parse trees, by libpg-query (PostgreSQL 18's own grammar). `loadParser` must have resolved once before
 * the first `parse`. Locations in the trees are turned from UTF-8 byte offsets into character offsets; syntax errors become
 * `PgError`s with PostgreSQL's SQLSTATE and position.
 */
import { setFlagsFromString } from 'node:v8';
import { AssertionFailure } from '../base/assert.js';
import { PgError, type PgErrorFields } from '../base/error.js';
import type { SqlStateName } from '../base/sqlstate.js';
import { cutWaits, waitBody } from './wait-for.js';
import { bodyOf, tagOf, type RawNode, type RawStatement, type RawValue } from './raw.js';

type Grammar = typeof import('libpg-query');

let grammar: Grammar | null = null;
let loading: Promise<void> | null = null;

/**
 * Loads the WebAssembly module; call it once at start. V8 compiles its functions when they are first called: a first parse here
 * does that while the store is being opened, instead of before the first query.
 */
export function loadParser(): Promise<void> {
  loading ??= withPatientTiering(async () => {
    grammar = await import('libpg-query');
    await grammar.loadModule();
    grammar.parseSync('SELECT 1 + 1');
  });
  return loading;
}

/** V8 whose default is known, since flags can be set, not read; the default, and what stands in for it. */
const TIERING = { v8: '11.3.', default: 1_800_000, patient: 400_000_000 };

/**
 * Loads WebAssembly that V8 optimizes later than it would. It counts bytes of code that loops go over, and the grammar's loop is one
 * of hundreds of kilobytes: after the first statement or two it would spend 0.2 s of processor time on optimizing it, which the first
 * clients need (measured on two cores: a start took 75 ms less of them, the first query over a million rows 110 ms); now half of
 * it comes after ten statements with a join and a GROUP BY, the rest after a hundred. What it counts down from is taken over from the flag when a module is made.
 */
async function withPatientTiering(load: () => Promise<void>): Promise<void> {
  if (!process.versions.v8.startsWith(TIERING.v8)) return load();
  setFlagsFromString(`--wasm-tiering-budget=${TIERING.patient}`);
  try {
    await load();
  } finally {
    setFlagsFromString(`--wasm-tiering-budget=${TIERING.default}`);
  }
}

/**
 * Parses a source text into its statements; empty statements are left out.
 * @throws PgError 42601 for syntax errors, and the SQLSTATEs that grammar and scanner raise themselves (0A000, 42P20, ...).
 */
export function parse(sql: string): RawStatement[] {
  const cut = cutWaits(sql);
  if (cut === null) return parseGrammar(sql);
  return parseGrammar(cut.sql).map((statement) => {
    const from = statement.location;
    const end = statement.length === 0 ? sql.length : from + statement.length;
    const found = statement.tag === 'CheckPointStmt' ? cut.waits.find(({ start }) => start >= from && start < end) : undefined;
    return found === undefined ? statement : { ...statement, tag: 'WaitStmt', body: waitBody(found.statement) };
  });
}

/** Parses what the grammar has. */
function parseGrammar(sql: string): RawStatement[] {
  if (sql === '') return [];
  if (grammar === null) throw new AssertionFailure('the parser is loaded before the first statement');
  let tree: RawNode;
  try {
    tree = grammar.parseSync(sql) as RawNode;
  } catch (error) {
    throw syntaxError(grammar, error);
  }
  const statements = (tree.stmts ?? []) as readonly RawNode[];
  const offsets = isAscii(sql) ? null : new OffsetMap(sql);
  return statements.filter((entry) => entry.stmt !== undefined).map((entry) => {
    const statement = entry.stmt as RawNode;
    const start = (entry.stmt_location ?? 0) as number;
    const length = (entry.stmt_len ?? 0) as number;
    if (offsets === null) return { tag: tagOf(statement), body: bodyOf(statement), location: start, length };
    offsets.mapLocations(statement as MutableNode);
    const from = offsets.unit(start);
    return { tag: tagOf(statement), body: bodyOf(statement), location: from, length: length === 0 ? 0 : offsets.unit(start + length) - from };
  });
}

/** True when every character is one byte in UTF-8. */
function isAscii(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[^\x00-\x7f]/.test(text);
}

type MutableNode = { [field: string]: RawValue | undefined };

/** UTF-8 byte offset → character (code point) offset and UTF-16 offset. */
class OffsetMap {
  private readonly characters: Uint32Array;
  private readonly units: Uint32Array;

  constructor(sql: string) {
    const bytes = Buffer.byteLength(sql);
    this.characters = new Uint32Array(bytes + 1);
    this.units = new Uint32Array(bytes + 1);
    let byte = 0;
    let character = 0;
    let unit = 0;
    for (const point of sql) {
      const code = point.codePointAt(0) ?? 0;
      const width = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      for (let i = 0; i < width; i++) {
        this.characters[byte + i] = character;
        this.units[byte + i] = unit;
      }
      byte += width;
      character += 1;
      unit += point.length;
    }
    this.characters[bytes] = character;
    this.units[bytes] = unit;
  }

  unit(byte: number): number {
    return this.units[Math.min(byte, this.units.length - 1)];
  }

  /** Replaces every location of a tree in place. */
  mapLocations(node: MutableNode): void {
    for (const field in node) {
      const value = node[field];
      if (typeof value === 'number') {
        if (LOCATION_FIELDS.has(field) && value > 0) node[field] = this.characters[Math.min(value, this.characters.length - 1)];
      } else if (typeof value === 'object' && value !== null) {
        this.mapLocations(value as MutableNode);
      }
    }
  }
}

const LOCATION_FIELDS = new Set([
  'location', 'name_location', 'list_start', 'list_end', 'rexpr_list_start', 'rexpr_list_end', 'stmt_location',
  'search_seq_column_location', 'cycle_path_location',
]);

interface KnownMessage { readonly pattern: RegExp; readonly code: SqlStateName; readonly fields?: PgErrorFields; readonly noPosition?: true }

/** Messages of scanner and grammar that are not plain syntax errors, or that carry a hint or a detail. */
const KNOWN_MESSAGES: readonly KnownMessage[] = [
  { pattern: /^UNENCRYPTED PASSWORD is no longer supported/, code: 'FEATURE_NOT_SUPPORTED', fields: { hint: 'Remove UNENCRYPTED to store the password in encrypted form instead.' } },
  { pattern: /^CREATE SCHEMA IF NOT EXISTS cannot include|^current database cannot be changed|^constraints cannot be altered to be NOT VALID/, code: 'FEATURE_NOT_SUPPORTED' },
  { pattern: /not yet implemented$|is no longer supported$|^a column list with .* is only supported|^CREATE OR REPLACE CONSTRAINT TRIGGER is not supported/, code: 'FEATURE_NOT_SUPPORTED' },
  { pattern: /^dropping an enum value is not implemented|^aggregates cannot have output arguments|^WITH CHECK OPTION not supported/, code: 'FEATURE_NOT_SUPPORTED' },
  { pattern: /^only string constants are supported in JSON_TABLE|^an ordered-set aggregate with a VARIADIC direct argument/, code: 'FEATURE_NOT_SUPPORTED' },
  { pattern: /^column number must be in range|^precision for type float must be|^unrecognized JSON encoding/, code: 'INVALID_PARAMETER_VALUE' },
  { pattern: /^(modulus|remainder) for hash partition provided more than once/, code: 'DUPLICATE_OBJECT' },
  { pattern: /^frame (start|end|starting)/, code: 'WINDOWING_ERROR' },
  { pattern: /^role name ".*" is reserved|cannot be used as a role name here$/, code: 'RESERVED_NAME' },
  { pattern: /^unrecognized row security option/, code: 'SYNTAX_ERROR', fields: { hint: 'Only PERMISSIVE or RESTRICTIVE policies are supported currently.' } },
  { pattern: /^missing argument/, code: 'SYNTAX_ERROR', fields: { hint: 'Use NONE to denote the missing argument of a unary operator.' } },
  { pattern: /^LIMIT #,# syntax is not supported/, code: 'SYNTAX_ERROR', fields: { hint: 'Use separate LIMIT and OFFSET clauses.' } },
  { pattern: /^invalid byte sequence for encoding/, code: 'CHARACTER_NOT_IN_REPERTOIRE', noPosition: true },
  { pattern: /^unsafe use of \\' in a string literal/, code: 'NONSTANDARD_USE_OF_ESCAPE_CHARACTER', fields: { hint: "Use '' to write quotes in strings. \\' is insecure in client-only encodings." } },
];

/** Messages that PostgreSQL raises as 0A000 when a constraint property does not fit ("... cannot be marked NOT VALID"). */
const CONSTRAINT_PROPERTY = /^.* constraints cannot be marked /;

function syntaxError({ hasSqlDetails }: Grammar, error: unknown): unknown {
  if (!hasSqlDetails(error) || error.sqlDetails === undefined) return error;
  const { message, cursorPosition, functionName } = error.sqlDetails;
  const position = cursorPosition + 1;
  if (CONSTRAINT_PROPERTY.test(message)) return new PgError('FEATURE_NOT_SUPPORTED', message, { position });
  if (message === 'invalid Unicode escape') {
    return functionName === 'str_udeescape'
      ? new PgError('SYNTAX_ERROR', message, { position, hint: 'Unicode escapes must be \\XXXX or \\+XXXXXX.' })
      : new PgError('INVALID_ESCAPE_SEQUENCE', message, { position, hint: 'Unicode escapes must be \\uXXXX or \\UXXXXXXXX.' });
  }
  for (const known of KNOWN_MESSAGES) {
    if (known.pattern.test(message)) {
      return new PgError(known.code, message, { ...known.fields, position: known.noPosition ? undefined : position });
    }
  }
  return new PgError('SYNTAX_ERROR', message, { position });
}
