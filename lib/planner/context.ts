/**
 * What the planner needs from outside: the catalog, settings, and services injected by the session (constant
 * evaluation, inlining of SQL functions, reading stored expressions), as one `PlannerContext`.
 */
import type { Catalog, Oid } from '../catalog/api.js';
import type { Datum } from '../types/datum.js';
import type { Expr, FuncExpr, Query } from '../analyzer/nodes.js';

/** The planner's GUCs, PostgreSQL's names in camelCase, costs in PostgreSQL's units. */
export interface PlannerSettings {
  seqPageCost: number;
  randomPageCost: number;
  cpuTupleCost: number;
  cpuIndexTupleCost: number;
  cpuOperatorCost: number;
  /** Pages of 8 kB. */
  effectiveCacheSize: number;
  /** Kilobytes. */
  workMem: number;
  hashMemMultiplier: number;
  cursorTupleFraction: number;
  recursiveWorktableFactor: number;
  fromCollapseLimit: number;
  joinCollapseLimit: number;
  geqo: boolean;
  geqoThreshold: number;
  constraintExclusion: 'on' | 'off' | 'partition';
  enableSeqscan: boolean;
  enableIndexscan: boolean;
  enableIndexonlyscan: boolean;
  enableBitmapscan: boolean;
  enableTidscan: boolean;
  enableSort: boolean;
  enableIncrementalSort: boolean;
  enableHashagg: boolean;
  enableNestloop: boolean;
  enableMaterial: boolean;
  enableMemoize: boolean;
  enableMergejoin: boolean;
  enableHashjoin: boolean;
  enablePartitionPruning: boolean;
  enablePartitionwiseJoin: boolean;
  enablePartitionwiseAggregate: boolean;
  enablePresortedAggregate: boolean;
  enableGroupByReordering: boolean;
  enableDistinctReordering: boolean;
  enableSelfJoinElimination: boolean;
}

/** PostgreSQL's defaults. */
export const DEFAULT_PLANNER_SETTINGS: Readonly<PlannerSettings> = {
  seqPageCost: 1, randomPageCost: 4, cpuTupleCost: 0.01, cpuIndexTupleCost: 0.005, cpuOperatorCost: 0.0025,
  effectiveCacheSize: 524288, workMem: 4096, hashMemMultiplier: 2, cursorTupleFraction: 0.1, recursiveWorktableFactor: 10,
  fromCollapseLimit: 8, joinCollapseLimit: 8, geqo: true, geqoThreshold: 12, constraintExclusion: 'partition',
  enableSeqscan: true, enableIndexscan: true, enableIndexonlyscan: true, enableBitmapscan: true, enableTidscan: true,
  enableSort: true, enableIncrementalSort: true, enableHashagg: true, enableNestloop: true, enableMaterial: true,
  enableMemoize: true, enableMergejoin: true, enableHashjoin: true, enablePartitionPruning: true,
  enablePartitionwiseJoin: false, enablePartitionwiseAggregate: false, enablePresortedAggregate: true,
  enableGroupByReordering: true, enableDistinctReordering: true, enableSelfJoinElimination: true,
};

/** Runs expressions and functions at plan time. Errors are the ones execution would raise (`PgError`). */
export interface PlannerEvaluator {
  /** Value of an expression without Vars, aggregates, subqueries or Params. */
  evaluate(expr: Expr): Datum;
  /** Calls a non-set function by OID; null arguments of strict functions have been handled. */
  callFunction(functionOid: Oid, collation: Oid, args: readonly Datum[]): Datum;
  /** Default btree comparison of two non-null values of a type. */
  compare(typeOid: Oid, a: Datum, b: Datum, collation: Oid): number;
}

/** Everything one planning run may use. */
export interface PlannerContext {
  readonly catalog: Catalog;
  readonly settings: Readonly<PlannerSettings>;
  readonly evaluator: PlannerEvaluator;
  /** Types of the extern Params ($1 ...). */
  readonly paramTypes: readonly Oid[];
  /** Values of extern Params for a custom plan (index paramid - 1); null plans generically. */
  readonly boundParams: readonly Datum[] | null;
  /** Reads a serialized expression tree (index expressions, predicates, constraints); Vars have varno 1. */
  readExpression(serialized: string): Expr;
  /** Reads a serialized list of expressions (index expressions). */
  readExpressions(serialized: string): readonly Expr[];
  /** Body of a SQL function as one expression over its arguments (Params numbered from 1 replaced by the caller's), or null when it cannot be inlined. */
  inlineFunction?(call: FuncExpr): Expr | null;
  /** Body of a set-returning SQL function in FROM as a query, or null. */
  inlineSetFunction?(call: FuncExpr): Query | null;
  /** Condition that every row of a partition satisfies, over the parent's columns (varno 1); null when there is none. */
  partitionConstraint?(partition: Oid): Expr | null;
  /** True for plans of cursors: cursor_tuple_fraction applies. */
  readonly forCursor?: boolean;
  /** The plan must support backward scans (SCROLL). */
  readonly scrollable?: boolean;
}
