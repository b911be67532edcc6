/**
 * Choosing among functions or operators of one name by argument types. Follows func_match_argtypes and
 * func_select_candidate of PostgreSQL's parser/parse_func.c.
 */
import { UNKNOWNOID } from '../types/oids.js';
import { canCoerceTypes } from './coerce.js';
import type { Oid, ParseState } from './state.js';
import { typeRow } from './type-name.js';

/** A function or operator that might be meant, with its argument types laid out as the call's. */
export interface Candidate {
  /** 0: two candidates look the same from here. */
  oid: Oid;
  readonly args: readonly Oid[];
}

/** Those that the arguments can be coerced to implicitly. */
export function matchArgumentTypes<C extends Candidate>(state: ParseState, types: readonly Oid[], candidates: readonly C[]): C[] {
  return candidates.filter((candidate) => canCoerceTypes(state, types, candidate.args, 'implicit'));
}

/** Keeps the candidates with the highest score. */
function best<C>(candidates: readonly C[], score: (candidate: C) => number): C[] {
  let highest = -1;
  let kept: C[] = [];
  for (const candidate of candidates) {
    const value = score(candidate);
    if (value > highest) {
      highest = value;
      kept = [candidate];
    } else if (value === highest) {
      kept.push(candidate);
    }
  }
  return kept;
}

/** The one best candidate by PostgreSQL's rules; null when none stands out. All must accept the argument types. */
export function selectCandidate<C extends Candidate>(state: ParseState, types: readonly Oid[], all: readonly C[]): C | null {
  const base = types.map((type) => (type === UNKNOWNOID ? type : state.catalog.baseType(type)));
  const count = base.length;
  const unknowns = base.filter((type) => type === UNKNOWNOID).length;
  let candidates = best(all, (candidate) => {
    let matches = 0;
    for (let i = 0; i < count; i++) if (base[i] !== UNKNOWNOID && candidate.args[i] === base[i]) matches++;
    return matches;
  });
  if (candidates.length === 1) return candidates[0];
  const categories = base.map((type) => typeRow(state, type).typcategory);
  candidates = best(candidates, (candidate) => {
    let matches = 0;
    for (let i = 0; i < count; i++) {
      if (base[i] !== UNKNOWNOID && (candidate.args[i] === base[i] || isPreferred(state, categories[i], candidate.args[i]))) matches++;
    }
    return matches;
  });
  if (candidates.length === 1) return candidates[0];
  if (unknowns === 0) return null;
  const resolved = resolveUnknowns(state, base, candidates);
  if (resolved !== null) {
    if (resolved.length === 1) return resolved[0];
    if (resolved.length > 0) candidates = resolved;
  }
  return unknowns < count ? byKnownType(state, base, candidates) : null;
}

function isPreferred(state: ParseState, category: string, type: Oid): boolean {
  const row = typeRow(state, type);
  return row.typcategory === category && row.typispreferred;
}

/** Narrows by the category that each unknown argument should have; null when the candidates disagree. */
function resolveUnknowns<C extends Candidate>(state: ParseState, base: readonly Oid[], candidates: readonly C[]): C[] | null {
  const wanted: ({ category: string; preferred: boolean } | null)[] = base.map(() => null);
  for (let i = 0; i < base.length; i++) {
    if (base[i] !== UNKNOWNOID) continue;
    let slot: { category: string; preferred: boolean } | null = null;
    let conflict = false;
    for (const candidate of candidates) {
      const row = typeRow(state, candidate.args[i]);
      if (slot === null) slot = { category: row.typcategory, preferred: row.typispreferred };
      else if (row.typcategory === slot.category) slot.preferred ||= row.typispreferred;
      else if (row.typcategory === 'S') slot = { category: 'S', preferred: row.typispreferred };
      else conflict = true;
    }
    if (conflict && slot?.category !== 'S') return null;
    wanted[i] = slot;
  }
  return candidates.filter((candidate) => wanted.every((slot, i) => {
    if (slot === null) return true;
    const row = typeRow(state, candidate.args[i]);
    return row.typcategory === slot.category && (!slot.preferred || row.typispreferred);
  }));
}

/** When all known arguments are of one type, tries that type for the unknown ones. */
function byKnownType<C extends Candidate>(state: ParseState, base: readonly Oid[], candidates: readonly C[]): C | null {
  const known = base.filter((type) => type !== UNKNOWNOID);
  if (known.some((type) => type !== known[0])) return null;
  const types = base.map(() => known[0]);
  const fitting = candidates.filter((candidate) => canCoerceTypes(state, types, candidate.args, 'implicit'));
  return fitting.length === 1 ? fitting[0] : null;
}
