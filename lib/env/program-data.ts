/**
 * Data that comes with the program, as its code does: constant, and no part of the environment that a test replaces. `require` would do,
 * but looks for a module first, which costs a start more than reading most of the files.
 */
import { readFileSync } from 'node:fs';

/** What a JSON file holds; `path` is relative to the module whose `import.meta.url` is given. */
export function readProgramData(path: string, moduleUrl: string): unknown {
  return JSON.parse(readFileSync(new URL(path, moduleUrl), 'utf8'));
}
