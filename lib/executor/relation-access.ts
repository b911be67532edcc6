/** Relations and indexes as scans and ModifyTable open them, and the keys of rows in an index. */
import type { Heap, Index, IndexKey } from '../access/api.js';
import type { Expr } from '../analyzer/nodes.js';
import { pgError } from '../base/error.js';
import type { Catalog, IndexDescriptor, Oid, Relation } from '../catalog/api.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import type { Datum, Row } from '../types/datum.js';
import type { ExecutionState } from './context.js';
import { compileCondition, compileValue, NO_ROW, type Compiled } from './expression/compile.js';
import { scanReader, scopeFor } from './readers.js';
import { storedExpression, storedExpressions } from './stored-expression.js';

/** The relation of a plan; 42P01 when it was dropped since, 55000 for a materialized view without its rows. */
export function openRelation(catalog: Catalog, relid: Oid): Relation {
  const relation = catalog.relation(relid);
  if (relation === null) throw pgError('UNDEFINED_TABLE', `relation with OID ${relid} does not exist`);
  if (relation.kind === 'm' && !relation.row.relispopulated) {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `materialized view "${relation.name}" has not been populated`, {
      hint: 'Use the REFRESH MATERIALIZED VIEW command.',
    });
  }
  return relation;
}

/** An index of a relation; XX000 when it was dropped since. */
export function findIndex(relation: Relation, indexid: Oid): IndexDescriptor {
  for (const index of relation.indexes) if (index.oid === indexid) return index;
  throw pgError('INTERNAL_ERROR', `index ${indexid} of relation "${relation.name}" does not exist`);
}

/** What turns rows into keys of one index. */
export interface IndexKeys {
  readonly descriptor: IndexDescriptor;
  /** Partial index: which rows are in it; null: all. */
  readonly predicate: Compiled<boolean> | null;
  /** Key values of a row (key columns only). @throws 0A000 when an expression would have to wait */
  values(S: ExecutionState, row: Row): Datum[];
  /** The encoded key. */
  key(S: ExecutionState, row: Row): IndexKey;
  /** Attribute numbers that the key reads as plain columns. */
  readonly plainAttributes: readonly number[];
  /** Whether expressions or the predicate make the plain columns insufficient to know that a key is unchanged. */
  readonly computed: boolean;
}

/** Scan range-table index that stored expressions of a relation use. */
const STORED_VARNO = 1;
const keysByDescriptor = new WeakMap<IndexDescriptor, IndexKeys>();

/** The statement of expressions that belong to no plan. */
export const NO_STATEMENT: PlannedStmt = {
  commandType: 'select', utilityStmt: null, canSetTag: false, planTree: null, subplans: [], rtable: [], permInfos: [],
  paramExecCount: 0, paramTypes: [], hasReturning: false, hasModifyingCTE: false, readOnly: true, rowMarks: [],
  relationOids: [], functionOids: [], dependsOnRole: false,
};

/** Compiles the key of an index; kept with its descriptor. */
export function indexKeys(catalog: Catalog, relation: Relation, descriptor: IndexDescriptor): IndexKeys {
  let keys = keysByDescriptor.get(descriptor);
  if (keys === undefined) {
    keys = makeIndexKeys(catalog, relation, descriptor);
    keysByDescriptor.set(descriptor, keys);
  }
  return keys;
}

function makeIndexKeys(catalog: Catalog, relation: Relation, descriptor: IndexDescriptor): IndexKeys {
  const scope = scopeFor(catalog, NO_STATEMENT, scanReader(STORED_VARNO, relation.oid));
  const exprs = descriptor.expressions === null ? [] : storedExpressions(descriptor.expressions);
  const positions = descriptor.attributes.slice(0, descriptor.keyCount);
  const columns: (number | Compiled<Datum>)[] = [];
  let next = 0;
  for (const attribute of positions) columns.push(attribute !== 0 ? attribute - 1 : compileValue(scope, exprs[next++]));
  const predicate = descriptor.predicate === null ? null : compileCondition(scope, conjuncts(descriptor.predicate));
  const plain = columns.every((column) => typeof column === 'number');
  const values = (S: ExecutionState, row: Row): Datum[] => columns.map((column) => {
    if (typeof column === 'number') return row[column];
    return column.evaluateAtOnce(S, row, NO_ROW, NO_ROW);
  });
  const single = plain && columns.length === 1 ? (columns[0] as number) : -1;
  return {
    descriptor, predicate, values,
    key: single >= 0 ? (_S, row) => descriptor.encodeKey([row[single]]) : (S, row) => descriptor.encodeKey(values(S, row)),
    plainAttributes: positions.filter((attribute) => attribute !== 0),
    computed: !plain || predicate !== null,
  };
}

function conjuncts(text: string): readonly Expr[] {
  const expr = storedExpression(text);
  return expr.node === 'BoolExpr' && expr.boolop === 'and' ? expr.args : [expr];
}

/** A relation opened for reading, with an index when one is scanned. */
export interface OpenIndex {
  readonly heap: Heap;
  readonly index: Index;
  readonly descriptor: IndexDescriptor;
  readonly relation: Relation;
}

/** Opens a relation and one of its indexes. */
export function openIndex(catalog: Catalog, relid: Oid, indexid: Oid): OpenIndex {
  const relation = openRelation(catalog, relid);
  const descriptor = findIndex(relation, indexid);
  return { heap: relation.openHeap(), index: descriptor.open(), descriptor, relation };
}
