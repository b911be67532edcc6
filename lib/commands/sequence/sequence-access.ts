/**
 * A session's work with sequences: what nextval and family do. Not transactional: a value once given is never given again,
 * whatever happens to the transaction.
 *
 * Idea: nextval_internal, do_setval (commands/sequence.c).
 */
import type { SequenceFile, SequenceState, Transaction } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import type { Catalog, Oid, Relation } from '../../catalog/api.js';
import type { PgSequence } from '../../catalog/rows.js';
import type { SequenceServices } from '../../functions/sequence.js';
import { normalizeInt8, type Int8 } from '../../types/datum.js';

/** What the service needs of its session. */
export interface SequenceSession {
  readonly catalog: Catalog;
  readonly transaction: Transaction;
  /** 25006 when the transaction is read-only (temporary sequences are exempt). */
  preventIfReadOnly(command: string): void;
  /** 42501 unless the current user has one of the privileges (aclchk letters: U usage, r select, w update). */
  checkSequencePrivilege(relation: Relation, letters: string): void;
}

interface Cached {
  /** Value last given. */
  last: Int8;
  /** Values fetched ahead: up to and including this one. */
  cachedTo: Int8;
  increment: Int8;
  /** pg_class.relfilenode: a rewritten sequence drops what was cached. */
  file: number;
}

/** Values that one log record covers beyond the one given (SEQ_LOG_VALS). */
const SEQ_LOG_VALS = 32n;

/** Sequences of one session. */
export class SequenceAccess implements SequenceServices {
  private readonly cached = new Map<Oid, Cached>();
  private lastUsed: Oid = 0;

  constructor(private readonly session: SequenceSession) {}

  next(sequence: Oid): Int8 {
    const relation = this.open(sequence);
    this.session.checkSequencePrivilege(relation, 'Uw');
    if (relation.persistence !== 't') this.session.preventIfReadOnly('nextval()');
    const cached = this.cached.get(sequence);
    if (cached && cached.file === relation.row.relfilenode && cached.last !== cached.cachedTo) {
      cached.last = normalizeInt8(BigInt(cached.last) + BigInt(cached.increment));
      this.lastUsed = sequence;
      return cached.last;
    }
    return this.fetch(relation);
  }

  /** Takes the next `seqcache` values from storage. */
  private fetch(relation: Relation): Int8 {
    const parameters = this.parameters(relation.oid);
    const file = openSequenceFile(relation, parameters);
    const state = file.read();
    const next = followingNumber(parameters, state);
    if (next !== null) {
      file.write({ lastValue: next, isCalled: true, logCount: state.logCount - 1 });
      this.keep(relation, parameters, next, next);
      return next;
    }
    const first = state.isCalled ? advance(relation.name, parameters, BigInt(state.lastValue)) : BigInt(state.lastValue);
    let last = first;
    for (let i = 1n; i < BigInt(parameters.seqcache); i++) {
      const following = last + BigInt(parameters.seqincrement);
      if (following > BigInt(parameters.seqmax) || following < BigInt(parameters.seqmin)) break;
      last = following;
    }
    file.write(this.advanced(parameters, state, last));
    const value = normalizeInt8(first);
    this.keep(relation, parameters, value, normalizeInt8(last));
    return value;
  }

  private keep(relation: Relation, { seqincrement }: PgSequence, last: Int8, cachedTo: Int8): void {
    this.cached.set(relation.oid, { last, cachedTo, increment: seqincrement, file: relation.row.relfilenode });
    this.lastUsed = relation.oid;
  }

  /** The state at `last`, logged ahead by up to SEQ_LOG_VALS values: most calls of nextval then log nothing. */
  private advanced(parameters: PgSequence, state: SequenceState, last: bigint): SequenceState {
    const lastValue = normalizeInt8(last);
    if (parameters.seqcache !== 1) return { lastValue, isCalled: true, logCount: 0 };
    if (state.logCount > 0) return { lastValue, isCalled: true, logCount: state.logCount - 1 };
    const increment = BigInt(parameters.seqincrement);
    const room = (BigInt(increment > 0n ? parameters.seqmax : parameters.seqmin) - last) / increment;
    const ahead = room < SEQ_LOG_VALS ? room : SEQ_LOG_VALS;
    return { lastValue, isCalled: true, logCount: Number(ahead), aheadValue: normalizeInt8(last + ahead * increment) };
  }

  current(sequence: Oid): Int8 {
    const relation = this.open(sequence);
    this.session.checkSequencePrivilege(relation, 'Ur');
    const cached = this.cached.get(sequence);
    if (!cached) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `currval of sequence "${relation.name}" is not yet defined in this session`);
    return cached.last;
  }

  set(sequence: Oid, value: Int8, isCalled: boolean): void {
    const relation = this.open(sequence);
    this.session.checkSequencePrivilege(relation, 'w');
    if (relation.persistence !== 't') this.session.preventIfReadOnly('setval()');
    const parameters = this.parameters(sequence);
    if (value < parameters.seqmin || value > parameters.seqmax) {
      throw pgError('NUMERIC_VALUE_OUT_OF_RANGE',
        `setval: value ${value} is out of bounds for sequence "${relation.name}" (${parameters.seqmin}..${parameters.seqmax})`);
    }
    relation.openSequence().write({ lastValue: value, isCalled, logCount: 0 });
    const cached = this.cached.get(sequence);
    if (cached) cached.cachedTo = cached.last;
    if (isCalled) {
      this.cached.set(sequence, { last: value, cachedTo: value, increment: parameters.seqincrement, file: relation.row.relfilenode });
    }
  }

  last(): Int8 {
    const cached = this.cached.get(this.lastUsed);
    const relation = cached ? this.session.catalog.relation(this.lastUsed) : null;
    if (!cached || !relation) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'lastval is not yet defined in this session');
    this.session.checkSequencePrivilege(relation, 'Ur');
    return cached.last;
  }

  lastValue(sequence: Oid): Int8 | null {
    const state = this.open(sequence).openSequence().read();
    return state.isCalled ? state.lastValue : null;
  }

  /** DISCARD SEQUENCES. */
  discard(): void {
    this.cached.clear();
    this.lastUsed = 0;
  }

  private open(sequence: Oid): Relation {
    const relation = this.session.catalog.relation(sequence);
    if (!relation) throw pgError('UNDEFINED_TABLE', `could not open relation with OID ${sequence}`);
    if (relation.kind !== 'S') throw pgError('WRONG_OBJECT_TYPE', `"${relation.name}" is not a sequence`);
    return relation;
  }

  private parameters(sequence: Oid): PgSequence {
    const parameters = this.session.catalog.sequence(sequence);
    if (!parameters) throw pgError('INTERNAL_ERROR', `cache lookup failed for sequence ${sequence}`);
    return parameters;
  }
}

/** A sequence's file; one whose state was lost begins at its start again. */
export function openSequenceFile(relation: Relation, { seqstart }: PgSequence): SequenceFile {
  const file = relation.openSequence();
  if (file.isBlank) file.write({ lastValue: seqstart, isCalled: false, logCount: 0 });
  return file;
}

/**
 * The next value where nothing is in its way, which is most calls: no values fetched ahead, none to log, no end of the range, and
 * numbers all the way. Null otherwise.
 */
function followingNumber({ seqcache, seqincrement, seqmin, seqmax }: PgSequence, { lastValue, isCalled, logCount }: SequenceState): number | null {
  if (!isCalled || logCount <= 0 || seqcache !== 1 || typeof lastValue !== 'number' || typeof seqincrement !== 'number') return null;
  const next = lastValue + seqincrement;
  return Number.isSafeInteger(next) && next <= seqmax && next >= seqmin ? next : null;
}

/** The value after `last`, cycling where allowed. @throws 2200H */
function advance(name: string, parameters: PgSequence, last: bigint): bigint {
  const increment = BigInt(parameters.seqincrement);
  const next = last + increment;
  if (increment > 0n && next > BigInt(parameters.seqmax)) {
    if (parameters.seqcycle) return BigInt(parameters.seqmin);
    throw pgError('SEQUENCE_GENERATOR_LIMIT_EXCEEDED', `nextval: reached maximum value of sequence "${name}" (${parameters.seqmax})`);
  }
  if (increment < 0n && next < BigInt(parameters.seqmin)) {
    if (parameters.seqcycle) return BigInt(parameters.seqmax);
    throw pgError('SEQUENCE_GENERATOR_LIMIT_EXCEEDED', `nextval: reached minimum value of sequence "${name}" (${parameters.seqmin})`);
  }
  return next;
}
