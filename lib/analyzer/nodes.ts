/**
 * The analyzed query: PostgreSQL's Query tree (parsenodes.h, primnodes.h) as closed discriminated unions. Field names
 * are PostgreSQL's in camelCase; OIDs are numbers; attribute numbers and range-table indexes are 1-based as there.
 * Trees are immutable once analyzed (rewriter and planner copy what they change) and plain data, so that they can be
 * stored in the catalog (`serialize.ts`).
 *
 * `location` is a character offset (0-based) into the statement's source text, -1 when unknown; errors add 1 for `position`.
 */
import type { Datum } from '../types/datum.js';

type Oid = number;

// ------------------------------------------------------------------ expressions

/** A column of a range-table entry. After planning, `varno` may be one of the special numbers of `plan-nodes.ts`. */
export interface Var {
  readonly node: 'Var';
  readonly varno: number;
  /** Attribute number; 0 is the whole row; negative ones are system columns (ctid -1, xmin -2, cmin -3, xmax -4, cmax -5, tableoid -6). */
  readonly varattno: number;
  readonly vartype: Oid;
  readonly vartypmod: number;
  readonly varcollid: Oid;
  readonly varlevelsup: number;
  /** How the query wrote it, where that differs: the alias of a join, and the column there. For deparsing only. */
  readonly varnosyn?: number;
  readonly varattnosyn?: number;
  readonly location: number;
}

/** A constant. `value` null = NULL. */
export interface Const {
  readonly node: 'Const';
  readonly consttype: Oid;
  readonly consttypmod: number;
  readonly constcollid: Oid;
  readonly value: Datum;
  readonly location: number;
}

/** `extern`: $n of the client; `exec`: set by an outer plan node (correlation, InitPlan). */
export interface Param {
  readonly node: 'Param';
  readonly paramkind: 'extern' | 'exec';
  readonly paramid: number;
  readonly paramtype: Oid;
  readonly paramtypmod: number;
  readonly paramcollid: Oid;
  readonly location: number;
}

export interface FuncExpr {
  readonly node: 'FuncExpr';
  readonly funcid: Oid;
  readonly funcresulttype: Oid;
  readonly funcretset: boolean;
  readonly funcvariadic: boolean;
  /** How it was written: a call, an explicit or implicit cast, or SQL syntax such as EXTRACT. */
  readonly funcformat: CoercionForm;
  readonly funccollid: Oid;
  readonly inputcollid: Oid;
  readonly args: readonly Expr[];
  /** How many of the last arguments are the parameters' defaults, not written in the call. */
  readonly defaulted?: number;
  readonly location: number;
}
export type CoercionForm = 'call' | 'explicitCast' | 'implicitCast' | 'sqlSyntax';

export interface OpExpr {
  readonly node: 'OpExpr';
  readonly opno: Oid;
  readonly opfuncid: Oid;
  readonly opresulttype: Oid;
  readonly opretset: boolean;
  readonly opcollid: Oid;
  readonly inputcollid: Oid;
  readonly args: readonly Expr[];
  readonly location: number;
}
/** IS DISTINCT FROM */
export interface DistinctExpr extends Omit<OpExpr, 'node'> { readonly node: 'DistinctExpr' }
/** NULLIF */
export interface NullIfExpr extends Omit<OpExpr, 'node'> { readonly node: 'NullIfExpr' }

/** `scalar op ANY/ALL (array)`; `useOr` for ANY. */
export interface ScalarArrayOpExpr {
  readonly node: 'ScalarArrayOpExpr';
  readonly opno: Oid;
  readonly opfuncid: Oid;
  readonly useOr: boolean;
  readonly inputcollid: Oid;
  readonly args: readonly [Expr, Expr];
  readonly location: number;
}

export interface BoolExpr {
  readonly node: 'BoolExpr';
  readonly boolop: 'and' | 'or' | 'not';
  readonly args: readonly Expr[];
  readonly location: number;
}

export interface Aggref {
  readonly node: 'Aggref';
  readonly aggfnoid: Oid;
  readonly aggtype: Oid;
  readonly aggcollid: Oid;
  readonly inputcollid: Oid;
  readonly aggargtypes: readonly Oid[];
  readonly aggdirectargs: readonly Expr[];
  readonly args: readonly TargetEntry[];
  readonly aggorder: readonly SortGroupClause[];
  readonly aggdistinct: readonly SortGroupClause[];
  readonly aggfilter: Expr | null;
  readonly aggstar: boolean;
  readonly aggvariadic: boolean;
  /** 'n' normal, 'o' ordered-set, 'h' hypothetical */
  readonly aggkind: string;
  readonly agglevelsup: number;
  readonly location: number;
}

/** GROUPING(...) */
export interface GroupingFunc {
  readonly node: 'GroupingFunc';
  readonly args: readonly Expr[];
  /** ressortgrouprefs of the arguments */
  readonly refs: readonly number[];
  readonly agglevelsup: number;
  readonly location: number;
}

export interface WindowFunc {
  readonly node: 'WindowFunc';
  readonly winfnoid: Oid;
  readonly wintype: Oid;
  readonly wincollid: Oid;
  readonly inputcollid: Oid;
  readonly args: readonly Expr[];
  readonly aggfilter: Expr | null;
  /** Index + 1 into Query.windowClause */
  readonly winref: number;
  readonly winstar: boolean;
  /** True when an aggregate is used as a window function */
  readonly winagg: boolean;
  readonly location: number;
}

export interface SubscriptingRef {
  readonly node: 'SubscriptingRef';
  readonly refcontainertype: Oid;
  readonly refelemtype: Oid;
  readonly refrestype: Oid;
  readonly reftypmod: number;
  readonly refcollid: Oid;
  /** Upper (or only) subscripts; null for an omitted slice bound. */
  readonly refupperindexpr: readonly (Expr | null)[];
  /** Lower bounds of a slice; empty when this is not a slice. */
  readonly reflowerindexpr: readonly (Expr | null)[];
  readonly refexpr: Expr;
  /** The new value in an assignment, else null. */
  readonly refassgnexpr: Expr | null;
  readonly location: number;
}

/** A subquery in an expression. `testexpr` compares the outer value with Params numbered by the sub-select's columns. */
export interface SubLink {
  readonly node: 'SubLink';
  readonly subLinkType: SubLinkType;
  /** For ANY/ALL/ROWCOMPARE: comparison over `Param`s of kind 'sublink' represented as SublinkParam. */
  readonly testexpr: Expr | null;
  readonly operName: readonly string[];
  readonly subselect: Query;
  /** Type of the value: bool for EXISTS, ANY, ALL and ROWCOMPARE; the column's for EXPR; the array's for ARRAY; record for MULTIEXPR. */
  readonly resulttype: Oid;
  readonly location: number;
}
export type SubLinkType = 'exists' | 'all' | 'any' | 'rowcompare' | 'expr' | 'multiexpr' | 'array' | 'cte';

/** In a SubLink's testexpr: column `column` (1-based) of the sub-select. */
export interface SublinkParam {
  readonly node: 'SublinkParam';
  readonly column: number;
  readonly paramtype: Oid;
  readonly paramtypmod: number;
  readonly paramcollid: Oid;
  readonly location: number;
}

export interface FieldSelect {
  readonly node: 'FieldSelect';
  readonly arg: Expr;
  readonly fieldnum: number;
  readonly resulttype: Oid;
  readonly resulttypmod: number;
  readonly resultcollid: Oid;
  readonly location: number;
}
export interface FieldStore {
  readonly node: 'FieldStore';
  readonly arg: Expr;
  readonly newvals: readonly Expr[];
  readonly fieldnums: readonly number[];
  readonly resulttype: Oid;
}
/** Binary-compatible relabelling. */
export interface RelabelType {
  readonly node: 'RelabelType';
  readonly arg: Expr;
  readonly resulttype: Oid;
  readonly resulttypmod: number;
  readonly resultcollid: Oid;
  readonly relabelformat: CoercionForm;
  readonly location: number;
}
/** Conversion by output and input functions. */
export interface CoerceViaIO {
  readonly node: 'CoerceViaIO';
  readonly arg: Expr;
  readonly resulttype: Oid;
  readonly resultcollid: Oid;
  readonly coerceformat: CoercionForm;
  readonly location: number;
}
/** Element-wise conversion of an array; `elemexpr` works on a CaseTestExpr. */
export interface ArrayCoerceExpr {
  readonly node: 'ArrayCoerceExpr';
  readonly arg: Expr;
  readonly elemexpr: Expr;
  readonly resulttype: Oid;
  readonly resulttypmod: number;
  readonly resultcollid: Oid;
  readonly coerceformat: CoercionForm;
  readonly location: number;
}
export interface ConvertRowtypeExpr {
  readonly node: 'ConvertRowtypeExpr';
  readonly arg: Expr;
  readonly resulttype: Oid;
  readonly convertformat: CoercionForm;
  readonly location: number;
}
export interface CollateExpr {
  readonly node: 'CollateExpr';
  readonly arg: Expr;
  readonly collOid: Oid;
  readonly location: number;
}
export interface CaseExpr {
  readonly node: 'CaseExpr';
  readonly casetype: Oid;
  readonly casecollid: Oid;
  /** The simple form's operand; WHENs then compare with CaseTestExpr. */
  readonly arg: Expr | null;
  readonly args: readonly { readonly expr: Expr; readonly result: Expr }[];
  readonly defresult: Expr | null;
  readonly location: number;
}
export interface CaseTestExpr {
  readonly node: 'CaseTestExpr';
  readonly typeId: Oid;
  readonly typeMod: number;
  readonly collation: Oid;
}
export interface ArrayExpr {
  readonly node: 'ArrayExpr';
  readonly arrayTypeid: Oid;
  readonly arrayCollid: Oid;
  readonly elementTypeid: Oid;
  readonly elements: readonly Expr[];
  /** True when the elements are arrays themselves. */
  readonly multidims: boolean;
  readonly location: number;
}
export interface RowExpr {
  readonly node: 'RowExpr';
  readonly args: readonly Expr[];
  readonly rowTypeid: Oid;
  readonly rowFormat: CoercionForm;
  readonly colnames: readonly string[];
  readonly location: number;
}
export interface RowCompareExpr {
  readonly node: 'RowCompareExpr';
  readonly cmptype: 'lt' | 'le' | 'eq' | 'ge' | 'gt' | 'ne';
  readonly opnos: readonly Oid[];
  readonly opfamilies: readonly Oid[];
  readonly inputcollids: readonly Oid[];
  readonly largs: readonly Expr[];
  readonly rargs: readonly Expr[];
  readonly location: number;
}
export interface CoalesceExpr {
  readonly node: 'CoalesceExpr';
  readonly coalescetype: Oid;
  readonly coalescecollid: Oid;
  readonly args: readonly Expr[];
  readonly location: number;
}
export interface MinMaxExpr {
  readonly node: 'MinMaxExpr';
  readonly minmaxtype: Oid;
  readonly minmaxcollid: Oid;
  readonly inputcollid: Oid;
  readonly op: 'greatest' | 'least';
  readonly args: readonly Expr[];
  readonly location: number;
}
/** CURRENT_DATE and family. */
export interface SQLValueFunction {
  readonly node: 'SQLValueFunction';
  readonly op:
    | 'current_date' | 'current_time' | 'current_timestamp' | 'localtime' | 'localtimestamp'
    | 'current_role' | 'current_user' | 'user' | 'session_user' | 'current_catalog' | 'current_schema';
  readonly type: Oid;
  readonly typmod: number;
  readonly location: number;
}
export interface NullTest {
  readonly node: 'NullTest';
  readonly arg: Expr;
  readonly nulltesttype: 'isNull' | 'isNotNull';
  /** The argument is composite: test every field. */
  readonly argisrow: boolean;
  readonly location: number;
}
export interface BooleanTest {
  readonly node: 'BooleanTest';
  readonly arg: Expr;
  readonly booltesttype: 'isTrue' | 'isNotTrue' | 'isFalse' | 'isNotFalse' | 'isUnknown' | 'isNotUnknown';
  readonly location: number;
}
export interface CoerceToDomain {
  readonly node: 'CoerceToDomain';
  readonly arg: Expr;
  readonly resulttype: Oid;
  readonly resulttypmod: number;
  readonly resultcollid: Oid;
  readonly coercionformat: CoercionForm;
  readonly location: number;
}
export interface CoerceToDomainValue {
  readonly node: 'CoerceToDomainValue';
  readonly typeId: Oid;
  readonly typeMod: number;
  readonly collation: Oid;
  readonly location: number;
}
/** DEFAULT in INSERT/UPDATE; replaced by the rewriter. */
export interface SetToDefault {
  readonly node: 'SetToDefault';
  readonly typeId: Oid;
  readonly typeMod: number;
  readonly collation: Oid;
  readonly location: number;
}
export interface CurrentOfExpr {
  readonly node: 'CurrentOfExpr';
  readonly cvarno: number;
  readonly cursorName: string;
}
export interface NextValueExpr {
  readonly node: 'NextValueExpr';
  readonly seqid: Oid;
  readonly typeId: Oid;
}
/** MERGE_ACTION(): what MERGE did with the row, in its RETURNING list. */
export interface MergeSupportFunc {
  readonly node: 'MergeSupportFunc';
  readonly location: number;
}
/** RETURNING old.* / new.* reference wrapper is carried by Var.varreturningtype in PostgreSQL; here a node. */
export interface ReturningExpr {
  readonly node: 'ReturningExpr';
  readonly returningOld: boolean;
  readonly expr: Expr;
}

/** Every expression. */
export type Expr =
  | Var | Const | Param | FuncExpr | OpExpr | DistinctExpr | NullIfExpr | ScalarArrayOpExpr | BoolExpr
  | Aggref | GroupingFunc | WindowFunc | SubscriptingRef | SubLink | SublinkParam | FieldSelect | FieldStore
  | RelabelType | CoerceViaIO | ArrayCoerceExpr | ConvertRowtypeExpr | CollateExpr | CaseExpr | CaseTestExpr
  | ArrayExpr | RowExpr | RowCompareExpr | CoalesceExpr | MinMaxExpr | SQLValueFunction | NullTest | BooleanTest
  | CoerceToDomain | CoerceToDomainValue | SetToDefault | CurrentOfExpr | NextValueExpr | MergeSupportFunc | ReturningExpr
  | SubPlanExpr;

/** Made by the planner from a SubLink: run subplan `planId` of the PlannedStmt. */
export interface SubPlanExpr {
  readonly node: 'SubPlan';
  readonly subLinkType: SubLinkType;
  /** Over exec Params `paramIds`, which receive the subplan's current row. */
  readonly testexpr: Expr | null;
  readonly paramIds: readonly number[];
  /** Index into PlannedStmt.subplans. */
  readonly planId: number;
  /** As in the SubLink. */
  readonly resulttype: Oid;
  readonly firstColType: Oid;
  readonly firstColTypmod: number;
  readonly firstColCollation: Oid;
  /** ANY over an uncorrelated subplan: probe a hash table. */
  readonly useHashTable: boolean;
  /** Exec params to set (parParam) from these expressions (args) before each run: the correlation. */
  readonly parParam: readonly number[];
  readonly args: readonly Expr[];
}

// ------------------------------------------------------------------ query

export interface TargetEntry {
  readonly node: 'TargetEntry';
  readonly expr: Expr;
  /** 1-based; in INSERT/UPDATE the target column's attribute number. */
  readonly resno: number;
  readonly resname: string | null;
  /** Nonzero when a sort or group clause refers to it. */
  readonly ressortgroupref: number;
  readonly resorigtbl: Oid;
  readonly resorigcol: number;
  readonly resjunk: boolean;
}

export interface SortGroupClause {
  readonly node: 'SortGroupClause';
  readonly tleSortGroupRef: number;
  readonly eqop: Oid;
  /** 0 when only hashing/grouping is possible. */
  readonly sortop: Oid;
  readonly reverseSort: boolean;
  readonly nullsFirst: boolean;
  readonly hashable: boolean;
}

export interface GroupingSet {
  readonly node: 'GroupingSet';
  readonly kind: 'empty' | 'simple' | 'rollup' | 'cube' | 'sets';
  /** simple: ressortgrouprefs; others: nested sets. */
  readonly content: readonly (number | GroupingSet)[];
  readonly location: number;
}

export interface WindowClause {
  readonly node: 'WindowClause';
  readonly name: string | null;
  readonly refname: string | null;
  readonly partitionClause: readonly SortGroupClause[];
  readonly orderClause: readonly SortGroupClause[];
  /** FRAMEOPTION_* bits as PostgreSQL numbers them. */
  readonly frameOptions: number;
  readonly startOffset: Expr | null;
  readonly endOffset: Expr | null;
  readonly startInRangeFunc: Oid;
  readonly endInRangeFunc: Oid;
  readonly inRangeColl: Oid;
  readonly inRangeAsc: boolean;
  readonly inRangeNullsFirst: boolean;
  readonly winref: number;
}

export interface RowMarkClause {
  readonly node: 'RowMarkClause';
  readonly rti: number;
  readonly strength: 'keyShare' | 'share' | 'noKeyUpdate' | 'update';
  readonly waitPolicy: 'block' | 'skip' | 'error';
  /** Implied by a mark on an enclosing view or subquery. */
  readonly pushedDown: boolean;
}

export interface CommonTableExpr {
  readonly node: 'CommonTableExpr';
  readonly ctename: string;
  /** Column names as written behind the item's name. */
  readonly aliascolnames: readonly string[];
  readonly ctematerialized: 'default' | 'always' | 'never';
  readonly ctequery: Query;
  readonly cterecursive: boolean;
  readonly cterefcount: number;
  readonly ctecolnames: readonly string[];
  readonly ctecoltypes: readonly Oid[];
  readonly ctecoltypmods: readonly number[];
  readonly ctecolcollations: readonly Oid[];
  readonly searchClause: CteSearchClause | null;
  readonly cycleClause: CteCycleClause | null;
  readonly location: number;
}
export interface CteSearchClause {
  readonly searchColList: readonly string[];
  readonly searchBreadthFirst: boolean;
  readonly searchSeqColumn: string;
}
export interface CteCycleClause {
  readonly cycleColList: readonly string[];
  readonly cycleMarkColumn: string;
  readonly cycleMarkValue: Expr;
  readonly cycleMarkDefault: Expr;
  readonly cyclePathColumn: string;
  readonly cycleMarkType: Oid;
  readonly cycleMarkTypmod: number;
  readonly cycleMarkCollation: Oid;
  readonly cycleMarkNeop: Oid;
}

/** Privileges that executing this entry needs, and which columns it touches. */
export interface PermissionInfo {
  readonly relid: Oid;
  readonly inh: boolean;
  /** ACL_* letters needed: a subset of "arwd" (insert, select, update, delete) plus 'D','x','t','m'. */
  readonly requiredPerms: string;
  /** 0 = current user; else check as that role (view owner). */
  readonly checkAsUser: Oid;
  readonly selectedCols: readonly number[];
  readonly insertedCols: readonly number[];
  readonly updatedCols: readonly number[];
}

interface RangeTblEntryBase {
  readonly node: 'RangeTblEntry';
  /** The alias as written, if any. */
  readonly alias: Alias | null;
  /** Effective name and column names (dropped columns are ''). */
  readonly eref: Alias;
  readonly lateral: boolean;
  readonly inFromCl: boolean;
}
export interface Alias {
  readonly aliasname: string;
  readonly colnames: readonly string[];
}
export interface RelationRte extends RangeTblEntryBase {
  readonly rtekind: 'relation';
  readonly relid: Oid;
  readonly relkind: string;
  /** Lock taken by the analyzer and again by the executor of a cached plan. */
  readonly rellockmode: import('../access/api.js').TableLockMode;
  /** Include inheritance children. */
  readonly inh: boolean;
  readonly tablesample: TableSampleClause | null;
  readonly perm: PermissionInfo;
}
export interface TableSampleClause {
  readonly tsmhandler: Oid;
  readonly args: readonly Expr[];
  readonly repeatable: Expr | null;
}
export interface SubqueryRte extends RangeTblEntryBase {
  readonly rtekind: 'subquery';
  readonly subquery: Query;
  readonly securityBarrier: boolean;
  /** Set when the rewriter expanded a view: its OID and the privileges on it. */
  readonly viewRelid: Oid;
  readonly perm: PermissionInfo | null;
}
export interface JoinRte extends RangeTblEntryBase {
  readonly rtekind: 'join';
  readonly jointype: JoinType;
  /** Number of merged (USING) columns; they come first. */
  readonly joinmergedcols: number;
  /** What each join column is in terms of the inputs. */
  readonly joinaliasvars: readonly Expr[];
  /** Column numbers of the inputs: the merged ones first (in both lists), then the others. */
  readonly joinleftcols: readonly number[];
  readonly joinrightcols: readonly number[];
  readonly joinUsingAlias: Alias | null;
}
export interface FunctionRte extends RangeTblEntryBase {
  readonly rtekind: 'function';
  readonly functions: readonly RangeTblFunction[];
  readonly funcordinality: boolean;
}
export interface RangeTblFunction {
  readonly funcexpr: Expr;
  readonly colcount: number;
  readonly colnames: readonly string[];
  readonly coltypes: readonly Oid[];
  readonly coltypmods: readonly number[];
  readonly colcollations: readonly Oid[];
  /** True when a column definition list was given. */
  readonly hasColdef: boolean;
  /** True when the result is a composite (columns spread) rather than one scalar column. */
  readonly isComposite: boolean;
}
export interface ValuesRte extends RangeTblEntryBase {
  readonly rtekind: 'values';
  readonly valuesLists: readonly (readonly Expr[])[];
  readonly coltypes: readonly Oid[];
  readonly coltypmods: readonly number[];
  readonly colcollations: readonly Oid[];
  /** The lists stand for rows that come with the execution: these parameters are read from the row, at that place (`LiteralRows`). */
  readonly rowSlots?: ReadonlyMap<number, number>;
}
export interface CteRte extends RangeTblEntryBase {
  readonly rtekind: 'cte';
  readonly ctename: string;
  readonly ctelevelsup: number;
  /** Reference from inside the CTE's own recursive term. */
  readonly selfReference: boolean;
  readonly coltypes: readonly Oid[];
  readonly coltypmods: readonly number[];
  readonly colcollations: readonly Oid[];
}
/** GROUP BY's own entry is not modelled; `result` is FROM-less. */
export interface ResultRte extends RangeTblEntryBase {
  readonly rtekind: 'result';
}
export type RangeTblEntry = RelationRte | SubqueryRte | JoinRte | FunctionRte | ValuesRte | CteRte | ResultRte;

export type JoinType = 'inner' | 'left' | 'full' | 'right' | 'semi' | 'anti';

export interface RangeTblRef {
  readonly node: 'RangeTblRef';
  readonly rtindex: number;
}
export interface JoinExpr {
  readonly node: 'JoinExpr';
  readonly jointype: JoinType;
  readonly larg: JoinTreeNode;
  readonly rarg: JoinTreeNode;
  readonly quals: Expr | null;
  /** Its range-table entry; 0 when the planner made it. */
  readonly rtindex: number;
}
export interface FromExpr {
  readonly node: 'FromExpr';
  readonly fromlist: readonly JoinTreeNode[];
  readonly quals: Expr | null;
}
export type JoinTreeNode = RangeTblRef | JoinExpr | FromExpr;

export interface OnConflictExpr {
  readonly node: 'OnConflictExpr';
  readonly action: 'nothing' | 'update';
  /** Inferred or named arbiter indexes' OIDs; empty = any unique index (DO NOTHING only). */
  readonly arbiterIndexes: readonly Oid[];
  readonly constraint: Oid;
  readonly onConflictSet: readonly TargetEntry[];
  readonly onConflictWhere: Expr | null;
  /** Range-table index of EXCLUDED. */
  readonly exclRelIndex: number;
}

export interface MergeAction {
  readonly node: 'MergeAction';
  readonly matchKind: 'matched' | 'notMatchedBySource' | 'notMatchedByTarget';
  readonly commandType: 'update' | 'delete' | 'insert' | 'nothing';
  readonly override: 'none' | 'user' | 'system';
  readonly qual: Expr | null;
  readonly targetList: readonly TargetEntry[];
}

export interface SetOperation {
  readonly node: 'SetOperation';
  readonly op: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly larg: SetOperation | RangeTblRef;
  readonly rarg: SetOperation | RangeTblRef;
  readonly colTypes: readonly Oid[];
  readonly colTypmods: readonly number[];
  readonly colCollations: readonly Oid[];
  readonly groupClauses: readonly SortGroupClause[];
}

export type CommandType = 'select' | 'insert' | 'update' | 'delete' | 'merge' | 'utility';

/** An analyzed statement. */
export interface Query {
  readonly node: 'Query';
  readonly commandType: CommandType;
  /** For commandType 'utility': the raw parse tree, executed by `commands`. */
  readonly utilityStmt: UtilityStatement | null;
  readonly canSetTag: boolean;
  readonly rtable: readonly RangeTblEntry[];
  readonly jointree: FromExpr;
  readonly targetList: readonly TargetEntry[];
  /** Range-table index of the INSERT/UPDATE/DELETE/MERGE target; 0 for SELECT. */
  readonly resultRelation: number;
  readonly override: 'none' | 'user' | 'system';
  readonly onConflict: OnConflictExpr | null;
  readonly returningList: readonly TargetEntry[];
  readonly mergeActionList: readonly MergeAction[];
  readonly mergeJoinCondition: Expr | null;
  readonly groupClause: readonly SortGroupClause[];
  readonly groupDistinct: boolean;
  readonly groupingSets: readonly GroupingSet[];
  readonly havingQual: Expr | null;
  readonly windowClause: readonly WindowClause[];
  readonly distinctClause: readonly SortGroupClause[];
  readonly hasDistinctOn: boolean;
  readonly sortClause: readonly SortGroupClause[];
  readonly limitOffset: Expr | null;
  readonly limitCount: Expr | null;
  readonly limitOption: 'count' | 'withTies';
  readonly rowMarks: readonly RowMarkClause[];
  readonly setOperations: SetOperation | null;
  readonly cteList: readonly CommonTableExpr[];
  readonly hasRecursive: boolean;
  readonly hasModifyingCTE: boolean;
  readonly hasAggs: boolean;
  readonly hasWindowFuncs: boolean;
  readonly hasTargetSRFs: boolean;
  readonly hasSubLinks: boolean;
  readonly hasForUpdate: boolean;
  /** Constraints this query depends on (functional dependency of grouped columns). */
  readonly constraintDeps: readonly Oid[];
  /** WITH CHECK OPTION and row-security checks, added by the rewriter. */
  readonly withCheckOptions: readonly WithCheckOption[];
  readonly stmtLocation: number;
  readonly stmtLen: number;
}

export interface WithCheckOption {
  readonly kind: 'view' | 'rlsInsert' | 'rlsUpdate' | 'rlsConflict';
  readonly relname: string;
  readonly polname: string | null;
  readonly qual: Expr;
  readonly cascaded: boolean;
}

/** A raw utility statement: libpg-query's node name and body. */
export interface UtilityStatement {
  /** e.g. "CreateStmt", "TransactionStmt", "ExplainStmt". */
  readonly tag: string;
  readonly body: import('../parser/raw.js').RawNode;
}
