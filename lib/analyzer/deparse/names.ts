/**
 * Names for deparsing: every range-table entry gets a name of its own, every column one that is unique where it must be,
 * even after tables were renamed or grew columns. Follows set_deparse_for_query and its helpers of ruleutils.c.
 */
import { exprType } from '../node-functions.js';
import type { FunctionRte, JoinExpr, JoinRte, JoinTreeNode, Query, RangeTblEntry } from '../nodes.js';
import type { ParseState } from '../state.js';
import type { DeparseNamespace } from './context.js';

/** Column names of one entry. */
export interface ColumnNames {
  /** By column number - 1; null for dropped columns. */
  readonly colnames: (string | null)[];
  /** What the entry shows now: columns added since the query was stored included. */
  newNames: string[];
  isNew: boolean[];
  printAliases: boolean;
  parentUsing: readonly string[];
  /** Joins: */
  usingNames: string[];
  left: number;
  right: number;
  leftAttnos: number[];
  rightAttnos: number[];
}

function emptyColumns(): ColumnNames {
  return { colnames: [], newNames: [], isNew: [], printAliases: false, parentUsing: [], usingNames: [], left: 0, right: 0, leftAttnos: [], rightAttnos: [] };
}

/** Names for a query inside others. */
export function namespaceOf(state: ParseState, query: Query, parents: readonly DeparseNamespace[]): DeparseNamespace {
  const namespace: DeparseNamespace = {
    rtable: query.rtable, ctes: query.cteList, names: entryNames(state, query.rtable, parents), columns: query.rtable.map(emptyColumns), uniqueUsing: false, usingNames: [],
  };
  namespace.uniqueUsing = hasDangerousUsing(namespace, query.jointree);
  setUsingNames(namespace, query.jointree, []);
  query.rtable.forEach((rte, i) => {
    if (rte.rtekind === 'join') setJoinNames(namespace, rte, namespace.columns[i]);
    else setRelationNames(state, namespace, rte, namespace.columns[i]);
  });
  return namespace;
}

function entryNames(state: ParseState, rtable: readonly RangeTblEntry[], parents: readonly DeparseNamespace[]): (string | null)[] {
  const counters = new Map<string, number>();
  for (const parent of parents) for (const name of parent.names) if (name !== null) counters.set(name, 0);
  return rtable.map((rte) => {
    let name: string | null;
    if (rte.alias !== null) name = rte.alias.aliasname;
    else if (rte.rtekind === 'relation') name = state.catalog.relation(rte.relid)?.name ?? rte.eref.aliasname;
    else name = rte.rtekind === 'join' ? null : rte.eref.aliasname;
    if (name === null) return null;
    if (!counters.has(name)) {
      counters.set(name, 0);
      return name;
    }
    let counter = counters.get(name) ?? 0;
    let unique: string;
    do unique = `${name}_${++counter}`; while (counters.has(unique));
    counters.set(name, counter);
    counters.set(unique, 0);
    return unique;
  });
}

/** A merged column that is not just one input's (FULL JOIN USING): then USING names must be unique in the query. */
function hasDangerousUsing(namespace: DeparseNamespace, node: JoinTreeNode): boolean {
  if (node.node === 'RangeTblRef') return false;
  if (node.node === 'FromExpr') return node.fromlist.some((item) => hasDangerousUsing(namespace, item));
  const rte = namespace.rtable[node.rtindex - 1];
  if (rte.rtekind === 'join' && rte.alias === null && rte.joinaliasvars.slice(0, rte.joinmergedcols).some((expr) => expr.node !== 'Var')) return true;
  return hasDangerousUsing(namespace, node.larg) || hasDangerousUsing(namespace, node.rarg);
}

function indexOf(node: JoinTreeNode): number {
  return node.node === 'FromExpr' ? 0 : node.rtindex;
}

function identifyJoin(join: JoinExpr, rte: JoinRte, columns: ColumnNames): void {
  columns.left = indexOf(join.larg);
  columns.right = indexOf(join.rarg);
  columns.leftAttnos = rte.eref.colnames.map(() => 0);
  columns.rightAttnos = rte.eref.colnames.map(() => 0);
  let at = 0;
  rte.joinleftcols.forEach((attno) => {
    columns.leftAttnos[at++] = attno;
  });
  rte.joinrightcols.forEach((attno, i) => {
    if (i < rte.joinmergedcols) columns.rightAttnos[i] = attno;
    else columns.rightAttnos[at++] = attno;
  });
}

function setUsingNames(namespace: DeparseNamespace, node: JoinTreeNode, parentUsing: readonly string[]): void {
  if (node.node === 'RangeTblRef') return;
  if (node.node === 'FromExpr') {
    for (const item of node.fromlist) setUsingNames(namespace, item, parentUsing);
    return;
  }
  const rte = namespace.rtable[node.rtindex - 1];
  if (rte.rtekind !== 'join') return;
  const columns = namespace.columns[node.rtindex - 1];
  identifyJoin(node, rte, columns);
  const [left, right] = [namespace.columns[columns.left - 1], namespace.columns[columns.right - 1]];
  const push = (i: number, name: string): void => {
    if (columns.leftAttnos[i] > 0) left.colnames[columns.leftAttnos[i] - 1] = name;
    if (columns.rightAttnos[i] > 0) right.colnames[columns.rightAttnos[i] - 1] = name;
  };
  if (rte.alias === null) {
    columns.colnames.forEach((name, i) => {
      if (name !== null && name !== undefined) push(i, name);
    });
  }
  let using = parentUsing;
  for (let i = 0; i < rte.joinmergedcols; i++) {
    let name = columns.colnames[i] ?? null;
    if (name === null) {
      const written = writtenName(namespace, columns, i);
      name = uniqueName(rte.alias?.colnames[i] ?? written, namespace, columns);
      if (namespace.uniqueUsing) namespace.usingNames.push(name);
      columns.colnames[i] = name;
    }
    columns.usingNames.push(name);
    using = [...using, name];
    push(i, name);
  }
  left.parentUsing = using;
  right.parentUsing = using;
  setUsingNames(namespace, node.larg, using);
  setUsingNames(namespace, node.rarg, using);
}

/** The name that USING was written with: the left input's column. */
function writtenName(namespace: DeparseNamespace, columns: ColumnNames, i: number): string {
  return namespace.rtable[columns.left - 1].eref.colnames[columns.leftAttnos[i] - 1];
}

function isUnique(name: string, namespace: DeparseNamespace, columns: ColumnNames): boolean {
  return !columns.colnames.includes(name) && !columns.newNames.includes(name) && !columns.parentUsing.includes(name) && !namespace.usingNames.includes(name);
}

function uniqueName(name: string, namespace: DeparseNamespace, columns: ColumnNames): string {
  if (isUnique(name, namespace, columns)) return name;
  for (let i = 1; ; i++) if (isUnique(`${name}_${i}`, namespace, columns)) return `${name}_${i}`;
}

/** The entry's real column names now; null for dropped ones. */
function realNames(state: ParseState, rte: RangeTblEntry): (string | null)[] {
  if (rte.rtekind === 'relation') {
    return (state.catalog.relation(rte.relid)?.attributes ?? []).map((attribute) => (attribute.attisdropped ? null : attribute.attname));
  }
  const names = rte.eref.colnames.map((name) => (name === '' ? null : name));
  if (rte.rtekind === 'function') hideDropped(state, rte, names);
  return names;
}

/** Columns of functions' row types that were dropped since. */
function hideDropped(state: ParseState, rte: FunctionRte, names: (string | null)[]): void {
  let first = 0;
  for (const { funcexpr, coltypes } of rte.functions) {
    const relid = state.catalog.type(state.catalog.baseType(exprType(funcexpr)))?.typrelid ?? 0;
    const attributes = relid === 0 ? [] : state.catalog.relation(relid)?.attributes ?? [];
    attributes.slice(0, coltypes.length).forEach((attribute, i) => {
      if (attribute.attisdropped) names[first + i] = null;
    });
    first += coltypes.length;
  }
}

function setRelationNames(state: ParseState, namespace: DeparseNamespace, rte: RangeTblEntry, columns: ColumnNames): void {
  const real = realNames(state, rte);
  while (columns.colnames.length < real.length) columns.colnames.push(null);
  for (let i = 0; i < columns.colnames.length; i++) columns.colnames[i] ??= null;
  let changed = false;
  real.forEach((realName, i) => {
    if (realName === null) return;
    let name = columns.colnames[i];
    if (name === null) {
      name = uniqueName(rte.alias?.colnames[i] ?? realName, namespace, columns);
      columns.colnames[i] = name;
    }
    columns.newNames.push(name);
    columns.isNew.push(i >= rte.eref.colnames.length);
    if (name !== realName) changed = true;
  });
  if (rte.rtekind === 'relation') columns.printAliases = changed;
  else if (rte.rtekind === 'function') columns.printAliases = true;
  else columns.printAliases = changed || (rte.alias?.colnames.length ?? 0) > 0;
}

function setJoinNames(namespace: DeparseNamespace, rte: JoinRte, columns: ColumnNames): void {
  const [left, right] = [namespace.columns[columns.left - 1], namespace.columns[columns.right - 1]];
  let changed = false;
  for (let i = columns.usingNames.length; i < rte.eref.colnames.length; i++) {
    const real = columns.leftAttnos[i] > 0 ? left.colnames[columns.leftAttnos[i] - 1] : right.colnames[columns.rightAttnos[i] - 1];
    if (real === null || real === undefined) {
      columns.colnames[i] = null;
      continue;
    }
    if (rte.alias === null) {
      columns.colnames[i] = real;
      continue;
    }
    columns.colnames[i] ??= uniqueName(rte.alias.colnames[i] ?? real, namespace, columns);
    if (columns.colnames[i] !== real) changed = true;
  }
  const merged = columns.usingNames.length;
  for (let i = 0; i < merged; i++) {
    columns.newNames.push(columns.colnames[i] ?? '');
    columns.isNew.push(false);
  }
  for (const [side, attnos] of [[left, columns.leftAttnos], [right, columns.rightAttnos]] as const) {
    const usedHere = new Set(attnos.slice(0, merged));
    let attno = 0;
    side.newNames.forEach((child, i) => {
      if (side.isNew[i]) {
        const name = rte.alias === null ? child : uniqueName(child, namespace, columns);
        if (name !== child) changed = true;
        columns.newNames.push(name);
        columns.isNew.push(true);
        return;
      }
      do attno++; while (side.colnames[attno - 1] === null);
      if (usedHere.has(attno)) return;
      const at = attnos.indexOf(attno, merged);
      columns.newNames.push(columns.colnames[at] ?? child);
      columns.isNew.push(false);
    });
  }
  columns.printAliases = rte.alias !== null && changed;
}
