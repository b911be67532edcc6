/**
 * SQL's SIMILAR patterns as AREs (PostgreSQL's similar_escape).
 */
import { pgError } from '../../base/error.js';

/** 22025 for an escape of more than one character. */
export function invalidEscape(): Error {
  return pgError('INVALID_ESCAPE_SEQUENCE', 'invalid escape string', { hint: 'Escape string must be empty or one character.' });
}

/** Where in a bracket expression the scan stands: 0 outside, else the nesting; `place` 1 behind `[`, 2 behind `[^`, 3 further. */
interface BracketState { depth: number; place: number }

function copyWithinBracket(ch: string, state: BracketState): string {
  if (ch === ']' && state.place > 2) {
    state.depth--;
  } else if (ch === '[') {
    state.depth++;
    state.place = 3;
  } else if (ch === '^') {
    state.place++;
  } else {
    state.place = 3;
  }
  return ch === '\\' ? '\\\\' : ch;
}

function translate(ch: string, state: BracketState): string {
  switch (ch) {
    case '[':
      state.depth = 1;
      state.place = 1;
      return '[';
    case '%': return '.*';
    case '_': return '.';
    case '(': return '(?:';
    case '\\': case '.': case '^': case '$': return `\\${ch}`;
    default: return ch;
  }
}

/** The regular expression of a SIMILAR pattern; an empty escape means none; 22025, 2200C. */
export function similarToRegex(pattern: string, escape: string): string {
  if ([...escape].length > 1) throw invalidEscape();
  const state: BracketState = { depth: 0, place: 0 };
  let separators = 0;
  let afterEscape = false;
  let result = '^(?:';
  for (const ch of pattern) {
    if (afterEscape) {
      afterEscape = false;
      if (ch === '"' && state.depth < 1) {
        if (separators > 1) {
          throw pgError('INVALID_USE_OF_ESCAPE_CHARACTER',
            'SQL regular expression may not contain more than two escape-double-quote separators');
        }
        result += separators === 0 ? '){1,1}?(' : '){1,1}(?:';
        separators++;
      } else {
        result += `\\${ch}`;
        state.place = 3;
      }
    } else if (ch === escape) {
      afterEscape = true;
    } else {
      result += state.depth > 0 ? copyWithinBracket(ch, state) : translate(ch, state);
    }
  }
  return `${result})$`;
}
