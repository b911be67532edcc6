/**
 * What built-in functions may ask of the world: narrow interfaces, implemented by the session and the executor.
 * Functions see values and these, never the executor.
 */
import type { PgError } from '../base/error.js';
import type { Int8 } from '../types/datum.js';

/** Settings that functions read on every call, kept as plain fields (the session updates them on SET). */
export interface FunctionSettings {
  dateStyle: 'ISO' | 'Postgres' | 'SQL' | 'German';
  dateOrder: 'MDY' | 'DMY' | 'YMD';
  intervalStyle: 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601';
  /** TimeZone: an IANA name or a POSIX-style specification as PostgreSQL accepts. */
  timeZone: string;
  extraFloatDigits: number;
  byteaOutput: 'hex' | 'escape';
  standardConformingStrings: boolean;
  defaultTextSearchConfig: string;
  xmlOption: 'content' | 'document';
}

/** The session's facts and services for functions. More specific services extend it by interface merging in their own files. */
export interface FunctionServices {
  readonly settings: FunctionSettings;
  /** Any setting as SHOW prints it; null when unknown. */
  getSetting(name: string): string | null;
  /** set_config's work; returns the new value. */
  setSetting(name: string, value: string | null, isLocal: boolean): string;
  /** now(): start of the transaction, microseconds since 2000-01-01 UTC. */
  transactionTimestamp(): Int8;
  /** statement_timestamp(). */
  statementTimestamp(): Int8;
  /** clock_timestamp(). */
  clockTimestamp(): Int8;
  /** Uniform in [0, 1), from the session's generator (setseed). */
  random(): number;
  setSeed(seed: number): void;
  /** Cryptographically strong bytes (gen_random_uuid). */
  randomBytes(count: number): Uint8Array;
  notice(notice: PgError): void;
  /** Throws 57014 when the statement was cancelled or timed out: called in long loops. */
  checkInterrupts(): void;
  readonly currentUser: string;
  readonly sessionUser: string;
  readonly currentDatabase: string;
  /** Names for types in messages and for array/record I/O. */
  readonly types: TypeServices;
  /** Everything that needs catalogs, storage or other sessions, by capability. */
  readonly system: SystemServices;
}

/** A type's facts as I/O functions need them. */
export interface TypeFacts {
  readonly oid: number;
  readonly name: string;
  /** 'b' base, 'c' composite, 'd' domain, 'e' enum, 'p' pseudo, 'r' range, 'm' multirange. */
  readonly kind: string;
  readonly elementType: number;
  readonly arrayType: number;
  readonly baseType: number;
  readonly delimiter: string;
  readonly relation: number;
}

/** A pg_range row. */
export interface RangeFacts {
  readonly rangeType: number;
  readonly multirangeType: number;
  readonly subtype: number;
  readonly collation: number;
  /** prosrc of the canonical function, '' when there is none. */
  readonly canonical: string;
}

/** A column of a composite type. */
export interface RowColumn {
  readonly name: string;
  readonly type: number;
  readonly typmod: number;
  /** Where a value of the type has it: values keep a place (null) for dropped columns, and may end before columns added later. */
  readonly position: number;
}

/** Looks types up and converts values of types known only at run time. */
export interface TypeServices {
  /** What text output follows. */
  readonly settings: FunctionSettings;
  facts(typeOid: number): TypeFacts;
  /** format_type: `character varying(10)`. */
  formatType(typeOid: number, typmod?: number): string;
  /** Text input by the type's input function. */
  input(typeOid: number, text: string, typmod?: number): import('../types/datum.js').Datum;
  /** Text output by the type's output function. */
  output(typeOid: number, value: import('../types/datum.js').Datum): string;
  send(typeOid: number, value: import('../types/datum.js').Datum): Uint8Array;
  receive(typeOid: number, bytes: Uint8Array, typmod?: number): import('../types/datum.js').Datum;
  /** Default btree comparison of two non-null values; 42883 when the type has none. */
  compare(typeOid: number, a: import('../types/datum.js').Datum, b: import('../types/datum.js').Datum, collation?: number): number;
  /** Default equality of two non-null values. */
  equal(typeOid: number, a: import('../types/datum.js').Datum, b: import('../types/datum.js').Datum, collation?: number): boolean;
  /** Default hash of a non-null value, 32 bits signed, as PostgreSQL computes it; 42883 when the type has none. */
  hash(typeOid: number, value: import('../types/datum.js').Datum, collation?: number): number;
  /** The same, 64 bits with a seed. */
  hashExtended(typeOid: number, value: import('../types/datum.js').Datum, seed: Int8, collation?: number): Int8;
  /** The base type of a domain (through domains over domains) and the modifier to read it with. */
  domainBase(domainOid: number): { readonly value: number; readonly typmod: number };
  /** Columns of a composite type (dropped ones left out). */
  rowColumns(typeOid: number): readonly RowColumn[];
  enumLabel(labelOid: number): string;
  /** OID of a label; 0 when the type has none of this name. */
  enumValue(typeOid: number, label: string): number;
  /** Labels' OIDs in sort order. */
  enumValues(typeOid: number): readonly number[];
  /** Facts of a range type, by its own OID or its multirange's. */
  rangeFacts(typeOid: number): RangeFacts;
  /** <0, 0, >0 by enumsortorder. */
  compareEnum(a: number, b: number): number;
}

/**
 * Services with state beyond values (catalog look-ups, sequences, locks, other sessions). Each function file that needs
 * some adds them by declaration merging: `declare module './context.js' { interface SystemServices { ... } }`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface SystemServices {
  /** Name of a catalog object by kind and OID for reg* output; null when there is none. Quoted and qualified as visible. */
  objectName(kind: RegKind, oid: number): string | null;
  /** A collation's facts; throws 42704 when it does not exist. */
  collation(oid: number): CollationFacts;
  /** OID of a name for reg* input; throws 42P01, 42704, 42883, 3F000 ... as PostgreSQL does. */
  objectOid(kind: RegKind, name: string): number;
}

/** What comparison needs to know of a pg_collation row. */
export interface CollationFacts {
  /** 'd' database default, 'c' libc, 'b' builtin, 'i' ICU. */
  readonly provider: string;
  readonly locale: string | null;
  readonly deterministic: boolean;
}

/** The reg* types. */
export type RegKind =
  | 'regclass' | 'regtype' | 'regproc' | 'regprocedure' | 'regoper' | 'regoperator'
  | 'regnamespace' | 'regrole' | 'regcollation' | 'regconfig' | 'regdictionary';

/** What the expression around a call fixed at analysis: the same object for every evaluation of that call. */
export interface CallInfo {
  readonly functionOid: number;
  /** Actual argument types after analysis (polymorphic and "any" arguments resolved). */
  readonly argTypes: readonly number[];
  readonly resultType: number;
  /** Input collation, 0 when none. */
  readonly collation: number;
  /** The last argument collects a VARIADIC array given as such. */
  readonly variadic: boolean;
  /** Columns of the call's column definition list in FROM, for functions that return `record`. */
  readonly columns?: readonly { readonly name: string; readonly type: number; readonly typmod: number }[];
}

/** First argument of functions registered with context. */
export interface CallContext {
  readonly services: FunctionServices;
  readonly call: CallInfo;
}
