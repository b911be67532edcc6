/**
 * Regular expression trees as sources of JavaScript regular expressions (u flag). Existence and start of a match are the
 * same in both; which end is preferred is `automaton.ts`'s part.
 */
import { unreachable } from '../../base/assert.js';
import { CLASSES, escapeCode, type Constraint, type RegexNode, type RegexOptions } from './syntax.js';

/**
 * Numbers of the capturing groups in a JavaScript source. A back reference is followed by an empty group that tells
 * whether it was passed: JavaScript lets a reference to a group that took no part match, PostgreSQL does not.
 */
export class GroupNumbering {
  /** JavaScript's number of each group. */
  readonly groups: number[] = [];
  /** For each back reference: the number of its marker, and of the group it names (undefined: none that can take part). */
  readonly markers: { readonly marker: number; readonly group: number | undefined }[] = [];
  private last = 0;

  group(capture: number): void {
    this.groups[capture] = ++this.last;
  }

  /** The source of a back reference. */
  reference(capture: number): string {
    const group = this.groups[capture];
    this.markers.push({ marker: ++this.last, group });
    return group === undefined ? '(?:(?!)())' : `(?:\\${group}())`;
  }
}

const WORD = `[${CLASSES.word}]`;
const WORD_START = `(?<!${WORD})(?=${WORD})`;
const WORD_END = `(?<=${WORD})(?!${WORD})`;

function constraintSource(what: Constraint, options: RegexOptions): string {
  switch (what) {
    case 'bol': return options.newlineAnchors ? '(?<![^\\n])' : '(?<![^])';
    case 'eol': return options.newlineAnchors ? '(?![^\\n])' : '(?![^])';
    case 'bos': return '(?<![^])';
    case 'eos': return '(?![^])';
    case 'wordStart': return WORD_START;
    case 'wordEnd': return WORD_END;
    case 'wordBoundary': return `(?:${WORD_START}|${WORD_END})`;
    case 'notWordBoundary': return `(?:(?<=${WORD})(?=${WORD})|(?<!${WORD})(?!${WORD}))`;
    default: return unreachable(what, 'constraint');
  }
}

function repeatSuffix(min: number, max: number): string {
  if (min === 0 && max === Infinity) return '*';
  if (min === 1 && max === Infinity) return '+';
  if (min === 0 && max === 1) return '?';
  return max === min ? `{${min}}` : `{${min},${max === Infinity ? '' : max}}`;
}

/**
 * The source of one node. `lazy` overrides the quantifiers within: a part written `(...){1,1}?` is to be as short as
 * possible as a whole, and `(...){1,1}` as long as possible (what SUBSTRING(... SIMILAR ...) is made of).
 */
export function toJavaScript(node: RegexNode, options: RegexOptions, numbering: GroupNumbering, lazy?: boolean): string {
  switch (node.kind) {
    case 'empty': return '(?:)';
    case 'character': return escapeCode(node.code);
    case 'any': return options.newlineStop ? '[^\\n]' : '[^]';
    case 'set': return `[${node.negated ? '^' : ''}${node.source}${node.negated && !node.shorthand && options.newlineStop ? '\\n' : ''}]`;
    case 'constraint': return constraintSource(node.what, options);
    case 'look': return `(?${node.behind ? '<' : ''}${node.negated ? '!' : '='}${toJavaScript(node.inner, options, numbering, lazy)})`;
    case 'backReference': return numbering.reference(node.group);
    case 'group':
      if (node.capture > 0) numbering.group(node.capture);
      return `(${node.capture > 0 ? '' : '?:'}${toJavaScript(node.inner, options, numbering, lazy)})`;
    case 'repeat': {
      if (node.max === 0) return '(?:)';
      const once = node.min === 1 && node.max === 1 && !node.fixed;
      const short = lazy ?? !node.greedy;
      return toJavaScript(node.inner, options, numbering, once ? !node.greedy : lazy) + repeatSuffix(node.min, node.max) + (short ? '?' : '');
    }
    case 'sequence': return node.items.map((item) => toJavaScript(item, options, numbering, lazy)).join('');
    case 'alternatives': return `(?:${node.branches.map((branch) => toJavaScript(branch, options, numbering, lazy)).join('|')})`;
    default: return unreachable(node, 'regular expression node');
  }
}
