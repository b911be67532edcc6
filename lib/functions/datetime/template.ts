/**
 * Templates of to_char, to_date and to_timestamp: patterns, modifiers (FM, TM, TH, SP), literals (PostgreSQL's formatting.c).
 */
import { pgError } from '../../base/error.js';

/** Date conventions that must not be mixed in one template. */
export type Convention = 'none' | 'gregorian' | 'isoweek';

/** A pattern; `id` is its upper-case form where the case does not matter. */
export interface Pattern {
  readonly name: string;
  readonly id: string;
  /** The input for it is digits. */
  readonly digits: boolean;
  readonly convention: Convention;
}

export type TemplateNode =
  | { readonly kind: 'pattern'; readonly pattern: Pattern; readonly fill: boolean; readonly localized: boolean; readonly ordinal: '' | 'th' | 'TH' }
  | { readonly kind: 'character' | 'separator' | 'space'; readonly text: string };

/** Patterns in the order in which they are tried; `-`: takes no digits; then conventions. */
const SPECIFICATIONS = `A.D.- A.M.- AD- AM- B.C.- BC- CC DAY- DDDg DDg DY- Day- Dy- Dg FF1 FF2 FF3 FF4 FF5 FF6 FX- HH24 HH12 HH IDDDi IDi IWi
IYYYi IYYi IYi Ii J MI MMg MONTH-g MON-g MS Month-g Mon-g OF- P.M.- PM- Q RM-g SSSSS SSSS SS TZH- TZM TZ- US WWg Wg Y,YYYg YYYYg YYYg YYg Yg`;

/** Patterns whose case decides how their output looks. */
const CASED = new Set(['A.D.', 'A.M.', 'AD', 'AM', 'B.C.', 'BC', 'DAY', 'DY', 'MONTH', 'MON', 'P.M.', 'PM', 'RM', 'TZ']);

const byFirst = new Map<string, Pattern[]>();
function addPattern(pattern: Pattern): void {
  const first = pattern.name[0];
  const list = byFirst.get(first);
  if (list) list.push(pattern);
  else byFirst.set(first, [pattern]);
}
for (const specification of SPECIFICATIONS.split(/\s+/)) {
  const [, name, noDigits, convention] = /^(.+?)(-?)([gi]?)$/.exec(specification)!;
  const upper = name.toUpperCase();
  const pattern: Pattern = {
    name, id: CASED.has(upper) ? name : upper === 'SSSSS' ? 'SSSS' : upper, digits: noDigits === '',
    convention: convention === 'g' ? 'gregorian' : convention === 'i' ? 'isoweek' : 'none',
  };
  addPattern(pattern);
  if (name === upper) addPattern({ ...pattern, name: name.toLowerCase(), id: CASED.has(upper) ? name.toLowerCase() : pattern.id });
}

const isSpace = (unit: number): boolean => unit === 32 || (unit >= 9 && unit <= 13);

/** A printable ASCII character that is neither letter nor digit. */
export function isSeparator(text: string, at: number): boolean {
  return /^[!-/:-@[-`{-~]/.test(text[at] ?? '');
}

function parse(format: string, standard: boolean): TemplateNode[] {
  const nodes: TemplateNode[] = [];
  for (let at = 0; at < format.length;) {
    const prefix = /^(?:FM|fm|TM|tm)/.exec(format.slice(at, at + 2))?.[0].toUpperCase() ?? '';
    at += prefix.length;
    const pattern = byFirst.get(format[at])?.find(({ name }) => format.startsWith(name, at));
    if (pattern) {
      at += pattern.name.length;
      const postfix = /^(?:TH|th|SP)/.exec(format.slice(at, at + 2))?.[0] ?? '';
      at += postfix.length;
      nodes.push({ kind: 'pattern', pattern, fill: prefix === 'FM', localized: prefix === 'TM', ordinal: postfix === 'SP' ? '' : postfix as '' | 'th' | 'TH' });
      continue;
    }
    if (at >= format.length) break;
    if (format[at] === '"') at = quoted(format, at + 1, nodes);
    else at = literal(format, at, standard, nodes);
  }
  return nodes;
}

const characterAt = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at)!);

/** Text between double quotes; a backslash quotes. */
function quoted(format: string, from: number, nodes: TemplateNode[]): number {
  let at = from;
  while (at < format.length) {
    if (format[at] === '"') return at + 1;
    if (format[at] === '\\' && at + 1 < format.length) at++;
    const text = characterAt(format, at);
    nodes.push({ kind: 'character', text });
    at += text.length;
  }
  return at;
}

function literal(format: string, from: number, standard: boolean, nodes: TemplateNode[]): number {
  let at = from;
  if (standard) {
    const text = characterAt(format, at);
    if (!"-./,':; ".includes(text)) throw pgError('INVALID_DATETIME_FORMAT', `invalid datetime format separator: "${text}"`);
    nodes.push({ kind: text === ' ' ? 'space' : 'separator', text });
    return at + 1;
  }
  if (format[at] === '\\' && format[at + 1] === '"') at++;
  const text = characterAt(format, at);
  nodes.push({ kind: isSeparator(format, at) ? 'separator' : isSpace(text.charCodeAt(0)) ? 'space' : 'character', text });
  return at + text.length;
}

const cache = new Map<string, readonly TemplateNode[]>();

/** Nodes of a template; `standard` allows only the separators of SQL/JSON; 22007. */
export function parseTemplate(format: string, standard = false): readonly TemplateNode[] {
  const key = (standard ? 's' : 'p') + format;
  let nodes = cache.get(key);
  if (!nodes) {
    nodes = parse(format, standard);
    if (cache.size > 200) cache.clear();
    cache.set(key, nodes);
  }
  return nodes;
}

/** Roman numerals of the months, December first. */
export const ROMAN_MONTHS = ['XII', 'XI', 'X', 'IX', 'VIII', 'VII', 'VI', 'V', 'IV', 'III', 'II', 'I'];
export const FULL_MONTHS = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
];
