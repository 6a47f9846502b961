import { useNavigate, useSearch } from "@tanstack/react-router";
import { Plus, SearchX } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useShortcuts } from "../../app/shortcuts";
import type { Column, Row } from "../../fleet/row";
import { type FleetStore, useFleet } from "../../fleet/store";
import { View } from "../../fleet/view";
import { Button } from "../../ui/Button";
import { byKeys } from "../../ui/byKeys";
import { Empty, Failed, Skeleton } from "../../ui/states";
import { columnSays } from "./columns";
import css from "./FleetPage.module.css";
import { FleetTable } from "./FleetTable";
import { useNarrow } from "./narrow";
import { Picture } from "./Picture";
import { SelectionBar } from "./SelectionBar";
import { type FleetSearch, filterOf, isFiltered, orderOf, rememberedFleetSearch, rememberFleetSearch } from "./search";
import { useSelection } from "./selection";
import { Toolbar } from "./Toolbar";

const Welcome = lazy(() => import("../Welcome").then((m) => ({ default: m.Welcome })));

// Where one was when one left to look at a device.
const left: { search: string; top: number; active: number | null; back: boolean } = {
  search: "",
  top: 0,
  active: null,
  back: false,
};

/** The fleet at a glance, and every device of it. */
export const FleetPage = () => {
  const fleet = useFleet();
  useEffect(() => fleet.ensure(), [fleet]);
  if (fleet.state === "failed")
    return <Failed what="The fleet could not be read" error={fleet.failure} retry={() => fleet.ensure()} />;
  if (fleet.state === "ready" && fleet.rows.size === 0)
    return (
      <Suspense fallback={<Skeleton lines={6} />}>
        <Welcome />
      </Suspense>
    );
  return <Fleet fleet={fleet} />;
};

/** What the address bar says of the table, or what was remembered where it says nothing. */
const useFleetSearch = (): [FleetSearch, (next: FleetSearch) => void] => {
  const given = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  const remembered = Object.keys(given).length === 0 ? rememberedFleetSearch() : {};
  const bare = Object.keys(remembered).length > 0;
  const search = useSame(bare ? remembered : given);
  const set = useCallback(
    (next: FleetSearch) => {
      // Before the address: one that says nothing would bring it back.
      rememberFleetSearch(next);
      void navigate({ to: "/", search: next, replace: true });
    },
    [navigate],
  );
  useEffect(() => rememberFleetSearch(search), [search]);
  useEffect(() => {
    if (bare) void navigate({ to: "/", search, replace: true });
  }, [bare, search, navigate]);
  return [search, set];
};

const useSame = (search: FleetSearch): FleetSearch => {
  const same = useRef(search);
  if (JSON.stringify(same.current) !== JSON.stringify(search)) same.current = search;
  return same.current;
};

/** The rows of a search, held where they stand while somebody looks at some of them. */
const useView = (fleet: FleetStore, search: FleetSearch, held: boolean) => {
  const view = useRef<View>(null);
  view.current ??= new View();
  const [, again] = useState(0);
  view.current.update(fleet, filterOf(search), orderOf(search), held && fleet.state === "ready");
  return {
    rows: view.current.shown,
    waiting: view.current.waiting,
    release: () => {
      view.current!.update(fleet, filterOf(search), orderOf(search), false);
      again((n) => n + 1);
    },
  };
};

const Fleet = ({ fleet }: { fleet: FleetStore }) => {
  const navigate = useNavigate();
  const [search, setSearch] = useFleetSearch();
  const [looks, setLooks] = useState<readonly string[]>([]);
  const onLook = useCallback(
    (how: string, looking: boolean) =>
      setLooks((now) =>
        now.includes(how) === looking ? now : looking ? [...now, how] : now.filter((other) => other !== how),
      ),
    [],
  );
  const selection = useSelection();
  const { rows, waiting, release } = useView(fleet, search, looks.length > 0 || selection.ids.size > 0);
  const [active, setActive] = useState<number | null>(left.active);
  const [pointed, setPointed] = useState<number | null>(null);
  const narrow = useNarrow();
  const scroll = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const foot = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const focusRow = useRef<(index?: number) => void>(null);
  const order = orderOf(search);
  // The table measures what scrolls it, which is in the page only after the first time.
  const [placed, setPlaced] = useState(false);
  useLayoutEffect(() => setPlaced(true), []);

  const version = fleet.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are others in another version
  useEffect(() => selection.keep(fleet.rows), [version, fleet, selection]);
  useReturn(search, scroll, active, placed && rows.length > 0, () => focusRow.current?.());
  useSelectAll(() => selection.all(rows));
  useShortcuts({
    "/": () => {
      input.current?.focus();
      input.current?.select();
    },
    j: () => focusRow.current?.(),
    k: () => focusRow.current?.(),
    Escape: () => selection.clear(),
  });

  const sort = (column: Column, descending?: boolean) => {
    const first = columnSays[column].greatestFirst ?? false;
    const desc = descending ?? (order.column === column ? !order.descending : first);
    const { sort: _sort, desc: _desc, ...rest } = search;
    setSearch({ ...rest, ...(column === "mac" ? {} : { sort: column }), ...(desc ? { desc } : {}) });
  };
  const clear = () => {
    const { sort, desc } = search;
    setSearch({ ...(sort ? { sort } : {}), ...(desc ? { desc } : {}) });
  };
  const open = (row: Row) => {
    left.back = true;
    void navigate({ to: "/devices/$id", params: { id: row.id } });
  };

  return (
    <div className={css.page} ref={scroll} data-fleet={fleet.state}>
      <div className={css.top}>
        <header className={css.title}>
          <h1>Fleet</h1>
          <Button kind="primary" icon={<Plus />} onClick={() => void navigate({ to: "/new" })}>
            New configuration
          </Button>
        </header>
        <Picture counts={fleet.counts} search={search} onSearch={setSearch} narrow={narrow} />
      </div>
      <Toolbar
        barRef={bar}
        inputRef={input}
        fleet={fleet}
        search={search}
        shown={rows.length}
        waiting={waiting}
        narrow={narrow}
        onSearch={setSearch}
        onSort={sort}
        onClear={clear}
        onRelease={() => {
          release();
          onLook("pointer", false);
          scroll.current!.scrollTop = Math.min(scroll.current!.scrollTop, bar.current!.offsetTop);
        }}
        onRows={() => focusRow.current?.(0)}
      />
      {placed && rows.length > 0 && (
        <FleetTable
          rows={rows}
          order={order}
          narrow={narrow}
          selection={selection}
          scroll={scroll}
          bar={bar}
          foot={foot}
          active={active}
          waits={waiting > 0}
          pointed={pointed}
          onSort={sort}
          onOpen={open}
          onActive={setActive}
          onPointed={setPointed}
          onLook={onLook}
          focusRow={focusRow}
        />
      )}
      {rows.length === 0 && fleet.state === "loading" && <Skeleton lines={12} label="Reading the fleet" />}
      {rows.length === 0 && fleet.state === "ready" && (
        <Empty
          icon={<SearchX aria-hidden />}
          title="No device fits"
          action={
            isFiltered(search) && (
              <Button
                onClick={(event) => {
                  clear();
                  if (byKeys(event)) input.current?.focus();
                }}
              >
                Clear search and filters
              </Button>
            )
          }
        >
          <p>Search looks at MAC addresses in any spelling, names and entity ids.</p>
        </Empty>
      )}
      <SelectionBar footRef={foot} fleet={fleet} rows={rows} selection={selection} />
    </div>
  );
};

/** Has the table as it was left, and the focus where it was, when one comes back from a device. */
const useReturn = (
  search: FleetSearch,
  scroll: { current: HTMLElement | null },
  active: number | null,
  there: boolean,
  focus: () => void,
) => {
  const done = useRef(false);
  const key = JSON.stringify(search);
  useLayoutEffect(() => {
    if (done.current || !there) return;
    done.current = true;
    const { back } = left;
    left.back = false;
    if (left.search !== key) return;
    scroll.current!.scrollTop = left.top;
    if (back) requestAnimationFrame(focus);
  });
  useEffect(() => {
    left.search = key;
    left.active = active;
  }, [key, active]);
  useLayoutEffect(() => {
    const box = scroll.current!;
    const note = () => {
      left.top = box.scrollTop;
    };
    box.addEventListener("scroll", note, { passive: true });
    return () => box.removeEventListener("scroll", note);
  }, [scroll]);
};

/** Ctrl+A selects devices, unless somebody types or is in a dialog. */
const useSelectAll = (select: () => void) => {
  const current = useRef(select);
  current.current = select;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== "a")
        return;
      const target = event.target as HTMLElement;
      if (target.closest("textarea, select, [contenteditable], input:not([type=checkbox])")) return;
      if (document.querySelector('[role="dialog"],[role="menu"],[role="alertdialog"]')) return;
      event.preventDefault();
      current.current();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
};
