/**
 * Attributes of CREATE and ALTER FUNCTION: volatility, strictness, cost ...
 *
 * Idea: PostgreSQL's compute_function_attributes (commands/functioncmds.c).
 */
import type { DefElem, Node, VariableSetStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';
import type { CommandContext } from '../api.js';
import { optionBoolean, optionText } from '../definition-options.js';
import { changedEntries } from '../role/role-settings.js';
import { at } from '../table/transform-constraint.js';

/** The attributes as written; undefined where the statement does not say. */
export interface RoutineAttributes {
  /** The AS clause's strings. */
  as?: readonly string[];
  language?: string;
  window?: boolean;
  volatility?: string;
  strict?: boolean;
  securityDefiner?: boolean;
  leakproof?: boolean;
  cost?: number;
  rows?: number;
  parallel?: string;
  /** proconfig after SET and RESET clauses. */
  config?: readonly string[];
}

const VOLATILITY: Readonly<Record<string, string>> = { immutable: 'i', stable: 's', volatile: 'v' };
const PARALLEL: Readonly<Record<string, string>> = { safe: 's', unsafe: 'u', restricted: 'r' };
/** What a procedure cannot have. */
const FUNCTION_ONLY = new Set(['window', 'volatility', 'strict', 'leakproof', 'cost', 'rows', 'support', 'parallel']);

/** Reads the attributes; `before` is the function's configuration so far. @throws 42601, 42P13, 22023 */
export function routineAttributes(cx: CommandContext, list: readonly Node[] | undefined, isProcedure: boolean, before: readonly string[] = []): RoutineAttributes {
  const attributes: RoutineAttributes = {};
  const seen = new Set<string>();
  for (const node of list ?? []) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    if (name !== 'set' && seen.has(name)) throw pgError('SYNTAX_ERROR', 'conflicting or redundant options', at(option.location));
    seen.add(name);
    if (isProcedure && FUNCTION_ONLY.has(name)) throw pgError('INVALID_FUNCTION_DEFINITION', 'invalid attribute in procedure definition', at(option.location));
    if (name === 'set') {
      attributes.config = changedEntries(cx, attributes.config ?? before, bodyAs<VariableSetStmt>(bodyOf(option.arg!)));
    } else {
      readAttribute(attributes, name, option);
    }
  }
  return attributes;
}

function readAttribute(attributes: RoutineAttributes, name: string, option: DefElem): void {
  switch (name) {
    case 'as': attributes.as = stringList(bodyAs<{ items?: Node[] }>(bodyOf(option.arg!)).items); return;
    case 'language': attributes.language = optionText(option); return;
    case 'window': attributes.window = optionBoolean(option); return;
    case 'volatility': attributes.volatility = VOLATILITY[optionText(option)]; return;
    case 'strict': attributes.strict = optionBoolean(option); return;
    case 'security': attributes.securityDefiner = optionBoolean(option); return;
    case 'leakproof': attributes.leakproof = optionBoolean(option); return;
    case 'cost': attributes.cost = positive(option, 'COST'); return;
    case 'rows': attributes.rows = positive(option, 'ROWS'); return;
    case 'parallel': {
      const letter = PARALLEL[optionText(option)];
      if (!letter) throw pgError('SYNTAX_ERROR', 'parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE');
      attributes.parallel = letter;
      return;
    }
    default: throw notSupported(`CREATE FUNCTION ... ${name.toUpperCase()}`);
  }
}

function positive(option: DefElem, word: string): number {
  const value = Number(optionText(option));
  if (!(value > 0)) throw pgError('INVALID_PARAMETER_VALUE', `${word} must be positive`);
  return value;
}
