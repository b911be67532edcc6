/**
 * Statements with their plans. A `Statement` is one parsed statement with the parameter types it was prepared with; its
 * generic plans are made at first need and checked against `catalog.epoch`, the search path and the role before every use
 * (PostgreSQL's plancache.c). Plans are shared, read-only and independent of the session that made them.
 */
import type { LockTag, TableLockMode } from '../access/api.js';
import type { LiteralParameters } from '../analyzer/analyze.js';
import type { Query, TargetEntry } from '../analyzer/nodes.js';
import { exprType, exprTypmod } from '../analyzer/node-functions.js';
import { pgError } from '../base/error.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { ResultColumn } from '../commands/api.js';
import type { RawStatement } from '../parser/raw.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import { ResultShape } from './client.js';
import type { RowIdentity } from './row-identity.js';

/** A relation lock that running a plan needs. */
export interface PlanLock {
  readonly tag: LockTag;
  readonly mode: TableLockMode;
}

/** The plans of a statement, with what they were made from. */
export interface StatementPlans {
  /** State of the catalogs they are right for. */
  readonly epoch: number;
  readonly searchPath: readonly Oid[];
  readonly roleOid: Oid;
  readonly queries: readonly Query[];
  readonly plans: readonly PlannedStmt[];
  readonly locks: readonly PlanLock[];
  /** Columns of the rows it returns; null for none. */
  readonly shape: ResultShape | null;
  readonly dependsOnRole: boolean;
  /** Hidden columns of a cursor's rows (WHERE CURRENT OF); empty otherwise. */
  readonly identities: readonly RowIdentity[];
  /** Whether they are the same for all values, whatever the statistics (`isOfOneKey`), kept by the first who asks; null: nobody has. */
  isOfOneKey: boolean | null;
}

/** One parsed statement, ready to be planned and run any number of times. */
export class Statement {
  plans: StatementPlans | null = null;
  /** Columns promised when it was prepared: new plans must keep them. Undefined while nothing was promised. */
  promisedShape: ResultShape | null | undefined = undefined;
  /** The shapes asked for in other formats than text, by the formats. */
  private readonly shapes = new Map<string, ResultShape>();

  constructor(
    /** Null: the query string was empty. */
    readonly raw: RawStatement | null,
    /** The whole query string. */
    readonly sourceText: string,
    /** Types of $1, $2 ...; filled in by analysis where they are to be inferred. */
    readonly parameterTypes: Oid[],
    readonly literals: LiteralParameters | null = null,
  ) {}

  /** The statement's own text. */
  get text(): string {
    const { raw, sourceText } = this;
    if (raw === null) return '';
    return sourceText.slice(raw.location, raw.length === 0 ? undefined : raw.location + raw.length).trim();
  }

  /** True when it runs as a utility statement. */
  get isUtility(): boolean {
    return this.raw !== null && !OPTIMIZABLE.has(this.raw.tag);
  }

  /** The result's shape in the wanted formats. */
  shapeIn(shape: ResultShape, formats: readonly (0 | 1)[]): ResultShape {
    if (formats.every((format) => format === 0)) return shape;
    const key = formats.join('');
    let wanted = this.shapes.get(key);
    if (wanted === undefined || wanted.columns !== shape.columns) this.shapes.set(key, wanted = new ResultShape(shape.columns, formats));
    return wanted;
  }
}

const OPTIMIZABLE = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

/** True for the statements that are analyzed and planned. */
export function isOptimizable(tag: string): boolean {
  return OPTIMIZABLE.has(tag);
}

/** Locks that running these plans takes. */
export function planLocks(plans: readonly PlannedStmt[], databaseOid: Oid, isShared: (relation: Oid) => boolean): PlanLock[] {
  const strongest = new Map<Oid, TableLockMode>();
  for (const plan of plans) {
    for (const entry of plan.rtable) {
      if (entry.rtekind === 'relation') raise(strongest, entry.relid, entry.rellockmode);
      else if (entry.rtekind === 'subquery' && entry.viewRelid !== 0) raise(strongest, entry.viewRelid, 'AccessShare');
    }
  }
  return Array.from(strongest, ([relation, mode]) => ({ tag: { kind: 'relation', database: isShared(relation) ? 0 : databaseOid, relation }, mode }));
}

const STRENGTHS: readonly TableLockMode[] = [
  'AccessShare', 'RowShare', 'RowExclusive', 'ShareUpdateExclusive', 'Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive',
];

function raise(strongest: Map<Oid, TableLockMode>, relation: Oid, mode: TableLockMode): void {
  const held = strongest.get(relation);
  if (held === undefined || STRENGTHS.indexOf(mode) > STRENGTHS.indexOf(held)) strongest.set(relation, mode);
}

/** Columns of a query's result: the target list of SELECT, or RETURNING; null when it returns no rows. */
export function queryShape(catalog: Catalog, queries: readonly Query[]): ResultShape | null {
  const query = queries.find((candidate) => candidate.canSetTag);
  if (query === undefined || query.commandType === 'utility') return null;
  const list = query.commandType === 'select' ? query.targetList : query.returningList;
  if (query.commandType !== 'select' && list.length === 0) return null;
  return new ResultShape(list.filter((entry) => !entry.resjunk).map((entry) => resultColumn(catalog, entry)));
}

function resultColumn(catalog: Catalog, entry: TargetEntry): ResultColumn {
  let typeOid = exprType(entry.expr);
  let typmod = exprTypmod(entry.expr);
  let type = catalog.type(typeOid);
  while (type !== null && type.typtype === 'd') {
    typeOid = type.typbasetype;
    if (typmod < 0) typmod = type.typtypmod;
    type = catalog.type(typeOid);
  }
  return {
    name: entry.resname ?? '?column?', typeOid, typmod, typeLength: type?.typlen ?? -1, tableOid: entry.resorigtbl, attributeNumber: entry.resorigcol,
  };
}

/** A text column of a utility statement's result. */
export function textColumn(name: string, typeOid = 25): ResultColumn {
  return { name, typeOid, typmod: -1, typeLength: -1, tableOid: 0, attributeNumber: 0 };
}

/** Throws 0A000 when a prepared statement's columns are not what its client was told. */
export function checkSameShape(before: ResultShape | null, after: ResultShape | null): void {
  const same = before === null || after === null
    ? before === after
    : before.columns.length === after.columns.length && before.columns.every((column, index) => {
      const other = after.columns[index];
      return column.typeOid === other.typeOid && column.typmod === other.typmod && column.name === other.name;
    });
  if (!same) throw pgError('FEATURE_NOT_SUPPORTED', 'cached plan must not change result type');
}
