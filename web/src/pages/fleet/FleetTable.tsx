import { ArrowDown, ArrowUp } from "lucide-react";
import { type KeyboardEvent, memo, type RefObject, useCallback, useEffect, useMemo, useRef } from "react";
import { singleKeys } from "../../app/shortcuts";
import { type Column, columns, type Order, type Row } from "../../fleet/row";
import { columnSays } from "./columns";
import { FleetRow, type RowEvents } from "./FleetRow";
import css from "./FleetTable.module.css";
import { Part } from "./Part";
import type { Selection } from "./selection";
import { Slots } from "./slots";
import { usePointerLook } from "./usePointerLook";
import { useRowFocus } from "./useRowFocus";
import { useSlice } from "./useSlice";

export interface TableProps {
  rows: readonly Row[];
  order: Order;
  narrow: boolean;
  selection: Selection;
  /** What scrolls, the table and what is around it. */
  scroll: RefObject<HTMLElement | null>;
  /** What sticks to the top and to the bottom of it. */
  bar: RefObject<HTMLElement | null>;
  foot: RefObject<HTMLElement | null>;
  /** The row that Tab goes to, by its id. */
  active: number | null;
  /** Some rows do not stand where they would by now. */
  waits: boolean;
  /** The row whose menu can be opened. */
  pointed: number | null;
  onSort(column: Column): void;
  onOpen(row: Row): void;
  onActive(id: number): void;
  onPointed(id: number): void;
  /** Told when somebody begins or ends to look at some of the rows: by the pointer, by the keyboard, or by scrolling. */
  onLook(how: "pointer" | "focus" | "scroll", looking: boolean): void;
  /** Filled in with what puts the focus on a row: the active one, or the first that is seen. */
  focusRow: RefObject<((index?: number) => void) | null>;
}

const rowSize = (narrow: boolean) => (narrow ? 66 : 40);

/** Every device that is shown, of which only those on the screen are in the page. */
export const FleetTable = (props: TableProps) => {
  const { rows, order, narrow, selection, scroll, bar, foot, active, pointed, onLook } = props;
  const list = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const size = rowSize(narrow);
  const covered = useCallback(
    (): [number, number] => [
      (bar.current?.offsetHeight ?? 0) + (head.current?.offsetHeight ?? 0),
      foot.current?.offsetHeight ?? 0,
    ],
    [bar, foot],
  );
  const onScrolled = useCallback((away: boolean) => onLook("scroll", away), [onLook]);
  const { first, end, moving, reveal } = useSlice({ scroll, list, count: rows.length, size, covered, onScrolled });
  const now = useRef(props);
  now.current = props;

  useHead(bar, head);
  const above = narrow ? [bar] : [bar, head];
  usePointerLook({ list, above, waits: props.waits, tell: (looks) => onLook("pointer", looks) });
  const at = useMemo(() => (active === null ? -1 : rows.findIndex((row) => row.id === active)), [rows, active]);
  const firstSeen = () => {
    const box = scroll.current!;
    return Math.max(0, Math.ceil((box.scrollTop + covered()[0] - list.current!.offsetTop) / size));
  };
  const { focus, had, has } = useRowFocus({ list, now, at, reveal });
  props.focusRow.current = (index) => focus(index ?? (at >= 0 ? at : firstSeen()));
  const { focusRow } = props;
  useEffect(
    () => () => {
      focusRow.current = null;
      for (const how of ["pointer", "focus", "scroll"] as const) onLook(how, false);
    },
    [focusRow, onLook],
  );

  const on = useRowEvents(now);
  const indexes: number[] = [];
  if (at >= 0 && at < first) indexes.push(at);
  for (let i = first; i < end; i++) indexes.push(i);
  if (at >= end) indexes.push(at);
  const slots = useRef<Slots>(null);
  slots.current ??= new Slots();
  // Who reads the page in its order reads it when it stands still.
  const places = slots.current.place(
    indexes.map((i) => rows[i]!.id),
    active,
    !moving,
  );
  const stop = at >= 0 ? at : first;
  const heads = narrow ? 0 : 1;

  const keys = (event: KeyboardEvent) => {
    const from = (event.target as HTMLElement).closest<HTMLElement>('[role="row"][data-id]');
    if (!from || (event.target as HTMLElement).closest('[role="menu"]')) return;
    const onRow = event.target === from;
    const row = rows.find((row) => row.id === Number(from.dataset.id));
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    if (/^[a-z]$/i.test(event.key) && !singleKeys.on()) return;
    const seen = Math.max(1, Math.floor((scroll.current!.clientHeight - covered()[0] - covered()[1]) / size) - 1);
    const here = rows.indexOf(row);
    const to = target(event.key, here, rows.length, seen);
    if (to !== null) {
      if (event.shiftKey) selection.range(rows, to, here);
      focus(to);
    } else if (onRow && event.key === "Enter") props.onOpen(row);
    else if (onRow && (event.key === " " || event.key === "x")) {
      if (event.shiftKey) selection.range(rows, here);
      else selection.toggle(row.id);
    } else return;
    event.preventDefault();
  };

  return (
    <Part
      as="grid"
      aria-label="Devices"
      aria-rowcount={rows.length + heads}
      aria-colcount={columns.length + 2}
      aria-multiselectable
      className={css.grid}
      data-narrow={narrow || undefined}
      onKeyDown={keys}
    >
      {!narrow && <Head rows={rows} order={order} selection={selection} headRef={head} onSort={props.onSort} />}
      <Part
        as="rowgroup"
        ref={list}
        className={css.list}
        style={{ height: rows.length * size }}
        onFocus={has}
        onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && had()}
      >
        {places.map(({ slot, at }) => {
          const i = indexes[at]!;
          const row = rows[i]!;
          return (
            <FleetRow
              key={slot}
              row={row}
              index={i}
              number={i + 1 + heads}
              size={size}
              selected={selection.ids.has(row.id)}
              stop={i === stop}
              menu={row.id === pointed || row.id === active}
              on={on}
            />
          );
        })}
      </Part>
    </Part>
  );
};

/** Where a key leads from a row; null where it leads nowhere. */
const target = (key: string, at: number, count: number, seen: number): number | null => {
  switch (key.length === 1 ? key.toLowerCase() : key) {
    case "j":
    case "ArrowDown":
      return Math.min(at + 1, count - 1);
    case "k":
    case "ArrowUp":
      return Math.max(at - 1, 0);
    case "PageDown":
      return Math.min(at + seen, count - 1);
    case "PageUp":
      return Math.max(at - seen, 0);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
};

const useRowEvents = (now: RefObject<TableProps>): RowEvents =>
  useMemo(
    () => ({
      click: (row, event) => {
        const { rows, selection, onOpen } = now.current;
        const target = event.target as HTMLElement;
        if (!event.currentTarget.contains(target) || target.closest("button, input, label")) return;
        if (event.shiftKey) {
          event.preventDefault();
          selection.range(rows, rows.indexOf(row));
        } else if (event.ctrlKey || event.metaKey) {
          if (!target.closest("a")) selection.toggle(row.id);
        } else if (target.closest("a")) {
          event.preventDefault();
          onOpen(row);
        } else if (!window.getSelection()?.toString()) onOpen(row);
      },
      check: (row, range) => {
        const { rows, selection } = now.current;
        if (range) selection.range(rows, rows.indexOf(row));
        else selection.toggle(row.id);
      },
      enter: (row) => now.current.onPointed(row.id),
      focus: (row) => now.current.onActive(row.id),
    }),
    [now],
  );

/** Has the head of the table stick below the bar, however high that is. */
const useHead = (bar: RefObject<HTMLElement | null>, head: RefObject<HTMLElement | null>) =>
  useEffect(() => {
    const place = () => {
      if (head.current) head.current.style.top = `${bar.current?.offsetHeight ?? 0}px`;
    };
    place();
    const sizes = new ResizeObserver(place);
    if (bar.current) sizes.observe(bar.current);
    return () => sizes.disconnect();
  }, [bar, head]);

const SelectAll = ({ rows, selection }: { rows: readonly Row[]; selection: Selection }) => {
  const all = rows.length > 0 && selection.ids.size >= rows.length && rows.every((row) => selection.ids.has(row.id));
  return (
    <Part as="columnheader" className={css.check}>
      <label className={css.box}>
        <input
          type="checkbox"
          aria-label="Select all that are shown"
          checked={all}
          ref={(box) => {
            if (box) box.indeterminate = !all && selection.ids.size > 0;
          }}
          onChange={() => (all ? selection.clear() : selection.all(rows))}
        />
      </label>
    </Part>
  );
};

interface HeadProps {
  rows: readonly Row[];
  order: Order;
  selection: Selection;
  headRef: RefObject<HTMLDivElement | null>;
  onSort(column: Column): void;
}

// Scrolling leaves it as it is.
const Head = memo(({ rows, order, selection, headRef, onSort }: HeadProps) => (
  <Part as="rowgroup" className={css.head} ref={headRef}>
    <Part as="row" aria-rowindex={1} className={css.columns}>
      <SelectAll rows={rows} selection={selection} />
      {columns.map((column) => (
        <ColumnHead key={column} column={column} order={order} onSort={onSort} />
      ))}
      <Part as="columnheader" className={css.menu}>
        <span className="visually-hidden">Actions</span>
      </Part>
    </Part>
  </Part>
));
Head.displayName = "Head";

const ColumnHead = ({ column, order, onSort }: { column: Column; order: Order; onSort(column: Column): void }) => {
  const sorted = order.column === column;
  const Arrow = order.descending ? ArrowDown : ArrowUp;
  return (
    <Part
      as="columnheader"
      className={css[column === "lastSeen" ? "seen" : column]}
      aria-sort={sorted ? (order.descending ? "descending" : "ascending") : "none"}
    >
      <button type="button" className={css.sort} onClick={() => onSort(column)}>
        {columnSays[column].label}
        {sorted && <Arrow aria-hidden />}
      </button>
    </Part>
  );
};
