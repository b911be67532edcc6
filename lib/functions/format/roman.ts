/**
 * Roman numerals for to_char and to_number, with the strictness of PostgreSQL 18.
 */

/** Longest numeral: MMMDCCCLXXXVIII. */
export const MAX_ROMAN_LENGTH = 15;

const DIGITS: readonly (readonly [value: number, text: string])[] = [
  [1000, 'M'], [900, 'CM'], [500, 'D'], [400, 'CD'], [100, 'C'], [90, 'XC'], [50, 'L'], [40, 'XL'], [10, 'X'], [9, 'IX'], [5, 'V'], [4, 'IV'], [1, 'I'],
];

/** 1-3999; anything else is fifteen hash signs. */
export function toRoman(value: number): string {
  if (value > 3999 || value < 1) return '#'.repeat(MAX_ROMAN_LENGTH);
  let rest = value;
  let text = '';
  for (const [worth, letters] of DIGITS) {
    while (rest >= worth) {
      text += letters;
      rest -= worth;
    }
  }
  return text;
}

/** Value and length of the numeral that a text begins with (white space skipped); undefined when it is none. */
export function fromRoman(text: string): { readonly value: number; readonly length: number } | undefined {
  const match = /^\s*([IVXLCDM]{1,15})/i.exec(text);
  if (!match) return undefined;
  const numeral = match[1].toUpperCase();
  let rest = numeral;
  let value = 0;
  for (const [worth, letters] of DIGITS) {
    while (rest.startsWith(letters)) {
      value += worth;
      rest = rest.slice(letters.length);
    }
  }
  return rest === '' && toRoman(value) === numeral ? { value, length: match[0].length } : undefined;
}
