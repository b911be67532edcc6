/**
 * quote_ident, quote_literal, quote_nullable, concat, concat_ws, format.
 */
import { pgError } from '../../base/error.js';
import { quoteIdentifier } from '../../base/identifier.js';
import { ArrayValue, type Datum } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { pure, withContext } from '../registry.js';
import { characterCount } from './io.js';
import { parseSmall } from '../scalar/int-text.js';

/** A SQL literal of a text; E'' syntax when it holds backslashes. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

pure('quote_ident', quoteIdentifier);
pure('quote_literal', quoteLiteral);
pure('quote_nullable', (text: string | null) => (text === null ? 'NULL' : quoteLiteral(text)));

/** Values and types of a VARIADIC "any" tail, an array given as such spread out; undefined when that array is null. */
export function variadicArguments(cx: CallContext, args: readonly Datum[], from: number): { readonly values: readonly Datum[]; readonly types: readonly number[] } | undefined {
  if (!cx.call.variadic) return { values: args.slice(from), types: cx.call.argTypes.slice(from) };
  const array = args[args.length - 1];
  if (!(array instanceof ArrayValue)) return undefined;
  return {
    values: [...args.slice(from, -1), ...array.elements],
    types: [...cx.call.argTypes.slice(from, args.length - 1), ...array.elements.map(() => array.elementType)],
  };
}

function concatenate(cx: CallContext, separator: string, args: readonly Datum[], from: number): string | null {
  const tail = variadicArguments(cx, args, from);
  if (!tail) return null;
  const parts: string[] = [];
  tail.values.forEach((value, i) => {
    if (value !== null) parts.push(typeof value === 'string' && tail.types[i] !== 18 ? value : cx.services.types.output(tail.types[i], value));
  });
  return parts.join(separator);
}
withContext('text_concat', (cx, ...args: Datum[]) => concatenate(cx, '', args, 0));
withContext('text_concat_ws', (cx, separator: string | null, ...args: Datum[]) =>
  separator === null ? null : concatenate(cx, separator, [separator, ...args], 1));

function tooFew(): Error {
  return pgError('INVALID_PARAMETER_VALUE', 'too few arguments for format()');
}

function argumentZero(): Error {
  return pgError('INVALID_PARAMETER_VALUE', 'format specifies argument 0, but arguments are numbered from 1');
}

/** State of one format() call. */
class Formatter {
  private next = 0;
  constructor(private readonly cx: CallContext, private readonly values: readonly Datum[], private readonly types: readonly number[]) {}

  /** The argument at a 1-based position, or the next one. */
  private take(position: number | undefined): number {
    const index = position === undefined ? this.next : position - 1;
    if (index >= this.values.length) throw tooFew();
    this.next = index + 1;
    return index;
  }

  private text(index: number): string | null {
    const value = this.values[index];
    return value === null ? null : this.cx.services.types.output(this.types[index], value);
  }

  private widthArgument(position: number | undefined): number {
    const text = this.text(this.take(position));
    return text === null ? 0 : parseSmall(text, 'integer', -2147483648, 2147483647);
  }

  /** Formats one specifier whose parts were parsed. */
  convert(position: string | undefined, flag: boolean, width: string | undefined, type: string): string {
    let columns = 0;
    if (width?.startsWith('*')) {
      const inner = width.slice(1, -1);
      if (inner !== '' && Number(inner) === 0) throw argumentZero();
      columns = this.widthArgument(width === '*' ? undefined : Number(inner));
    } else if (width !== undefined) {
      columns = Number(width);
    }
    const left = flag || columns < 0;
    columns = Math.abs(columns);
    if (position !== undefined && Number(position) === 0) throw argumentZero();
    const converted = this.quote(this.text(this.take(position === undefined ? undefined : Number(position))), type);
    const pad = ' '.repeat(Math.max(0, columns - characterCount(converted)));
    return left ? converted + pad : pad + converted;
  }

  private quote(text: string | null, type: string): string {
    if (type === 's') return text ?? '';
    if (type === 'L') return text === null ? 'NULL' : quoteLiteral(text);
    if (text === null) throw pgError('NULL_VALUE_NOT_ALLOWED', 'null values cannot be formatted as an SQL identifier');
    return quoteIdentifier(text);
  }
}

const SPECIFIER = /%(?:(%)|(?:(\d+)\$)?(-)?(\*(?:\d+\$)?|\d+)?([^]?))/gu;

function format(cx: CallContext, pattern: string | null, args: readonly Datum[]): string | null {
  if (pattern === null) return null;
  const tail = variadicArguments(cx, [pattern, ...args], 1) ?? { values: [], types: [] };
  const formatter = new Formatter(cx, tail.values, tail.types);
  return pattern.replace(SPECIFIER, (_whole, percent: string | undefined, position: string | undefined, flag: string | undefined, width: string | undefined, type: string) => {
    if (percent !== undefined) return '%';
    if (type === '') {
      throw pgError('INVALID_PARAMETER_VALUE', 'unterminated format() type specifier', { hint: 'For a single "%" use "%%".' });
    }
    if (!'sIL'.includes(type)) {
      throw pgError('INVALID_PARAMETER_VALUE', `unrecognized format() type specifier "${type}"`, { hint: 'For a single "%" use "%%".' });
    }
    return formatter.convert(position, flag !== undefined, width, type);
  });
}
withContext('text_format', (cx, pattern: string | null, ...args: Datum[]) => format(cx, pattern, args));
withContext('text_format_nv', (cx, pattern: string | null) => format(cx, pattern, []));
