/**
 * Paths for window functions (planner.c): windows are ordered so that sorts can be shared, each is one WindowAgg.
 */
import type { Expr, SortGroupClause, TargetEntry, WindowClause, WindowFunc } from '../analyzer/nodes.js';
import { walkExpression } from '../analyzer/walker.js';
import { emptyTarget, setTargetCostWidth, settingsOf } from './cost-qual.js';
import { equal, equalValue } from './equal.js';
import type { Path, PathKey, PathTarget, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { addPath, createIncrementalSort, createSort, createWindowAgg, setCheapest } from './paths.js';
import { commonPathkeys, pathkeysContained, pathkeysForSortClausesExtended, sortGroupEntry } from './pathkeys.js';
import { fetchUpperRel } from './rel.js';
import { estimateNumGroups } from './selectivity.js';

/** A window that is used, with its functions. */
export interface ActiveWindow { readonly clause: WindowClause; readonly functions: readonly WindowFunc[]; readonly name: string }

/** The windows that have functions, in the order of their evaluation (select_active_windows). */
export function activeWindows(root: PlannerInfo): ActiveWindow[] {
  const byRef = new Map<number, WindowFunc[]>();
  for (const entry of root.processedTlist) {
    walkExpression(entry.expr, (node, level) => {
      if (node.node !== 'WindowFunc' || level !== 0) return undefined;
      const list = byRef.get(node.winref) ?? [];
      if (!list.some((known) => equal(known, node))) list.push(node);
      byRef.set(node.winref, list);
      return undefined;
    });
  }
  const used = root.parse.windowClause.filter((clause) => byRef.has(clause.winref));
  const keyed = used.map((clause) => ({ clause, keys: uniqueOrder(clause) }));
  keyed.sort((a, b) => comparePrefix(b.keys, a.keys));
  const names = windowNames(root.parse.windowClause, keyed.map((item) => item.clause));
  return keyed.map(({ clause }) => {
    const functions = byRef.get(clause.winref)!;
    return { clause: simplerFrame(root, clause, functions), functions, name: names.get(clause)! };
  });
}

const FRAMELESS = new Set(['window_row_number', 'window_rank', 'window_dense_rank', 'window_percent_rank', 'window_cume_dist', 'window_ntile']);
const ROWS_UP_TO_CURRENT = 0x01 | 0x04 | 0x20 | 0x400;

/** Functions that do not look at the frame get the cheapest one. */
function simplerFrame(root: PlannerInfo, clause: WindowClause, functions: readonly WindowFunc[]): WindowClause {
  const catalog = root.glob.context.catalog;
  if (!functions.every((fn) => FRAMELESS.has(catalog.proc(fn.winfnoid)?.prosrc ?? ''))) return clause;
  return { ...clause, frameOptions: ROWS_UP_TO_CURRENT, startOffset: null, endOffset: null };
}

/** Names for EXPLAIN: unnamed windows are w1, w2, ... not clashing with named ones, first come first served. */
function windowNames(all: readonly WindowClause[], active: readonly WindowClause[]): Map<WindowClause, string> {
  const taken = new Set(all.map((clause) => clause.name).filter((name) => name !== null));
  const names = new Map<WindowClause, string>();
  let next = 1;
  for (const clause of active) {
    if (clause.name !== null) {
      names.set(clause, clause.name);
      continue;
    }
    while (taken.has(`w${next}`)) next++;
    names.set(clause, `w${next++}`);
  }
  return names;
}

function uniqueOrder(clause: WindowClause): SortGroupClause[] {
  const result: SortGroupClause[] = [...clause.partitionClause];
  for (const item of clause.orderClause) if (!result.some((known) => equalValue(known, item))) result.push(item);
  return result;
}

/** Positive when a sorts after b: by sort references, then the longer first. */
function comparePrefix(a: readonly SortGroupClause[], b: readonly SortGroupClause[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i].tleSortGroupRef !== b[i].tleSortGroupRef) return a[i].tleSortGroupRef - b[i].tleSortGroupRef;
    if (a[i].sortop !== b[i].sortop) return a[i].sortop - b[i].sortop;
    if (a[i].nullsFirst !== b[i].nullsFirst) return a[i].nullsFirst ? 1 : -1;
  }
  return a.length - b.length;
}

/** The ordering that a window needs: partition columns, then order columns. */
export function windowPathkeys(root: PlannerInfo, window: ActiveWindow, tlist: readonly TargetEntry[]): PathKey[] {
  const result: PathKey[] = [];
  for (const clauses of [window.clause.partitionClause, window.clause.orderClause]) {
    for (const key of pathkeysForSortClausesExtended(root, clauses, tlist).pathkeys) if (!result.includes(key)) result.push(key);
  }
  return result;
}

/** WindowAgg paths over the input's paths. */
export function createWindowPaths(root: PlannerInfo, input: RelOptInfo, inputTarget: PathTarget, outputTarget: PathTarget, windows: readonly ActiveWindow[]): RelOptInfo {
  const rel = fetchUpperRel(root, 'window');
  rel.reltarget = outputTarget;
  for (const path of input.pathlist) {
    if (path === input.cheapestTotal || pathkeysContained(root.windowPathkeys, path.pathkeys) || commonPathkeys(root.windowPathkeys, path.pathkeys) > 0) {
      addPath(rel, oneWindowPath(root, rel, path, inputTarget, outputTarget, windows));
    }
  }
  setCheapest(rel);
  return rel;
}

function oneWindowPath(root: PlannerInfo, rel: RelOptInfo, start: Path, inputTarget: PathTarget, outputTarget: PathTarget, windows: readonly ActiveWindow[]): Path {
  let path = start;
  let target = inputTarget;
  windows.forEach((window, i) => {
    const wanted = windowPathkeys(root, window, root.processedTlist);
    if (!pathkeysContained(wanted, path.pathkeys)) {
      const presorted = commonPathkeys(wanted, path.pathkeys);
      path = presorted > 0 && settingsOf(root).enableIncrementalSort
        ? createIncrementalSort(root, rel, path, wanted, presorted, -1) : createSort(root, rel, path, wanted, -1);
    }
    const last = i === windows.length - 1;
    if (last) target = outputTarget;
    else {
      const next = emptyTarget();
      next.exprs.push(...target.exprs);
      next.sortgrouprefs.push(...target.sortgrouprefs);
      for (const fn of window.functions) {
        if (next.exprs.some((known) => equal(known, fn))) continue;
        next.exprs.push(fn);
        next.sortgrouprefs.push(0);
      }
      target = setTargetCostWidth(root, next);
    }
    const named = window.clause.name === window.name ? window.clause : { ...window.clause, name: window.name };
    path = createWindowAgg(root, rel, path, target, window.functions, named, startupTuples(root, window.clause, path.rows), last);
  });
  return path;
}

const FRAMEOPTION_RANGE = 0x02;
const FRAMEOPTION_ROWS = 0x04;
const FRAMEOPTION_GROUPS = 0x08;
const FRAMEOPTION_END_UNBOUNDED_FOLLOWING = 0x100;
const FRAMEOPTION_END_CURRENT_ROW = 0x400;
const FRAMEOPTION_END_OFFSET_PRECEDING = 0x1000;
const FRAMEOPTION_END_OFFSET_FOLLOWING = 0x4000;

/** Input rows read before the first output row (get_windowclause_startup_tuples). */
function startupTuples(root: PlannerInfo, clause: WindowClause, inputRows: number): number {
  const exprs = (list: readonly SortGroupClause[]): Expr[] => list.map((item) => sortGroupEntry(item, root.processedTlist).expr);
  const options = clause.frameOptions;
  const partitionRows = clause.partitionClause.length > 0 ? inputRows / estimateNumGroups(root, exprs(clause.partitionClause), inputRows).groups : inputRows;
  const peerRows = clause.orderClause.length > 0 ? partitionRows / estimateNumGroups(root, exprs(clause.orderClause), partitionRows).groups : partitionRows;
  let rows: number;
  if (options & FRAMEOPTION_END_UNBOUNDED_FOLLOWING) rows = partitionRows;
  else if (options & FRAMEOPTION_END_CURRENT_ROW) rows = options & FRAMEOPTION_ROWS ? 1 : clause.orderClause.length === 0 ? partitionRows : peerRows;
  else if (options & (FRAMEOPTION_END_OFFSET_PRECEDING | FRAMEOPTION_END_OFFSET_FOLLOWING)) {
    const end = clause.endOffset?.node === 'Const' && clause.endOffset.value !== null ? Number(clause.endOffset.value) : partitionRows / 200;
    const offset = Number.isFinite(end) && end >= 0 ? end : 1;
    if (options & FRAMEOPTION_END_OFFSET_PRECEDING) rows = 1;
    else if (options & FRAMEOPTION_ROWS) rows = offset + 1;
    else if (options & (FRAMEOPTION_RANGE | FRAMEOPTION_GROUPS)) rows = options & FRAMEOPTION_GROUPS ? peerRows * (offset + 1) : partitionRows * 0.3333333;
    else rows = partitionRows;
  } else rows = 1;
  if (clause.partitionClause.length > 0 || clause.orderClause.length > 0) rows = Math.min(rows + 1, partitionRows);
  return Math.min(Math.max(rows, 1), partitionRows);
}
