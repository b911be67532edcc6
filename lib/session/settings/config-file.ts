/**
 * `pglitedb.conf`: lines of `name = value` as in postgresql.conf (guc-file.l): `#` comments, optional `=`, values bare or in
 * single quotes with '' and \ escapes.
 */
import { pgError } from '../../base/error.js';

/** One setting of a file. */
export interface ConfigLine {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

const LINE = /^\s*([A-Za-z_][\w.]*)\s*(?:=\s*|\s+|(?='))(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))\s*(?:#.*)?$/;

/** Reads a configuration file's text; throws F0000 naming the line of a syntax error. */
export function parseConfigFile(text: string, fileName: string): ConfigLine[] {
  const lines: ConfigLine[] = [];
  text.split(/\r?\n/).forEach((content, index) => {
    if (/^\s*(#.*)?$/.test(content)) return;
    const match = LINE.exec(content);
    if (!match) {
      throw pgError('CONFIG_FILE_ERROR', `syntax error in file "${fileName}" line ${index + 1}, near "${content.trim().slice(0, 40)}"`, { severity: 'FATAL' });
    }
    const value = match[2] === undefined ? match[3] : unescape(match[2]);
    lines.push({ name: match[1], value, line: index + 1 });
  });
  return lines;
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function unescape(text: string): string {
  return text.replace(/''|\\([0-7]{1,3})|\\(.)/g, (_all, octal: string | undefined, character: string | undefined) => {
    if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
    return character === undefined ? "'" : (ESCAPES[character] ?? character);
  });
}
