/**
 * Registration of jsonpath: I/O (a Datum is the canonical text), and the functions that run paths over jsonb.
 */
import { pgError } from '../../base/error.js';
import { Jsonb, type JsonbNode } from '../../types/jsonb.js';
import type { CallContext } from '../context.js';
import { badBinary } from '../errors.js';
import { pure, setReturning, withContext } from '../registry.js';
import { fromUtf8, utf8 } from '../wire.js';
import { parsePath, pathOf, printPath } from './path-parse.js';
import { pathExists, queryPath, type PathOptions, type PathValue } from './path-exec.js';
import { TimeItem, timeItemText } from './path-time.js';

const VERSION = 1;
pure('jsonpath_in', (text: string) => printPath(parsePath(text)));
pure('jsonpath_out', (path: string) => path);
pure('jsonpath_send', (path: string) => {
  const text = utf8(path);
  const bytes = new Uint8Array(text.length + 1);
  bytes[0] = VERSION;
  bytes.set(text, 1);
  return bytes;
});
pure('jsonpath_recv', (bytes: Uint8Array) => {
  if (bytes[0] !== VERSION) throw badBinary(`unsupported jsonpath version number: ${bytes[0]}`);
  return printPath(parsePath(fromUtf8(bytes.subarray(1))));
});

const toNode = (value: PathValue): JsonbNode => (value instanceof TimeItem ? timeItemText(value) : value);

/** The single boolean a path gives; null for unknown; 22038. */
function match(cx: CallContext, target: Jsonb, path: string, options: PathOptions): boolean | null {
  const found = queryPath(cx, pathOf(path), target, options);
  if (found.length === 1 && (typeof found[0] === 'boolean' || found[0] === null)) return found[0];
  if (!options.silent) throw pgError('SINGLETON_SQL_JSON_ITEM_REQUIRED', 'single boolean result is expected');
  return null;
}

const OPERATOR: PathOptions = { vars: null, silent: true, useZone: false };
withContext('jsonb_path_exists_opr', (cx, target: Jsonb, path: string) => pathExists(cx, pathOf(path), target, OPERATOR));
withContext('jsonb_path_match_opr', (cx, target: Jsonb, path: string) => match(cx, target, path, OPERATOR));

for (const [suffix, useZone] of [['', false], ['_tz', true]] as const) {
  const query = (cx: CallContext, target: Jsonb, path: string, vars: Jsonb, silent: boolean): PathValue[] =>
    queryPath(cx, pathOf(path), target, { vars, silent, useZone });
  withContext(`jsonb_path_exists${suffix}`, (cx, target: Jsonb, path: string, vars: Jsonb, silent: boolean) =>
    pathExists(cx, pathOf(path), target, { vars, silent, useZone }));
  withContext(`jsonb_path_match${suffix}`, (cx, target: Jsonb, path: string, vars: Jsonb, silent: boolean) =>
    match(cx, target, path, { vars, silent, useZone }));
  setReturning(`jsonb_path_query${suffix}`, (cx, target: Jsonb, path: string, vars: Jsonb, silent: boolean) =>
    query(cx, target, path, vars, silent).map((value) => new Jsonb(toNode(value))));
  withContext(`jsonb_path_query_array${suffix}`, (cx, target: Jsonb, path: string, vars: Jsonb, silent: boolean) =>
    new Jsonb(query(cx, target, path, vars, silent).map(toNode)));
  withContext(`jsonb_path_query_first${suffix}`, (cx, target: Jsonb, path: string, vars: Jsonb, silent: boolean) => {
    const found = query(cx, target, path, vars, silent);
    return found.length === 0 ? null : new Jsonb(toNode(found[0]));
  });
}
