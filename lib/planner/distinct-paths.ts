/**
 * Paths for DISTINCT and DISTINCT ON (create_distinct_paths of planner.c).
 */
import { NO_AGG_COSTS } from './cost.js';
import { settingsOf } from './cost-qual.js';
import type { Expr } from '../analyzer/nodes.js';
import type { Path, PathTarget, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { addPath, createAgg, createIncrementalSort, createLimit, createSort, createUpperUnique, setCheapest } from './paths.js';
import { commonPathkeys, pathkeysContained, sortGroupEntry } from './pathkeys.js';
import { unplannable } from './planner.js';
import { fetchUpperRel } from './rel.js';
import { estimateNumGroups } from './selectivity.js';

/** Removes duplicates from the input's rows. */
export function createDistinctPaths(root: PlannerInfo, input: RelOptInfo, target: PathTarget, limitTuples: number): RelOptInfo {
  const parse = root.parse;
  const rel = fetchUpperRel(root, 'distinct');
  rel.reltarget = target;
  const inputRows = input.cheapestTotal!.rows;
  const alreadyGrouped = parse.groupClause.length > 0 || parse.groupingSets.length > 0 || parse.hasAggs || root.hasHavingQual;
  const exprs = root.processedDistinctClause.map((clause) => sortGroupEntry(clause, root.processedTlist).expr);
  const rows = alreadyGrouped ? inputRows : estimateNumGroups(root, exprs, inputRows).groups;
  if (parse.distinctClause.every((clause) => clause.sortop)) {
    const wanted = parse.hasDistinctOn && root.distinctPathkeys.length < root.sortPathkeys.length ? root.sortPathkeys : root.distinctPathkeys;
    const limit = root.distinctPathkeys.length === 0 ? 1 : -1;
    for (const original of input.pathlist) {
      let path: Path = original;
      if (!pathkeysContained(wanted, original.pathkeys)) {
        const presorted = commonPathkeys(wanted, original.pathkeys);
        const incremental = presorted > 0 && settingsOf(root).enableIncrementalSort;
        if (original !== input.cheapestTotal && !incremental) continue;
        path = incremental ? createIncrementalSort(root, rel, original, wanted, presorted, limitTuples > 0 && limit > 0 ? limit : -1) : createSort(root, rel, original, wanted, -1);
      }
      if (root.distinctPathkeys.length === 0) addPath(rel, createLimit(rel, path, null, oneRow(), false, 0, 1));
      else addPath(rel, createUpperUnique(root, rel, path, root.distinctPathkeys.length, rows));
    }
  }
  const hashable = parse.distinctClause.every((clause) => clause.hashable) && !parse.hasDistinctOn;
  if (hashable && root.processedDistinctClause.length > 0 && (rel.pathlist.length === 0 || settingsOf(root).enableHashagg)) {
    const cheapest = input.cheapestTotal!;
    addPath(rel, createAgg(root, rel, cheapest, cheapest.target, 'hashed', root.processedDistinctClause, [], NO_AGG_COSTS, rows));
  }
  if (rel.pathlist.length === 0) unplannable('DISTINCT');
  setCheapest(rel);
  return rel;
}

function oneRow(): Expr {
  return { node: 'Const', consttype: 20, consttypmod: -1, constcollid: 0, value: 1, location: -1 };
}
