/**
 * Hand-made plans over real catalogs and storage in memory: tables by their catalog rows, expressions by operator and
 * function names, plan nodes with their defaults filled in.
 */
import { exprType } from '../../lib/analyzer/node-functions.js';
import type { Aggref, Expr, TargetEntry, Var } from '../../lib/analyzer/nodes.js';
import type { StorageEngine } from '../../lib/access/api.js';
import { drive, Suspend } from '../../lib/base/suspend.js';
import { notSupported } from '../../lib/base/error.js';
import type { ExecutionContext } from '../../lib/executor/context.js';
import { executePlan } from '../../lib/executor/executor.js';
import { AfterEventQueue } from '../../lib/executor/modify/after-events.js';
import { NO_STATEMENT } from '../../lib/executor/relation-access.js';
import '../../lib/functions/builtins.js';
import type { ModifyTablePlan, Plan, PlannedStmt, SeqScanPlan, SortColumn } from '../../lib/planner/plan-nodes.js';
import { OUTER_VAR } from '../../lib/planner/plan-nodes.js';
import type { Datum, Row } from '../../lib/types/datum.js';
import { openCluster, type TestSession } from '../catalog/fixture.js';
import { services } from '../functions/resolver.js';

export const INT4 = 23;
export const INT8 = 20;
export const TEXT = 25;
export const BOOL = 16;
export const FLOAT8 = 701;
export const NUMERIC = 1700;

/** What plan nodes have in common. */
export const BASE = {
  startupCost: 0, totalCost: 0, planRows: 1, planWidth: 8, qual: [] as readonly Expr[], initPlans: [], extParams: [] as readonly number[],
} as const;

/** One session over a cluster in memory. */
export class ExecutorFixture {
  private constructor(readonly storage: StorageEngine, readonly session: TestSession) {}
  readonly afterEvents = new AfterEventQueue();
  /** Spilling: null keeps everything in memory. */
  temporary: ExecutionContext['temporary'] = null;
  workMemBytes = 4 << 20;

  static async open(): Promise<ExecutorFixture> {
    const { storage, session } = await openCluster();
    return new ExecutorFixture(storage, session());
  }

  get catalog(): TestSession['catalog'] {
    return this.session.catalog;
  }

  context(params: readonly Datum[] = []): ExecutionContext {
    const { transaction } = this.session;
    return {
      transaction, snapshot: transaction.refreshCommand(transaction.takeSnapshot()), catalog: this.catalog, storage: this.storage, services, params, givenRows: null,
      settings: { workMemBytes: this.workMemBytes, maintenanceWorkMemBytes: 64 << 20, replicaRole: false },
      clock: { wallMicros: () => 0, monotonicMs: () => performance.now() },
      waitOptions: () => ({ timeoutMs: 0, signal: null }),
      functions: {
        * call() { throw notSupported('functions in this test'); },
        * callSet() { throw notSupported('functions in this test'); },
      },
      temporary: this.temporary, triggers: null, afterEvents: this.afterEvents, isolation: 'read committed',
    };
  }

  /** Runs a plan to its end, `changes` in its context; `incrementCommandId` as a session would after it. */
  async run(plan: Plan | PlannedStmt, params: readonly Datum[] = [], changes: Partial<ExecutionContext> = {}): Promise<Row[]> {
    const statement: PlannedStmt = 'planTree' in plan ? plan : statementOf(plan);
    const run = executePlan(statement, { ...this.context(params), ...changes });
    const rows: Row[] = [];
    await drive((function* pull() {
      for (const item of run.batches()) {
        if (item instanceof Suspend) yield item;
        else rows.push(...item);
      }
    })());
    run.close();
    this.session.transaction.incrementCommandId();
    return rows;
  }

  /** Inserts rows by a ModifyTable over VALUES. */
  async insert(table: number, types: readonly number[], rows: readonly Row[]): Promise<void> {
    await this.run(insertPlan(table, types, rows));
  }

  // ------------------------------------------------------------ expressions

  /** An operator by name and operand types. */
  op(name: string, left: Expr, right: Expr): Expr {
    const [l, r] = [exprType(left), exprType(right)];
    const found = this.catalog.operatorsByName(name).find((row) => row.oprleft === l && row.oprright === r);
    if (found === undefined) throw new Error(`no operator ${l} ${name} ${r}`);
    return {
      node: 'OpExpr', opno: found.oid, opfuncid: found.oprcode, opresulttype: found.oprresult, opretset: false, opcollid: 0,
      inputcollid: l === TEXT ? 100 : 0, args: [left, right], location: -1,
    };
  }

  /** A function by name and argument types. */
  call(name: string, ...args: Expr[]): Expr {
    const types = args.map(exprType);
    const proc = this.catalog.procsByName(name).find((row) => row.pronargs === args.length && row.proargtypes.elements.every((type, at) => type === types[at]));
    if (proc === undefined) throw new Error(`no function ${name}(${types.join(', ')})`);
    return {
      node: 'FuncExpr', funcid: proc.oid, funcresulttype: proc.prorettype, funcretset: proc.proretset, funcvariadic: false, funcformat: 'call',
      funccollid: 0, inputcollid: 100, args, location: -1,
    };
  }

  /** An aggregate by name over Exprs of the child. */
  aggregate(name: string, args: readonly Expr[], changes: Partial<Aggref> = {}): Aggref {
    const types = args.map(exprType);
    const proc = this.catalog.procsByName(name).find((row) => row.prokind === 'a' && row.pronargs === args.length && row.proargtypes.elements.every((type, at) => type === types[at]))
      ?? this.catalog.procsByName(name).find((row) => row.prokind === 'a' && row.pronargs === args.length);
    if (proc === undefined) throw new Error(`no aggregate ${name}`);
    return {
      node: 'Aggref', aggfnoid: proc.oid, aggtype: proc.prorettype, aggcollid: 0, inputcollid: 100, aggargtypes: types, aggdirectargs: [],
      args: args.map((arg, at) => target(arg, at + 1)), aggorder: [], aggdistinct: [], aggfilter: null, aggstar: args.length === 0,
      aggvariadic: false, aggkind: 'n', agglevelsup: 0, location: -1, ...changes,
    };
  }

  /** How a column sorts by its type's default operators. */
  sort(column: number, type: number, changes: Partial<SortColumn> = {}): SortColumn {
    const find = (name: string) => this.catalog.operatorsByName(name).find((row) => row.oprleft === type && row.oprright === type)!.oid;
    return { column, sortop: find('<'), eqop: find('='), collation: type === TEXT ? 100 : 0, nullsFirst: false, reverse: false, ...changes };
  }
}

/** A constant. */
export function constant(value: Datum, type: number): Expr {
  return { node: 'Const', consttype: type, consttypmod: -1, constcollid: type === TEXT ? 100 : 0, value, location: -1 };
}
export const int = (value: number | null): Expr => constant(value, INT4);
export const text = (value: string | null): Expr => constant(value, TEXT);

/** A column. */
export function column(varno: number, attno: number, type: number): Var {
  return { node: 'Var', varno, varattno: attno, vartype: type, vartypmod: -1, varcollid: type === TEXT ? 100 : 0, varlevelsup: 0, location: -1 };
}
export const outer = (attno: number, type: number): Var => column(OUTER_VAR, attno, type);

/** A target list entry. */
export function target(expr: Expr, resno: number, resjunk = false): TargetEntry {
  return { node: 'TargetEntry', expr, resno, resname: `c${resno}`, ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk };
}
export function targets(...exprs: Expr[]): TargetEntry[] {
  return exprs.map((expr, at) => target(expr, at + 1));
}

/** A statement around a plan. */
export function statementOf(plan: Plan, changes: Partial<PlannedStmt> = {}): PlannedStmt {
  const modifying = plan.plan === 'ModifyTable';
  return {
    ...NO_STATEMENT, planTree: plan, commandType: modifying ? plan.operation : 'select', readOnly: !modifying,
    hasReturning: modifying && plan.resultRelations[0].returningList.length > 0, ...changes,
  };
}

/** VALUES of constants; range-table entry 1. */
export function valuesPlan(types: readonly number[], rows: readonly Row[]): Plan {
  return {
    ...BASE, plan: 'ValuesScan', scanrelid: 1, targetlist: targets(...types.map((type, at) => column(1, at + 1, type))),
    rowSlots: null, valuesLists: rows.map((row) => row.map((value, at) => constant(value, types[at]))),
  };
}

/** A scan of all columns, or of `list`; range-table entry 1. */
export function scanPlan(table: number, types: readonly number[], changes: Partial<SeqScanPlan> = {}): SeqScanPlan {
  return { ...BASE, plan: 'SeqScan', scanrelid: 1, relid: table, tablesample: null, targetlist: targets(...types.map((type, at) => column(1, at + 1, type))), ...changes };
}

/** INSERT of constant rows. */
export function insertPlan(table: number, types: readonly number[], rows: readonly Row[], changes: Partial<ModifyTablePlan> = {}): ModifyTablePlan {
  return modifyPlan(table, 'insert', valuesPlan(types, rows), changes);
}

/** Any ModifyTable on one relation. */
export function modifyPlan(table: number, operation: ModifyTablePlan['operation'], child: Plan, changes: Partial<ModifyTablePlan> = {}, updateColumns: readonly number[] = []): ModifyTablePlan {
  return {
    ...BASE, plan: 'ModifyTable', operation, child, targetlist: [], canSetTag: true, nominalRelation: 1,
    resultRelations: [{ rti: 1, relid: table, updateColumns, returningList: [], deletedReturningList: [], withCheckOptions: [], mergeActions: [], mergeJoinCondition: null }],
    rowIdColumn: operation === 'insert' ? 0 : child.targetlist.length, tableOidColumn: 0, onConflict: null, epqParam: 0, ...changes,
  };
}
