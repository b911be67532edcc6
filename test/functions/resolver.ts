/**
 * Calls built-in functions by name and exact argument types over the generated catalog rows, without parser or executor:
 * `substring text'abc' int4'2'`, `+ int4'1' int4'2'`, `::int4 numeric'1.5'`. What golden tests and others call through.
 */
import { builtinTable } from '../../lib/catalog/builtin.js';
import { catalogByName } from '../../lib/catalog/shapes.js';
import type { PgAggregate, PgAmop, PgAmproc, PgCast, PgOpclass, PgOperator, PgProc, PgRange, PgType } from '../../lib/catalog/rows.js';
import { notSupported, pgError, type PgError } from '../../lib/base/error.js';
import '../../lib/functions/builtins.js';
import type { CallContext, FunctionServices, FunctionSettings, SystemServices } from '../../lib/functions/context.js';
import { builtin } from '../../lib/functions/registry.js';
import { CatalogTypeServices, callable, type TypeDescription, type TypeLookups } from '../../lib/functions/type-services.js';
import { ArrayValue, RecordValue, type Datum } from '../../lib/types/datum.js';
import { Jsonb } from '../../lib/types/jsonb.js';

let jsonbAsBytes = false;

/** From now on jsonb arguments are bytes inside larger ones, as columns give them, or trees, as they are read from text. */
export function passJsonbAsBytes(on: boolean): void {
  jsonbAsBytes = on;
}

function asStored(value: Datum): Datum {
  if (!jsonbAsBytes || !(value instanceof Jsonb)) return value;
  const { bytes } = value;
  const around = Buffer.concat([Buffer.from([5]), bytes.subarray(value.start, value.end), Buffer.from([7])]);
  return Jsonb.encoded(around, 1, around.length - 1);
}

function rowsOf<T>(name: string): T[] {
  const table = builtinTable(catalogByName(name)!);
  return Array.from({ length: table.count }, (_, i) => table.object(i) as T);
}

const procs = rowsOf<PgProc>('pg_proc');
const procsByOid = new Map(procs.map((proc) => [proc.oid, proc]));
const procsByName = new Map<string, PgProc[]>();
for (const proc of procs) {
  const sameName = procsByName.get(proc.proname);
  if (sameName) sameName.push(proc);
  else procsByName.set(proc.proname, [proc]);
}
const types = rowsOf<PgType>('pg_type');
const typesByOid = new Map(types.map((type) => [type.oid, type]));
const typesByName = new Map(types.map((type) => [type.typname, type]));
const operators = rowsOf<PgOperator>('pg_operator');
const operatorsByOid = new Map(operators.map((operator) => [operator.oid, operator]));
const casts = rowsOf<PgCast>('pg_cast');
const opclasses = rowsOf<PgOpclass>('pg_opclass');
const amprocs = rowsOf<PgAmproc>('pg_amproc');
const aggregates = rowsOf<PgAggregate>('pg_aggregate');
const amops = rowsOf<PgAmop>('pg_amop');
const ranges = rowsOf<PgRange>('pg_range');

const BTREE = 403;
const HASH = 405;
/** Types that use another type's operator class. */
const CLASS_TYPE: Readonly<Record<number, number>> = { 1043: 25, 2205: 26, 2206: 26, 24: 26, 4089: 26, 4096: 26 };

const prosrc = (oid: number): string => procsByOid.get(oid)?.prosrc ?? '';

function supportOf(type: PgType, method: number, number: number): string {
  const input = type.typelem !== 0 && type.typlen === -1 ? 2277 : type.typtype === 'c' ? 2249 : CLASS_TYPE[type.oid] ?? type.oid;
  const opclass = opclasses.find((row) => row.opcmethod === method && row.opcintype === input && row.opcdefault);
  if (!opclass) return '';
  return prosrc(amprocs.find((row) => row.amprocfamily === opclass.opcfamily && row.amproclefttype === input
    && row.amprocrighttype === input && row.amprocnum === number)?.amproc ?? 0);
}

function equalityOf(type: PgType): string {
  const input = type.typelem !== 0 && type.typlen === -1 ? 2277 : type.typtype === 'c' ? 2249 : CLASS_TYPE[type.oid] ?? type.oid;
  const opclass = opclasses.find((row) => row.opcmethod === BTREE && row.opcintype === input && row.opcdefault);
  const operator = opclass && amops.find((row) => row.amopfamily === opclass.opcfamily && row.amoplefttype === input
    && row.amoprighttype === input && row.amopstrategy === 3)?.amopopr;
  return prosrc(operatorsByOid.get(operator ?? 0)?.oprcode ?? 0);
}

function describe(oid: number): TypeDescription | null {
  const type = typesByOid.get(oid);
  if (!type) return null;
  return {
    oid, name: type.typname, kind: type.typtype, elementType: type.typelem, arrayType: type.typarray, baseType: type.typbasetype,
    delimiter: type.typdelim, relation: type.typrelid, namespaceName: 'pg_catalog', visible: true, typmod: type.typtypmod,
    length: type.typlen, input: prosrc(type.typinput), output: prosrc(type.typoutput), send: prosrc(type.typsend),
    receive: prosrc(type.typreceive), typmodOut: prosrc(type.typmodout), compare: supportOf(type, BTREE, 1), equal: equalityOf(type),
    hash: supportOf(type, HASH, 1), hashExtended: supportOf(type, HASH, 2),
  };
}

const lookups: TypeLookups = {
  type: describe,
  rowColumns: () => [],
  enumLabel: () => '',
  enumValue: () => 0,
  enumValues: () => [],
  compareEnum: (a, b) => a - b,
  range: (oid) => {
    const row = ranges.find((range) => range.rngtypid === oid || range.rngmultitypid === oid);
    return row === undefined ? null : {
      rangeType: row.rngtypid, multirangeType: row.rngmultitypid, subtype: row.rngsubtype, collation: row.rngcollation,
      canonical: prosrc(row.rngcanonical),
    };
  },
};

/** Settings as a fresh session has them. */
const DEFAULTS: FunctionSettings = {
  dateStyle: 'ISO', dateOrder: 'MDY', intervalStyle: 'postgres', timeZone: 'UTC', extraFloatDigits: 1, byteaOutput: 'hex',
  standardConformingStrings: true, defaultTextSearchConfig: 'pg_catalog.english', xmlOption: 'content',
};

export const settings: FunctionSettings = { ...DEFAULTS };

/** Takes back what `\\set` lines did. */
export function resetSettings(): void {
  Object.assign(settings, DEFAULTS);
}

const SETTING = /^\\set (\w+) (.*)$/;

/** `\\set timezone Europe/Berlin` and the like, between the calls of a file. */
function changeSetting(name: string, value: string): void {
  if (name === 'timezone') settings.timeZone = value;
  else if (name === 'intervalstyle') settings.intervalStyle = value as FunctionSettings['intervalStyle'];
  else if (name === 'datestyle') {
    const [style, order] = value.split(', ');
    settings.dateStyle = style as FunctionSettings['dateStyle'];
    settings.dateOrder = order as FunctionSettings['dateOrder'];
  } else throw new Error(`setting ${name} in a case`);
}

/** Refuses every service that a case would need beyond those given. */
const system = new Proxy({
  collation: () => ({ provider: 'i', locale: 'und', deterministic: true }),
  checkDomain: () => undefined,
  objectName: (_kind: string, oid: number) => typesByOid.get(oid)?.typname ?? null,
} as object, {
  get(target, name): unknown {
    if (name in target) return Reflect.get(target, name);
    throw notSupported(`service ${String(name)} in this test`);
  },
}) as SystemServices;

const notices: PgError[] = [];

/** Services over the built-in catalog: enough for functions of values. */
export const services: FunctionServices = {
  settings,
  getSetting: (name) => (name === 'datestyle' ? 'ISO, MDY' : null),
  setSetting: (_name, value) => value ?? '',
  transactionTimestamp: () => 0,
  statementTimestamp: () => 0,
  clockTimestamp: () => 820454400000000,
  random: () => 0.5,
  setSeed: () => undefined,
  randomBytes: (count) => new Uint8Array(count).fill(0xab),
  notice: (notice) => void notices.push(notice),
  checkInterrupts: () => undefined,
  currentUser: 'postgres', sessionUser: 'postgres', currentDatabase: 'postgres',
  types: undefined!,
  system,
};
const typeServices = new CatalogTypeServices(lookups, () => services);
Object.assign(services, { types: typeServices });

/** The value of a typed literal. */
interface Argument { readonly type: PgType; readonly value: Datum }

const ARGUMENT = /\s+(?:([a-z0-9_]+|"char")(\[\])?)\s*(?:'((?:[^']|'')*)'|(NULL))/y;

function parse(call: string): { readonly name: string; readonly args: readonly Argument[] } {
  const name = /^\S+/.exec(call)![0];
  const args: Argument[] = [];
  ARGUMENT.lastIndex = name.length;
  for (let match = ARGUMENT.exec(call); match; match = ARGUMENT.exec(call)) {
    const base = match[1].replaceAll('"', '');
    const type = typesByName.get(match[2] ? `_${base}` : base);
    if (!type) throw new Error(`no type ${base} in case: ${call}`);
    const text = match[3]?.replaceAll("''", "'");
    args.push({ type, value: text === undefined ? null : asStored(typeServices.input(type.oid, text)) });
  }
  return { name, args };
}

/** The same call as SQL. */
export function toSql(call: string): string {
  const setting = SETTING.exec(call);
  if (setting) return `set ${setting[1]} = ${setting[1] === 'datestyle' ? setting[2] : `'${setting[2]}'`}`;
  const name = /^\S+/.exec(call)![0];
  const args: string[] = [];
  ARGUMENT.lastIndex = name.length;
  for (let match = ARGUMENT.exec(call); match; match = ARGUMENT.exec(call)) {
    const base = match[1] === '"char"' || match[1] === 'char' ? '"char"' : match[1];
    args.push(`${match[4] ? 'NULL' : `'${match[3]}'`}::pg_catalog.${base}${match[2] ?? ''}`);
  }
  if (name.startsWith('agg:')) {
    const columns = args.map((_, i) => `c${i}`);
    return `select pg_catalog."${name.slice(4)}"(${columns.join(', ')}) from unnest(${args.join(', ')}) as t(${columns.join(', ')})`;
  }
  if (name.startsWith('::')) return `select (${args[0]})::${name.slice(2)}`;
  if (/^[a-z]/i.test(name)) return `select pg_catalog.${/^[a-z_0-9]+$/.test(name) ? `"${name}"` : name}(${args.join(', ')})`;
  return args.length === 1 ? `select operator(pg_catalog.${name}) ${args[0]}` : `select ${args[0]} operator(pg_catalog.${name}) ${args[1]}`;
}

const POLYMORPHIC_ELEMENT = new Set([2283, 2776, 5077, 5079]);
const POLYMORPHIC_ARRAY = new Set([2277, 5078]);
const POLYMORPHIC_RANGE = new Set([3831, 5080]);
const POLYMORPHIC_MULTIRANGE = new Set([4537, 4538]);

function accepts(declared: number, actual: PgType): boolean {
  if (declared === actual.oid || declared === 2276 || POLYMORPHIC_ELEMENT.has(declared)) return true;
  if (POLYMORPHIC_ARRAY.has(declared)) return actual.typelem !== 0 && actual.typlen === -1;
  if (POLYMORPHIC_RANGE.has(declared)) return actual.typtype === 'r';
  return POLYMORPHIC_MULTIRANGE.has(declared) && actual.typtype === 'm';
}

function findProc(name: string, args: readonly Argument[]): PgProc {
  const found = (procsByName.get(name) ?? []).find((proc) => {
    const declared = proc.proargtypes.elements.map(Number);
    if (proc.provariadic !== 0) {
      return args.length >= declared.length && declared.slice(0, -1).every((oid, i) => accepts(oid, args[i].type));
    }
    return declared.length === args.length && declared.every((oid, i) => accepts(oid, args[i].type));
  });
  if (!found) throw pgError('UNDEFINED_FUNCTION', `function ${name}(${args.map((arg) => arg.type.typname).join(', ')}) does not exist`);
  return found;
}

function procOfCall(name: string, args: readonly Argument[]): PgProc {
  if (name.startsWith('::')) {
    const target = typesByName.get(name.slice(2))!;
    const cast = casts.find((row) => row.castsource === args[0].type.oid && row.casttarget === target.oid);
    return procsByOid.get(cast!.castfunc)!;
  }
  if (/^[a-z]/i.test(name)) return findProc(name, args);
  const [left, right] = args.length === 1 ? [0, args[0]] : [args[0].type.oid, args[1]];
  const candidates = operators.filter((row) => row.oprname === name
    && (row.oprleft === left || (args.length === 2 && accepts(row.oprleft, args[0].type))) && (row.oprleft === 0) === (left === 0)
    && accepts(row.oprright, right.type));
  const general = (row: PgOperator): number =>
    Number(POLYMORPHIC_ELEMENT.has(row.oprleft)) + Number(POLYMORPHIC_ELEMENT.has(row.oprright));
  const operator = candidates.toSorted((a, b) => general(a) - general(b))[0];
  if (operator === undefined) throw pgError('UNDEFINED_FUNCTION', `operator does not exist: ${name}`);
  return procsByOid.get(operator.oprcode)!;
}

/** Result type with polymorphism resolved from the arguments. */
function resultType(proc: PgProc, args: readonly Argument[]): number {
  const declared = proc.proargtypes.elements.map(Number);
  const array = declared.findIndex((oid) => POLYMORPHIC_ARRAY.has(oid));
  const element = declared.findIndex((oid) => POLYMORPHIC_ELEMENT.has(oid));
  const facts = args.map((arg) => lookups.range(arg.type.oid)).find((found) => found !== null);
  if (facts && POLYMORPHIC_RANGE.has(proc.prorettype)) return facts.rangeType;
  if (facts && POLYMORPHIC_MULTIRANGE.has(proc.prorettype)) return facts.multirangeType;
  if (facts && POLYMORPHIC_ELEMENT.has(proc.prorettype) && element < 0 && array < 0) return facts.subtype;
  if (POLYMORPHIC_ARRAY.has(proc.prorettype)) return array >= 0 ? args[array].type.oid : args[element].type.typarray;
  if (POLYMORPHIC_ELEMENT.has(proc.prorettype)) return element >= 0 ? args[element].type.oid : args[array].type.typelem;
  return proc.prorettype;
}

function contextOf(proc: PgProc, args: readonly Argument[]): CallContext {
  return {
    services,
    call: { functionOid: proc.oid, argTypes: args.map((arg) => arg.type.oid), resultType: resultType(proc, args), collation: 100, variadic: false },
  };
}

/** Runs an aggregate over the elements of its array arguments: `agg:avg int4[]'{1,2}'`. */
function aggregate(name: string, args: readonly Argument[]): (string | null)[] {
  const columns = args.map((arg) => ({ type: typesByOid.get(arg.type.typelem)!, value: null }));
  const proc = findProc(name, columns);
  const row = aggregates.find((candidate) => candidate.aggfnoid === proc.oid)!;
  const transition = procsByOid.get(row.aggtransfn)!;
  const step = callable(transition.prosrc);
  const cx = contextOf(transition, [{ type: typesByOid.get(row.aggtranstype)!, value: null }, ...columns]);
  let state: Datum = row.agginitval === null ? null : typeServices.input(row.aggtranstype, row.agginitval);
  const arrays = args.map((arg) => (arg.value as ArrayValue).elements);
  for (let i = 0; i < arrays[0].length; i++) {
    const values = arrays.map((array) => array[i] ?? null);
    if (transition.proisstrict && values.includes(null)) continue;
    if (transition.proisstrict && state === null) [state] = values;
    else state = step(cx, state, ...values);
  }
  const type = resultType(proc, columns);
  if (row.aggfinalfn !== 0) {
    const final = procsByOid.get(row.aggfinalfn)!;
    state = final.proisstrict && state === null ? null
      : callable(final.prosrc)({ services, call: { ...cx.call, resultType: type } }, state, ...(row.aggfinalextra ? columns.map(() => null) : []));
  }
  return [state === null ? null : typeServices.output(type, state)];
}

/** Evaluates a call: the text of each result row (null for NULL). Errors as the function raises them. */
export function evaluate(call: string): (string | null)[] {
  const setting = SETTING.exec(call);
  if (setting) {
    changeSetting(setting[1], setting[2]);
    return [];
  }
  const { name, args } = parse(call);
  if (name.startsWith('agg:')) return aggregate(name.slice(4), args);
  const proc = procOfCall(name, args);
  const values = args.map((arg) => arg.value);
  if (proc.proisstrict && values.includes(null)) return proc.proretset ? [] : [null];
  const cx = contextOf(proc, args);
  const entry = builtin(proc.prosrc);
  if (!entry) throw notSupported(`function ${proc.prosrc}`);
  const show = (value: Datum): string | null => (value === null ? null : typeServices.output(cx.call.resultType, value));
  if (entry.kind === 'set') return Array.from(entry.fn(cx, ...values), show);
  if (entry.kind === 'rowSet') {
    const columns = (proc.proallargtypes?.elements ?? []).map(Number)
      .filter((_, i) => 'ot'.includes(String(proc.proargmodes?.elements[i])));
    return Array.from(entry.fn(cx, ...values), (row) => typeServices.output(2249, new RecordValue(2249, row, columns)));
  }
  return [show(callable(proc.prosrc)(cx, ...values))];
}
