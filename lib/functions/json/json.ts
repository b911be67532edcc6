/**
 * Functions of type json: values are checked text, so results are pieces of it (PostgreSQL's json.c, jsonfuncs.c).
 */
import { pgError } from '../../base/error.js';
import { type ArrayValue, DatumObject, type Datum, type RecordValue } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { pure, rowsReturning, setReturning, withContext } from '../registry.js';
import { variadicArguments } from '../text/quote.js';
import { fromUtf8, utf8 } from '../wire.js';
import { arrayToJson, categoryOf, keyText, recordToJson, toJsonText } from './convert.js';
import { element, member, parseDocument, pieceAsText, pieceText, validateJson, type JsonDocument, type JsonPiece } from './document.js';
import { JsonLexer } from './lexer.js';
import { escapeJson, pathIndex } from './text.js';

pure('json_in', validateJson);
pure('json_out', (a: string) => a);
pure('json_send', utf8);
pure('json_recv', (bytes: Uint8Array) => validateJson(fromUtf8(bytes)));

const TYPE_NAMES: Partial<Record<string, string>> = { '{': 'object', '[': 'array', string: 'string', number: 'number', true: 'boolean', false: 'boolean', null: 'null' };
pure('json_typeof', (text: string) => {
  const lexer = new JsonLexer(text, false);
  return TYPE_NAMES[lexer.next()] ?? 'null';
});

/** Registers the form that returns json and the one that returns text. */
function bothForms(name: string, textName: string, find: (document: JsonDocument, key: string | number) => JsonPiece | undefined): void {
  const locate = (text: string, key: string | number): [JsonDocument, JsonPiece | undefined] => {
    const document = parseDocument(text);
    return [document, find(document, key)];
  };
  pure(name, (text: string, key: string | number) => {
    const [document, piece] = locate(text, key);
    return piece ? pieceText(document, piece) : null;
  });
  pure(textName, (text: string, key: string | number) => {
    const [document, piece] = locate(text, key);
    return piece ? pieceAsText(document, piece) : null;
  });
}
bothForms('json_object_field', 'json_object_field_text', ({ root }, key) => member(root, key as string));
bothForms('json_array_element', 'json_array_element_text', ({ root }, index) => element(root, index as number));

/** The piece at a path; undefined when there is none. */
function followPath(root: JsonPiece, path: ArrayValue): JsonPiece | undefined {
  let piece: JsonPiece | undefined = root;
  for (const step of path.elements) {
    if (!piece) return undefined;
    const name = step as string;
    const index = pathIndex(name);
    piece = piece.kind === 'object' ? member(piece, name) : index === undefined ? undefined : element(piece, index);
  }
  return piece;
}

pure('json_extract_path', (text: string, path: ArrayValue) => {
  if (path.elements.includes(null)) return null;
  const document = parseDocument(text);
  if (path.elements.length === 0) return text.slice(0, document.root.end);
  const piece = followPath(document.root, path);
  return piece ? pieceText(document, piece) : null;
});
pure('json_extract_path_text', (text: string, path: ArrayValue) => {
  if (path.elements.includes(null)) return null;
  const document = parseDocument(text);
  const piece = followPath(document.root, path);
  if (path.elements.length === 0 && piece?.kind !== 'string' && piece?.kind !== 'null') return text.slice(0, document.root.end);
  return piece ? pieceAsText(document, piece) : null;
});

const isContainer = (piece: JsonPiece): boolean => piece.kind === 'object' || piece.kind === 'array';
const wrongShape = (message: string): Error => pgError('INVALID_PARAMETER_VALUE', message);

pure('json_array_length', (text: string) => {
  const { root } = parseDocument(text, false);
  if (!isContainer(root)) throw wrongShape('cannot get array length of a scalar');
  if (root.kind === 'object') throw wrongShape('cannot get array length of a non-array');
  return root.items!.length;
});

setReturning('json_object_keys', (_cx, text: string) => {
  const { root } = parseDocument(text);
  if (root.kind !== 'object') throw wrongShape(`cannot call json_object_keys on ${root.kind === 'array' ? 'an array' : 'a scalar'}`);
  return root.keys!;
});

for (const [name, show] of [['json_each', pieceText], ['json_each_text', pieceAsText]] as const) {
  rowsReturning(name, (_cx, text: string) => {
    const document = parseDocument(text);
    const { root } = document;
    if (root.kind !== 'object') throw wrongShape(root.kind === 'array' ? 'cannot deconstruct an array as an object' : 'cannot deconstruct a scalar');
    return root.keys!.map((key, i) => [key, show(document, root.items![i])]);
  });
}

for (const [name, show] of [['json_array_elements', pieceText], ['json_array_elements_text', pieceAsText]] as const) {
  setReturning(name, (_cx, text: string) => {
    const document = parseDocument(text, show === pieceAsText);
    const { root } = document;
    if (root.kind !== 'array') throw wrongShape(`cannot call ${name} on a ${root.kind === 'object' ? 'non-array' : 'scalar'}`);
    return root.items!.map((item) => show(document, item));
  });
}

/** The text without null members (and, when asked, null elements), without white space. */
function strip(document: JsonDocument, piece: JsonPiece, inArrays: boolean): string {
  if (piece.kind === 'string') return escapeJson(piece.value!);
  if (piece.kind === 'array') {
    return `[${piece.items!.filter((item) => !inArrays || item.kind !== 'null').map((item) => strip(document, item, inArrays)).join(',')}]`;
  }
  if (piece.kind !== 'object') return pieceText(document, piece);
  const members = piece.keys!.flatMap((key, i) => {
    const item = piece.items![i];
    return item.kind === 'null' ? [] : [`${escapeJson(key)}:${strip(document, item, inArrays)}`];
  });
  return `{${members.join(',')}}`;
}
pure('json_strip_nulls', (text: string, inArrays: boolean) => {
  const document = parseDocument(text);
  return strip(document, document.root, inArrays);
});

const LINES = ',\n ';
withContext('to_json', (cx, value: Datum) => toJsonText(cx, value, cx.call.argTypes[0]));
withContext('array_to_json', (cx, array: ArrayValue) => arrayToJson(cx, array));
withContext('array_to_json_pretty', (cx, array: ArrayValue, pretty: boolean) => arrayToJson(cx, array, pretty ? LINES : ','));
withContext('row_to_json', (cx, record: RecordValue) => recordToJson(cx, record));
withContext('row_to_json_pretty', (cx, record: RecordValue, pretty: boolean) => recordToJson(cx, record, pretty ? LINES : ','));

export function nullKey(): Error {
  return pgError('NULL_VALUE_NOT_ALLOWED', 'null value not allowed for object key');
}

/** 22023 unless there is a value for each key. */
export function checkPairs(count: number, name: string): void {
  if (count % 2 === 0) return;
  throw pgError('INVALID_PARAMETER_VALUE', 'argument list must have even number of elements',
    { hint: `The arguments of ${name}() must consist of alternating keys and values.` });
}

withContext('json_build_object', (cx, ...args: Datum[]) => {
  const tail = variadicArguments(cx, args, 0);
  if (!tail) return null;
  const { values, types } = tail;
  checkPairs(values.length, 'json_build_object');
  const members: string[] = [];
  for (let i = 0; i < values.length; i += 2) {
    if (values[i] === null) throw nullKey();
    members.push(`${escapeJson(keyText(cx, values[i], types[i]))} : ${toJsonText(cx, values[i + 1], types[i + 1])}`);
  }
  return `{${members.join(', ')}}`;
});
pure('json_build_object_noargs', () => '{}');
withContext('json_build_array', (cx, ...args: Datum[]) => {
  const tail = variadicArguments(cx, args, 0);
  if (!tail) return null;
  return `[${tail.values.map((value, i) => toJsonText(cx, value, tail.types[i])).join(', ')}]`;
});
pure('json_build_array_noargs', () => '[]');

const subscriptError = (message: string): Error => pgError('ARRAY_SUBSCRIPT_ERROR', message);

/** Pairs of json_object(text[]): alternating, or two columns; 2202E, 22004. */
export function pairsOfArray(array: ArrayValue): [string, string | null][] {
  if (array.dims.length === 1 && array.dims[0] % 2 !== 0) throw subscriptError('array must have even number of elements');
  if (array.dims.length === 2 && array.dims[1] !== 2) throw subscriptError('array must have two columns');
  if (array.dims.length > 2) throw subscriptError('wrong number of array subscripts');
  const pairs: [string, string | null][] = [];
  for (let i = 0; i < array.elements.length; i += 2) {
    if (array.elements[i] === null) throw nullKey();
    pairs.push([array.elements[i] as string, array.elements[i + 1] as string | null]);
  }
  return pairs;
}

/** Pairs of json_object(keys, values); 2202E, 22004. */
export function pairsOfArrays(keys: ArrayValue, values: ArrayValue): [string, string | null][] {
  if (keys.dims.length > 1 || keys.dims.length !== values.dims.length) throw subscriptError('wrong number of array subscripts');
  if (keys.elements.length !== values.elements.length) throw subscriptError('mismatched array dimensions');
  return keys.elements.map((key, i) => {
    if (key === null) throw nullKey();
    return [key as string, values.elements[i] as string | null];
  });
}

const pairsToJson = (pairs: [string, string | null][]): string =>
  `{${pairs.map(([key, value]) => `${escapeJson(key)} : ${value === null ? 'null' : escapeJson(value)}`).join(', ')}}`;
pure('json_object', (array: ArrayValue) => pairsToJson(pairsOfArray(array)));
pure('json_object_two_arg', (keys: ArrayValue, values: ArrayValue) => pairsToJson(pairsOfArrays(keys, values)));

/** The text so far of json_agg and json_object_agg. */
export class JsonTextAggregate extends DatumObject {
  readonly kind = 'jsonTextAggregate';
  readonly parts: string[] = [];
  readonly keys = new Set<string>();
}

function aggregateElement(cx: CallContext, state: JsonTextAggregate | null, value: Datum, skipNulls: boolean): JsonTextAggregate {
  const type = cx.call.argTypes[1] ?? 0;
  const category = categoryOf(cx, type);
  const aggregate = state ?? new JsonTextAggregate();
  if (skipNulls && value === null) return aggregate;
  const newLine = value !== null && aggregate.parts.length > 0 && (category === 'array' || category === 'record');
  aggregate.parts.push((newLine ? '\n ' : '') + (value === null ? 'null' : toJsonText(cx, value, type, category)));
  return aggregate;
}
withContext('json_agg_transfn', (cx, state: JsonTextAggregate | null, value: Datum) => aggregateElement(cx, state, value, false));
withContext('json_agg_strict_transfn', (cx, state: JsonTextAggregate | null, value: Datum) => aggregateElement(cx, state, value, true));
pure('json_agg_finalfn', (state: JsonTextAggregate | null) => (state === null ? null : `[${state.parts.join(', ')}]`));

function aggregateMember(
  cx: CallContext, state: JsonTextAggregate | null, key: Datum, value: Datum, skipNulls: boolean, unique: boolean,
): JsonTextAggregate {
  const aggregate = state ?? new JsonTextAggregate();
  if (key === null) throw nullKey();
  if (skipNulls && value === null && !unique) return aggregate;
  const name = escapeJson(keyText(cx, key, cx.call.argTypes[1]));
  if (unique) {
    if (aggregate.keys.has(name)) throw pgError('DUPLICATE_JSON_OBJECT_KEY_VALUE', `duplicate JSON object key value: ${name}`);
    aggregate.keys.add(name);
    if (skipNulls && value === null) return aggregate;
  }
  aggregate.parts.push(`${name} : ${toJsonText(cx, value, cx.call.argTypes[2])}`);
  return aggregate;
}
for (const [name, skipNulls, unique] of [
  ['json_object_agg_transfn', false, false], ['json_object_agg_strict_transfn', true, false],
  ['json_object_agg_unique_transfn', false, true], ['json_object_agg_unique_strict_transfn', true, true],
] as const) {
  withContext(name, (cx, state: JsonTextAggregate | null, key: Datum, value: Datum) => aggregateMember(cx, state, key, value, skipNulls, unique));
}
pure('json_object_agg_finalfn', (state: JsonTextAggregate | null) => (state === null ? null : `{ ${state.parts.join(', ')} }`));
