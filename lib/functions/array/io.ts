/**
 * Registration of array I/O: text and binary, elements by the element type's own functions.
 */
import { ArrayValue, type Datum } from '../../types/datum.js';
import { pgError } from '../../base/error.js';
import type { CallContext } from '../context.js';
import { withContext } from '../registry.js';
import { badBinary, insufficientData } from '../errors.js';
import { MAX_DIMENSIONS, readArray, writeArray } from './literal.js';

/** array_in; `elementType` is the element's type OID. */
export function arrayIn(cx: CallContext, text: string, elementType: number, typmod: number): ArrayValue {
  const types = cx.services.types;
  const facts = types.facts(elementType);
  return readArray(text, elementType, facts.delimiter, (element) =>
    element === null ? null : types.input(elementType, element, typmod));
}

/** array_out. */
export function arrayOut(cx: CallContext, array: ArrayValue): string {
  const types = cx.services.types;
  return writeArray(array, types.facts(array.elementType).delimiter, (value) => types.output(array.elementType, value));
}

/** array_send. */
export function arraySend(cx: CallContext, array: ArrayValue): Uint8Array {
  const types = cx.services.types;
  const parts = array.elements.map((element) => (element === null ? null : types.send(array.elementType, element)));
  const size = 12 + 8 * array.dims.length + parts.reduce((sum, part) => sum + 4 + (part?.length ?? 0), 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, array.dims.length);
  view.setInt32(4, parts.includes(null) ? 1 : 0);
  view.setInt32(8, array.elementType);
  let at = 12;
  array.dims.forEach((length, i) => {
    view.setInt32(at, length);
    view.setInt32(at + 4, array.lowerBounds[i]);
    at += 8;
  });
  for (const part of parts) {
    view.setInt32(at, part === null ? -1 : part.length);
    at += 4;
    if (part !== null) {
      bytes.set(part, at);
      at += part.length;
    }
  }
  return bytes;
}

/** array_recv; 22P03, 42804. */
export function arrayReceive(cx: CallContext, bytes: Uint8Array, elementType: number, typmod: number): ArrayValue {
  const types = cx.services.types;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const need = (count: number): void => {
    if (count > bytes.length) throw insufficientData();
  };
  need(12);
  const dimensions = view.getInt32(0);
  if (dimensions < 0) throw badBinary(`invalid number of dimensions: ${dimensions}`);
  if (dimensions > MAX_DIMENSIONS) {
    throw pgError('PROGRAM_LIMIT_EXCEEDED', `number of array dimensions (${dimensions}) exceeds the maximum allowed (${MAX_DIMENSIONS})`);
  }
  const flags = view.getInt32(4);
  if (flags !== 0 && flags !== 1) throw badBinary('invalid array flags');
  const sent = view.getUint32(8);
  if (sent !== elementType && sent < 16384 && elementType < 16384) {
    throw pgError('DATATYPE_MISMATCH',
      `binary data has array element type ${sent} (${types.formatType(sent)}) instead of expected ${elementType} (${types.formatType(elementType)})`);
  }
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  let at = 12;
  let count = dimensions === 0 ? 0 : 1;
  need(at + 8 * dimensions);
  for (let i = 0; i < dimensions; i++, at += 8) {
    dims.push(view.getInt32(at));
    lowerBounds.push(view.getInt32(at + 4));
    count *= dims[i];
  }
  if (count === 0) return new ArrayValue(elementType, [], [], []);
  const elements: Datum[] = [];
  for (let i = 0; i < count; i++) {
    need(at + 4);
    const length = view.getInt32(at);
    at += 4;
    if (length === -1) {
      elements.push(null);
      continue;
    }
    need(at + length);
    elements.push(types.receive(elementType, bytes.subarray(at, at + length), typmod));
    at += length;
  }
  return new ArrayValue(elementType, dims, lowerBounds, elements);
}

withContext('array_in', arrayIn);
withContext('array_out', arrayOut);
withContext('array_send', arraySend);
withContext('array_recv', arrayReceive);
withContext('anyarray_out', arrayOut);
withContext('anyarray_send', arraySend);
withContext('anycompatiblearray_out', arrayOut);
withContext('anycompatiblearray_send', arraySend);
