import { type PointerEvent, useSyncExternalStore } from "react";

// One clock for the page: every Time is written anew together.
let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
const watch = (watcher: () => void) => {
  watchers.add(watcher);
  // It stood still while nobody looked.
  if (!timer) now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of watchers) each();
  }, 10_000);
  return () => {
    watchers.delete(watcher);
    if (!watchers.size) {
      clearInterval(timer);
      timer = undefined;
    }
  };
};

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const steps: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [7, "day"],
];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

/** A time in milliseconds as people say it: "3 min. ago"; a date beyond a week. */
export const ago = (at: number, from = Date.now()): string => {
  let n = Math.round((at - from) / 1000);
  if (Math.abs(n) < 10) return "just now";
  for (const [size, unit] of steps) {
    if (Math.abs(n) < size) return relative.format(n, unit);
    n = Math.trunc(n / size);
  }
  return day.format(at);
};

/** The exact time in milliseconds, in the words of the computer's language. */
export const exactTime = (at: number): string => exact.format(at);

// Only where it is asked for: to write a date takes longer than all else of a time.
const explain = ({ currentTarget }: PointerEvent<HTMLTimeElement>) => {
  currentTarget.title = exactTime(Date.parse(currentTarget.dateTime));
};

/** A time, relative to now and kept so; the exact one when pointed at. `at` is RFC 3339, or Unix seconds. */
export const Time = ({ at, never = "never" }: { at: string | number | null | undefined; never?: string }) => {
  const clock = useSyncExternalStore(watch, () => now);
  if (at === null || at === undefined) return <span>{never}</span>;
  const ms = typeof at === "number" ? at * 1000 : Date.parse(at);
  return (
    <time dateTime={new Date(ms).toISOString()} onPointerEnter={explain}>
      {ago(ms, Math.max(clock, Math.min(ms, Date.now())))}
    </time>
  );
};
