/**
 * A sequence's parameters from its option list, with PostgreSQL's defaults and checks.
 *
 * Idea: init_params (commands/sequence.c).
 */
import type { DefElem, Node } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import type { PgSequence } from '../../catalog/rows.js';
import { bodyAs, bodyOf, stringList, tagOf } from '../../parser/raw.js';
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { INT2OID, INT4OID, INT8OID } from '../../types/oids.js';

/** What the options ask for. */
export interface SequenceParameters {
  readonly row: Omit<PgSequence, 'seqrelid'>;
  /** Set the sequence to this state (CREATE, RESTART); null leaves it. */
  readonly restart: { readonly lastValue: Int8; readonly isCalled: boolean } | null;
  /** OWNED BY: the name list, or null when the option is absent. */
  readonly ownedBy: readonly string[] | null;
}

const RANGES: Record<number, readonly [bigint, bigint]> = {
  [INT2OID]: [-32768n, 32767n],
  [INT4OID]: [-2147483648n, 2147483647n],
  [INT8OID]: [-9223372036854775808n, 9223372036854775807n],
};
const TYPE_NAMES: Record<number, string> = { [INT2OID]: 'smallint', [INT4OID]: 'integer', [INT8OID]: 'bigint' };

/** How AS names types: resolved by the caller. */
export type ResolveType = (option: DefElem) => Oid;

/**
 * Reads the options. `before` is the sequence as it is (ALTER), null when it is being made; `current` its state.
 * Throws 42601, 22023 with PostgreSQL's texts and positions.
 */
export function sequenceParameters(
  list: readonly Node[], forIdentity: boolean, before: PgSequence | null, current: { lastValue: Int8; isCalled: boolean } | null, resolveType: ResolveType,
): SequenceParameters {
  const options = collect(list);
  const type = sequenceType(options.get('as'), before, forIdentity, resolveType);
  const typeChanged = before !== null && options.has('as');
  const increment = options.has('increment') ? integer(options.get('increment')) : BigInt(before?.seqincrement ?? 1);
  if (increment === 0n) throw pgError('INVALID_PARAMETER_VALUE', 'INCREMENT must not be zero');
  const max = limit('maxvalue', options, type, increment, before, typeChanged);
  const min = limit('minvalue', options, type, increment, before, typeChanged);
  if (min >= max) throw pgError('INVALID_PARAMETER_VALUE', `MINVALUE (${min}) must be less than MAXVALUE (${max})`);
  const start = options.has('start') ? integer(options.get('start')) : before ? BigInt(before.seqstart) : increment > 0n ? min : max;
  if (start < min) throw pgError('INVALID_PARAMETER_VALUE', `START value (${start}) cannot be less than MINVALUE (${min})`);
  if (start > max) throw pgError('INVALID_PARAMETER_VALUE', `START value (${start}) cannot be greater than MAXVALUE (${max})`);
  const cache = options.has('cache') ? integer(options.get('cache')) : BigInt(before?.seqcache ?? 1);
  if (cache <= 0n) throw pgError('INVALID_PARAMETER_VALUE', `CACHE (${cache}) must be greater than zero`);
  const restart = restartState(options, start, before === null);
  const last = restart ? BigInt(restart.lastValue) : BigInt(current?.lastValue ?? start);
  if (last < min) throw pgError('INVALID_PARAMETER_VALUE', `RESTART value (${last}) cannot be less than MINVALUE (${min})`);
  if (last > max) throw pgError('INVALID_PARAMETER_VALUE', `RESTART value (${last}) cannot be greater than MAXVALUE (${max})`);
  const cycle = options.get('cycle');
  const owned = options.get('owned_by');
  return {
    row: {
      seqtypid: type, seqstart: normalizeInt8(start), seqincrement: normalizeInt8(increment), seqmax: normalizeInt8(max),
      seqmin: normalizeInt8(min), seqcache: normalizeInt8(cache), seqcycle: cycle ? booleanOption(cycle) : before?.seqcycle ?? false,
    },
    restart,
    ownedBy: owned ? stringList(bodyAs<{ items?: Node[] }>(bodyOf(owned.arg!)).items) : null,
  };
}

const KNOWN = new Set(['as', 'increment', 'start', 'restart', 'maxvalue', 'minvalue', 'cache', 'cycle', 'owned_by', 'sequence_name', 'logged', 'unlogged']);

function collect(list: readonly Node[]): Map<string, DefElem> {
  const options = new Map<string, DefElem>();
  for (const node of list) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    const position = option.location === undefined ? {} : { position: option.location + 1 };
    if (!KNOWN.has(name)) throw pgError('SYNTAX_ERROR', `option "${name}" not recognized`, position);
    if (options.has(name)) throw pgError('SYNTAX_ERROR', 'conflicting or redundant options', position);
    options.set(name, option);
  }
  return options;
}

function sequenceType(option: DefElem | undefined, before: PgSequence | null, forIdentity: boolean, resolveType: ResolveType): Oid {
  if (!option) return before?.seqtypid ?? INT8OID;
  const type = resolveType(option);
  if (type in RANGES) return type;
  throw pgError('INVALID_PARAMETER_VALUE', forIdentity
    ? 'identity column type must be smallint, integer, or bigint'
    : 'sequence type must be smallint, integer, or bigint');
}

/** MAXVALUE or MINVALUE: given, kept, or the type's. */
function limit(which: 'maxvalue' | 'minvalue', options: ReadonlyMap<string, DefElem>, type: Oid, increment: bigint, before: PgSequence | null, typeChanged: boolean): bigint {
  const [lowest, highest] = RANGES[type];
  const isMax = which === 'maxvalue';
  const option = options.get(which);
  const moves = before !== null && typeChanged && option === undefined && atOldLimit(before, isMax);
  const kept = before && !(option && !option.arg) && !moves ? BigInt(isMax ? before.seqmax : before.seqmin) : null;
  let value = kept;
  if (option?.arg) value = integer(option);
  if (value === null) value = isMax ? (increment > 0n || moves ? highest : -1n) : (increment > 0n && !moves ? 1n : lowest);
  if (value < lowest || value > highest) {
    throw pgError('INVALID_PARAMETER_VALUE', `${which.toUpperCase()} (${value}) is out of range for sequence data type ${TYPE_NAMES[type]}`);
  }
  return value;
}

/** A limit that was the old type's own moves with the type. */
function atOldLimit(before: PgSequence, isMax: boolean): boolean {
  const [lowest, highest] = RANGES[before.seqtypid];
  return isMax ? BigInt(before.seqmax) === highest : BigInt(before.seqmin) === lowest;
}

function restartState(options: ReadonlyMap<string, DefElem>, start: bigint, isNew: boolean): SequenceParameters['restart'] {
  const restart = options.get('restart');
  if (restart) return { lastValue: normalizeInt8(restart.arg ? integer(restart) : start), isCalled: false };
  return isNew ? { lastValue: normalizeInt8(start), isCalled: false } : null;
}

/** A DefElem's value as a 64-bit integer (defGetInt64). @throws 42601, 22003 */
function integer(option: DefElem | undefined): bigint {
  const body = option?.arg ? bodyOf(option.arg) : null;
  switch (option?.arg ? tagOf(option.arg) : '') {
    case 'Integer': return BigInt((body?.ival as number | undefined) ?? 0);
    case 'Float': {
      const text = String(body?.fval);
      if (!/^[+-]?\d+$/.test(text)) throw pgError('INVALID_TEXT_REPRESENTATION', `invalid input syntax for type bigint: "${text}"`);
      const value = BigInt(text);
      if (value !== BigInt.asIntN(64, value)) throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', `value "${text}" is out of range for type bigint`);
      return value;
    }
    default: throw pgError('SYNTAX_ERROR', `${option?.defname ?? ''} requires a numeric value`);
  }
}

function booleanOption(option: DefElem): boolean {
  return option.arg ? bodyOf(option.arg).boolval === true : true;
}
