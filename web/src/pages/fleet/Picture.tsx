import { ChevronDown, ChevronRight, TimerOff, Wifi, WifiOff } from "lucide-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { stored } from "../../api/session";
import { counted, devices } from "../../fleet/counted";
import { type Sync, syncSays, syncs } from "../../fleet/row";
import type { Counts } from "../../fleet/store";
import { Button } from "../../ui/Button";
import { SyncIcon } from "../../ui/SyncBadge";
import css from "./Picture.module.css";
import type { FleetSearch } from "./search";

const History = lazy(() => import("./History").then((m) => ({ default: m.History })));

interface Props {
  counts: Counts;
  search: FleetSearch;
  onSearch(search: FleetSearch): void;
  narrow: boolean;
}

/** How the fleet is: how many devices are in each state, now and over time. What says a state filters by it. */
export const Picture = (props: Props) => {
  const { counts, narrow } = props;
  const [chosen, setChosen] = useState(stored.read("fleet.history"));
  const open = chosen ? chosen === "open" : !narrow;
  const toggle = () => {
    const next = open ? "closed" : "open";
    stored.write("fleet.history", next);
    setChosen(next);
  };
  return (
    <section className={css.picture} aria-label="State of the fleet">
      <div className={css.now}>
        <p className={css.total}>
          <strong>{counted(counts.total)}</strong> {counts.total === 1 ? "device" : "devices"}
        </p>
        <Button
          kind="quiet"
          size="s"
          aria-expanded={open}
          onClick={toggle}
          icon={open ? <ChevronDown /> : <ChevronRight />}
        >
          Over time
        </Button>
      </div>
      <StateBar {...props} />
      <Chips {...props} />
      {open && (
        <Suspense fallback={<div className={css.waiting} />}>
          <History counts={counts} />
        </Suspense>
      )}
    </section>
  );
};

const toggled = (search: FleetSearch, sync: Sync): FleetSearch => {
  const { sync: now, ...rest } = search;
  const states = new Set((now?.split(",") ?? []) as Sync[]);
  if (!states.delete(sync)) states.add(sync);
  const next = syncs.filter((state) => states.has(state)).join(",");
  return next ? { ...rest, sync: next } : rest;
};

/** How the states share the fleet. The chips below it say and do the same. */
const StateBar = ({ counts, search, onSearch }: Props) => (
  <div className={css.bar} aria-hidden>
    {[...syncs]
      .reverse()
      .map(
        (sync) =>
          counts.sync[sync] > 0 && (
            <button
              type="button"
              key={sync}
              tabIndex={-1}
              className={css.part}
              data-off={(search.sync && !search.sync.split(",").includes(sync)) || undefined}
              style={{ flexGrow: counts.sync[sync], background: `var(--chart-${sync})` }}
              title={`${syncSays[sync].label}: ${devices(counts.sync[sync])}`}
              onClick={() => onSearch(toggled(search, sync))}
            />
          ),
      )}
  </div>
);

const Chips = ({ counts, search, onSearch }: Props) => {
  const { overdue, online, ...rest } = search;
  const states = search.sync?.split(",") ?? [];
  return (
    <ul className={css.chips} aria-label="Filters">
      {[...syncs].reverse().map((sync) => (
        <Chip
          key={sync}
          icon={<SyncIcon sync={sync} />}
          tone={sync}
          label={syncSays[sync].label}
          says={syncSays[sync].says}
          count={counts.sync[sync]}
          pressed={states.includes(sync)}
          onPress={() => onSearch(toggled(search, sync))}
        />
      ))}
      <Chip
        apart
        icon={<TimerOff />}
        tone="overdue"
        label="Overdue"
        says="No sign of life for three times its own rhythm."
        count={counts.overdue}
        pressed={overdue ?? false}
        onPress={() =>
          onSearch({ ...rest, ...(online === undefined ? {} : { online }), ...(overdue ? {} : { overdue: true }) })
        }
      />
      {[true, false].map((value) => (
        <Chip
          key={String(value)}
          icon={value ? <Wifi /> : <WifiOff />}
          tone="plain"
          label={value ? "Online" : "Offline"}
          says={value ? "Connected to the broker." : "Was connected to the broker, and is not any more."}
          count={value ? counts.online : counts.offline}
          pressed={online === value}
          onPress={() =>
            onSearch({ ...rest, ...(overdue ? { overdue } : {}), ...(online === value ? {} : { online: value }) })
          }
        />
      ))}
    </ul>
  );
};

const Chip = (p: {
  icon: ReactNode;
  tone: string;
  label: string;
  says: string;
  count: number;
  pressed: boolean;
  apart?: boolean;
  onPress(): void;
}) => (
  <li className={p.apart ? css.apart : ""}>
    <button
      type="button"
      className={`${css.chip} ${css[p.tone]}`}
      aria-pressed={p.pressed}
      data-none={p.count === 0 || undefined}
      title={p.says}
      onClick={p.onPress}
    >
      <span className={css.icon} aria-hidden>
        {p.icon}
      </span>
      {p.label}
      <span className={css.count}>{counted(p.count)}</span>
    </button>
  </li>
);
