/**
 * Where archives are kept: whole objects under keys, nothing is ever changed in place. One contract, two backends: a directory
 * (`directory-store.ts`) and S3 (`s3-store.ts`); both run `test/archive/store.test.ts`.
 *
 * Keys are parts of `A-Z a-z 0-9 . _ -` joined by `/`, ordered bytewise. What `put` and `putIfAbsent` have resolved for survives
 * a power cut; an object is there as a whole or not at all.
 */
import { pgError } from '../base/error.js';
import type { Env } from '../env/env.js';

/** An object as a listing has it. */
export interface ObjectEntry {
  readonly key: string;
  readonly size: number;
}

/** Objects by key. Rejects with the environment's error, or 58030 naming the store when it cannot be reached or refuses. */
export interface ObjectStore {
  /** As a person would name it: a path, or `s3://bucket/prefix`. */
  readonly name: string;
  /** Creates or replaces. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Creates, atomically; false: there is one already, which stays as it is. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /** The whole object; null when there is none. */
  get(key: string): Promise<Uint8Array | null>;
  /** Objects whose keys begin with `prefix` and stand behind `after`, in order: up to `limit` (at most 1,000). An empty page is the end. */
  list(prefix: string, after?: string, limit?: number): Promise<readonly ObjectEntry[]>;
  /** No error when there is none. */
  remove(key: string): Promise<void>;
  exists(key: string): Promise<boolean>;
}

/** Most objects of one page. */
export const PAGE_OBJECTS = 1000;

/** Every object whose key begins with `prefix`, in order. */
export async function* listAll(store: ObjectStore, prefix: string): AsyncIterableIterator<ObjectEntry> {
  let after: string | undefined;
  for (;;) {
    const page = await store.list(prefix, after, PAGE_OBJECTS);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.key;
  }
}

/** XX000 for keys that are not what the contract says: a mistake of ours, or somebody's object that is none of ours. */
export function checkKey(key: string): void {
  if (/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(key) && !/(^|\/)\.\.?(\/|$)/.test(key)) return;
  throw pgError('INTERNAL_ERROR', `invalid archive key "${key}"`);
}

/**
 * Opens the store that `--archive` names: a directory (made when it is missing), or `s3://bucket/prefix`, with endpoint, region and
 * credentials from AWS's environment variables (`s3-store.ts`). 22023 for other URLs.
 */
export async function openObjectStore(env: Env, location: string, variables: Readonly<Record<string, string | undefined>>): Promise<ObjectStore> {
  if (location.startsWith('s3://')) {
    const { openS3Store, s3Options } = await import('./s3-store.js');
    return openS3Store(env, s3Options(location, variables));
  }
  if (location === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(location)) {
    throw pgError('INVALID_PARAMETER_VALUE', `invalid archive location "${location}"`, { hint: 'Name a directory, or s3://bucket/prefix.' });
  }
  const { DirectoryStore } = await import('./directory-store.js');
  return new DirectoryStore(env, location.length > 1 ? location.replace(/\/+$/, '') : location);
}
