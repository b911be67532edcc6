/**
 * WINDOW and OVER: partitions, orders, frames. Follows transformWindowDefinitions of PostgreSQL's parser/parse_clause.c.
 */
import type { Node, WindowDef } from 'libpg-query';
import { bodyAs, bodyOf } from '../parser/raw.js';
import { INT8OID, UNKNOWNOID } from '../types/oids.js';
import { locateVar, containsVarOfLevel } from './aggregates.js';
import { canCoerce, coerceToSpecificType } from './coerce.js';
import { transformExpr } from './expr.js';
import { exprCollation, exprLocation, exprType } from './node-functions.js';
import type { Expr, TargetEntry, WindowClause } from './nodes.js';
import { BTREE_AM_OID } from './operators.js';
import { transformGroup, transformSort } from './sort-group.js';
import type { ExprKind, Mutable, Oid, ParseState } from './state.js';

/** FRAMEOPTION_* bits. */
export const FRAMEOPTION_RANGE = 0x2;
export const FRAMEOPTION_ROWS = 0x4;
export const FRAMEOPTION_GROUPS = 0x8;
const START_OFFSET = 0x800 | 0x2000;
const END_OFFSET = 0x1000 | 0x4000;
const DEFAULTS = 0x2 | 0x20 | 0x400;
const IN_RANGE_PROC = 3;

/** The windows of a query, named ones first. `definitions` are WindowDef bodies. @throws 42P20, 42704, 0A000 */
export function transformWindows(state: ParseState, definitions: readonly WindowDef[], targets: TargetEntry[]): WindowClause[] {
  const result: WindowClause[] = [];
  definitions.forEach((definition, i) => result.push(transformWindow(state, definition, i + 1, targets, result)));
  return result;
}

/** WINDOW clause nodes as definitions. */
export function windowDefinitions(list: readonly Node[] | undefined): WindowDef[] {
  return (list ?? []).map((node) => bodyAs<WindowDef>(bodyOf(node)));
}

function transformWindow(state: ParseState, definition: WindowDef, winref: number, targets: TargetEntry[], earlier: readonly WindowClause[]): WindowClause {
  const location = definition.location ?? 0;
  const refname = definition.refname ?? null;
  const name = definition.name ?? null;
  const frameOptions = definition.frameOptions ?? 0;
  const wrong = (message: string, hint?: string): Error => state.error('WINDOWING_ERROR', message, location, { hint });
  if (name !== null && earlier.some((window) => window.name === name)) throw wrong(`window "${name}" is already defined`);
  const base = refname === null ? undefined : earlier.find((window) => window.name === refname);
  if (refname !== null && base === undefined) throw state.error('UNDEFINED_OBJECT', `window "${refname}" does not exist`, location);
  const order = transformSort(state, definition.orderClause ?? [], targets, 'windowOrder', true);
  const partition = transformGroup(state, definition.partitionClause ?? [], targets, order, 'windowPartition', true).clauses;
  if (base !== undefined) {
    if (partition.length > 0) throw wrong(`cannot override PARTITION BY clause of window "${refname}"`);
    if (order.length > 0 && base.orderClause.length > 0) throw wrong(`cannot override ORDER BY clause of window "${refname}"`);
    if (base.frameOptions !== DEFAULTS) {
      const plain = name === null && order.length === 0 && frameOptions === DEFAULTS;
      throw wrong(`cannot copy window "${refname}" because it has a frame clause`, plain ? 'Omit the parentheses in this OVER clause.' : undefined);
    }
  }
  const window: Mutable<WindowClause> = {
    node: 'WindowClause', name, refname, partitionClause: base === undefined ? partition : base.partitionClause,
    orderClause: base !== undefined && order.length === 0 ? base.orderClause : order, frameOptions, startOffset: null, endOffset: null,
    startInRangeFunc: 0, endInRangeFunc: 0, inRangeColl: 0, inRangeAsc: false, inRangeNullsFirst: false, winref,
  };
  const range = (frameOptions & FRAMEOPTION_RANGE) !== 0 && (frameOptions & (START_OFFSET | END_OFFSET)) !== 0 ? rangeOrder(state, window, targets, wrong) : null;
  if ((frameOptions & FRAMEOPTION_GROUPS) !== 0 && window.orderClause.length === 0) throw wrong('GROUPS mode requires an ORDER BY clause');
  [window.startOffset, window.startInRangeFunc] = transformOffset(state, frameOptions, range, definition.startOffset);
  [window.endOffset, window.endInRangeFunc] = transformOffset(state, frameOptions, range, definition.endOffset);
  return window;
}

interface RangeOrder { readonly family: Oid; readonly type: Oid }

function rangeOrder(state: ParseState, window: Mutable<WindowClause>, targets: readonly TargetEntry[], wrong: (message: string) => Error): RangeOrder {
  const [clause] = window.orderClause;
  if (window.orderClause.length !== 1) throw wrong('RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column');
  const key = targets.find((entry) => entry.ressortgroupref === clause.tleSortGroupRef);
  const member = state.catalog.operatorFamilies(clause.sortop).find((one) => one.accessMethod === BTREE_AM_OID && (one.strategy === 1 || one.strategy === 5));
  if (key === undefined || member === undefined) throw state.error('INTERNAL_ERROR', `operator ${clause.sortop} is not a valid ordering operator`, -1);
  window.inRangeColl = exprCollation(key.expr);
  window.inRangeAsc = !clause.reverseSort;
  window.inRangeNullsFirst = clause.nullsFirst;
  return { family: member.family, type: member.leftType };
}

function transformOffset(state: ParseState, frameOptions: number, range: RangeOrder | null, raw: Node | undefined): [Expr | null, Oid] {
  if (raw === undefined) return [null, 0];
  const [kind, construct]: [ExprKind, string] = (frameOptions & FRAMEOPTION_ROWS) !== 0 ? ['windowFrameRows', 'ROWS']
    : (frameOptions & FRAMEOPTION_RANGE) !== 0 ? ['windowFrameRange', 'RANGE'] : ['windowFrameGroups', 'GROUPS'];
  let expr = transformExpr(state, raw, kind);
  let support = 0;
  if (range === null) {
    expr = coerceToSpecificType(state, expr, INT8OID, construct);
  } else {
    const chosen = inRangeSupport(state, range, expr);
    expr = coerceToSpecificType(state, expr, chosen.type, construct);
    support = chosen.proc;
  }
  checkVariableFree(state, expr, construct);
  return [expr, support];
}

function inRangeSupport(state: ParseState, range: RangeOrder, expr: Expr): { type: Oid; proc: Oid } {
  const offsetType = exprType(expr);
  const preferred = offsetType === UNKNOWNOID ? range.type : offsetType;
  const procs = state.catalog.table('pg_amproc').find({ amprocfamily: range.family, amproclefttype: range.type, amprocnum: IN_RANGE_PROC });
  const location = exprLocation(expr);
  const column = state.formatType(range.type);
  if (procs.length === 0) throw state.error('FEATURE_NOT_SUPPORTED', `RANGE with offset PRECEDING/FOLLOWING is not supported for column type ${column}`, location);
  const matching = procs.filter((proc) => canCoerce(state, offsetType, proc.amprocrighttype));
  const types = `column type ${column} and offset type ${state.formatType(offsetType)}`;
  if (matching.length === 0) {
    throw state.error('FEATURE_NOT_SUPPORTED', `RANGE with offset PRECEDING/FOLLOWING is not supported for ${types}`, location, { hint: 'Cast the offset value to an appropriate type.' });
  }
  const chosen = matching.find((proc) => proc.amprocrighttype === preferred) ?? matching[matching.length - 1];
  if (matching.length !== 1 && chosen.amprocrighttype !== preferred) {
    throw state.error('FEATURE_NOT_SUPPORTED', `RANGE with offset PRECEDING/FOLLOWING has multiple interpretations for ${types}`, location, { hint: 'Cast the offset value to the exact intended type.' });
  }
  return { type: chosen.amprocrighttype, proc: chosen.amproc };
}

/** An expression that must not depend on the query's rows. @throws 42P10 */
export function checkVariableFree(state: ParseState, expr: Expr, construct: string): void {
  if (!containsVarOfLevel(expr, 0)) return;
  throw state.error('INVALID_COLUMN_REFERENCE', `argument of ${construct} must not contain variables`, locateVar(expr, 0));
}
