/** From plan nodes to operators. */
import { unreachable } from '../../base/assert.js';
import type { Plan } from '../../planner/plan-nodes.js';
import type { ExecutionState } from '../context.js';
import { Instrumented } from '../instrumentation.js';
import { Agg } from './agg.js';
import { FunctionScan, ProjectSet } from './function-scan.js';
import { HashJoin } from './hash-join.js';
import { IndexScan } from './index-scan.js';
import { CteScan, Material, Memoize, RecursiveUnion, WorkTableScan } from './kept-rows.js';
import { Group, Limit, SetOp, Unique } from './limit.js';
import { LockRows } from './lock-rows.js';
import { MergeJoin } from './merge-join.js';
import { ModifyTable } from './modify-table.js';
import { NestLoop } from './nest-loop.js';
import type { Operator } from './operator.js';
import { BitmapHeapScan, TidScan } from './row-id-scans.js';
import { SeqScan } from './seq-scan.js';
import { Append, Result, SubqueryScan } from './simple-scans.js';
import { IncrementalSort, MergeAppend, Sort } from './sort.js';
import { ValuesScan } from './values-scan.js';
import { WindowAgg } from './window-agg.js';

/** Makes the operator of a plan node, its children included. */
export function createOperator(S: ExecutionState, plan: Plan): Operator {
  const operator = bareOperator(S, plan);
  const { instrumentation } = S.context;
  return instrumentation === undefined ? operator : new Instrumented(S, plan, operator, instrumentation);
}

function bareOperator(S: ExecutionState, plan: Plan): Operator {
  switch (plan.plan) {
    case 'Result': return new Result(S, plan);
    case 'ProjectSet': return new ProjectSet(S, plan);
    case 'SeqScan': return plan.lookUp === undefined || S.context.instrumentation !== undefined ? new SeqScan(S, plan) : new IndexScan(S, plan.lookUp);
    case 'IndexScan': return new IndexScan(S, plan);
    case 'BitmapHeapScan': return new BitmapHeapScan(S, plan);
    case 'TidScan': return new TidScan(S, plan);
    case 'SubqueryScan': return new SubqueryScan(S, plan);
    case 'FunctionScan': return new FunctionScan(S, plan);
    case 'ValuesScan': return new ValuesScan(S, plan);
    case 'CteScan': return new CteScan(S, plan);
    case 'WorkTableScan': return new WorkTableScan(S, plan);
    case 'RecursiveUnion': return new RecursiveUnion(S, plan);
    case 'Append': return new Append(S, plan);
    case 'MergeAppend': return new MergeAppend(S, plan);
    case 'NestLoop': return new NestLoop(S, plan);
    case 'HashJoin': return new HashJoin(S, plan);
    case 'MergeJoin': return new MergeJoin(S, plan);
    case 'Sort': return new Sort(S, plan);
    case 'IncrementalSort': return new IncrementalSort(S, plan);
    case 'Unique': return new Unique(S, plan);
    case 'Agg': return new Agg(S, plan);
    case 'Group': return new Group(S, plan);
    case 'WindowAgg': return new WindowAgg(S, plan);
    case 'SetOp': return new SetOp(S, plan);
    case 'Limit': return new Limit(S, plan);
    case 'Material': return new Material(S, plan);
    case 'Memoize': return new Memoize(S, plan);
    case 'LockRows': return new LockRows(S, plan);
    case 'ModifyTable': return new ModifyTable(S, plan);
    default: return unreachable(plan, 'plan node');
  }
}
