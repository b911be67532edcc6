/**
 * CREATE AGGREGATE.
 *
 * Idea: PostgreSQL's DefineAggregate (commands/aggregatecmds.c), AggregateCreate (catalog/pg_aggregate.c).
 */
import type { DefElem, DefineStmt, Node } from 'libpg-query';
import { exactOperator } from '../../analyzer/operators.js';
import { notSupported, pgError } from '../../base/error.js';
import { objectAddress } from '../../catalog/address.js';
import { initialAcl } from '../../catalog/acl.js';
import type { Oid } from '../../catalog/api.js';
import { recordDependencies, recordDependencyOnOwner } from '../../catalog/depend.js';
import { checkCreate, qualifiedCreation } from '../../catalog/namespace.js';
import type { PgAggregate, PgProc } from '../../catalog/rows.js';
import { bodyAs, bodyOf, stringList } from '../../parser/raw.js';
import { ArrayValue } from '../../types/datum.js';
import { CHAROID, NamespaceRelationId, OIDOID, ProcedureRelationId, TEXTOID, TypeRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { optionBoolean, optionText } from '../definition-options.js';
import { expressionState } from '../expressions.js';
import { routineParameters, type RoutineParameters } from '../function/parameters.js';
import { at } from '../table/transform-constraint.js';
import { definitionElements, elementName, elementType } from './definition.js';
import { supportFunction, type SupportFunction } from './support-function.js';

const KNOWN = new Set([
  'sfunc', 'sfunc1', 'finalfunc', 'combinefunc', 'serialfunc', 'deserialfunc', 'msfunc', 'minvfunc', 'mfinalfunc', 'finalfunc_extra', 'mfinalfunc_extra',
  'finalfunc_modify', 'mfinalfunc_modify', 'sortop', 'basetype', 'hypothetical', 'stype', 'stype1', 'sspace', 'mstype', 'msspace', 'initcond', 'initcond1',
  'minitcond', 'parallel',
]);
const INTERNAL = 2281;
const INTERNAL_LANGUAGE = 12;

function invalid(message: string): Error {
  return pgError('INVALID_FUNCTION_DEFINITION', message);
}

/** Executes CREATE AGGREGATE. @throws 42P13, 42883, 42804, 42723 */
export function createAggregate(cx: CommandContext, stmt: DefineStmt): void {
  const { catalog } = cx.session;
  const place = qualifiedCreation(catalog, stringList(stmt.defnames));
  checkCreate(catalog, place.namespace);
  const elements = definitionElements(stmt.definition);
  for (const name of elements.keys()) {
    if (!KNOWN.has(name)) cx.services.notice(pgError('SYNTAX_ERROR', `aggregate attribute "${name}" not recognized`, { severity: 'WARNING' }));
  }
  const stype = elements.get('stype') ?? elements.get('stype1');
  if (!stype) throw invalid('aggregate stype must be specified');
  const sfunc = elementName(elements.get('sfunc') ?? elements.get('sfunc1'));
  if (!sfunc) throw invalid('aggregate sfunc must be specified');
  const { parameters, direct } = aggregateParameters(cx, stmt, elements);
  const kind = direct < 0 ? 'n' : elements.has('hypothetical') && optionBoolean(elements.get('hypothetical')!) ? 'h' : 'o';
  const transition = elementType(cx, stype);
  if (catalog.type(transition)?.typtype === 'p' && transition !== INTERNAL) {
    throw invalid(`aggregate transition data type cannot be ${cx.services.types.formatType(transition)}`);
  }
  const functions = supportFunctions(cx, elements, parameters, sfunc, transition, direct);
  storeAggregate(cx, stmt, { ...place, parameters, direct, kind, transition, elements, functions });
}

function aggregateParameters(cx: CommandContext, stmt: DefineStmt, elements: ReadonlyMap<string, DefElem>): { parameters: RoutineParameters; direct: number } {
  const [list, count] = (stmt.args ?? []) as readonly Node[];
  if (stmt.oldstyle) {
    const base = elements.get('basetype');
    if (!base) throw invalid('aggregate input type must be specified');
    const name = elementName(base);
    const none = name?.length === 1 && (name[0].toLowerCase() === 'any' || name[0] === '*');
    const type = none ? 0 : elementType(cx, base);
    const inputTypes = none ? [] : [type];
    return { parameters: { inputTypes, allTypes: null, modes: null, names: null, defaults: [], variadic: 0, requiredResult: 0 }, direct: -1 };
  }
  if (elements.has('basetype')) throw invalid('basetype is redundant with aggregate input type specification');
  const nodes = list ? bodyAs<{ items?: Node[] }>(bodyOf(list)).items : undefined;
  const parameters = routineParameters(cx, nodes, 'aggregate');
  if (parameters.modes?.some((mode) => mode === 'o' || mode === 'b' || mode === 't')) throw pgError('FEATURE_NOT_SUPPORTED', 'aggregates cannot have output arguments', at(stmt.defnames ? -1 : undefined));
  return { parameters, direct: count ? Number(bodyOf(count).ival ?? 0) : -1 };
}

interface AggregateFunctions { readonly transition: SupportFunction; readonly final: SupportFunction | null; readonly combine: SupportFunction | null; readonly result: Oid }

function supportFunctions(
  cx: CommandContext, elements: ReadonlyMap<string, DefElem>, parameters: RoutineParameters, sfunc: readonly string[], stype: Oid, direct: number,
): AggregateFunctions {
  const format = (type: Oid): string => cx.services.types.formatType(type);
  const inputs = parameters.inputTypes;
  const transition = supportFunction(cx, sfunc, [stype, ...(direct < 0 ? inputs : inputs.slice(direct))]);
  if (transition.result !== stype) {
    throw pgError('DATATYPE_MISMATCH', `return type of transition function ${sfunc.join('.')} is not ${format(stype)}`);
  }
  const initial = elements.get('initcond') ?? elements.get('initcond1');
  if (transition.proc.proisstrict && !initial && inputs[0] !== stype && direct < 0) {
    throw invalid('must not omit initial value when transition function is strict and transition type is not compatible with input type');
  }
  const finalName = elementName(elements.get('finalfunc'));
  const extra = elements.has('finalfunc_extra') && optionBoolean(elements.get('finalfunc_extra')!);
  const finalTypes = direct >= 0 ? [stype, ...inputs.slice(0, direct), ...(extra ? inputs.slice(direct) : [])] : extra ? [stype, ...inputs] : [stype];
  const final = finalName ? supportFunction(cx, finalName, finalTypes) : null;
  if (final && extra && final.proc.proisstrict) throw invalid('final function with extra arguments must not be declared STRICT');
  const combineName = elementName(elements.get('combinefunc'));
  const combine = combineName ? supportFunction(cx, combineName, [stype, stype]) : null;
  if (combine && combine.result !== stype) throw pgError('DATATYPE_MISMATCH', `return type of combine function ${combineName!.join('.')} is not ${format(stype)}`);
  for (const name of ['serialfunc', 'deserialfunc', 'msfunc', 'mstype'] as const) if (elements.has(name)) throw notSupported(`CREATE AGGREGATE ... ${name.toUpperCase()}`);
  return { transition, final, combine, result: final ? final.result : stype };
}

interface NewAggregate {
  readonly name: string; readonly namespace: Oid; readonly parameters: RoutineParameters; readonly direct: number; readonly kind: string; readonly transition: Oid;
  readonly elements: ReadonlyMap<string, DefElem>; readonly functions: AggregateFunctions;
}

const MODIFY: Readonly<Record<string, string>> = { read_only: 'r', shareable: 's', read_write: 'w' };
const PARALLEL: Readonly<Record<string, string>> = { safe: 's', restricted: 'r', unsafe: 'u' };

function letter(element: DefElem | undefined, table: Readonly<Record<string, string>>, fallback: string, message: string): string {
  if (!element) return fallback;
  const found = table[optionText(element)];
  if (!found) throw pgError('SYNTAX_ERROR', message);
  return found;
}

function storeAggregate(cx: CommandContext, stmt: DefineStmt, aggregate: NewAggregate): void {
  const { catalog } = cx.session;
  const { elements, functions, parameters } = aggregate;
  const same = catalog.procsByName(aggregate.name)
    .find((proc) => proc.pronamespace === aggregate.namespace && String(proc.proargtypes.elements) === String(parameters.inputTypes));
  if (same && !stmt.replace) throw pgError('DUPLICATE_FUNCTION', `function "${aggregate.name}" already exists with same argument types`);
  if (same) throw notSupported('CREATE OR REPLACE AGGREGATE');
  const oid = catalog.newOid();
  catalog.table('pg_proc').insert(procRow(cx, oid, aggregate));
  const sortop = elementName(elements.get('sortop'));
  const [input] = parameters.inputTypes;
  const row: PgAggregate = {
    aggfnoid: oid, aggkind: aggregate.kind, aggnumdirectargs: Math.max(aggregate.direct, 0), aggtransfn: functions.transition.proc.oid, aggfinalfn: functions.final?.proc.oid ?? 0,
    aggcombinefn: functions.combine?.proc.oid ?? 0, aggserialfn: 0, aggdeserialfn: 0, aggmtransfn: 0, aggminvtransfn: 0, aggmfinalfn: 0,
    aggfinalextra: elements.has('finalfunc_extra') && optionBoolean(elements.get('finalfunc_extra')!), aggmfinalextra: false,
    aggfinalmodify: letter(elements.get('finalfunc_modify'), MODIFY, aggregate.kind === 'n' ? 'r' : 'w', 'parameter "finalfunc_modify" must be READ_ONLY, SHAREABLE, or READ_WRITE'),
    aggmfinalmodify: 'r', aggsortop: sortop ? exactOperator(expressionState(cx, null), sortop, input, input)?.oid ?? 0 : 0, aggtranstype: aggregate.transition,
    aggtransspace: elements.has('sspace') ? Number(optionText(elements.get('sspace')!)) : 0, aggmtranstype: 0, aggmtransspace: 0,
    agginitval: initialValue(elements), aggminitval: null,
  };
  catalog.table('pg_aggregate').insert(row);
  const self = objectAddress(ProcedureRelationId, oid);
  recordDependencyOnOwner(catalog, self, cx.session.currentUserOid);
  const used = [functions.transition, functions.final, functions.combine].flatMap((fn) => (fn ? [objectAddress(ProcedureRelationId, fn.proc.oid)] : []));
  recordDependencies(catalog, self, [
    objectAddress(NamespaceRelationId, aggregate.namespace), ...[functions.result, ...parameters.inputTypes].map((type) => objectAddress(TypeRelationId, type)), ...used,
  ], 'n');
  catalog.commandCounterIncrement();
}

function initialValue(elements: ReadonlyMap<string, DefElem>): string | null {
  const element = elements.get('initcond') ?? elements.get('initcond1');
  return element ? optionText(element) : null;
}

function procRow(cx: CommandContext, oid: Oid, aggregate: NewAggregate): PgProc {
  const { parameters, functions, elements } = aggregate;
  const owner = cx.session.currentUserOid;
  const count = parameters.inputTypes.length;
  return {
    oid, proname: aggregate.name, pronamespace: aggregate.namespace, proowner: owner, prolang: INTERNAL_LANGUAGE, procost: 1, prorows: 0, provariadic: parameters.variadic,
    prosupport: 0, prokind: 'a', prosecdef: false, proleakproof: false, proisstrict: false, proretset: false, provolatile: 'i',
    proparallel: letter(elements.get('parallel'), PARALLEL, 'u', 'parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE'), pronargs: count, pronargdefaults: 0,
    prorettype: functions.result, proargtypes: new ArrayValue(OIDOID, [count], [0], parameters.inputTypes), proallargtypes: parameters.allTypes && ArrayValue.of(OIDOID, parameters.allTypes),
    proargmodes: parameters.modes && ArrayValue.of(CHAROID, parameters.modes), proargnames: parameters.names && ArrayValue.of(TEXTOID, parameters.names), proargdefaults: null,
    protrftypes: null, prosrc: 'aggregate_dummy', probin: null, prosqlbody: null, proconfig: null, proacl: initialAcl(cx.session.catalog, 'function', owner, aggregate.namespace),
  };
}
