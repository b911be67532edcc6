/**
 * string_to_array, string_to_table.
 */
import { ArrayValue, type Datum } from '../../types/datum.js';
import { TEXTOID } from '../../types/oids.js';
import { pure, setReturning } from '../registry.js';

/** Fields of a text: characters when the delimiter is null; fields equal to `nullText` become null. */
function fields(text: string, delimiter: string | null, nullText: string | null): Datum[] {
  if (text === '') return [];
  const parts = delimiter === null ? Array.from(text) : delimiter === '' ? [text] : text.split(delimiter);
  return nullText === null ? parts : parts.map((part) => (part === nullText ? null : part));
}

pure('text_to_array', (text: string | null, delimiter: string | null) =>
  text === null ? null : ArrayValue.of(TEXTOID, fields(text, delimiter, null)));
pure('text_to_array_null', (text: string | null, delimiter: string | null, nullText: string | null) =>
  text === null ? null : ArrayValue.of(TEXTOID, fields(text, delimiter, nullText)));
setReturning('text_to_table', (_cx, text: string | null, delimiter: string | null) => (text === null ? [] : fields(text, delimiter, null)));
setReturning('text_to_table_null', (_cx, text: string | null, delimiter: string | null, nullText: string | null) =>
  text === null ? [] : fields(text, delimiter, nullText));
