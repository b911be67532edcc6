/**
 * COPY TO's text and CSV formats: values in their text form into lines.
 *
 * Idea: CopyAttributeOutText and CopyAttributeOutCSV (commands/copyto.c).
 */
import type { CopyOptions } from './options.js';

/** Makes one line (without its end) of a row's output texts; null is NULL. */
export type LineFormatter = (texts: readonly (string | null)[]) => string;

/** The formatter for the options; `columns` are the names, for FORCE_QUOTE. */
export function lineFormatter(options: CopyOptions, columns: readonly string[]): LineFormatter {
  return options.format === 'csv' ? csvFormatter(options, columns) : textFormatter(options);
}

/** The header line. */
export function headerLine(options: CopyOptions, columns: readonly string[]): string {
  const format = lineFormatter({ ...options, forceQuote: [] }, columns);
  return format(columns);
}

const TEXT_ESCAPES: Record<string, string> = { '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\' };

function textFormatter({ delimiter, nullString }: CopyOptions): LineFormatter {
  const special = new RegExp(`[\\b\\f\\n\\r\\t\\v\\\\${delimiter.replace(/[\]^\\-]/g, '\\$&')}]`, 'g');
  const test = new RegExp(special.source);
  const escape = (character: string): string => TEXT_ESCAPES[character] ?? `\\${character}`;
  return (texts) => {
    let line = '';
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i];
      if (i > 0) line += delimiter;
      if (text === null) line += nullString;
      else line += test.test(text) ? text.replace(special, escape) : text;
    }
    return line;
  };
}

function csvFormatter(options: CopyOptions, columns: readonly string[]): LineFormatter {
  const { delimiter, nullString, quote, escape, forceQuote } = options;
  const forced = columns.map((name) => forceQuote === '*' || forceQuote.includes(name));
  const needsQuotes = (text: string, single: boolean): boolean =>
    text === nullString || (single && text === '\\.') || text.includes(delimiter) || text.includes(quote) || text.includes('\n') || text.includes('\r');
  const quoted = (text: string): string => {
    let inside = '';
    for (const character of text) inside += character === quote || character === escape ? escape + character : character;
    return quote + inside + quote;
  };
  return (texts) => texts.map((text, index) => {
    if (text === null) return nullString;
    return forced[index] || needsQuotes(text, texts.length === 1) ? quoted(text) : text;
  }).join(delimiter);
}
