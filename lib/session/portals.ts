/**
 * A session's portals by name, as a Map would have them. The protocol's unnamed portal comes and goes with every statement, so it does not
 * stand in the Map: one that is emptied gets a new table each time, among the old objects where it is itself (1 kB for each transaction of
 * TPC-B, a quarter of what the collector of old objects had to do).
 */
import type { Portal } from './portal.js';

/** See the file's comment. */
export class Portals {
  private unnamed: Portal | undefined = undefined;
  private readonly named = new Map<string, Portal>();

  get size(): number {
    return this.named.size + (this.unnamed === undefined ? 0 : 1);
  }

  get(name: string): Portal | undefined {
    return name === '' ? this.unnamed : this.named.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  set(name: string, portal: Portal): void {
    if (name === '') this.unnamed = portal;
    else this.named.set(name, portal);
  }

  delete(name: string): void {
    if (name === '') this.unnamed = undefined;
    else this.named.delete(name);
  }

  clear(): void {
    this.unnamed = undefined;
    this.named.clear();
  }

  /** `visit` for each, which it may delete. For each transaction, that is: without the generators of the iterators below. */
  forEach(visit: (portal: Portal, name: string) => void): void {
    if (this.unnamed !== undefined) visit(this.unnamed, '');
    if (this.named.size > 0) this.named.forEach(visit);
  }

  /** Names and portals; those that are reached may be deleted. */
  *[Symbol.iterator](): IterableIterator<[string, Portal]> {
    if (this.unnamed !== undefined) yield ['', this.unnamed];
    yield* this.named;
  }

  *keys(): IterableIterator<string> {
    if (this.unnamed !== undefined) yield '';
    yield* this.named.keys();
  }

  *values(): IterableIterator<Portal> {
    if (this.unnamed !== undefined) yield this.unnamed;
    yield* this.named.values();
  }
}
