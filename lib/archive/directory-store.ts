/**
 * Objects as files below a directory. An object is written under a temporary name, synced, then renamed (`put`) or linked
 * (`putIfAbsent`: a link fails where the name is taken, whoever came first), and the directory synced. The file system must know hard
 * links. Temporary files carry their time in their names, so that what a crash left is removed a day later.
 */
import { directoryOf, isEnvError, type Env, type OpenFile } from '../env/env.js';
import { checkKey, PAGE_OBJECTS, type ObjectEntry, type ObjectStore } from './store.js';

/** Directory of temporary files. No key has its first character. */
const INCOMING = '~incoming';
/** Temporary files older than this are somebody's who is gone. */
const ABANDONED_MICROS = 24 * 3600 * 1_000_000;

/** A directory as an object store. */
export class DirectoryStore implements ObjectStore {
  private swept = false;

  constructor(private readonly env: Env, readonly name: string) {}

  private path(key: string): string {
    checkKey(key);
    return `${this.name}/${key}`;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.path(key);
    const temporary = await this.writeTemporary(path, bytes);
    this.env.files.rename(temporary, path);
    this.env.files.syncDirectory(directoryOf(path));
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    const { files } = this.env;
    const path = this.path(key);
    if (files.exists(path)) {
      // Who made it may not have come to syncing the directory.
      files.syncDirectory(directoryOf(path));
      return false;
    }
    const temporary = await this.writeTemporary(path, bytes);
    let made = true;
    try {
      files.link(temporary, path);
    } catch (error) {
      if (!isEnvError(error, 'EEXIST')) throw error;
      made = false;
    } finally {
      files.remove(temporary);
    }
    files.syncDirectory(directoryOf(path));
    return made;
  }

  /** A synced file with these bytes, ready to become `path`. Nothing of it is left after an error. */
  private async writeTemporary(path: string, bytes: Uint8Array): Promise<string> {
    const { files, random, clock } = this.env;
    this.makeDirectory(directoryOf(path));
    this.makeDirectory(`${this.name}/${INCOMING}`);
    this.sweep();
    const temporary = `${this.name}/${INCOMING}/${clock.wallMicros()}-${Buffer.from(random.bytes(6)).toString('hex')}`;
    const file = files.open(temporary, 'create');
    try {
      if (bytes.length > 0) await file.write(bytes, 0);
      await synced(file);
    } catch (error) {
      file.closeSync();
      if (files.exists(temporary)) files.remove(temporary);
      throw error;
    }
    file.closeSync();
    return temporary;
  }

  /** Once: removes the temporary files that nobody will come back for. */
  private sweep(): void {
    if (this.swept) return;
    this.swept = true;
    const { files, clock } = this.env;
    for (const name of files.list(`${this.name}/${INCOMING}`)) {
      if (clock.wallMicros() - Number.parseInt(name, 10) > ABANDONED_MICROS) files.remove(`${this.name}/${INCOMING}/${name}`);
    }
  }

  /** Makes a directory and its parents durably. */
  private makeDirectory(path: string): void {
    const { files } = this.env;
    if (files.exists(path)) return;
    const parent = directoryOf(path);
    if (parent !== path) this.makeDirectory(parent);
    files.makeDirectory(path);
    files.syncDirectory(parent);
  }

  async get(key: string): Promise<Uint8Array | null> {
    try {
      return await this.env.files.readFileAsync(this.path(key));
    } catch (error) {
      if (isEnvError(error, 'ENOENT') || isEnvError(error, 'ENOTDIR')) return null;
      throw error;
    }
  }

  async list(prefix: string, after = '', limit = PAGE_OBJECTS): Promise<readonly ObjectEntry[]> {
    const found: ObjectEntry[] = [];
    const slash = prefix.lastIndexOf('/');
    this.walk(prefix.slice(0, slash + 1), prefix, after, Math.min(limit, PAGE_OBJECTS), found);
    return found;
  }

  /** Adds what stands below `directory` (a key's part that ends in a slash, or nothing), in the keys' order. */
  private walk(directory: string, prefix: string, after: string, limit: number, found: ObjectEntry[]): void {
    const { files } = this.env;
    const path = directory === '' ? this.name : `${this.name}/${directory.slice(0, -1)}`;
    if (files.stat(path)?.isDirectory !== true) return;
    const children: ObjectEntry[] = [];
    for (const name of files.list(path)) {
      const key = directory + name;
      // Cheap tests first: a timeline may have many thousands of pieces.
      if (name === INCOMING || (!key.startsWith(prefix) && !prefix.startsWith(key))) continue;
      if (key < after && !after.startsWith(key)) continue;
      const status = files.stat(`${this.name}/${key}`);
      if (status !== null) children.push({ key: status.isDirectory ? `${key}/` : key, size: status.size });
    }
    children.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const child of children) {
      if (found.length >= limit) return;
      if (child.key.endsWith('/')) this.walk(child.key, prefix, after, limit, found);
      else if (child.key > after && child.key.startsWith(prefix)) found.push(child);
    }
  }

  async remove(key: string): Promise<void> {
    const path = this.path(key);
    try {
      await this.env.files.removeAsync(path);
    } catch (error) {
      if (isEnvError(error, 'ENOENT') || isEnvError(error, 'ENOTDIR')) return;
      throw error;
    }
    this.env.files.syncDirectory(directoryOf(path));
  }

  async exists(key: string): Promise<boolean> {
    return this.env.files.stat(this.path(key))?.isDirectory === false;
  }
}

function synced(file: OpenFile): Promise<void> {
  return new Promise((resolve, reject) => file.datasync((error) => (error ? reject(error) : resolve())));
}
