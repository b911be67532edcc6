/**
 * Node's compile cache keeps compiled modules on disk, which halves the time to the first query. Node 20 does not have it;
 * there this does nothing.
 */
import * as nodeModule from 'node:module';

/** Turns the cache on where Node has one. */
export function enableCompileCache(): void {
  if ('enableCompileCache' in nodeModule && typeof nodeModule.enableCompileCache === 'function') nodeModule.enableCompileCache();
}
