/** What became of one of many: what the work answered, or why it did not. */
export type Outcome<T, R> = { item: T; value: R } | { item: T; error: unknown };

/**
 * Does work for many items, `at` of them at a time, in their order, and tells of each as it ends. It ends early when `signal`
 * is aborted, or when an error is one that every other would meet too: what was begun is waited for, and the rest is
 * answered as not tried.
 */
export const runMany = async <T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  o: { at: number; signal: AbortSignal; done(outcome: Outcome<T, R>): void; hopeless?(error: unknown): boolean },
): Promise<readonly T[]> => {
  let next = 0;
  let given = false;
  const one = async () => {
    while (next < items.length && !given && !o.signal.aborted) {
      const item = items[next++]!;
      try {
        o.done({ item, value: await work(item) });
      } catch (error) {
        if (o.hopeless?.(error)) given = true;
        o.done({ item, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(o.at, items.length) }, one));
  return items.slice(next);
};
