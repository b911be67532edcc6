/**
 * EXPLAIN (explain.c): a plan as a tree of labelled nodes with properties, which `explain-format.ts` prints as text, JSON,
 * XML or YAML. Pure: reads the plan, the catalog and, for ANALYZE, measurements by plan node.
 */
import type { ResourceUsage } from '../access/api.js';
import type { Expr, TargetEntry } from '../analyzer/nodes.js';
import { exprType } from '../analyzer/node-functions.js';
import { unreachable } from '../base/assert.js';
import { quoteIdentifier } from '../base/identifier.js';
import type { Catalog, Relation } from '../catalog/api.js';
import { childrenOf, ExplainNames, type PrintExpression } from './explain-names.js';
import { renderText, renderStructured, type ExplainedNode, type ExplainItem } from './explain-format.js';
import { planningItems, usageItems } from './explain-usage.js';
import type { BitmapPlan, Plan, PlannedStmt, SortColumn } from './plan-nodes.js';

/** What EXPLAIN's options say. */
export interface ExplainOptions {
  readonly analyze: boolean;
  readonly verbose: boolean;
  readonly costs: boolean;
  readonly timing: boolean;
  readonly summary: boolean;
  readonly buffers: boolean;
  readonly wal: boolean;
  readonly settings: boolean;
  readonly format: 'text' | 'json' | 'xml' | 'yaml';
}

/** Measurements of one node; times in milliseconds, sums over all loops. */
export interface ExplainMeasurement { readonly loops: number; readonly rows: number; readonly startupMs: number; readonly totalMs: number; readonly filtered: number; readonly usage: ResourceUsage }

/** Everything EXPLAIN needs besides the plan. */
export interface ExplainContext {
  readonly catalog: Catalog;
  readonly print: PrintExpression;
  /** By plan node (or bitmap node); null without ANALYZE. */
  readonly measurements: ReadonlyMap<object, ExplainMeasurement> | null;
  readonly planningMs: number | null;
  readonly executionMs: number | null;
  /** What planning used. */
  readonly planningUsage: ResourceUsage;
  /** Planner settings that differ from their defaults, for SETTINGS. */
  readonly settings?: readonly { readonly name: string; readonly value: string }[];
}

/** The lines of EXPLAIN's output (text: one per row; other formats: the whole document as one string). */
export function explainPlan(statement: PlannedStmt, context: ExplainContext, options: ExplainOptions): string[] {
  if (!statement.planTree) return options.format === 'text' ? ['Utility statements have no plan structure'] : [''];
  const explainer = new Explainer(statement, context, options);
  const root = explainer.node(statement.planTree, null, null);
  const extra: ExplainItem[] = [];
  if (options.settings && context.settings && context.settings.length > 0) {
    extra.push({ name: 'Settings', value: context.settings.map((setting) => `${setting.name} = '${setting.value}'`) });
  }
  extra.push(...planningItems(context.planningUsage, options));
  if (options.summary && context.planningMs !== null) extra.push({ name: 'Planning Time', value: context.planningMs.toFixed(3), unit: 'ms' });
  if (options.analyze && options.format !== 'text') extra.push({ name: 'Triggers', value: [] });
  if (options.summary && context.executionMs !== null) extra.push({ name: 'Execution Time', value: context.executionMs.toFixed(3), unit: 'ms' });
  return options.format === 'text' ? renderText(root, extra) : [renderStructured(root, extra, options.format)];
}

const NOTHING_USED: ResourceUsage = { hits: 0, reads: 0, tempReads: 0, tempWrites: 0, walRecords: 0, walBytes: 0 };

const JOIN_WORDS = { inner: '', left: 'Left', full: 'Full', right: 'Right', semi: 'Semi', anti: 'Anti', rightSemi: 'Right Semi', rightAnti: 'Right Anti' } as const;

class Explainer {
  private readonly names: ExplainNames;
  private readonly prefix: boolean;

  constructor(private readonly statement: PlannedStmt, private readonly context: ExplainContext, private readonly options: ExplainOptions) {
    this.names = new ExplainNames(statement, context.catalog, context.print);
    this.prefix = this.names.multipleRelations || options.verbose;
  }

  node(plan: Plan, relationship: string | null, subplanName: string | null): ExplainedNode {
    const { type, label, attributes } = this.head(plan);
    const items: ExplainItem[] = [];
    this.disabled(plan, items);
    if (this.options.verbose) this.output(plan, items);
    if (this.options.verbose && (plan.plan === 'NestLoop' || plan.plan === 'HashJoin' || plan.plan === 'MergeJoin') && plan.innerUnique) items.push({ name: 'Inner Unique', value: true });
    this.properties(plan, items);
    this.usage(plan, items);
    const children: ExplainedNode[] = [];
    for (const init of plan.initPlans) children.push(this.node(this.statement.subplans[init.planId], 'InitPlan', init.name));
    children.push(...this.inputs(plan));
    for (const id of this.subplansIn(plan)) children.push(this.node(this.statement.subplans[id], 'SubPlan', `SubPlan ${id + 1}`));
    return { type, label: label + this.figures(plan, plan), attributes, relationship, subplanName, estimates: this.estimates(plan, plan), items, children };
  }

  private estimates(plan: { startupCost: number; totalCost: number; planRows: number; planWidth: number }, key: object): ExplainItem[] {
    const result: ExplainItem[] = [];
    if (this.options.costs) {
      result.push({ name: 'Startup Cost', value: plan.startupCost.toFixed(2), number: true }, { name: 'Total Cost', value: plan.totalCost.toFixed(2), number: true },
        { name: 'Plan Rows', value: plan.planRows.toFixed(0), number: true }, { name: 'Plan Width', value: String(plan.planWidth), number: true });
    }
    const measured = this.context.measurements?.get(key);
    if (this.options.analyze) {
      const loops = measured?.loops ?? 0;
      if (this.options.timing) {
        result.push({ name: 'Actual Startup Time', value: (loops ? measured!.startupMs / loops : 0).toFixed(3), number: true },
          { name: 'Actual Total Time', value: (loops ? measured!.totalMs / loops : 0).toFixed(3), number: true });
      }
      result.push({ name: 'Actual Rows', value: (loops ? measured!.rows / loops : 0).toFixed(2), number: true }, { name: 'Actual Loops', value: String(loops), number: true });
    }
    return result;
  }

  /** Costs and measurements behind the label. */
  private figures(plan: { startupCost: number; totalCost: number; planRows: number; planWidth: number }, key: object): string {
    let text = '';
    if (this.options.costs) text += `  (cost=${plan.startupCost.toFixed(2)}..${plan.totalCost.toFixed(2)} rows=${plan.planRows.toFixed(0)} width=${plan.planWidth})`;
    if (!this.options.analyze) return text;
    const measured = this.context.measurements?.get(key);
    if (!measured || measured.loops === 0) return `${text} (never executed)`;
    const rows = (measured.rows / measured.loops).toFixed(2);
    const time = this.options.timing ? `time=${(measured.startupMs / measured.loops).toFixed(3)}..${(measured.totalMs / measured.loops).toFixed(3)} ` : '';
    return `${text} (actual ${time}rows=${rows} loops=${measured.loops})`;
  }

  private head(plan: Plan): { type: string; label: string; attributes: ExplainItem[] } {
    const simple = (type: string, label = type, attributes: ExplainItem[] = []) => ({ type, label, attributes });
    switch (plan.plan) {
      case 'Result': case 'Group': case 'WindowAgg': case 'Unique': case 'LockRows': case 'Limit': case 'Memoize': case 'Append': case 'ProjectSet': case 'Sort':
        return simple(plan.plan);
      case 'MergeAppend': return simple('Merge Append');
      case 'RecursiveUnion': return simple('Recursive Union');
      case 'IncrementalSort': return simple('Incremental Sort');
      case 'Material': return simple('Materialize');
      case 'SetOp': {
        const command = (plan.op === 'intersect' ? 'Intersect' : 'Except') + (plan.all ? ' All' : '');
        return simple('SetOp', `${plan.strategy === 'hashed' ? 'HashSetOp' : 'SetOp'} ${command}`, [{ name: 'Strategy', value: plan.strategy === 'hashed' ? 'Hashed' : 'Sorted' }, { name: 'Command', value: command }]);
      }
      case 'Agg': {
        const label = { plain: 'Aggregate', sorted: 'GroupAggregate', hashed: 'HashAggregate', mixed: 'MixedAggregate' }[plan.strategy];
        const strategy = { plain: 'Plain', sorted: 'Sorted', hashed: 'Hashed', mixed: 'Mixed' }[plan.strategy];
        return simple('Aggregate', label, [{ name: 'Strategy', value: strategy }, { name: 'Partial Mode', value: 'Simple' }]);
      }
      case 'NestLoop': case 'HashJoin': case 'MergeJoin': {
        const type = { NestLoop: 'Nested Loop', HashJoin: 'Hash Join', MergeJoin: 'Merge Join' }[plan.plan];
        const word = JOIN_WORDS[plan.jointype];
        const base = type.replace(' Join', '');
        const label = word ? `${base} ${word} Join` : type;
        return simple(type, label, [{ name: 'Join Type', value: word || 'Inner' }]);
      }
      case 'ModifyTable': {
        const operation = { insert: 'Insert', update: 'Update', delete: 'Delete', merge: 'Merge' }[plan.operation];
        return simple('ModifyTable', `${operation}${this.target(plan.nominalRelation)}`, [{ name: 'Operation', value: operation }, ...this.targetItems(plan.nominalRelation)]);
      }
      case 'SeqScan': return this.scan(plan.tablesample ? 'Sample Scan' : 'Seq Scan', plan.scanrelid);
      case 'IndexScan': {
        const type = plan.indexOnly ? 'Index Only Scan' : 'Index Scan';
        const index = this.indexName(plan.relid, plan.indexid);
        return simple(type, `${type}${plan.backward ? ' Backward' : ''} using ${index}${this.target(plan.scanrelid)}`,
          [{ name: 'Scan Direction', value: plan.backward ? 'Backward' : 'Forward' }, { name: 'Index Name', value: index }, ...this.targetItems(plan.scanrelid)]);
      }
      case 'BitmapHeapScan': return this.scan('Bitmap Heap Scan', plan.scanrelid);
      case 'TidScan': return this.scan('Tid Scan', plan.scanrelid);
      case 'SubqueryScan': return this.scan('Subquery Scan', plan.scanrelid);
      case 'FunctionScan': return this.scan('Function Scan', plan.scanrelid, this.functionName(plan));
      case 'ValuesScan': return this.scan('Values Scan', plan.scanrelid);
      case 'CteScan': return this.scan('CTE Scan', plan.scanrelid, plan.ctename);
      case 'WorkTableScan': return this.scan('WorkTable Scan', plan.scanrelid, plan.ctename);
      default: return unreachable(plan, 'plan node');
    }
  }

  private scan(type: string, rti: number, object: string | null = null): { type: string; label: string; attributes: ExplainItem[] } {
    return { type, label: `${type}${this.target(rti, object)}`, attributes: this.targetItems(rti, object) };
  }

  private indexName(relid: number, indexid: number): string {
    const relation = this.context.catalog.relation(relid);
    return quoteIdentifier(relation?.indexes.find((index) => index.oid === indexid)?.name ?? this.context.catalog.relation(indexid)?.name ?? String(indexid));
  }

  private functionName(plan: Extract<Plan, { plan: 'FunctionScan' }>): string | null {
    const [only] = plan.functions;
    if (plan.functions.length !== 1 || only.funcexpr.node !== 'FuncExpr') return null;
    const proc = this.context.catalog.proc(only.funcexpr.funcid);
    if (!proc) return null;
    return this.options.verbose ? `${this.context.catalog.namespace(proc.pronamespace)?.nspname ?? ''}.${proc.proname}` : proc.proname;
  }

  private schemaOf(relation: Relation): string {
    return relation.namespace === this.context.catalog.tempNamespace ? 'pg_temp' : relation.namespaceName;
  }

  /** ` on schema.name alias` */
  private target(rti: number, object: string | null = null): string {
    const rte = this.statement.rtable[rti - 1];
    const refname = this.names.names[rti - 1] ?? rte.eref.aliasname;
    let name = object;
    let shown = object === null ? null : object.split('.').map(quoteIdentifier).join('.');
    if (rte.rtekind === 'relation') {
      const relation = this.context.catalog.relation(rte.relid);
      name = relation?.name ?? refname;
      shown = this.options.verbose && relation ? `${quoteIdentifier(this.schemaOf(relation))}.${quoteIdentifier(name)}` : quoteIdentifier(name);
    }
    if (shown === null) return ` on ${quoteIdentifier(refname)}`;
    const plainName = name?.includes('.') && rte.rtekind === 'function' ? name.slice(name.indexOf('.') + 1) : name;
    return ` on ${shown}${refname !== plainName ? ` ${quoteIdentifier(refname)}` : ''}`;
  }

  private targetItems(rti: number, object: string | null = null): ExplainItem[] {
    const rte = this.statement.rtable[rti - 1];
    const result: ExplainItem[] = [];
    if (rte.rtekind === 'relation') {
      const relation = this.context.catalog.relation(rte.relid);
      result.push({ name: 'Relation Name', value: relation?.name ?? '' });
      if (this.options.verbose) result.push({ name: 'Schema', value: relation ? this.schemaOf(relation) : '' });
    } else if (object !== null) result.push({ name: rte.rtekind === 'function' ? 'Function Name' : 'CTE Name', value: object });
    result.push({ name: 'Alias', value: this.names.names[rti - 1] ?? rte.eref.aliasname });
    return result;
  }

  private usage(key: object, items: ExplainItem[]): void {
    if (this.options.analyze || this.options.format !== 'text') items.push(...usageItems(this.context.measurements?.get(key)?.usage ?? NOTHING_USED, this.options));
  }

  private disabled(plan: Plan, items: ExplainItem[]): void {
    const below = childrenOf(plan).reduce((sum, child) => sum + (child.disabledNodes ?? 0), 0);
    if ((plan.disabledNodes ?? 0) > below) items.push({ name: 'Disabled', value: true });
  }

  private output(plan: Plan, items: ExplainItem[]): void {
    if (plan.plan === 'Append' || plan.plan === 'MergeAppend' || plan.plan === 'RecursiveUnion' || plan.targetlist.length === 0) return;
    items.push({ name: 'Output', value: plan.targetlist.map((entry) => this.printTarget(entry, plan)) });
  }

  private printTarget(entry: TargetEntry, plan: Plan): string {
    return this.names.print(entry.expr, plan, this.names.multipleRelations);
  }

  private conditions(list: readonly Expr[], plan: Plan, prefix: boolean): string | null {
    if (list.length === 0) return null;
    const expr: Expr = list.length === 1 ? list[0] : { node: 'BoolExpr', boolop: 'and', args: list, location: -1 };
    return this.names.print(expr, plan, prefix);
  }

  private add(items: ExplainItem[], name: string, list: readonly Expr[], plan: Plan, prefix: boolean): void {
    const text = this.conditions(list, plan, prefix);
    if (text !== null) items.push({ name, value: text });
  }

  private removed(items: ExplainItem[], plan: Plan, what: string, present: boolean): void {
    if (!this.options.analyze || !present) return;
    const measured = this.context.measurements?.get(plan);
    if (!measured || measured.loops === 0) return;
    const rows = Math.round(measured.filtered / measured.loops);
    if (rows > 0 || this.options.format !== 'text') items.push({ name: what, value: String(rows), number: true });
  }

  private filter(items: ExplainItem[], plan: Plan, prefix: boolean): void {
    this.add(items, 'Filter', plan.qual, plan, prefix);
    this.removed(items, plan, 'Rows Removed by Filter', plan.qual.length > 0);
  }

  private properties(plan: Plan, items: ExplainItem[]): void {
    const { verbose } = this.options;
    const upper = this.prefix;
    switch (plan.plan) {
      case 'SeqScan':
        if (plan.tablesample) {
          const name = this.context.catalog.proc(plan.tablesample.tsmhandler)?.proname ?? '';
          const args = plan.tablesample.args.map((arg) => this.names.print(arg, plan, verbose)).join(', ');
          const repeatable = plan.tablesample.repeatable ? ` REPEATABLE (${this.names.print(plan.tablesample.repeatable, plan, verbose)})` : '';
          items.push({ name: 'Sampling', value: `${name} (${args})${repeatable}` });
        }
        this.filter(items, plan, verbose);
        return;
      case 'IndexScan':
        this.add(items, 'Index Cond', plan.indexqualorig, plan, verbose);
        this.filter(items, plan, verbose);
        if (plan.indexOnly && this.options.analyze) items.push({ name: 'Heap Fetches', value: '0', number: true });
        return;
      case 'BitmapHeapScan':
        this.add(items, 'Recheck Cond', plan.bitmapqualorig, plan, verbose);
        this.filter(items, plan, verbose);
        return;
      case 'TidScan':
        this.add(items, 'TID Cond', plan.tidquals, plan, verbose);
        this.filter(items, plan, verbose);
        return;
      case 'FunctionScan':
        if (verbose) items.push({ name: 'Function Call', value: plan.functions.map((fn) => this.names.print(fn.funcexpr, plan, true)).join(', ') });
        this.filter(items, plan, verbose);
        return;
      case 'SubqueryScan': this.filter(items, plan, true); return;
      case 'ValuesScan': case 'CteScan': case 'WorkTableScan': this.filter(items, plan, verbose); return;
      case 'NestLoop': this.joinFilter(items, plan, upper); return;
      case 'HashJoin': this.add(items, 'Hash Cond', hashConditions(plan), plan, upper); this.joinFilter(items, plan, upper); return;
      case 'MergeJoin': this.add(items, 'Merge Cond', mergeConditions(plan), plan, upper); this.joinFilter(items, plan, upper); return;
      case 'Result':
        this.add(items, 'One-Time Filter', plan.resconstantqual ? [plan.resconstantqual] : [], plan, upper);
        this.filter(items, plan, upper);
        return;
      case 'Agg':
        if (plan.groupingSets.length > 0) this.groupingSets(items, plan);
        else if (plan.groupColumns.length > 0) items.push({ name: 'Group Key', value: this.keys(plan.groupColumns, plan.child) });
        this.filter(items, plan, upper);
        return;
      case 'Group':
        items.push({ name: 'Group Key', value: this.keys(plan.groupColumns, plan.child) });
        this.filter(items, plan, upper);
        return;
      case 'WindowAgg': this.window(items, plan); this.filter(items, plan, upper); return;
      case 'Sort': items.push({ name: 'Sort Key', value: this.sortKeys(plan.sortColumns, plan) }); return;
      case 'IncrementalSort':
        items.push({ name: 'Sort Key', value: this.sortKeys(plan.sortColumns, plan) },
          { name: 'Presorted Key', value: this.keys(plan.sortColumns.slice(0, plan.presortedColumns), plan) });
        return;
      case 'MergeAppend': items.push({ name: 'Sort Key', value: plan.sortColumns.map((column) => this.orderText(plan, column, this.columnOf(plan, column))) }); return;
      case 'Memoize':
        items.push({ name: 'Cache Key', value: plan.paramKeys.map((key) => this.names.print(key, plan, this.prefix)).join(', ') }, { name: 'Cache Mode', value: plan.binaryMode ? 'binary' : 'logical' });
        return;
      case 'ModifyTable': this.modify(items, plan); return;
      default:
    }
  }

  private joinFilter(items: ExplainItem[], plan: Extract<Plan, { joinqual: readonly Expr[] }>, prefix: boolean): void {
    this.add(items, 'Join Filter', plan.joinqual, plan, prefix);
    this.removed(items, plan, 'Rows Removed by Join Filter', plan.joinqual.length > 0);
    this.add(items, 'Filter', plan.qual, plan, prefix);
  }

  private columnOf(plan: Plan, column: SortColumn): string {
    const own = plan.plan === 'MergeAppend' ? plan.parentTargets?.[column.column - 1] : undefined;
    const entry = own ?? plan.targetlist[column.column - 1];
    return this.names.print(entry.expr, plan, this.prefix);
  }

  private keys(columns: readonly SortColumn[], child: Plan): string[] {
    return columns.map((column) => this.keyText(child, column));
  }

  /** A key as the child's column says it. */
  private keyText(child: Plan, column: SortColumn): string {
    const { expr } = child.targetlist[column.column - 1];
    const parent = (child.plan === 'Append' || child.plan === 'MergeAppend') && child.parentTargets?.[column.column - 1];
    const text = this.names.print(parent ? parent.expr : expr, child, this.prefix);
    return text;
  }

  private sortKeys(columns: readonly SortColumn[], child: Plan): string[] {
    return columns.map((column) => this.orderText(child, column, this.keyText(child, column)));
  }

  /** COLLATE, DESC, USING and NULLS where they are not the default. */
  private orderText(child: Plan, column: SortColumn, key: string): string {
    const { catalog } = this.context;
    const { expr } = child.targetlist[column.column - 1];
    let text = key;
    const typeCollation = catalog.type(exprType(expr))?.typcollation ?? 0;
    if (column.collation !== 0 && column.collation !== typeCollation && column.collation !== 100) text += ` COLLATE ${quoteIdentifier(catalog.collation(column.collation)?.collname ?? '')}`;
    const opclass = catalog.defaultOpclass(catalog.baseType(exprType(expr)), 403);
    const family = opclass ? catalog.opclass(opclass)?.opcfamily ?? 0 : 0;
    const own = catalog.operatorFamilies(column.sortop).find((entry) => entry.accessMethod === 403 && (family === 0 || entry.family === family)) ?? catalog.operatorFamilies(column.sortop).find((entry) => entry.accessMethod === 403);
    if (own && own.family === family && own.strategy === 5) text += ' DESC';
    else if (own && family !== 0 && own.family !== family) text += ` USING ${catalog.operator(column.sortop)?.oprname ?? ''}`;
    if (column.nullsFirst && !column.reverse) text += ' NULLS FIRST';
    else if (!column.nullsFirst && column.reverse) text += ' NULLS LAST';
    return text;
  }

  private groupingSets(items: ExplainItem[], plan: Extract<Plan, { plan: 'Agg' }>): void {
    for (const phase of plan.phases) {
      if (phase.resort) items.push({ name: 'Sort Key', value: this.sortKeys(phase.sortColumns, plan.child) });
      const name = phase.strategy === 'hashed' ? 'Hash Key' : 'Group Key';
      for (const set of phase.sets) {
        const columns = plan.groupingSets[set].map((position) => plan.groupColumns[position]);
        items.push(columns.length === 0 ? { name, value: '()', indent: phase.resort ? 1 : 0 } : { name, value: this.keys(columns, plan.child), indent: phase.resort ? 1 : 0 });
      }
    }
  }

  private window(items: ExplainItem[], plan: Extract<Plan, { plan: 'WindowAgg' }>): void {
    const parts: string[] = [];
    if (plan.partitionColumns.length > 0) parts.push(`PARTITION BY ${this.keys(plan.partitionColumns, plan.child).join(', ')}`);
    if (plan.orderColumns.length > 0) parts.push(`ORDER BY ${this.sortKeys(plan.orderColumns, plan.child).join(', ')}`);
    const frame = this.frame(plan);
    if (frame) parts.push(frame);
    items.push({ name: 'Window', value: `${quoteIdentifier(plan.winname)} AS (${parts.join(' ')})` });
  }

  /** The frame clause when it is not the default. */
  private frame(plan: Extract<Plan, { plan: 'WindowAgg' }>): string {
    const options = plan.frameOptions;
    if (!(options & 0x01)) return '';
    const mode = options & 0x02 ? 'RANGE' : options & 0x04 ? 'ROWS' : 'GROUPS';
    const offset = (expr: Expr | null): string => (expr ? this.names.print(expr, plan, this.prefix) : '');
    const bound = (unboundedPreceding: number, unboundedFollowing: number, current: number, preceding: number, value: Expr | null): string => {
      if (options & unboundedPreceding) return 'UNBOUNDED PRECEDING';
      if (options & unboundedFollowing) return 'UNBOUNDED FOLLOWING';
      if (options & current) return 'CURRENT ROW';
      return `${offset(value)} ${options & preceding ? 'PRECEDING' : 'FOLLOWING'}`;
    };
    const start = bound(0x20, 0x80, 0x200, 0x800, plan.startOffset);
    let text = options & 0x10 ? `${mode} BETWEEN ${start} AND ${bound(0x40, 0x100, 0x400, 0x1000, plan.endOffset)}` : `${mode} ${start}`;
    if (options & 0x8000) text += ' EXCLUDE CURRENT ROW';
    else if (options & 0x10000) text += ' EXCLUDE GROUP';
    else if (options & 0x20000) text += ' EXCLUDE TIES';
    return text;
  }

  private modify(items: ExplainItem[], plan: Extract<Plan, { plan: 'ModifyTable' }>): void {
    const several = plan.resultRelations.length > 1 || (plan.resultRelations[0] && plan.resultRelations[0].rti !== plan.nominalRelation);
    if (several) {
      const word = { insert: 'Insert', update: 'Update', delete: 'Delete', merge: 'Merge' }[plan.operation];
      for (const relation of plan.resultRelations) items.push({ name: '', value: `${word}${this.target(relation.rti)}`, bare: true });
    }
    if (!plan.onConflict) return;
    items.push({ name: 'Conflict Resolution', value: plan.onConflict.action === 'nothing' ? 'NOTHING' : 'UPDATE' });
    const relid = plan.resultRelations[0]?.relid ?? 0;
    if (plan.onConflict.arbiterIndexes.length > 0) items.push({ name: 'Conflict Arbiter Indexes', value: plan.onConflict.arbiterIndexes.map((oid) => this.indexName(relid, oid)) });
    if (plan.onConflict.onConflictWhere) this.add(items, 'Conflict Filter', [plan.onConflict.onConflictWhere], plan, this.prefix);
  }

  private inputs(plan: Plan): ExplainedNode[] {
    switch (plan.plan) {
      case 'Append': case 'MergeAppend': return plan.children.map((child) => this.node(child, 'Member', null));
      case 'BitmapHeapScan': return [this.bitmap(plan.bitmap, plan, 'Outer')];
      case 'SubqueryScan': return [this.node(plan.subplan, 'Subquery', null)];
      case 'HashJoin': return [this.node(plan.outer, 'Outer', null), this.hash(plan)];
      case 'MergeJoin': case 'NestLoop': case 'SetOp': case 'RecursiveUnion': return [this.node(plan.outer, 'Outer', null), this.node(plan.inner, 'Inner', null)];
      default: return childrenOf(plan).map((child) => this.node(child, 'Outer', null));
    }
  }

  /** The Hash node that stands between a hash join and its inner side. */
  private hash(plan: Extract<Plan, { plan: 'HashJoin' }>): ExplainedNode {
    const inner = plan.inner;
    const costs = { startupCost: inner.totalCost, totalCost: inner.totalCost, planRows: inner.planRows, planWidth: inner.planWidth };
    const items: ExplainItem[] = this.options.verbose && inner.targetlist.length > 0 ? [{ name: 'Output', value: inner.targetlist.map((entry) => this.printTarget(entry, inner)) }] : [];
    return {
      type: 'Hash', label: `Hash${this.figures(costs, inner)}`, attributes: [], relationship: 'Inner', subplanName: null, estimates: this.estimates(costs, inner), items,
      children: [this.node(inner, 'Outer', null)],
    };
  }

  private bitmap(bitmap: BitmapPlan, plan: Extract<Plan, { plan: 'BitmapHeapScan' }>, relationship: string): ExplainedNode {
    const figures = this.figures(bitmap, bitmap);
    const items: ExplainItem[] = [];
    const common = { relationship, subplanName: null, estimates: this.estimates(bitmap, bitmap) };
    if (bitmap.bitmap !== 'index') {
      const type = bitmap.bitmap === 'and' ? 'BitmapAnd' : 'BitmapOr';
      this.usage(bitmap, items);
      return { type, label: `${type}${figures}`, attributes: [], items, children: bitmap.inputs.map((input) => this.bitmap(input, plan, 'Member')), ...common };
    }
    this.add(items, 'Index Cond', bitmap.indexqualorig, plan, this.options.verbose);
    this.usage(bitmap, items);
    const name = this.indexName(plan.relid, bitmap.indexid);
    return { type: 'Bitmap Index Scan', label: `Bitmap Index Scan on ${name}${figures}`, attributes: [{ name: 'Index Name', value: name }], items, children: [], ...common };
  }

  /** SubPlans that the node's own expressions run, in order of appearance. */
  private subplansIn(plan: Plan): number[] {
    const found: number[] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      if (Array.isArray(value)) {
        value.forEach(visit);
        return;
      }
      const record = value as { readonly node?: unknown; readonly plan?: unknown; readonly planId?: unknown };
      // What GROUPING() names is never run.
      if (('plan' in record && value !== plan) || record.node === 'GroupingFunc') return;
      if (record.node === 'SubPlan' && typeof record.planId === 'number' && !found.includes(record.planId)) found.push(record.planId);
      for (const [key, inner] of Object.entries(value)) if (key !== 'initPlans' && key !== 'parentTargets') visit(inner);
    };
    visit(plan);
    return found;
  }
}

function operatorCondition(opno: number, left: Expr, right: Expr, collation: number): Expr {
  return { node: 'OpExpr', opno, opfuncid: 0, opresulttype: 16, opretset: false, opcollid: 0, inputcollid: collation, args: [left, right], location: -1 };
}

function hashConditions(plan: Extract<Plan, { plan: 'HashJoin' }>): Expr[] {
  return plan.outerKeys.map((outer, i) => operatorCondition(plan.hashOperators[i], outer, plan.innerKeys[i], plan.hashCollations[i]));
}

function mergeConditions(plan: Extract<Plan, { plan: 'MergeJoin' }>): Expr[] {
  return plan.mergeKeys.map((key) => operatorCondition(key.column.eqop, key.outer, key.inner, key.column.collation));
}
