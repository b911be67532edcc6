/**
 * What an index scan costs inside the index (genericcostestimate, btcostestimate of selfuncs.c).
 */
import type { Expr } from '../analyzer/nodes.js';
import { indexPagesFetched, type IndexCost } from './cost.js';
import { estimateArrayLength, exprCost, roundHalfEven, settingsOf, catalogOf } from './cost-qual.js';
import type { IndexClause, IndexOptInfo, IndexPath, PlannerInfo } from './path-nodes.js';
import { predicateImpliedBy } from './predtest.js';
import { clauseListSelectivity, clauseSelectivity } from './selectivity.js';
import { makeRestrictInfo } from './restrictinfo.js';
import { examineVariable, numDistinct, STATISTIC_CORRELATION, statisticSlot } from './variable-stats.js';

/** Conditions of a partial index's predicate that the index quals do not already say, and the quals. */
function withPredicate(root: PlannerInfo, index: IndexOptInfo, quals: readonly Expr[]): Expr[] {
  const extra = index.predicate.filter((part) => !predicateImpliedBy(root, [part], quals));
  return [...extra, ...quals];
}

/** Estimate for the given index clauses, repeated `loopCount` times. */
export function indexAccessCost(root: PlannerInfo, path: IndexPath, loopCount: number): IndexCost {
  const index = path.index;
  const settings = settingsOf(root);
  const quals = path.clauses.flatMap((clause) => clause.indexQuals);
  const bound = boundQuals(root, index, path.clauses);
  let numTuples: number;
  let scans = bound.scans;
  if (bound.uniqueMatch) numTuples = 1;
  else {
    const selectivity = clauseListSelectivity(root, cached(root, path.clauses, withPredicate(root, index, bound.quals)), index.rel.relid, 'inner', null);
    numTuples = selectivity * index.rel.tuples;
    scans = Math.max(Math.min(scans, Math.ceil(index.pages * 0.3333333)), 1);
    numTuples = roundHalfEven(numTuples / scans);
  }
  const indexSelectivity = clauseListSelectivity(root, cached(root, path.clauses, withPredicate(root, index, quals)), index.rel.relid, 'inner', null);
  numTuples = Math.max(Math.min(numTuples, index.tuples), 1);
  const pages = index.pages > 1 && index.tuples > 1 ? Math.ceil((numTuples * index.pages) / index.tuples) : 1;
  let total: number;
  const numScans = scans * loopCount;
  if (numScans > 1) total = (indexPagesFetched(root, pages * numScans, index.pages, index.pages) * settings.randomPageCost) / loopCount;
  else total = pages * settings.randomPageCost;
  let argCost = 0;
  for (const qual of quals) {
    const operand = otherOperand(qual);
    if (operand) {
      const cost = exprCost(root, operand);
      argCost += cost.startup + cost.perTuple;
    }
  }
  let startup = argCost;
  total += argCost + numTuples * scans * (settings.cpuIndexTupleCost + settings.cpuOperatorCost * quals.length);
  if (index.tuples > 1) {
    const descent = Math.ceil(Math.log(index.tuples) / Math.log(2)) * settings.cpuOperatorCost;
    startup += descent;
    total += scans * descent;
  }
  const pageDescent = (index.treeHeight + 1) * 50 * settings.cpuOperatorCost;
  startup += pageDescent;
  total += scans * pageDescent;
  return { startup, total, selectivity: indexSelectivity, correlation: correlationOf(root, index), pages: index.pages };
}

/** Uses the RestrictInfo (with its cached selectivity) where the index qual is the clause itself. */
function cached(root: PlannerInfo, clauses: readonly IndexClause[], exprs: readonly Expr[]): (Expr | ReturnType<typeof makeRestrictInfo>)[] {
  return exprs.map((expr) => clauses.find((clause) => clause.rinfo.clause === expr)?.rinfo ?? expr);
}

function otherOperand(qual: Expr): Expr | null {
  if (qual.node === 'OpExpr' || qual.node === 'ScalarArrayOpExpr') return qual.args[1];
  return null;
}

interface BoundQuals { quals: Expr[]; scans: number; uniqueMatch: boolean }

/** The quals that bound the range of the index read: equality columns and the first inequality; skip scans count descents. */
function boundQuals(root: PlannerInfo, index: IndexOptInfo, clauses: readonly IndexClause[]): BoundQuals {
  const quals: Expr[] = [];
  let column = 0;
  let equalityHere = false;
  let foundArray = false;
  let foundIsNull = false;
  let rowCompare = false;
  let scans = 1;
  for (const clause of clauses) {
    if (column < clause.indexcol) {
      if (rowCompare) break;
      if (equalityHere) column++;
      equalityHere = false;
      const before = scans;
      let stop = false;
      while (column < clause.indexcol) {
        foundArray = true;
        const { distinct, isDefault } = numDistinct(root, examineVariable(root, index.columns[column]));
        if (isDefault) {
          scans = before;
          stop = true;
          break;
        }
        scans *= distinct + 1;
        if (index.pages < scans) {
          scans = before;
          stop = true;
          break;
        }
        column++;
      }
      if (stop || column !== clause.indexcol) break;
    }
    for (const qual of clause.indexQuals) {
      let opno = 0;
      if (qual.node === 'OpExpr') opno = qual.opno;
      else if (qual.node === 'RowCompareExpr') rowCompare = true;
      else if (qual.node === 'ScalarArrayOpExpr') {
        opno = qual.opno;
        foundArray = true;
        const length = estimateArrayLength(qual.args[1]);
        if (length > 1) scans *= length;
      } else if (qual.node === 'NullTest' && qual.nulltesttype === 'isNull') {
        foundIsNull = true;
        equalityHere = true;
      }
      if (opno !== 0) {
        const entry = catalogOf(root).operatorFamilies(opno).find((candidate) => candidate.family === index.descriptor.opfamilies[column]);
        if (entry && entry.strategy === (index.ordered ? 3 : 1)) equalityHere = true;
      }
      quals.push(qual);
    }
  }
  const uniqueMatch = index.unique && column === index.keyCount - 1 && equalityHere && !foundArray && !foundIsNull;
  return { quals, scans, uniqueMatch };
}

function correlationOf(root: PlannerInfo, index: IndexOptInfo): number {
  if (!index.ordered) return 0;
  const { stats } = examineVariable(root, index.columns[0]);
  const slot = statisticSlot(stats, STATISTIC_CORRELATION);
  if (!slot || slot.numbers.length === 0) return 0;
  let correlation = slot.numbers[0];
  if (index.descriptor.descending[0]) correlation = -correlation;
  return index.keyCount > 1 ? correlation * 0.75 : correlation;
}

/** Selectivity of one restriction, for choosing among bitmap inputs. */
export function restrictionSelectivity(root: PlannerInfo, clause: Expr, relid: number): number {
  return clauseSelectivity(root, clause, relid, 'inner', null);
}
