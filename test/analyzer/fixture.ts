/**
 * A database in memory with a few tables, and analysis over it.
 */
import { analyze, type AnalyzeContext } from '../../lib/analyzer/analyze.js';
import { exprType } from '../../lib/analyzer/node-functions.js';
import type { Query } from '../../lib/analyzer/nodes.js';
import { PgError } from '../../lib/base/error.js';
import { loadParser, parse } from '../../lib/parser/parse.js';
import { openCluster } from '../catalog/fixture.js';
import { createTable, likeBuiltin } from '../catalog/tables.js';
import { services } from '../functions/resolver.js';

/** Tables of the tests: name → [column, type OID]. The generator of the goldens makes the same in PostgreSQL. */
export const TABLES: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  t1: [['id', 23], ['name', 25], ['price', 1700], ['created', 1184], ['active', 16]],
  t2: [['id', 23], ['t1_id', 23], ['note', 25], ['big', 20]],
  t3: [['a', 23], ['b', 25], ['arr', 1007], ['j', 3802], ['d', 1082]],
};

/** What analysis of one statement came to: columns, or the error. */
export type Outcome =
  | { readonly columns: readonly (readonly [string, number])[] }
  | { readonly sqlstate: string; readonly message: string; readonly position?: number; readonly detail?: string; readonly hint?: string };

/** OIDs of user types differ from one database to the next: all of them become the first one. */
export function normalizeType(oid: number): number {
  return oid >= FIRST_USER_OID ? FIRST_USER_OID : oid;
}
const FIRST_USER_OID = 16384;

/** A database to analyze in. */
export interface AnalyzerFixture {
  context(sql: string, more?: Partial<AnalyzeContext>): AnalyzeContext;
  analyze(sql: string, more?: Partial<AnalyzeContext>): Query;
  outcome(sql: string): Outcome;
}

/** Opens it. */
export async function openFixture(): Promise<AnalyzerFixture> {
  await loadParser();
  const { session } = await openCluster();
  const { catalog } = session();
  for (const [name, columns] of Object.entries(TABLES)) {
    const { oid } = createTable(catalog, name, columns);
    const reltype = likeBuiltin(catalog, 'pg_type', { typname: name, typnamespace: 2200, typtype: 'c', typcategory: 'C', typrelid: oid, typlen: -1, typelem: 0, typarray: 0 });
    const row = catalog.table('pg_class').findOne({ oid });
    if (row !== null) catalog.table('pg_class').update(row, { reltype });
    catalog.commandCounterIncrement();
  }
  // System views name catalogs by regclass constants.
  Object.assign(services.system, { objectOid: (_kind: string, name: string) => catalog.lookupRelation(name) });
  const context = (sql: string, more: Partial<AnalyzeContext> = {}): AnalyzeContext => ({ catalog, services, sourceText: sql, ...more });
  const run = (sql: string, more?: Partial<AnalyzeContext>): Query => analyze(parse(sql)[0], context(sql, more));
  return { context, analyze: run, outcome: (sql) => outcomeOf(() => run(sql, { parameters: { mode: 'variable', types: [] } })) };
}

function outcomeOf(run: () => Query): Outcome {
  try {
    const query = run();
    const list = query.commandType === 'select' ? query.targetList : query.returningList;
    return { columns: list.filter((entry) => !entry.resjunk).map((entry) => [entry.resname ?? '', normalizeType(exprType(entry.expr))] as const) };
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    const { sqlstate, message, position, detail, hint } = error;
    return { sqlstate, message, ...(position === undefined ? {} : { position }), ...(detail === undefined ? {} : { detail }), ...(hint === undefined ? {} : { hint }) };
  }
}
