/**
 * Execution of jsonpath over jsonb (PostgreSQL's jsonpath_exec.c): lax mode unwraps and wraps arrays and ignores missing
 * structure, strict mode reports it. Errors that `silent` may suppress are thrown as `Suppressible` inside.
 */
import { PgError, pgError } from '../../base/error.js';
import type { SqlStateName } from '../../base/sqlstate.js';
import { compareCodePoints } from '../../types/collation.js';
import type { Jsonb, JsonbNode } from '../../types/jsonb.js';
import { Numeric } from '../../types/numeric.js';
import type { CallContext } from '../context.js';
import {
  absNumeric, addNumeric, ceilNumeric, divideNumeric, floorNumeric, moduloNumeric, multiplyNumeric, negateNumeric, subtractNumeric,
} from '../numeric/arithmetic.js';
import { float8ToNumeric, numericToInt8, numericToSmall } from '../numeric/casts.js';
import { applyTypmod, compareNumeric, formatNumeric, makeTypmod, parseNumeric, truncateNumeric } from '../numeric/core.js';
import { parseTemplate } from '../datetime/template.js';
import { compileRegex } from '../regex/compile.js';
import { parseBool } from '../scalar/bool.js';
import { parseFloat8 } from '../scalar/float-text.js';
import { parseInt8, parseSmall } from '../scalar/int-text.js';
import { isArray, isObject, typeName, type JsonbObject } from './jsonb.js';
import { containerOffset } from './path-ids.js';
import { regexLetters, type ArithmeticOperator, type ComparisonOperator, type JsonPath, type PathItem, type PlainMethod } from './path-parse.js';
import { compareTimes, convertTime, readTimeItem, roundTimeItem, TimeItem, timeItemText, timeTypeName } from './path-time.js';

/** A value on the way: jsonb's, or a date or time. */
export type PathValue = JsonbNode | TimeItem;

/** An error that silent execution turns into nothing. */
class Suppressible extends Error {
  constructor(readonly error: PgError) {
    super(error.message);
  }
}

function raise(code: SqlStateName, message: string, hint?: string): never {
  throw new Suppressible(pgError(code, message, { hint }));
}

/** Runs what may raise errors of its own that count as suppressible. */
function suppressible<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof PgError ? new Suppressible(error) : error;
  }
}

/** True, false or (undefined) unknown. */
type Truth = boolean | undefined;

const isTimeItem = (value: PathValue): value is TimeItem => value instanceof TimeItem;
const asArray = (value: PathValue): readonly JsonbNode[] | undefined => (!isTimeItem(value) && isArray(value) ? value : undefined);
const asObject = (value: PathValue): JsonbObject | undefined => (!isTimeItem(value) && isObject(value) ? value : undefined);

const ARITHMETIC: Record<ArithmeticOperator, (a: Numeric, b: Numeric) => Numeric> = {
  '+': addNumeric, '-': subtractNumeric, '*': multiplyNumeric, '/': divideNumeric, '%': moduloNumeric,
};

/** Ends a search for existence at the first find. */
class Found extends Error {}

/** One execution. */
class PathExecution {
  private current: PathValue;
  private ignoreStructure: boolean;
  private arraySize = -1;
  private baseObject: { readonly node: JsonbNode; readonly id: number };
  private nextId: number;
  private readonly vars: JsonbNode | undefined;
  /** Items found at the end of the path now executed; null: only whether there is one. */
  private results: PathValue[] | null = [];

  constructor(
    private readonly cx: CallContext, private readonly path: JsonPath, private readonly root: JsonbNode, vars: Jsonb | null,
    private readonly useZone: boolean,
  ) {
    this.current = root;
    this.vars = vars?.root;
    this.ignoreStructure = path.lax;
    this.baseObject = { node: root, id: 0 };
    this.nextId = vars ? 2 : 1;
  }

  /** Adds all items to `found`, those before an error too; throws Suppressible. */
  query(found: PathValue[]): void {
    this.results = found;
    this.step(this.path.root, this.root, this.path.lax);
  }

  /** Whether there is any item; in strict mode all must be without error; throws Suppressible. */
  exists(): boolean {
    return this.hasAny(this.path.root, this.root);
  }

  private hasAny(item: PathItem, value: PathValue): boolean {
    if (!this.path.lax) return this.collect(item, value, false).length > 0;
    const saved = this.results;
    this.results = null;
    try {
      this.step(item, value, this.path.lax);
      return false;
    } catch (error) {
      if (error instanceof Found) return true;
      throw error;
    } finally {
      this.results = saved;
    }
  }

  /** Items of a sub-path; `unwrap`: arrays among them are replaced by their elements in lax mode. */
  private collect(item: PathItem, value: PathValue, unwrap: boolean): PathValue[] {
    const saved = this.results;
    const found: PathValue[] = [];
    this.results = found;
    try {
      this.step(item, value, this.path.lax);
    } finally {
      this.results = saved;
    }
    return unwrap && this.path.lax ? found.flatMap((result): readonly PathValue[] => asArray(result) ?? [result]) : found;
  }

  /** Hands a value to the next accessor, or to the results. */
  private emit(item: PathItem, value: PathValue): void {
    if (item.next) this.step(item.next, value, this.path.lax);
    else if (this.results) this.results.push(value);
    else throw new Found();
  }

  private eachElement(item: PathItem, elements: readonly JsonbNode[]): void {
    for (const element of elements) this.step(item, element, false);
  }

  /** Executes one item on a value; `unwrap`: an array stands for its elements where the item wants something else. */
  private step(item: PathItem, value: PathValue, unwrap: boolean): void {
    switch (item.kind) {
      case 'null': return this.emit(item, null);
      case 'bool': case 'string': case 'numeric': return this.emit(item, item.value);
      case 'variable': return this.variable(item, item.value);
      case 'and': case 'or': case 'not': case 'isUnknown': case 'compare': case 'exists': case 'startsWith': case 'likeRegex': {
        const truth = this.truth(item, value);
        return this.emit(item, truth ?? null);
      }
      case 'arithmetic': return this.emit(item, this.arithmetic(item, value));
      case 'sign': return this.sign(item, value);
      case 'current': return this.emit(item, this.current);
      case 'root': {
        const saved = this.baseObject;
        this.baseObject = { node: this.root, id: 0 };
        this.emit(item, this.root);
        this.baseObject = saved;
        return;
      }
      case 'last': return this.emit(item, Numeric.fromInteger(this.arraySize - 1));
      case 'anyArray': return this.anyArray(item, value);
      case 'anyKey': return this.anyKey(item, value, unwrap);
      case 'subscripts': return this.subscripts(item, value);
      case 'any': return this.any(item, value);
      case 'key': return this.key(item, value, unwrap);
      default: {
        const elements = asArray(value);
        if (unwrap && elements && !(item.kind === 'method' && (item.name === 'type' || item.name === 'size'))) return this.eachElement(item, elements);
        return this.filterOrMethod(item, value);
      }
    }
  }

  private filterOrMethod(item: PathItem, value: PathValue): void {
    switch (item.kind) {
      case 'filter': {
        const saved = this.current;
        this.current = value;
        const truth = this.truth(item.arg, value);
        this.current = saved;
        if (truth === true) this.emit(item, value);
        return;
      }
      case 'method': return item.name === 'keyvalue' ? this.keyValues(item, value) : this.plainMethod(item, item.name, value);
      case 'decimal': return this.emit(item, this.decimal(item, value));
      case 'time': return this.emit(item, this.time(item, item.name, value));
      default: return;
    }
  }

  private variable(item: PathItem, name: string): void {
    const { vars } = this;
    const found = vars !== undefined && isObject(vars) ? vars.get(name) : undefined;
    if (found === undefined) throw pgError('UNDEFINED_OBJECT', `could not find jsonpath variable "${name}"`);
    const saved = this.baseObject;
    this.baseObject = { node: vars!, id: 1 };
    this.emit(item, found);
    this.baseObject = saved;
  }

  private anyArray(item: PathItem, value: PathValue): void {
    const elements = asArray(value);
    if (elements) {
      for (const element of elements) this.emit(item, element);
    } else if (this.path.lax) this.emit(item, value);
    else if (!this.ignoreStructure) raise('SQL_JSON_ARRAY_NOT_FOUND', 'jsonpath wildcard array accessor can only be applied to an array');
  }

  private anyKey(item: PathItem, value: PathValue, unwrap: boolean): void {
    const object = asObject(value);
    const elements = asArray(value);
    if (object) for (const member of object.values()) this.emit(item, member);
    else if (unwrap && elements) this.eachElement(item, elements);
    else if (!this.ignoreStructure) raise('SQL_JSON_OBJECT_NOT_FOUND', 'jsonpath wildcard member accessor can only be applied to an object');
  }

  private key(item: PathItem & { readonly kind: 'string' | 'variable' | 'key' }, value: PathValue, unwrap: boolean): void {
    const object = asObject(value);
    const elements = asArray(value);
    if (object) {
      const found = object.get(item.value);
      if (found !== undefined) this.emit(item, found);
      else if (!this.ignoreStructure) raise('SQL_JSON_MEMBER_NOT_FOUND', `JSON object does not contain key "${item.value}"`);
    } else if (unwrap && elements) this.eachElement(item, elements);
    else if (!this.ignoreStructure) raise('SQL_JSON_MEMBER_NOT_FOUND', 'jsonpath member accessor can only be applied to an object');
  }

  /** `.**`: the value itself and everything below it, by level. */
  private any(item: PathItem & { readonly kind: 'any' }, value: PathValue): void {
    const saved = this.ignoreStructure;
    this.ignoreStructure = true;
    if (item.first === 0) this.emit(item, value);
    this.descend(item, value, 1);
    this.ignoreStructure = saved;
  }

  private descend(item: PathItem & { readonly kind: 'any' }, value: PathValue, level: number): void {
    const children = asArray(value) ?? asObject(value)?.values();
    if (!children || level > item.last) return;
    const leavesOnly = item.first === Infinity && item.last === Infinity;
    for (const child of children) {
      const container = asArray(child) !== undefined || asObject(child) !== undefined;
      if (level >= item.first || (leavesOnly && !container)) this.emit(item, child);
      if (level < item.last && container) this.descend(item, child, level + 1);
    }
  }

  private index(item: PathItem, value: PathValue): number {
    const found = this.collect(item, value, false);
    const [index] = found;
    if (found.length !== 1 || !(index instanceof Numeric)) raise('INVALID_SQL_JSON_SUBSCRIPT', 'jsonpath array subscript is not a single numeric value');
    try {
      return numericToSmall(truncateNumeric(index, 0), 'integer', -2147483648, 2147483647);
    } catch {
      raise('INVALID_SQL_JSON_SUBSCRIPT', 'jsonpath array subscript is out of integer range');
    }
  }

  private subscripts(item: PathItem & { readonly kind: 'subscripts' }, value: PathValue): void {
    const elements = asArray(value);
    if (!elements && !this.path.lax) {
      if (!this.ignoreStructure) raise('SQL_JSON_ARRAY_NOT_FOUND', 'jsonpath array accessor can only be applied to an array');
      return;
    }
    const items: readonly PathValue[] = elements ?? [value];
    const saved = this.arraySize;
    this.arraySize = items.length;
    try {
      for (const range of item.ranges) {
        const from = this.index(range.from, value);
        const to = range.to ? this.index(range.to, value) : from;
        if (!this.ignoreStructure && (from < 0 || from > to || to >= items.length)) {
          raise('INVALID_SQL_JSON_SUBSCRIPT', 'jsonpath array subscript is out of bounds');
        }
        for (let i = Math.max(from, 0); i <= Math.min(to, items.length - 1); i++) this.emit(item, items[i]);
      }
    } finally {
      this.arraySize = saved;
    }
  }

  private arithmetic(item: PathItem & { readonly kind: 'arithmetic' }, value: PathValue): Numeric {
    const left = this.collect(item.left, value, true);
    const right = this.collect(item.right, value, true);
    const single = (found: readonly PathValue[], side: string): Numeric => {
      if (found.length === 1 && found[0] instanceof Numeric) return found[0];
      return raise('SINGLETON_SQL_JSON_ITEM_REQUIRED', `${side} operand of jsonpath operator ${item.operator} is not a single numeric value`);
    };
    const a = single(left, 'left');
    const b = single(right, 'right');
    return suppressible(() => ARITHMETIC[item.operator](a, b));
  }

  private sign(item: PathItem & { readonly kind: 'sign' }, value: PathValue): void {
    for (const operand of this.collect(item.arg, value, true)) {
      if (operand instanceof Numeric) this.emit(item, item.operator === '-' ? negateNumeric(operand) : operand);
      else if (this.results || item.next) {
        raise('SQL_JSON_NUMBER_NOT_FOUND', `operand of unary jsonpath operator ${item.operator} is not a numeric value`);
      }
    }
  }

  /** A predicate; errors inside make it unknown. */
  private truth(item: PathItem, value: PathValue): Truth {
    switch (item.kind) {
      case 'and': {
        const left = this.truth(item.left, value);
        if (left === false) return false;
        const right = this.truth(item.right, value);
        return right === true ? left : right;
      }
      case 'or': {
        const left = this.truth(item.left, value);
        if (left === true) return true;
        const right = this.truth(item.right, value);
        return right === false ? left : right;
      }
      case 'not': {
        const arg = this.truth(item.arg, value);
        return arg === undefined ? undefined : !arg;
      }
      case 'isUnknown': return this.truth(item.arg, value) === undefined;
      case 'exists': return this.quietly(() => this.hasAny(item.arg, value));
      case 'compare': return this.pairs(item.left, item.right, value, true, (a, b) => this.compare(item.operator, a, b));
      case 'startsWith':
        return this.pairs(item.left, item.right, value, false, (a, b) => (typeof a === 'string' && typeof b === 'string' ? a.startsWith(b) : undefined));
      case 'likeRegex': {
        const regex = compileRegex(item.pattern, regexLetters(item.flags));
        return this.pairs(item.arg, undefined, value, false, (a) => (typeof a === 'string' ? regex.test(a) : undefined));
      }
      default: return undefined;
    }
  }

  private quietly<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      if (error instanceof Suppressible) return undefined;
      throw error;
    }
  }

  /** Is a predicate true for some pair? In strict mode no pair may be unknown. */
  private pairs(
    left: PathItem, right: PathItem | undefined, value: PathValue, unwrapRight: boolean, test: (a: PathValue, b: PathValue) => Truth,
  ): Truth {
    const first = this.quietly(() => this.collect(left, value, true));
    const second = right ? this.quietly(() => this.collect(right, value, unwrapRight)) : [null];
    if (!first || !second) return undefined;
    let unknown = false;
    let found = false;
    for (const a of first) {
      for (const b of second) {
        const truth = test(a, b);
        if (truth === undefined) {
          if (!this.path.lax) return undefined;
          unknown = true;
        } else if (truth) {
          if (this.path.lax) return true;
          found = true;
        }
      }
    }
    return found ? true : unknown ? undefined : false;
  }

  private compare(operator: ComparisonOperator, a: PathValue, b: PathValue): Truth {
    const order = this.order(a, b);
    if (order === 'unequal') return operator === '!=';
    if (order === undefined) return undefined;
    switch (operator) {
      case '==': return order === 0;
      case '!=': return order !== 0;
      case '<': return order < 0;
      case '>': return order > 0;
      case '<=': return order <= 0;
      case '>=': return order >= 0;
    }
  }

  /** Order of two scalars; 'unequal' when one of them is null; undefined when they cannot be compared. */
  private order(a: PathValue, b: PathValue): number | 'unequal' | undefined {
    if (a === null || b === null) return a === b ? 0 : 'unequal';
    if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
    if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(a, b);
    if (a instanceof Numeric && b instanceof Numeric) return compareNumeric(a, b);
    if (isTimeItem(a) && isTimeItem(b)) return compareTimes(this.cx, a, b, this.useZone);
    return undefined;
  }

  private keyValues(item: PathItem, value: PathValue): void {
    const object = asObject(value);
    if (!object) raise('SQL_JSON_OBJECT_NOT_FOUND', 'jsonpath item method .keyvalue() can only be applied to an object');
    const id = Numeric.fromInteger(containerOffset(this.baseObject.node, object) + this.baseObject.id * 10000000000);
    for (const [key, member] of object) {
      const pair = new Map<string, JsonbNode>([['id', id], ['key', key], ['value', member]]);
      const saved = this.baseObject;
      this.baseObject = { node: pair, id: this.nextId++ };
      this.emit(item, pair);
      this.baseObject = saved;
    }
  }

  private plainMethod(item: PathItem, name: PlainMethod, value: PathValue): void {
    switch (name) {
      case 'type': return this.emit(item, isTimeItem(value) ? timeTypeName(value) : typeName(value));
      case 'size': {
        const elements = asArray(value);
        if (!elements && !this.path.lax) {
          if (!this.ignoreStructure) raise('SQL_JSON_ARRAY_NOT_FOUND', 'jsonpath item method .size() can only be applied to an array');
          return;
        }
        return this.emit(item, Numeric.fromInteger(elements?.length ?? 1));
      }
      case 'abs': case 'floor': case 'ceiling': {
        if (!(value instanceof Numeric)) raise('NON_NUMERIC_SQL_JSON_ITEM', `jsonpath item method .${name}() can only be applied to a numeric value`);
        return this.emit(item, (name === 'abs' ? absNumeric : name === 'floor' ? floorNumeric : ceilNumeric)(value));
      }
      case 'date': return this.emit(item, this.time(item, 'date', value));
      default: return this.emit(item, convertScalar(name, value));
    }
  }

  private decimal(item: PathItem & { readonly kind: 'decimal' }, value: PathValue): Numeric {
    const number = convertScalar('decimal', value) as Numeric;
    if (!item.precision) return number;
    const small = (arg: PathItem, what: string): number => {
      try {
        return numericToSmall((arg as PathItem & { readonly kind: 'numeric' }).value, 'integer', -2147483648, 2147483647);
      } catch {
        return raise('NON_NUMERIC_SQL_JSON_ITEM', `${what} of jsonpath item method .decimal() is out of range for type integer`);
      }
    };
    const precision = small(item.precision, 'precision');
    const scale = item.scale ? small(item.scale, 'scale') : 0;
    const typmod = suppressible(() => makeTypmod(precision, scale));
    const text = typeof value === 'string' ? value : formatNumeric(number);
    try {
      return applyTypmod(number, typmod);
    } catch {
      return raise('NON_NUMERIC_SQL_JSON_ITEM', `argument "${text}" of jsonpath item method .decimal() is invalid for type numeric`);
    }
  }

  private time(item: PathItem, method: 'datetime' | 'date' | 'time' | 'time_tz' | 'timestamp' | 'timestamp_tz', value: PathValue): TimeItem {
    if (typeof value !== 'string') {
      raise('INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION', `jsonpath item method .${method}() can only be applied to a string`);
    }
    const arg = item.kind === 'time' ? item.arg : undefined;
    const template = arg?.kind === 'string' ? arg.value : undefined;
    const precision = arg?.kind === 'numeric' ? this.precision(arg.value, method) : undefined;
    if (template !== undefined) parseTemplate(template, true);
    const read = suppressible(() => readTimeItem(this.cx, value, template));
    const unrecognized = (hint?: string): never =>
      raise('INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION', `${method} format is not recognized: "${value}"`, hint);
    if (!read) return unrecognized(method === 'datetime' ? 'Use a datetime template argument to specify the input data format.' : undefined);
    if (method === 'datetime') return read;
    const converted = convertTime(this.cx, read, method, this.useZone) ?? unrecognized();
    return precision === undefined ? converted : roundTimeItem(this.cx, converted, precision);
  }

  private precision(value: Numeric, method: string): number {
    try {
      return numericToSmall(value, 'integer', -2147483648, 2147483647);
    } catch {
      return raise('INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION', `time precision of jsonpath item method .${method}() is out of range for type integer`);
    }
  }
}

const TARGETS: Partial<Record<string, string>> = {
  double: 'double precision', bigint: 'bigint', integer: 'integer', boolean: 'boolean', decimal: 'numeric', number: 'numeric',
};

/** The methods that turn strings and numbers into scalars of a type. */
function convertScalar(name: PlainMethod | 'decimal', value: PathValue): PathValue {
  if (name === 'string') {
    if (isTimeItem(value)) return timeItemText(value);
    if (typeof value === 'string') return value;
    if (value instanceof Numeric) return formatNumeric(value);
    if (typeof value === 'boolean') return String(value);
    return raise('NON_NUMERIC_SQL_JSON_ITEM', 'jsonpath item method .string() can only be applied to a boolean, string, numeric, or datetime value');
  }
  if (name === 'boolean' && typeof value === 'boolean') return value;
  if (typeof value !== 'string' && !(value instanceof Numeric)) {
    return raise('NON_NUMERIC_SQL_JSON_ITEM',
      `jsonpath item method .${name}() can only be applied to a ${name === 'boolean' ? 'boolean, ' : ''}string${name === 'boolean' ? ',' : ''} or numeric value`);
  }
  const text = typeof value === 'string' ? value : formatNumeric(value);
  const result = convertText(name, value, text);
  if (result === undefined) {
    return raise('NON_NUMERIC_SQL_JSON_ITEM', `argument "${text}" of jsonpath item method .${name}() is invalid for type ${TARGETS[name] ?? name}`);
  }
  return result;
}

/** The converted value; undefined when the text is none of the type. */
function convertText(name: PlainMethod | 'decimal', value: string | Numeric, text: string): PathValue | undefined {
  try {
    switch (name) {
      case 'bigint': return Numeric.fromInteger(typeof value === 'string' ? parseInt8(value) : numericToInt8(value));
      case 'integer': return Numeric.fromInteger(typeof value === 'string'
        ? parseSmall(value, 'integer', -2147483648, 2147483647) : numericToSmall(value, 'integer', -2147483648, 2147483647));
      case 'boolean': return typeof value === 'string' ? parseBool(value) : parseSmall(text, 'integer', -2147483648, 2147483647) !== 0;
      case 'double': {
        const double = parseFloat8(text);
        if (!Number.isFinite(double)) break;
        return typeof value === 'string' ? float8ToNumeric(double) : value;
      }
      default: {
        const number = typeof value === 'string' ? parseNumeric(value) : value;
        if (number.special !== '') break;
        return number;
      }
    }
  } catch (error) {
    if (error instanceof PgError) return undefined;
    throw error;
  }
  return raise('NON_NUMERIC_SQL_JSON_ITEM', `NaN or Infinity is not allowed for jsonpath item method .${name}()`);
}

function checkVars(vars: Jsonb | null): void {
  if (vars === null || isObject(vars.root)) return;
  throw pgError('INVALID_PARAMETER_VALUE', '"vars" argument is not an object',
    { detail: 'Jsonpath parameters should be encoded as key-value pairs of "vars" object.' });
}

/** How a path is executed. */
export interface PathOptions { readonly vars: Jsonb | null; readonly silent: boolean; readonly useZone: boolean }

/** All items that a path finds; a suppressed error ends the list. */
export function queryPath(cx: CallContext, path: JsonPath, target: Jsonb, options: PathOptions): PathValue[] {
  checkVars(options.vars);
  const found: PathValue[] = [];
  try {
    new PathExecution(cx, path, target.root, options.vars, options.useZone).query(found);
  } catch (error) {
    if (!(error instanceof Suppressible)) throw error;
    if (!options.silent) throw error.error;
  }
  return found;
}

/** Whether a path finds anything; null when a suppressed error kept it from telling. */
export function pathExists(cx: CallContext, path: JsonPath, target: Jsonb, options: PathOptions): boolean | null {
  checkVars(options.vars);
  try {
    return new PathExecution(cx, path, target.root, options.vars, options.useZone).exists();
  } catch (error) {
    if (!(error instanceof Suppressible)) throw error;
    if (options.silent) return null;
    throw error.error;
  }
}
