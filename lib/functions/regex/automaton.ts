/**
 * Finds where a match that starts at a known place ends by PostgreSQL's rules: the longest or the shortest possible match
 * overall, which backtracking engines do not give. A nondeterministic automaton over the tree, simulated state set by
 * state set (Thompson 1968); constraints and lookaround are asked of JavaScript at the position.
 */
import { unreachable } from '../../base/assert.js';
import { GroupNumbering, toJavaScript } from './javascript.js';
import type { ParsedRegex, RegexNode, RegexOptions } from './syntax.js';

/** Longest, shortest, or no preference because there is no choice. */
export type Preference = 'longest' | 'shortest' | 'none';

/** The preference of a tree by the rules of PostgreSQL's documentation, section "Regular Expression Matching Rules". */
export function preferenceOf(node: RegexNode): Preference {
  switch (node.kind) {
    case 'group': return preferenceOf(node.inner);
    case 'repeat':
      if (node.fixed) return preferenceOf(node.inner);
      return node.greedy ? 'longest' : 'shortest';
    case 'sequence': {
      for (const item of node.items) {
        const preference = preferenceOf(item);
        if (preference !== 'none') return preference;
      }
      return 'none';
    }
    case 'alternatives': return 'longest';
    default: return 'none';
  }
}

/** Might JavaScript's first choice of a match differ from the preferred one? */
export function needsAutomaton(node: RegexNode): boolean {
  switch (node.kind) {
    case 'alternatives': return true;
    case 'group': return needsAutomaton(node.inner);
    case 'repeat': return !node.greedy || (node.min !== node.max && node.inner.kind === 'group') || needsAutomaton(node.inner);
    case 'sequence': return node.items.some(needsAutomaton);
    default: return false;
  }
}

/** Can the node match in more than one way, so that repeating it may make a backtracking search exponential? */
function isAmbiguous(node: RegexNode): boolean {
  switch (node.kind) {
    case 'repeat': return node.max > 1 || isAmbiguous(node.inner);
    case 'alternatives': {
      const codes = node.branches.map((branch) => (branch.kind === 'character' ? branch.code : -1));
      return codes.includes(-1) || new Set(codes).size < codes.length;
    }
    case 'group': return isAmbiguous(node.inner);
    case 'sequence': return node.items.some(isAmbiguous);
    default: return false;
  }
}

/** Does the tree repeat something ambiguous, as `(a+)+`? Then even the search goes through the automaton. */
export function mayExplode(node: RegexNode): boolean {
  switch (node.kind) {
    case 'repeat': return (node.max > 10 && isAmbiguous(node.inner)) || mayExplode(node.inner);
    case 'alternatives': return node.branches.some(mayExplode);
    case 'group': return mayExplode(node.inner);
    case 'sequence': return node.items.some(mayExplode);
    default: return false;
  }
}

type State =
  | { readonly kind: 'match' }
  | { readonly kind: 'consume'; readonly accepts: (code: number) => boolean; readonly next: number }
  | { readonly kind: 'assert'; readonly holds: RegExp; readonly next: number }
  | { readonly kind: 'split'; readonly targets: number[] };

/** Membership test of one character, remembered per character. */
function characterTest(source: string, ignoreCase: boolean): (code: number) => boolean {
  const expression = new RegExp(`^${source}$`, ignoreCase ? 'ui' : 'u');
  const known = new Map<number, boolean>();
  return (code) => {
    let answer = known.get(code);
    if (answer === undefined) {
      answer = expression.test(String.fromCodePoint(code));
      known.set(code, answer);
    }
    return answer;
  };
}

/** See the file's comment. */
export class Automaton {
  private readonly states: State[] = [{ kind: 'match' }];
  private readonly start: number;
  private readonly options: RegexOptions;

  constructor(parsed: ParsedRegex) {
    this.options = parsed.options;
    this.start = this.build(parsed.root, 0);
  }

  private add(state: State): number {
    return this.states.push(state) - 1;
  }

  /** Adds the states of a node that continue at `next`; returns where it begins. */
  private build(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'empty': return next;
      case 'character': case 'any': case 'set': {
        const source = toJavaScript(node, this.options, new GroupNumbering());
        return this.add({ kind: 'consume', accepts: characterTest(source, this.options.ignoreCase), next });
      }
      case 'constraint': case 'look':
        return this.add({ kind: 'assert', holds: new RegExp(toJavaScript(node, this.options, new GroupNumbering()), this.options.ignoreCase ? 'yui' : 'yu'), next });
      case 'group': return this.build(node.inner, next);
      case 'sequence': return node.items.reduceRight((after, item) => this.build(item, after), next);
      case 'alternatives': return this.add({ kind: 'split', targets: node.branches.map((branch) => this.build(branch, next)) });
      case 'repeat': return this.buildRepeat(node.inner, node.min, node.max, next);
      case 'backReference': return unreachable(node as never, 'back reference in an automaton');
      default: return unreachable(node, 'regular expression node');
    }
  }

  private buildRepeat(inner: RegexNode, min: number, max: number, next: number): number {
    let at = next;
    if (max === Infinity) {
      const targets: number[] = [];
      const loop = this.add({ kind: 'split', targets });
      targets.push(this.build(inner, loop), next);
      at = loop;
    } else {
      for (let i = min; i < max; i++) at = this.add({ kind: 'split', targets: [this.build(inner, at), next] });
    }
    for (let i = 0; i < min; i++) at = this.build(inner, at);
    return at;
  }

  /** Start of the first match at or after `from`, or -1. */
  findStart(text: string, from: number): number {
    if (this.findEnd(text, from, 'shortest', true) < 0) return -1;
    for (let at = from; at <= text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit >= 0xdc00 && unit < 0xe000 && at > 0) continue;
      if (this.findEnd(text, at, 'shortest') >= 0) return at;
    }
    return -1;
  }

  /** End of the preferred match that starts at `from` (or, `floating`, anywhere behind it), or -1 when there is none. */
  findEnd(text: string, from: number, preference: Preference, floating = false): number {
    let current: number[] = [];
    let marks = new Uint8Array(this.states.length);
    let end = -1;
    let at = from;
    const enter = (index: number, into: number[]): boolean => {
      if (marks[index] === 1) return false;
      marks[index] = 1;
      const state = this.states[index];
      switch (state.kind) {
        case 'match': return true;
        case 'consume': into.push(index); return false;
        case 'split': {
          let matched = false;
          for (const target of state.targets) if (enter(target, into)) matched = true;
          return matched;
        }
        case 'assert':
          state.holds.lastIndex = at;
          return state.holds.test(text) && enter(state.next, into);
        default: return unreachable(state, 'automaton state');
      }
    };
    if (enter(this.start, current)) end = at;
    while (at < text.length) {
      if (!floating && current.length === 0) break;
      if (end >= 0 && preference === 'shortest') return end;
      const code = text.codePointAt(at)!;
      at += code > 0xffff ? 2 : 1;
      marks = new Uint8Array(this.states.length);
      const following: number[] = [];
      for (const index of current) {
        const state = this.states[index];
        if (state.kind === 'consume' && state.accepts(code) && enter(state.next, following)) end = at;
      }
      if (floating && enter(this.start, following)) end = at;
      current = following;
    }
    return end;
  }
}
