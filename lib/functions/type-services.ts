/**
 * `TypeServices` over catalog look-ups: finds a type's I/O, comparison and hash functions by `prosrc` and calls them.
 * Built-in types are resolved once per instance; users' types are looked up anew, since DDL may change them.
 */
import { notSupported, pgError } from '../base/error.js';
import { quoteQualified } from '../base/identifier.js';
import type { Datum, Int8 } from '../types/datum.js';
import {
  BITOID, BPCHAROID, CSTRINGOID, FLOAT4OID, FLOAT8OID, INT2OID, INT4OID, INT8OID, INTERVALOID, JSONOID, NUMERICOID, OIDOID, TIMEOID, TIMESTAMPOID, TIMESTAMPTZOID, TIMETZOID, VARBITOID, VARCHAROID, BOOLOID, INT2VECTOROID, OIDVECTOROID,
} from '../types/oids.js';
import type { CallContext, FunctionServices, FunctionSettings, RangeFacts, RowColumn, TypeFacts, TypeServices } from './context.js';
import { isPlainCollation } from '../types/collation.js';
import { builtin } from './registry.js';

/** A type with its support functions by prosrc ('' when there is none). */
export interface TypeDescription extends TypeFacts {
  readonly namespaceName: string;
  /** Visible without qualification in the search path. */
  readonly visible: boolean;
  readonly typmod: number;
  /** pg_type.typlen. */
  readonly length: number;
  readonly input: string;
  readonly output: string;
  readonly send: string;
  readonly receive: string;
  readonly typmodOut: string;
  /** Of the type's default btree class: support function 1, and the function of its `=`. */
  readonly compare: string;
  readonly equal: string;
  /** Of the type's default hash class: support functions 1 and 2. */
  readonly hash: string;
  readonly hashExtended: string;
}

/** What the session's catalog provides. */
export interface TypeLookups {
  /** Null when there is no such type. The same object as long as the type did not change. */
  type(typeOid: number): TypeDescription | null;
  rowColumns(typeOid: number): readonly RowColumn[];
  enumLabel(labelOid: number): string;
  enumValue(typeOid: number, label: string): number;
  enumValues(typeOid: number): readonly number[];
  compareEnum(a: number, b: number): number;
  /** By the range type's OID or its multirange's; null when it is neither. */
  range(typeOid: number): RangeFacts | null;
}

type Call = (cx: CallContext, ...args: Datum[]) => Datum;

/** A type's functions, bound for calling. */
interface BoundType {
  readonly description: TypeDescription;
  readonly cx: CallContext;
  /** Third argument of input: the element type of true arrays and fixed-length vectors, else the type itself. */
  readonly ioParameter: number;
  readonly input: Call;
  /** Text of a value; made at the first use. */
  text?: (value: Datum) => string;
  send?: Call;
  receive?: Call;
  compare?: Call;
  equal?: Call;
  hash?: Call;
  hashExtended?: Call;
}

/** The SQL spelling of types that the grammar knows; a modifier goes where `%` stands. */
const SPELLINGS = new Map<number, string>([
  [BITOID, 'bit%'], [BOOLOID, 'boolean'], [BPCHAROID, 'character%'], [FLOAT4OID, 'real'], [FLOAT8OID, 'double precision'],
  [INT2OID, 'smallint'], [INT4OID, 'integer'], [INT8OID, 'bigint'], [NUMERICOID, 'numeric%'], [INTERVALOID, 'interval%'],
  [TIMEOID, 'time without time zone'], [TIMETZOID, 'time with time zone'], [TIMESTAMPOID, 'timestamp without time zone'],
  [TIMESTAMPTZOID, 'timestamp with time zone'], [VARBITOID, 'bit varying%'], [VARCHAROID, 'character varying%'], [JSONOID, 'json'],
]);

/** Calls a registered pure or context function uniformly; 0A000 when it is not there. */
export function callable(prosrc: string): Call {
  const entry = builtin(prosrc);
  if (entry?.kind === 'pure') {
    const { fn, collated } = entry;
    if (!collated) return (_cx, ...args) => fn(...args);
    return (cx, ...args) => (isPlainCollation(cx.call.collation) ? fn(...args) : collated(cx, ...args));
  }
  if (entry?.kind === 'context') return entry.fn;
  throw notSupported(`function ${prosrc}`);
}

/** Types from here on are users', whose descriptions may change. */
const FIRST_NORMAL_OID = 16384;

/** See the file's comment. */
export class CatalogTypeServices implements TypeServices {
  private readonly known = new Map<number, BoundType>();

  constructor(private readonly lookups: TypeLookups, private readonly services: () => FunctionServices) {}

  get settings(): FunctionSettings {
    return this.services().settings;
  }

  facts(typeOid: number): TypeFacts {
    return this.description(typeOid);
  }

  formatType(typeOid: number, typmod?: number): string {
    if (typeOid === 0) return '-';
    let type = this.lookups.type(typeOid);
    if (!type) return '???';
    const isArray = type.elementType !== 0 && type.length === -1 && type.oid !== INT2VECTOROID && type.oid !== OIDVECTOROID;
    if (isArray) type = this.lookups.type(type.elementType);
    if (!type) return '???[]';
    const suffix = isArray ? '[]' : '';
    const modifier = typmod !== undefined && typmod >= 0 ? this.formatTypmod(type, typmod) : '';
    const spelling = typmod !== undefined && typmod < 0 && (type.oid === BITOID || type.oid === BPCHAROID) ? undefined : SPELLINGS.get(type.oid);
    if (spelling === undefined) return quoteQualified(type.visible ? null : type.namespaceName, type.name) + modifier + suffix;
    if (spelling.endsWith('%')) return spelling.slice(0, -1) + modifier + suffix;
    if (modifier !== '' && spelling.startsWith('time')) return spelling.slice(0, spelling.indexOf(' ')) + modifier + suffix;
    return spelling + suffix;
  }

  input(typeOid: number, text: string, typmod = -1): Datum {
    const bound = this.bind(typeOid);
    return bound.input(bound.cx, text, bound.ioParameter, typmod);
  }

  output(typeOid: number, value: Datum): string {
    const bound = this.bind(typeOid);
    return (bound.text ??= textOf(bound))(value);
  }

  send(typeOid: number, value: Datum): Uint8Array {
    const bound = this.bind(typeOid);
    if (!bound.send) {
      if (bound.description.send === '') throw this.missing('no binary output function available for type', typeOid);
      bound.send = callable(bound.description.send);
    }
    return bound.send(bound.cx, value) as Uint8Array;
  }

  receive(typeOid: number, bytes: Uint8Array, typmod = -1): Datum {
    const bound = this.bind(typeOid);
    if (!bound.receive) {
      if (bound.description.receive === '') throw this.missing('no binary input function available for type', typeOid);
      bound.receive = callable(bound.description.receive);
    }
    return bound.receive(bound.cx, bytes, bound.ioParameter, typmod);
  }

  compare(typeOid: number, a: Datum, b: Datum, collation = 0): number {
    const bound = this.bind(typeOid);
    if (!bound.compare) {
      if (bound.description.compare === '') throw this.missing('could not identify a comparison function for type', typeOid);
      bound.compare = callable(bound.description.compare);
    }
    return bound.compare(this.contextFor(bound, collation), a, b) as number;
  }

  equal(typeOid: number, a: Datum, b: Datum, collation = 0): boolean {
    const bound = this.bind(typeOid);
    if (!bound.equal) {
      if (bound.description.equal === '') throw this.missing('could not identify an equality operator for type', typeOid);
      bound.equal = callable(bound.description.equal);
    }
    return bound.equal(this.contextFor(bound, collation), a, b) as boolean;
  }

  hash(typeOid: number, value: Datum, collation = 0): number {
    const bound = this.bind(typeOid);
    if (!bound.hash) {
      if (bound.description.hash === '') throw this.missing('could not identify a hash function for type', typeOid);
      bound.hash = callable(bound.description.hash);
    }
    return bound.hash(this.contextFor(bound, collation), value) as number;
  }

  hashExtended(typeOid: number, value: Datum, seed: Int8, collation = 0): Int8 {
    const bound = this.bind(typeOid);
    if (!bound.hashExtended) {
      if (bound.description.hashExtended === '') throw this.missing('could not identify an extended hash function for type', typeOid);
      bound.hashExtended = callable(bound.description.hashExtended);
    }
    return bound.hashExtended(this.contextFor(bound, collation), value, seed) as Int8;
  }

  domainBase(domainOid: number): { readonly value: number; readonly typmod: number } {
    let type = this.description(domainOid);
    let typmod = -1;
    while (type.kind === 'd') {
      if (typmod < 0) typmod = type.typmod;
      type = this.description(type.baseType);
    }
    return { value: type.oid, typmod };
  }

  rowColumns(typeOid: number): readonly RowColumn[] {
    const type = this.description(typeOid);
    return this.lookups.rowColumns(type.kind === 'd' ? this.domainBase(typeOid).value : typeOid);
  }

  enumLabel(labelOid: number): string {
    return this.lookups.enumLabel(labelOid);
  }

  enumValue(typeOid: number, label: string): number {
    return this.lookups.enumValue(typeOid, label);
  }

  enumValues(typeOid: number): readonly number[] {
    return this.lookups.enumValues(typeOid);
  }

  rangeFacts(typeOid: number): RangeFacts {
    const found = this.lookups.range(typeOid);
    if (!found) throw pgError('INTERNAL_ERROR', `type ${typeOid} is not a range type`);
    return found;
  }

  compareEnum(a: number, b: number): number {
    return this.lookups.compareEnum(a, b);
  }

  private missing(what: string, typeOid: number): Error {
    return pgError('UNDEFINED_FUNCTION', `${what} ${this.formatType(typeOid)}`);
  }

  private description(typeOid: number): TypeDescription {
    const type = (typeOid < FIRST_NORMAL_OID ? this.known.get(typeOid)?.description : undefined) ?? this.lookups.type(typeOid);
    if (!type) throw pgError('UNDEFINED_OBJECT', `type with OID ${typeOid} does not exist`);
    return type;
  }

  private formatTypmod(type: TypeDescription, typmod: number): string {
    if (type.typmodOut === '') return `(${typmod})`;
    return callable(type.typmodOut)(this.bind(type.oid).cx, typmod) as string;
  }

  private contextFor(bound: BoundType, collation: number): CallContext {
    if (collation === 0) return bound.cx;
    return { services: this.services(), call: { ...bound.cx.call, collation } };
  }

  private bind(typeOid: number): BoundType {
    const known = this.known.get(typeOid);
    if (known && (typeOid < FIRST_NORMAL_OID || known.description === this.lookups.type(typeOid))) return known;
    const description = this.lookups.type(typeOid);
    if (!description) throw pgError('UNDEFINED_OBJECT', `type with OID ${typeOid} does not exist`);
    const services = this.services;
    const bound: BoundType = {
      description,
      cx: {
        get services() { return services(); },
        call: { functionOid: 0, argTypes: [CSTRINGOID, OIDOID, INT4OID], resultType: typeOid, collation: 0, variadic: false },
      },
      ioParameter: description.kind !== 'd' && description.elementType !== 0 ? description.elementType : typeOid,
      input: lazily(description.input),
    };
    this.known.set(typeOid, bound);
    return bound;
  }
}

/** A type's output function as a function of the value alone. */
function textOf(bound: BoundType): (value: Datum) => string {
  const entry = builtin(bound.description.output);
  if (entry?.kind === 'pure') {
    const { fn } = entry;
    return (value) => fn(value) as string;
  }
  if (entry?.kind === 'context') {
    const { fn } = entry;
    return (value) => fn(bound.cx, value) as string;
  }
  throw notSupported(`function ${bound.description.output}`);
}

/** Looks the function up at the first call, so that a type whose input is missing can still be described. */
function lazily(prosrc: string): Call {
  let call: Call | undefined;
  return (cx, ...args) => (call ??= callable(prosrc))(cx, ...args);
}
