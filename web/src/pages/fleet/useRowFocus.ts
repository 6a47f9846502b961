import { type RefObject, useCallback, useLayoutEffect, useRef } from "react";
import type { TableProps } from "./FleetTable";

/**
 * The focus on the rows of a table, most of which are not in the page. `focus` takes it to a row; `has` and `had` are to be told
 * when the rows get it and lose it. `at` is the place of the active row, or -1.
 */
export const useRowFocus = (o: {
  list: RefObject<HTMLElement | null>;
  now: RefObject<TableProps>;
  at: number;
  reveal(index: number): void;
}) => {
  const { list, now, at, reveal } = o;
  // The row may come into the page only by the scrolling.
  const wanted = useRef<number | null>(null);
  const reach = useCallback(() => {
    if (wanted.current === null) return;
    const row = list.current?.querySelector<HTMLElement>(`[data-id="${wanted.current}"]`);
    if (!row) return;
    wanted.current = null;
    row.focus({ preventScroll: true });
  }, [list]);
  useLayoutEffect(reach);
  const focus = useCallback(
    (index: number) => {
      const { rows, onActive } = now.current;
      const row = rows[Math.max(0, Math.min(index, rows.length - 1))];
      if (!row) return;
      onActive(row.id);
      reveal(rows.indexOf(row));
      wanted.current = row.id;
      reach();
    },
    [now, reveal, reach],
  );
  // A browser tells nothing of a focus that goes with its row. Whoever is at the keyboard goes on where that row was.
  const lastAt = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (lastAt.current === null) return;
    if (at >= 0) lastAt.current = at;
    else if (document.activeElement === document.body) focus(lastAt.current);
  });
  const has = () => {
    lastAt.current = at;
    now.current.onLook("focus", true);
  };
  const had = () => {
    lastAt.current = null;
    now.current.onLook("focus", false);
  };
  return { focus, has, had };
};
