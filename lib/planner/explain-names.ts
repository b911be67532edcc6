/**
 * Names and expressions in EXPLAIN (the plan side of ruleutils.c): relations get unique names, Vars above scans are
 * followed down to what they stand for, Params to who sets them.
 */
import type { Expr, RangeTblEntry, SubPlanExpr, Var } from '../analyzer/nodes.js';
import { exprType } from '../analyzer/node-functions.js';
import { mapChildren } from '../analyzer/walker.js';
import { quoteIdentifier } from '../base/identifier.js';
import type { Catalog } from '../catalog/api.js';
import { EXCLUDED_VAR, INNER_VAR, NEW_VAR, OLD_VAR, OUTER_VAR, ROW_ID_ATTNO, type Plan, type PlannedStmt } from './plan-nodes.js';

/** Prints an expression on one line; `special` answers the text of nodes it knows (Vars, Params, SubPlans), else null. */
export type PrintExpression = (expr: Expr, special: (node: Expr, print: (inner: Expr) => string) => string | null) => string;

interface ParamSource { readonly expr: Expr; readonly context: Plan }

const SYSTEM_COLUMNS: Record<number, string> = { [-1]: 'ctid', [-2]: 'xmin', [-3]: 'cmin', [-4]: 'xmax', [-5]: 'cmax', [-6]: 'tableoid', [ROW_ID_ATTNO]: 'ctid' };

/** Names of one statement's relations, and printing of its expressions. */
export class ExplainNames {
  readonly names: (string | null)[];
  private readonly params = new Map<number, ParamSource>();
  private readonly generators = new Map<number, string>();
  readonly multipleRelations: boolean;

  constructor(private readonly statement: PlannedStmt, private readonly catalog: Catalog, private readonly printer: PrintExpression) {
    const used = new Set<number>();
    const plans = [...(statement.planTree ? [statement.planTree] : []), ...statement.subplans];
    for (const plan of plans) this.survey(plan, used);
    this.names = uniqueNames(statement.rtable, used, catalog);
    this.multipleRelations = statement.rtable.length > 1;
  }

  /** Collects which relations the plan shows, and who sets which Param. */
  private survey(plan: Plan, used: Set<number>): void {
    if ('scanrelid' in plan) used.add(plan.scanrelid);
    if (plan.plan === 'ModifyTable') {
      used.add(plan.nominalRelation);
      for (const relation of plan.resultRelations) used.add(relation.rti);
      if (plan.onConflict && plan.onConflict.exclRelIndex > 0) used.add(plan.onConflict.exclRelIndex);
    }
    if (plan.plan === 'Append' || plan.plan === 'MergeAppend') {
      for (const entry of plan.parentTargets ?? []) if (entry.expr.node === 'Var' && entry.expr.varno > 0) used.add(entry.expr.varno);
    }
    if (plan.plan === 'NestLoop') for (const param of plan.nestParams) this.params.set(param.paramid, { expr: param.value, context: plan });
    for (const init of plan.initPlans) {
      init.setParam.forEach((paramid, i) => this.generators.set(paramid, `(${init.name}).col${i + 1}`));
    }
    for (const expr of expressionsOf(plan)) this.surveyExpr(expr, plan);
    for (const child of childrenOf(plan)) this.survey(child, used);
  }

  private surveyExpr(expr: Expr, plan: Plan): void {
    if (expr.node === 'SubPlan') {
      expr.parParam.forEach((paramid, i) => this.params.set(paramid, { expr: expr.args[i], context: plan }));
      expr.paramIds.forEach((paramid, i) => this.generators.set(paramid, `(${expr.useHashTable ? 'hashed ' : ''}SubPlan ${expr.planId + 1}).col${i + 1}`));
    }
    mapChildren(expr, (child) => {
      this.surveyExpr(child, plan);
      return child;
    });
  }

  /** Text of an expression of a plan node. */
  print(expr: Expr, plan: Plan, prefix: boolean): string {
    return this.printer(expr, (node, inner) => this.special(node, plan, prefix, inner));
  }

  private special(node: Expr, plan: Plan, prefix: boolean, print: (inner: Expr) => string): string | null {
    switch (node.node) {
      case 'Var': return this.variable(node, plan, prefix);
      case 'Param': return node.paramkind === 'exec' ? this.parameter(node.paramid) : null;
      case 'SubPlan': return this.subplan(node, print);
      case 'FieldSelect': return `(${print(node.arg)}).${quoteIdentifier(this.fieldName(node))}`;
      default: return null;
    }
  }

  private fieldName(node: Extract<Expr, { node: 'FieldSelect' }>): string {
    const relid = this.catalog.type(this.catalog.baseType(exprType(node.arg)))?.typrelid ?? 0;
    return (relid ? this.catalog.relation(relid)?.attributes[node.fieldnum - 1]?.attname : undefined) ?? `f${node.fieldnum}`;
  }

  private variable(node: Var, plan: Plan, prefix: boolean): string | null {
    if (node.varno === OUTER_VAR || node.varno === INNER_VAR) {
      const child = node.varno === OUTER_VAR ? outerOf(plan) : innerOf(plan);
      if (!child) return null;
      if ((child.plan === 'Append' || child.plan === 'MergeAppend') && child.parentTargets) {
        const own = child.parentTargets[node.varattno - 1];
        if (own?.expr.node === 'Var' && own.expr.varno > 0) return this.variable(own.expr, child, prefix);
      }
      const entry = child.targetlist[node.varattno - 1];
      if (!entry) return '?column?';
      const text = this.print(entry.expr, child, prefix);
      return entry.expr.node === 'Var' ? text : `(${text})`;
    }
    let rti = node.varno;
    let forced = prefix;
    let refname: string | null = null;
    if (rti < 0 && plan.plan === 'ModifyTable') {
      const plain = rti === (plan.operation === 'delete' ? OLD_VAR : NEW_VAR) || plan.onConflict !== null || plan.operation === 'merge';
      if (rti === EXCLUDED_VAR) {
        refname = 'excluded';
        forced = true;
      } else if (!plain) {
        refname = rti === OLD_VAR ? 'old' : 'new';
        forced = true;
      }
      rti = rti === EXCLUDED_VAR ? plan.onConflict?.exclRelIndex ?? plan.nominalRelation : plan.resultRelations[0]?.rti ?? plan.nominalRelation;
    }
    const rte = this.statement.rtable[rti - 1];
    if (!rte) return null;
    refname ??= this.names[rti - 1];
    if (node.varattno === 0) return `${quoteIdentifier(refname ?? '')}.*`;
    const name = node.varattno < 0 ? SYSTEM_COLUMNS[node.varattno] ?? 'ctid' : this.columnName(rte, node.varattno);
    return forced && refname !== null ? `${quoteIdentifier(refname)}.${quoteIdentifier(name)}` : quoteIdentifier(name);
  }

  private columnName(rte: RangeTblEntry, attno: number): string {
    const alias = rte.alias?.colnames[attno - 1];
    if (alias) return alias;
    if (rte.rtekind === 'relation') return this.catalog.relation(rte.relid)?.attributes[attno - 1]?.attname ?? rte.eref.colnames[attno - 1] ?? '?column?';
    return rte.eref.colnames[attno - 1] ?? '?column?';
  }

  private parameter(paramid: number): string {
    const source = this.params.get(paramid);
    if (source) {
      const text = this.print(source.expr, source.context, true);
      return ['Var', 'Aggref', 'GroupingFunc', 'Param'].includes(source.expr.node) ? text : `(${text})`;
    }
    return this.generators.get(paramid) ?? `$${paramid}`;
  }

  private subplan(node: SubPlanExpr, print: (inner: Expr) => string): string {
    const open: Partial<Record<SubPlanExpr['subLinkType'], string>> = { exists: 'EXISTS(', all: '(ALL ', any: '(ANY ', array: 'ARRAY(', cte: 'CTE(', multiexpr: '(rescan ' };
    const start = open[node.subLinkType] ?? '(';
    if (node.testexpr) return `${start}${print(node.testexpr)})`;
    return `${start}${node.useHashTable ? 'hashed ' : ''}SubPlan ${node.planId + 1})`;
  }
}

/** The left (or only) child, as references to OUTER_VAR mean it. */
function outerOf(plan: Plan): Plan | null {
  switch (plan.plan) {
    case 'Append': case 'MergeAppend': return plan.children[0] ?? null;
    case 'NestLoop': case 'HashJoin': case 'MergeJoin': case 'SetOp': case 'RecursiveUnion': return plan.outer;
    case 'SubqueryScan': return plan.subplan;
    case 'SeqScan': case 'IndexScan': case 'BitmapHeapScan': case 'TidScan': case 'FunctionScan': case 'ValuesScan': case 'CteScan': case 'WorkTableScan': return null;
    default: return plan.child;
  }
}

function innerOf(plan: Plan): Plan | null {
  return plan.plan === 'NestLoop' || plan.plan === 'HashJoin' || plan.plan === 'MergeJoin' || plan.plan === 'SetOp' || plan.plan === 'RecursiveUnion' ? plan.inner : null;
}

/** All children. */
export function childrenOf(plan: Plan): readonly Plan[] {
  if (plan.plan === 'Append' || plan.plan === 'MergeAppend') return plan.children;
  return [outerOf(plan), innerOf(plan)].filter((child) => child !== null);
}

/** Every expression of a node. */
function expressionsOf(plan: Plan): Expr[] {
  const result: Expr[] = [...plan.targetlist.map((entry) => entry.expr), ...plan.qual];
  switch (plan.plan) {
    case 'Result': if (plan.resconstantqual) result.push(plan.resconstantqual); break;
    case 'IndexScan': result.push(...plan.indexqualorig); break;
    case 'BitmapHeapScan': result.push(...plan.bitmapqualorig); break;
    case 'TidScan': result.push(...plan.tidquals); break;
    case 'FunctionScan': result.push(...plan.functions.map((fn) => fn.funcexpr)); break;
    case 'ValuesScan': result.push(...plan.valuesLists.flat()); break;
    case 'NestLoop': result.push(...plan.joinqual); break;
    case 'HashJoin': result.push(...plan.joinqual, ...plan.outerKeys, ...plan.innerKeys); break;
    case 'MergeJoin': result.push(...plan.joinqual, ...plan.mergeKeys.flatMap((key) => [key.outer, key.inner])); break;
    case 'Limit': result.push(...[plan.limitCount, plan.limitOffset].filter((expr) => expr !== null)); break;
    case 'ModifyTable':
      for (const relation of plan.resultRelations) result.push(...relation.returningList.map((entry) => entry.expr));
      if (plan.onConflict) result.push(...plan.onConflict.onConflictSet.map((entry) => entry.expr), ...(plan.onConflict.onConflictWhere ? [plan.onConflict.onConflictWhere] : []));
      break;
    default:
  }
  return result;
}

/** Reference names of the relations shown, made unique by _1, _2 ... in range-table order. */
function uniqueNames(rtable: readonly RangeTblEntry[], used: ReadonlySet<number>, catalog: Catalog): (string | null)[] {
  const counts = new Map<string, number>();
  return rtable.map((rte, i) => {
    if (!used.has(i + 1)) return null;
    let name = rte.alias ? rte.alias.aliasname : rte.rtekind === 'relation' ? catalog.relation(rte.relid)?.name ?? rte.eref.aliasname : rte.eref.aliasname;
    const base = name;
    if (counts.has(base)) {
      let next = counts.get(base)!;
      do {
        next++;
        name = `${base}_${next}`;
      } while (counts.has(name));
      counts.set(base, next);
    }
    counts.set(name, counts.get(name) ?? 0);
    return name;
  });
}
