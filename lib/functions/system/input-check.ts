/**
 * pg_input_is_valid, pg_input_error_info, parse_ident: would this text be accepted?
 */
import { pgError, PgError } from '../../base/error.js';
import { ArrayValue, RecordValue } from '../../types/datum.js';
import { CSTRINGOID, RECORDOID, TEXTOID } from '../../types/oids.js';
import type { CallContext } from '../context.js';
import { builtin, pure, withContext } from '../registry.js';

/** A type's name with its modifier taken apart: `numeric(10,2)[]` → `numeric[]`, 10 and 2. */
function splitModifier(name: string): { readonly type: string; readonly modifiers: readonly string[] } {
  const match = /^([^(]*?)\s*\(\s*([^)]*)\)\s*(.*)$/s.exec(name);
  if (!match || name.startsWith('"')) return { type: name, modifiers: [] };
  return { type: `${match[1]}${match[3] === '' || match[3].startsWith('[') ? '' : ' '}${match[3]}`, modifiers: match[2].split(',').map((part) => part.trim()) };
}

/** The error that reading `text` as the named type raises, if any; an unknown type raises it at once. */
function inputError(cx: CallContext, text: string, typeName: string): PgError | undefined {
  const { type, modifiers } = splitModifier(typeName);
  const oid = cx.services.system.objectOid('regtype', type);
  const facts = cx.services.types.facts(oid);
  let typmod = -1;
  if (modifiers.length > 0) {
    const element = facts.elementType === 0 ? facts : cx.services.types.facts(facts.elementType);
    const reader = builtin(`${element.name}typmodin`);
    if (reader?.kind === 'pure') typmod = reader.fn(ArrayValue.of(CSTRINGOID, modifiers)) as number;
  }
  try {
    cx.services.types.input(oid, text, typmod);
    return undefined;
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
}

withContext('pg_input_is_valid', (cx, text: string, type: string) => inputError(cx, text, type) === undefined);
withContext('pg_input_error_info', (cx, text: string, type: string) => {
  const error = inputError(cx, text, type);
  const values = error ? [error.message, error.detail ?? null, error.hint ?? null, error.sqlstate] : [null, null, null, null];
  return new RecordValue(RECORDOID, values, [TEXTOID, TEXTOID, TEXTOID, TEXTOID], ['message', 'detail', 'hint', 'sql_error_code']);
});

function notIdentifier(text: string, detail?: string): PgError {
  return pgError('INVALID_PARAMETER_VALUE', `string is not a valid identifier: "${text}"`, { detail });
}

/** Parts of a dotted name. */
class IdentifierReader {
  private at = 0;
  constructor(private readonly text: string) {}

  private skipSpace(): void {
    while (/[ \t\n\r\f\v]/.test(this.text[this.at] ?? '')) this.at++;
  }

  private quoted(): string {
    let part = '';
    for (let i = this.at + 1; ; i++) {
      if (i >= this.text.length) throw notIdentifier(this.text, 'String has unclosed double quotes.');
      if (this.text[i] === '"') {
        if (this.text[i + 1] !== '"') {
          this.at = i + 1;
          break;
        }
        i++;
      }
      part += this.text[i];
    }
    if (part === '') throw notIdentifier(this.text, 'Quoted identifier must not be empty.');
    return part;
  }

  private part(afterDot: boolean): string {
    if (this.text[this.at] === '"') return this.quoted();
    const plain = /^[A-Za-z_\u0080-\u{10ffff}][A-Za-z0-9_$\u0080-\u{10ffff}]*/u.exec(this.text.slice(this.at));
    if (plain) {
      this.at += plain[0].length;
      return plain[0].replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    }
    if (this.text[this.at] === '.') throw notIdentifier(this.text, 'No valid identifier before ".".');
    throw notIdentifier(this.text, afterDot ? 'No valid identifier after ".".' : undefined);
  }

  read(strict: boolean): string[] {
    const parts: string[] = [];
    this.skipSpace();
    for (;;) {
      parts.push(this.part(parts.length > 0));
      this.skipSpace();
      if (this.text[this.at] !== '.') break;
      this.at++;
      this.skipSpace();
    }
    if (strict && this.at < this.text.length) throw notIdentifier(this.text);
    return parts;
  }
}
pure('parse_ident', (text: string, strict: boolean) => ArrayValue.of(TEXTOID, new IdentifierReader(text).read(strict)));

pure('pg_jit_available', () => false);
pure('pg_numa_available', () => false);

/** Plain letters of accented ones, as far as LATIN1, LATIN2, LATIN9 and WIN1250 have them. */
function toAscii(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[^\0-\x7f]/gu, ' ');
}
const ASCII_SOURCES = new Set(['LATIN1', 'LATIN2', 'LATIN9', 'WIN1250']);
function unsupportedAscii(name: string): PgError {
  return pgError('FEATURE_NOT_SUPPORTED', `encoding conversion from ${name} to ASCII not supported`);
}
pure('to_ascii_default', () => {
  throw unsupportedAscii('UTF8');
});
pure('to_ascii_encname', (text: string, name: string) => {
  if (!ASCII_SOURCES.has(name.toUpperCase())) throw unsupportedAscii(name);
  return toAscii(text);
});
