/**
 * Stack traces of the bundle name the TypeScript source: `engine.cjs:12903:10` becomes `lib/analyzer/analyze.ts:90:10`. The
 * source map is read when the first such trace is looked at, never before.
 */
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapping } from 'node:module';
import { dirname, join } from 'node:path';

/** Installs the mapping for the whole process: for programs of our own, not for those that embed us. */
export function mapStackTraces(bundle: string): void {
  let map: SourceMap | null | undefined;
  Error.prepareStackTrace = (error, frames) => {
    const lines = frames.map((frame) => {
      const text = String(frame);
      if (frame.getFileName() !== bundle) return text;
      map ??= readMap(bundle);
      const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
      const origin = map && line && column ? map.findEntry(line - 1, column - 1) : null;
      if (origin === null || !isMapping(origin)) return text;
      return text.replace(`${bundle}:${line}:${column}`, `${join(dirname(bundle), origin.originalSource)}:${origin.originalLine + 1}:${origin.originalColumn + 1}`);
    });
    return [Error.prototype.toString.call(error), ...lines.map((line) => `    at ${line}`)].join('\n');
  };
}

function isMapping(entry: SourceMapping | object): entry is SourceMapping {
  return 'originalSource' in entry && typeof entry.originalSource === 'string';
}

/** Null when there is no readable map: traces then name the bundle's lines, whose functions have their names still. */
function readMap(bundle: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')) as ConstructorParameters<typeof SourceMap>[0]);
  } catch {
    return null;
  }
}
