/** The relations that ModifyTable changes: what a plan says of each, compiled once, and each open for one execution. */
import type { MergeAction, TargetEntry, WithCheckOption } from '../../analyzer/nodes.js';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import type { ModifyTablePlan } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, compileList, NO_ROW, type Compiled } from '../expression/compile.js';
import { failingRow } from '../modify/row-text.js';
import { TableWriter } from '../modify/table-writer.js';
import { modifyReader, scopeFor } from '../readers.js';
import { openRelation } from '../relation-access.js';

interface CheckOption { readonly option: WithCheckOption; readonly condition: Compiled<boolean> }

/** An action of MERGE, compiled. */
export interface MergeProgram {
  readonly matchKind: MergeAction['matchKind'];
  readonly commandType: MergeAction['commandType'];
  readonly qual: Compiled<boolean> | null;
  /** 0-based attributes and their values. */
  readonly columns: readonly number[];
  readonly values: Compiled<Row> | null;
}

/** One result relation, compiled. */
export interface TargetProgram {
  readonly relid: number;
  readonly rti: number;
  readonly width: number;
  readonly updateColumns: readonly number[];
  readonly returning: Compiled<Row> | null;
  /** RETURNING of a row that MERGE deleted. */
  readonly returningDeleted: Compiled<Row> | null;
  readonly checkOptions: readonly CheckOption[];
  readonly actions: readonly MergeProgram[];
  readonly mergeJoin: Compiled<boolean> | null;
  readonly conflictSet: { readonly columns: readonly number[]; readonly values: Compiled<Row>; readonly where: Compiled<boolean> | null } | null;
}

/** What is assigned to columns, in their order. */
function assignments(targets: readonly TargetEntry[]): TargetEntry[] {
  return targets.filter((target) => !target.resjunk);
}

/** Compiles a result relation of the plan. */
export function compileTarget(S: ExecutionState, plan: ModifyTablePlan, target: ModifyTablePlan['resultRelations'][number]): TargetProgram {
  const width = openRelation(S.catalog, target.relid).attributes.length;
  const scope = scopeFor(S.catalog, S.statement, modifyReader(width));
  const conflict = plan.onConflict;
  return {
    relid: target.relid, rti: target.rti, width, updateColumns: target.updateColumns,
    returning: target.returningList.length === 0 ? null : compileList(scope, target.returningList.map((entry) => entry.expr)),
    returningDeleted: target.deletedReturningList.length === 0 ? null : compileList(scope, target.deletedReturningList.map((entry) => entry.expr)),
    checkOptions: target.withCheckOptions.map((option) => ({ option, condition: compileCondition(scope, [option.qual])! })),
    actions: target.mergeActions.map((action) => ({
      matchKind: action.matchKind, commandType: action.commandType,
      qual: action.qual === null ? null : compileCondition(scope, [action.qual]),
      columns: assignments(action.targetList).map((entry) => entry.resno - 1),
      values: action.targetList.length === 0 ? null : compileList(scope, assignments(action.targetList).map((entry) => entry.expr)),
    })),
    mergeJoin: target.mergeJoinCondition === null ? null : compileCondition(scope, [target.mergeJoinCondition]),
    conflictSet: conflict === null || conflict.action !== 'update' ? null : {
      columns: assignments(conflict.onConflictSet).map((entry) => entry.resno - 1),
      values: compileList(scope, assignments(conflict.onConflictSet).map((entry) => entry.expr)),
      where: conflict.onConflictWhere === null ? null : compileCondition(scope, [conflict.onConflictWhere]),
    },
  };
}

/** A result relation, open. */
export class Target {
  readonly relation: Relation;
  private opened: TableWriter | null = null;
  readonly isView: boolean;

  constructor(private readonly S: ExecutionState, readonly program: TargetProgram) {
    this.relation = openRelation(S.catalog, program.relid);
    this.isView = this.relation.kind === 'v';
    if (this.relation.kind === 'p') throw notSupported('writing to a partitioned table');
  }

  get writer(): TableWriter {
    return (this.opened ??= new TableWriter(this.S, this.relation));
  }

  /** A version with its identity in the two extra slots. */
  identified(row: Row, rowId: number): Row {
    const version = row.slice(0, this.program.width);
    version.push(rowId, this.relation.oid);
    return version;
  }

  /** Row-security and view checks of a new version. 44000, 42501. */
  *check(row: Row, kinds: readonly WithCheckOption['kind'][]): Suspendable<void> {
    for (const { option, condition } of this.program.checkOptions) {
      if (!kinds.includes(option.kind)) continue;
      if (yield* condition.run(this.S, NO_ROW, this.identified(row, 0), NO_ROW)) continue;
      if (option.kind === 'view') {
        throw pgError('WITH_CHECK_OPTION_VIOLATION', `new row violates check option for view "${option.relname}"`, { detail: failingRow(this.S, this.relation, row) });
      }
      const policy = option.polname === null ? '' : ` "${option.polname}"`;
      const using = option.kind === 'rlsConflict' ? ' (USING expression)' : '';
      throw pgError('INSUFFICIENT_PRIVILEGE', `new row violates row-level security policy${policy}${using} for table "${option.relname}"`);
    }
  }
}
