/**
 * Evaluation cost of expressions, widths, and small numeric rules of cost estimation (costsize.c: cost_qual_eval,
 * set_pathtarget_cost_width, clamp_row_est ...).
 */
import type { Expr } from '../analyzer/nodes.js';
import { exprType, exprTypmod } from '../analyzer/node-functions.js';
import { forEachChild } from '../analyzer/walker.js';
import type { Catalog, Oid } from '../catalog/api.js';
import { placeholderOf } from './clauses.js';
import type { PathTarget, PlannerInfo, QualCost, RestrictInfo } from './path-nodes.js';
import type { PlannerSettings } from './context.js';

/** Bytes per page, as PostgreSQL's cost model counts. */
export const BLOCK_SIZE = 8192;
const MAX_ROWS = 1e100;

/** A row estimate made sane: at least 1, integral. */
export function clampRows(rows: number): number {
  if (rows > MAX_ROWS || Number.isNaN(rows)) return MAX_ROWS;
  return rows <= 1 ? 1 : roundHalfEven(rows);
}

/** C's rint: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction < 0.5) return floor;
  if (fraction > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Settings of the planning run. */
export function settingsOf(root: PlannerInfo): Readonly<PlannerSettings> {
  return root.glob.context.settings;
}

/** Catalog of the planning run. */
export function catalogOf(root: PlannerInfo): Catalog {
  return root.glob.context.catalog;
}

/** hash_mem: work_mem times hash_mem_multiplier, in bytes. */
export function hashMemoryLimit(root: PlannerInfo): number {
  const settings = settingsOf(root);
  return settings.workMem * 1024 * settings.hashMemMultiplier;
}

/** Bytes of so many tuples in memory. */
export function relationByteSize(tuples: number, width: number): number {
  return tuples * (align8(width) + 24);
}

/** Pages of so many tuples in a temporary file. */
export function pageSize(tuples: number, width: number): number {
  return Math.ceil(relationByteSize(tuples, width) / BLOCK_SIZE);
}

/** Rounded up to a multiple of 8. */
export function align8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Cost of calling a function once per tuple. */
function functionCost(root: PlannerInfo, functionOid: Oid): number {
  return (catalogOf(root).proc(functionOid)?.procost ?? 1) * settingsOf(root).cpuOperatorCost;
}

/** Evaluation cost of one expression or of a list of conditions. */
export function costQualEval(root: PlannerInfo, quals: readonly (Expr | RestrictInfo)[]): QualCost {
  const cost: QualCost = { startup: 0, perTuple: 0 };
  for (const qual of quals) {
    const one = 'node' in qual ? exprCost(root, qual) : restrictCost(root, qual);
    cost.startup += one.startup;
    cost.perTuple += one.perTuple;
  }
  return cost;
}

function restrictCost(root: PlannerInfo, rinfo: RestrictInfo): QualCost {
  if (rinfo.evalCost) return rinfo.evalCost;
  const cost = exprCost(root, rinfo.clause);
  if (rinfo.pseudoconstant) {
    cost.startup += cost.perTuple;
    cost.perTuple = 0;
  }
  rinfo.evalCost = cost;
  return cost;
}

/** Evaluation cost of one expression (cost_qual_eval_node). */
export function exprCost(root: PlannerInfo, expr: Expr | null): QualCost {
  const cost: QualCost = { startup: 0, perTuple: 0 };
  if (expr) addCost(root, expr, cost);
  return cost;
}

function addCost(root: PlannerInfo, expr: Expr, cost: QualCost): void {
  const operator = settingsOf(root).cpuOperatorCost;
  switch (expr.node) {
    case 'FuncExpr': cost.perTuple += functionCost(root, expr.funcid); break;
    case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': cost.perTuple += functionCost(root, expr.opfuncid); break;
    case 'ScalarArrayOpExpr':
      cost.perTuple += functionCost(root, expr.opfuncid) * estimateArrayLength(expr.args[1]) * 0.5;
      break;
    case 'Aggref': case 'WindowFunc':
      return;
    case 'GroupingFunc': cost.perTuple += operator; return;
    case 'CoerceViaIO': {
      cost.perTuple += 2 * operator;
      break;
    }
    case 'ArrayCoerceExpr': {
      const element = exprCost(root, expr.elemexpr);
      cost.startup += element.startup;
      if (element.perTuple > 0) cost.perTuple += element.perTuple * estimateArrayLength(expr.arg);
      addCost(root, expr.arg, cost);
      return;
    }
    case 'RowCompareExpr': cost.perTuple += operator * expr.opnos.length; break;
    case 'MinMaxExpr': case 'SQLValueFunction': case 'CoerceToDomain': case 'NextValueExpr': cost.perTuple += operator; break;
    case 'SubPlan': {
      addSubplanCost(root, expr, cost);
      break;
    }
    case 'Var': {
      const placeholder = placeholderOf(root, expr);
      if (placeholder) cost.perTuple += 0;
      return;
    }
    case 'SubLink':
      return;
    default:
  }
  forEachChild(expr, (child) => addCost(root, child, cost));
}

/** Cost of running a subplan for a row (cost_subplan). */
function addSubplanCost(root: PlannerInfo, expr: Extract<Expr, { node: 'SubPlan' }>, cost: QualCost): void {
  const settings = settingsOf(root);
  const plan = root.glob.subplans[expr.planId]?.plan;
  if (!plan) return;
  const test = exprCost(root, expr.testexpr);
  if (expr.useHashTable) {
    cost.startup += plan.totalCost + settings.cpuOperatorCost * plan.planRows + test.startup;
    cost.perTuple += test.perTuple;
    return;
  }
  let perTuple = test.perTuple;
  const run = plan.totalCost - plan.startupCost;
  if (expr.subLinkType === 'exists') perTuple += run / Math.max(plan.planRows, 1);
  else if (expr.subLinkType === 'all' || expr.subLinkType === 'any') {
    perTuple += 0.5 * run + 0.5 * plan.planRows * settings.cpuOperatorCost;
  } else perTuple += run;
  const materializes = plan.plan === 'Material' || plan.plan === 'Sort' || plan.plan === 'CteScan' || plan.plan === 'WorkTableScan';
  if (expr.parParam.length === 0 && materializes) cost.startup += plan.startupCost;
  else perTuple += plan.startupCost;
  cost.startup += test.startup;
  cost.perTuple += perTuple;
}

/** Elements of an array expression: exact for constants and constructors, else 10. */
export function estimateArrayLength(expr: Expr): number {
  let node = expr;
  while (node.node === 'RelabelType' || node.node === 'ArrayCoerceExpr' || node.node === 'CoerceToDomain') node = node.arg;
  if (node.node === 'Const') {
    const value = node.value;
    if (value === null) return 0;
    if (typeof value === 'object' && 'elements' in value && Array.isArray(value.elements)) return value.elements.length;
  }
  if (node.node === 'ArrayExpr' && !node.multidims) return node.elements.length;
  return 10;
}

// ------------------------------------------------------------------ widths

/** get_typavgwidth: expected bytes of a type's values by type length and modifier. */
export function typeWidth(catalog: Catalog, type: Oid, typmod: number): number {
  const row = catalog.type(type);
  if (!row) return 32;
  if (row.typlen > 0) return row.typlen;
  if (typmod > 4 && (type === 1042 || type === 1043)) {
    const characters = typmod - 4;
    if (type === 1042) return characters * 1 <= 32 ? characters + 4 - 4 || 1 : characters;
    if (characters <= 32) return typmod;
    return characters < 1000 ? Math.trunc(32 + (characters - 32) / 2) : Math.trunc(32 + (1000 - 32) / 2);
  }
  if (type === 1700 && typmod >= 4) {
    const precision = ((typmod - 4) >> 16) & 0xffff;
    return 2 + 2 * Math.ceil((precision + 6) / 4);
  }
  return 32;
}

/** Width at which row identities count: PostgreSQL's tid. */
export const ROW_ID_WIDTH = 6;

/** Expected width of an expression's values. */
export function exprWidth(root: PlannerInfo, expr: Expr): number {
  if (expr.node === 'Var') {
    const placeholder = placeholderOf(root, expr);
    if (placeholder) return placeholder.width;
    if (expr.varattno <= -100) return ROW_ID_WIDTH;
    const rel = root.simpleRels[expr.varno];
    const known = rel?.columnWidths.get(expr.varattno);
    if (known !== undefined) return known;
    return typeWidth(catalogOf(root), expr.vartype, expr.vartypmod);
  }
  return typeWidth(catalogOf(root), exprType(expr), exprTypmod(expr));
}

/** Fills in a target's evaluation cost and width. */
export function setTargetCostWidth(root: PlannerInfo, target: PathTarget): PathTarget {
  let width = 0;
  const cost: QualCost = { startup: 0, perTuple: 0 };
  for (const expr of target.exprs) {
    width += exprWidth(root, expr);
    if (expr.node !== 'Var') addCost(root, expr, cost);
  }
  target.cost = cost;
  target.width = Math.round(width);
  return target;
}

/** An empty target. */
export function emptyTarget(): PathTarget {
  return { exprs: [], sortgrouprefs: [], cost: { startup: 0, perTuple: 0 }, width: 0 };
}
