/**
 * The order among equal rows: PostgreSQL's sorts are not stable, but they are deterministic, and clients (and its own
 * regression suite) see their order. So rows are sorted by the same algorithms: Bentley and McIlroy's quicksort with a
 * check for sorted input ("Engineering a sort function", 1993; sort_template.h), and for bounded sorts a heap of the best
 * rows (tuplesort.c). About as fast as Array.prototype.sort with the same comparator.
 */

type Compare<T> = (a: T, b: T) => number;

/** Below this length: insertion sort. */
const INSERTION_LENGTH = 7;
/** Above this length the pivot is a median of nine instead of three. */
const NINTHER_LENGTH = 40;
/** Parts below this length are sorted in one step: a few milliseconds. */
const STEP_LENGTH = 16_384;

/** The algorithm, over places that can be compared and swapped. */
export abstract class QuickSort {
  /** How many items stand below and above the pivot of the last partition. */
  private below = 0;
  private above = 0;

  /** <0, 0, >0 as the item at place `a` stands to the one at `b`. */
  protected abstract order(a: number, b: number): number;
  protected abstract swap(a: number, b: number): void;

  /** Sorts `count` places from `from` on. */
  sort(from: number, count: number): void {
    let start = from;
    let length = count;
    while (length >= INSERTION_LENGTH) {
      if (!this.partition(start, length)) return;
      const { below, above } = this;
      // The smaller part by recursion, the larger one by going on.
      if (below <= above) {
        if (below > 1) this.sort(start, below);
        start += length - above;
        length = above;
      } else {
        if (above > 1) this.sort(start + length - above, above);
        length = below;
      }
    }
    this.insertionSort(start, start + length);
  }

  /** The same in steps; each yields the number of items that it went over. */
  *steps(from: number, count: number): Generator<number, void, void> {
    let start = from;
    let length = count;
    while (length > STEP_LENGTH) {
      const sorted = !this.partition(start, length);
      const { below, above } = this;
      yield length;
      if (sorted) return;
      if (below <= above) {
        if (below > 1) yield* this.steps(start, below);
        start += length - above;
        length = above;
      } else {
        if (above > 1) yield* this.steps(start + length - above, above);
        length = below;
      }
    }
    this.sort(start, length);
    yield length;
  }

  /** Divides a part by a pivot; false when it is in order already. */
  private partition(start: number, length: number): boolean {
    const end = start + length;
    if (this.isSorted(start, end)) return false;
    this.swap(start, this.pivot(start, length));
    // Equal rows gather at both ends: [start, equalLow) and (equalHigh, end).
    let equalLow = start + 1;
    let low = start + 1;
    let high = end - 1;
    let equalHigh = high;
    for (;;) {
      for (let order; low <= high && (order = this.order(low, start)) <= 0; low++) {
        if (order === 0) this.swap(equalLow++, low);
      }
      for (let order; low <= high && (order = this.order(high, start)) >= 0; high--) {
        if (order === 0) this.swap(high, equalHigh--);
      }
      if (low > high) break;
      this.swap(low++, high--);
    }
    const moveLow = Math.min(equalLow - start, low - equalLow);
    this.swapRange(start, low - moveLow, moveLow);
    const moveHigh = Math.min(equalHigh - high, end - equalHigh - 1);
    this.swapRange(low, end - moveHigh, moveHigh);
    this.below = low - equalLow;
    this.above = equalHigh - high;
    return true;
  }

  private medianOf(a: number, b: number, c: number): number {
    if (this.order(a, b) < 0) {
      if (this.order(b, c) < 0) return b;
      return this.order(a, c) < 0 ? c : a;
    }
    if (this.order(b, c) > 0) return b;
    return this.order(a, c) < 0 ? a : c;
  }

  private pivot(start: number, length: number): number {
    let middle = start + (length >> 1);
    if (length <= INSERTION_LENGTH) return middle;
    let low = start;
    let high = start + length - 1;
    if (length > NINTHER_LENGTH) {
      const step = length >> 3;
      low = this.medianOf(low, low + step, low + 2 * step);
      middle = this.medianOf(middle - step, middle, middle + step);
      high = this.medianOf(high - 2 * step, high - step, high);
    }
    return this.medianOf(low, middle, high);
  }

  private isSorted(start: number, end: number): boolean {
    for (let index = start + 1; index < end; index++) if (this.order(index - 1, index) > 0) return false;
    return true;
  }

  private insertionSort(start: number, end: number): void {
    for (let index = start + 1; index < end; index++) {
      for (let at = index; at > start && this.order(at - 1, at) > 0; at--) this.swap(at, at - 1);
    }
  }

  private swapRange(a: number, b: number, count: number): void {
    for (let index = 0; index < count; index++) this.swap(a + index, b + index);
  }
}

/** Sorts the items themselves. */
class ListSort<T> extends QuickSort {
  constructor(private readonly list: T[], private readonly compare: Compare<T>) {
    super();
  }

  protected order(a: number, b: number): number {
    return this.compare(this.list[a], this.list[b]);
  }

  protected swap(a: number, b: number): void {
    const { list } = this;
    const item = list[a];
    list[a] = list[b];
    list[b] = item;
  }
}

/** Sorts in place; equal items end as PostgreSQL's sort leaves them. */
export function quickSort<T>(list: T[], compare: Compare<T>): T[] {
  new ListSort(list, compare).sort(0, list.length);
  return list;
}

/** The best `bound` items of a stream: the worst of them stands at the root of a heap. */
export class BoundedHeap<T> {
  private readonly heap: T[] = [];

  constructor(private readonly bound: number, private readonly compare: Compare<T>) {}

  /** The worst item kept; undefined while there is room. */
  get worst(): T | undefined {
    return this.heap.length < this.bound ? undefined : this.heap[0];
  }

  add(item: T): void {
    const { heap, compare } = this;
    if (heap.length < this.bound) {
      let at = heap.length;
      heap.push(item);
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (compare(heap[parent], item) >= 0) break;
        heap[at] = heap[parent];
        at = parent;
      }
      heap[at] = item;
    } else if (compare(item, heap[0]) < 0) this.replaceRoot(item, heap.length);
  }

  /** Puts an item in the root's place within the first `length` items. */
  private replaceRoot(item: T, length: number): void {
    const { heap, compare } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && compare(heap[child + 1], heap[child]) > 0) child++;
      if (compare(heap[child], item) <= 0) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = item;
  }

  /** The items in order; the heap is used up. */
  sorted(): T[] {
    const { heap } = this;
    for (let length = heap.length - 1; length > 0; length--) {
      const worst = heap[0];
      const last = heap[length];
      this.replaceRoot(last, length);
      heap[length] = worst;
    }
    return heap;
  }
}
