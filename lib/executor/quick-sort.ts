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

function medianOf<T>(list: T[], a: number, b: number, c: number, compare: Compare<T>): number {
  if (compare(list[a], list[b]) < 0) {
    if (compare(list[b], list[c]) < 0) return b;
    return compare(list[a], list[c]) < 0 ? c : a;
  }
  if (compare(list[b], list[c]) > 0) return b;
  return compare(list[a], list[c]) < 0 ? a : c;
}

function swap<T>(list: T[], a: number, b: number): void {
  const item = list[a];
  list[a] = list[b];
  list[b] = item;
}

function swapRange<T>(list: T[], a: number, b: number, count: number): void {
  for (let index = 0; index < count; index++) swap(list, a + index, b + index);
}

function insertionSort<T>(list: T[], start: number, end: number, compare: Compare<T>): void {
  for (let index = start + 1; index < end; index++) {
    for (let at = index; at > start && compare(list[at - 1], list[at]) > 0; at--) swap(list, at, at - 1);
  }
}

function isSorted<T>(list: T[], start: number, end: number, compare: Compare<T>): boolean {
  for (let index = start + 1; index < end; index++) if (compare(list[index - 1], list[index]) > 0) return false;
  return true;
}

function pivot<T>(list: T[], start: number, length: number, compare: Compare<T>): number {
  let middle = start + (length >> 1);
  if (length <= INSERTION_LENGTH) return middle;
  let low = start;
  let high = start + length - 1;
  if (length > NINTHER_LENGTH) {
    const step = length >> 3;
    low = medianOf(list, low, low + step, low + 2 * step, compare);
    middle = medianOf(list, middle - step, middle, middle + step, compare);
    high = medianOf(list, high - 2 * step, high - step, high, compare);
  }
  return medianOf(list, low, middle, high, compare);
}

function sortRange<T>(list: T[], from: number, count: number, compare: Compare<T>): void {
  let start = from;
  let length = count;
  while (length >= INSERTION_LENGTH) {
    if (isSorted(list, start, start + length, compare)) return;
    swap(list, start, pivot(list, start, length, compare));
    // Equal rows gather at both ends: [start, equalLow) and (equalHigh, end).
    let equalLow = start + 1;
    let low = start + 1;
    let high = start + length - 1;
    let equalHigh = high;
    for (;;) {
      for (let order; low <= high && (order = compare(list[low], list[start])) <= 0; low++) {
        if (order === 0) swap(list, equalLow++, low);
      }
      for (let order; low <= high && (order = compare(list[high], list[start])) >= 0; high--) {
        if (order === 0) swap(list, high, equalHigh--);
      }
      if (low > high) break;
      swap(list, low++, high--);
    }
    const end = start + length;
    const moveLow = Math.min(equalLow - start, low - equalLow);
    swapRange(list, start, low - moveLow, moveLow);
    const moveHigh = Math.min(equalHigh - high, end - equalHigh - 1);
    swapRange(list, low, end - moveHigh, moveHigh);
    const left = low - equalLow;
    const right = equalHigh - high;
    // The smaller part by recursion, the larger one by going on.
    if (left <= right) {
      if (left > 1) sortRange(list, start, left, compare);
      start = end - right;
      length = right;
    } else {
      if (right > 1) sortRange(list, end - right, right, compare);
      length = left;
    }
  }
  insertionSort(list, start, start + length, compare);
}

/** Sorts in place; equal items end as PostgreSQL's sort leaves them. */
export function quickSort<T>(list: T[], compare: Compare<T>): T[] {
  sortRange(list, 0, list.length, compare);
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
