/**
 * A map by number for entries that mostly come and go one at a time, as the transactions of single statements do. Its newest entry stands
 * beside the map proper: one that goes before the next comes never gets there. A `Map` that is emptied again and again makes a new
 * table each time (V8 shrinks it), which was 1 % of a single-row INSERT's time.
 */

/** The operations of `Map` that are needed; `values` in order of coming, as there. */
export class PassingMap<V extends object> {
  private readonly rest = new Map<number, V>();
  private newest: V | null = null;
  private newestKey = 0;

  get size(): number {
    return this.rest.size + (this.newest === null ? 0 : 1);
  }

  get(key: number): V | undefined {
    if (this.newest !== null && this.newestKey === key) return this.newest;
    return this.rest.size === 0 ? undefined : this.rest.get(key);
  }

  set(key: number, value: V): void {
    if (this.newest !== null && this.newestKey === key) {
      this.newest = value;
      return;
    }
    if (this.rest.size > 0 && this.rest.has(key)) {
      this.rest.set(key, value);
      return;
    }
    if (this.newest !== null) this.rest.set(this.newestKey, this.newest);
    this.newest = value;
    this.newestKey = key;
  }

  delete(key: number): boolean {
    if (this.newest === null || this.newestKey !== key) return this.rest.size > 0 && this.rest.delete(key);
    this.newest = null;
    return true;
  }

  *values(): IterableIterator<V> {
    yield* this.rest.values();
    if (this.newest !== null) yield this.newest;
  }
}
