/**
 * The state of one query level's analysis: range table, name space, target relation, flags. Follows PostgreSQL's
 * ParseState and ParseNamespaceItem (parser/parse_node.h).
 */
import type { Node, SelectStmt, UpdateStmt, InsertStmt, DeleteStmt, MergeStmt } from 'libpg-query';
import type { WindowDef, LockingClause, ColumnRef, ParamRef, RangeVar } from 'libpg-query';
import { PgError, type PgErrorFields } from '../base/error.js';
import type { SqlStateName } from '../base/sqlstate.js';
import type { Catalog, Relation } from '../catalog/api.js';
import type { FunctionServices } from '../functions/context.js';
import type { LiteralKind } from '../parser/literals.js';
import type { Alias, CommonTableExpr, Expr, JoinTreeNode, Param, PermissionInfo, RangeTblEntry } from './nodes.js';

export type Oid = number;

/** A node under construction. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What an expression is part of: decides what it may contain, and how messages name it. */
export type ExprKind =
  | 'none' | 'other' | 'joinOn' | 'joinUsing' | 'fromSubselect' | 'fromFunction' | 'where' | 'having' | 'filter'
  | 'windowPartition' | 'windowOrder' | 'windowFrameRange' | 'windowFrameRows' | 'windowFrameGroups' | 'selectTarget'
  | 'insertTarget' | 'updateSource' | 'updateTarget' | 'mergeWhen' | 'groupBy' | 'orderBy' | 'distinctOn' | 'limit'
  | 'offset' | 'returning' | 'mergeReturning' | 'values' | 'valuesSingle' | 'checkConstraint' | 'domainCheck'
  | 'columnDefault' | 'functionDefault' | 'indexExpression' | 'indexPredicate' | 'statsExpression' | 'alterColTransform'
  | 'executeParameter' | 'triggerWhen' | 'partitionBound' | 'partitionExpression' | 'callArgument' | 'copyWhere'
  | 'generatedColumn' | 'policy' | 'cycleMark';

const EXPR_KIND_NAMES: Readonly<Record<ExprKind, string>> = {
  none: 'invalid expression context', other: 'extension expression', joinOn: 'JOIN/ON', joinUsing: 'JOIN/USING',
  fromSubselect: 'sub-SELECT in FROM', fromFunction: 'function in FROM', where: 'WHERE', having: 'HAVING', filter: 'FILTER',
  windowPartition: 'window PARTITION BY', windowOrder: 'window ORDER BY', windowFrameRange: 'window RANGE',
  windowFrameRows: 'window ROWS', windowFrameGroups: 'window GROUPS', selectTarget: 'SELECT', insertTarget: 'INSERT',
  updateSource: 'UPDATE', updateTarget: 'UPDATE', mergeWhen: 'MERGE WHEN', groupBy: 'GROUP BY', orderBy: 'ORDER BY',
  distinctOn: 'DISTINCT ON', limit: 'LIMIT', offset: 'OFFSET', returning: 'RETURNING', mergeReturning: 'RETURNING',
  values: 'VALUES', valuesSingle: 'VALUES', checkConstraint: 'CHECK', domainCheck: 'CHECK', columnDefault: 'DEFAULT',
  functionDefault: 'DEFAULT', indexExpression: 'index expression', indexPredicate: 'index predicate',
  statsExpression: 'statistics expression', alterColTransform: 'USING', executeParameter: 'EXECUTE', triggerWhen: 'WHEN',
  partitionBound: 'partition bound', partitionExpression: 'PARTITION BY', callArgument: 'CALL', copyWhere: 'WHERE',
  generatedColumn: 'GENERATED AS', policy: 'POLICY', cycleMark: 'CYCLE',
};

/** How messages name a kind of expression ("WHERE", "window PARTITION BY"). */
export function exprKindName(kind: ExprKind): string {
  return EXPR_KIND_NAMES[kind];
}

/** One column of a name space item: the Var it becomes. */
export interface NamespaceColumn {
  readonly varno: number;
  readonly varattno: number;
  readonly vartype: Oid;
  readonly vartypmod: number;
  readonly varcollid: Oid;
  /** Not shown by `*`. */
  readonly dontexpand: boolean;
  /** See Var. */
  readonly varnosyn?: number;
  readonly varattnosyn?: number;
}

/** A range-table entry as names can reach it. */
export interface NamespaceItem {
  /** Name and column names; '' for dropped columns. */
  readonly names: Alias;
  readonly rte: RangeTblEntry;
  readonly rtindex: number;
  readonly columns: readonly NamespaceColumn[];
  /** Its name can be used to qualify. */
  relVisible: boolean;
  /** Its columns can be used unqualified. */
  colsVisible: boolean;
  /** Only LATERAL expressions may refer to it ... */
  lateralOnly: boolean;
  /** ... and this says whether they may (not on the wrong side of an outer join). */
  lateralOk: boolean;
  /** OLD and NEW in RETURNING. */
  returningType: 'default' | 'old' | 'new';
}

/** Columns and parameters that something outside the query gives (PL/pgSQL variables, SQL functions' arguments). */
export interface ParserHooks {
  /** Before names are looked up in the query; null: not mine. */
  preColumnRef?(state: ParseState, reference: ColumnRef): Expr | null;
  /** After that, with what was found; may return its own meaning, or raise an ambiguity. */
  postColumnRef?(state: ParseState, reference: ColumnRef, found: Expr | null): Expr | null;
  paramRef?(state: ParseState, reference: ParamRef): Expr | null;
}

/** Parameters $1, $2 ...: of known types, or to be inferred (`types` then grows and is filled). */
export interface ParameterTypes {
  readonly mode: 'fixed' | 'variable';
  readonly types: Oid[];
}

/** Literals lifted out of the text (`parser/literals.ts`) that the analyzer may turn into parameters. */
export interface LiteralParameters {
  /** location of the literal → its index; a negative number is located at its minus sign, and means the negated value. */
  readonly byLocation: ReadonlyMap<number, number>;
  readonly kinds: readonly LiteralKind[];
  /** Filled by the analyzer: the type of parameter `index + 1`; 0 while the literal was not turned into one. */
  readonly types: Oid[];
  /** The VALUES lists of an INSERT stand for all rows of their shapes. */
  readonly rows?: LiteralRows;
}

/** VALUES lists each of which stands for any number of rows that differ in their literals only. */
export interface LiteralRows {
  /** How many lists there must be. */
  readonly lists: number;
  /** The parameters of the lists' literals → the literal's place in its row. */
  readonly slots: ReadonlyMap<number, number>;
  /** Set by the analyzer where the lists may stand for others. */
  taken: boolean;
}

/** What analysis needs from outside. */
export interface AnalyzeContext {
  readonly catalog: Catalog;
  readonly services: FunctionServices;
  readonly sourceText: string;
  readonly parameters?: ParameterTypes;
  readonly hooks?: ParserHooks;
  readonly literals?: LiteralParameters;
}

/** One query level under analysis. */
export class ParseState {
  readonly parent: ParseState | null;
  readonly context: AnalyzeContext;
  rtable: Mutable<RangeTblEntry>[] = [];
  joinlist: JoinTreeNode[] = [];
  /** Range-table index of a join → the indexes of its two inputs. */
  readonly joinInputs = new Map<number, readonly [number, number]>();
  namespace: NamespaceItem[] = [];
  lateralActive = false;
  ctenamespace: Mutable<CommonTableExpr>[] = [];
  futureCtes: { readonly ctename: string }[] = [];
  parentCte: Mutable<CommonTableExpr> | null = null;
  targetRelation: Relation | null = null;
  targetNsitem: NamespaceItem | null = null;
  isInsert = false;
  windowdefs: WindowDef[] = [];
  exprKind: ExprKind = 'none';
  nextResno = 1;
  /** Rows being spread over several columns by UPDATE ... SET (a, b) = ROW(...), by location. */
  readonly multiAssignRows = new Map<number, Expr[]>();
  /** WITH items whose query is not analyzed yet: references to them are recursive. */
  readonly pendingCtes = new Set<string>();
  lockingClause: LockingClause[] = [];
  lockedFromParent = false;
  resolveUnknowns = true;
  hasAggs = false;
  hasWindowFuncs = false;
  hasTargetSRFs = false;
  hasSubLinks = false;
  hasModifyingCTE = false;
  lastSrf: Expr | null = null;
  /** Unknown-type parameters whose type the context decides: every Param of each variable parameter. */
  readonly variableParams: Mutable<Param>[];

  constructor(parent: ParseState | null, context: AnalyzeContext) {
    this.parent = parent;
    this.context = context;
    this.variableParams = parent?.variableParams ?? [];
    if (parent !== null) this.resolveUnknowns = parent.resolveUnknowns;
  }

  get catalog(): Catalog {
    return this.context.catalog;
  }

  /** An error whose position is that of `location`. */
  error(code: SqlStateName, message: string, location: number, fields?: PgErrorFields): PgError {
    return new PgError(code, message, location >= 0 ? { ...fields, position: location + 1 } : fields);
  }

  /** Runs `body`; an error it raises without a position gets that of `location` (setup_parser_errposition_callback). */
  at<T>(location: number, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof PgError && error.position === undefined && location >= 0) error.position = location + 1;
      throw error;
    }
  }

  /** format_type_be; with `typmod`, format_type_with_typemod. */
  formatType(type: Oid, typmod?: number): string {
    return this.context.services.types.formatType(type, typmod);
  }

  /** The entry that a Var's varno and varlevelsup name. */
  rte(rtindex: number, levelsUp: number): Mutable<RangeTblEntry> {
    return this.up(levelsUp).rtable[rtindex - 1];
  }

  /** The state so many levels out. */
  up(levels: number): ParseState {
    if (levels === 0) return this;
    if (this.parent === null) throw new PgError('INTERNAL_ERROR', 'invalid level in a variable reference');
    return this.parent.up(levels - 1);
  }
}

/** A permission list under construction; one for each relation entry. */
export function newPermission(relid: Oid, inh: boolean, requiredPerms: string): Mutable<PermissionInfo> {
  return { relid, inh, requiredPerms, checkAsUser: 0, selectedCols: [], insertedCols: [], updatedCols: [] };
}

/** Adds privilege letters that are not there yet. */
export function requirePermissions(perm: PermissionInfo, letters: string): void {
  const mutable: Mutable<PermissionInfo> = perm;
  for (const letter of letters) if (!mutable.requiredPerms.includes(letter)) mutable.requiredPerms += letter;
}

/** Adds a column number to one of a permission's lists. */
export function addPermissionColumn(list: readonly number[], attnum: number): void {
  if (!list.includes(attnum)) (list as number[]).push(attnum);
}

/** Statements whose analysis yields a Query of its own. */
export type OptimizableStmt = SelectStmt | InsertStmt | UpdateStmt | DeleteStmt | MergeStmt;

export type { ColumnRef, LockingClause, Node, ParamRef, RangeVar, SelectStmt, WindowDef };
