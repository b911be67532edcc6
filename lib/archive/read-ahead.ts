/** Several reads at once, their results in order. */

/** Fetches for each item, up to `count` at a time ahead of the consumer, and yields in the items' order. */
export async function* readAhead<T, R>(items: Iterable<T>, count: number, fetch: (item: T) => Promise<R>): AsyncGenerator<R, void, void> {
  const iterator = items[Symbol.iterator]();
  const pending: Promise<R>[] = [];
  const start = (): void => {
    const next = iterator.next();
    if (next.done === true) return;
    const promise = fetch(next.value);
    // Whoever awaits it in its turn sees the error; until then nobody must.
    promise.catch(() => undefined);
    pending.push(promise);
  };
  try {
    for (let index = 0; index < count; index++) start();
    for (let first = pending[0]; first !== undefined; first = pending[0]) {
      const result = await first;
      pending.shift();
      start();
      yield result;
    }
  } finally {
    // Nothing goes on behind the back of who stopped early, or met an error.
    await Promise.allSettled(pending);
  }
}
