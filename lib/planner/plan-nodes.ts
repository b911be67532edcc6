/**
 * Plans: PostgreSQL's plan nodes (plannodes.h) as one closed union, each variant with its contract. A plan is plain
 * read-only data, shared by every execution; state lives in the executor.
 *
 * Every node produces rows (`Datum[]`) described by its `targetlist` (resjunk columns included). Expressions in a
 * node refer to its inputs by `Var.varno`:
 * - in scans, `varno` = the node's `scanrelid` (attribute numbers of the relation, or columns of the subquery,
 *   function, values list, CTE);
 * - `OUTER_VAR` / `INNER_VAR`: column `varattno` of the left / right child's target list;
 * - `INDEX_VAR`: key column of an index-only scan.
 */
import type {
  Expr, JoinType, MergeAction, OnConflictExpr, PermissionInfo, Query, RangeTblEntry, RowMarkClause,
  SetOperation, TargetEntry, UtilityStatement, WithCheckOption,
} from '../analyzer/nodes.js';

type Oid = number;

export const INNER_VAR = -1;
export const OUTER_VAR = -2;
export const INDEX_VAR = -3;
/** In ON CONFLICT and RETURNING expressions of ModifyTable: the proposed row (EXCLUDED). */
export const EXCLUDED_VAR = -4;
/**
 * In the expressions of ModifyTable: the old (existing) and the new version of the target row. RETURNING: a plain
 * reference is NEW_VAR (DELETE: OLD_VAR), `old.x` / `new.x` what they say; ON CONFLICT SET/WHERE and MERGE actions: the
 * existing row is OLD_VAR; WITH CHECK OPTION: NEW_VAR. Everything else there is OUTER_VAR (the child's columns).
 */
export const OLD_VAR = -5;
export const NEW_VAR = -6;

/**
 * `Var.varattno` of a scan's row identity: the storage's RowId as a number (type int8). Junk columns for ModifyTable and
 * LockRows are such Vars; users never see them (their `ctid`, attribute -1, is the tid text).
 */
export const ROW_ID_ATTNO = -100;

/** The planner's estimates, in PostgreSQL's cost units. */
export interface PlanCost {
  readonly startupCost: number;
  readonly totalCost: number;
  readonly planRows: number;
  readonly planWidth: number;
  /** Nodes at or below this one that settings (enable_...) disabled; absent counts as 0. For EXPLAIN. */
  readonly disabledNodes?: number;
}

interface PlanBase extends PlanCost {
  readonly targetlist: readonly TargetEntry[];
  /** Conditions to be checked on every row, implicitly ANDed. */
  readonly qual: readonly Expr[];
  /** exec Params that this node computes once before it runs: uncorrelated subplans. */
  readonly initPlans: readonly InitPlan[];
  /** exec Params whose change makes this node's result stale (decides what a rescan must redo). */
  readonly extParams: readonly number[];
}

/** An uncorrelated scalar/EXISTS/ARRAY subquery, run at most once per execution, when one of its params is first read. */
export interface InitPlan {
  /** Index into PlannedStmt.subplans. */
  readonly planId: number;
  readonly subLinkType: 'exists' | 'expr' | 'array' | 'rowcompare' | 'multiexpr' | 'cte';
  /** exec Params set: one, or one per column. */
  readonly setParam: readonly number[];
  /** As EXPLAIN prints it: "InitPlan 1", "CTE x". */
  readonly name: string;
}

/** FROM-less SELECT, constant-false relations, or a one-time filter over `child`. */
export interface ResultPlan extends PlanBase {
  readonly plan: 'Result';
  readonly child: Plan | null;
  /** Evaluated once; false or null: no rows. */
  readonly resconstantqual: Expr | null;
}
/** Evaluates set-returning functions in its target list. */
export interface ProjectSetPlan extends PlanBase { readonly plan: 'ProjectSet'; readonly child: Plan }
export interface SeqScanPlan extends PlanBase {
  readonly plan: 'SeqScan'; readonly scanrelid: number; readonly relid: Oid;
  /** TABLESAMPLE, when present. */
  readonly tablesample: import('../analyzer/nodes.js').TableSampleClause | null;
  /** Finds the same rows by a unique key; run instead where nobody measures the scan. */
  readonly lookUp?: IndexScanPlan;
}
/** One condition on an index key column: `key op value`; the values contain no Vars of the scanned relation. */
export type IndexCondition =
  /** strategy 1..5 = < <= = >= > */
  | { readonly kind: 'compare'; readonly column: number; readonly strategy: 1 | 2 | 3 | 4 | 5; readonly value: Expr }
  /** column = ANY (array) */
  | { readonly kind: 'any'; readonly column: number; readonly array: Expr; readonly strategy: 1 | 2 | 3 | 4 | 5 }
  | { readonly kind: 'isNull' | 'isNotNull'; readonly column: number }
  /** (column, columns[1], ...) op (values): row-wise comparison over leading columns; strategy as of 'compare' */
  | { readonly kind: 'rowCompare'; readonly column: number; readonly columns: readonly number[]; readonly strategy: 1 | 2 | 4 | 5; readonly values: readonly Expr[] }
  /** LIKE 'abc%' in C order: keys starting with the prefix */
  | { readonly kind: 'prefix'; readonly column: number; readonly value: Expr };
export interface IndexScanPlan extends PlanBase {
  readonly plan: 'IndexScan'; readonly scanrelid: number; readonly relid: Oid; readonly indexid: Oid;
  /** Columns are 0-based key columns. Equality conditions on leading columns come first. */
  readonly conditions: readonly IndexCondition[];
  /** The same conditions as ordinary expressions over the relation's Vars, for re-checks and EXPLAIN. */
  readonly indexqualorig: readonly Expr[];
  readonly backward: boolean;
  /** Every needed column is in the index key (shown as Index Only Scan). Values still come from the row. */
  readonly indexOnly: boolean;
}
/** Row ids from one or several indexes (BitmapAnd/BitmapOr), then rows in physical order. */
export interface BitmapHeapScanPlan extends PlanBase {
  readonly plan: 'BitmapHeapScan'; readonly scanrelid: number; readonly relid: Oid; readonly bitmap: BitmapPlan;
  readonly bitmapqualorig: readonly Expr[];
}
export type BitmapPlan =
  | (PlanCost & { readonly bitmap: 'index'; readonly indexid: Oid; readonly conditions: readonly IndexCondition[]; readonly indexqualorig: readonly Expr[] })
  | (PlanCost & { readonly bitmap: 'and' | 'or'; readonly inputs: readonly BitmapPlan[] });
/** ctid = ..., ctid = ANY(...), CURRENT OF, ctid ranges */
export interface TidScanPlan extends PlanBase {
  readonly plan: 'TidScan'; readonly scanrelid: number; readonly relid: Oid; readonly tidquals: readonly Expr[];
}
export interface SubqueryScanPlan extends PlanBase { readonly plan: 'SubqueryScan'; readonly scanrelid: number; readonly subplan: Plan }
export interface FunctionScanPlan extends PlanBase {
  readonly plan: 'FunctionScan'; readonly scanrelid: number;
  readonly functions: readonly import('../analyzer/nodes.js').RangeTblFunction[]; readonly funcordinality: boolean;
}
export interface ValuesScanPlan extends PlanBase {
  readonly plan: 'ValuesScan'; readonly scanrelid: number; readonly valuesLists: readonly (readonly Expr[])[];
  /** The lists stand for rows that come with the execution: which parameters are read from the row, and where (`ValuesRte`); null: for themselves. */
  readonly rowSlots: ReadonlyMap<number, number> | null;
}
/** Reads a CTE: subplan `ctePlanId` is run once and kept; several scans share it through exec Param `cteParam`. */
export interface CteScanPlan extends PlanBase { readonly plan: 'CteScan'; readonly scanrelid: number; readonly ctePlanId: number; readonly cteParam: number; readonly ctename: string }
/** The recursive term's view of the last iteration's rows. */
export interface WorkTableScanPlan extends PlanBase { readonly plan: 'WorkTableScan'; readonly scanrelid: number; readonly wtParam: number; readonly ctename: string }
export interface RecursiveUnionPlan extends PlanBase {
  readonly plan: 'RecursiveUnion'; readonly outer: Plan; readonly inner: Plan; readonly wtParam: number;
  /** UNION (not ALL): columns to compare, empty = keep duplicates. */
  readonly distinctColumns: readonly SortColumn[];
}
/** UNION ALL, inheritance and partitions: children's rows one after the other. */
export interface AppendPlan extends PlanBase {
  readonly plan: 'Append'; readonly children: readonly Plan[];
  /** The columns in terms of the parent relation, where there is one: EXPLAIN names them so. */
  readonly parentTargets?: readonly TargetEntry[];
}
export interface MergeAppendPlan extends PlanBase {
  readonly plan: 'MergeAppend'; readonly children: readonly Plan[]; readonly sortColumns: readonly SortColumn[];
  readonly parentTargets?: readonly TargetEntry[];
}

/**
 * How a join treats its inputs. 'rightSemi' and 'rightAnti' (hash and merge joins only) return rows of the inner side: those
 * with a match, each once; those without one.
 */
export type PlanJoinType = JoinType | 'rightSemi' | 'rightAnti';

interface JoinPlanBase extends PlanBase {
  readonly jointype: PlanJoinType;
  readonly outer: Plan;
  readonly inner: Plan;
  /** The JOIN's own conditions (decide matching); `qual` filters the joined rows afterwards. */
  readonly joinqual: readonly Expr[];
  /** At most one inner row matches each outer row. */
  readonly innerUnique: boolean;
}
/** `nestParams`: exec Params set from the outer row before each rescan of the inner (parameterised index scans, LATERAL). */
export interface NestLoopPlan extends JoinPlanBase {
  readonly plan: 'NestLoop';
  readonly nestParams: readonly { readonly paramid: number; readonly value: Expr }[];
}
/** Hash join on `outerKeys[i] = innerKeys[i]` (operators `hashOperators[i]`); the inner side is hashed. */
export interface HashJoinPlan extends JoinPlanBase {
  readonly plan: 'HashJoin';
  readonly outerKeys: readonly Expr[];
  readonly innerKeys: readonly Expr[];
  readonly hashOperators: readonly Oid[];
  readonly hashCollations: readonly Oid[];
  /** Exec Params that the hash table depends on: those of the inner side and of its keys. */
  readonly tableParams: readonly number[];
}
/** Merge join of inputs sorted on the keys. */
export interface MergeJoinPlan extends JoinPlanBase {
  readonly plan: 'MergeJoin';
  readonly mergeKeys: readonly { readonly outer: Expr; readonly inner: Expr; readonly column: Omit<SortColumn, 'column'> }[];
}

/** One sort key: a 1-based column of the child's target list, and how it orders. */
export interface SortColumn {
  readonly column: number;
  /** The ordering operator (`<` or `>` member of a btree family). */
  readonly sortop: Oid;
  readonly eqop: Oid;
  readonly collation: Oid;
  readonly nullsFirst: boolean;
  readonly reverse: boolean;
}
export interface SortPlan extends PlanBase {
  readonly plan: 'Sort'; readonly child: Plan; readonly sortColumns: readonly SortColumn[];
  /** Known row bound (ORDER BY ... LIMIT with constants is found out at run time from the Limit above). */
  readonly boundHint: boolean;
}
/** Input is already sorted on the first `presortedColumns`. */
export interface IncrementalSortPlan extends PlanBase {
  readonly plan: 'IncrementalSort'; readonly child: Plan; readonly sortColumns: readonly SortColumn[]; readonly presortedColumns: number;
}
/** Removes adjacent duplicates of sorted input. */
export interface UniquePlan extends PlanBase { readonly plan: 'Unique'; readonly child: Plan; readonly columns: readonly SortColumn[] }
/**
 * Grouping and aggregation. `strategy`: plain (one group), sorted (input sorted by the group columns), hashed, mixed
 * (several grouping sets). Aggref nodes stay in `targetlist` and `qual`; their arguments are over OUTER_VAR.
 */
export interface AggPlan extends PlanBase {
  readonly plan: 'Agg'; readonly child: Plan;
  readonly strategy: 'plain' | 'sorted' | 'hashed' | 'mixed';
  readonly groupColumns: readonly SortColumn[];
  /**
   * Grouping sets as lists of positions (0-based) in `groupColumns`; empty for ordinary grouping. Columns of
   * `groupColumns` that are not in the current set read as NULL in `targetlist` and `qual`.
   */
  readonly groupingSets: readonly (readonly number[])[];
  /** Grouping set i's ressortgrouprefs, for GROUPING(). */
  readonly groupingRefs: readonly (readonly number[])[];
  /**
   * How the grouping sets are to be computed, in order of output; empty for ordinary grouping. A 'sorted' phase reads
   * input sorted by `sortColumns` (the child's own order when `resort` is false) and its sets are prefixes of them; all
   * 'hashed' phases are filled in one pass.
   */
  readonly phases: readonly AggPhase[];
}
export interface AggPhase {
  readonly strategy: 'plain' | 'sorted' | 'hashed';
  /** Indexes into `groupingSets`. */
  readonly sets: readonly number[];
  /** Columns of the child by which this phase's input is sorted; empty for hashed and plain. */
  readonly sortColumns: readonly SortColumn[];
  readonly resort: boolean;
}
/** GROUP BY without aggregates over sorted input. */
export interface GroupPlan extends PlanBase { readonly plan: 'Group'; readonly child: Plan; readonly groupColumns: readonly SortColumn[] }
/** One window clause over input sorted by partition and order columns. WindowFuncs stay in the target list. */
export interface WindowAggPlan extends PlanBase {
  readonly plan: 'WindowAgg'; readonly child: Plan; readonly winref: number;
  /** The window's name as EXPLAIN prints it ("w1"). */
  readonly winname: string;
  readonly partitionColumns: readonly SortColumn[];
  readonly orderColumns: readonly SortColumn[];
  readonly frameOptions: number;
  readonly startOffset: Expr | null;
  readonly endOffset: Expr | null;
  readonly startInRangeFunc: Oid;
  readonly endInRangeFunc: Oid;
  readonly inRangeColl: Oid;
  readonly inRangeAsc: boolean;
  readonly inRangeNullsFirst: boolean;
}
/** INTERSECT and EXCEPT over two children (UNION is Append + Unique/Agg). */
export interface SetOpPlan extends PlanBase {
  readonly plan: 'SetOp'; readonly outer: Plan; readonly inner: Plan;
  readonly op: 'intersect' | 'except'; readonly all: boolean; readonly strategy: 'sorted' | 'hashed';
  readonly columns: readonly SortColumn[];
}
export interface LimitPlan extends PlanBase {
  readonly plan: 'Limit'; readonly child: Plan;
  readonly limitOffset: Expr | null; readonly limitCount: Expr | null;
  /** WITH TIES: columns that decide a tie; empty otherwise. */
  readonly tieColumns: readonly SortColumn[];
}
/** Keeps its child's rows for rescans (and backward scans). */
export interface MaterialPlan extends PlanBase { readonly plan: 'Material'; readonly child: Plan }
/** Caches inner results of a parameterised nested loop by parameter values. */
export interface MemoizePlan extends PlanBase { readonly plan: 'Memoize'; readonly child: Plan; readonly paramKeys: readonly Expr[];
  /** Keys are compared bit for bit instead of by their types' equality. */
  readonly binaryMode?: boolean }
/** FOR UPDATE and family: locks rows named by junk columns. */
export interface LockRowsPlan extends PlanBase {
  readonly plan: 'LockRows'; readonly child: Plan;
  readonly rowMarks: readonly PlanRowMark[]; readonly epqParam: number;
}
export interface PlanRowMark {
  readonly rti: number;
  readonly relid: Oid;
  readonly strength: RowMarkClause['strength'] | 'reference' | 'copy';
  readonly waitPolicy: RowMarkClause['waitPolicy'];
  /** 1-based columns of the child: row id, and table OID for inheritance (0 when none). */
  readonly rowIdColumn: number;
  readonly tableOidColumn: number;
}
/**
 * INSERT, UPDATE, DELETE, MERGE. The child's target list: the new values (INSERT: one per table attribute in order;
 * UPDATE: one per `updateColumns`), then junk: row id (`ROW_ID_ATTNO`; null in MERGE = not matched by target) and
 * "tableoid" where several result relations exist. MERGE's child delivers the join of target and source; new values come
 * from the actions' target lists (`resno` = attribute number), as do ON CONFLICT's. Vars: see OLD_VAR.
 */
export interface ModifyTablePlan extends PlanBase {
  readonly plan: 'ModifyTable'; readonly child: Plan;
  readonly operation: 'insert' | 'update' | 'delete' | 'merge';
  readonly canSetTag: boolean;
  /** Root (named) relation and all that may be changed. */
  readonly nominalRelation: number;
  readonly resultRelations: readonly { readonly rti: number; readonly relid: Oid; readonly updateColumns: readonly number[];
    /** Per result relation (children map columns by name). */
    readonly returningList: readonly TargetEntry[];
    /** MERGE: RETURNING of deleted rows, where a plain reference is the old version. */
    readonly deletedReturningList: readonly TargetEntry[]; readonly withCheckOptions: readonly WithCheckOption[];
    /** MERGE: the actions in order, and the join condition that decides whether a re-checked row still matches. */
    readonly mergeActions: readonly MergeAction[]; readonly mergeJoinCondition: Expr | null }[];
  readonly rowIdColumn: number;
  readonly tableOidColumn: number;
  readonly onConflict: OnConflictExpr | null;
  readonly epqParam: number;
  /**
   * UPDATE, DELETE, MERGE with other relations: marks ('reference') naming the junk row ids of these, so that a re-check
   * after a concurrent change joins with the same rows. Absent: they are read again.
   */
  readonly rowMarks?: readonly PlanRowMark[];
}

/** Every plan node. */
export type Plan =
  | ResultPlan | ProjectSetPlan | SeqScanPlan | IndexScanPlan | BitmapHeapScanPlan | TidScanPlan | SubqueryScanPlan
  | FunctionScanPlan | ValuesScanPlan | CteScanPlan | WorkTableScanPlan | RecursiveUnionPlan | AppendPlan | MergeAppendPlan
  | NestLoopPlan | HashJoinPlan | MergeJoinPlan | SortPlan | IncrementalSortPlan | UniquePlan | AggPlan | GroupPlan
  | WindowAggPlan | SetOpPlan | LimitPlan | MaterialPlan | MemoizePlan | LockRowsPlan | ModifyTablePlan;

/** A statement ready to run; shared and cached. */
export interface PlannedStmt {
  readonly commandType: Query['commandType'];
  readonly utilityStmt: UtilityStatement | null;
  readonly canSetTag: boolean;
  readonly planTree: Plan | null;
  readonly subplans: readonly Plan[];
  /** Flat range table: every relation of the statement, for locks, privileges and EXPLAIN. */
  readonly rtable: readonly RangeTblEntry[];
  readonly permInfos: readonly PermissionInfo[];
  /** Number of exec Params. */
  readonly paramExecCount: number;
  /** Types of extern Params. */
  readonly paramTypes: readonly Oid[];
  readonly hasReturning: boolean;
  readonly hasModifyingCTE: boolean;
  /** False when it must not run in a read-only transaction. */
  readonly readOnly: boolean;
  readonly rowMarks: readonly RowMarkClause[];
  /** Objects whose change makes the plan stale. */
  readonly relationOids: readonly Oid[];
  readonly functionOids: readonly Oid[];
  /** Depends on the current role (row security). */
  readonly dependsOnRole: boolean;
}

export type { SetOperation };
