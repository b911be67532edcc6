/**
 * The planner's working data (pathnodes.h): relations, restrictions, equivalence classes, pathkeys and paths. Private to
 * the planner and mutable while one statement is planned.
 */
import type {
  Aggref, Expr, FromExpr, JoinType, MergeAction, OnConflictExpr, Param, Query, RangeTblEntry, SetOperation, SortGroupClause, TargetEntry,
  Var, WindowClause, WithCheckOption,
} from '../analyzer/nodes.js';
import type { IndexDescriptor, Relation } from '../catalog/api.js';
import type { PlannerContext } from './context.js';
import type { AggPlan, InitPlan, Plan, PlanJoinType, PlanRowMark } from './plan-nodes.js';
import type { Relids } from './relids.js';

type Oid = number;

/** Start-up and per-tuple cost of evaluating something. */
export interface QualCost { startup: number; perTuple: number }

/** What a relation's rows consist of while planning: expressions, with the ORDER/GROUP reference of each (0 = none). */
export interface PathTarget { exprs: Expr[]; sortgrouprefs: number[]; cost: QualCost; width: number }

/** State of the whole statement, shared by all query levels. */
export interface PlannerGlobal {
  readonly context: PlannerContext;
  /** Finished plans of SubPlans, InitPlans and CTEs, before setrefs, with the query level each was planned in. */
  readonly subplans: { plan: Plan; root: PlannerInfo; path: Path }[];
  readonly rewoundSubplans: Set<number>;
  paramExecCount: number;
  lastPlaceholderId: number;
  readonly finalRtable: RangeTblEntry[];
  readonly relationOids: Set<Oid>;
  readonly functionOids: Set<Oid>;
  readonly rowMarks: Query['rowMarks'][number][];
  hasModifyingCTE: boolean;
  dependsOnRole: boolean;
}

/** A Var-like thing of an outer query level (or outer relation) that is passed down through an exec Param. */
export interface ParamItem { readonly item: Expr; readonly paramid: number }

/** A subquery output that must be computed below an outer join (PlaceHolderVar); `Var`s with varno PLACEHOLDER_VARNO + id stand for it. */
export interface PlaceholderInfo {
  readonly id: number;
  expr: Expr;
  /** The expression with LATERAL references replaced by Params, once the plan is made. */
  planExpr?: Expr;
  /** Relations at whose level it must be evaluated (syntactically). */
  phrels: Relids;
  /** Lowest level at which it can be evaluated. */
  evalAt: Relids;
  lateral: Relids;
  /** Highest level at which it is needed. */
  needed: Relids;
  width: number;
}

/** Varnos from here on name placeholders. */
export const PLACEHOLDER_VARNO = 1 << 24;

/** The varno of grouping columns that are variables of their own; varattno is the clause's reference. */
export const GROUP_VARNO = PLACEHOLDER_VARNO - 1;

/** State of planning one query level. */
export interface PlannerInfo {
  readonly glob: PlannerGlobal;
  readonly parent: PlannerInfo | null;
  readonly queryLevel: number;
  /** The query; its range table and join tree live in `rtable` and `jointree` while it is rewritten. */
  parse: Query;
  /** Where this level's range table starts in the flat one; -1 before. */
  rtableOffset: number;
  /** By range-table index (entry 0 is unused). */
  rtable: RangeTblEntry[];
  jointree: FromExpr;
  planParams: ParamItem[];
  initPlans: InitPlan[];
  /** Per CTE of the query: index of its plan in glob.subplans, -1 when inlined, and its Param. */
  ctePlans: { planId: number; paramid: number }[];
  hasRecursion: boolean;
  wtParamId: number;
  nonRecursivePath: Path | null;
  hasHavingQual: boolean;
  hasLateralRTEs: boolean;
  simpleRels: (RelOptInfo | undefined)[];
  allBaserels: Relids;
  nullableBaserels: Relids;
  joinRels: Map<Relids, RelOptInfo>;
  joinInfos: SpecialJoinInfo[];
  eqClasses: EquivalenceClass[];
  ecMergingDone: boolean;
  canonPathkeys: PathKey[];
  leftJoinClauses: RestrictInfo[];
  rightJoinClauses: RestrictInfo[];
  fullJoinClauses: RestrictInfo[];
  placeholders: Map<number, PlaceholderInfo>;
  /** The Var that stands for each placeholder. */
  placeholderVars: Map<number, Var>;
  appendRels: AppendRelInfo[];
  /** Index: child rti → its AppendRelInfo. */
  appendRelByChild: Map<number, AppendRelInfo>;
  queryPathkeys: PathKey[];
  groupPathkeys: PathKey[];
  windowPathkeys: PathKey[];
  distinctPathkeys: PathKey[];
  sortPathkeys: PathKey[];
  setopPathkeys: PathKey[];
  processedGroupClause: SortGroupClause[];
  processedDistinctClause: SortGroupClause[];
  processedTlist: TargetEntry[];
  /** The expressions of grouping columns that are variables of their own. */
  groupTlist: readonly TargetEntry[];
  /** UPDATE: target attribute numbers of the first processedTlist entries. */
  updateColnos: number[];
  tupleFraction: number;
  limitTuples: number;
  hasPseudoConstantQuals: boolean;
  upperRels: Map<string, RelOptInfo>;
  minmaxAggs: MinMaxAggInfo[];
  /** Set when MIN/MAX aggregates became InitPlans: replaces them by Params. */
  minmaxReplace: ((expr: Expr) => Expr) | null;
  curOuterRels: Relids;
  curOuterParams: ParamItem[];
  rowMarks: PlanRowMarkSpec[];
  leafResultRelids: number[];
  /** Row-identity junk columns: rti 0 means shared through an append parent. */
  rowIdentity: { readonly resname: string; readonly var: Var }[];
}

/** A row mark while planning. */
export interface PlanRowMarkSpec {
  rti: number;
  prti: number;
  relid: Oid;
  strength: PlanRowMark['strength'];
  waitPolicy: PlanRowMark['waitPolicy'];
  isParent: boolean;
}

/** A join step that is not a plain inner join: legality limits of reordering. */
export interface SpecialJoinInfo {
  minLeft: Relids;
  minRight: Relids;
  synLeft: Relids;
  synRight: Relids;
  jointype: JoinType;
  lhsStrict: boolean;
  delayUpperJoins: boolean;
  /** SEMI: the inner side could be made unique over these. */
  semiCanBtree: boolean;
  semiCanHash: boolean;
  semiOperators: Oid[];
  semiRhsExprs: Expr[];
}

/** A qualification clause with what planning found out about it. */
export interface RestrictInfo {
  readonly clause: Expr;
  readonly isPushedDown: boolean;
  readonly outerjoinDelayed: boolean;
  readonly canJoin: boolean;
  readonly pseudoconstant: boolean;
  readonly clauseRelids: Relids;
  readonly requiredRelids: Relids;
  readonly outerRelids: Relids;
  readonly nullableRelids: Relids;
  readonly leftRelids: Relids;
  readonly rightRelids: Relids;
  /** OR clause: arms as lists of ANDed RestrictInfos. */
  readonly orArms: readonly (readonly RestrictInfo[])[] | null;
  parentEc: EquivalenceClass | null;
  leftEc: EquivalenceClass | null;
  rightEc: EquivalenceClass | null;
  leftEm: EquivalenceMember | null;
  rightEm: EquivalenceMember | null;
  mergeopfamilies: readonly Oid[];
  hashjoinoperator: Oid;
  outerIsLeft: boolean;
  normSelectivity: number;
  outerSelectivity: number;
  evalCost: QualCost | null;
  hasVolatile: boolean | null;
  isRedundantAlternative: boolean;
}

export interface EquivalenceMember {
  readonly expr: Expr;
  readonly relids: Relids;
  readonly nullableRelids: Relids;
  readonly isConst: boolean;
  readonly isChild: boolean;
  readonly datatype: Oid;
}

export interface EquivalenceClass {
  opfamilies: readonly Oid[];
  collation: Oid;
  members: EquivalenceMember[];
  sources: RestrictInfo[];
  derives: RestrictInfo[];
  relids: Relids;
  hasConst: boolean;
  hasVolatile: boolean;
  belowOuterJoin: boolean;
  broken: boolean;
  sortref: number;
  merged: EquivalenceClass | null;
  readonly serial: number;
}

/** One sort column of an ordering; canonical: equal pathkeys are the same object. */
export interface PathKey {
  readonly ec: EquivalenceClass;
  readonly opfamily: Oid;
  /** 1 ascending (`<`), 5 descending (`>`). */
  readonly strategy: 1 | 5;
  readonly nullsFirst: boolean;
}

/** Parent and child of inheritance, partitioning or UNION ALL, with the child's expression of each parent column. */
export interface AppendRelInfo {
  readonly parentRelid: number;
  readonly childRelid: number;
  readonly parentReltype: Oid;
  readonly childReltype: Oid;
  /** By parent attribute number - 1; null = dropped. */
  translatedVars: (Expr | null)[];
  readonly parentReloid: Oid;
}

/** An index seen through one relation of the query. */
export interface IndexOptInfo {
  readonly descriptor: IndexDescriptor;
  readonly rel: RelOptInfo;
  /** Key and INCLUDE columns as expressions over the relation. */
  readonly columns: readonly Expr[];
  readonly keyCount: number;
  readonly predicate: readonly Expr[];
  predicateOk: boolean;
  pages: number;
  tuples: number;
  treeHeight: number;
  /** Restriction clauses left to check when this partial index is used. */
  restrictinfo: RestrictInfo[];
  readonly unique: boolean;
  readonly immediate: boolean;
  readonly ordered: boolean;
  readonly hypothetical: boolean;
}

export interface ParamPathInfo {
  readonly requiredOuter: Relids;
  readonly rows: number;
  readonly clauses: readonly RestrictInfo[];
}

/** A relation of the query: base, join, append child or upper. */
export interface RelOptInfo {
  readonly kind: 'base' | 'join' | 'otherMember' | 'upper';
  readonly relids: Relids;
  /** Base relations: range-table index. */
  readonly relid: number;
  readonly rte: RangeTblEntry | null;
  readonly relation: Relation | null;
  reltarget: PathTarget;
  rows: number;
  pages: number;
  tuples: number;
  allvisfrac: number;
  pathlist: Path[];
  ppilist: ParamPathInfo[];
  cheapestStartup: Path | null;
  cheapestTotal: Path | null;
  cheapestUnique: Path | null;
  cheapestParameterized: Path[];
  directLateralRelids: Relids;
  lateralRelids: Relids;
  lateralVars: Expr[];
  lateralReferencers: Relids;
  /** By attribute number - minAttr: relations (bit 0: query output) above which the column is needed. */
  attrNeeded: Map<number, Relids>;
  indexes: IndexOptInfo[];
  baserestrictinfo: RestrictInfo[];
  baserestrictcost: QualCost;
  joininfo: RestrictInfo[];
  hasEclassJoins: boolean;
  considerStartup: boolean;
  considerParamStartup: boolean;
  subroot: PlannerInfo | null;
  subplanParams: ParamItem[];
  uniqueForRels: Relids[];
  nonUniqueForRels: Relids[];
  dummy: boolean;
  neverAnalyzed: boolean;
  columnWidths: Map<number, number>;
  /** Append parents: root of the inheritance tree. */
  topParentRelids: Relids | null;
  /** Rows of the relation were already pruned to nothing. */
  readonly setopTargetTypes?: readonly Oid[];
}

// ------------------------------------------------------------------ paths

interface PathBase {
  readonly parent: RelOptInfo;
  target: PathTarget;
  readonly param: ParamPathInfo | null;
  rows: number;
  disabledNodes: number;
  startupCost: number;
  totalCost: number;
  pathkeys: readonly PathKey[];
}

/** An index clause: a restriction and the index conditions derived from it. */
export interface IndexClause {
  readonly rinfo: RestrictInfo;
  /** The index-form quals, as clauses with the index key on the left. */
  readonly indexQuals: readonly Expr[];
  readonly lossy: boolean;
  readonly indexcol: number;
  /** Row comparisons: all index columns used. */
  readonly indexcols: readonly number[];
}

export interface SeqScanPath extends PathBase { kind: 'seqscan' }
export interface IndexPath extends PathBase {
  kind: 'index'; index: IndexOptInfo; clauses: IndexClause[]; backward: boolean; indexOnly: boolean;
  indexTotalCost: number; indexSelectivity: number;
}
export interface BitmapHeapPath extends PathBase { kind: 'bitmapheap'; bitmap: Path }
export interface BitmapAndOrPath extends PathBase { kind: 'bitmapand' | 'bitmapor'; inputs: Path[]; selectivity: number }
export interface TidPath extends PathBase { kind: 'tid'; tidquals: RestrictInfo[] }
export interface SubqueryScanPath extends PathBase { kind: 'subqueryscan'; subpath: Path }
export interface SimpleScanPath extends PathBase { kind: 'functionscan' | 'valuesscan' | 'ctescan' | 'worktablescan' | 'resultscan' }
export interface GroupResultPath extends PathBase { kind: 'groupresult'; quals: Expr[] }
export interface AppendPath extends PathBase { kind: 'append'; subpaths: Path[] }
export interface MergeAppendPath extends PathBase { kind: 'mergeappend'; subpaths: Path[] }
export interface MaterialPath extends PathBase { kind: 'material'; subpath: Path }
export interface MemoizePath extends PathBase { kind: 'memoize'; subpath: Path; hashOperators: Oid[]; paramExprs: Expr[]; singlerow: boolean; binaryMode: boolean; estEntries: number; calls: number }
export interface UniqueJoinPath extends PathBase { kind: 'uniquejoin'; subpath: Path; method: 'noop' | 'hash' | 'sort'; operators: Oid[]; exprs: Expr[] }
interface JoinPathBase extends PathBase {
  jointype: PlanJoinType;
  innerUnique: boolean;
  outer: Path;
  inner: Path;
  joinrestrictinfo: readonly RestrictInfo[];
}
export interface NestLoopPath extends JoinPathBase { kind: 'nestloop' }
export interface MergeJoinPath extends JoinPathBase {
  kind: 'mergejoin'; mergeclauses: RestrictInfo[]; outersortkeys: readonly PathKey[] | null; innersortkeys: readonly PathKey[] | null;
  materializeInner: boolean; skipMarkRestore: boolean;
}
export interface HashJoinPath extends JoinPathBase { kind: 'hashjoin'; hashclauses: RestrictInfo[]; batches: number }
export interface ProjectionPath extends PathBase { kind: 'projection'; subpath: Path; dummy: boolean }
export interface ProjectSetPath extends PathBase { kind: 'projectset'; subpath: Path }
export interface SortPath extends PathBase { kind: 'sort'; subpath: Path; bounded: boolean }
export interface IncrementalSortPath extends PathBase { kind: 'incrementalsort'; subpath: Path; presorted: number }
export interface GroupPath extends PathBase { kind: 'group'; subpath: Path; groupClause: readonly SortGroupClause[]; quals: readonly Expr[] }
export interface UpperUniquePath extends PathBase { kind: 'upperunique'; subpath: Path; keyCount: number }
export interface AggPath extends PathBase {
  kind: 'agg'; subpath: Path; strategy: AggPlan['strategy']; groups: number; groupClause: readonly SortGroupClause[]; quals: readonly Expr[];
}
/** One rollup (or hashed set) of grouping sets: sets are lists of ressortgrouprefs. */
export interface Rollup { groupClause: readonly SortGroupClause[]; sets: { refs: readonly number[]; groups: number }[]; groups: number; hashed: boolean }
export interface GroupingSetsPath extends PathBase { kind: 'groupingsets'; subpath: Path; strategy: AggPlan['strategy']; rollups: Rollup[]; quals: readonly Expr[]; firstPresorted: boolean }
export interface MinMaxAggInfo { aggref: Aggref; target: Expr; aggsortop: Oid; subroot: PlannerInfo | null; path: Path | null; cost: number; param: Param | null }
export interface MinMaxAggPath extends PathBase { kind: 'minmaxagg'; aggs: MinMaxAggInfo[]; quals: readonly Expr[] }
export interface WindowAggPath extends PathBase { kind: 'windowagg'; subpath: Path; winclause: WindowClause; topwindow: boolean }
export interface SetOpPath extends PathBase { kind: 'setop'; left: Path; right: Path; op: 'intersect' | 'except'; all: boolean; strategy: 'sorted' | 'hashed'; groupClauses: readonly SortGroupClause[] }
export interface RecursiveUnionPath extends PathBase { kind: 'recursiveunion'; left: Path; right: Path; distinctList: readonly SortGroupClause[]; wtParam: number }
export interface LockRowsPath extends PathBase { kind: 'lockrows'; subpath: Path; rowMarks: PlanRowMarkSpec[] }
export interface LimitPath extends PathBase { kind: 'limit'; subpath: Path; limitOffset: Expr | null; limitCount: Expr | null; withTies: boolean }
export interface ModifyTablePath extends PathBase {
  kind: 'modifytable'; subpath: Path; operation: 'insert' | 'update' | 'delete' | 'merge'; canSetTag: boolean; nominalRelation: number;
  resultRelations: number[]; updateColnosLists: number[][]; withCheckOptionLists: (readonly WithCheckOption[])[];
  returningLists: (readonly TargetEntry[])[]; mergeActionLists: (readonly MergeAction[])[]; mergeJoinConditions: (Expr | null)[];
  onConflict: OnConflictExpr | null; epqParam: number;
}

/** A way to produce a relation's rows. */
export type Path =
  | SeqScanPath | IndexPath | BitmapHeapPath | BitmapAndOrPath | TidPath | SubqueryScanPath | SimpleScanPath | GroupResultPath
  | AppendPath | MergeAppendPath | MaterialPath | MemoizePath | UniqueJoinPath | NestLoopPath | MergeJoinPath | HashJoinPath
  | ProjectionPath | ProjectSetPath | SortPath | IncrementalSortPath | GroupPath | UpperUniquePath | AggPath | GroupingSetsPath
  | MinMaxAggPath | WindowAggPath | SetOpPath | RecursiveUnionPath | LockRowsPath | LimitPath | ModifyTablePath;

/** Join paths. */
export type JoinPath = NestLoopPath | MergeJoinPath | HashJoinPath;

export type { SetOperation };
