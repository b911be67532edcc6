/**
 * ANALYZE: samples a table, writes pg_statistic and the row counts of pg_class.
 *
 * Idea: PostgreSQL's do_analyze_rel and its two-stage sample (commands/analyze.c); here a chunk is the block.
 */
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { checkPrivilege, hasPrivilege } from '../../catalog/privileges.js';
import type { PgAttribute, PgStatistic } from '../../catalog/rows.js';
import { ArrayValue, DatumObject, type Datum, type Row } from '../../types/datum.js';
import { FLOAT4OID } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { lockRelation } from '../relation/access.js';
import { forEachVisibleRow } from '../relation/visible-rows.js';
import { columnStatistics, type ColumnStatistics } from './column-statistics.js';

/** Rows sampled per unit of the statistics target. */
const ROWS_PER_TARGET = 300;
const PAGE_BYTES = 8192;

/** Analyzes a table (columns: null for all); warns and goes on for what cannot be analyzed. */
export function* analyzeRelation(cx: CommandContext, relation: Relation, columns: readonly string[] | null): Suspendable<void> {
  if (!['r', 'm', 'p'].includes(relation.kind)) {
    cx.services.notice(pgError('WRONG_OBJECT_TYPE', `skipping "${relation.name}" --- cannot analyze non-tables or special system tables`, { severity: 'WARNING' }));
    return;
  }
  if (relation.kind === 'p') return;
  yield* lockRelation(cx, relation.oid, 'ShareUpdateExclusive');
  const attributes = chosenAttributes(relation, columns);
  const target = Number(cx.services.getSetting('default_statistics_target') ?? 100);
  const { rows, total } = yield* sampleRows(cx, relation, ROWS_PER_TARGET * target);
  for (const attribute of attributes) {
    const own = attribute.attstattarget ?? target;
    if (own <= 0) continue;
    const statistics = columnStatistics({
      values: rows.map((row) => row[attribute.attnum - 1] ?? null), totalRows: total, target: own,
      width: (value) => valueWidth(cx, attribute, value), compare: comparison(cx, attribute),
      identity: (value) => (value instanceof DatumObject || value instanceof Uint8Array ? cx.services.types.output(attribute.atttypid, value) : value),
    });
    if (statistics) storeStatistics(cx, relation, attribute, statistics);
    cx.services.checkInterrupts();
  }
  updateCounts(cx, relation, total);
}

function chosenAttributes(relation: Relation, columns: readonly string[] | null): PgAttribute[] {
  const live = relation.attributes.filter((attribute) => !attribute.attisdropped && attribute.attgenerated !== 'v');
  if (!columns) return live;
  return columns.map((name) => {
    const attribute = live.find((candidate) => candidate.attname === name);
    if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
    return attribute;
  });
}

/** A uniform sample in physical order (Vitter's reservoir, by the session's generator), and how many rows there are. */
function* sampleRows(cx: CommandContext, relation: Relation, wanted: number): Suspendable<{ rows: Row[]; total: number }> {
  const reservoir: { row: Row; at: number }[] = [];
  let total = 0;
  yield* forEachVisibleRow(cx, relation, (_rowId, read) => {
    const at = total++;
    if (reservoir.length < wanted) reservoir.push({ row: read(), at });
    else {
      const place = Math.floor(cx.services.random() * total);
      if (place < wanted) reservoir[place] = { row: read(), at };
    }
  });
  reservoir.sort((a, b) => a.at - b.at);
  return { rows: reservoir.map(({ row }) => row), total };
}

/** Bytes a value takes: the type's length, or that of its text form. */
function valueWidth(cx: CommandContext, attribute: PgAttribute, value: Datum): number {
  if (attribute.attlen > 0) return attribute.attlen;
  if (typeof value === 'string') return value.length + 1;
  if (value instanceof Uint8Array) return value.length + 1;
  return cx.services.types.output(attribute.atttypid, value).length + 1;
}

/** The type's order, or null when it has none. */
function comparison(cx: CommandContext, attribute: PgAttribute): ((a: Datum, b: Datum) => number) | null {
  if (cx.session.catalog.defaultOpclass(attribute.atttypid, BTREE) === 0) return null;
  return (a, b) => cx.services.types.compare(attribute.atttypid, a, b, attribute.attcollation);
}
const BTREE = 403;

const KIND_MCV = 1;
const KIND_HISTOGRAM = 2;
const KIND_CORRELATION = 3;
const EQUAL = 3;
const LESS = 1;

interface Slot { readonly kind: number; readonly operator: number; readonly numbers: ArrayValue | null; readonly values: ArrayValue | null }

function storeStatistics(cx: CommandContext, relation: Relation, attribute: PgAttribute, statistics: ColumnStatistics): void {
  const { catalog } = cx.session;
  const opclass = catalog.opclass(catalog.defaultOpclass(attribute.atttypid, BTREE));
  const operator = (strategy: number): number => (opclass ? catalog.familyOperator(opclass.opcfamily, opclass.opcintype, opclass.opcintype, strategy) : 0);
  const numbers = (values: readonly number[]): ArrayValue => ArrayValue.of(FLOAT4OID, values.map(Math.fround));
  const slots: Slot[] = [];
  if (statistics.mostCommon) {
    slots.push({ kind: KIND_MCV, operator: operator(EQUAL), numbers: numbers(statistics.mostCommon.frequencies), values: ArrayValue.of(attribute.atttypid, statistics.mostCommon.values) });
  }
  if (statistics.histogram) slots.push({ kind: KIND_HISTOGRAM, operator: operator(LESS), numbers: null, values: ArrayValue.of(attribute.atttypid, statistics.histogram) });
  if (statistics.correlation !== null) slots.push({ kind: KIND_CORRELATION, operator: operator(LESS), numbers: numbers([statistics.correlation]), values: null });
  const row = statisticRow(relation, attribute, statistics, slots);
  const table = catalog.table('pg_statistic');
  const before = table.findOne({ starelid: relation.oid, staattnum: attribute.attnum, stainherit: false });
  if (before) table.update(before, row);
  else table.insert(row);
}

function statisticRow(relation: Relation, attribute: PgAttribute, statistics: ColumnStatistics, slots: readonly Slot[]): PgStatistic {
  const slot = (at: number): Slot => slots[at] ?? { kind: 0, operator: 0, numbers: null, values: null };
  const collation = (at: number): number => (slot(at).kind === 0 ? 0 : attribute.attcollation);
  return {
    starelid: relation.oid, staattnum: attribute.attnum, stainherit: false, stanullfrac: Math.fround(statistics.nullFraction),
    stawidth: statistics.averageWidth, stadistinct: Math.fround(statistics.distinct),
    stakind1: slot(0).kind, stakind2: slot(1).kind, stakind3: slot(2).kind, stakind4: slot(3).kind, stakind5: slot(4).kind,
    staop1: slot(0).operator, staop2: slot(1).operator, staop3: slot(2).operator, staop4: slot(3).operator, staop5: slot(4).operator,
    stacoll1: collation(0), stacoll2: collation(1), stacoll3: collation(2), stacoll4: collation(3), stacoll5: collation(4),
    stanumbers1: slot(0).numbers, stanumbers2: slot(1).numbers, stanumbers3: slot(2).numbers, stanumbers4: slot(3).numbers, stanumbers5: slot(4).numbers,
    stavalues1: slot(0).values, stavalues2: slot(1).values, stavalues3: slot(2).values, stavalues4: slot(3).values, stavalues5: slot(4).values,
  };
}

function updateCounts(cx: CommandContext, relation: Relation, total: number): void {
  const { catalog } = cx.session;
  const update = (oid: number, bytes: number): void => {
    const row = catalog.table('pg_class').findOne({ oid });
    const relpages = Math.ceil(bytes / PAGE_BYTES);
    if (row && (row.reltuples !== total || row.relpages !== relpages)) catalog.table('pg_class').updateInPlace(row, { reltuples: total, relpages });
  };
  update(relation.oid, relation.openHeap().estimateBytes());
  for (const index of relation.indexes) update(index.oid, index.open().estimateBytes());
}

/** May the current user maintain the table? Warns when not. */
export function mayMaintain(cx: CommandContext, relation: Relation, verb: 'vacuum' | 'analyze'): boolean {
  const { catalog, currentUserOid } = cx.session;
  if (hasPrivilege(catalog, 'table', relation.oid, currentUserOid, 'MAINTAIN')) return true;
  if (cx.isTopLevel) {
    cx.services.notice(pgError('INSUFFICIENT_PRIVILEGE', `permission denied to ${verb} "${relation.name}", skipping it`, { severity: 'WARNING' }));
    return false;
  }
  checkPrivilege(catalog, 'table', relation.oid, currentUserOid, 'MAINTAIN', relation.name);
  return true;
}
