/**
 * json_populate_record and its kin: JSON objects as composite values, by each column's type (PostgreSQL's populate_record).
 */
import { PgError, pgError } from '../../base/error.js';
import { ArrayValue, RecordValue, type Datum } from '../../types/datum.js';
import { Jsonb, type JsonbNode } from '../../types/jsonb.js';
import { JSONBOID, JSONOID, RECORDOID } from '../../types/oids.js';
import type { CallContext, RowColumn } from '../context.js';
import { setReturning, withContext } from '../registry.js';
import { columnsOf } from './convert.js';
import { member, parseDocument, pieceText, type JsonDocument, type JsonPiece } from './document.js';
import { formatNode, isArray, isObject, type JsonbObject } from './jsonb.js';
import { escapeJson } from './text.js';

/** A JSON value of either type. */
interface Source {
  readonly shape: 'object' | 'array' | 'string' | 'null' | 'scalar';
  /** Text for an input function: a string's value, else the JSON text. */
  readonly text: string;
  /** JSON text. */
  readonly literal: string;
  readonly items: readonly Source[];
  readonly isEmpty: boolean;
  field(name: string): Source | undefined;
  /** The value as jsonb, where it is one already. */
  readonly node?: JsonbNode;
}

/** Source over a piece of json text. */
class TextSource implements Source {
  constructor(private readonly document: JsonDocument, private readonly piece: JsonPiece) {}

  get shape(): Source['shape'] {
    const { kind } = this.piece;
    return kind === 'object' || kind === 'array' || kind === 'string' || kind === 'null' ? kind : 'scalar';
  }

  get text(): string {
    return this.piece.value ?? this.literal;
  }

  get literal(): string {
    return this.piece.kind === 'string' ? escapeJson(this.piece.value!) : pieceText(this.document, this.piece);
  }

  get items(): readonly Source[] {
    return this.piece.items!.map((item) => new TextSource(this.document, item));
  }

  get isEmpty(): boolean {
    return this.piece.items!.length === 0;
  }

  field(name: string): Source | undefined {
    const found = member(this.piece, name);
    return found ? new TextSource(this.document, found) : undefined;
  }
}

/** Source over a jsonb node. */
class NodeSource implements Source {
  constructor(readonly node: JsonbNode) {}

  get shape(): Source['shape'] {
    const { node } = this;
    if (node === null) return 'null';
    if (typeof node === 'string') return 'string';
    return isArray(node) ? 'array' : isObject(node) ? 'object' : 'scalar';
  }

  get text(): string {
    return typeof this.node === 'string' ? this.node : formatNode(this.node);
  }

  get literal(): string {
    return formatNode(this.node);
  }

  get items(): readonly Source[] {
    return (this.node as readonly JsonbNode[]).map((item) => new NodeSource(item));
  }

  get isEmpty(): boolean {
    return (this.node as JsonbObject).size === 0;
  }

  field(name: string): Source | undefined {
    const found = (this.node as JsonbObject).get(name);
    return found === undefined ? undefined : new NodeSource(found);
  }
}

function sourceOf(json: string | Jsonb): Source {
  if (json instanceof Jsonb) return new NodeSource(json.root);
  const document = parseDocument(json);
  return new TextSource(document, document.root);
}

function scalar(cx: CallContext, source: Source, type: number, typmod: number): Datum {
  if (type === JSONBOID && source.node !== undefined) return new Jsonb(source.node);
  return cx.services.types.input(type, type === JSONOID || type === JSONBOID ? source.literal : source.text, typmod);
}

function expectedArray(column: string | undefined, path: string): Error {
  const hint = path === '' ? (column === undefined ? undefined : `See the value of key "${column}".`)
    : column === undefined ? `See the array element ${path}.` : `See the array element ${path} of key "${column}".`;
  return pgError('INVALID_TEXT_REPRESENTATION', 'expected JSON array', { hint });
}

/** An array of as many dimensions as its first element is deep; all sub-arrays must agree; 22P02. */
function populateArray(cx: CallContext, source: Source, elementType: number, typmod: number, column: string | undefined): ArrayValue {
  if (source.shape !== 'array') throw expectedArray(column, '');
  const dims: number[] = [];
  const elements: Datum[] = [];
  let depth = 0;
  for (let inner: Source | undefined = source; inner?.shape === 'array'; inner = inner.items[0]) depth++;
  const walk = (value: Source, level: number, path: string): void => {
    if (value.shape !== 'array') throw expectedArray(column, path);
    const { items } = value;
    if (dims[level] === undefined) dims[level] = items.length;
    else if (dims[level] !== items.length) {
      throw pgError('INVALID_TEXT_REPRESENTATION', 'malformed JSON array',
        { detail: 'Multidimensional arrays must have sub-arrays with matching dimensions.' });
    }
    items.forEach((item, i) => {
      if (level + 1 < depth) walk(item, level + 1, `${path}[${i}]`);
      else elements.push(populate(cx, item, elementType, typmod, undefined, null));
    });
  };
  walk(source, 0, '');
  return elements.length === 0 ? new ArrayValue(elementType, [], [], []) : new ArrayValue(elementType, dims, dims.map(() => 1), elements);
}

/** Fills columns from an object, keeping the base row's values where the object says nothing. */
function populateRow(cx: CallContext, source: Source, type: number, columns: readonly RowColumn[], base: RecordValue | null): RecordValue {
  if (source.shape !== 'object') {
    throw pgError('INVALID_PARAMETER_VALUE', `cannot call populate_composite on ${source.shape === 'array' ? 'an array' : 'a scalar'}`);
  }
  if (base !== null && source.isEmpty) return base;
  const values: Datum[] = [];
  for (const column of columns) {
    const field = source.field(column.name);
    const old = base?.values[column.position] ?? null;
    while (values.length < column.position) values.push(null);
    values.push(base !== null && field === undefined ? old : populate(cx, field, column.type, column.typmod, column.name, old));
  }
  return type === RECORDOID
    ? new RecordValue(RECORDOID, values, columns.map((column) => column.type), columns.map((column) => column.name))
    : new RecordValue(type, values);
}

/** A value of a type from JSON (undefined: the object does not have it); domains are checked for nulls too. */
function populate(cx: CallContext, source: Source | undefined, type: number, typmod: number, column: string | undefined, base: Datum): Datum {
  const { types, system } = cx.services;
  const facts = types.facts(type);
  const missing = source === undefined || source.shape === 'null';
  if (facts.kind === 'd') {
    const domain = types.domainBase(type);
    const value = missing ? null : populate(cx, source, domain.value, domain.typmod, column, base);
    system.checkDomain(type, value);
    return value;
  }
  if (missing) return null;
  if (source.shape === 'string') return scalar(cx, source, type, typmod);
  if (facts.kind === 'c') return populateRow(cx, source, type, types.rowColumns(type), base instanceof RecordValue ? base : null);
  if (facts.elementType !== 0 && facts.arrayType === 0 && facts.name.startsWith('_')) {
    return populateArray(cx, source, facts.elementType, typmod, column);
  }
  return scalar(cx, source, type, typmod);
}

/** The row type that a call fills. */
interface Target { readonly type: number; readonly domain: number; readonly columns: readonly RowColumn[] }

function targetFromQuery(cx: CallContext, name: string): Target {
  if (!cx.call.columns) {
    throw pgError('FEATURE_NOT_SUPPORTED', `could not determine row type for result of ${name}`, {
      hint: 'Provide a non-null record argument, or call the function in the FROM clause using a column definition list.',
    });
  }
  return { type: RECORDOID, domain: 0, columns: cx.call.columns.map((column, position) => ({ ...column, position })) };
}

/** From the first argument's type; 42804 unless it is a row type. */
function targetFromArgument(cx: CallContext, name: string, base: RecordValue | null): Target {
  const { types } = cx.services;
  const declared = cx.call.argTypes[0];
  if (declared === RECORDOID) {
    return base === null ? targetFromQuery(cx, name) : { type: base.typeOid, domain: 0, columns: columnsOf(cx, base) };
  }
  const isDomain = types.facts(declared).kind === 'd';
  const type = isDomain ? types.domainBase(declared).value : declared;
  if (types.facts(type).kind !== 'c') throw pgError('DATATYPE_MISMATCH', `first argument of ${name} must be a row type`);
  return { type, domain: isDomain ? declared : 0, columns: types.rowColumns(type) };
}

function populateTarget(cx: CallContext, source: Source, target: Target, base: RecordValue | null): RecordValue {
  const row = populateRow(cx, source, target.type, target.columns, base);
  if (target.domain !== 0) cx.services.system.checkDomain(target.domain, row);
  return row;
}

function populateRecord(cx: CallContext, name: string, base: RecordValue | null, json: string | Jsonb | null): RecordValue | null {
  const target = targetFromArgument(cx, name, base);
  return json === null ? base : populateTarget(cx, sourceOf(json), target, base);
}

function* populateSet(cx: CallContext, name: string, target: Target, base: RecordValue | null, json: string | Jsonb): Iterable<Datum> {
  const source = sourceOf(json);
  if (source.shape !== 'array') {
    const what = json instanceof Jsonb ? 'a non-array' : source.shape === 'object' ? 'an object' : 'a scalar';
    throw pgError('INVALID_PARAMETER_VALUE', `cannot call ${name} on ${what}`);
  }
  for (const item of source.items) {
    if (item.shape !== 'object') throw pgError('INVALID_PARAMETER_VALUE', `argument of ${name} must be an array of objects`);
    yield populateTarget(cx, item, target, base);
  }
}

for (const prefix of ['json', 'jsonb']) {
  withContext(`${prefix}_populate_record`, (cx, base: RecordValue | null, json: string | Jsonb | null) =>
    populateRecord(cx, `${prefix}_populate_record`, base, json));
  withContext(`${prefix}_to_record`, (cx, json: string | Jsonb) => populateTarget(cx, sourceOf(json), targetFromQuery(cx, `${prefix}_to_record`), null));
  setReturning(`${prefix}_populate_recordset`, (cx, base: RecordValue | null, json: string | Jsonb | null) => {
    const name = `${prefix}_populate_recordset`;
    const target = targetFromArgument(cx, name, base);
    return json === null ? [] : populateSet(cx, name, target, base, json);
  });
  setReturning(`${prefix}_to_recordset`, (cx, json: string | Jsonb | null) => {
    const name = `${prefix}_to_recordset`;
    const target = targetFromQuery(cx, name);
    return json === null ? [] : populateSet(cx, name, target, null, json);
  });
}
withContext('jsonb_populate_record_valid', (cx, base: RecordValue | null, json: Jsonb | null) => {
  const target = targetFromArgument(cx, 'jsonb_populate_record', base);
  if (json === null) return true;
  try {
    populateTarget(cx, sourceOf(json), target, base);
    return true;
  } catch (error) {
    if (error instanceof PgError) return false;
    throw error;
  }
});
