/**
 * Relations of the query while planning (relnode.c, plancat.c): building base relations with their sizes and indexes,
 * join relations and upper relations.
 */
import type { Expr, RangeTblEntry, Var } from '../analyzer/nodes.js';
import { mutateExpression } from '../analyzer/walker.js';
import type { IndexDescriptor, Relation } from '../catalog/api.js';
import { assert } from '../base/assert.js';
import { placeholderOf, pullVarnos } from './clauses.js';
import { align8, BLOCK_SIZE, catalogOf, emptyTarget, exprWidth, typeWidth } from './cost-qual.js';
import { equal } from './equal.js';
import type { IndexOptInfo, PathTarget, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { GROUP_VARNO, PLACEHOLDER_VARNO } from './path-nodes.js';
import { isSubset, NO_RELS, relidsOf, type Relids } from './relids.js';
import { foldConstants, foldQual } from './simplify.js';

function newRel(kind: RelOptInfo['kind'], relids: Relids, relid: number, rte: RangeTblEntry | null, relation: Relation | null): RelOptInfo {
  return {
    kind, relids, relid, rte, relation, reltarget: emptyTarget(), rows: 0, pages: 0, tuples: 0, allvisfrac: 0, pathlist: [], ppilist: [],
    cheapestStartup: null, cheapestTotal: null, cheapestUnique: null, cheapestParameterized: [], directLateralRelids: NO_RELS,
    lateralRelids: NO_RELS, lateralVars: [], lateralReferencers: NO_RELS, attrNeeded: new Map(), indexes: [], baserestrictinfo: [],
    baserestrictcost: { startup: 0, perTuple: 0 }, joininfo: [], hasEclassJoins: false, considerStartup: false, considerParamStartup: false,
    subroot: null, subplanParams: [], uniqueForRels: [], nonUniqueForRels: [], dummy: false, neverAnalyzed: false, columnWidths: new Map(),
    topParentRelids: null,
  };
}

/** Builds the RelOptInfo of a base relation or append child (build_simple_rel). */
export function buildSimpleRel(root: PlannerInfo, rti: number, parent: RelOptInfo | null): RelOptInfo {
  const rte = root.rtable[rti];
  const isRelation = rte.rtekind === 'relation';
  const relation = isRelation ? catalogOf(root).relation(rte.relid) : null;
  const rel = newRel(parent ? 'otherMember' : 'base', relidsOf(rti), rti, rte, relation);
  rel.considerStartup = root.tupleFraction > 0;
  rel.topParentRelids = parent ? (parent.topParentRelids ?? parent.relids) : null;
  root.simpleRels[rti] = rel;
  if (isRelation) {
    assert(relation !== null, `relation ${rte.relid} vanished while planning`);
    setRelationWidths(root, rel, relation);
    if (!(rte.inh && relation.hasChildren) || relation.kind !== 'p') setRelationSize(root, rel, relation);
    if (!(rte.inh && relation.hasChildren) || relation.kind !== 'p') addIndexes(root, rel, relation, rte.inh && relation.hasChildren);
  }
  return rel;
}

function setRelationWidths(root: PlannerInfo, rel: RelOptInfo, relation: Relation): void {
  const catalog = catalogOf(root);
  relation.attributes.forEach((attribute, i) => {
    if (attribute.attisdropped) return;
    const known = catalog.statistics(relation.oid, i + 1)?.stawidth ?? 0;
    rel.columnWidths.set(i + 1, known > 0 ? known : typeWidth(catalog, attribute.atttypid, attribute.atttypmod));
  });
}

/** Average stored bytes of a relation's rows. */
export function rowWidth(rel: { columnWidths: ReadonlyMap<number, number> }): number {
  let width = 0;
  for (const [attno, columnWidth] of rel.columnWidths) if (attno > 0) width += columnWidth;
  return width;
}

/** Rows per 8 kB page that a heap of PostgreSQL's would hold at this width: our unit for page costs. */
export function rowsPerPage(width: number): number {
  return Math.max(Math.trunc((BLOCK_SIZE - 24) / (align8(width) + 24 + 4)), 1);
}

/**
 * Pages and tuples of a table (estimate_rel_size): the storage's row count scaled as PostgreSQL would from pg_class; a
 * table that was never analyzed counts at least 10 pages.
 */
function setRelationSize(root: PlannerInfo, rel: RelOptInfo, relation: Relation): void {
  if (!['r', 'm', 't', 'p', 'S'].includes(relation.kind) || relation.kind === 'p') return;
  if (relation.kind === 'S') {
    rel.pages = 1;
    rel.tuples = 1;
    return;
  }
  const live = relation.openHeap().estimateRows();
  const width = rowWidth(rel);
  const perPage = rowsPerPage(width);
  let pages = Math.ceil(live / perPage);
  rel.neverAnalyzed = relation.row.reltuples < 0;
  if (pages < 10 && relation.row.reltuples < 0 && !relation.row.relhassubclass) pages = 10;
  rel.pages = pages;
  rel.allvisfrac = relation.row.relallvisible <= 0 || pages === 0 ? 0
    : relation.row.relallvisible >= pages ? 1 : relation.row.relallvisible / pages;
  if (pages === 0) {
    rel.tuples = 0;
    return;
  }
  const density = relation.row.reltuples >= 0 && relation.row.relpages > 0
    ? relation.row.reltuples / relation.row.relpages : (BLOCK_SIZE - 24) / (align8(width) + 24 + 4);
  const analyzed = relation.row.reltuples >= 0;
  rel.tuples = analyzed && relation.row.relpages > 0 && Math.abs(relation.row.relpages - pages) <= 1
    ? Math.round(density * relation.row.relpages) : Math.round(analyzed ? live : density * pages);
}

function addIndexes(root: PlannerInfo, rel: RelOptInfo, relation: Relation, isParent: boolean): void {
  if (isParent) return;
  for (const descriptor of relation.indexes) {
    if (!descriptor.valid) continue;
    rel.indexes.push(buildIndex(root, rel, relation, descriptor));
  }
  rel.indexes.reverse();
  rel.indexes.sort((a, b) => a.descriptor.oid - b.descriptor.oid);
}

function buildIndex(root: PlannerInfo, rel: RelOptInfo, relation: Relation, descriptor: IndexDescriptor): IndexOptInfo {
  const rti = rel.relid;
  const trees = treesOf(root, descriptor);
  const stored = trees.expressions.map((expr) => retarget(expr, rti));
  let next = 0;
  const columns = descriptor.attributes.map((attno) => (attno === 0 ? stored[next++] : makeVar(relation, rti, attno)));
  const predicate = trees.predicate.map((expr) => retarget(expr, rti));
  const tuples = predicate.length > 0 ? indexTuples(descriptor, rel) : rel.tuples;
  let keyWidth = 0;
  for (const column of columns) keyWidth += exprWidth(root, column);
  const perPage = Math.max(Math.trunc(((BLOCK_SIZE - 40) * 0.9) / (align8(keyWidth + 8) + 4)), 1);
  const pages = Math.max(Math.ceil(tuples / perPage), 1) + (tuples > 0 ? 1 : 0);
  let height = 0;
  for (let level = Math.ceil(tuples / perPage); level > 1; level = Math.ceil(level / perPage)) height++;
  return {
    descriptor, rel, columns, keyCount: descriptor.keyCount, predicate, predicateOk: false, pages, tuples, treeHeight: height,
    restrictinfo: [], unique: descriptor.unique, immediate: descriptor.immediate, ordered: descriptor.accessMethod === 'btree', hypothetical: false,
  };
}

function indexTuples(descriptor: IndexDescriptor, rel: RelOptInfo): number {
  return descriptor.classRow.reltuples > 0 ? Math.min(descriptor.classRow.reltuples, rel.tuples) : rel.tuples;
}

interface IndexTrees { readonly expressions: readonly Expr[]; readonly predicate: readonly Expr[] }

/** Trees of index expressions and predicates, read once per descriptor. */
const indexTrees = new WeakMap<IndexDescriptor, IndexTrees>();

function treesOf(root: PlannerInfo, descriptor: IndexDescriptor): IndexTrees {
  let trees = indexTrees.get(descriptor);
  if (!trees) {
    const { context } = root.glob;
    trees = {
      expressions: descriptor.expressions === null ? [] : context.readExpressions(descriptor.expressions).map((expr) => foldConstants(root, expr)),
      predicate: descriptor.predicate === null ? [] : andList(foldQual(root, context.readExpression(descriptor.predicate))),
    };
    indexTrees.set(descriptor, trees);
  }
  return trees;
}

function andList(expr: Expr): readonly Expr[] {
  return expr.node === 'BoolExpr' && expr.boolop === 'and' ? expr.args.flatMap(andList) : [expr];
}

/** A stored expression's Vars (varno 1) as Vars of the relation. */
export function retarget(expr: Expr, rti: number): Expr {
  if (rti === 1) return expr;
  return mutateExpression(expr, (node, level) => (node.node === 'Var' && node.varlevelsup === level && node.varno === 1 ? { ...node, varno: rti } : null));
}

/** A Var of a relation's attribute. */
export function makeVar(relation: Relation, rti: number, attno: number): Var {
  if (attno < 0) return systemVar(rti, attno);
  const attribute = relation.attributes[attno - 1];
  return {
    node: 'Var', varno: rti, varattno: attno, vartype: attribute.atttypid, vartypmod: attribute.atttypmod, varcollid: attribute.attcollation,
    varlevelsup: 0, location: -1,
  };
}

/** A Var of a system attribute; tableoid is -6, the row identity ROW_ID_ATTNO. */
export function systemVar(rti: number, attno: number): Var {
  const type = attno === -6 ? 26 : attno === -1 ? 27 : attno <= -100 ? 20 : 28;
  return { node: 'Var', varno: rti, varattno: attno, vartype: type, vartypmod: -1, varcollid: 0, varlevelsup: 0, location: -1 };
}

/** The base relation of a range-table index; it must have been built. */
export function findBaseRel(root: PlannerInfo, rti: number): RelOptInfo {
  const rel = root.simpleRels[rti];
  assert(rel !== undefined, `no relation entry for relid ${rti}`);
  return rel;
}

/** Any relation of the query by its set of base relations. */
export function findRel(root: PlannerInfo, relids: Relids): RelOptInfo | null {
  const joined = root.joinRels.get(relids);
  if (joined) return joined;
  for (const rel of root.simpleRels) if (rel && rel.relids === relids) return rel;
  return null;
}

/** A new join relation; the caller fills in target, clauses and size. */
export function newJoinRel(root: PlannerInfo, relids: Relids): RelOptInfo {
  const rel = newRel('join', relids, 0, null, null);
  rel.considerStartup = root.tupleFraction > 0;
  return rel;
}

/** The upper relation of a stage, made at first use (fetch_upper_rel). */
export function fetchUpperRel(root: PlannerInfo, stage: string, relids: Relids = NO_RELS): RelOptInfo {
  const key = `${stage}:${relids}`;
  let rel = root.upperRels.get(key);
  if (!rel) {
    rel = newRel('upper', relids, 0, null, null);
    rel.considerStartup = root.tupleFraction > 0;
    root.upperRels.set(key, rel);
  }
  return rel;
}

/** Adds the Vars of an input relation that are needed above the join (build_joinrel_tlist). */
export function addJoinTarget(root: PlannerInfo, joinrel: RelOptInfo, input: RelOptInfo): void {
  for (let i = 0; i < input.reltarget.exprs.length; i++) {
    const expr = input.reltarget.exprs[i];
    if (expr.node !== 'Var') continue;
    const placeholder = placeholderOf(root, expr);
    if (placeholder) {
      if (!isSubset(placeholder.needed, joinrel.relids)) addToTarget(root, joinrel.reltarget, expr);
      continue;
    }
    const needed = findBaseRel(root, expr.varno).attrNeeded.get(expr.varattno) ?? NO_RELS;
    if (!isSubset(needed, joinrel.relids)) addToTarget(root, joinrel.reltarget, expr);
  }
}

/** Appends an expression to a relation's target, counting its width. */
export function addToTarget(root: PlannerInfo, target: PathTarget, expr: Expr): void {
  if (target.exprs.some((known) => equal(known, expr))) return;
  target.exprs.push(expr);
  target.sortgrouprefs.push(0);
  target.width += exprWidth(root, expr);
}

/** Notes that Vars are needed up to the level `where` (bit 0: the query's output). */
export function addVarsToTargets(root: PlannerInfo, vars: readonly Expr[], where: Relids): void {
  for (const node of vars) {
    if (node.node !== 'Var' || node.varno === GROUP_VARNO) continue;
    if (node.varno >= PLACEHOLDER_VARNO) {
      const placeholder = placeholderOf(root, node);
      if (placeholder) placeholder.needed |= where;
      continue;
    }
    const rel = findBaseRel(root, node.varno);
    if (isSubset(where, rel.relids)) continue;
    const known = rel.attrNeeded.get(node.varattno);
    if (known === undefined || known === NO_RELS) addToTarget(root, rel.reltarget, node);
    rel.attrNeeded.set(node.varattno, (known ?? NO_RELS) | where);
  }
}

/** The relations an expression needs, for callers outside. */
export function relidsOfExpr(root: PlannerInfo, expr: Expr): Relids {
  return pullVarnos(root, expr);
}
