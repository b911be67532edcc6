/**
 * Target lists of INSERT, UPDATE and MERGE as the executor wants them: defaults, identity and generated columns filled in,
 * OVERRIDING applied, several assignments to one column merged. Follows rewriteTargetListIU and rewriteValuesRTE of
 * PostgreSQL's rewrite/rewriteHandler.c.
 */
import { baseTypeAndTypmod, coerceToDomain, coerceToTargetType } from '../analyzer/coerce.js';
import { equalExpr } from '../analyzer/equal.js';
import { makeConst, makeTarget } from '../analyzer/make.js';
import { exprType } from '../analyzer/node-functions.js';
import type { Expr, FieldStore, Query, TargetEntry, ValuesRte } from '../analyzer/nodes.js';
import { readStoredExpr } from '../analyzer/stored.js';
import { typeCollation } from '../analyzer/type-name.js';
import { pgError } from '../base/error.js';
import type { Oid, Relation } from '../catalog/api.js';
import type { PgAttribute } from '../catalog/rows.js';
import { scratchState, type RewriteContext } from './context.js';

const CLASS_RELATION_OID = 1259;

/** The sequence behind an identity column. @throws XX000 when there is none */
export function identitySequence(context: RewriteContext, relid: Oid, attnum: number): Oid {
  for (const row of context.catalog.table('pg_depend').find({ refclassid: CLASS_RELATION_OID, refobjid: relid, refobjsubid: attnum })) {
    if (row.classid === CLASS_RELATION_OID && row.deptype === 'i' && context.catalog.relation(row.objid)?.kind === 'S') return row.objid;
  }
  throw pgError('INTERNAL_ERROR', 'no owned sequence found');
}

/** A column's default as an expression of the column's type; null when it has none (build_column_default). @throws 42804 */
export function columnDefault(context: RewriteContext, relation: Relation, attnum: number): Expr | null {
  const attribute = relation.attributes[attnum - 1];
  if (attribute.attidentity !== '') return { node: 'NextValueExpr', seqid: identitySequence(context, relation.oid, attnum), typeId: attribute.atttypid };
  const state = scratchState(context);
  let stored = relation.defaults[attnum - 1];
  if (stored === null && attribute.attgenerated === '') stored = context.catalog.type(attribute.atttypid)?.typdefaultbin ?? null;
  if (stored === null) return null;
  const expr = readStoredExpr(state, stored, 'columnDefault');
  const type = exprType(expr);
  const coerced = coerceToTargetType(state, expr, type, attribute.atttypid, attribute.atttypmod, 'assignment', 'implicitCast', -1);
  if (coerced !== null) return coerced;
  throw pgError('DATATYPE_MISMATCH',
    `column "${attribute.attname}" is of type ${state.formatType(attribute.atttypid)} but default expression is of type ${state.formatType(type)}`,
    { hint: 'You will need to rewrite or cast the expression.' });
}

/** NULL for a column; of a domain, checked against its constraints. */
export function nullValue(context: RewriteContext, attribute: PgAttribute): Expr {
  const state = scratchState(context);
  const base = baseTypeAndTypmod(state, attribute.atttypid, attribute.atttypmod);
  const value = makeConst(base.type, base.typmod, typeCollation(state, base.type), null);
  return base.type === attribute.atttypid ? value
    : coerceToDomain(state, value, base.type, base.typmod, attribute.atttypid, 'implicit', 'implicitCast', -1, false);
}

/** The VALUES lists an INSERT draws from. */
interface ValuesSource { readonly rte: ValuesRte; readonly rtindex: number; readonly unused: Set<number> }

interface TargetContext {
  readonly context: RewriteContext;
  readonly relation: Relation;
  readonly command: 'insert' | 'update';
  readonly override: Query['override'];
  readonly values: ValuesSource | null;
}

/** Rewrites a target list; entries come out by attribute number, one for each column that is set. @throws 428C9, 42601, 42804 */
export function rewriteTargets(
  context: RewriteContext, targets: readonly TargetEntry[], command: 'insert' | 'update', override: Query['override'], relation: Relation, values: ValuesSource | null = null,
): TargetEntry[] {
  const byColumn: (TargetEntry | undefined)[] = [];
  const junk: TargetEntry[] = [];
  for (const entry of targets) {
    if (entry.resjunk) junk.push(entry);
    else byColumn[entry.resno] = mergeAssignment(entry, byColumn[entry.resno], relation.attributes[entry.resno - 1].attname);
  }
  const target: TargetContext = { context, relation, command, override, values };
  const result = relation.attributes.flatMap((attribute) => {
    if (attribute.attisdropped) return [];
    const entry = rewriteColumn(target, attribute, byColumn[attribute.attnum]);
    return entry === null ? [] : [entry];
  });
  let resno = Math.max(relation.attributes.length, ...result.map((entry) => entry.resno));
  return [...result, ...junk.map((entry) => ({ ...entry, resno: ++resno }))];
}

function rewriteColumn(target: TargetContext, attribute: PgAttribute, given: TargetEntry | undefined): TargetEntry | null {
  const { command, context, relation } = target;
  let useDefault = given === undefined ? command === 'insert' : given.expr.node === 'SetToDefault';
  if (command === 'insert') useDefault = checkInsert(target, attribute, given, useDefault);
  else if (given !== undefined && !useDefault) checkUpdate(attribute);
  if (attribute.attgenerated !== '') return null;
  if (!useDefault) return given ?? null;
  const expr = columnDefault(context, relation, attribute.attnum) ?? (relation.kind === 'v' && command === 'insert' ? null : nullValue(context, attribute));
  return expr === null ? null : makeTarget(expr, attribute.attnum, attribute.attname);
}

/** Whether the column takes its default after all. @throws 428C9 */
function checkInsert(target: TargetContext, attribute: PgAttribute, given: TargetEntry | undefined, useDefault: boolean): boolean {
  const { values, override } = target;
  const valuesColumn = values !== null && given?.expr.node === 'Var' && given.expr.varno === values.rtindex ? given.expr.varattno : 0;
  const onlyDefaults = (): boolean => values !== null && valuesColumn !== 0 && values.rte.valuesLists.every((row) => row[valuesColumn - 1].node === 'SetToDefault');
  let result = useDefault;
  if (attribute.attidentity === 'a' && !result) {
    if (override === 'user') result = true;
    else if (override !== 'system') {
      result = onlyDefaults();
      if (!result) {
        throw pgError('GENERATED_ALWAYS', `cannot insert a non-DEFAULT value into column "${attribute.attname}"`, {
          detail: `Column "${attribute.attname}" is an identity column defined as GENERATED ALWAYS.`, hint: 'Use OVERRIDING SYSTEM VALUE to override.',
        });
      }
    }
  }
  if (attribute.attidentity === 'd' && override === 'user') result = true;
  if (attribute.attgenerated !== '' && !result) {
    result = onlyDefaults();
    if (!result) {
      throw pgError('GENERATED_ALWAYS', `cannot insert a non-DEFAULT value into column "${attribute.attname}"`, { detail: `Column "${attribute.attname}" is a generated column.` });
    }
  }
  if (valuesColumn !== 0 && result) values?.unused.add(valuesColumn);
  return result;
}

function checkUpdate(attribute: PgAttribute): void {
  if (attribute.attidentity !== 'a' && attribute.attgenerated === '') return;
  throw pgError('GENERATED_ALWAYS', `column "${attribute.attname}" can only be updated to DEFAULT`, {
    detail: attribute.attgenerated === '' ? `Column "${attribute.attname}" is an identity column defined as GENERATED ALWAYS.` : `Column "${attribute.attname}" is a generated column.`,
  });
}

/** What an assignment to an element or field builds on; null for a whole value. */
function assignmentInput(expr: Expr): Expr | null {
  if (expr.node === 'FieldStore') return expr.arg;
  return expr.node === 'SubscriptingRef' && expr.refassgnexpr !== null ? expr.refexpr : null;
}

/** Fields of both; a part of a field that was assigned before builds on what it was assigned. */
function mergeFields(before: FieldStore, later: FieldStore): FieldStore {
  const newvals = [...before.newvals];
  const fieldnums = [...before.fieldnums];
  later.fieldnums.forEach((field, i) => {
    const at = fieldnums.lastIndexOf(field);
    const value = later.newvals[i];
    if (at >= 0) newvals[at] = rebase(value, newvals[at]);
    else {
      newvals.push(value);
      fieldnums.push(field);
    }
  });
  return { ...before, newvals, fieldnums };
}

/** The assignment with what it builds on, at its bottom, replaced. */
function rebase(expr: Expr, bottom: Expr): Expr {
  const input = assignmentInput(expr);
  if (input === null) return expr;
  const below = assignmentInput(input) === null ? bottom : rebase(input, bottom);
  if (expr.node === 'FieldStore') return { ...expr, arg: below };
  return expr.node === 'SubscriptingRef' ? { ...expr, refexpr: below } : expr;
}

/** `SET a[1] = x, a[2] = y`: the later assignment works on the earlier one's result. @throws 42601 */
function mergeAssignment(entry: TargetEntry, prior: TargetEntry | undefined, name: string): TargetEntry {
  if (prior === undefined) return entry;
  let [expr, before] = [entry.expr, prior.expr];
  const domain = expr.node === 'CoerceToDomain' && before.node === 'CoerceToDomain' && expr.resulttype === before.resulttype ? expr : null;
  if (expr.node === 'CoerceToDomain' && before.node === 'CoerceToDomain' && domain !== null) [expr, before] = [expr.arg, before.arg];
  const input = assignmentInput(expr);
  let bottom = assignmentInput(before);
  const repeated = (): Error => pgError('SYNTAX_ERROR', `multiple assignments to same column "${name}"`);
  if (input === null || bottom === null || exprType(expr) !== exprType(before)) throw repeated();
  for (let deeper = assignmentInput(bottom); deeper !== null; deeper = assignmentInput(bottom)) bottom = deeper;
  if (!equalExpr(bottom, input)) throw repeated();
  let merged: Expr;
  if (expr.node === 'FieldStore') {
    merged = before.node === 'FieldStore' ? mergeFields(before, expr) : { ...expr, arg: before };
  } else if (expr.node === 'SubscriptingRef') {
    merged = { ...expr, refexpr: before };
  } else {
    throw repeated();
  }
  return { ...entry, expr: domain === null ? merged : { ...domain, arg: merged } };
}

/** Rewrites an INSERT's target list and the DEFAULTs in its VALUES lists. */
export function rewriteInsertTargets(context: RewriteContext, query: Query, relation: Relation): Query {
  const source = query.jointree.fromlist.find((item) => item.node === 'RangeTblRef' && query.rtable[item.rtindex - 1].rtekind === 'values');
  const rte = source?.node === 'RangeTblRef' ? query.rtable[source.rtindex - 1] : undefined;
  if (source?.node !== 'RangeTblRef' || rte?.rtekind !== 'values') {
    return { ...query, targetList: rewriteTargets(context, query.targetList, 'insert', query.override, relation) };
  }
  const values: ValuesSource = { rte, rtindex: source.rtindex, unused: new Set() };
  const targetList = rewriteTargets(context, query.targetList, 'insert', query.override, relation, values);
  const columns = new Map<number, number>();
  for (const entry of targetList) if (entry.expr.node === 'Var' && entry.expr.varno === values.rtindex) columns.set(entry.expr.varattno, entry.resno);
  const valuesLists = rewriteValues(context, relation, values, columns);
  if (valuesLists === rte.valuesLists) return { ...query, targetList };
  return { ...query, targetList, rtable: query.rtable.map((entry) => (entry === rte ? { ...rte, valuesLists } : entry)) };
}

function rewriteValues(context: RewriteContext, relation: Relation, values: ValuesSource, columns: ReadonlyMap<number, number>): ValuesRte['valuesLists'] {
  const lists = values.rte.valuesLists;
  if (!lists.some((row) => row.some((expr) => expr.node === 'SetToDefault'))) return lists;
  return lists.map((row) => row.map((expr, i) => {
    if (expr.node !== 'SetToDefault') return expr;
    const attnum = columns.get(i + 1);
    if (attnum === undefined) return makeConst(expr.typeId, expr.typeMod, expr.collation, null);
    const attribute = relation.attributes[attnum - 1];
    const value = columnDefault(context, relation, attnum);
    if (value !== null) return value;
    return relation.kind === 'v' ? expr : nullValue(context, attribute);
  }));
}
