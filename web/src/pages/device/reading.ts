/** A part of a log, newest first; `next` is where the older ones begin, if there are any. */
export interface LogPage<T> {
  items: readonly T[];
  next: string | undefined;
}

/** What was read of a log so far: without gaps from the newest down to where `next` begins. */
export interface Read<T> extends LogPage<T> {
  of: string;
}

/**
 * Puts the newest page before what was read already. Where so much is new that the page does not reach down to it, or it is
 * another log, what was read is let go: a gap would be shown as if nothing had happened in it.
 */
export const withNewest = <T>(was: Read<T>, of: string, newest: LogPage<T>, numberOf: (item: T) => number): Read<T> => {
  const top = was.of === of ? was.items[0] : undefined;
  if (!top) return { of, ...newest };
  const oldest = newest.items.at(-1);
  if (!oldest || numberOf(oldest) > numberOf(top)) return { of, ...newest };
  const older = was.items.filter((item) => numberOf(item) < numberOf(oldest));
  return older.length ? { of, items: [...newest.items, ...older], next: was.next } : { of, ...newest };
};
