import { ArrowDown, ArrowUp, ArrowUpDown, ListRestart, Search, X } from "lucide-react";
import { type RefObject, useEffect, useRef, useState } from "react";
import { counted, devices } from "../../fleet/counted";
import { type Column, columns, type Sync, syncSays } from "../../fleet/row";
import type { FleetStore } from "../../fleet/store";
import { Button, IconButton } from "../../ui/Button";
import { byKeys } from "../../ui/byKeys";
import { Menu, MenuItem } from "../../ui/Menu";
import { columnSays } from "./columns";
import { type FleetSearch, isFiltered, orderOf } from "./search";
import css from "./Toolbar.module.css";

interface Props {
  barRef: RefObject<HTMLDivElement | null>;
  inputRef: RefObject<HTMLInputElement | null>;
  fleet: FleetStore;
  search: FleetSearch;
  shown: number;
  /** Rows that do not stand where they would by now. */
  waiting: number;
  narrow: boolean;
  onSearch(search: FleetSearch): void;
  onSort(column: Column, descending?: boolean): void;
  onClear(): void;
  onRelease(): void;
  /** Goes to the first row. */
  onRows(): void;
}

/** What is searched and filtered for, and how much of the fleet that is. */
export const Toolbar = (p: Props) => (
  <div className={css.bar} ref={p.barRef}>
    <SearchBox {...p} />
    {p.narrow && <SortMenu {...p} />}
    <Summary {...p} />
    {p.waiting > 0 && (
      <Button
        size="s"
        icon={<ListRestart />}
        onClick={(event) => {
          p.onRelease();
          if (byKeys(event)) p.inputRef.current?.focus();
        }}
      >
        {counted(p.waiting)} changed, show
      </Button>
    )}
  </div>
);

const SearchBox = ({ inputRef, search, onSearch, onRows }: Props) => {
  const [text, setText] = useState(search.q ?? "");
  const asked = useRef(search.q ?? "");
  useEffect(() => {
    if ((search.q ?? "") === asked.current) return;
    asked.current = search.q ?? "";
    setText(asked.current);
  }, [search.q]);
  const ask = (q: string) => {
    setText(q);
    asked.current = q.trim();
    const { q: _, ...rest } = search;
    onSearch(asked.current ? { q: asked.current, ...rest } : rest);
  };
  return (
    <search className={css.search}>
      <Search aria-hidden />
      <input
        ref={inputRef}
        type="search"
        aria-label="Search the fleet"
        placeholder="Search by name, entity id or MAC address"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => ask(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "Enter") onRows();
          else if (event.key !== "Escape") return;
          else if (text) ask("");
          else event.currentTarget.blur();
          event.preventDefault();
        }}
      />
      {text ? (
        <IconButton
          label="Clear the search"
          icon={<X />}
          size="s"
          onClick={() => {
            ask("");
            inputRef.current?.focus();
          }}
        />
      ) : (
        <kbd aria-hidden>/</kbd>
      )}
    </search>
  );
};

const Summary = ({ inputRef, fleet, search, shown, onClear }: Props) => {
  const filtered = isFiltered(search);
  const loading = fleet.state !== "ready";
  const says = loading
    ? `Reading ${counted(fleet.counts.total)} of ${counted(Math.max(fleet.expected, fleet.counts.total))}`
    : filtered
      ? `${counted(shown)} of ${counted(fleet.counts.total)}`
      : devices(fleet.counts.total);
  return (
    <>
      <p className={css.summary} data-testid="summary">
        {says}
      </p>
      <Told text={filtered && !loading ? `${counted(shown)} of ${devices(fleet.counts.total)}` : ""} on={search} />
      {filtered && (
        <>
          <span className={css.filters}>{saysFilter(search)}</span>
          <Button
            kind="quiet"
            size="s"
            icon={<X />}
            onClick={(event) => {
              onClear();
              if (byKeys(event)) inputRef.current?.focus();
            }}
          >
            Clear
          </Button>
        </>
      )}
    </>
  );
};

/** Has a screen reader say how much is left, once after each choice; not with each change of the fleet. */
const Told = ({ text, on }: { text: string; on: FleetSearch }) => {
  const [said, setSaid] = useState("");
  const latest = useRef(text);
  latest.current = text;
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is said of another choice
  useEffect(() => {
    const timer = setTimeout(() => setSaid(latest.current), 700);
    return () => clearTimeout(timer);
  }, [on]);
  return (
    <span role="status" className="visually-hidden">
      {said}
    </span>
  );
};

const saysFilter = ({ sync, overdue, online }: FleetSearch): string =>
  [
    ...(sync?.split(",").map((state) => syncSays[state as Sync].label) ?? []),
    overdue && "Overdue",
    online !== undefined && (online ? "Online" : "Offline"),
  ]
    .filter(Boolean)
    .join(", ");

/** Stands in for the heads of columns where there are none. */
const SortMenu = ({ search, onSort }: Props) => {
  const order = orderOf(search);
  return (
    <Menu
      trigger={
        <Button size="s" icon={<ArrowUpDown />} aria-label={`Sorted by ${columnSays[order.column].label}`}>
          {columnSays[order.column].label}
        </Button>
      }
    >
      {columns.map((column) => (
        <MenuItem
          key={column}
          icon={order.column === column ? order.descending ? <ArrowDown /> : <ArrowUp /> : <span className={css.gap} />}
          onSelect={() => onSort(column)}
        >
          {columnSays[column].label}
        </MenuItem>
      ))}
    </Menu>
  );
};
